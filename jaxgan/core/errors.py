"""What a script tells its user in a sentence: a mistake, or an interruption."""

import difflib
import operator
import re
from collections.abc import Iterable

MOST_LISTED = 24
"""Names up to which a sentence lists all that are known."""


LONGEST_SHOWN = 40
"""Letters of a value up to which a sentence names the value itself."""


class UserError(ValueError):
    """A mistake in what the user asked for.

    The message is one sentence that names the argument or flag, its value and the
    way out. Scripts print it and exit with status 2; everything else that is raised
    is a defect of ours and keeps its traceback.
    """


class Interrupted(Exception):
    """A signal stopped a run, of which what was saved is there.

    The message is one sentence that says how to go on.

    Attributes:
      signal: its number.
      together: whether all processes of the run have stopped at the same place.
    """

    def __init__(self, message: str, signal: int, *, together: bool = False):
        super().__init__(message)
        self.signal, self.together = signal, together


def require_whole(**numbers: object) -> None:
    """Asks that arguments are whole numbers, as counts are.

    Raises:
      UserError: if one is not, such as 1e3.
    """
    for name, value in numbers.items():
        try:
            operator.index(value)
        except TypeError:
            raise UserError(
                f"{name}={shown(value)} must be a whole number, such as 10."
            ) from None


def shown(value: object) -> str:
    """A value as a sentence names it: itself if it is short, else what it is."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is not None and shape is not None:
        return f"an array {dtype}{list(shape)}"
    text = repr(value)
    if len(text) <= LONGEST_SHOWN and "\n" not in text:
        return text
    return f"a {type(value).__name__}"


def choice(name: object, known: Iterable[str], *, among: str = "one of") -> str:
    """The end of a sentence about a name that does not exist: what to choose instead.

    Args:
      name: that was given.
      known: the names that there are.
      among: what stands before their list.

    Returns:
      The choices, if they are not too many, and the nearest of them, if one is near.
    """
    known = list(known)
    near = nearest(name, known)
    asked = f"did you mean {near!r}?"
    if near is not None and len(known) > MOST_LISTED:
        return asked
    listed = f"choose {among} {', '.join(known) or 'none'}"
    return f"{listed}." if near is None else f"{listed}; {asked}"


def nearest(name: object, known: Iterable[str]) -> str | None:
    """The name that was probably meant, or None.

    It is spelt alike, or the one given is short for it: by its initials, as `lr` is for
    `learning_rate`, or by some of its words, as `gp` is for `wgan_gp`. Of names with
    dots the last part counts too.
    """
    given = _plain(str(name))
    # The first of several that are equally near is the one listed first.
    plain: dict[str, str] = {}
    for full in known:
        for short in (full, full.rpartition(".")[2]):
            plain.setdefault(_plain(short), full)
    spelt = difflib.get_close_matches(given, plain, n=1, cutoff=0.6)
    if spelt:
        return plain[spelt[0]]
    for short, full in plain.items():
        if given and _abbreviates(given, short):
            return full
    return None


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _abbreviates(given: str, name: str) -> bool:
    words = re.split(r"[_.]", name)
    initials = "".join(word[:1] for word in words)
    return len(words) > 1 and (given == initials or set(given.split("_")) <= set(words))
