"""What the strategies of a sweep came to: one frontier, hypervolumes, regret to the best scripted policy, over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bao.evaluation.overview import write_frontier, write_worth
from bao.measures.intervals import Interval
from bao.pareto import Candidate, Frontier, frontier
from bao.pareto.objective import DEFAULT
from bao.pareto.result import HypervolumeDifference
from bao.pareto.worth import ENVELOPE, Told, worth
from bao.policies.scripted import RATIONAL
from bao.recipes.contrasts import over_seeds
from bao.recipes.run import told_prices
from bao.recipes.sweep.plan import Plan, Point

Figures = Mapping[str, Mapping[str, Interval]]
"""By strategy, then by measure: ``hypervolume``, ``hull_hypervolume``, ``regret`` (in the mean over prices)."""


def outcome(plan: Plan) -> dict[str, Any]:
    """The results of a finished sweep, the content of ``sweep.json`` beside the decisions.

    Leaves ``frontier.json`` with its pictures and ``worth.json`` in the folder of each seed, and the frontier of all seeds in
    that of the sweep. Intervals are over seeds, or over tasks where there is one seed.
    """
    sweep, first, many = plan.sweep, str(plan.sweep.strategies[0]), len(plan.sweep.seeds) > 1
    how: dict[str, Any] = {"seed": sweep.seeds[0], "resamples": sweep.recipe.evaluation.resamples}
    means, differences, seeds, everything = [], [], {}, []
    for seed in sweep.seeds:
        points = plan.points(seed)
        candidates = _candidates(points)
        drawn = frontier(candidates, **how)
        write_frontier(drawn, plan.folder(seed))
        chosen = {name: operating_points(each, told_prices(sweep.recipe)) for name, each in points.items()}
        told = _over_prices(plan, seed, candidates, chosen, how)
        means.append(_figures(drawn, told, list(points)))
        differences.append(_differences(drawn, told, first, list(points)))
        seeds[str(seed)] = {
            "means": _json(means[-1]),
            "differences": _json(differences[-1]),
            "trained_for": {name: [point.label for point in each] for name, each in points.items()},
            "plays": {name: {f"{price:g}": point.label for price, point in each.items()} for name, each in chosen.items()},
        }
        everything += _candidates(points, f", seed {seed}" if many else "")
    write_frontier(frontier(everything, **how), plan.out)
    return {
        "name": sweep.recipe.name,
        "prices": told_prices(sweep.recipe),
        "intervals": "over seeds" if many else "over tasks",
        "spent": {name: _spent(each) for name, each in points.items()},
        "means": _over(means),
        "first": first,
        "differences": _over(differences),
        "seeds": seeds,
    }


def operating_points(points: Sequence[Point], prices: Sequence[float]) -> dict[float, Point]:
    """Which point to play at each price: that of the largest ``R - wU`` on the deciding tasks, of equal ones the first."""
    seen = [point.result(deciding=True).candidate(DEFAULT) for point in points]
    best = np.argmax([[float(np.mean(each.worth(price))) for price in prices] for each in seen], axis=0)
    return {price: points[int(place)] for price, place in zip(prices, best, strict=True)}


def _candidates(points: Mapping[str, Sequence[Point]], suffix: str = "") -> list[Candidate]:
    return [
        Candidate.of(
            point.result().episodes(traces=False),
            label=f"{_label(name, point)}{suffix}",
            series=f"{name}{suffix}",
            effort_weight=point.price,
            only=DEFAULT,
            records=point.result().records,
        )
        for name, each in points.items()
        for point in each
    ]


def _label(name: str, point: Point) -> str:
    return f"{name} {point.label}"


def _over_prices(
    plan: Plan, seed: int, candidates: Sequence[Candidate], chosen: Mapping[str, Mapping[float, Point]], how: Mapping[str, Any]
) -> Told:
    fixed, rational = plan.scripts(seed).scripts()
    points = {name: {price: _label(name, point) for price, point in each.items()} for name, each in chosen.items()}
    if rational:
        points[RATIONAL] = {price: each.label for price, each in rational.items()}
    scripts = [each.candidate(DEFAULT) for each in (*fixed, *rational.values())]
    rules = {each.label for each in fixed if each.is_rule}
    found = worth([*candidates, *scripts], sorted({0.0}.union(*points.values())), rules, points=points, **how)
    write_worth([found], plan.folder(seed))
    assert found.told is not None, "all strategies are told the prices of the recipe"
    return found.told


def _figures(drawn: Frontier, told: Told, names: Sequence[str]) -> Figures:
    volumes = {"hypervolume": drawn.hypervolume, "hull_hypervolume": drawn.hull_hypervolume}
    return {
        name: {**{each: found[name] for each, found in volumes.items()}, "regret": told.regret[name][ENVELOPE].mean}
        for name in names
    }


def _differences(drawn: Frontier, told: Told, first: str, names: Sequence[str]) -> Figures:
    """What `first` has more than each other one."""
    volumes = {"hypervolume": drawn.hypervolume_differences, "hull_hypervolume": drawn.hull_hypervolume_differences}
    return {
        name: {
            **{each: _less(found, first, name) for each, found in volumes.items()},
            # The regret of the first less that of the other: what the other is worth more.
            "regret": told.regret[first][name].mean,
        }
        for name in names
        if name != first
    }


def _less(found: Sequence[HypervolumeDifference], a: str, b: str) -> Interval:
    each = next(each for each in found if {each.a, each.b} == {a, b})
    value = each.difference
    return value if each.a == a else Interval(0.0 - value.mean, 0.0 - value.high, 0.0 - value.low)


def _spent(points: Sequence[Point]) -> dict[str, int]:
    trained = {point.child.name: point.child.trajectories for point in points}
    policies = sum(count > 0 for count in trained.values())
    return {"policies": policies, "trajectories": sum(trained.values()), "points": len(points)}


def _over(runs: Sequence[Figures]) -> dict[str, dict[str, dict[str, float]]]:
    if len(runs) == 1:
        return _json(runs[0])
    return {
        name: {measure: over_seeds([run[name][measure].mean for run in runs]) for measure in figures}
        for name, figures in runs[0].items()
    }


def _json(figures: Figures) -> dict[str, dict[str, dict[str, float]]]:
    return {name: {measure: value.to_json() for measure, value in each.items()} for name, each in figures.items()}
