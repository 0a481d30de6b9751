"""What a run keeps on disk: checkpoints that are verified, and trees in one file.

    manager = checkpoint.open(folder)
    checkpoint.save(manager, step, tree, extra, description)    # in the background
    checkpoint.close(manager)
    found = checkpoint.restore(folder, tree, description)       # the newest whole one
    found = checkpoint.read(folder)                             # likewise, to look at

Nothing here is read in a way that could run code.
"""

from jaxgan.checkpoint.manager import (
    Manager,
    close,
    open,
    save,
    wait,
)
from jaxgan.checkpoint.reading import Read, Restored, read, restore, steps
from jaxgan.checkpoint.trees import load_tree, save_tree

__all__ = [
    "Manager",
    "Read",
    "Restored",
    "close",
    "load_tree",
    "open",
    "read",
    "restore",
    "save",
    "save_tree",
    "steps",
    "wait",
]
