"""Tests of jaxgan.checkpoint."""

import json
import pickle

import numpy as np
import pytest
from safetensors import numpy as safetensors

from jaxgan import checkpoint, errors

TREE = {
    "a": {"b/c": np.arange(6, dtype=np.float32).reshape(2, 3), "d": np.int32(7)},
    "e": np.array([True, False]),
}


def test_a_tree_comes_back_as_it_was(tmp_path):
    path = tmp_path / "tree.safetensors"
    checkpoint.save_tree(path, TREE, {"width": 32, "note": "é"})
    tree, description = checkpoint.load_tree(path)
    assert description == {"width": 32, "note": "é"}
    assert set(tree) == {"a", "e"} and set(tree["a"]) == {"b/c", "d"}
    for one, other in [
        (tree["a"]["b/c"], TREE["a"]["b/c"]),
        (tree["a"]["d"], TREE["a"]["d"]),
        (tree["e"], TREE["e"]),
    ]:
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_the_same_tree_is_the_same_file(tmp_path):
    written = []
    for i in range(8):
        path = tmp_path / f"{i}.safetensors"
        checkpoint.save_tree(path, TREE, {"width": 32, "note": "a"})
        written.append(path.read_bytes())
    assert len(set(written)) == 1


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "tree.safetensors"
    checkpoint.save_tree(path, TREE, 1)
    with pytest.raises(TypeError):
        checkpoint.save_tree(path, TREE, object())
    assert checkpoint.load_tree(path)[1] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["tree.safetensors"]


@pytest.mark.parametrize("content", [b"", b"no archive", None, "pickle", "foreign"])
def test_files_that_are_not_ours_are_refused_and_never_executed(tmp_path, content):
    path = tmp_path / "file.safetensors"
    if content == "pickle":
        path.write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    elif content == "foreign":
        safetensors.save_file({"weights": np.zeros(3)}, path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.UserError) as error:
        checkpoint.load_tree(path)
    assert str(path) in str(error.value)
    assert not (tmp_path / "exploded").exists()


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "tree.safetensors"
    checkpoint.save_tree(path, TREE, None)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(errors.UserError):
        checkpoint.load_tree(path)


@pytest.mark.parametrize(
    "keys", [{"0": []}, {"0": ["a"], "1": ["a", "b"]}, [], {"2": 1}]
)
def test_a_forged_header_is_refused(keys, tmp_path):
    path = tmp_path / "tree.safetensors"
    header = {"format": "jaxgan-tree-2", "keys": keys, "description": None}
    arrays = {"0": np.ones(2), "1": np.ones(2)}
    safetensors.save_file(arrays, path, {"jaxgan": json.dumps(header)})
    with pytest.raises(errors.UserError, match="not a file that jaxgan saved"):
        checkpoint.load_tree(path)


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")
