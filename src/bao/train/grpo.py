"""Turn-level GRPO: sample groups, shape their turn rewards, credit their turns, update.

A step draws `groups` tasks and an effort weight for each, plays every task `group_size` times, and takes one optimiser update
per mini-batch of whole groups. Everything random in step s is drawn from a generator seeded by (seed, s), so a step can be
repeated and a run resumed exactly.
"""

import copy
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bao.action import ActionKind
from bao.config import CreditSection, GRPOSection
from bao.credit import advantages, zero_variance
from bao.errors import ConfigError
from bao.gym import Gym
from bao.policies.template import Template
from bao.prompt import PromptForm
from bao.rollout.engine import Engine, Limits, Request
from bao.shaping import Part, Shaped, Shaping, firing_rates, shape
from bao.task import Task, TaskSet
from bao.train.batch import Scored, collate, score, split_by_tokens
from bao.train.checkpoint import Checkpoints
from bao.train.collapse import ADVICE, Collapse, name_collapse
from bao.train.loss import clipped_policy_loss, k3
from bao.train.metrics_log import SECONDS, MetricsLog
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
    """Trains `model` in place. `out` gets ``metrics.jsonl``, TensorBoard files and checkpoints, and resumes from them."""

    def __init__(
        self, model: Any, template: Template, make_gym: Callable[[], Gym], tasks: TaskSet, settings: GRPOSection,
        shaping: Shaping, credit: CreditSection, *, seed: int, out: Path, form: PromptForm = PromptForm.FULL,
        autocast: bool = False,
    ) -> None:  # fmt: skip
        if not settings.conditioned and len(set(settings.effort_weights)) > 1:
            raise ConfigError(
                f"grpo.effort_weights={list(settings.effort_weights)} with grpo.conditioned=false: a policy that is not told "
                "the weight needs a single one"
            )
        self.model, self.template, self.tasks = model, template, tasks
        self.settings, self.shaping, self.credit, self.seed, self.out = settings, shaping, credit, seed, out
        self.autocast = autocast
        self.device = next(model.parameters()).device
        self.reference = copy.deepcopy(model).eval().requires_grad_(False) if settings.kl else None
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=settings.learning_rate, betas=(0.9, 0.98), weight_decay=settings.weight_decay
        )
        self.engine = Engine(
            model, template, make_gym, limits=Limits(settings.turn_tokens, settings.trajectory_tokens), rows=settings.rows,
            temperature=settings.temperature, form=form, policy="training",
        )  # fmt: skip
        self.step_count = 0
        self._history: list[dict[str, float]] = []

    def train(
        self,
        report: Callable[[int, int, dict[str, float]], None] | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        """Run the steps that remain. `warn` is told of a collapse, once for each kind."""
        checkpoints = Checkpoints(self.out / "checkpoints", self.settings.keep_checkpoints)
        state = checkpoints.restore(self.model, [self.optimizer])
        if state is not None:
            self.step_count = state["step"]
            self._history = state["history"]
        told: set[Collapse] = set()
        with MetricsLog(self.out, self.step_count) as log:
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
                    checkpoints.save(self.step_count, self.model, [self.optimizer], {"history": self._history[-5:]})

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
            **group_metrics(groups), **updates, "faults": float(faults), SECONDS + "rollout": sampled - start,
            SECONDS + "update": time.perf_counter() - sampled,
        }  # fmt: skip
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
        with self._precision():
            trajectories = self.engine.run(requests, weights_version=self.step_count)
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
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = rate
        self.model.train()
        for share in np.array_split(order, min(settings.minibatches, len(groups))):
            members = [groups[i] for i in share]
            for group in members:
                for trace in group.traces:
                    if trace.weights_version != self.step_count:
                        raise RuntimeError(
                            f"a trajectory of weights version {trace.weights_version} reached the update of version "
                            f"{self.step_count}: stale rollouts are never trained on"
                        )
            count = sum(int((trace.turn >= 0).sum()) for group in members for trace in group.traces)
            # A group without variance has zero advantages; it is forwarded only where another term needs it.
            active = [g for g in members if not g.zero_variance or settings.kl or settings.entropy]
            for indices in split_by_tokens([g.traces for g in active], settings.micro_batch_tokens):
                self._accumulate([active[i] for i in indices], count, sums)
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm)
            if active:
                self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            sums["grad_norm"] += float(norm)
            positions += sum(int((trace.turn >= 0).sum()) for group in active for trace in group.traces)
            updates += 1
        metrics = {name: value / max(1, positions) for name, value in sums.items()}
        metrics["grad_norm"] = sums["grad_norm"] / updates
        metrics["learning_rate"] = rate
        return metrics

    def _accumulate(self, groups: list[Group], count: int, sums: dict[str, float]) -> None:
        """Add the gradient of `groups`, normalised by the `count` of loss positions of the whole mini-batch."""
        settings = self.settings
        batch = collate([trace for group in groups for trace in group.traces], self.template.pad_id, self.device)
        per_row = [row for group in groups for row in group.advantages]
        table = np.zeros((len(per_row), max(map(len, per_row))))
        for i, row in enumerate(per_row):
            table[i, : len(row)] = row
        advantage = torch.tensor(table, dtype=torch.float32, device=self.device)
        mask = batch.loss_mask
        with self._precision():
            scored = self._score(self.model, batch, entropy_gradient=settings.entropy > 0)
        policy = clipped_policy_loss(
            scored.logprob, batch.sampled_logprob, advantage.gather(1, batch.turn.clamp(min=0))[mask], settings.clip
        )
        loss = policy.total - settings.entropy * scored.entropy.sum()
        if self.reference is not None:
            with torch.no_grad(), self._precision():
                reference = self._score(self.reference, batch)
            divergence = k3(scored.logprob, reference.logprob).sum()
            loss = loss + settings.kl * divergence
            sums["kl"] += divergence.item()
        (loss / count).backward()  # type: ignore[no-untyped-call]
        sums["loss"] += loss.item()
        sums["clipped"] += float(policy.clipped)
        sums["kl_to_sampler"] += float(policy.kl_to_sampler)
        sums["entropy"] += float(scored.entropy.sum())

    def _score(self, model: Any, batch: Any, **settings: Any) -> Scored:
        return score(model, batch, self.settings.temperature, share_prompt=self.settings.share_prompt, **settings)

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, dtype=torch.bfloat16) if self.autocast else nullcontext()


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
    stops = [str(trajectory.stop) for trajectory in trajectories]
    metrics.update({f"stop/{stop}": stops.count(stop) / len(stops) for stop in sorted(set(stops))})
    return metrics
