"""What the scripted policies of all gyms share: chance, the oracle, a turn written down, and what a teacher draws."""

import re
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.policy import Policy
from bao.task import Task

Option = TypeVar("Option", bound=str)

CLAUSE = " | "
"""What stands between the clauses of a teacher's thinking. The last clause is the decision."""
SELDOM = 0.25
"""How often a choice that is to be made seldom is open to an episode at all."""

AS_GOOD_AS_FREE = 1e-6
"""The price at which a rational script counts a turn that is free, so that of equal plays it takes the shortest."""

_PRICE = re.compile(r"a user turn costs (\d+) percent")


def turn(kind: ActionKind, content: str = "", thinking: str = "") -> Parsed:
    return Parsed(thinking, Action(kind, content), None)


def thought(*clauses: str) -> str:
    """A teacher's thinking: what the decision goes by, clause by clause, and the decision last."""
    return CLAUSE.join(clauses)


def told_price(system: str) -> float | None:
    """The price of a user turn that the system text states, in units of R; None where it states none."""
    found = _PRICE.search(system)
    return int(found[1]) / 100 if found else None


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
        weights = np.array([chances.get(name, 0.0) for name in names])
        return names[int(self._rng.choice(len(names), p=weights / weights.sum()))]


class RandomPolicy:
    """A kind at random, with a content at random from those given for it; ``finish`` one time in twenty."""

    name = "random"

    def __init__(self, contents: Mapping[ActionKind, Sequence[str]], seed: int, finish: float = 0.05) -> None:
        self._contents = {kind: list(texts) for kind, texts in contents.items() if kind != ActionKind.FINISH}
        self._finish = finish if ActionKind.FINISH in contents else 0.0
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        if self._rng.random() < self._finish:
            return turn(ActionKind.FINISH)
        kinds = list(self._contents)
        kind = kinds[int(self._rng.integers(len(kinds)))]
        texts = self._contents[kind]
        return turn(kind, texts[int(self._rng.integers(len(texts)))])


class Oracle:
    """Knows the task of the gym that it was made from: takes the actions that `plan` lists for it, and the last one again."""

    name = "oracle"

    def __init__(self, gym: Gym, plan: Callable[[Task], Sequence[Action]], thinking: str = "") -> None:
        self._gym, self._plan, self._thinking = gym, plan, thinking

    def begin(self, system: str, opening: str) -> None:
        self._left: list[Action] | None = None

    def act(self, observation: str) -> Parsed:
        if self._left is None:
            if self._gym.task is None:
                raise RuntimeError("the oracle acts in an episode only: call the gym's reset() first")
            self._left = list(self._plan(self._gym.task))
        return Parsed(self._thinking, self._left.pop(0) if len(self._left) > 1 else self._left[0], None)


def oracle(plan: Callable[[Task], Sequence[Action]], thinking: str = "") -> Callable[[Gym, int], Policy]:
    """Makes a gym's `Oracle`."""
    return lambda gym, seed: Oracle(gym, plan, thinking)
