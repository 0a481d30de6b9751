"""What the discriminators of trials know of classes, as one of their scores.

`probe_accuracy` is `probes.accuracy` of a linear classifier of all hidden layers. Which
images have labels follows from a trial's key, so that settings with one seed are told
the same ones.
"""

import jax
import numpy as np

from jaxgan import scores, types
from jaxgan.data import dataset
from jaxgan.ensembles import features
from jaxgan.scripts import cli, probing

Probe = probing.Examination

NAME = "probe_accuracy"


def make(data: dataset.Dataset, labels_per_class: int | None) -> Probe | None:
    """Makes ready; None where nothing is asked.

    Raises:
      UserError: as `probing.examination`.
    """
    if labels_per_class is None:
        return None
    with cli.flag("--probe-labels", labels_per_class):
        return probing.examination(data, labels_per_class=labels_per_class)


def check(asked: Probe, networks: types.GAN) -> None:
    """Asks for discriminators that have hidden layers of single samples.

    Raises:
      UserError: as `features.of_layers`.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))

    def of_layers(key, x):
        params, collections = networks.init(key)
        own = params.discriminator, collections.discriminator
        return features.of_layers(networks, *own, x)

    jax.eval_shape(of_layers, key, asked.held_out[:2])


def measure(
    asked: Probe, networks: types.GAN, state: types.TrainState, keys: jax.Array
) -> dict[str, scores.Score]:
    """The score of each member, `[P]`, by name; NaN of the dead.

    Args:
      asked: what.
      networks: of the members.
      state: of P members.
      keys: theirs, `[P]`.
    """
    words = np.asarray(jax.random.key_data(keys)).tolist()
    found = probing.probed(
        asked._replace(seeds=words.__getitem__), probing.Subject(networks, state, keys)
    )
    value = np.array([one.value for one in found])
    return {NAME: scores.Score(value=value, protocol=found[0].protocol)}
