"""Scripted policies of the telepathy gym: the bounds of every plot, and one that plays twenty questions well.

All but the oracle go by the opening and the replies, and by the built-in table, which is their knowledge of the world.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np

from bao.action import Action, ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.telepathy.table import table
from bao.gyms.telepathy.tasks import load
from bao.gyms.telepathy.teacher import VALUE, Rational, Teacher
from bao.gyms.telepathy.tree import askable, entropy, values
from bao.policies.scripted import RandomPolicy, oracle, turn
from bao.policy import Policy

_OPENING = re.compile(r"I am thinking of (.+?)\.")


class Questioner:
    """Asks the question that is expected to tell most, and guesses once few entities are left.

    It keeps the entities of the table that fit the opening and all replies. The best question is the one whose reply (yes, no
    or "it depends") has the greatest entropy if every remaining entity is equally likely.
    """

    def __init__(self, name: str, gym: Gym, seed: int, enough: int) -> None:
        """Guesses once no more than `enough` entities are left, and in time for its last turns."""
        self.name = name
        self._enough = enough
        self._horizon = gym.horizon
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        found = _OPENING.search(opening)
        what = found.group(1) if found else ""
        fitting = [place for place, entity in enumerate(table().entities) if what in (entity.kind, entity.realm)]
        self._left = self._rng.permutation(np.array(fitting, dtype=np.intp))
        self._open = askable().copy()
        self._turn = 0
        self._asked: int | None = None
        self._guessed: int | None = None

    def act(self, observation: str) -> Parsed:
        self._learn(observation)
        self._turn += 1
        thinking = f"{len(self._left)} entities are left."
        if len(self._left) == 0:
            return turn(ActionKind.FINISH, "", thinking)
        if len(self._left) <= self._enough or self._turn >= self._horizon:
            return self._guess(thinking)
        gains = np.where(self._open, entropy(values()[self._left]), -1.0)
        best = int(gains.argmax())
        if gains[best] <= 0:
            return self._guess(thinking)
        self._asked = best
        self._open[best] = False
        return turn(ActionKind.ACTION, table().features[best].ask, thinking)

    def _learn(self, reply: str) -> None:
        if self._asked is not None and reply in VALUE:
            self._left = self._left[values()[self._left, self._asked] == VALUE[reply]]
        elif self._guessed is not None:
            self._left = self._left[self._left != self._guessed]
        self._asked = self._guessed = None

    def _guess(self, thinking: str) -> Parsed:
        self._guessed = int(self._left[0])
        return turn(ActionKind.ANSWER, table().entities[self._guessed].title, thinking)


def _random(gym: Gym, seed: int) -> Policy:
    contents = {
        ActionKind.ACTION: [feature.ask for feature in table().features if feature.ask],
        ActionKind.ANSWER: [entity.title for entity in table().entities],
        ActionKind.FINISH: [""],
    }
    return RandomPolicy(contents, seed)


_EVERYTHING = 1_000_000

POLICIES: Mapping[str, Callable[[Gym, int], Policy]] = {
    "oracle": oracle(lambda task: [Action(ActionKind.ANSWER, load(task).title)]),
    "ask_all": lambda gym, seed: Questioner("ask_all", gym, seed, enough=1),
    "never_ask": lambda gym, seed: Questioner("never_ask", gym, seed, enough=_EVERYTHING),
    "random": _random,
    "questioner": lambda gym, seed: Questioner("questioner", gym, seed, enough=3),
    "teacher": Teacher,
    "rational": Rational,
}
"""By name, each made from the gym that it will play in and a seed."""
