"""Does normalisation lower internal covariate shift, and does training gain from it?

    python experiments/covariate_shift.py                # the ring, about four minutes
    python experiments/covariate_shift.py --dataset digits --steps 1000

GANs whose two players have the same normalisation train as a population of seeds, one
population for each normalisation. Every few steps it is measured how the step changed
what each layer has to learn from: by its gradient (Santurkar et al. 2018), with the
opponent frozen and moved, and by its inputs (Ioffe and Szegedy 2015); and how smooth
the loss is along the step. Beside it stands how fast the samples come near the data, by
the sliced Wasserstein distance to held-out ones. Expect batch normalisation to raise
the shift of gradients, as was found for classifiers, and the rank correlation of shift
and speed over the few normalisations to prove nothing.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli
from jaxgan.scripts import settings as shared_settings


@dataclasses.dataclass(frozen=True)
class Settings(shared_settings.Files):
    dataset: str = "ring"
    """ring, grid, digits, mnist, fashion_mnist, cifar10, files, or a TFDS image
    dataset that is prepared on disk"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets, or one's own files; None for
    JAXGAN_DATA_DIR, else the default of TFDS"""
    normalisations: tuple[str, ...] = ("none", "batch", "layer", "spectral")
    """of both players, by their names in jaxgan.networks.layers"""
    network: str = "mlp"
    """architecture of both players, by its name in jaxgan.networks"""
    seeds: int = 8
    """GANs of each normalisation"""
    steps: int = 400
    """of both players"""
    every: int = 20
    """steps from one measurement to the next, which divide the steps"""
    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses"""
    learning_rate: float = 1e-3
    """of Adam, for both players"""
    batch_size: int = 64
    """real samples in a step"""
    samples: int = 1000
    """generated samples whose distance is measured"""
    seed: int = 0
    """of everything random"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/covariate_shift-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with normalisations, seeds and steps of its own: to see it
    work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import (
    divergences,
    dynamics,
    gradients,
    losses,
    population,
    reports,
    training,
    types,
)
from jaxgan import gan as gan_lib
from jaxgan.core import precision, randomness
from jaxgan.data import dataset, pool
from jaxgan.runs import journal
from jaxgan.scripts import from_settings, measuring, shift_reports
from jaxgan.training import methods

SMOKE = {"normalisations": ("none", "batch"), "seeds": 2, "steps": 10, "every": 5}
FRACTIONS = (0.5, 1.0, 2.0)
"""Of the step, along which the loss is followed."""

WIDTHS = {"mlp": {"hidden": (64, 64)}, "conv": {"width": 16}}
PROJECTIONS = 64
OPPONENTS = {"generator": ("frozen",), "discriminator": dynamics.OPPONENTS}
"""With which activations are measured: the generator's do not depend on its own."""


def main(asked: Settings) -> None:
    began = time.perf_counter()
    if asked.smoke:
        asked = dataclasses.replace(asked, **SMOKE)
    check(asked)
    precision.set_64_bits_aside()
    population.use_all_cores()
    data = from_settings.load(asked)
    print(dataset.about(data))
    every = {name: network(asked, data, name) for name in asked.normalisations}
    title = f"covariate_shift-{asked.dataset}"
    with cli.run_folder("--out", asked.out, title) as folder:
        found = {}
        for name, gan in every.items():
            since = time.perf_counter()
            found[name] = follow(asked, data, gan)
            print(f"{name}: {time.perf_counter() - since:.0f} s", flush=True)
        seconds = time.perf_counter() - began
        record = {"normalisations": found, "seconds": seconds}
        record |= measuring.described(asked, data)
        reports.write_json(folder / "scores.json", record)
        shift_reports.show(folder, asked, found, journal.made_by(asked))
        print(f"{seconds:.0f} s in all; the run is in {folder}")


def check(asked: Settings) -> None:
    whole = ("seeds", "steps", "every", "batch_size")
    names = asked.normalisations
    once = 0 < len(names) == len(set(names))
    need = "name one at least, and each once"
    cli.require(once, "--normalisations", " ".join(names), need)
    cli.check(
        asked,
        dict.fromkeys(whole, cli.AT_LEAST_ONE)
        | {
            "samples": cli.at_least(2),
            "learning_rate": cli.POSITIVE,
            "seed": cli.SEED,
        },
    )
    fits = asked.steps % asked.every == 0
    need = f"it must divide --steps {asked.steps}"
    cli.require(fits, "--every", asked.every, need)
    with cli.flag("--loss", asked.loss):
        losses.get(asked.loss)


