"""The contracts that everything in jaxgan relies on. Read this first.

Four kinds of thing are never mixed:

* *structure* (architecture, loss, which penalties, optimiser family, batch size) is
  an argument of a builder function and is captured by closure: a new value is a new
  compiled program;
* *hyperparameters* (learning rates, penalty weights, mode weights) are `HParams`, an
  argument of every step: a new value is just another number, and a population has
  one per member;
* *state* is `TrainState`, arrays only, carried from step to step;
* *metrics* are a `dict[str, Array]` that a step returns and never reads.

Zero is a value, `None` is a structure: a penalty of weight 0.0 still costs its
gradient, leaving it out removes it.

Shapes are written with letters fixed once: `P` members, `B` batch, `D` latent,
`K` modes or classes, `N` samples, `F` features, `C` channels.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jax import Array
from jax.typing import ArrayLike

from jaxgan.core import errors

Tree = Any
"""A pytree of arrays."""

Metrics = dict[str, Array]


class Pair(NamedTuple):
    """One thing per player: `(generator, discriminator)`."""

    generator: Any
    discriminator: Any


class Batch(NamedTuple):
    """Real samples of a step.

    Attributes:
      x: `[B, ...]`.
      label: `[B]` of them, or None if unconditional.
      labelled: a `Batch` of the few samples whose labels are known, in semi-supervised
        training, where `label` is None; else None.
    """

    x: Array
    label: Array | None = None
    labelled: Any = None


class HParams(NamedTuple):
    """The numbers of one member; in a population every leaf has a leading `[P]`.

    Attributes:
      optimizer: per player, the keyword arguments of its optax factory, such as
        `{"learning_rate": 1e-3, "b1": 0.5}`.
      penalties: the weight of each penalty and term, by the name it was given when
        the gradients were built.
      ema_decay: decay of the generator's moving average, in [0, 1), or None if there
        is none.
      mode_weights: `[K]` probabilities with which this member draws its training
        data from the modes, or None to draw from all the data alike.
      standardiser: location and scale of this member's data, see `data.standardise`,
        or None to train on the data as they are.
      augmentation: `target` and `images` of an adaptive augmentation, see
        `penalties.adaptive`, or None if there is none.
      schedules: numbers of what the others change by with the member's step, by
        `FIELD.SHAPE.NUMBER`, see `steps.schedules`, or None if all are constant.
      averages: `[A]` exponents of further averages of the generator's weights, see
        `steps.power_averages`, or None if there are none.
    """

    optimizer: Pair
    penalties: Mapping[str, ArrayLike]
    ema_decay: ArrayLike | None = None
    mode_weights: ArrayLike | None = None
    standardiser: Tree | None = None
    augmentation: Mapping[str, ArrayLike] | None = None
    schedules: Mapping[str, ArrayLike] | None = None
    averages: ArrayLike | None = None


class TrainState(NamedTuple):
    """What the next step needs, and nothing else.

    Attributes:
      step: int32 scalar, the number of steps taken.
      params: per player, the weights.
      collections: per player, what a network carries besides weights, such as batch
        statistics and spectral-norm vectors.
      opt_state: per player, the optimiser's moments.
      ema: moving average of the generator's weights, or None.
      alive: bool scalar; False once the member's state has not been finite.
      averages: power-function averages of the generator's weights, every leaf
        `[A, ...]`, or None.
    """

    step: Array
    params: Pair
    collections: Pair
    opt_state: Pair
    ema: Tree | None
    alive: Array
    averages: Tree | None = None


class DiscriminatorOutput(NamedTuple):
    """What a discriminator says of a batch.

    Attributes:
      logits: `[B]`, large for real.
      features: `[B, F]`, the last hidden layer.
      class_logits: `[B, K]` of an auxiliary classifier, or None.
    """

    logits: Array
    features: Array
    class_logits: Array | None = None


class GAN(NamedTuple):
    """Two networks as pure functions of their variables.

    Attributes:
      init: `key -> (params, collections)`, each a `Pair`.
      latent: `(key, n) -> z [n, D]`.
      generate: `(params, collections, z, label=None, train=False) ->
        (x [n, ...], collections)` of the generator.
      discriminate: `(params, collections, x, label=None, train=False) ->
        (DiscriminatorOutput, collections)` of the discriminator.
      pack: m, samples that the discriminator judges together: x `[m B, ...]` has
        logits `[B]`, see `data.packs`.
      log_probs: `(params, collections, x, label=None) -> [n, T]` of a generator that
        draws a sample in T parts, each by probabilities that it knows:
        `log p(x_t | x_1 .. x_(t-1))`; the first t numbers of z then decide the first t
        parts. None of any other.
    """

    init: Callable[..., tuple[Pair, Pair]]
    latent: Callable[..., Array]
    generate: Callable[..., tuple[Array, Tree]]
    discriminate: Callable[..., tuple[DiscriminatorOutput, Tree]]
    pack: int = 1
    log_probs: Callable[..., Array] | None = None


class Loss(NamedTuple):
    """An adversarial objective, per player a scalar to MINIMISE.

    Attributes:
      discriminator: `(real_logits [B], fake_logits [B]) -> scalar`.
      generator: `(real_logits [B], fake_logits [B]) -> scalar`; most ignore the first.
    """

    discriminator: Callable[[Array, Array], Array]
    generator: Callable[[Array, Array], Array]


Critic = Callable[[Array], Array]
"""A discriminator with its weights closed over: `x [B, ...] -> logits [B]`."""


class Penalty(Protocol):
    """An unweighted regulariser of the critic, a scalar of real and fake samples."""

    def __call__(
        self, critic: Critic, real: Array, fake: Array, key: Array
    ) -> Array: ...


Term = Callable[[DiscriminatorOutput, DiscriminatorOutput, Batch], Array]
"""An unweighted scalar of more that the discriminator says than its logits:
`(output for real, output for fake, batch) -> scalar`; both have the batch's labels."""


