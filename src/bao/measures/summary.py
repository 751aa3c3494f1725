"""The content of ``summary.json``: one policy's measures with their intervals."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measure import Measure, Own
from bao.measures.bootstrap import bootstrap_intervals
from bao.measures.catalogue import BEHAVIORS, MEASURES, PASS_AT_U, PASS_HAT
from bao.measures.clusters import Records, cluster_numbers, count_clusters
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.measures.metrics import measure_tasks
from bao.measures.named import BestRules, find
from bao.trajectory import Trajectory

_ALWAYS = ("score", "best_score", "success", "user_effort", "user_involvement_rate", "turns", "tokens", "unparsable")
_WHERE_THERE = ("satisfaction", "within_budget", "over_budget", "repaired")
"""Of a user with a persona, of a policy that was told a budget, and of a user that a model plays."""
_WHERE_KNOWN = (
    "questions", "verbosity",
    "idle_searches", "idle_search_rate", "repeated_questions", "repeated_question_rate", "seconds", "seconds_per_turn",
    "tokens_in", "tokens_out", "money", "repeated", "zero_information", "bits_per_query", "self_bleu", "embedding_diversity",
)  # fmt: skip


def summarize(
    trajectories: Iterable[Trajectory],
    *,
    seed: int = 0,
    resamples: int = 2000,
    prices: Prices | None = None,
    encode: Encode | None = None,
    setting: Mapping[str, Any] | None = None,
    records: Records | None = None,
    own: Own | None = None,
    named: Collection[str] = (),
    rules: BestRules | None = None,
) -> dict[str, Any]:
    """Every measure of one policy's episodes with its 95 % interval, by clusters of tasks, which `records` tell.

    ``episodes`` and ``tasks`` count healthy ones, ``clusters`` those of these tasks (None without records); ``effort_weight``
    is None unless all episodes share one; ``stop`` holds the reasons that occur; a measure without a figure is None.
    ``satisfaction`` is there only for users with a persona, ``repaired`` only for users that a model plays, ``budget``,
    ``within_budget`` and ``over_budget`` only where a budget was told, and ``pass_hat`` only where tasks were played more than
    once. ``own`` holds the gym's own measures, as `own` states them, and ``own_measures`` what it states; ``named`` those that
    take more than a name (`bao.measures.named`, which says what `rules` are). These are there only where there are any.
    ``prices`` names the price table that ``money`` was reckoned with; `setting` says under what the episodes were played (gym
    version, horizon, convention, user) and is passed through. A few hundred episodes are held at a time.

    Raises `DataError` on episodes of several gyms or policies, or where no episode is healthy.
    """
    own = own or {}
    measured = measure_tasks(trajectories, prices=prices, encode=encode, named=named, rules=rules)
    policies, weights, budgets = sorted(measured.policies), measured.effort_weights, measured.budgets
    if len(policies) > 1:
        raise DataError(f"the episodes are of several policies ({', '.join(policies)}): summarize each policy's on their own")
    names = [name for name in measured.values if name in MEASURES or name in own or name in named]
    numbers = cluster_numbers(measured.task_ids, records or {})
    per_task = np.column_stack([measured.values[name] for name in names])
    rates = [find(name, own).rate for name in names]
    found = bootstrap_intervals(per_task, rates, numbers=numbers, resamples=resamples, seed=seed)
    values = {name: interval.to_json() for name, interval in zip(names, found, strict=True)}
    return {
        "gym": measured.gym,
        "policy": policies[0],
        "effort_weight": next(iter(weights)) if len(weights) == 1 else None,
        **({"budget": next(iter(budgets))} if len(budgets) == 1 and None not in budgets else {}),
        "setting": dict(setting or {}),
        "tasks": len(measured.task_ids),
        "clusters": count_clusters(numbers) if records else None,
        "episodes": measured.episodes,
        "faults": dict(measured.faults),
        "policy_errors": measured.policy_errors,
        **{name: values[name] for name in _ALWAYS[:3]},
        "pass_at_u": {str(k): values[f"pass_at_u_{k}"] for k in PASS_AT_U},
        **(
            {"pass_hat": hats}
            if (hats := {str(k): values[f"pass_hat_{k}"] for k in PASS_HAT if f"pass_hat_{k}" in values})
            else {}
        ),
        **{name: values[name] for name in (*_ALWAYS[3:], *_WHERE_THERE) if name in values},
        **{name: values.get(name) for name in _WHERE_KNOWN},
        **({"own": {name: values.get(name) for name in own}} if own else {}),
        **({"own_measures": {name: each.to_json() for name, each in own.items()}} if own else {}),
        **({"named": {name: values.get(name) for name in named}} if named else {}),
        "prices": {model: asdict(price) for model, price in (prices or {}).items()},
        "stop": {reason: float(shares.mean()) for reason, shares in measured.stop.items()},
        "behaviors": {str(behavior): values[name] for behavior, name in BEHAVIORS.items()},
    }


def measured_in(summary: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """The measures of a summary by the names that `bao.measures.named.find` knows, each as mean, low and high."""
    values = {name: summary.get(name) for name in MEASURES}
    values |= {f"pass_at_u_{k}": value for k, value in summary.get("pass_at_u", {}).items()}
    values |= {f"pass_hat_{k}": value for k, value in summary.get("pass_hat", {}).items()}
    values |= {f"behavior_{name}": value for name, value in summary.get("behaviors", {}).items()}
    values |= {**summary.get("own", {}), **summary.get("named", {})}
    return {name: value for name, value in values.items() if value is not None}


def own_of(summary: Mapping[str, Any]) -> Own:
    """What a summary says of the gym's own measures. Raises `DataError` where another tool changed it."""
    return {name: Measure.from_json(name, values) for name, values in summary.get("own_measures", {}).items()}
