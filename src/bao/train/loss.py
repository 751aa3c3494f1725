"""The training objectives on log-probabilities at loss positions: pure functions, all arrays [N]."""

from typing import NamedTuple

import torch
from torch import Tensor


class PolicyLoss(NamedTuple):
    """Sum of the clipped objective over positions, and what to log; divide by the number of positions of the whole update."""

    total: Tensor
    clipped: Tensor
    """Number of positions where the clip took the gradient."""
    kl_to_sampler: Tensor
    """Sum of the k3 estimates of KL(sampler || current)."""


def k3(logprob: Tensor, other: Tensor) -> Tensor:
    """Per-position estimate ``exp(d) - d - 1``, ``d = other - logprob``, of KL(current || other): unbiased and never negative
    (Schulman, "Approximating KL divergence", 2020)."""
    difference = other - logprob
    return difference.exp() - difference - 1.0


def clipped_policy_loss(logprob: Tensor, sampled_logprob: Tensor, advantage: Tensor, clip: float) -> PolicyLoss:
    """PPO's clipped objective, summed: ``-sum min(rho A, clamp(rho, 1 - clip, 1 + clip) A)``, ``rho = exp(logprob - sampled)``.

    Where sampler and current weights agree, the gradient is that of ``-sum A logprob``.
    """
    ratio = (logprob - sampled_logprob).exp()
    plain, bounded = ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage
    with torch.no_grad():
        clipped = (bounded < plain).sum()
        kl = k3(sampled_logprob, logprob).sum()
    return PolicyLoss(-torch.minimum(plain, bounded).sum(), clipped, kl)
