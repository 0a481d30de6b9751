"""Training a population: a program, its members on the devices, and the loop.

    program = training.compile(step, sample)
    state = training.train(program, hparams, state, keys, data, num_steps=1000)

`train` is `place`, `advance` and `collect`, which can be called on their own.
"""

from jaxgan.training.loop import Report, advance, train
from jaxgan.training.placing import Placed, ahead_of_time, collect, fetch, place
from jaxgan.training.program import (
    Program,
    Sample,
    compile,
    flops,
    operations,
    step_keys,
)

__all__ = [
    "Placed",
    "Program",
    "Report",
    "Sample",
    "advance",
    "ahead_of_time",
    "collect",
    "compile",
    "fetch",
    "flops",
    "operations",
    "place",
    "step_keys",
    "train",
]
