"""What a pass over reference samples kept, kept on disk for the next time.

Found by the content of the samples, the feature network, what was asked for, versions
and code; see `jaxgan.checkpoint.file_cache`.
"""

import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxgan.checkpoint import file_cache
from jaxgan.core import files
from jaxgan.scores import (
    class_moments,
    feature_files,
    feature_networks,
    feature_passes,
    inception,
    inception_blocks,
    marginals,
    moments,
    record,
    sums,
    tf_resize,
)
from jaxgan.scores import classifier_networks as networks

FORMAT = "jaxgan-statistics-1"
CODE = (
    *(feature_passes, moments, marginals, class_moments, sums, feature_networks),
    *(networks, inception, inception_blocks, tf_resize, feature_files),
)
"""Modules on which the statistics depend."""

PARTS = {
    "moments": moments.Moments,
    "marginals": marginals.Marginals,
    "classes": class_moments.ClassMoments,
}


class Statistics(NamedTuple):
    """What was kept, whether it was read, and a sentence to show, or None."""

    kept: feature_passes.Kept
    cached: bool
    note: str | None


def default_folder() -> pathlib.Path:
    """Where statistics may be kept: `statistics` beside the downloaded weights."""
    return files.cache_folder() / "statistics"


def load_or_collect(
    collect: Callable[[], feature_passes.Kept],
    *,
    content_sha256: str,
    fingerprint: record.Protocol,
    needs: feature_passes.Needs,
    cache: pathlib.Path | None,
) -> Statistics:
    """What `collect` gives, read from the cache if it is there.

    Args:
      collect: passes over the samples.
      content_sha256: of the samples.
      fingerprint: of the feature network.
      needs: what is kept.
      cache: folder, such as `default_folder()`; None reads and writes nothing.

    Raises:
      UserError: if the folder cannot be made, and what `collect` raises.
    """
    from importlib import metadata

    origin = {
        "format": FORMAT,
        "content": content_sha256,
        "network": fingerprint,
        "needs": needs._asdict(),
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib")},
        "code": file_cache.sha256(
            [module.__loader__.get_source(module.__name__) for module in CODE]
        ),
        "device": jax.devices()[0].device_kind,
    }
    found = file_cache.load_or_make(
        cache, origin, lambda: (_tree(collect()), {}), "file of statistics"
    )
    return Statistics(_kept(found.tree), found.found, found.note)


def _tree(own: feature_passes.Kept):
    return {
        name: value._asdict() if name in PARTS else value
        for name, value in own._asdict().items()
        if value is not None
    }


def _kept(tree):
    return feature_passes.Kept(
        **{
            name: PARTS[name](**value) if name in PARTS else value
            for name, value in tree.items()
        }
    )
