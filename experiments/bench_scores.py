"""How fast are the scores, beside torch-fidelity and SciPy, and how much memory is it?

    python experiments/bench_scores.py --torch-python PYTHON

Three parts, on the CPU. The Inception network of jaxgan and that of torch-fidelity give
features of the same images, ours by `inception.features_all` with its own batch size
(and a second time in the form `onednn` where that extra is installed), theirs all at
once and in batches as small as ours. The Frechet distance of the same
features is taken by jaxgan and, in float64, with `scipy.linalg.sqrtm`. Few and many
images are passed over by `feature_passes.collect`, which keeps what the Inception
Score, the Frechet distance and the diversity need, in processes of their own, whose
peaks of memory should be equal: 50,000 with a network of hardly any time, and fewer
with the Inception network. Some eight minutes on two idle cores.

Every side is a process that stays alive and works in turn with the other, in reverse
order every other round, with the same number of threads; ratios are of a round, and
their median is reported. Weights and features are random; where there are fewer
samples than features covariances are singular, and a distance takes longer.
"""

import dataclasses
import pathlib

from jaxgan.scripts import cli


@dataclasses.dataclass(frozen=True)
class Settings:
    rounds: int = 7
    """of the network"""
    frechet_rounds: int = 3
    """of the Frechet distance"""
    batch: int = 32
    """images that the networks are given, and in a batch of the stream"""
    size: int = 32
    """height and width of the images"""
    samples: int = 10_000
    """of which the Frechet distance is taken, of each side"""
    width: int = 2048
    """features of each sample"""
    streamed: int = 50_000
    """images of a pass, which is compared with a tenth of it"""
    stream_width: int = 512
    """features of that pass, whose network is a product with a matrix"""
    inception_streamed: int = 640
    """images of a pass through the Inception network, likewise"""
    torch_python: pathlib.Path | None = None
    """interpreter that has torch-fidelity; None for the one that runs this"""
    out: pathlib.Path | None = None
    """record to write, a new file; None for none"""


if __name__ == "__main__":
    SETTINGS = cli.parse(Settings, __doc__)  # before JAX, so that --help is instant

import contextlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from bench import workers

from jaxgan import reports
from jaxgan.networks import onednn
from jaxgan.runs import journal

WORKER = pathlib.Path(__file__).parent / "bench" / "score_worker.py"
SMALL_BATCH = 4
FIDELITY = "torch_fidelity"
COUNTS = (
    "rounds",
    "frechet_rounds",
    "batch",
    "size",
    "width",
    "streamed",
    "stream_width",
    "inception_streamed",
)


def main(settings: Settings) -> None:
    cli.check(settings, dict.fromkeys(COUNTS, cli.AT_LEAST_ONE))
    need = "a covariance takes at least 2"
    cli.require(settings.samples >= 2, "--samples", settings.samples, need)
    need = f"it must be at least 10 batches, {10 * settings.batch}"
    for name in ("streamed", "inception_streamed"):
        number, flag = getattr(settings, name), "--" + name.replace("_", "-")
        cli.require(number >= 10 * settings.batch, flag, number, need)
    if settings.out is not None:
        need = "it exists, and a record is never overwritten"
        cli.require(not settings.out.exists(), "--out", settings.out, need)
    python = settings.torch_python or pathlib.Path(sys.executable)
    if settings.torch_python is not None:
        need = "this interpreter cannot be run or has no torch-fidelity"
        cli.require(workers.has(python, FIDELITY), "--torch-python", python, need)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        parts = {
            "forward": forward(settings, folder, python),
            "frechet": frechet(settings, folder),
            "memory": memory(settings),
        }
    if settings.out is not None:
        kept = dataclasses.asdict(settings)
        del kept["out"], kept["torch_python"]
        machine = {"machine": workers.machine()} | journal.environment()
        reports.write_json(settings.out, kept | machine | parts)


