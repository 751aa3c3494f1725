"""Groups of trajectories of one task: shaped, credited, and measured as training goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bao.action import ActionKind
from bao.measures.redundancy import idle_searches, repeated_questions
from bao.task import Task
from bao.train.credit import advantages, zero_variance
from bao.train.examples import Example, loss_positions
from bao.train.infopo import InfoPO, Intrinsic, intrinsic
from bao.train.settings import CreditSection
from bao.train.shaping import Part, Shaped, Shaping, firing_rates, shape
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
    intrinsic: Intrinsic | None = None
    """What InfoPO has added to the advantages; None where it is off."""

    @property
    def teaches(self) -> bool:
        """Whether its advantages may be other than zero."""
        return not self.zero_variance or (self.intrinsic is not None and bool(self.intrinsic.bonus.any()))

    @property
    def examples(self) -> list[Example]:
        return [Example(trace, advantages) for trace, advantages in zip(self.traces, self.advantages, strict=True)]

    @property
    def traces(self) -> list[TokenTrace]:
        return [trajectory.trace for trajectory in self.trajectories if trajectory.trace is not None]

    @property
    def loss_positions(self) -> int:
        return loss_positions(self.traces)


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


def with_intrinsic(group: Group, shifts: Sequence[npt.NDArray[np.float64]], settings: InfoPO) -> Group:
    """`group` with InfoPO's part in its advantages; `shifts` [turns] of each trajectory."""
    returns = np.array([values.rewards.sum() for values in group.shaped])
    added = intrinsic(shifts, returns, group.advantages.shape[1], settings)
    return replace(group, advantages=group.advantages + added.bonus, intrinsic=added)


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
        "idle_searches": mean([idle_searches(trajectory) for trajectory in trajectories]),
        "repeated_questions": mean([repeated_questions(trajectory) for trajectory in trajectories]),
        "turns": turns / len(trajectories),
        "tokens": mean([trajectory.tokens for trajectory in trajectories]),
        "unparsable": sum(turn.parse_fault is not None for t in trajectories for turn in t.turns) / max(1, turns),
        "answered": mean([any(turn.action.kind == ActionKind.ANSWER for turn in t.turns) for t in trajectories]),
        "zero_variance": mean([group.zero_variance for group in groups]),
    }
    rates = firing_rates(shaped)
    for part in (Part.INFORMATION_SEEKING, Part.OVER_THINKING, Part.INFORMATION_GAIN, Part.UNPARSABLE, Part.PREMATURE):
        metrics[f"penalty/{part}"] = rates.get(part, 0.0)
    for weight in sorted({group.effort_weight for group in groups}):
        members = [t for group in groups if group.effort_weight == weight for t in group.trajectories]
        metrics[f"user_effort/w={weight:g}"] = mean([t.user_effort for t in members])
        metrics[f"score/w={weight:g}"] = mean([t.task_return for t in members])
    satisfied = [trajectory.satisfaction for trajectory in trajectories if trajectory.satisfaction is not None]
    if satisfied:
        metrics["satisfaction"] = mean(satisfied)
    metrics |= _intrinsic_metrics(groups)
    stops = [str(trajectory.stop) for trajectory in trajectories]
    metrics.update({f"stop/{stop}": stops.count(stop) / len(stops) for stop in sorted(set(stops))})
    return metrics


def _intrinsic_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """Of InfoPO, where it is on: the mean shift in nats a token, the mean gate, the share of trajectories that it moves, and
    its share of the advantages' size."""
    added = [(group, group.intrinsic) for group in groups if group.intrinsic is not None]
    if not added:
        return {}
    shifts = np.concatenate([part.shifts[~np.isnan(part.shifts)] for _, part in added])
    moved = np.concatenate([part.bonus.any(axis=1) for _, part in added])
    bonus = sum(float(np.abs(part.bonus).sum()) for _, part in added)
    outcome = sum(float(np.abs(group.advantages - part.bonus).sum()) for group, part in added)
    return {
        "infopo/shift": float(shifts.mean()) if len(shifts) else 0.0,
        "infopo/gate": float(np.mean([part.gate for _, part in added])),
        "infopo/fired": float(moved.mean()),
        "infopo/share": bonus / (bonus + outcome) if bonus + outcome else 0.0,
    }
