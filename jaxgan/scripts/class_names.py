"""Classes of a trained mixture as a user names them."""

import difflib
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles
from jaxgan.scripts import cli

MOST_NAMED = 20


def with_label(
    label: str | None, mixture: ensembles.Mixture, names: Sequence[str] | None = None
) -> ensembles.Mixture:
    """The mixture, asked for one class alone.

    Args:
      label: name or number of the class, or None for all.
      mixture: of generators that know `K` classes, or none.
      names: `K` names, or None where classes are just numbers.
    """
    if label is None:
        return mixture
    conditional = mixture.classes is not None
    cli.require(conditional, "--label", label, "the generators are unconditional")
    shares = np.asarray(mixture.classes)
    number = number_of(label, names or range(shares.shape[1]))
    trained = bool((shares[:, number] > 0).any())
    need = "there were no images of it to train on, so choose another class"
    cli.require(trained, "--label", label, need)
    only = np.zeros(shares.shape, np.float32)
    only[:, number] = 1
    return mixture._replace(classes=jnp.asarray(only))


def of_class(label: str | None, names: Sequence[str] | None = None) -> str:
    """Words for the class of all samples, by its name if it has one; none for all."""
    if label is None:
        return ""
    return f" of class {names[number_of(label, names)] if names else label}"


def number_of(label: str, names: Sequence[Any]) -> int:
    """Which class a label is of: a name or, if no name is a number, a number."""
    names = [str(name) for name in names]
    numbers = [str(number) for number in range(len(names))]
    if label not in names and not any(name.isdecimal() for name in names):
        known = numbers
    else:
        known = names
    shown = ", ".join(names[:MOST_NAMED]) + (", ..." if names[MOST_NAMED:] else "")
    need = f"the classes are {shown}"
    near = difflib.get_close_matches(label, names, n=1)
    need += f"; did you mean {near[0]}" if near else ""
    cli.require(label in known, "--label", label, need)
    return known.index(label)