def forward(settings, folder, python):
    """Images per second of both networks."""
    shape = (settings.batch, settings.size, settings.size, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.save(folder / "images.npy", images)
    config = {"images": str(folder / "images.npy"), "feature": "2048"}
    sides = {"jaxgan": ("forward_jaxgan", sys.executable)}
    if onednn.installed():
        changed = {"convolution": "onednn"}
        sides["jaxgan, onednn"] = ("forward_jaxgan", sys.executable, changed)
    if workers.has(python, FIDELITY):
        for size in (settings.batch, SMALL_BATCH):
            changed = {"torch_batch": size}
            name = f"torch-fidelity, batch {size}"
            sides[name] = ("forward_fidelity", python, changed)
    else:
        print("torch-fidelity is not installed: the network is measured alone.")
    found = in_turn(sides, config, settings.rounds)
    for side in found.values():
        side["images_per_second"] = settings.batch / np.median(side["seconds"])
    show("Inception, images/s", found, "images_per_second")
    return found


def frechet(settings, folder):
    """Seconds of a Frechet distance."""
    config, rng = {}, np.random.default_rng(0)
    for name, scale in (("real", 1.0), ("fake", 1.1)):
        # Low-dimensional signal in noise, not negative, as features are.
        hidden = rng.normal(size=(settings.samples, 64))
        mix = np.random.default_rng(1).normal(size=(64, settings.width)) / 8
        noise = rng.normal(size=(settings.samples, settings.width))
        x = np.maximum(scale * hidden @ mix + 0.3 * noise, 0).astype(np.float32)
        config[name] = str(folder / f"{name}.npy")
        np.save(config[name], x)
    sides = {
        "jaxgan": ("frechet_jaxgan", sys.executable),
        "SciPy": ("frechet_scipy", sys.executable),
    }
    found = in_turn(sides, config, settings.frechet_rounds)
    for side in found.values():
        side["median_seconds"] = float(np.median(side["seconds"]))
    show("Frechet distance, s", found, "median_seconds")
    return found


def memory(settings):
    """Peaks of resident memory of short and of long streams, in bytes."""
    found = {}
    streams = {
        "projection": settings.streamed,
        "inception": settings.inception_streamed,
    }
    for network, number in streams.items():
        for images in (number // 10, number):
            config = {
                "network": network,
                "images": images,
                "size": settings.size,
                "width": settings.stream_width,
                "batch": settings.batch,
            }
            # One pass to compile and one that is measured.
            side = in_turn({"s": ("stream", sys.executable)}, config, 1)["s"]
            peak, seconds = side["peak_bytes"] or 0, side["seconds"][0]
            found.setdefault(network, {})[str(images)] = {
                "peak_bytes": side["peak_bytes"],
                "images_per_second": images / seconds,
            }
            print(
                f"pass of {images} images, {network}: peak {peak:,} bytes, "
                f"{images / seconds:.1f} images/s"
            )
    return found


def in_turn(sides, config, rounds):
    """Lets each side work once a round; seconds, values and peaks of memory."""
    found = {}
    with contextlib.ExitStack() as stack:
        started = {}
        for name, (work, python, *changed) in sides.items():
            asked = {"work": work, "cores": workers.cores()} | config
            worker = start(asked | dict(*changed), python)
            stack.callback(workers.stop, worker)
            started[name] = worker
            first = said(name, workers.answer(worker))
            found[name] = {**first, "seconds": [], "values": []}
            workers.forget_peak(worker)
        for number in range(rounds):
            for name in list(started)[:: -1 if number % 2 else 1]:
                print("", file=started[name].process.stdin, flush=True)
                answer = said(name, workers.answer(started[name]))
                found[name]["seconds"].append(answer["seconds"])
                found[name]["values"].append(answer["value"])
        for name, worker in started.items():
            found[name]["peak_bytes"] = workers.host_peak(worker)
    first = next(iter(found.values()))["seconds"]
    for side in found.values():
        ratios = np.divide(side["seconds"], first)
        side["seconds_by_ours"] = float(np.median(ratios))
    return found


def start(config, python):
    log = tempfile.TemporaryFile("w+")
    process = subprocess.Popen(
        [os.fspath(python), WORKER, json.dumps(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    return workers.Worker(process, log)


def said(name, answer):
    if "error" in answer:
        raise RuntimeError(f"{name} ended with {answer['error']}")
    return answer


def show(title, found, key):
    for name, side in found.items():
        ratio = side["seconds_by_ours"]
        print(f"{title}: {name} {side[key]:.3f}, takes {ratio:.2f} of jaxgan's time")


if __name__ == "__main__":
    cli.run(main, SETTINGS)
