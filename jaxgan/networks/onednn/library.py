"""The compiled half of this folder: built once for a machine, then loaded.

It is made on the user's machine by the C++ compiler there, as it has to fit both the
installed jaxlib and the installed oneDNN, and is kept under a name that says which.
"""

import contextlib
import ctypes
import functools
import hashlib
import importlib.metadata
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

import jax

from jaxgan.core import errors, files

SOURCES = tuple(
    pathlib.Path(__file__).with_name(name) for name in ("convolutions.cc", "products.h")
)

FUNCTIONS = ("forward", "input_gradient", "kernel_gradient", "power_iteration")
"""Of the library, registered with XLA as `jaxgan_onednn_NAME`."""

WHEELS = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
"""Distributions of the extra `onednn`: oneDNN itself and its headers."""

FLAGS = ("-O2", "-std=c++20", "-shared", "-fPIC", "-fopenmp", "-w")

WAY_OUT = (
    "pip install 'jaxgan[onednn]' brings it on Linux with x86-64, or use another form."
)


@functools.cache
def load() -> ctypes.CDLL:
    """Makes the functions known to XLA, and returns the library that they are of.

    Raises:
      UserError: without oneDNN or a C++ compiler, or if that fails.
    """
    headers, shared = _installed()
    path = _kept(headers, shared)
    try:
        # With its symbols its own: PyTorch brings another oneDNN. What ours needs comes
        # first, as the system would look for one of that name in LD_LIBRARY_PATH.
        ctypes.CDLL(str(shared), mode=os.RTLD_LOCAL | os.RTLD_NOW)
        library = ctypes.CDLL(str(path), mode=os.RTLD_LOCAL | os.RTLD_NOW)
    except OSError as error:
        raise errors.UserError(
            f"convolution='onednn' could not load {path} ({error}); remove that file "
            "to build it again, or use another form."
        ) from error
    for name in FUNCTIONS:
        handler = jax.ffi.pycapsule(getattr(library, name))
        jax.ffi.register_ffi_target(f"jaxgan_onednn_{name}", handler, platform="cpu")
    return library


@functools.cache
def computes_bfloat16() -> bool:
    """Whether oneDNN has the three maps in bfloat16 on this processor."""
    return bool(load().computes_bfloat16())


def installed() -> bool:
    """Whether the extra is; a compiler is looked for when the library is built."""
    return None not in _files()


def _files() -> tuple[pathlib.Path | None, pathlib.Path | None]:
    return _file(WHEELS[1], "oneapi/dnnl/dnnl.hpp"), _file(WHEELS[0], "libdnnl.so.3")


def _installed() -> tuple[pathlib.Path, pathlib.Path]:
    """The folder of oneDNN's headers and its library, as its wheels install them."""
    headers, shared = _files()
    if headers is None or shared is None:
        raise errors.UserError(
            f"convolution='onednn' needs oneDNN and its headers; {WAY_OUT}"
        )
    return headers.parents[2], shared


def _file(wheel: str, name: str) -> pathlib.Path | None:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files(wheel) or ():
            if file.as_posix().endswith(f"/{name}"):
                return pathlib.Path(str(file.locate())).resolve()
    return None


def _kept(headers: pathlib.Path, shared: pathlib.Path) -> pathlib.Path:
    """The built library, from the cache if what it is made of has not changed."""
    versions = [importlib.metadata.version(name) for name in ("jaxlib", *WHEELS)]
    made_of = [*(own.read_text() for own in SOURCES), *FLAGS, *versions, str(shared)]
    name = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    path = files.cache_folder() / "onednn" / f"convolutions-{name}.so"
    if not path.is_file():
        print(f"building {path}, once for this machine", file=sys.stderr)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_whole(path, lambda own: _build(own, headers, shared))
        except OSError as error:
            raise errors.UserError(
                f"convolution='onednn' could not keep {path} ({error.strerror}); name "
                f"another folder in {files.CACHE_VARIABLE}, or use another form."
            ) from error
    return path


def _build(path: str, headers: pathlib.Path, shared: pathlib.Path) -> None:
    named = shlex.split(os.environ.get("CXX", ""))
    compiler, *options = named or ["c++" if shutil.which("c++") else "g++"]
    if shutil.which(compiler) is None:
        raise errors.UserError(
            f"convolution='onednn' is built by a C++ compiler and {compiler} is not "
            "here; install one, such as g++, or name it in CXX, or use another form."
        )
    include = [f"-I{headers}", f"-I{jax.ffi.include_dir()}"]
    flags = [*options, *FLAGS, *include]
    done = subprocess.run(
        [compiler, *flags, str(SOURCES[0]), str(shared), "-o", path],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # So that an error is called an error, in whatever language the user reads.
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        raise errors.UserError(
            f"convolution='onednn' could not be built by {compiler} "
            f"({(lines or ['no reason given'])[0].strip()}); name another compiler in "
            "CXX, or use another form."
        )
