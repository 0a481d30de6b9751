"""The tables of scores that experiments print."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.reports import defects, intervals, numbers, tables


class Column(NamedTuple):
    """A column of a table of scores.

    Attributes:
      heading: without what is better.
      better: "more", "less", "one", "real" (as much as real samples have) or "",
        which is neither.
      most: the greatest possible value; the least is 0.
      says: what the score is, for who does not know it.
    """

    heading: str
    better: str
    most: float
    says: str


COLUMNS = {
    ("coverage", "modes"): Column(
        "modes",
        "more",
        math.inf,
        "modes or classes that at least one good sample belongs to",
    ),
    ("coverage", "reverse_kl"): Column(
        "reverse KL",
        "less",
        math.inf,
        "how far the shares of the modes among the samples are from those among real "
        "ones, in nats; 0 if they are equal",
    ),
    ("coverage", "floor"): Column(
        "its floor",
        "",
        math.inf,
        "what a perfect generator shows on average with as many samples; less is luck",
    ),
    ("coverage", "high_quality"): Column(
        "good samples",
        "more",
        1.0,
        "share of samples close to a mode, or that a classifier is sure about; more "
        "than a perfect generator shows means that the modes are too narrow",
    ),
    ("motion_match", "value"): Column(
        "match of steps",
        "more",
        1.0,
        "how well a frame is the one before it, moved by the velocity of its video, in "
        "the worst step of each; 1 for videos of the data",
    ),
    ("difference_frechet_distance", "value"): Column(
        "Frechet distance of differences",
        "less",
        math.inf,
        "between Gaussians fitted to the pixels of differences of frames that follow "
        "each other, of the samples and of training data: how it moves",
    ),
    ("difference_frechet_distance", "floor"): Column(
        "its floor    ", "", math.inf, "what held-out real videos show"
    ),
    ("frame_frechet_distance", "value"): Column(
        "Frechet distance of frames",
        "less",
        math.inf,
        "the same of the frames by themselves, in whatever order: how it looks",
    ),
    ("frame_frechet_distance", "floor"): Column(
        "its floor     ", "", math.inf, "what held-out real videos show"
    ),
    ("within_mode_deviation", "value"): Column(
        "deviation in modes",
        "one",
        math.inf,
        "standard deviation of the good samples of a mode, divided by that of real "
        "ones; 0 if each mode is one point, over and over",
    ),
    ("within_mode_energy", "value"): Column(
        "energy distance in modes",
        "less",
        math.inf,
        "between the samples nearest to a mode and the mode, in standard deviations; "
        "0.86 for copies of the centres, and samples between modes count in full",
    ),
    ("within_mode_energy", "floor"): Column(
        "its floor  ",
        "",
        math.inf,
        "what a perfect generator shows with as many samples of each mode",
    ),
    ("inception_score", "value"): Column(
        "Inception Score",
        "more",
        math.inf,
        "samples that a classifier is sure about, of all classes alike; it does not "
        "see whether the samples of a class differ",
    ),
    ("frechet_distance", "value"): Column(
        "Frechet distance",
        "less",
        math.inf,
        "between Gaussians fitted to features of the samples and of training data; "
        "copies of these have the least",
    ),
    ("frechet_distance", "floor"): Column(
        "its floor ",
        "",
        math.inf,
        "what as many new real samples would show; less asks for a look at copies",
    ),
    ("within_class_diversity", "value"): Column(
        "diversity in a class",
        "real",
        math.inf,
        "mean squared distance of the features of two samples of a class; 0 if each "
        "class is one image, over and over, and strokes of no class count too",
    ),
    ("class_recall", "tail_recall"): Column(
        "recall of the tail",
        "more",
        1.0,
        "good samples of the rare classes, as a share of how many there should be if "
        "all classes were made as often as in the held-out data; mean over the classes",
    ),
    ("clipped_density", "value"): Column(
        "clipped density",
        "more",
        1.0,
        "share of samples that lie where real ones do, which outliers cannot lift",
    ),
    ("clipped_coverage", "value"): Column(
        "clipped coverage",
        "more",
        1.0,
        "share of good samples that would cover the real ones as well; less where "
        "modes, or parts of them, are missing",
    ),
    ("memorisation", "value"): Column(
        "copies of training",
        "less",
        1.0,
        "share of samples that are nearer to a training sample than all but a few real "
        "new ones are, of which as many as its floor are",
    ),
    ("memorisation", "floor"): Column(
        "its floor   ",
        "",
        1.0,
        "share of new real samples that are as near",
    ),
    ("repetition", "value"): Column(
        "copies of each other",
        "less",
        1.0,
        "share of samples to which another one is nearer than to all but a few real "
        "ones; real samples have as many as the floor of copies of training",
    ),
    ("matched_energy", "value"): Column(
        "matched energy",
        "more",
        1.0,
        "share of a waveform's energy that is a chirp of its mode; 1 without any noise",
    ),
    ("precision", "value"): Column(
        "precision", "more", 1.0, "share of samples that are close to a real one"
    ),
    ("grammar_validity", "value"): Column(
        "validity", "more", 1.0, "share of samples that are strings of the grammar"
    ),
    ("productions", "value"): Column(
        "productions",
        "more",
        math.inf,
        "productions of the grammar that some valid sample has come about by",
    ),
    ("production_kl", "value"): Column(
        "KL of productions",
        "less",
        math.inf,
        "how far the shares of the productions in valid samples are from their exact "
        "ones, in nats",
    ),
    ("oracle_nll", "value"): Column(
        "oracle NLL",
        "less",
        math.inf,
        "negative log-likelihood of the samples by the oracle, in nats per symbol; "
        "less than its floor is no better, but a lack of what is unlikely",
    ),
    ("oracle_nll", "floor"): Column(
        "its floor     ", "", math.inf, "what held-out sequences have"
    ),
    **{
        (f"ngram_js_{n}", "value"): Column(
            f"JS of {n}-grams",
            "less",
            1.0,
            f"Jensen-Shannon divergence of the {n}-grams of the samples from those of "
            "held-out sequences, in bits; training sequences have the floor",
        )
        for n in (1, 2, 3, 4)
    },
    ("distinct_share", "value"): Column(
        "distinct",
        "real",
        1.0,
        "different sequences among the samples, over all",
    ),
    ("bleu", "value"): Column(
        "BLEU", "more", 1.0, "n-grams of a sample that some held-out sequence has"
    ),
    ("self_bleu", "value"): Column(
        "self-BLEU",
        "real",
        1.0,
        "n-grams of a sample that some other sample has; more than real sequences have "
        "is a lack of diversity",
    ),
}
"""What a table shows, by the names of a score and of a field of its record."""

ARROWS = {"more": " ↑", "less": " ↓", "one": " → 1", "real": " → real", "": ""}
DIRECTIONS = (
    "↑: more is better. ↓: less is better. → 1: one is right. → real: as much as real "
    "samples have is right."
)

NOTHING = 1e-7
"""Share of a column's largest value below which a number is 0 but for rounding,
which is that of float32."""


def score_table(
    rows: Mapping[str, Mapping[str, Any]], dead: Mapping[str, str]
) -> tuple[list[str], list[list[Any]]]:
    """Scores as means over seeds with their 95 % intervals: columns and rows.

    Headings have an arrow for what is better, and values that show a defect, such as
    modes too narrow, are `Marked`.

    Args:
      rows: by title, the records of a suite as `scores.to_dict` gives them: every field
        has one value for each seed. There is a column for what any row has; rows of an
        older run may lack some.
      dead: by title, what to say in the last column of how many members died; rows that
        are not here have nothing there.
    """
    columns = _columns(rows)
    cells = [
        [name, *(_cell(records, at) for at in columns), dead.get(name, "")]
        for name, records in rows.items()
    ]
    for place in range(1, len(columns) + 1):
        _without_rounding(cells, place)
    headings = [own.heading + ARROWS[own.better] for own in columns.values()]
    return ["", *headings, "dead"], cells


def glossary(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What the columns of a `score_table` mean, by their headings."""
    return {
        own.heading.strip() + ARROWS[own.better]: own.says
        for own in _columns(rows).values()
        if own.better
    }


