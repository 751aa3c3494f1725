"""What the scripted policies of all gyms share: chance, the oracle, and a turn written down."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.policies.prompt import told_price
from bao.policy import Policy
from bao.task import Task

RATIONAL = "rational"
"""The scripted policy of a gym that reads the price of a user turn from its system text and goes by it; few gyms have one. All
others do the same at every price."""
ORACLE, RANDOM, TEACHER = "oracle", "random", "teacher"
"""Scripted policies that are no behaviour to compare with: one knows the task, one wants nothing, and those whose name begins
with the last one choose at random, to show a student variety."""
AS_GOOD_AS_FREE = 1e-6
"""The price at which a rational script counts a turn that is free, so that of equal plays it takes the shortest."""


def fixed_behaviours(names: Iterable[str]) -> list[str]:
    """Of a gym's scripted policies those that a policy can be asked to match at any price."""
    return [name for name in names if name not in (RATIONAL, ORACLE, RANDOM) and not name.startswith(TEACHER)]


def turn_prices(system: str, gym: Gym) -> tuple[float, float]:
    """What asking the user and answering them cost, in units of R: the price told by `system`, or 0 where none is told or the
    gym's convention does not count the turn."""
    price = told_price(system) or 0.0
    return price * (ActionKind.ACTION in gym.user_kinds), price * (ActionKind.ANSWER in gym.user_kinds)


def turn(kind: ActionKind, content: str = "", thinking: str = "") -> Parsed:
    return Parsed(thinking, Action(kind, content), None)


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