def network(asked: Settings, data: dataset.Dataset, name: str) -> types.GAN:
    """The GAN with that normalisation; what cannot be made is said before any runs."""
    shape = np.shape(data.train.x)[1:]
    points = data.mixture is not None
    numbers = dict(WIDTHS.get(asked.network, {}))
    if asked.network == "mlp":
        numbers["bounded"] = not points
    with cli.flag("--normalisations", f"{name} of {asked.network}"):
        gan = gan_lib.make(
            asked.network,
            shape,
            latent_dim=2 if points else 16,
            generator_normalisation=name,
            discriminator_normalisation=name,
            **numbers,
        )
        dynamics.layer_order(gan, batch_like(asked, shape))
    return gan


def batch_like(asked: Settings, shape: tuple[int, ...]) -> types.Batch:
    return types.Batch(jnp.zeros((asked.batch_size, *shape)))


def follow(asked: Settings, data: dataset.Dataset, gan: types.GAN) -> dict[str, Any]:
    """Trains all seeds of a normalisation, and measures their steps on the way.

    Returns:
      `layers` by player; and by name arrays `[T, S, ...]`, see `measure`.
    """
    adam = {"learning_rate": asked.learning_rate, "b1": 0.5, "b2": 0.999}
    method = methods.Method(asked.loss, {}, types.Pair(adam, adam))
    begun = measuring.begin(gan, method, data, asked)
    layers = dynamics.layer_order(gan, batch_like(asked, np.shape(data.train.x)[1:]))
    run = measuring.lifted(measure(asked, gan, layers, begun), population.automatic())
    held = dataset.to_float(data.test.x[: asked.samples])
    shared, rows = (begun.points, held.reshape(len(held), -1)), []
    for _ in range(asked.steps // asked.every):
        rows.append(run(shared, begun.hparams, begun.state, begun.keys))
        begun = measuring.train(begun, num_steps=asked.every)
    rows.append(run(shared, begun.hparams, begun.state, begun.keys))
    return {"layers": layers, **jax.tree.map(lambda *own: np.stack(own), *rows)}


def measure(asked: Settings, gan: types.GAN, layers: types.Pair, begun: Any):
    """Builds `(shared, hparams, state, key) -> measures` of a member's next step.

    The step is the one that training takes next, with its own batch and keys. Measured
    are per player `gradients`, `activations` and `along`, the first two with the
    opponent frozen and moved; and the `distance` of its samples before the step.
    """
    loss = losses.get(asked.loss)
    players = types.Pair(
        gradients.generator(gan, loss), gradients.discriminator(gan, loss)
    )
    draw = pool.draw(asked.batch_size)

    def of_member(shared, hparams, before, key):
        points, held = shared
        batch_key, step_key = training.step_keys(key, before.step)
        batch = draw(points, hparams, batch_key)
        after, _ = begun.step(hparams, before, batch, step_key)
        states = before, after, batch, step_key
        found: dict[str, Any] = {}
        for player, gradient in players._asdict().items():
            names = getattr(layers, player)
            given = hparams, *states
            found[player] = {
                "gradients": {
                    o: dynamics.by_gradients(gradient, names, *given, opponent=o)
                    for o in dynamics.OPPONENTS
                },
                "activations": {
                    o: dynamics.by_activations(gan, player, names, *states, opponent=o)
                    for o in OPPONENTS[player]
                },
                "along": dynamics.along_step(gradient, *given, FRACTIONS),
            }
        z_key, line_key = jax.random.split(randomness.key(asked.seed))
        z, used = gan.latent(z_key, asked.samples), before.collections.generator
        fake, _ = gan.generate(before.params.generator, used, z, train=True)
        lines = fake.reshape(asked.samples, -1), held, line_key, PROJECTIONS
        return found | {"distance": divergences.sliced_wasserstein(*lines)}

    return of_member


if __name__ == "__main__":
    cli.run(main, SETTINGS)
