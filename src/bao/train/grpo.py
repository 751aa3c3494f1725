"""Turn-level GRPO: sample groups, shape their turn rewards, credit their turns, update.

A step draws `groups` tasks and an effort weight for each, plays every task `group_size` times, and takes one optimiser update
per mini-batch of whole groups. Everything random in step s is drawn from a generator seeded by (seed, s), so a step can be
repeated and a run resumed exactly.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bao.action import ActionKind
from bao.errors import ConfigError
from bao.models.engine import Request
from bao.task import Task, TaskSet
from bao.train import muon
from bao.train.backends.local import Workers
from bao.train.checkpoint import Checkpoints
from bao.train.collapse import ADVICE, Collapse, name_collapse
from bao.train.credit import advantages, zero_variance
from bao.train.objective import Example, PolicyGradient
from bao.train.settings import CreditSection, GRPOSection
from bao.train.shaping import Part, Shaped, Shaping, firing_rates, shape
from bao.train.tracking.metrics_log import SECONDS, MetricsLog
from bao.train.tracking.trackers import Trackers
from bao.trajectory import TokenTrace, Trajectory


@dataclass(frozen=True)
class Group:
    """Trajectories of one task under one effort weight, with what training makes of them."""

    task: Task
    effort_weight: float
    trajectories: tuple[Trajectory, ...]
    shaped: tuple[Shaped, ...]
    advantages: npt.NDArray[np.float64]
    """[trajectories, turns]"""
    zero_variance: bool

    @property
    def examples(self) -> list[Example]:
        return [Example(trace, advantages) for trace, advantages in zip(self.traces, self.advantages, strict=True)]

    @property
    def traces(self) -> list[TokenTrace]:
        return [trajectory.trace for trajectory in self.trajectories if trajectory.trace is not None]


def make_group(
    task: Task, weight: float, trajectories: Sequence[Trajectory], shaping: Shaping, credit: CreditSection
) -> Group | None:
    """Shape and credit the healthy `trajectories` of one task; None where fewer than two are healthy.

    Raises `ValueError` if a trajectory is of another task: groups are never mixed.
    """
    healthy = [trajectory for trajectory in trajectories if trajectory.fault is None and trajectory.turns]
    for trajectory in healthy:
        if trajectory.task_id != task.id:
            raise ValueError(f"a trajectory of task {trajectory.task_id} is in the group of task {task.id}")
    if len(healthy) < 2:
        return None
    shaped = [shape(trajectory, shaping, weight) for trajectory in healthy]
    width = max(len(trajectory.turns) for trajectory in healthy)
    rewards = np.full((len(healthy), width), np.nan)
    tokens = np.zeros((len(healthy), width), dtype=np.int64)
    for i, (trajectory, values) in enumerate(zip(healthy, shaped, strict=True)):
        rewards[i, : len(values.rewards)] = values.rewards
        tokens[i, : len(trajectory.turns)] = [turn.tokens for turn in trajectory.turns]
    credits = advantages(rewards, tokens, credit.estimator, gamma=credit.gamma, baseline=credit.baseline)
    return Group(task, weight, tuple(healthy), tuple(shaped), credits, zero_variance(rewards, gamma=credit.gamma))


class GRPOTrainer:
    """Trains `workers`' model in place. `out` gets ``metrics.jsonl``, TensorBoard files and checkpoints to resume from."""

    def __init__(
        self,
        workers: Workers,
        tasks: TaskSet,
        settings: GRPOSection,
        shaping: Shaping,
        credit: CreditSection,
        *,
        seed: int,
        out: Path,
        autocast: bool = False,
        trackers: Trackers | None = None,
    ) -> None:
        if not settings.conditioned and len(set(settings.effort_weights)) > 1:
            raise ConfigError(
                f"grpo.effort_weights={list(settings.effort_weights)} with grpo.conditioned=false: a policy that is not told "
                "the weight needs a single one"
            )
        if settings.kl and workers.reference is None:
            raise ConfigError(f"grpo.kl={settings.kl} needs a reference: give the workers a copy of the starting model")
        self.workers, self.model, self.tasks = workers, workers.model, tasks
        self.settings, self.shaping, self.credit, self.seed, self.out = settings, shaping, credit, seed, out
        self.objective = PolicyGradient(
            settings.clip,
            settings.kl,
            settings.entropy,
            settings.temperature,
            settings.micro_batch_tokens,
            settings.share_prompt,
            autocast,
        )
        self.optimizers = muon.choose(settings.optimizer, self.model, settings.learning_rate, settings.weight_decay)
        self.trackers = trackers
        self.step_count = 0
        self._history: list[dict[str, float]] = []

    def train(
        self, report: Callable[[int, int, dict[str, float]], None] | None = None, warn: Callable[[str], None] | None = None
    ) -> None:
        """Run the steps that remain. `warn` is told of a collapse, once for each kind."""
        checkpoints = Checkpoints(self.out / "checkpoints", self.settings.keep_checkpoints)
        state = checkpoints.restore(self.model, self.optimizers)
        if state is not None:
            self.step_count = state["step"]
            self._history = state["history"]
        told: set[Collapse] = set()
        with MetricsLog(self.out, self.step_count, self.trackers) as log:
            while self.step_count < self.settings.steps:
                metrics = self.step()
                log.write(self.step_count, metrics)
                collapse = name_collapse(self._history)
                if collapse is not None and collapse not in told and warn is not None:
                    told.add(collapse)
                    warn(f"step {self.step_count}: the policy has collapsed into {collapse}: {ADVICE[collapse]}")
                if report is not None:
                    report(self.step_count, self.settings.steps, metrics)
                if self.step_count % self.settings.checkpoint_every == 0 and self.step_count < self.settings.steps:
                    checkpoints.save(self.step_count, self.model, self.optimizers, {"history": self._history[-5:]})

    def step(self) -> dict[str, float]:
        """One step; its metrics."""
        rng = np.random.default_rng([self.seed, self.step_count])
        start = time.perf_counter()
        groups, faults = self.sample(rng)
        sampled = time.perf_counter()
        if not groups:
            raise ConfigError("every episode of a step ended in a fault: see the user simulator or the gym's endpoint")
        updates = self._update(groups, rng)
        self.step_count += 1
        metrics = {
            **group_metrics(groups),
            **updates,
            "faults": float(faults),
            SECONDS + "rollout": sampled - start,
            SECONDS + "update": time.perf_counter() - sampled,
        }
        self._history = [*self._history[-5:], metrics]
        return metrics

    def sample(self, rng: np.random.Generator) -> tuple[list[Group], int]:
        """Play one step's groups with the current weights; the groups, and the number of faulted episodes."""
        settings = self.settings
        weights = np.resize(rng.permutation(settings.effort_weights), settings.groups)
        drawn = [(task, float(weight)) for task, weight in zip(self._draw_tasks(), weights, strict=True)]
        requests = [
            Request(task, int(rng.integers(2**31)), weight if settings.conditioned else None)
            for task, weight in drawn
            for _ in range(settings.group_size)
        ]
        trajectories = self.workers.rollout(requests, unit=settings.group_size, weights_version=self.step_count)
        groups = []
        for i, (task, weight) in enumerate(drawn):
            members = trajectories[i * settings.group_size : (i + 1) * settings.group_size]
            group = make_group(task, weight, members, self.shaping, self.credit)
            if group is not None:
                groups.append(group)
        return groups, sum(trajectory.fault is not None for trajectory in trajectories)

    def _draw_tasks(self) -> list[Task]:
        """The tasks of this step: the next ones in a permutation of each pass over the task set."""
        first = self.step_count * self.settings.groups
        drawn = []
        for position in range(first, first + self.settings.groups):
            epoch, offset = divmod(position, len(self.tasks))
            order = np.random.default_rng([self.seed, 2**31, epoch]).permutation(len(self.tasks))
            drawn.append(self.tasks[int(order[offset])])
        return drawn

    def _update(self, groups: list[Group], rng: np.random.Generator) -> dict[str, float]:
        settings = self.settings
        order = rng.permutation(len(groups))
        sums: dict[str, float] = dict.fromkeys(("loss", "clipped", "kl_to_sampler", "kl", "entropy", "grad_norm"), 0.0)
        positions = updates = 0
        left = 1.0 - (1.0 - settings.final_learning_rate) * self.step_count / settings.steps
        rate = settings.learning_rate * left * min(1.0, (self.step_count + 1) / max(1, settings.warmup))
        for optimizer in self.optimizers:
            for param_group in optimizer.param_groups:
                param_group["lr"] = rate
        for share in np.array_split(order, min(settings.minibatches, len(groups))):
            members = [groups[i] for i in share]
            for group in members:
                for trace in group.traces:
                    if trace.weights_version != self.step_count:
                        raise RuntimeError(
                            f"a trajectory of weights version {trace.weights_version} reached the update of version "
                            f"{self.step_count}: stale rollouts are never trained on"
                        )
            count = sum(_positions(group) for group in members)
            # A group without variance has zero advantages; it is forwarded only where another term needs it.
            active = [g for g in members if not g.zero_variance or settings.kl or settings.entropy]
            if not active:
                continue
            for name, value in self.workers.accumulate(self.objective, [g.examples for g in active], count).items():
                sums[name] += value
            sums["grad_norm"] += float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm))
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            positions += sum(_positions(group) for group in active)
            updates += 1
        metrics = {name: value / max(1, positions) for name, value in sums.items()}
        metrics["grad_norm"] = sums["grad_norm"] / max(1, updates)
        metrics["learning_rate"] = rate
        return metrics


