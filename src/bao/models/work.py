"""What one process does with a local model: play episodes, add up gradients, read what the model says of given tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from bao.gym import Gym
from bao.models.engine import Engine
from bao.models.template import Template
from bao.policies.prompt import PromptForm
from bao.rollout.request import GymLimits, Limits, OnEpisode, Request
from bao.trajectory import Trajectory


class Loss(Protocol):
    """Adds its gradient over `groups` to ``model.grad``, divided by `count`; the sums to log.

    `count` is the number of loss positions of the whole update, so that the shares of several processes add up.
    """

    def __call__(
        self, model: Any, reference: Any, groups: Sequence[Any], count: float, pad_id: int, autocast: bool
    ) -> dict[str, float]: ...


class Reading(Protocol):
    """What a model says of each of `groups`, in their order; called without gradients. Other processes take it by value."""

    def __call__(self, model: Any, template: Template, groups: Sequence[Any], autocast: bool) -> list[Any]: ...


@dataclass(frozen=True)
class Rollouts:
    """How episodes are played. `make_gym` must be importable by name, since other processes call it."""

    make_gym: Callable[[], Gym]
    limits: Limits
    rows: int = 256
    temperature: float = 1.0
    form: PromptForm = PromptForm.FULL
    policy: str = "local"
    autocast: bool = False
    gym_limits: GymLimits = field(default_factory=GymLimits)
    """Over all processes."""


class Work:
    """What one process does."""

    def __init__(self, model: Any, reference: Any, template: Template, rollouts: Rollouts | None) -> None:
        self.model, self.reference, self.template = model, reference, template
        self.autocast = rollouts is not None and rollouts.autocast
        playing = {name: value for name, value in vars(rollouts).items() if name != "autocast"} if rollouts else {}
        self.engine = Engine(model, template, **playing) if rollouts else None

    def rollout(self, requests: Sequence[Request], weights_version: int, on_episode: OnEpisode | None) -> list[Trajectory]:
        assert self.engine is not None, "these workers were made without a gym to play"
        device = next(self.model.parameters()).device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.autocast):
            return self.engine.run(requests, weights_version=weights_version, on_episode=on_episode)

    def accumulate(self, loss: Loss, groups: Sequence[Any], count: float) -> dict[str, float]:
        self.model.train()
        return loss(self.model, self.reference, groups, count, self.template.pad_id, self.autocast)

    def read(self, reading: Reading, groups: Sequence[Any]) -> list[Any]:
        self.model.eval()
        with torch.no_grad():
            return reading(self.model, self.template, groups, self.autocast)
