"""One point for a policy that was evaluated under several users: objectives like ``score@user=scripted``, ``score@user=busy``.

So a frontier shows what a policy keeps under another user beside what it reaches under the one that it was trained with.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from bao.errors import ConfigError, DataError
from bao.evaluation.results import EvaluationResult
from bao.evaluation.rules import best_rules
from bao.measure import merged
from bao.measures.clusters import TaskRecord, same_task
from bao.measures.intervals import Floats
from bao.measures.named import parts
from bao.pareto import Candidate
from bao.trajectory import point_label


def candidates_by_user(
    results: Sequence[EvaluationResult], objectives: Sequence[str], bounds: Collection[str]
) -> list[Candidate]:
    """The policies of `results` as points, each objective under the user that it names; `bounds` are labels of results.

    A user is named as its evaluations record it, or by a part that no other has (``busy`` for ``scripted, persona busy``).
    Raises `ConfigError` on a user that is not there, or one of several, and where an objective names none; `DataError` where a
    policy was not evaluated under one of them, or on other tasks of the same ids.
    """
    known = list(dict.fromkeys(str(each.setting.get("user")) for each in results))
    users = {name: _user(name, known) for name in objectives}
    rules = best_rules(results, objectives)
    policies: dict[tuple[str, float | None, int | None], dict[str, EvaluationResult]] = {}
    for each in results:
        told = (str(each.summary["policy"]), each.summary["effort_weight"], each.summary.get("budget"))
        policies.setdefault(told, {})[str(each.setting.get("user"))] = each
    found = []
    for told, under in policies.items():
        for name, user in users.items():
            if user not in under:
                raise DataError(
                    f"{point_label(*told)} was not evaluated under the user {user!r} of {name}: leave it out, or do so"
                )
        candidates = {}
        for user in dict.fromkeys(users.values()):
            own = [parts(name).under_one for name in objectives if users[name] == user]
            bound = under[user].label in bounds
            candidates[user] = under[user].candidate(own, bound=bound, rules=rules.get(under[user].label))
        found.append(_joined(told, candidates, users))
    return found


def _user(name: str, known: Sequence[str]) -> str:
    """The user that an objective names."""
    asked = parts(name).user
    if asked is None:
        raise ConfigError(
            f"objective={name!r} names no user, and another one does: name one in each, as in {name}@user={known[0]}"
        )
    fitting = [asked] if asked in known else [each for each in known if asked in each]
    if len(fitting) != 1:
        which = f"could be any of {', '.join(map(repr, fitting))}" if fitting else f"is none of {', '.join(map(repr, known))}"
        raise ConfigError(
            f"objective={name!r}: the user {asked!r} {which}: name one of these users by a part that no other has"
        )
    return fitting[0]


def _joined(
    told: tuple[str, float | None, int | None], candidates: Mapping[str, Candidate], users: Mapping[str, str]
) -> Candidate:
    """One policy's points under its users as one, with NaN for a task that was not played under a user."""
    first, records = next(iter(candidates.values())), dict[str, TaskRecord]()
    for each in candidates.values():
        for task in each.task_ids:
            if not same_task(task, records, each.records):
                raise DataError(f"{point_label(*told)}: the task {task!r} has other contents under other users: evaluate again")
        records |= each.records
    tasks = sorted({task for each in candidates.values() for task in each.task_ids})
    row = {task: place for place, task in enumerate(tasks)}
    values: dict[str, Floats] = {}
    for name, user in users.items():
        own = candidates[user].values.get(parts(name).under_one)
        if own is not None:
            values[name] = np.full(len(tasks), np.nan)
            values[name][[row[task] for task in candidates[user].task_ids]] = own
    return Candidate(
        label=point_label(*told),
        series=told[0],
        gym=first.gym,
        horizon=max(each.horizon for each in candidates.values()),
        task_ids=tuple(tasks),
        values=values,
        episodes=sum(each.episodes for each in candidates.values()),
        effort_weight=told[1],
        budget=told[2],
        records=records,
        setting={key: value for key, value in first.setting.items() if key != "user"},
        bound=any(each.bound for each in candidates.values()),
        own=merged(each.own for each in candidates.values()),
    )
