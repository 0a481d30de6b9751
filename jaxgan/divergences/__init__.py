"""How far apart two distributions are, by every measure the field uses.

Pure functions, batched over leading axes, in nats unless told `base=`: categorical
distributions (`categorical`, `categorical_logits`), Gaussians (`gaussian`), pairs of
samples (`samples`, `mmd`, `wasserstein`, `sinkhorn`, `histograms`), the table of
f-divergences (`f_divergences`), and what a critic says about them (`critics`).
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
from jaxgan.divergences.critics import (
    density_ratio,
    donsker_varadhan,
    js_from_discriminator,
    kl_from_discriminator,
    reverse_kl_from_discriminator,
    variational_bound,
)
from jaxgan.divergences.estimate import Estimate
from jaxgan.divergences.f_divergences import (
    F_DIVERGENCES,
    FDivergence,
    alpha_f_divergence,
    f_divergence,
)
from jaxgan.divergences.gaussian import (
    gaussian_frechet,
    gaussian_frechet_diagonal,
    gaussian_js,
    gaussian_kl,
    gaussian_kl_diagonal,
)
from jaxgan.divergences.histograms import (
    HistogramDivergence,
    histogram_js,
    histogram_kl,
)
from jaxgan.divergences.mmd import Kernel, mmd2, polynomial_kernel, rbf_kernel
from jaxgan.divergences.samples import energy_distance, knn_kl
from jaxgan.divergences.sinkhorn import Sinkhorn, sinkhorn_divergence
from jaxgan.divergences.wasserstein import sliced_wasserstein, wasserstein_1d

__all__ = [
    "Estimate",
    "FDivergence",
    "F_DIVERGENCES",
    "HistogramDivergence",
    "Kernel",
    "Sinkhorn",
    "alpha",
    "alpha_f_divergence",
    "alpha_from_logits",
    "density_ratio",
    "donsker_varadhan",
    "energy_distance",
    "f_divergence",
    "gaussian_frechet",
    "gaussian_frechet_diagonal",
    "gaussian_js",
    "gaussian_kl",
    "gaussian_kl_diagonal",
    "generalized_js",
    "generalized_js_from_logits",
    "histogram_js",
    "histogram_kl",
    "jeffreys",
    "jeffreys_from_logits",
    "js",
    "js_distance",
    "js_distance_from_logits",
    "js_from_discriminator",
    "js_from_logits",
    "kl",
    "kl_from_discriminator",
    "kl_from_logits",
    "knn_kl",
    "mmd2",
    "neyman_chi2",
    "neyman_chi2_from_logits",
    "pearson_chi2",
    "pearson_chi2_from_logits",
    "polynomial_kernel",
    "rbf_kernel",
    "renyi",
    "renyi_from_logits",
    "reverse_kl",
    "reverse_kl_from_discriminator",
    "reverse_kl_from_logits",
    "sinkhorn_divergence",
    "sliced_wasserstein",
    "squared_hellinger",
    "squared_hellinger_from_logits",
    "total_variation",
    "total_variation_from_logits",
    "variational_bound",
    "wasserstein_1d",
]