class Gradient(Protocol):
    """One player's gradient: `-> (grads, collections, metrics)` of that player."""

    def __call__(
        self, hparams: HParams, state: TrainState, batch: Batch, key: Array
    ) -> tuple[Tree, Tree, Metrics]: ...


class Step(Protocol):
    """Everything that trains: `(hparams, state, batch, key) -> (state, metrics)`.

    The key is consumed. `state.step` is advanced by the training loop, so that
    combinators nest freely.
    """

    def __call__(
        self, hparams: HParams, state: TrainState, batch: Batch, key: Array
    ) -> tuple[TrainState, Metrics]: ...


def require_gan(gan: Any) -> None:
    """Asks for the four functions of a `GAN`.

    Raises:
      UserError: if it is something else, such as a Flax module.
    """
    if not isinstance(gan, GAN):
        raise errors.UserError(
            f"gan is {errors.shown(gan)}, but must be a GAN; gan.make(name, shape) "
            "gives one, and gan.from_networks makes one of two Flax modules."
        )


def require_hparams(hparams: Any) -> None:
    """Asks for `HParams`.

    Raises:
      UserError: if it is something else.
    """
    if not isinstance(hparams, HParams):
        raise errors.UserError(
            f"hparams is {errors.shown(hparams)}, but must be HParams: types.HParams("
            "types.Pair(generator, discriminator), penalties={})."
        )


def require_state(state: Any) -> None:
    """Asks for a `TrainState`.

    Raises:
      UserError: if it is something else.
    """
    if not isinstance(state, TrainState):
        raise errors.UserError(
            f"state is {errors.shown(state)}, but must be a TrainState; "
            "population.init gives one."
        )


def played_by(player: str | None, function: Callable, kind: str = "step") -> Callable:
    """Notes on a `Gradient` or a `Step` of one player whose it is; returns it.

    Args:
      player: whose, or None if that is not known.
      function: to write on.
      kind: "gradient" or "step".
    """
    noted: Any = function
    noted.player, noted.kind = player, kind
    return function


def player_of(function: Callable) -> str | None:
    """Whose `Gradient` or `Step` this is; None for both players' and if unknown."""
    return getattr(function, "player", None)


def require_player_of(gradient: Gradient) -> str:
    """Whose `Gradient` this is.

    Raises:
      UserError: if that is not known.
    """
    player = player_of(gradient)
    if player is None:
        raise errors.UserError(
            f"gradient is {errors.shown(gradient)}, of which it is not known whose it "
            "is; those of jaxgan.gradients say it, others through types.played_by."
        )
    return player


def check_player(
    argument: str, function: Callable, player: str, kind: str = "step"
) -> None:
    """Asks that a `Gradient` or a `Step` is that player's, as far as is known.

    Raises:
      UserError: if it is the other player's, or is none, or a step is given for a
        gradient or a gradient for a step.
    """
    makes = {
        "gradient": f"gradients.{player}(gan, loss)",
        "step": f"steps.update({player!r}, gradient)",
    }
    if not callable(function):
        raise errors.UserError(
            f"{argument} is {errors.shown(function)}, which is no function; give "
            f"{makes[kind]}."
        )
    if player_of(function) not in (None, player):
        raise errors.UserError(
            f"{argument} was given what moves the {player_of(function)}, but is for "
            f"the {player}; swap the players."
        )
    found = getattr(function, "kind", kind)
    if found != kind:
        raise errors.UserError(
            f"{argument} was given a {found}, but takes a {kind}; give {makes[kind]}."
        )


def check_players(
    discriminator: Callable, generator: Callable, kind: str = "step"
) -> None:
    """Asks that both players' `Gradient`s or `Step`s are whose they should be.

    Raises:
      UserError: if they are swapped, or one is no function.
    """
    check_player("discriminator", discriminator, "discriminator", kind)
    check_player("generator", generator, "generator", kind)


Mapper = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Lifts a function of one member to a population: `vmap`, one by one, or chunks."""
