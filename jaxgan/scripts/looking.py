"""Looks at a trained mixture: what `experiments/sample.py --look` knows by name.

A look is a function `(trained, asked, key) -> Sheet` of a mixture, the settings and a
key, which is consumed.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import ensembles, reports, types
from jaxgan.core import latent_paths
from jaxgan.ensembles import latents
from jaxgan.scripts import cli, look_settings, sheets

SAMPLES, ROWS = 64, 8
FRAMES, DEGREES, PERSISTENCE = 16, 10.0, 0.9


class Trained(NamedTuple):
    """What is looked at.

    Attributes:
      networks: that the members were trained as, their latents truncated if asked.
      mixture: of M generators, of one class if asked.
      notes: of its file.
      shape: of one sample.
    """

    networks: types.GAN
    mixture: ensembles.Mixture
    notes: Mapping[str, Any]
    shape: tuple[int, ...]


Function = Callable[[Trained, look_settings.Look, jax.Array], sheets.Sheet]


def sample_shape(networks: types.GAN, mixture: ensembles.Mixture) -> tuple[int, ...]:
    """The shape of one sample."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    drawn = jax.eval_shape(
        lambda key: ensembles.sample(networks, mixture, key, 1)[0], key
    )
    return drawn.shape[1:]


def samples(
    trained: Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """Samples of the mixture; videos a row for each, in their frames."""
    n = asked.n or SAMPLES
    drawn = ensembles.sample(trained.networks, trained.mixture, key, n)
    x, member = map(np.asarray, drawn)
    share = np.bincount(member, minlength=len(trained.mixture.weights)) / n
    said = f"by member {np.round(share, 3)}"
    title, arrays = reports.count(n, "sample"), {"x": x, "member": member}
    if len(trained.shape) == 4:
        flat = x.reshape(-1, *trained.shape[1:])
        film = np.moveaxis(x, 1, 0)
        return sheets.Sheet(
            {title: flat}, trained.shape[0], arrays, film=film, said=said
        )
    return sheets.Sheet({title: x}, math.ceil(math.sqrt(n)), arrays, said=said)


def classes(
    trained: Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """Each latent, a row, in all classes, which are the columns.

    A row is of one generator where all know the same classes, as a latent means
    something else to each.
    """
    cli.require(
        trained.mixture.classes is not None,
        "--look",
        asked.look,
        "the generators are unconditional, so that there are no classes to see",
    )
    n = asked.n or ROWS
    weighed = trained.mixture.weights[:, None] * trained.mixture.classes
    # NaN of a dead mixture, whose classes are drawn all the same.
    there = np.flatnonzero(~(np.asarray(weighed).max(axis=0) <= 0))
    member_key, z_key = jax.random.split(key)
    z = np.repeat(np.asarray(trained.networks.latent(z_key, n)), len(there), axis=0)
    label = jnp.asarray(np.tile(there, (n, 1)), jnp.int32)
    member = latents.of_classes(trained.networks, trained.mixture, member_key, label)
    label, member = label.ravel(), member.ravel()
    x = latents.decode(trained.networks, trained.mixture, member, z[:, None], label)
    names = trained.notes.get("class_names") or range(weighed.shape[1])
    title = f"{reports.count(n, 'latent')} in {len(there)} classes"
    arrays = {"x": x[:, 0], "z": z, "member": member, "label": label}
    return sheets.Sheet(
        {title: np.asarray(x[:, 0])},
        len(there),
        arrays,
        column_names=[str(names[own]) for own in there],
    )


def linear(trained: Trained, asked: look_settings.Look, key: jax.Array) -> sheets.Sheet:
    """Ways along lines, at equal steps."""
    return _between(trained, asked, key, latent_paths.lerp)


def spherical(
    trained: Trained, asked: look_settings.Look, key: jax.Array
) -> sheets.Sheet:
    """Ways along great circles, at equal angles."""
    return _between(trained, asked, key, latent_paths.slerp)


def walk(trained: Trained, asked: look_settings.Look, key: jax.Array) -> sheets.Sheet:
    """Random walks on the shells of the latents where they begin."""
    start_key, walk_key = jax.random.split(key)
    n, frames = asked.n or ROWS, asked.frames or FRAMES
    at = latents.draw(trained.networks, trained.mixture, start_key, n)
    degrees = DEGREES if asked.step is None else asked.step
    persistence = PERSISTENCE if asked.persistence is None else asked.persistence
    with cli.flag("--look", asked.look):
        z = _walk(walk_key, at.z, frames - 1, math.radians(degrees), persistence)
    title = f"{reports.count(n, 'walk')}, {degrees:g} degrees to a step"
    return _along(trained, at, z, title)


_walk = jax.jit(latent_paths.walk, static_argnums=2)


def _between(trained, asked, key, move) -> sheets.Sheet:
    """Ways from latents to others of the same generator and class; films return."""
    start_key, end_key = jax.random.split(key)
    n, frames = asked.n or ROWS, asked.frames or FRAMES
    at = latents.draw(trained.networks, trained.mixture, start_key, n)
    ends = trained.networks.latent(end_key, n)
    t = np.linspace(0, 1, frames, dtype=np.float32)[:, None]
    z = jax.jit(move)(at.z[:, None], ends[:, None], t)
    sheet = _along(trained, at, z, f"{reports.count(n, 'way')}, {asked.look}")
    if sheet.film is None:
        return sheet
    return sheet._replace(film=np.concatenate([sheet.film, sheet.film[-2:0:-1]]))


def _along(trained, at: latents.Latents, z: jax.Array, title: str) -> sheets.Sheet:
    """What is generated along ways `z [R, T, D]`, a row for each."""
    networks, mixture = trained.networks, trained.mixture
    x = np.asarray(latents.decode(networks, mixture, at.member, z, at.label))
    film = np.moveaxis(x, 1, 0) if len(trained.shape) == 3 else None
    arrays = {"x": x, "z": z, "member": at.member}
    if at.label is not None:
        arrays["label"] = at.label
    flat = x.reshape(-1, *trained.shape)
    return sheets.Sheet({title: flat}, x.shape[1], arrays, film=film)
