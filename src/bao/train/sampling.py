"""The groups of one step: tasks, and an effort weight or a budget each, drawn, played by the backend, shaped and credited."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from bao.gym import Gym
from bao.rollout.information import with_information
from bao.task import Task, TaskSet
from bao.train.backend import Backend
from bao.train.counterfactual import MaskedFeedback
from bao.train.groups import Group, make_group, with_intrinsic
from bao.train.infopo import InfoPO
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
from bao.train.told import draw_told


@dataclass
class Seconds:
    """Wall seconds of the parts of a step."""

    spent: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.spent[part] = time.perf_counter() - start


@dataclass(frozen=True)
class Sampler:
    """Plays the groups that an update learns from."""

    backend: Backend
    tasks: TaskSet
    settings: GRPOSection
    shaping: Shaping
    credit: CreditSection
    seed: int
    infopo: InfoPO | None = None
    """Adds an intrinsic part to the advantages."""
    listener: Gym | None = None
    """Says what each query told, where `shaping` asks for it."""

    def sample(self, step: int, rng: np.random.Generator, seconds: Seconds) -> tuple[list[Group], int]:
        """Play the groups of `step` with the current weights; the groups, and the number of faulted episodes."""
        settings, size = self.settings, self.settings.group_size
        drawn = list(zip(self._tasks_of(step), draw_told(settings, rng), strict=True))
        requests = [told.request(task, int(rng.integers(2**31))) for task, told in drawn for _ in range(size)]
        with seconds.of("rollout"):
            trajectories = self.backend.sample(requests, unit=size)
        if self.listener is not None:
            with seconds.of("information"):
                trajectories = with_information(trajectories, self.listener, [task for task, _ in drawn])
        groups = [
            make_group(task, told.price, trajectories[i * size : (i + 1) * size], self.shaping, self.credit)
            for i, (task, told) in enumerate(drawn)
        ]
        return [group for group in groups if group is not None], sum(each.fault is not None for each in trajectories)

    def informed(self, groups: list[Group], seconds: Seconds) -> list[Group]:
        """`groups` with InfoPO's intrinsic part in their advantages, where it is on."""
        settings, infopo = self.settings, self.infopo
        if infopo is None:
            return groups
        with seconds.of("infopo"):
            reading = MaskedFeedback(infopo.placeholder, settings.temperature, settings.micro_batch_tokens)
            shifts = self.backend.read(reading, [group.traces for group in groups])
        return [with_intrinsic(group, each, infopo) for group, each in zip(groups, shifts, strict=True)]

    def _tasks_of(self, step: int) -> list[Task]:
        """The tasks of a step: the next ones in a permutation of each pass over the task set."""
        drawn, first = [], step * self.settings.groups
        for position in range(first, first + self.settings.groups):
            epoch, offset = divmod(position, len(self.tasks))
            order = np.random.default_rng([self.seed, 2**31, epoch]).permutation(len(self.tasks))
            drawn.append(self.tasks[int(order[offset])])
        return drawn
