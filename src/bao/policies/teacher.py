"""What a teacher needs: thinking in clauses with the decision last, and habits that differ from episode to episode.

A teacher demonstrates for the warm start (`bao.train.hindsight`). It is told no price, and its thinking judges none: what its
choices lead to is measured, which takes that each of them occurs in every situation.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

Option = TypeVar("Option", bound=str)

CLAUSE = " | "
"""What stands between the clauses of a teacher's thinking. The last clause is the decision."""
SELDOM = 0.25
"""How often a choice that is to be made seldom is open to an episode at all."""


def thought(*clauses: str) -> str:
    """A teacher's thinking: what the decision goes by, clause by clause, and the decision last."""
    return CLAUSE.join(clauses)


def propensities(
    rng: np.random.Generator, choices: Sequence[Option], *, seldom: Collection[Option] = ()
) -> dict[Option, float]:
    """How apt one episode is to each of `choices`: probabilities that sum to 1, in the order of `choices`.

    Among n choices the episode is open to k of them, k uniform in 1 .. n, and any k are equally likely. Within these the
    probabilities are uniform on the simplex (Dirichlet(1, .., 1)), so one alone has 1 and those not open have 0. Over many
    episodes each choice is always taken in some, never in others, and taken at any rate between in the rest.

    A choice in `seldom` is left out of `choices` in all but `SELDOM` of the episodes, unless nothing else is left. It is for a
    choice that ends the episode before anything was seen, which would else take most plays.

    Raises `ValueError` without choices.
    """
    if not choices:
        raise ValueError("choices=() leaves nothing to do: name at least one")
    usual = [choice for choice in choices if choice not in seldom or rng.random() < SELDOM]
    places = usual or list(choices)
    number = int(rng.integers(1, len(places) + 1))
    open_ = rng.choice(len(places), size=number, replace=False)
    found = dict.fromkeys(choices, 0.0)
    shares = rng.dirichlet(np.ones(number)) if number > 1 else (1.0,)  # drawn, a lone one may be off by a rounding
    for place, share in zip(open_, shares, strict=True):
        found[places[int(place)]] = float(share)
    return found


def draw(chances: Mapping[Option, float], rng: np.random.Generator) -> Option:
    """One of the options, in proportion to its chance; where all have none, each is as likely."""
    names, weights = list(chances), np.array(list(chances.values()))
    weights = weights if weights.sum() > 0 else np.ones(len(names))
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


class Disposition(Generic[Option]):
    """What one episode is apt to do, situation by situation.

    In half of the episodes the same propensities hold throughout: it always asks, never does, or does so at some rate. In the
    others they are drawn anew for each situation that it meets, so that what comes late is met after all that may come before.
    """

    def __init__(self, rng: np.random.Generator, choices: Sequence[Option], *, seldom: Collection[Option] = ()) -> None:
        self._rng = rng
        self._choices, self._seldom = tuple(choices), seldom
        self._steady = propensities(rng, self._choices, seldom=seldom) if rng.random() < 0.5 else None
        self._at: dict[Hashable, dict[Option, float]] = {}

    def choose(self, situation: Hashable, among: Collection[Option]) -> Option:
        """One of `among`; where the episode is apt to none of them, each is as likely as the others (but those to be seldom).

        Raises `ValueError` where `among` holds none of the choices.
        """
        names = [name for name in self._choices if name in among]
        if not names:
            raise ValueError(f"among={list(among)} holds none of the choices {list(self._choices)}: name at least one")
        if self._steady is None and situation not in self._at:
            self._at[situation] = propensities(self._rng, self._choices, seldom=self._seldom)
        chances = self._steady or self._at[situation]
        if not any(chances[name] for name in names):
            chances = dict.fromkeys([name for name in names if name not in self._seldom] or names, 1.0)
        return draw({name: chances.get(name, 0.0) for name in names}, self._rng)
