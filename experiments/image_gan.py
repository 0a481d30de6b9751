"""A population of image GANs, one per seed: how good are they, and how sure is that?

    python experiments/image_gan.py                          # MNIST, else digits
    python experiments/image_gan.py --dataset cifar10 --network sn_dcgan --loss hinge
    python experiments/image_gan.py --dataset mnist --labels-per-class 10 --seeds 10

All seeds train as one compiled program. A classifier trained on the same data then
says which classes each seed makes and how well; expect all ten digits of MNIST with an
Inception Score above 8, in ten to fifteen minutes on two idle cores. The run folder
keeps the settings, metrics, scores, pictures, `report.html` (one page that opens
anywhere) and the generators, for experiments/sample.py.
"""

import dataclasses
import functools

from jaxgan.scripts import cli, settings


@dataclasses.dataclass(frozen=True)
class Settings(
    settings.Training,
    settings.Network,
    settings.FewLabels,
    settings.Replicates,
    settings.Devices,
):
    """One flag each."""


if __name__ == "__main__":
    # Before JAX, so that --help is instant.
    SETTINGS = cli.parse(Settings, __doc__, settings.of_recipe, ("steps",))
    if SETTINGS.smoke:
        cli.compile_fast()

from jaxgan.scripts import from_settings, replicate_runs

SMOKE = {"seeds": 2, "steps": 10, "samples": 360, "pictures": 1, "evaluations": 1}
SMOKE_CLASSIFIER_IMAGES = 20_000

IMAGES = replicate_runs.Kind(
    "image_gan",
    from_settings.load_images,
    replicate_runs.by_classifier,
    functools.partial(
        replicate_runs.smoke, most_classifier_images=SMOKE_CLASSIFIER_IMAGES, **SMOKE
    ),
)


def main(asked: Settings) -> None:
    replicate_runs.main(asked, IMAGES)


if __name__ == "__main__":
    cli.run(main, SETTINGS)
