"""The published weights of the Inception network: found or downloaded, verified, kept.

The file is verified before it is opened, read by `torch_files`, which runs nothing of
it, and converted once to safetensors beside it, with batch norms made part of the
convolutions.
"""

import hashlib
import http.client
import os
import pathlib
import shutil
import urllib.request
from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np

from jaxgan import types
from jaxgan.checkpoint import trees
from jaxgan.core import errors, files, randomness
from jaxgan.scores import inception, torch_files
from jaxgan.scores import inception_blocks as blocks

NAME = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{NAME}"
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

PATH_VARIABLE = "JAXGAN_INCEPTION"
"""Environment variable with the path of the weights."""

TIMEOUT = 30.0
"""Seconds without an answer after which a download is given up."""

EPSILON = 1e-3
"""Of the batch norms."""

FORMAT = "inception-2015-12-05, batch norms folded, 1"


class Weights(NamedTuple):
    """What `inception.features` needs.

    Attributes:
      params: the arrays, of NumPy.
      sha256: of the file of PyTorch that they come from, for protocols.
    """

    params: types.Tree
    sha256: str


def load(path: str | os.PathLike | None = None, sha256: str | None = SHA256) -> Weights:
    """The weights, of a file, or else downloaded once.

    Args:
      path: of the file `pt_inception-2015-12-05-6726825d.pth` under any name, or of
        what was converted from it. None for the one that the environment variable
        `JAXGAN_INCEPTION` names, or else for the one in the cache: the folder
        `JAXGAN_CACHE`, else `jaxgan` in `XDG_CACHE_HOME` or in `~/.cache`, where it is
        put if it is not there.
      sha256: which the file of PyTorch must have. None takes any weights of that shape:
        what is told in their features are no published scores.

    Returns:
      The weights.

    Raises:
      UserError: if there is no such file and it cannot be downloaded, it is another, or
        damaged.
    """
    path = path or os.environ.get(PATH_VARIABLE)
    if path is None:
        path = files.cache_folder() / NAME
        if not path.is_file() and not _converted(path).is_file():
            _download(path, sha256)
    path = pathlib.Path(path)
    if path.suffix == ".safetensors":
        return _read(path, sha256)
    kept = _converted(path)
    if kept.is_file() and not path.is_file():
        return _read(kept, sha256)
    measured = _verify(path, sha256)
    if kept.is_file():
        found = _read(kept, None)
        if found.sha256 == measured:
            return found
    params = convert(torch_files.read_arrays(path), path)
    _keep(kept, params, measured)
    return Weights(params, measured)


def convert(
    arrays: Mapping[str, np.ndarray], path: str | os.PathLike = "the state dictionary"
) -> types.Tree:
    """From the arrays of PyTorch to those of `inception.Inception`.

    A convolution, `y = w * x`, and its batch norm, `g (y - m) / sqrt(v + 1e-3) + b`,
    become a convolution by `g w / sqrt(v + 1e-3)` with a bias.

    Args:
      arrays: by the names of the published file; others are left alone.
      path: where they come from, for messages.

    Returns:
      Nested dictionaries of float32, kernels as `[H, W, in, out]`.

    Raises:
      UserError: if an array is missing, has another shape, or is not finite.
    """
    tree: dict = {}
    for names, target in _sources():
        parts = [_folded(arrays, name, path) for name in names]
        node = tree
        for key in target:
            node = node.setdefault(key, {})
        node["kernel"] = np.concatenate([kernel for kernel, _ in parts], axis=-1)
        node["bias"] = np.concatenate([bias for _, bias in parts])
    tree["kernel"] = np.ascontiguousarray(_get(arrays, "fc.weight", path).T)
    tree["bias"] = _get(arrays, "fc.bias", path)
    tree = jax.tree.map(lambda x: np.asarray(x, np.float32, order="C"), tree)
    _check_tree(tree, path)
    return tree


