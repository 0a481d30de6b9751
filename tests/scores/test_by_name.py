"""Tests of jaxgan.scores.by_name."""

import functools

import jax
import numpy as np
import pytest
from scipy import special
from scipy.spatial import distance

from jaxgan import scores
from jaxgan.core import errors
from jaxgan.reports import score_tables as reports
from jaxgan.scores import by_name, feature_networks, feature_passes, objectives

N, M, F, K = 120, 100, 4, 3
NAMES = tuple(by_name.SCORES)
FEATURES = scores.protocol(feature_network="the samples")
OF_PUPILS = ("classification_accuracy_score", "accuracy_on_generated")
QUICK = ("is", "fd")
"""Those that are looked at whenever tests run, the others with -m slow."""


def opinion(x):
    logits = (2 * x[:, :K]).astype(np.float32)
    return x, logits


NETWORK = feature_networks.FeatureNetwork(opinion, FEATURES, lambda shape: None)


def draw(seed, n, shift=0.0):
    x = np.random.default_rng(seed).normal(size=(n, F)) + shift
    return x.astype(np.float32)


REAL = draw(0, N)
# Half the median distance, of as many real samples as a member has, and of all.
WIDTH, NARROW = (np.median(distance.pdist(x)) / 2 for x in (REAL[:M], REAL))
MEMBERS = [draw(1, M), draw(2, M, 0.5), np.full((M, F), np.nan, np.float32)]


def collect(x, names, splits=by_name.SPLITS):
    chosen = by_name.get(names, classes=True)
    needs = by_name.needs(chosen, splits)
    kept = feature_passes.collect([x], NETWORK, needs, len(x))
    return kept._replace(labels=np.arange(len(x)) % K)


def rate(members, names=QUICK):
    chosen = by_name.get(names, classes=True)
    splits = by_name.real_splits(N, M)
    fake = feature_passes.stack([collect(x, names) for x in members])
    context = by_name.Context(N, M, FEATURES, 0)
    return by_name.rate(chosen, collect(REAL, names, splits), fake, context)


@functools.cache
def together(names):
    return rate(MEMBERS, names)


EACH = pytest.mark.parametrize(
    "names", [QUICK, pytest.param(NAMES, marks=pytest.mark.slow)], ids=["quick", "all"]
)


def by_definition(x):
    """The records of one member, by the functions themselves."""
    probs = special.softmax(2 * x[:, :K], axis=1)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    distances = np.linalg.norm(x[:, None] - REAL[None], axis=-1).min(axis=1)
    return {
        "inception_score": scores.inception_score(probs, 10),
        "modified_inception_score": scores.modified_inception_score(probs),
        "within_class_diversity": scores.within_class_diversity(x, probs),
        "frechet_distance": scores.frechet_distance(REAL, x),
        "vendi_score": scores.vendi_score(unit @ unit.T),
        "nearest_distance": scores.Score(value=distances.mean()),
        **scores.precision_recall(REAL, x),
        **scores.density_coverage(REAL, x),
        **scores.clipped_density_coverage(REAL, x),
        "rke_mode_count": scores.rke_mode_count(x, WIDTH),
        "kernel_entropic_novelty": scores.kernel_entropic_novelty(REAL, x, NARROW),
        "intra_class_frechet": scores.intra_class_frechet(
            *(REAL, np.arange(N) % K, x, np.arange(len(x)) % K)
        ),
    }


@EACH
def test_each_number_is_that_of_its_function(names):
    found = together(names)
    for name, score in by_definition(MEMBERS[1]).items():
        if name in found:
            np.testing.assert_allclose(found[name].value[1], score.value, rtol=1e-4)
    floor = scores.frechet_floor(REAL, M)
    np.testing.assert_allclose(found["frechet_distance"].floor[1], floor, rtol=1e-4)


@EACH
def test_every_score_has_its_line_in_the_table(names):
    assert set(together(names)) <= {score for score, _ in reports.SHEET}


@pytest.mark.slow
def test_modes_are_the_most_probable_classes():
    classes = [x[:, :K].argmax(1) for x in (MEMBERS[1], REAL)]
    counts, reference = (np.bincount(own, minlength=K) for own in classes)
    found = together(NAMES)["mode_coverage"]
    np.testing.assert_array_equal(found.histogram[1], counts)
    kl = special.rel_entr(counts / M, reference / N).sum()
    np.testing.assert_allclose(found.reverse_kl[1], kl, rtol=1e-4)