DECISIVE = (
    ("difference_frechet_distance", "value"),
    ("frechet_distance", "value"),
    ("precision", "value"),
    ("oracle_nll", "value"),
    ("grammar_validity", "value"),
    ("ngram_js_4", "value"),
    ("within_mode_energy", "value"),
    ("coverage", "reverse_kl"),
)
"""What the sentence of a result is about, the first that there is."""


def result(
    rows: Mapping[str, Mapping[str, Any]],
    known: Mapping[str, Mapping[str, Any]],
    what: str = "arm",
) -> str:
    """What came out, in a few words: which is best, by how much, beside what is known.

    Args:
      rows: by title, the records of what is compared, as for `score_table`.
      known: by title, records of real samples and of trivial ones.
      what: one of the rows is called.

    Returns:
      The words, none where there is no score to speak about.
    """
    first = next(iter(rows.values()), {})
    at = next((at for at in DECISIVE if at[0] in first), None)
    if at is None:
        return ""
    column = COLUMNS[at]
    most = column.better == "more"
    order = sorted(rows, key=lambda title: _rank(_cell(rows[title], at), most))
    best, *others = order
    if math.isnan(_value(_cell(rows[best], at))):
        return f"There is no {column.heading} of any: none could be computed."
    said = f"{best}: {column.heading} {_said(rows[best], at)}"
    if others:
        which = "greatest" if most else "least"
        said = (
            f"Of {numbers.count(len(rows), what)}, “{best}” has the {which} "
            f"{column.heading}, {_said(rows[best], at)}; next is “{others[0]}” with "
            f"{_said(rows[others[0]], at)}"
        )
    beside = [
        f"“{title}” {_said(own, at)}" for title, own in known.items() if at[0] in own
    ]
    return said + (f". For comparison: {', '.join(beside)}." if beside else ".")


