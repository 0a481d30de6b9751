"""Scores of generated samples, each a record that carries its protocol.

Scores take arrays (samples, features or class probabilities) and are pure: `jit` them,
or `vmap` them over the members of a population. Where features come from is another
matter: `jaxgan.scores.classifier`, imported by itself, trains a feature network.
`jaxgan.scores.inception` is the network of the published scores, and
`jaxgan.scores.weights` finds its weights.
`jaxgan.scores.moments`, `marginals` and `class_moments`, likewise, take features and
probabilities batch by batch; `feature_passes` passes over samples once for all scores,
and `by_name` scores what that kept. `text_suites` has the scores of sequences.
"""

from jaxgan.scores.bins import (
    PrecisionRecallCurve,
    bin_counts,
    bins_js,
    cluster_centres,
    number_of_distinct_bins,
    prd,
    prd_of_counts,
)
from jaxgan.scores.class_recall import ClassRecall, class_recall
from jaxgan.scores.classes import (
    IntraClassFrechet,
    intra_class_floor,
    intra_class_frechet,
)
from jaxgan.scores.classification import (
    ClassificationAccuracy,
    classification_accuracy_score,
)
from jaxgan.scores.clipped import clipped_density_coverage
from jaxgan.scores.copies import memorisation, repetition
from jaxgan.scores.diversity import modified_inception_score, within_class_diversity
from jaxgan.scores.frechet import (
    frechet_distance,
    frechet_distance_infinity,
    frechet_floor,
)
from jaxgan.scores.inception_score import inception_score
from jaxgan.scores.kernel import kernel_distance, vendi_score
from jaxgan.scores.kernel_entropy import kernel_entropic_novelty, rke_mode_count
from jaxgan.scores.latents import generator_conditioning, perceptual_path_length
from jaxgan.scores.likelihood import (
    density_ratio_log_likelihood,
    parzen_bandwidth,
    parzen_log_likelihood,
)
from jaxgan.scores.low_diversity import warn_of_low_diversity
from jaxgan.scores.mode_coverage import (
    ModeCoverage,
    confident_class,
    high_quality_ceiling,
    mode_coverage,
    nearest_mode,
    stacked_classes,
)
from jaxgan.scores.neighbours import (
    Neighbours,
    density_coverage,
    nearest_neighbours,
    precision_recall,
)
from jaxgan.scores.record import Score, protocol, to_dict
from jaxgan.scores.similarity import birthday_support, ms_ssim, ms_ssim_diversity
from jaxgan.scores.within_modes import within_mode_deviation, within_mode_energy

__all__ = [
    "ClassRecall",
    "ClassificationAccuracy",
    "IntraClassFrechet",
    "ModeCoverage",
    "Neighbours",
    "PrecisionRecallCurve",
    "Score",
    "bin_counts",
    "bins_js",
    "birthday_support",
    "class_recall",
    "classification_accuracy_score",
    "clipped_density_coverage",
    "cluster_centres",
    "confident_class",
    "density_coverage",
    "density_ratio_log_likelihood",
    "frechet_distance",
    "frechet_distance_infinity",
    "frechet_floor",
    "generator_conditioning",
    "high_quality_ceiling",
    "inception_score",
    "intra_class_floor",
    "intra_class_frechet",
    "kernel_distance",
    "kernel_entropic_novelty",
    "memorisation",
    "mode_coverage",
    "modified_inception_score",
    "ms_ssim",
    "ms_ssim_diversity",
    "nearest_mode",
    "nearest_neighbours",
    "number_of_distinct_bins",
    "parzen_bandwidth",
    "parzen_log_likelihood",
    "perceptual_path_length",
    "prd",
    "prd_of_counts",
    "precision_recall",
    "protocol",
    "repetition",
    "rke_mode_count",
    "stacked_classes",
    "to_dict",
    "vendi_score",
    "warn_of_low_diversity",
    "within_class_diversity",
    "within_mode_deviation",
    "within_mode_energy",
]
