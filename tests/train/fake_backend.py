"""A backend without a model: what it plays is decided by each request's seed, and it keeps what a loop asks of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bao.action import Action, ParseFault
from bao.rollout.request import Request
from bao.train.objective import Likelihood
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn


class FakeBackend:
    """Plays one turn for each request, which earns what `reward` makes of the seed, with weights `lag` updates old."""

    def __init__(
        self,
        reward: Callable[[int], float] = lambda seed: seed / 2**31,
        *,
        lag: int = 0,
        unreadable: ParseFault | None = None,
        fault: Fault | None = None,
    ) -> None:
        self.version, self.lag, self.reward, self.unreadable, self.fault = 0, lag, reward, unreadable, fault
        self.sampled: list[list[Request]] = []
        self.learned: list[list[list[Any]]] = []
        """The traces of each update, group by group."""
        self.rates: list[float] = []

    def sample(self, requests: Sequence[Request], *, unit: int = 1) -> list[Trajectory]:
        self.sampled.append(list(requests))
        return [self._play(request) for request in requests]

    def _play(self, request: Request) -> Trajectory:
        turn = Turn("", Action("answer", "x"), "", self.reward(request.seed), False, self.unreadable, 2)
        trace = TokenTrace(np.zeros(3), np.zeros(2), np.zeros(2), np.zeros(2), self.version - self.lag)
        stop = StopReason.FAULT if self.fault else StopReason.FINISH
        names = ("travel", request.task.id, "fake", request.seed, "go")
        return Trajectory(*names, (turn,), stop, False, 4, "", request.effort_weight, fault=self.fault, trace=trace)

    def forward_backward(self, loss: Any, groups: Sequence[Sequence[Any]], count: int) -> dict[str, float]:
        self.learned.append([[example.trace for example in group] for group in groups])
        return {"loss": 1.0, "entropy": 1.0} | ({"tokens": 1.0} if isinstance(loss, Likelihood) else {})

    def step(self, learning_rate: float, max_grad_norm: float) -> float:
        self.version += 1
        self.rates.append(learning_rate)
        return 1.0

    def save(self, folder: Path) -> None:
        (folder / "weights").write_text(str(self.version))

    def load(self, folder: Path) -> None:
        assert (folder / "weights").is_file()