def print_scores(
    rows: Mapping[str, Mapping[str, Any]], dead: Mapping[str, str], title: str
) -> None:
    """Prints a `score_table`, with a title above and what is better below."""
    columns, cells = score_table(rows, dead)
    tables.print_table(cells, columns, title)
    print(DIRECTIONS)
    if any("floor" in heading for heading in columns):
        print(FLOORS)


def of_seed(records: Mapping[str, Any], seed: int) -> dict[str, dict[str, Any]]:
    """The records of one seed alone, of those of a suite of many seeds."""

    def one(values: Any) -> Any:
        return [values[seed]] if isinstance(values, list) else values

    return {
        name: {field: one(values) for field, values in record.items()}
        for name, record in records.items()
    }


AS_REAL = "as the target"
"""What is better of scores in which noise can be above real data, and collapse below:
as much as these have."""

FLOORS = (
    "A floor or ceiling is what independent samples of a perfect generator show on "
    "average, where that is known, or else the end of the scale. Beyond it is not "
    "better than perfect: look for copies and for collapse. Held-out rows of a split "
    "by class are below floors for another reason: their shares of the classes equal "
    "those of the training data, which chance would not do."
)
"""What is to be known of them below a table that shows some."""

SHEET = {
    ("inception_score", "value"): ("Inception Score", "more"),
    ("modified_inception_score", "value"): ("modified Inception Score", AS_REAL),
    ("within_class_diversity", "value"): ("diversity in a class", AS_REAL),
    ("mode_coverage", "modes"): ("modes", "more"),
    ("mode_coverage", "reverse_kl"): ("reverse KL of modes", "less"),
    ("mode_coverage", "high_quality"): ("good samples", "more"),
    ("frechet_distance", "value"): ("Frechet distance", "less"),
    ("frechet_distance_infinity", "value"): ("the same, infinite samples", "less"),
    ("intra_class_frechet", "value"): ("Frechet, within classes", "less"),
    ("classification_accuracy_score", "value"): ("accuracy taught (CAS)", "more"),
    ("accuracy_on_generated", "value"): ("accuracy met (GAN-test)", "more"),
    ("kernel_distance", "value"): ("kernel distance", "less"),
    ("precision", "value"): ("precision", "more"),
    ("recall", "value"): ("recall", "more"),
    ("density", "value"): ("density", "more"),
    ("coverage", "value"): ("coverage", "more"),
    ("prd", "f_8"): ("F_8, of recall", "more"),
    ("prd", "f_1_8"): ("F_1/8, of precision", "more"),
    ("number_of_distinct_bins", "value"): ("distinct bins", "less"),
    ("clipped_density", "value"): ("clipped density", "more"),
    ("clipped_coverage", "value"): ("clipped coverage", "more"),
    ("rke_mode_count", "value"): ("modes by RKE", AS_REAL),
    ("kernel_entropic_novelty", "value"): ("novelty (KEN)", "less, of noise"),
    ("nearest_distance", "value"): ("distance to nearest real", "less, but no copies"),
    ("vendi_score", "value"): ("Vendi score", AS_REAL),
    ("parzen_log_likelihood", "value"): ("log likelihood by windows", "more"),
    ("density_ratio_log_likelihood", "value"): ("log likelihood by a ratio", "more"),
}
"""Lines of a sheet, by the names of a score and of a field: heading, what is better."""

