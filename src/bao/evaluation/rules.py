"""The best scripted rule at a price, among evaluations: what a measure ``regret@PRICE`` is reckoned from.

At the price w it is the rule of the largest mean of ``R - w U`` over the tasks that all of the rules played; of equal ones that
of the least effort. Finishing at once counts among them: it is worth 0. Each kind of user has its own.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from bao.errors import DataError
from bao.evaluation.results import EvaluationResult
from bao.measures.clusters import same_task
from bao.measures.named import REGRET, BestRules, parts
from bao.pareto import Candidate
from bao.pareto.objective import DEFAULT


def best_rules(results: Sequence[EvaluationResult], names: Collection[str]) -> dict[str, BestRules]:
    """For each of `results` by label, what the best rule among them is worth by price and task, at the prices that regrets
    among `names` take.

    A task of other contents than the result's is left out, and a result without a rule under its user has none. Raises
    `DataError` where the rules share no task.
    """
    named = map(parts, names)
    prices = sorted({each.price for each in named if each.base == REGRET and each.price is not None})
    found: dict[str, BestRules] = {}
    for user in dict.fromkeys(each.setting.get("user") for each in results if prices):
        here = [each for each in results if each.setting.get("user") == user]
        rules = {each.label: each.candidate(DEFAULT) for each in here if each.is_rule}
        best = {price: _best(rules, price) for price in prices} if rules else {}
        for each in here if rules else ():
            found[each.label] = {
                price: {task: worth for task, worth in values.items() if same_task(task, rule.records, each.records)}
                for price, (rule, values) in best.items()
            }
    return found


def _best(rules: Mapping[str, Candidate], price: float) -> tuple[Candidate, dict[str, float]]:
    """The best rule, and what it is worth by task; all 0 where none is worth more than finishing at once."""
    first = next(iter(rules.values()))
    shared = [
        task
        for task in first.task_ids
        if all(task in each.task_ids and same_task(task, each.records, first.records) for each in rules.values())
    ]
    if not shared:
        raise DataError(f"{', '.join(rules)} share no task: evaluate them on the same ones, or name one of them alone")

    def standing(rule: Candidate) -> tuple[float, float]:
        here = np.isin(rule.task_ids, shared)
        return round(float(rule.worth(price)[here].mean()), 9), -float(rule.values["user_effort"][here].mean())

    best = max(rules.values(), key=standing)
    worth = best.worth(price).tolist() if standing(best)[0] > 0 else [0.0] * len(best.task_ids)
    return best, dict(zip(best.task_ids, worth, strict=True))
