"""A backend without a model: each request's seed decides what comes of it, and what a loop asks for is kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bao.action import Action, ParseFault
from bao.rollout.request import Request
from bao.train.objective import Likelihood
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn


class FakeBackend:
    """Plays one answer for each request, with weights `lag` updates old; it earns `reward`, or a share that the seed sets."""

    def __init__(
        self, *, lag: int = 0, reward: float | None = None, unreadable: ParseFault | None = None, fault: Fault | None = None
    ) -> None:
        self.version, self.lag, self.reward, self.unreadable, self.fault = 0, lag, reward, unreadable, fault
        self.sampled: list[list[Request]] = []
        self.learned: list[list[list[TokenTrace]]] = []
        """The groups of traces of each update."""
        self.rates: list[float] = []

    def sample(self, requests: Sequence[Request], *, unit: int = 1) -> list[Trajectory]:
        self.sampled.append(list(requests))
        return [self._play(request) for request in requests]

    def _play(self, request: Request) -> Trajectory:
        reward = request.seed / 2**31 if self.reward is None else self.reward
        turn = Turn("", Action("answer", "x"), "", reward, False, self.unreadable, 2)
        trace = TokenTrace(np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2), self.version - self.lag)
        names, stop = ("travel", request.task.id, "fake", request.seed, "go"), StopReason.FINISH
        return Trajectory(
            *names,
            (turn,),
            stop,
            False,
            4,
            effort_weight=request.effort_weight,
            budget=request.budget,
            fault=self.fault,
            trace=trace,
        )

    def forward_backward(self, loss: Any, groups: Sequence[Sequence[Any]], count: int) -> dict[str, float]:
        self.learned.append([[example.trace for example in group] for group in groups])
        return {"loss": 1.0, "entropy": 1.0} | ({"tokens": 1.0} if isinstance(loss, Likelihood) else {})

    def read(self, reading: Any, groups: Sequence[Sequence[TokenTrace]]) -> list[Any]:
        return [[np.full(int(trace.turn.max()) + 1, np.nan) for trace in group] for group in groups]

    def step(self, learning_rate: float, max_grad_norm: float) -> float:
        self.version += 1
        self.rates.append(learning_rate)
        return 1.0

    def save(self, folder: Path) -> None:
        (folder / "weights").touch()

    def load(self, folder: Path) -> None:
        assert (folder / "weights").is_file()
