"""Muon for weight matrices: the optimiser of the warm start from scratch.

Muon (Jordan et al., 2024) orthogonalises the momentum of each weight matrix by a Newton-Schulz iteration; in trials a small
model learned the demonstrations from fewer tokens than with AdamW. torch's own Muon iterates in bfloat16, which processors
without bfloat16 arithmetic run some ten times slower than this one in the weights' precision.
"""

from collections.abc import Callable

import torch
from torch import Tensor

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Quintic iteration of the original, tuned to bring singular values near 1 quickly."""
_ITERATIONS = 5


def orthogonalise(matrix: Tensor) -> Tensor:
    """A matrix with the singular vectors of `matrix` [m, n] and singular values near 1 (between about 0.7 and 1.2)."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result


class Muon(torch.optim.Optimizer):
    """Muon on matrices, its update scaled by ``0.2 sqrt(max(m, n))`` to the size of AdamW's (Liu et al., 2025)."""

    def __init__(self, matrices: list[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].lerp_(parameter.grad, 1.0 - group["momentum"])
                update = parameter.grad.lerp(state["momentum"], group["momentum"])
                parameter.add_(orthogonalise(update), alpha=-group["lr"] * 0.2 * max(parameter.shape) ** 0.5)


def optimizers(name: str, model: torch.nn.Module, lr: float, weight_decay: float) -> list[torch.optim.Optimizer]:
    """The optimisers that a setting names, under one learning rate.

    ``adamw`` takes every weight; ``muon`` leaves to AdamW all but the hidden matrices: embeddings, head, norms and biases.
    """
    matrices: list[Tensor] = []
    others: list[Tensor] = []
    for key, parameter in model.named_parameters():
        hidden = name == "muon" and parameter.ndim == 2 and "embed" not in key and "lm_head" not in key
        (matrices if hidden else others).append(parameter)
    adamw = torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=weight_decay)
    return [Muon(matrices, lr), adamw] if matrices else [adamw]
