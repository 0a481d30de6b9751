"""How far apart two distributions are, by every measure the field uses.

Pure functions, batched over leading axes, in nats unless told `base=`: categorical
distributions from probabilities and from logits, and Gaussians.
"""

from jaxgan.divergences.categorical import (
    alpha,
    generalized_js,
    jeffreys,
    js,
    js_distance,
    kl,
    neyman_chi2,
    pearson_chi2,
    renyi,
    reverse_kl,
    squared_hellinger,
    total_variation,
)
from jaxgan.divergences.categorical_logits import (
    alpha_from_logits,
    generalized_js_from_logits,
    jeffreys_from_logits,
    js_distance_from_logits,
    js_from_logits,
    kl_from_logits,
    neyman_chi2_from_logits,
    pearson_chi2_from_logits,
    renyi_from_logits,
    reverse_kl_from_logits,
    squared_hellinger_from_logits,
    total_variation_from_logits,
)
from jaxgan.divergences.gaussian import (
    Estimate,
    gaussian_frechet,
    gaussian_frechet_diagonal,
    gaussian_js,
    gaussian_kl,
    gaussian_kl_diagonal,
)

__all__ = [
    "Estimate",
    "alpha",
    "alpha_from_logits",
    "gaussian_frechet",
    "gaussian_frechet_diagonal",
    "gaussian_js",
    "gaussian_kl",
    "gaussian_kl_diagonal",
    "generalized_js",
    "generalized_js_from_logits",
    "jeffreys",
    "jeffreys_from_logits",
    "js",
    "js_distance",
    "js_distance_from_logits",
    "js_from_logits",
    "kl",
    "kl_from_logits",
    "neyman_chi2",
    "neyman_chi2_from_logits",
    "pearson_chi2",
    "pearson_chi2_from_logits",
    "renyi",
    "renyi_from_logits",
    "reverse_kl",
    "reverse_kl_from_logits",
    "squared_hellinger",
    "squared_hellinger_from_logits",
    "total_variation",
    "total_variation_from_logits",
]
