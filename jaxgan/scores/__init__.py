"""Scores of generated samples, each a record that carries its protocol.

Scores take arrays (samples, features or class probabilities) and are pure: `jit` them,
or `vmap` them over the members of a population. Where features come from is another
matter: `jaxgan.scores.classifier`, imported by itself, trains a feature network.
"""

from jaxgan.scores.diversity import modified_inception_score, within_class_diversity
from jaxgan.scores.frechet import (
    frechet_distance,
    frechet_distance_infinity,
    frechet_floor,
)
from jaxgan.scores.inception_score import inception_score
from jaxgan.scores.kernel import kernel_distance, vendi_score
from jaxgan.scores.mode_coverage import (
    ModeCoverage,
    confident_class,
    high_quality_ceiling,
    mode_coverage,
    nearest_mode,
)
from jaxgan.scores.neighbours import (
    Neighbours,
    density_coverage,
    nearest_neighbours,
    precision_recall,
)
from jaxgan.scores.record import Score, protocol, to_dict

__all__ = [
    "ModeCoverage",
    "Neighbours",
    "Score",
    "confident_class",
    "density_coverage",
    "frechet_distance",
    "frechet_distance_infinity",
    "frechet_floor",
    "high_quality_ceiling",
    "inception_score",
    "kernel_distance",
    "mode_coverage",
    "modified_inception_score",
    "nearest_mode",
    "nearest_neighbours",
    "precision_recall",
    "protocol",
    "to_dict",
    "vendi_score",
    "within_class_diversity",
]
