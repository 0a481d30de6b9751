"""Folders of images or recordings: which are parts, which classes, which neither.

All is told from the paths of the files, before any of them is opened.
"""

import collections
import os
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from jaxgan.core import errors
from jaxgan.data import formats

TRAIN, TEST, VALIDATION = "train", "test", "validation"

SPLITS = {
    **dict.fromkeys(("train", "training", "trn"), TRAIN),
    **dict.fromkeys(("test", "testing", "tst"), TEST),
    **dict.fromkeys(("val", "valid", "validation", "dev"), VALIDATION),
    **dict.fromkeys(("eval", "evaluation", "holdout", "heldout"), VALIDATION),
}
"""Words that name a part of a dataset, in any case."""

ORNAMENTS = {
    *("set", "data", "split", "part", "folder"),
    *("image", "images", "img", "imgs", "photos", "pictures", "samples"),
}
"""Words that may stand beside those, as in Training_Set or images-val2017."""


class Tree(NamedTuple):
    """The files below a folder.

    Attributes:
      folder: the folder.
      images: the images in it, or files of another kind that was asked for, as parts
        of their paths below it, in natural order.
      others: files of other kinds, likewise.
      noun: what sentences call the files that were asked for.
    """

    folder: pathlib.Path
    images: tuple[tuple[str, ...], ...]
    others: tuple[tuple[str, ...], ...] = ()
    noun: str = "images"


class Parts(NamedTuple):
    """Which folders are the parts of a dataset.

    Attributes:
      train: what is trained on, or all that there is.
      test: what is not, or None.
      notes: sentences for the user.
    """

    train: Tree
    test: Tree | None
    notes: tuple[str, ...]


def natural(name: str) -> tuple:
    """The key of an order in which "2" comes before "10"."""
    # Text and numbers alternate, so that like is compared with like.
    pieces = re.split(r"([0-9]+)", name)
    return tuple(int(p) if i % 2 else p for i, p in enumerate(pieces)), name


def walk(
    folder: pathlib.Path, kinds: Iterable[str] | None = None, noun: str = "images"
) -> Tree:
    """Finds the files below a folder, but for those whose names begin with a dot.

    Args:
      folder: to look in.
      kinds: endings of the files that are wanted; None for those of images.
      noun: what they are called.

    Raises:
      UserError: if a folder cannot be read or there are no such files.
    """
    found = sorted(_files(folder), key=lambda parts: [natural(name) for name in parts])
    kinds = formats.suffixes() if kinds is None else kinds
    images = [p for p in found if os.path.splitext(p[-1])[1].lower() in kinds]
    if not images:
        raise errors.UserError(
            f"{folder} holds no {noun}; put files ending in "
            f"{', '.join(sorted(kinds))} there or into its subfolders, one per class."
        )
    there = set(images)
    others = tuple(p for p in found if p not in there)
    return Tree(folder, tuple(images), others, noun)


def parts(tree: Tree) -> Parts:
    """The training and the test part.

    Subfolders that are all called by a word of `SPLITS`, alone or beside words of
    `ORNAMENTS`, or all beside the same others, are parts. The test part is the one
    called test, or else the one for validation. A folder with but one subfolder stands
    for that.

    Args:
      tree: from `walk`.

    Raises:
      UserError: for splits in a place where they cannot be told from classes, twice
        the same one, and a test part without a training part.
    """
    tree, notes = _unwrapped(tree)
    tops = _tops(tree)
    if tops:
        _require_no_images_beside(tree)
    roles = _roles(tops)
    if roles is None:
        _refuse_hidden_splits(tree)
        return Parts(tree, None, (*notes, *_passed_over(tree)))
    names: dict[str, list[str]] = {TRAIN: [], TEST: [], VALIDATION: []}
    for top, role in roles.items():
        names[role].append(top)
    _require_one_of_each(tree, names)
    tested = names[TEST] or names[VALIDATION]
    train, *test = (_inner(_below(tree, top)) for top in names[TRAIN] + tested)
    notes.append(f"the training part is {train.folder}")
    if test:
        notes.append(f"the test part is {test[0].folder}")
    notes += [
        f"{tree.folder / top} is not used ({len(_below(tree, top).images):,} "
        f"{tree.noun}), as there is {tested[0]!r} beside it"
        for top in names[VALIDATION]
        if top not in tested
    ]
    return Parts(train, test[0] if test else None, (*notes, *_passed_over(tree)))