@EACH
def test_members_score_as_alone(names):
    alone = rate(MEMBERS[1:2], names)
    for name, own in together(names).items():
        leaves = jax.tree.leaves(own), jax.tree.leaves(alone[name])
        for a, b in zip(*leaves, strict=True):
            np.testing.assert_allclose(a[1], b[0], rtol=1e-4, atol=1e-5)


@EACH
def test_a_dead_member_is_nan_and_leaves_the_others_alone(names):
    for name, own in together(names).items():
        if name == "mode_coverage":
            assert own.modes[2] == 0 and own.collapsed[2]
            continue
        values = own.f_8 if name == "prd" else own.value
        assert np.isnan(values[2]) and np.isfinite(np.asarray(values)[:2]).all(), name


@EACH
def test_every_record_has_a_protocol_with_counts_and_features(names):
    for name, own in together(names).items():
        entries = dict(own.protocol)
        if name in OF_PUPILS:
            # Half of the real samples teach, and as many generated ones.
            assert entries["num_real"] == entries["num_fake"] == N // 2, name
            assert entries["features"] == "none, but the samples themselves"
            continue
        # A curve is of as many samples of both.
        assert entries["num_real"] == (M if name == "prd" else N), name
        assert M in (entries.get("num_fake"), entries.get("num_samples")), name
        assert entries["features"] == FEATURES, name
        assert "score" in entries


