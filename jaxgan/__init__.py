"""Experiments with generative adversarial networks, whole populations at a time.

Nothing is imported here, so that `import jaxgan` costs nothing and each module
brings only what it needs. Start reading at `jaxgan.types`.
"""

__version__ = "0.1.0"