def classes(
    tree: Tree,
) -> tuple[tuple[pathlib.Path, ...], np.ndarray | None, tuple[str, ...] | None]:
    """The images of a part, and the class of each.

    Images in the folder itself have no classes. Else each subfolder is one, and has all
    that is below it.

    Args:
      tree: a part.

    Returns:
      Their paths, by class, the labels `[N]` int32 and the names of the classes in
      natural order; the last two None without classes.

    Raises:
      UserError: if images lie both in the folder and in subfolders.
    """
    names = _tops(tree)
    if names:
        _require_no_images_beside(tree)
    paths = tuple(tree.folder.joinpath(*own) for own in tree.images)
    if not names:
        return paths, None, None
    place = {name: i for i, name in enumerate(names)}
    label = np.array([place[own[0]] for own in tree.images], np.int32)
    return paths, label, tuple(names)


def _files(
    folder: str | os.PathLike, within: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Files below a folder, behind links too, but for links to where they lie."""
    real = os.path.realpath(folder)
    if real in within:
        return
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise errors.UserError(
            f"{folder} cannot be read ({error.strerror}); allow it or name another."
        ) from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            inner = _files(entry.path, (*within, real))
            yield from ((entry.name, *own) for own in inner)
        # A link to nothing is found out when it is read, and not passed over.
        elif entry.is_file() or entry.is_symlink():
            yield (entry.name,)


def _tops(tree: Tree) -> list[str]:
    """The subfolders that hold images, in natural order."""
    return sorted({own[0] for own in tree.images if len(own) > 1}, key=natural)


def _below(tree: Tree, top: str) -> Tree:
    images, others = (
        tuple(own[1:] for own in files if own[0] == top and len(own) > 1)
        for files in (tree.images, tree.others)
    )
    return Tree(tree.folder / top, images, others, tree.noun)


def _is_flat(tree: Tree) -> bool:
    return any(len(own) == 1 for own in tree.images)


def _unwrapped(tree: Tree) -> tuple[Tree, list[str]]:
    """The folder within folders that hold nothing else, and a sentence about it."""
    inner = tree
    while not _is_flat(inner) and len(tops := _tops(inner)) == 1:
        if _roles(tops) is not None:
            break
        inner = _below(inner, tops[0])
    if inner is tree:
        return tree, []
    # What was passed over on the way in is still told.
    depth = len(inner.folder.parts) - len(tree.folder.parts)
    way = inner.folder.parts[-depth:]
    outside = tuple(own for own in tree.others if own[:depth] != way)
    inner = inner._replace(others=(*inner.others, *outside))
    return inner, [f"all {tree.noun} of {tree.folder} lie in {inner.folder}"]


def _inner(tree: Tree) -> Tree:
    """A part's folder without such folders, but the last, which may be a class."""
    while not _is_flat(tree) and len(tops := _tops(tree)) == 1:
        inner = _below(tree, tops[0])
        if _is_flat(inner) and not _is_wrapping(tops[0]):
            break
        tree = inner
    return tree


def _is_wrapping(name: str) -> bool:
    """Whether a name, such as images or train, says nothing of a class."""
    rest, _ = _words(name)
    return not rest and any(letter.isalpha() for letter in name)


def _words(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The words of a name that say something, and the parts that others name."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W\d_]+", name.lower())
    words = [re.sub(r"(?<=.)(set|images?|data|split)$", "", word) for word in words]
    found = frozenset(SPLITS[word] for word in words if word in SPLITS)
    rest = frozenset(word for word in words if word not in SPLITS)
    return rest - ORNAMENTS, found


def _roles(tops: list[str]) -> dict[str, str] | None:
    """The part that each subfolder is, or None if they are classes."""
    words = {top: _words(top) for top in tops}
    one = {top: found for top, (_, found) in words.items() if len(found) == 1}
    rests = {rest for rest, _ in words.values()}
    if tops and len(one) == len(tops) and len(rests) == 1:
        (rest,) = rests
        if not rest or len(tops) > 1 and len(set(one.values())) > 1:
            return {top: next(iter(found)) for top, found in one.items()}
    return None


def _require_one_of_each(tree: Tree, names: Mapping[str, list[str]]) -> None:
    if not names[TRAIN]:
        there = [top for tops in names.values() for top in tops]
        raise errors.UserError(
            f"{tree.folder} holds {_listed(there)}, but no folder 'train'; add one, or "
            "give the path of the folder that is meant."
        )
    for tops in (names[TRAIN], names[TEST] or names[VALIDATION]):
        if len(tops) > 1:
            raise errors.UserError(
                f"{tree.folder} holds {_listed(tops)}, which read as the same part of "
                "a dataset; keep one of them."
            )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(map(repr, names))


def _refuse_hidden_splits(tree: Tree) -> None:
    """Refuses splits beside classes and within classes."""
    tops = _tops(tree)
    words = {top: _words(top) for top in tops}
    plain = [top for top, (rest, found) in words.items() if found and not rest]
    twice = [
        top
        for top, (rest, found) in words.items()
        if found and any(rest == r and found != f and f for r, f in words.values())
    ]
    # A train may be a class like any other, if there is nothing else to suspect.
    vehicle = [name for name in plain if name.lower() == "train"]
    nested = any(len(own) > 2 for own in tree.images)
    suspects = twice or (plain if nested or plain != vehicle else [])
    if suspects:
        other = next((top for top in tops if top not in suspects), None)
        beside = f", beside {other!r}" if other else ""
        raise errors.UserError(
            f"{tree.folder} holds {_listed(suspects)}{beside}, of which some "
            "read as parts of a dataset and some as classes; make it 'train' and "
            "'test' alone, with the classes in them, or give such folders other names."
        )
    for top in tops:
        inner = _tops(_below(tree, top))
        if _roles(inner) is not None:
            raise errors.UserError(
                f"{tree.folder / top} holds {_listed(inner)}, which "
                "read as parts of a dataset within a class; put the classes into the "
                "parts, as in train/CLASS and test/CLASS, or give them other names."
            )


def _require_no_images_beside(tree: Tree) -> None:
    flat = next((own for own in tree.images if len(own) == 1), None)
    if flat is not None:
        raise errors.UserError(
            f"{tree.folder} holds {tree.noun} itself ({flat[0]}) and in subfolders "
            f"({_tops(tree)[0]}); put all into subfolders, one per class, or none."
        )


def _passed_over(tree: Tree) -> list[str]:
    """A sentence about files that are no images."""
    if not tree.others:
        return []
    kinds = _counted(os.path.splitext(own[-1])[1].lower() for own in tree.others)
    tops = set(_tops(tree))
    without = {own[0] for own in tree.others if len(own) > 1} - tops
    lost = f"; no {tree.noun} are in {', '.join(sorted(without, key=natural))}"
    number = len(tree.others)
    return [
        f"passed over {number:,} {'file' if number == 1 else 'files'} in {tree.folder} "
        f"that {'is' if number == 1 else 'are'} not of a format that is read "
        f"({kinds}){lost if without else ''}"
    ]


def _counted(names: Iterable[str]) -> str:
    counts = collections.Counter(name or "no ending" for name in names)
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common(5)) + (
        ", ..." if len(counts) > 5 else ""
    )
