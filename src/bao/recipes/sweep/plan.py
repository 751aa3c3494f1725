"""What is left to do of a sweep: read from what lies in its folder, so that it is the same before and after a kill.

The only choices are those of the search. Each is written to ``sweep.json`` before anything is done with it, and is taken from
there from then on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bao.errors import DataError
from bao.evaluation.results import EvaluationResult
from bao.measures.bootstrap import resampled_means
from bao.measures.intervals import Floats
from bao.pareto.joining import played_by_all
from bao.pareto.objective import DEFAULT
from bao.pareto.search import NextPrice, next_price
from bao.recipes.sweep.child import SCRIPTS, START, Child, Work
from bao.recipes.sweep.settings import Strategy, Sweep
from bao.storage.atomic import atomic_text

SWEEP = "sweep.json"


@dataclass(frozen=True, slots=True)
class Point:
    """An operating point of a strategy."""

    label: str
    """What of the strategy it is; unique within it."""
    price: float
    child: Child

    def result(self, *, deciding: bool = False) -> EvaluationResult:
        return self.child.points(deciding=deciding)[self.price]


class Plan:
    """The children of a sweep, in the order in which they can be done."""

    def __init__(self, sweep: Sweep, out: Path) -> None:
        """Raises `DataError` where ``sweep.json`` is damaged."""
        self.sweep, self.out = sweep, out
        self._decided = _read(out / SWEEP)

    def ready(self) -> list[Child]:
        """What is not done and lacks nothing, the longest first; takes the decisions of the search that can be taken."""
        found = []
        for seed in self.sweep.seeds:
            if Strategy.ADAPTIVE in self.sweep.strategies:
                self._decide(seed)
            children = {each.name: each for each in self._children(seed)}
            done = {name for name, each in children.items() if each.is_done()}
            found += [each for name, each in children.items() if name not in done and done.issuperset(each.parents)]
        return sorted(found, key=lambda child: -child.trajectories)

    @property
    def count(self) -> int:
        """Children in all, those of decisions to come included."""
        inner = len(self.sweep.prices) - 2 if Strategy.ADAPTIVE in self.sweep.strategies else 0
        return sum(len(self._children(seed)) + inner - len(self._search(seed)) for seed in self.sweep.seeds)

    @property
    def done(self) -> int:
        return sum(child.is_done() for seed in self.sweep.seeds for child in self._children(seed))

    @property
    def decisions(self) -> dict[str, Any]:
        """By seed what the search chose, one after the other."""
        return {"decisions": self._decided}

    def points(self, seed: int) -> dict[str, list[Point]]:
        """The operating points of the warm start and of each strategy, by ascending price."""
        children = {each.name: each for each in self._children(seed)}

        def of(names: Sequence[str]) -> list[Point]:
            found = [Point(f"w={price:g}", price, children[name]) for name in names for price in children[name].points()]
            return sorted(found, key=lambda point: point.price)

        ends = [_alone(self.sweep.prices[0]), _alone(self.sweep.prices[-1])]
        soups = [each for each in children.values() if each.work == Work.SOUP]
        mixed = [Point(f"{each.share:.0%}", each.recipe.grpo.weights[0], each) for each in soups]
        named = {
            Strategy.CONDITIONED: lambda: of([Strategy.CONDITIONED]),
            Strategy.PER_PRICE: lambda: of([_alone(price) for price in self.sweep.prices]),
            Strategy.ADAPTIVE: lambda: of([*ends, *(child.name for child in self._search(seed))]),
            Strategy.SOUP: lambda: sorted([*of(ends), *mixed], key=lambda point: (point.price, point.label)),
        }
        return {"warm start": of([START]), **{str(each): named[each]() for each in self.sweep.strategies}}

    def scripts(self, seed: int) -> Child:
        return Child(Work.SCRIPTS, SCRIPTS, self.folder(seed), self.sweep.of_seed(seed))

    def folder(self, seed: int) -> Path:
        return self.out / f"seed-{seed}"

    def _children(self, seed: int) -> list[Child]:
        """All that is known of, parents first."""
        sweep, out, chosen = self.sweep, self.folder(seed), self.sweep.strategies
        found = [self.scripts(seed), Child(Work.START, START, out, sweep.of_seed(seed))]
        if Strategy.CONDITIONED in chosen:
            recipe = sweep.told(seed, sweep.prices)
            found.append(Child(Work.TRAIN, str(Strategy.CONDITIONED), out, recipe, recipe, (START,)))
        if set(chosen) - {Strategy.CONDITIONED}:
            prices = sweep.prices if Strategy.PER_PRICE in chosen else (sweep.prices[0], sweep.prices[-1])
            found += [self._policy(seed, _alone(price), price, START, 0) for price in prices]
        if Strategy.SOUP in chosen:
            found += self._soups(seed)
        if Strategy.ADAPTIVE in chosen:
            found += self._search(seed)
        return found

    def _policy(self, seed: int, name: str, price: float, parent: str, depth: int) -> Child:
        recipe, training = self.sweep.told(seed, [price]), self.sweep.told(seed, [price], depth=depth)
        return Child(Work.TRAIN, name, self.folder(seed), recipe, training, (parent,))

    def _soups(self, seed: int) -> list[Child]:
        """Between the ends, as many as bring them to a point for each price."""
        low, high = self.sweep.prices[0], self.sweep.prices[-1]
        shares = np.linspace(0, 1, len(self.sweep.prices))[1:-1].tolist()
        return [
            Child(
                Work.SOUP,
                f"soup-{share:.3g}",
                self.folder(seed),
                self.sweep.told(seed, [round((1 - share) * low + share * high, 2)]),
                parents=(_alone(low), _alone(high)),
                share=share,
            )
            for share in shares
        ]

    def _search(self, seed: int) -> list[Child]:
        """The policies that the search has decided on."""
        return [
            self._policy(seed, str(each["name"]), float(each["price"]), str(each["parent"]), int(each["depth"]))
            for each in self._decided.get(str(seed), [])
            if each["price"] is not None
        ]

    def _decide(self, seed: int) -> None:
        """Choose and record the next price, if all that the search has trained is judged and its budget is not spent."""
        children, taken = {each.name: each for each in self._children(seed)}, self._decided.get(str(seed), [])
        ends = [children[_alone(price)] for price in (self.sweep.prices[0], self.sweep.prices[-1])]
        trained = [*ends, *self._search(seed)]
        stopped = bool(taken) and taken[-1]["price"] is None
        if stopped or len(trained) >= len(self.sweep.prices) or not all(each.is_done() for each in trained):
            return
        places = {price: child for child in trained for price in child.points(deciding=True)}
        decision = next_price(list(places), _clouds([each.points(deciding=True) for each in trained], self.sweep, seed))
        self._decided[str(seed)] = [*taken, _record(decision, places, taken)]
        atomic_text(self.out / SWEEP, json.dumps(self.decisions, indent=1))


def _alone(price: float) -> str:
    """The name of the policy that is trained for a price from the warm start."""
    return f"w{price:g}"


def _record(decision: NextPrice | None, places: Mapping[float, Child], taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if decision is None:
        return {"price": None, "why": "every whole percent between the ends is taken"}
    parent = places[decision.nearest].name
    depth = 1 + next((int(each["depth"]) for each in taken if each.get("name") == parent), 0)
    gains = {f"{price:g}": round(gain, 6) for price, gain in decision.gains.items()}
    name = f"{_alone(decision.price)}-from-{_alone(decision.nearest)}"
    return {**asdict(decision), "name": name, "parent": parent, "depth": depth, "gains": gains}


def _clouds(judged: Sequence[Mapping[float, EvaluationResult]], sweep: Sweep, seed: int) -> Floats:
    """A bootstrap over the deciding tasks: [resamples, policies, (R, U)]."""
    played, numbers = played_by_all([result.candidate(DEFAULT) for each in judged for result in each.values()])
    tasks, policies, _ = played.shape
    resamples = sweep.recipe.evaluation.resamples
    cloud = resampled_means(played.reshape(tasks, -1), resamples, np.random.default_rng([seed, policies]), numbers)
    return cloud.reshape(resamples, policies, 2)


def _read(path: Path) -> dict[str, list[dict[str, Any]]]:
    if not path.is_file():
        return {}
    try:
        found: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))["decisions"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): name another --out, or remove it and all w*-from-*") from error
    return found