def _sources():
    """Names of the file's convolutions, and the keys to the one made of them."""
    for steps in inception.STAGES.values():
        for step in steps:
            if isinstance(step, blocks.Layer):
                yield [step.name], (step.name,)
            elif step in blocks.BLOCKS:
                branches = blocks.BLOCKS[step]
                shared = blocks.shared_entries(branches)
                yield [f"{step}.{layer.name}" for layer in shared], (step, blocks.ENTRY)
                for branch in branches:
                    alone = [branch.entry] if branch.pool == "max" else []
                    for layer in (*alone, *branch.layers, *branch.fork):
                        yield [f"{step}.{layer.name}"], (step, layer.name)


def _folded(arrays, name, path):
    kernel = _get(arrays, f"{name}.conv.weight", path)
    scale, bias, mean, variance = (
        _get(arrays, f"{name}.bn.{what}", path)
        for what in ("weight", "bias", "running_mean", "running_var")
    )
    if kernel.ndim != 4 or {x.shape for x in (scale, bias, mean, variance)} != {
        kernel.shape[:1]
    }:
        raise errors.UserError(f"{path} holds arrays of another network for {name}.")
    scale = scale / np.sqrt(variance + EPSILON)
    return kernel.transpose(2, 3, 1, 0) * scale, bias - mean * scale


def _get(arrays, name, path):
    if name not in arrays:
        raise errors.UserError(
            f"{path} holds weights of another network: there is no {name}."
        )
    return np.asarray(arrays[name], np.float64)


def _check_tree(tree, path):
    shapes = jax.eval_shape(inception.init, randomness.key(0))
    if jax.tree.structure(tree) != jax.tree.structure(shapes) or any(
        x.shape != y.shape
        for x, y in zip(jax.tree.leaves(tree), jax.tree.leaves(shapes), strict=True)
    ):
        raise errors.UserError(f"{path} holds arrays of another network.")
    if not all(np.isfinite(x).all() for x in jax.tree.leaves(tree)):
        raise errors.UserError(f"{path} holds weights that are not finite.")


def _converted(path: pathlib.Path) -> pathlib.Path:
    return path.with_suffix(".safetensors")


def _keep(path, params, sha256):
    description = {"format": FORMAT, "source": sha256, "content": _digest(params)}
    try:
        trees.save_tree(path, params, description)
    except OSError:
        # A folder that cannot be written to, as of weights that many share, costs no
        # more than reading the original each time.
        return


def _read(path, sha256):
    params, description = trees.load_tree(path)
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise errors.UserError(
            f"{path} was not converted from {NAME}; give the path of that file."
        )
    source = description.get("source")
    if sha256 not in (None, source):
        raise errors.UserError(
            f"{path} was converted from a file with the sha256 {source}, not {sha256}; "
            f"remove it, or give the path of {NAME}."
        )
    if _digest(params) != description.get("content"):
        raise errors.UserError(
            f"{path} is damaged; remove it to have it converted again."
        )
    _check_tree(params, path)
    return Weights(params, source)


def _digest(params):
    digest = hashlib.sha256()
    for keys, leaf in jax.tree_util.tree_leaves_with_path(params):
        digest.update(f"{jax.tree_util.keystr(keys)}{leaf.shape}".encode())
        digest.update(np.ascontiguousarray(leaf, "<f4").tobytes())
    return digest.hexdigest()


def _verify(path, sha256):
    measured = _sha256(path)
    if sha256 not in (None, measured):
        raise errors.UserError(
            f"The weights {path} have the sha256 {measured}, not {sha256}, and are not "
            f"opened; put the file from {URL} in their place."
        )
    return measured


def _sha256(path):
    try:
        with open(path, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise errors.UserError(
            f"The weights {path} cannot be read ({error.strerror}); download {URL} and "
            f"give its path, as an argument or in {PATH_VARIABLE}."
        ) from None


def _download(path, sha256):
    def write(temporary: str) -> None:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as response:
            with open(temporary, "wb") as out:
                shutil.copyfileobj(response, out, 2**20)
        _verify(pathlib.Path(temporary), sha256)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, write)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise errors.UserError(
            f"The weights of the Inception network are not in {path.parent} and cannot "
            f"be downloaded ({reason}); download {URL} elsewhere and give its path, as "
            f"an argument or in the environment variable {PATH_VARIABLE}."
        ) from None
