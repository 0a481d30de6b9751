"""Scores of generated samples, each a record that carries its protocol.

Scores take arrays (samples, features or class probabilities) and are pure: `jit` them,
or `vmap` them over the members of a population. Where features come from is another
matter: `jaxgan.scores.classifier`, imported by itself, trains a feature network.
"""

from jaxgan.scores.diversity import modified_inception_score, within_class_diversity
from jaxgan.scores.frechet import frechet_distance, frechet_floor
from jaxgan.scores.inception_score import inception_score
from jaxgan.scores.mode_coverage import (
    ModeCoverage,
    confident_class,
    high_quality_ceiling,
    mode_coverage,
    nearest_mode,
)
from jaxgan.scores.record import Score, protocol, to_dict

__all__ = [
    "ModeCoverage",
    "Score",
    "confident_class",
    "frechet_distance",
    "frechet_floor",
    "high_quality_ceiling",
    "inception_score",
    "mode_coverage",
    "modified_inception_score",
    "nearest_mode",
    "protocol",
    "to_dict",
    "within_class_diversity",
]