def test_the_inception_score_warns_of_copies_within_classes():
    x = np.repeat(3 * np.eye(K, F, dtype=np.float32), M // K + 1, axis=0)[:M]
    x = x[np.random.default_rng(0).permutation(M)]
    found = rate([x, MEMBERS[0]], ["is"])["inception_score"]
    np.testing.assert_array_equal(found.warning, [True, False])


def test_only_what_is_needed_is_kept():
    kept = collect(REAL, ["is", "fd"])
    assert kept.features is None and kept.moments is not None
    assert collect(REAL, ["kd"]).moments is None


def test_what_noise_has_more_of_than_real_data_has_no_better_direction():
    # Classes that a network is sure about; noise is where it is not, and further apart.
    random = np.random.default_rng(0)
    real = 1.2 * np.eye(K, F)[np.arange(N) % K] + 0.3 * random.normal(size=(N, F))
    noise = 2 * random.normal(size=(M, F))
    copies = np.repeat(real[:1], M, axis=0)
    names = ["mis", "diversity", "vendi"]
    fake = [collect(x.astype(np.float32), names) for x in (noise, copies, real[:M])]
    chosen = by_name.get(names, classes=True)
    reference = collect(real.astype(np.float32), names)
    context = by_name.Context(N, M, FEATURES, 0)
    found = by_name.rate(chosen, reference, feature_passes.stack(fake), context)
    for name, own in found.items():
        above, below, alike = np.asarray(own.value) / own.target
        assert above > 1.05 and below < 0.95 and abs(alike - 1) < 0.1, name
        assert reports.SHEET[name, "value"][1] == "as the target"
        assert name not in objectives.MORE_IS_BETTER
        with pytest.raises(errors.UserError, match="choose among frechet_distance"):
            objectives.chosen(name, [name, "frechet_distance"])
    assert objectives.chosen(None, [*found, "inception_score"]) == "inception_score"


@pytest.mark.filterwarnings("error")
def test_a_reference_of_one_image_has_no_distinct_bins():
    copies = collect(np.repeat(REAL[:1], N, axis=0), ["ndb"])
    fake = feature_passes.stack([collect(x, ["ndb"]) for x in MEMBERS[:2]])
    context = by_name.Context(N, M, FEATURES, 0)
    chosen = by_name.get(["ndb"], classes=True)
    found = by_name.rate(chosen, copies, fake, context)["number_of_distinct_bins"]
    assert np.isnan(found.value).all() and found.value.shape == (2,)
    assert "120 reference samples are all alike" in dict(found.protocol)["refused"]


def test_distinct_bins_are_counted_for_living_members_alone():
    fake = feature_passes.stack([collect(x, ["ndb"]) for x in MEMBERS])
    context = by_name.Context(N, M, FEATURES, 0)
    chosen = by_name.get(["ndb"], classes=True)
    found = by_name.rate(chosen, collect(REAL, ["ndb"]), fake, context)
    value = found["number_of_distinct_bins"].value
    np.testing.assert_array_equal(np.isnan(value), [False, False, True])


def test_scores_about_the_origin_are_refused_far_from_it():
    real, fake = (collect(draw(seed, N, 1e4), ["kd", "vendi"]) for seed in (0, 1))
    context = by_name.Context(N, N, FEATURES, 0)
    chosen = by_name.get(["kd", "vendi"], classes=True)
    found = by_name.rate(chosen, real, feature_passes.stack([fake]), context)
    for own in found.values():
        assert np.isnan(own.value).all()
        assert "the origin" in dict(own.protocol)["refused"]


def test_points_in_float64_keep_their_digits_in_all_scores_of_differences():
    names = ["fd", "prdc", "nn", "ndb", "diversity"]
    raw = feature_networks.raw()

    def opinion(x):
        return raw.apply(x)[0], (2 * (x - x.mean())).astype(np.float32)

    network = feature_networks.FeatureNetwork(opinion, FEATURES, lambda shape: None)
    chosen = by_name.get(names, classes=True)

    def rated(shift):
        kept = []
        for seed in (0, 1):
            # Multiples of 1/1024, to which the constant is added without rounding.
            x = np.round(1024 * draw(seed, N).astype(float)) / 1024 / 16 + shift
            wanted = by_name.needs(chosen, by_name.SPLITS)
            kept.append(feature_passes.collect([x[:70], x[70:]], network, wanted, N))
        context = by_name.Context(N, N, FEATURES, 0)
        return by_name.rate(chosen, kept[0], feature_passes.stack(kept[1:]), context)

    far, near = rated(4.2e6), rated(0.0)
    for name, own in near.items():
        np.testing.assert_allclose(far[name].value, own.value, rtol=1e-4, err_msg=name)
    assert 0.8 < near["density"].value[0] < 1.2


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: by_name.get(["is", "fid"], classes=True), "'fid'; choose one of is,"),
        (lambda: by_name.get(["is"], classes=False), "'is' needs class prob"),
        (lambda: by_name.get([], classes=False), "at least one"),
        (
            lambda: by_name.check_labels(
                by_name.get(["fd", "cas"], classes=True), np.arange(9), {"a.npy": None}
            ),
            "'cas' needs labels, which a.npy has not; .* --labels",
        ),
        (
            lambda: by_name.check_labels(
                by_name.get(["intrafd"], classes=True),
                *(np.arange(12) % 3, {"a.npy": np.arange(12) % 2}),
            ),
            "'intrafd' of a.npy: class 2 has 4 real and 0 generated",
        ),
        (
            lambda: by_name.check_labels(
                by_name.get(["intrafd"], classes=True),
                *(np.arange(9) % 3, {"a.npy": np.arange(12) % 3}),
            ),
            "class 0 has 3 real samples; its floor",
        ),
        (
            lambda: by_name.check_counts(
                by_name.get(["prdc"], classes=True), scored=9, reference=5
            ),
            "'prdc' needs at least 6 samples, .* 5 of reference",
        ),
    ],
)
def test_what_cannot_be_scored_is_said(call, said):
    with pytest.raises(errors.UserError, match=said):
        call()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_least_number_of_samples_is_enough(name):
    least = by_name.SCORES[name].least
    chosen = by_name.get([name], classes=True)
    real, fake = (
        collect(draw(seed, least), [name], splits=min(least, by_name.SPLITS))
        for seed in (0, 1)
    )
    context = by_name.Context(least, least, FEATURES, 0)
    if by_name.SCORES[name].labels:
        one = np.zeros(least, int)
        one[: least // 2] = not by_name.SCORES[name].every_class
        real, fake = (own._replace(labels=one) for own in (real, fake))
    found = by_name.rate(chosen, real, feature_passes.stack([fake]), context)
    assert found


def test_only_scores_of_classes_need_a_network_that_knows_them():
    needing = set()
    for name in NAMES:
        try:
            by_name.get([name], classes=False)
        except errors.UserError:
            needing.add(name)
    assert needing == {"is", "mis", "diversity", "modes"}