def _positions(group: Group) -> int:
    return sum(int((trace.turn >= 0).sum()) for trace in group.traces)


def group_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """What the sampled groups show: returns, effort, stop reasons, penalties, and the split by effort weight."""
    trajectories = [trajectory for group in groups for trajectory in group.trajectories]
    shaped = [values for group in groups for values in group.shaped]
    turns = sum(len(trajectory.turns) for trajectory in trajectories)

    def mean(values: Sequence[float] | Sequence[int] | Sequence[bool]) -> float:
        return float(np.mean(values)) if len(values) else 0.0

    metrics = {
        "reward": mean([float(values.rewards.sum()) for values in shaped]),
        "score": mean([trajectory.task_return for trajectory in trajectories]),
        "success": mean([trajectory.success for trajectory in trajectories]),
        "user_effort": mean([trajectory.user_effort for trajectory in trajectories]),
        "user_involvement_rate": mean([trajectory.involvement_rate for trajectory in trajectories]),
        "turns": turns / len(trajectories),
        "tokens": mean([trajectory.tokens for trajectory in trajectories]),
        "unparsable": sum(turn.parse_fault is not None for t in trajectories for turn in t.turns) / max(1, turns),
        "answered": mean([any(turn.action.kind == ActionKind.ANSWER for turn in t.turns) for t in trajectories]),
        "zero_variance": mean([group.zero_variance for group in groups]),
    }
    rates = firing_rates(shaped)
    for part in (Part.INFORMATION_SEEKING, Part.OVER_THINKING, Part.UNPARSABLE, Part.PREMATURE):
        metrics[f"penalty/{part}"] = rates.get(part, 0.0)
    for weight in sorted({group.effort_weight for group in groups}):
        members = [t for group in groups if group.effort_weight == weight for t in group.trajectories]
        metrics[f"user_effort/w={weight:g}"] = mean([t.user_effort for t in members])
        metrics[f"score/w={weight:g}"] = mean([t.task_return for t in members])
    satisfied = [trajectory.satisfaction for trajectory in trajectories if trajectory.satisfaction is not None]
    if satisfied:
        metrics["satisfaction"] = mean(satisfied)
    stops = [str(trajectory.stop) for trajectory in trajectories]
    metrics.update({f"stop/{stop}": stops.count(stop) / len(stops) for stop in sorted(set(stops))})
    return metrics
