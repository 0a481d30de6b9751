"""Tests of jaxgan.checkpoint."""

import json
import pickle
import tempfile
from pathlib import Path

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies
from safetensors import numpy as safetensors

from jaxgan import checkpoint
from jaxgan.checkpoint import file_cache
from jaxgan.core import errors

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


@strategies.composite
def views(draw):
    """Arrays as slices, transpositions, reversals and broadcasts leave them."""
    kinds = ("<f4", ">f4", "<f2", ">i8", "|u1", "|b1", ">c8", "bfloat16")
    kind = draw(strategies.sampled_from(kinds))
    shape = draw(strategies.lists(strategies.integers(0, 4), max_size=3))
    values = np.random.default_rng(0).integers(0, 100, shape)
    array = np.asarray(values, jnp.bfloat16 if kind == "bfloat16" else kind)
    array = np.asarray(array, order=draw(strategies.sampled_from("CF")))
    steps = [draw(strategies.sampled_from((1, 2, -1))) for _ in shape]
    array = array[(*(slice(None, None, step) for step in steps), ...)]
    array = array.transpose(draw(strategies.permutations(range(array.ndim))))
    return (
        np.broadcast_to(array, (2, *array.shape))
        if draw(strategies.booleans())
        else array
    )


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(views())
def test_an_array_in_any_order_of_memory_comes_back_as_it_was(array):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tree.safetensors"
        checkpoint.save_tree(path, {"a": array}, None)
        found = checkpoint.load_tree(path)[0]["a"]
    assert found.dtype == array.dtype.newbyteorder("=") and found.shape == array.shape
    np.testing.assert_array_equal(found.astype(complex), array.astype(complex))


def test_what_is_kept_is_found_again_in_any_order_of_memory(tmp_path):
    array = np.arange(6, dtype=">f4").reshape(2, 3).T
    tree = {"a": array, "b": np.asarray(array, jnp.bfloat16)}
    for found in (False, True):
        own = file_cache.load_or_make(tmp_path, {"of": 1}, lambda: (tree, {}), "tree")
        assert own.found is found and own.note is None


@pytest.mark.parametrize(
    "array", [np.array(["a"]), np.array([None]), jnp.ones(2, jnp.float8_e4m3fn)]
)
def test_a_type_that_cannot_be_read_back_is_refused_and_the_old_file_stays(
    array, tmp_path
):
    path = tmp_path / "tree.safetensors"
    checkpoint.save_tree(path, TREE, 1)
    with pytest.raises(errors.UserError, match="tree.safetensors: the array 0.a is of"):
        checkpoint.save_tree(path, {"a": array}, 2)
    assert checkpoint.load_tree(path)[1] == 1


def test_what_does_not_read_back_as_it_was_does_not_replace_the_old_file(
    tmp_path, monkeypatch
):
    path = tmp_path / "tree.safetensors"
    checkpoint.save_tree(path, TREE, 1)
    save = safetensors.save_file

    def wrong(arrays, name, metadata):
        other = {key: np.zeros_like(array) for key, array in arrays.items()}
        save(other, name, metadata)

    monkeypatch.setattr(safetensors, "save_file", wrong)
    with pytest.raises(errors.UserError, match="tree.safetensors: what was written"):
        checkpoint.save_tree(path, TREE, 2)
    assert checkpoint.load_tree(path)[1] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["tree.safetensors"]


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
