"""The scripts of `experiments/` are installed as `jaxgan.experiments`.

All else is in pyproject.toml, which cannot both find packages and name one.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["jaxgan*"]),
        *("jaxgan.experiments", "jaxgan.experiments.bench"),
        "jaxgan.experiments.sweeps",
    ],
    package_dir={"jaxgan.experiments": "experiments"},
    package_data={
        "jaxgan": ["py.typed"],
        "jaxgan.networks.onednn": ["*.cc", "*.h"],
        "jaxgan.experiments.sweeps": ["*.toml"],
    },
)
