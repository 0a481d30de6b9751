"""Tests of data look for nothing in the folders of whoever runs them."""

import pytest


@pytest.fixture(autouse=True)
def default_folder(tmp_path_factory, monkeypatch):
    """An empty default folder of prepared data."""
    folder = tmp_path_factory.mktemp("default")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    monkeypatch.delenv("JAXGAN_DATA_DIR", raising=False)
    return folder
