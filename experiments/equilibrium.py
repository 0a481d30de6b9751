"""Which step rules end where: at a Nash equilibrium, at a stable point, or nowhere?

    python experiments/equilibrium.py                   # all rules on the ring
    python experiments/equilibrium.py --dataset line    # a game without noise

Every rule trains the same seeds with as many batches. Then all that was trained is
measured as one population: the length of the game's gradient field v, the outer
eigenvalues of its Jacobian J and of each player's own Hessian, the value V(D, G) beside
-log 4, which it has at an equilibrium, the duality gap after so many answers of each
player, how far each member can be exploited by all the others, and the modes covered.
After Berard et al. (2020), whose toy is the line: two Gaussians at -2 and 2 with fixed
samples and latents, in full batches, by gradient descent.

Eigenvalues are of the game of one fixed batch; those near zero count as neither sign.
"""

import dataclasses
import pathlib
from typing import Literal

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    dataset: Literal["ring", "grid", "digits", "line"] = "ring"
    """what is learnt"""
    rules: tuple[str, ...] = ()
    """of jaxgan.steps.RULES; none for all, or on the line for two of them"""
    seeds: int = 5
    """of each rule"""
    loss: str = "non_saturating"
    """objective, by its name in jaxgan.losses"""
    penalties: tuple[str, ...] = ()
    """of the discriminator, NAME:WEIGHT each, by their names in jaxgan.penalties"""
    batches: int | None = None
    """that each rule may use; None for 1500, on the line 20000"""
    batch_size: int | None = None
    """real samples in a batch; None for 128, on the line 500, all that there are"""
    hidden: tuple[int, ...] = ()
    """widths of both players' hidden layers; none for 32 32, on the line 100"""
    latent_dim: int | None = None
    """of the generator's input; None for 2, on the line and for digits 16"""
    learning_rates: tuple[float, float] | None = None
    """of G and D; None for 1e-3, on the line 1e-2, 1e-1"""
    optimizer: Literal["adam", "rmsprop", "sgd"] | None = None
    """of training, not of answers; None for adam, on the line sgd"""
    eigenvalues: int = 10
    """at each end of each player's Hessian"""
    krylov: int = 40
    """products with each matrix, in which they are found"""
    measured: int = 512
    """samples of the batch whose game is measured"""
    answers: int = 100
    """steps of each player's best response"""
    samples: int = 1000
    """generated samples in which modes are counted"""
    seed: int = 0
    """of the data, the weights and the batches"""
    out: pathlib.Path | None = None
    """run folder, new or empty; None for runs/equilibrium-DATASET-TIME"""
    smoke: bool = False
    """a run of seconds, with numbers of its own: to see it work"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant
    if SETTINGS.smoke:
        cli.compile_fast()

import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan import gan, gradients, losses, penalties, population, reports, steps, types
from jaxgan.core import precision, randomness
from jaxgan.data import dataset, pool
from jaxgan.dynamics.landscape import spectra
from jaxgan.runs import journal
from jaxgan.scores import suites
from jaxgan.scripts import equilibria, equilibrium_reports
from jaxgan.steps import rules

USUAL = {"batches": 1500, "batch_size": 128, "hidden": (32, 32), "optimizer": "adam"}
LINE = {"batches": 20_000, "batch_size": 500, "hidden": (100,), "optimizer": "sgd"}
OPTIMIZERS = {"adam": steps.adam, "rmsprop": optax.rmsprop, "sgd": optax.sgd}
RATES = {"usual": (1e-3, 1e-3), "line": (1e-2, 1e-1)}
LATENTS = {"line": 16, "digits": 16}
LINE_RULES = ("simultaneous", "extragradient")
SMOKE = {
    **{"rules": ("simultaneous", "optimistic"), "seeds": 2, "batches": 20},
    **{"eigenvalues": 2, "krylov": 8, "answers": 5, "samples": 100},
}


def main(asked: Settings) -> None:
    began = time.perf_counter()
    asked = filled(asked)
    check(asked)
    precision.set_64_bits_aside()
    population.use_all_cores()
    data = load(asked)
    count, note = equilibria.mode_counter(data, asked.samples, asked.seed)
    print(note)
    train, test, scale = samples(asked, data)
    plain, lax = (networks(asked, train, form) for form in ("auto", "lax"))
    begun = jax.eval_shape(plain.init, randomness.key(0))[0]
    with cli.flag("--eigenvalues", asked.eigenvalues):
        spectra.require_fewer(asked.eigenvalues, begun)
    with cli.run_folder("--out", asked.out, f"equilibrium-{asked.dataset}") as folder:
        config = dataclasses.asdict(asked) | journal.environment()
        reports.write_json(folder / cli.CONFIG, config)
        begun, done = begin(asked, plain), {}
        for rule in asked.rules:
            own = lax if steps.RULES[rule].forward_mode else plain
            done[rule] = train_rule(asked, rule, own, begun, train)
            print(f"{rule}: {done[rule].seconds:.0f} s", flush=True)
        found = equilibria.measure(
            players(asked, plain, train),
            asked,
            numbers(asked, len(done) * asked.seeds, "adam"),
            list(done.values()),
            types.Pair(train, test),
            lambda x: count(x * scale),
            randomness.key(asked.seed + 2),
        )
        equilibrium_reports.save(folder, done, found)
    print(f"{time.perf_counter() - began:.0f} s in all; the run is in {folder}")


def filled(asked: Settings) -> Settings:
    """The settings in full."""
    line = asked.dataset == "line"
    rates = RATES["line" if line else "usual"]
    own = {"rules": LINE_RULES if line else tuple(steps.RULES), "learning_rates": rates}
    own["latent_dim"] = LATENTS.get(asked.dataset, 2)
    usual = (LINE if line else USUAL) | own
    usual = {k: v for k, v in usual.items() if getattr(asked, k) in (None, ())}
    return dataclasses.replace(asked, **usual | (SMOKE if asked.smoke else {}))


def check(asked: Settings) -> None:
    whole = ("seeds", "batches", "batch_size", "eigenvalues", "krylov", "measured")
    cli.check(
        asked,
        dict.fromkeys((*whole, "answers", "latent_dim"), cli.AT_LEAST_ONE)
        | {"samples": cli.at_least(suites.SPLITS), "seed": cli.SEED},
    )
    weights = cli.named_numbers("--penalties", asked.penalties)
    for flag, names, get in (
        ("--rules", asked.rules, rules.get),
        ("--loss", [asked.loss], losses.get),
        ("--penalties", weights, penalties.get),
    ):
        for name in names:
            with cli.flag(flag, name):
                get(name)
    once = len(set(asked.rules)) == len(asked.rules)
    cli.require(once, "--rules", " ".join(asked.rules), "name each rule once")
    enough = asked.krylov >= 2 * asked.eigenvalues
    cli.require(enough, "--krylov", asked.krylov, "it must be twice --eigenvalues")
    rates = asked.learning_rates
    good = all(0 < rate < math.inf for rate in rates)
    cli.require(good, "--learning-rates", rates, "must be positive")


def load(asked: Settings) -> dataset.Dataset:
    if asked.dataset == "line":
        return equilibria.line(asked.seed, asked.batch_size)
    return dataset.load(asked.dataset, seed=asked.seed)


def samples(asked: Settings, data: dataset.Dataset) -> tuple[Any, Any, float]:
    """Training and held-out samples, of points in units of their deviation."""
    train, test = (jnp.asarray(dataset.to_float(own.x)) for own in data[1:3])
    points = data.mixture is not None and asked.dataset != "line"
    scale = float(jnp.std(train)) if points else 1.0
    order = jax.random.permutation(randomness.key(asked.seed), len(train))
    return train[order] / scale, test[:1024] / scale, scale


def networks(asked: Settings, train: Any, form: str) -> types.GAN:
    shape = train.shape[1:]
    options = {"hidden": asked.hidden, "bounded": len(shape) > 1, "convolution": form}
    return gan.mlp(shape, latent_dim=asked.latent_dim, **options)


def players(asked: Settings, own: types.GAN, train: Any) -> equilibria.Players:
    """The game: on the line with the same latents in each step."""
    played = own
    if asked.dataset == "line":
        fixed = own.latent(randomness.key(asked.seed + 1), len(train))
        played = own._replace(latent=lambda key, n: fixed[:n])
    weights = cli.named_numbers("--penalties", asked.penalties)
    terms = {name: penalties.get(name) for name in weights}
    loss = losses.get(asked.loss)
    d = gradients.discriminator(played, loss, terms)
    return equilibria.Players(own, d, gradients.generator(played, loss))


def numbers(
    asked: Settings, total: int, optimizer: str, rule: str | None = None
) -> types.HParams:
    weights = cli.named_numbers("--penalties", asked.penalties)
    if rule is not None and steps.RULES[rule].weight is not None:
        weights[rule] = steps.RULES[rule].weight
    more = {"b1": 0.5, "b2": 0.99} if optimizer == "adam" else {}
    own = optimizer == asked.optimizer
    rates = asked.learning_rates if own else RATES["usual"]
    pair = types.Pair(*({"learning_rate": rate, **more} for rate in rates))
    return population.broadcast(types.HParams(pair, weights), total)


def begin(asked: Settings, own: types.GAN) -> types.TrainState:
    """The seeds, from which all rules begin."""
    hparams = numbers(asked, asked.seeds, "adam")
    keys = population.keys(randomness.key(asked.seed), asked.seeds)
    return population.init(steps.initialise(own), hparams, keys)


def train_rule(
    asked: Settings, rule: str, own: types.GAN, begun: types.TrainState, train: Any
) -> equilibria.Trained:
    """Trains all seeds of a rule."""
    _, d, g = players(asked, own, train)
    made = rules.make(rule, d, g, optimizer=OPTIMIZERS[asked.optimizer])

    def whole(data, hparams, key):
        return types.Batch(jnp.concatenate([data.x] * made.parts))

    return equilibria.train(
        made,
        whole if asked.dataset == "line" else pool.draw(asked.batch_size * made.parts),
        begun,
        numbers(asked, asked.seeds, asked.optimizer, rule),
        train,
        asked.batches,
        randomness.key(asked.seed),
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
