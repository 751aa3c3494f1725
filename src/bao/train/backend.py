"""The seam between a training loop and the machine it trains on: whose weights they are, and who computes with them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from bao.models.work import Loss, Reading
from bao.rollout.request import Request
from bao.train.examples import Example
from bao.trajectory import TokenTrace, Trajectory


class Backend(Protocol):
    """A model in training: it samples with its weights, adds up gradients, and steps."""

    version: int
    """Updates that its weights have had, also before a checkpoint that was loaded."""

    def sample(self, requests: Sequence[Request], *, unit: int = 1) -> list[Trajectory]:
        """Play `requests`, in whose order the trajectories are; each trace bears `version`. Runs of `unit` share a prompt."""

    def forward_backward(self, loss: Loss, groups: Sequence[Sequence[Example]], count: float) -> dict[str, float]:
        """Add the gradient of `loss` over `groups`, divided by `count` loss positions; the sums that it logs."""

    def read(self, reading: Reading, groups: Sequence[Sequence[TokenTrace]]) -> list[Any]:
        """What the current weights say of each of `groups`, in their order."""

    def step(self, learning_rate: float, max_grad_norm: float) -> float:
        """One update with the gradient so far, clipped to `max_grad_norm`; its norm before."""

    def save(self, folder: Path) -> None:
        """Write weights and optimiser into `folder`. Raises `OSError` with the reason where they cannot be written."""

    def load(self, folder: Path) -> None:
        """Read what `save` wrote. Raises `DataError` where it is damaged or of another model."""
