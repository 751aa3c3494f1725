"""The content of ``summary.json``: one policy's measures with their intervals."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.measures.bootstrap import bootstrap_intervals
from bao.measures.catalogue import BEHAVIORS, MEASURES, PASS_AT_U, PASS_HAT, RATES
from bao.measures.clusters import Records, cluster_numbers, count_clusters
from bao.measures.cost import Prices
from bao.measures.diversity import Encode
from bao.measures.metrics import measure_tasks
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
) -> dict[str, Any]:
    """Every measure of one policy's episodes with its 95 % interval, by clusters of tasks, which `records` tell.

    ``episodes`` and ``tasks`` count healthy ones, ``clusters`` those of these tasks (None without records); ``effort_weight``
    is None unless all episodes share one; ``stop`` holds the reasons that occur; a measure without a figure is None.
    ``satisfaction`` is there only for users with a persona, ``repaired`` only for users that a model plays, ``budget``,
    ``within_budget`` and ``over_budget`` only where a budget was told, and ``pass_hat`` only where tasks were played more than
    once.
    ``prices`` names the price table that ``money`` was reckoned with; `setting` says under what the episodes were played (gym
    version, horizon, convention, user) and is passed through. A few hundred episodes are held at a time.

    Raises `DataError` on episodes of several gyms or policies, or where no episode is healthy.
    """
    measured = measure_tasks(trajectories, prices=prices, encode=encode)
    policies, weights, budgets = sorted(measured.policies), measured.effort_weights, measured.budgets
    if len(policies) > 1:
        raise DataError(f"the episodes are of several policies ({', '.join(policies)}): summarize each policy's on their own")
    names = list(measured.values)
    numbers = cluster_numbers(measured.task_ids, records or {})
    per_task = np.column_stack(list(measured.values.values()))
    found = bootstrap_intervals(per_task, [name in RATES for name in names], numbers=numbers, resamples=resamples, seed=seed)
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
        "prices": {model: asdict(price) for model, price in (prices or {}).items()},
        "stop": {reason: float(shares.mean()) for reason, shares in measured.stop.items()},
        "behaviors": {str(behavior): values[name] for behavior, name in BEHAVIORS.items()},
    }


def measured_in(summary: Mapping[str, Any]) -> dict[str, Mapping[str, float]]:
    """The measures of a summary by their names in `bao.measures.catalogue.MEASURES`, each as mean, low and high."""
    values = {name: summary.get(name) for name in MEASURES}
    values |= {f"pass_at_u_{k}": value for k, value in summary.get("pass_at_u", {}).items()}
    values |= {f"pass_hat_{k}": value for k, value in summary.get("pass_hat", {}).items()}
    values |= {f"behavior_{name}": value for name, value in summary.get("behaviors", {}).items()}
    return {name: value for name, value in values.items() if value is not None}
