"""The libraries that scores are compared with, of the extra `oracle`."""

import importlib
import sys
import types
import warnings

import pytest

VISION = ("", ".datasets", ".transforms", ".transforms.functional")


def import_fidelity(module):
    """A module of torch-fidelity, whose own imports give warnings.

    All of it needs torchvision, which loads only beside the very build of PyTorch that
    it was made for. Nothing compared here uses it, so an empty one will do.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            importlib.import_module("torchvision")
        except (ImportError, RuntimeError):
            for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            for ending in VISION:
                sys.modules[f"torchvision{ending}"] = empty(f"torchvision{ending}")
        return importlib.import_module(f"torch_fidelity.{module}")


def empty(name):
    made = types.ModuleType(name)
    made.__path__ = []
    if name.endswith(".datasets"):
        for dataset in ("CIFAR10", "CIFAR100", "STL10"):
            setattr(made, dataset, object)
    return made


@pytest.fixture(scope="session")
def fidelity():
    """Imports modules of torch-fidelity by name."""
    return import_fidelity
