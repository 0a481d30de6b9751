"""The objectives of both players in PyTorch, those of `jaxgan.losses` and penalties."""

import torch
from torch.nn import functional


def discriminator_loss(discriminator, real, fake, loss, r1=None, r2=None):
    """The loss of that name, with R1 and R2 of those weights unless they are None."""
    if r1 is not None:
        real = real.detach().requires_grad_()
    if r2 is not None:
        fake = fake.detach().requires_grad_()
    real_logits, fake_logits = discriminator(real), discriminator(fake)
    value = _DISCRIMINATOR[loss](real_logits, fake_logits)
    for weight, x, logits in ((r1, real, real_logits), (r2, fake, fake_logits)):
        if weight is not None:
            (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
            value = value + weight * gradient.square().flatten(1).sum(1).mean()
    return value


def generator_loss(discriminator, real, fake, loss):
    """The loss of that name; only where it compares pairs are real samples judged."""
    if loss == "relativistic":
        difference = discriminator(real) - discriminator(fake)
        return functional.softplus(difference).mean()
    logits = discriminator(fake)
    return -logits.mean() if loss == "hinge" else functional.softplus(-logits).mean()


def _non_saturating(real, fake):
    return functional.softplus(-real).mean() + functional.softplus(fake).mean()


def _hinge(real, fake):
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def _relativistic(real, fake):
    return functional.softplus(fake - real).mean()


_DISCRIMINATOR = {
    "non_saturating": _non_saturating,
    "hinge": _hinge,
    "relativistic": _relativistic,
}
