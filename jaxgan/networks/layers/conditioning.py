"""How labels enter a generator and a discriminator."""

import dataclasses

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from jaxgan import types
from jaxgan.core import errors
from jaxgan.networks.layers import linear, minibatch
from jaxgan.networks.layers import recipe as recipes

GENERATOR = ("none", "concat", "normalisation", "self_modulation")
"""`concat`: one-hot labels beside z (Mirza and Osindero 2014,
https://arxiv.org/abs/1411.1784); `normalisation`: class-conditional scale and shift
(de Vries et al. 2017, https://arxiv.org/abs/1707.00683); `self_modulation`: scale and
shift are functions of z, and of the label if there is one (Chen et al. 2018,
https://arxiv.org/abs/1810.01365)."""

DISCRIMINATOR = ("none", "concat", "projection", "auxiliary", "evidence")
"""`concat`: one-hot labels as further channels; `projection`: the logit gets
`<e_y, features>` added (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637);
`auxiliary`: a classifier beside the logit (Odena et al. 2016,
https://arxiv.org/abs/1610.09585). `evidence` is told no labels: a classifier into K
classes and one for generated samples in place of the logit, which is what the classes
together speak for, `log sum_k exp l_k` (Salimans et al. 2016,
https://arxiv.org/abs/1606.03498)."""

MODULATION_HIDDEN = 32


@dataclasses.dataclass(frozen=True)
class Conditioning:
    """How one player is conditioned.

    Attributes:
      kind: one of `GENERATOR` or of `DISCRIMINATOR`.
      num_classes: K of the labels, or None if there are none.
    """

    kind: str = "none"
    num_classes: int | None = None

    @property
    def hidden(self) -> int:
        """Width of the hidden layer between a condition and a `Norm`."""
        return MODULATION_HIDDEN if self.kind == "self_modulation" else 0


def check(conditioning: Conditioning, known: tuple[str, ...], argument: str) -> None:
    """Raises `UserError` unless the kind is known and has the classes that it needs."""
    kind, num_classes = conditioning.kind, conditioning.num_classes
    if kind not in known:
        raise errors.UserError(
            f"{argument}={kind!r} is not known; {errors.choice(kind, known)}"
        )
    if num_classes is not None and num_classes < 1:
        raise errors.UserError(f"num_classes={num_classes} must be at least 1.")
    if num_classes is None and kind not in ("none", "self_modulation"):
        raise errors.UserError(
            f"{argument}={kind!r} needs labels; give num_classes, or choose 'none'."
        )


def condition_generator(
    z: Array, label: Array | None, conditioning: Conditioning
) -> tuple[Array, Array | None]:
    """What enters a generator: its first layer's input and the condition of its norms.

    Args:
      z: `[B, D]`.
      label: `[B]` integers in [0, K), or None.
      conditioning: of the generator.

    Returns:
      `[B, D]` or, with `concat`, `[B, D + K]`; and `[B, E]` or None.
    """
    classes = _one_hot(label, conditioning, z.dtype)
    match conditioning.kind:
        case "concat":
            return jnp.concatenate([z, classes], axis=-1), None
        case "normalisation":
            return z, classes
        case "self_modulation" if classes is None:
            return z, z
        case "self_modulation":
            return z, jnp.concatenate([z, classes], axis=-1)
    return z, None


def condition_discriminator(
    x: Array, label: Array | None, conditioning: Conditioning
) -> Array:
    """What enters a discriminator: `x [B, *n, C]`, with `concat` `[B, *n, C + K]`."""
    if conditioning.kind != "concat":
        return x
    classes = _one_hot(label, conditioning, x.dtype)
    classes = classes.reshape(x.shape[0], *(1,) * (x.ndim - 2), -1)
    planes = jnp.broadcast_to(classes, (*x.shape[:-1], classes.shape[-1]))
    return jnp.concatenate([x, planes], axis=-1)


class Head(nn.Module):
    """The end of every discriminator: `features [B, F] -> DiscriminatorOutput`.

    Attributes:
      recipe: of its dense layers; its `minibatch` is of the logit alone.
      conditioning: of the discriminator.
      use_bias: whether the logit has one.
    """

    recipe: recipes.Recipe = recipes.Recipe()
    conditioning: Conditioning = Conditioning()
    use_bias: bool = True

    @nn.compact
    def __call__(
        self, features: Array, *, train: bool, label: Array | None = None
    ) -> types.DiscriminatorOutput:
        if self.conditioning.kind == "evidence":
            class_logits = self._classes(features, train)
            evidence = jax.nn.logsumexp(class_logits, axis=-1)
            return types.DiscriminatorOutput(
                evidence, recipes.widened(features), class_logits
            )
        score = linear.Dense(1, self.recipe, use_bias=self.use_bias)
        seen = minibatch.beside(features, self.recipe, train=train)
        logits = score(seen, train=train)[:, 0]
        class_logits = None
        if self.conditioning.kind == "projection":
            classes = _one_hot(label, self.conditioning, features.dtype)
            embed = linear.Dense(
                features.shape[-1], self.recipe, use_bias=False, name="embedding"
            )
            logits += (embed(classes, train=train) * features).sum(-1)
        if self.conditioning.kind == "auxiliary":
            class_logits = self._classes(features, train)
        return types.DiscriminatorOutput(
            recipes.widened(logits), recipes.widened(features), class_logits
        )

    def _classes(self, features: Array, train: bool) -> Array:
        classify = linear.Dense(
            self.conditioning.num_classes, self.recipe, name="classifier"
        )
        return recipes.widened(classify(features, train=train))


def _one_hot(label, conditioning, dtype):
    if conditioning.num_classes is None:
        return None
    return jax.nn.one_hot(label, conditioning.num_classes, dtype=dtype)
