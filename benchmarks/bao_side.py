"""Our side: `bao.train.grpo.GRPOTrainer` on the work, one step at a time."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from bao.models.local import load_local
from bao.models.workers import Rollouts, Workers
from bao.train.backends.local import LocalBackend
from bao.train.groups import Group
from bao.train.grpo import GRPOTrainer
from bao.train.sampling import Sampler, Seconds
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Shaping
from benchmarks import clock
from benchmarks.cost import Cost, Phase, Step
from benchmarks.work import LEARNING_RATE, WEIGHT, Work


class _EveryGroup(Sampler):
    """Has every group trained on: one without variance would be left out, and TRL forwards it all the same."""

    def informed(self, groups: list[Group], seconds: Seconds) -> list[Group]:
        rng = np.random.default_rng(len(groups))
        found = [
            replace(group, advantages=rng.standard_normal(group.advantages.shape), zero_variance=False) for group in groups
        ]
        seen.groups, seen.sampled = found, clock.now()
        return found


@dataclass
class _Seen:
    """The last step's groups, and the clock when they had been sampled."""

    groups: list[Group] = field(default_factory=list)
    sampled: Cost | None = None


seen = _Seen()


class BaoSide:
    """Measured steps of our trainer in `processes` worker processes (1: in this process). A context manager."""

    def __init__(self, work: Work, processes: int, out: Path) -> None:
        local = load_local(work.model)
        self._workers = Workers(
            local.model,
            local.template,
            Rollouts(work.gym_maker, work.limits, form=work.form, policy="training"),
            count=processes,
        )
        settings = GRPOSection(
            steps=1_000_000,
            groups=work.groups,
            group_size=work.group_size,
            tasks=work.groups,
            effort_weights=(WEIGHT if work.effort_weight is None else work.effort_weight,),
            conditioned=work.effort_weight is not None,
            learning_rate=LEARNING_RATE,
            warmup=0,
            minibatches=1,
            turn_tokens=work.limits.turn_tokens,
            trajectory_tokens=work.limits.trajectory_tokens,
            micro_batch_tokens=64,  # fewer than any group has: a group at a time, which is TRL's micro-batch here
        )
        backend = LocalBackend(self._workers, settings)
        self._trainer = GRPOTrainer(backend, work.tasks(), settings, Shaping(), CreditSection(), seed=0, out=out)
        self._trainer.sampler = _EveryGroup(**vars(self._trainer.sampler))

    def step(self) -> Step:
        start = clock.now()
        self._trainer.step()
        end = clock.now()
        assert seen.sampled is not None
        trajectories = [trajectory for group in seen.groups for trajectory in group.trajectories]
        costs = {Phase.ROLLOUT: seen.sampled - start, Phase.UPDATE: end - seen.sampled, Phase.STEP: end - start}
        turns = sum(len(trajectory.turns) for trajectory in trajectories)
        return Step(costs, len(trajectories), turns, sum(trajectory.tokens for trajectory in trajectories))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._workers.close()
