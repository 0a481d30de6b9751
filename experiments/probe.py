"""What do the discriminators of a run know of classes, and of real and generated?

    python experiments/probe.py RUN
    python experiments/probe.py RUN --labels-per-class 10 --classifier nearest

RUN is the folder of a run on labelled images that has kept its checkpoints, of
image_gan.py, limited_data.py, probe_losses.py or mode_ensemble.py. A linear or
nearest-neighbour classifier learns from all hidden layers of each member's
discriminator, pooled as in the DCGAN paper, with few labels, and is tested on held-out
images; beside it the same on raw pixels and on the untrained networks. Then the
discriminator's own logits: the area under the ROC curve of held-out real against
generated images, how well they are calibrated where the loss makes them log-odds, and
the class accuracy of conditional ones. On MNIST expect some seconds for each member.
"""

import dataclasses
import pathlib
from typing import Literal

from tyro import conf

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    run: conf.Positional[pathlib.Path]
    """folder of the run"""
    labels_per_class: int = 100
    """labelled images of each class, others for each member"""
    classifier: Literal["linear", "nearest"] = "linear"
    """of the features: penalised least squares, or the five nearest labelled images"""
    layers: tuple[str, ...] = ()
    """hidden layers that the classifier sees, by the name of the layer that is given
    them, such as Conv_1, or features for the last one; none for all"""
    arm: str | None = None
    """of the run; None for all"""
    samples: int = 2000
    """generated for each member, against the held-out images"""
    outside: str | None = None
    """images of another distribution, which the discriminators should not take for
    real: NAME:test of a dataset, a folder or a file; resized to the run's"""
    data_dir: pathlib.Path | None = None
    """folder of archives or prepared datasets; None for that of the run"""
    seed: int = 0
    """of the labels, the untrained networks and the samples"""
    out: pathlib.Path | None = None
    """folder of the results, new or empty; None for runs/probe-TIME"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import json
import time
from typing import Any

import jax

from jaxgan import reports
from jaxgan.core import precision
from jaxgan.ensembles import saved_discriminators
from jaxgan.runs import journal
from jaxgan.scripts import kept_runs, probing


def main(asked: Settings) -> None:
    began = time.perf_counter()
    precision.set_64_bits_aside()
    checks = {"labels_per_class": cli.AT_LEAST_ONE, "samples": cli.AT_LEAST_ONE}
    cli.check(asked, checks | {"seed": cli.SEED})
    kept = find(asked)
    with cli.flag("RUN", asked.run):
        data, config = kept_runs.data_of(asked.run, asked.data_dir)
    with cli.flag("--labels-per-class", asked.labels_per_class):
        examination = probing.examination(
            data,
            labels_per_class=asked.labels_per_class,
            classifier=asked.classifier,
            layers=asked.layers,
            samples=asked.samples,
            seed=asked.seed,
        )
    if asked.outside is not None:
        with cli.flag("--outside", asked.outside):
            where = asked.data_dir or config.get("data_dir")
            other = kept_runs.outside(asked.outside, data, where, asked.seed)
        examination = examination._replace(outside=other)
    with cli.run_folder("--out", asked.out, "probe") as folder:
        raw = probing.raw_pixels(
            examination, max(len(own.state.alive) for own in kept.values())
        )
        found, begun = {}, {}
        blamed = ("--layers", " ".join(asked.layers)), ("RUN", asked.run)
        with cli.flag(*blamed[0 if asked.layers else 1]):
            for name, own in kept.items():
                subject = kept_runs.subject(own, config)
                # Once for all arms whose members began alike.
                words = jax.random.key_data(own.keys).tolist()
                alike = json.dumps([own.description["gan"], words])
                known = begun.get(alike)
                found[name] = probing.examine(examination, subject, known)
                begun[alike] = found[name]["untrained"]
        settings = dataclasses.asdict(asked) | journal.environment()
        reports.write_json(folder / cli.CONFIG, settings)
        record = {"raw_pixels": raw, "arms": found, "run": config}
        record["seconds"] = time.perf_counter() - began
        reports.write_json(folder / "scores.json", record)
        probing.show(raw, found, title(asked, data.name, kept))
        print(f"{record['seconds']:.0f} s in all; the records are in {folder}")


def find(asked: Settings) -> dict[str, Any]:
    """The populations of the run by arm."""
    with cli.flag("RUN", asked.run):
        arms = saved_discriminators.arms(asked.run)
    if asked.arm is not None:
        need = f"there is {', '.join(arms)}"
        cli.require(asked.arm in arms, "--arm", asked.arm, need)
        arms = {asked.arm: arms[asked.arm]}
    with cli.flag("RUN", asked.run):
        kept = {name: saved_discriminators.load(own) for name, own in arms.items()}
    for own in kept.values():
        for skipped in own.skipped:
            print(f"checkpoint left out: {skipped}")
    return kept


def title(asked: Settings, name: str, kept: dict[str, Any]) -> str:
    members = sorted({len(own.state.alive) for own in kept.values()})
    labels = reports.count(asked.labels_per_class, "label")
    return (
        f"A {asked.classifier} classifier of the discriminators' hidden layers on "
        f"{name}, {labels} per class: means over "
        f"{' or '.join(map(str, members))} members with 95 % intervals"
    )


if __name__ == "__main__":
    cli.run(main, SETTINGS)
