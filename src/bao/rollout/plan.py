"""Which episodes a run consists of: every task under every seed, each with a key that tells it from any other."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from bao.gym import Gym
from bao.policy import Policy
from bao.task import Task

MakeGym = Callable[[], Gym]
MakePolicy = Callable[[Gym, int], Policy]
"""A fresh policy from the gym that it will play in and a seed, as `Gym.scripted_policies` offers."""


class Episode(NamedTuple):
    """One episode that is to be played."""

    task: Task
    seed: int
    policy_seed: int


@dataclass(frozen=True)
class Plan:
    """The episodes of a run, numbered from 0: all tasks under the first seed, all under the second, and so on.

    An episode's randomness hangs on its seed and its task's place alone, so that it does not matter who plays it, when, and
    beside which others. Can be pickled where `make_gym` and `make_policy` can: other processes then play it too.
    """

    make_gym: MakeGym
    make_policy: MakePolicy
    tasks: Sequence[Task]
    seeds: Sequence[int] = (0,)
    settings: Mapping[str, Any] | None = None
    """What else can change an episode, as plain values: the gym and its version, the policy. Part of every key."""
    system: Callable[[Gym], str] = Gym.instructions
    """What the policy is told at the start."""
    effort_weight: float | None = None
    """The price that this tells; noted in the trajectories."""
    budget: int | None = None
    """The budget of user turns that it tells; likewise."""

    def __len__(self) -> int:
        return len(self.tasks) * len(self.seeds)

    def __getitem__(self, index: int) -> Episode:
        seed, number = self.seeds[index // len(self.tasks)], index % len(self.tasks)
        return Episode(self.tasks[number], seed, int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))

    def key(self, index: int) -> str:
        """A digest of all that the episode depends on."""
        seed, number = self.seeds[index // len(self.tasks)], index % len(self.tasks)
        return digest_of(self.identity, self._contents[number], seed)

    def name(self, index: int) -> tuple[str, int]:
        """The episode's task and seed."""
        return self.tasks[index % len(self.tasks)].id, self.seeds[index // len(self.tasks)]

    @cached_property
    def identity(self) -> str:
        """A digest of `settings`."""
        return digest_of(self.settings or {})

    @cached_property
    def _contents(self) -> list[str]:
        return [digest_of(task.to_json(), number) for number, task in enumerate(self.tasks)]


def tasks_digest(tasks: Sequence[Task]) -> str:
    """A digest of the tasks' whole content, in their order."""
    return digest_of([digest_of(task.to_json()) for task in tasks])


def digest_of(*values: Any) -> str:
    """A digest of plain values; of what JSON does not know, of its text."""
    text = json.dumps(values, sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
