"""Groups of trajectories of one task: shaped, credited, and measured as training goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bao.action import ActionKind
from bao.measures.redundancy import idle_searches, repeated_questions
from bao.task import Task
from bao.train.credit import Estimator, Mixing, Scale, Term, advantages, differences
from bao.train.examples import Example, loss_positions
from bao.train.infopo import InfoPO, Intrinsic, intrinsic
from bao.train.returns import FloatArray, zero_variance
from bao.train.settings import CreditSection
from bao.train.shaping import Part, Shaped, Shaping, firing_rates, shape
from bao.trajectory import TokenTrace, Trajectory


@dataclass(frozen=True)
class Group:
    """Trajectories of one task under one effort weight or budget, with what training makes of them."""

    task: Task
    effort_weight: float
    """What a user turn cost; within the budget, where one was told."""
    trajectories: tuple[Trajectory, ...]
    shaped: tuple[Shaped, ...]
    advantages: FloatArray
    """[trajectories, turns]; with `terms`, their sum before it is scaled."""
    zero_variance: bool
    """Whether the trajectories' returns agree."""
    terms: Mapping[str, Term] = field(default_factory=dict)
    """By objective, what a scale that the group does not set itself is still to divide (`bao.train.running`)."""
    intrinsic: Intrinsic | None = None
    """What InfoPO has added to the advantages; None where it is off."""

    @property
    def budget(self) -> int | None:
        """The budget of user turns that the policy was told."""
        return self.trajectories[0].budget

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
    tokens = np.zeros((len(healthy), width), dtype=np.int64)
    for i, trajectory in enumerate(healthy):
        tokens[i, : len(trajectory.turns)] = [turn.tokens for turn in trajectory.turns]
    rewards = _padded([values.rewards for values in shaped], width)
    terms = _terms(shaped, rewards, shaping.prices(weight, budgeted=healthy[0].budget is not None), credit)
    if terms:
        credits = np.sum([term.price * term.differences for term in terms.values()], axis=0)
    else:
        scale, gamma = credit.scale or Scale.GROUP, credit.gamma
        credits = advantages(rewards, tokens, credit.estimator, gamma=gamma, baseline=credit.baseline, scale=scale)
    equal = zero_variance(rewards, gamma=credit.gamma)
    return Group(task, weight, tuple(healthy), tuple(shaped), credits, equal, terms)


def _terms(
    shaped: Sequence[Shaped], rewards: FloatArray, prices: Mapping[Part, float], credit: CreditSection
) -> dict[str, Term]:
    """What the batch's scales divide: the shaped return, or with late mixing each part that has a price, in its own unit."""
    if credit.estimator != Estimator.GROUP_REWARD_TO_GO or credit.scale != Scale.BATCH:
        return {}
    objectives: dict[str, tuple[float, FloatArray]] = {"return": (1.0, rewards)}
    if credit.mixing == Mixing.LATE:
        width = rewards.shape[1]
        priced = {part: price for part, price in prices.items() if price > 0}
        objectives = {
            str(part): (price, _padded([values.parts[part] / price for values in shaped], width))
            for part, price in priced.items()
        }
    return {
        name: Term(price, differences(values, gamma=credit.gamma, baseline=credit.baseline))
        for name, (price, values) in objectives.items()
    }


def _padded(rows: Sequence[FloatArray], width: int) -> FloatArray:
    """[rows, width] with NaN after each row's end."""
    table = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def with_intrinsic(group: Group, shifts: Sequence[FloatArray], settings: InfoPO) -> Group:
    """`group` with InfoPO's part in its advantages; `shifts` [turns] of each trajectory."""
    returns = np.array([values.rewards.sum() for values in group.shaped])
    added = intrinsic(shifts, returns, group.advantages.shape[1], settings)
    return replace(group, advantages=group.advantages + added.bonus, intrinsic=added)


def group_metrics(groups: Sequence[Group]) -> dict[str, float]:
    """What the sampled groups show: returns, effort, stop reasons, penalties, and the split by effort weight and budget."""
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
        "sampled_entropy": _surprise(trajectories),
        "answered": mean([any(turn.action.kind == ActionKind.ANSWER for turn in t.turns) for t in trajectories]),
        "zero_variance": mean([group.zero_variance for group in groups]),
    }
    rates = firing_rates(shaped)
    for part in (Part.INFORMATION_SEEKING, Part.OVER_THINKING, Part.INFORMATION_GAIN, Part.UNPARSABLE, Part.PREMATURE):
        metrics[f"penalty/{part}"] = rates.get(part, 0.0)
    for point, members in _by_point(groups).items():
        metrics[f"user_effort/{point}"] = mean([t.user_effort for t in members])
        metrics[f"score/{point}"] = mean([t.task_return for t in members])
    over = [t.over_budget for t in trajectories if t.over_budget is not None]
    if over:
        metrics["within_budget"] = mean([each == 0 for each in over])
    satisfied = [trajectory.satisfaction for trajectory in trajectories if trajectory.satisfaction is not None]
    if satisfied:
        metrics["satisfaction"] = mean(satisfied)
    metrics |= _intrinsic_metrics(groups)
    stops = [str(trajectory.stop) for trajectory in trajectories]
    metrics.update({f"stop/{stop}": stops.count(stop) / len(stops) for stop in sorted(set(stops))})
    return metrics


def _by_point(groups: Sequence[Group]) -> dict[str, list[Trajectory]]:
    """Trajectories by ``w=`` and the effort weight, or ``b=`` and the budget, ascending."""
    found: dict[str, list[Trajectory]] = {}
    for group in sorted(groups, key=lambda each: (each.budget is not None, each.budget or 0, each.effort_weight)):
        point = f"w={group.effort_weight:g}" if group.budget is None else f"b={group.budget}"
        found.setdefault(point, []).extend(group.trajectories)
    return found


def _surprise(trajectories: Sequence[Trajectory]) -> float:
    """Mean of -log p over the agent's tokens, in nats: an unbiased estimate of the entropy that they were sampled with."""
    traces = [each.trace for each in trajectories if each.trace is not None]
    own = np.concatenate([trace.logprob[trace.turn >= 0] for trace in traces]) if traces else np.zeros(0)
    return float(-own.mean()) if len(own) else 0.0


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