SIGNED = (
    *("frechet_distance_infinity", "kernel_distance"),
    *("parzen_log_likelihood", "density_ratio_log_likelihood"),
)
SHARES = (
    *("precision", "recall", "coverage", "prd"),
    *("clipped_density", "clipped_coverage"),
    *("classification_accuracy_score", "accuracy_on_generated"),
)
"""Scores that may be negative, and those that are at most 1; the others are neither."""

BOUNDED = ("value", "reverse_kl")
"""Fields that the floor and the ceiling of their record are about."""


def print_sheet(
    columns: Mapping[str, Mapping[str, Any]],
    bounds: Mapping[str, Any],
    title: str,
) -> None:
    """Prints scores one to a line, with what is scored side by side.

    A cell is the mean over seeds with its 95 % interval; of one seed, its value and in
    brackets the spread that the protocol of the score explains.

    Args:
      columns: by title, records by their names as `scores.to_dict` gives them: every
        field has one value for each seed.
      bounds: records whose floors, ceilings and targets are shown.
      title: above the table.
    """
    (first, *_) = columns.values()
    limits = ["floor", "ceiling"]
    if any(own.get("target") is not None for own in bounds.values()):
        limits.append("target")
    rows = []
    for (score, field), (heading, better) in SHEET.items():
        if score not in first:
            continue
        ends = [
            intervals.interval(own).mean
            if field in BOUNDED and own is not None
            else None
            for own in map(bounds[score].get, limits)
        ]
        cells = [_sheet_cell(own[score], score, field) for own in columns.values()]
        rows.append([heading, better, *ends, *cells])
    tables.print_table(rows, ["", "better", *limits, *columns], title)
    print(FLOORS)
    if "target" in limits:
        print("The target is what real samples of the reference show.")


def _columns(rows: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], Column]:
    present = {
        (score, field)
        for records in rows.values()
        for score, record in records.items()
        for field in record
    }
    return {at: own for at, own in COLUMNS.items() if at in present}


def _cell(records: Mapping[str, Any], at: tuple[str, str]) -> Any:
    score, field = at
    values = records.get(score, {}).get(field)
    if values is None:
        return None
    most = _number_of_modes(records[score]) if field == "modes" else COLUMNS[at].most
    own = intervals.interval(values, possible=(0.0, most))
    if field == "floor":
        # It depends on the number of finite samples only.
        return own.mean
    why = defects.of(records, at)
    return own if why is None else tables.Marked(own, why)


def _number_of_modes(record: Mapping[str, Any]) -> float:
    return np.shape(np.atleast_2d(record.get("histogram", [])))[-1] or math.inf


def _said(records: Mapping[str, Any], at: tuple[str, str]) -> str:
    return tables.cell(_cell(records, at))


def _rank(value: Any, most: bool) -> tuple[bool, float]:
    """Sorts the best first, and what has no value last."""
    own = _value(value)
    return math.isnan(own), -own if most else own


def _value(value: Any) -> float:
    value = value.value if isinstance(value, tables.Marked) else value
    return math.nan if value is None else value.mean


def _without_rounding(cells: list[list[Any]], place: int) -> None:
    """Makes what is rounding beside the largest value of a column 0."""
    largest = max((abs(_mean(row[place])) for row in cells), default=0)
    for row in cells:
        if 0 < abs(_mean(row[place])) < NOTHING * largest:
            row[place] = _zero(row[place])


def _mean(value: Any) -> float:
    value = value.value if isinstance(value, tables.Marked) else value
    value = value.mean if isinstance(value, intervals.Interval) else value
    return value if value is not None and math.isfinite(value) else 0.0


def _zero(value: Any) -> Any:
    if isinstance(value, tables.Marked):
        return value._replace(value=_zero(value.value))
    if isinstance(value, intervals.Interval):
        low, high = (0.0 if math.isfinite(e) else e for e in (value.low, value.high))
        return intervals.Interval(0.0, low, high, value.n, value.missing)
    return 0.0


def _sheet_cell(record: Mapping[str, Any], score: str, field: str) -> str:
    least = -math.inf if score in SIGNED else 0.0
    most = 1.0 if score in SHARES or field == "high_quality" else math.inf
    most = _number_of_modes(record) if field == "modes" else most
    own = intervals.interval(record[field], possible=(least, most))
    text = tables.cell(own)
    if own.n == 1 and not own.missing and field == "value":
        spread = record.get("spread")
        text += "" if spread is None else f" ({tables.cell(spread[0], 2)})"
    return text
