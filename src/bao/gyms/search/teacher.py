"""The search gym's teacher of the warm start, and the script that does what pays at the price it is told.

The teacher looks the start of the question up, notes by number which of the passages shown are what was asked about, and then
asks which is meant, tries one candidate after another, or stops: which of these, its disposition says, and no price.
From a candidate it follows the question's relations, a search for each. A turn's thinking is, for example,
``hop 1 of 1 | fit 1 2 | 2 left 0 tried 0 asked | answer founder of 1``: how far along the question it is, the passages shown
that matter, how many things may be meant, how many answers were wrong and how many questions were asked, and the decision.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np

from bao.action import ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.search.relations import SORTS, Asked, read_passage, read_question
from bao.policies.scripted import AS_GOOD_AS_FREE, turn, turn_prices
from bao.policies.teacher import Disposition, thought

PASSAGE = re.compile(r"^\d+\. ([^:]+): (.+)$", re.MULTILINE)
MEANT = re.compile(r"I mean (.+)\.")


class Choice(StrEnum):
    """What to do about the things that may be meant."""

    ASK = "ask"
    TRY = "try"
    """Follow the question from the first of them, and answer."""
    STOP = "stop"


class Seeker(ABC):
    """Plays the search gym by a scheme; `decide` says what to do where there is a choice."""

    name = "seeker"

    def begin(self, system: str, opening: str) -> None:
        self._asked = read_question(opening)
        self._titles: list[str] | None = None
        """Titles of the passages that the first search showed."""
        self._shown: list[tuple[str, dict[str, str]]] = []
        """Title and facts of the passages shown last."""
        self._facts: dict[str, dict[str, str]] = {}
        self._left: list[str] = []
        """The things that may be meant, in the order in which they were shown."""
        self._tried = self._questions = self._hop = 0
        self._here = ""
        """The thing whose relation is wanted next, where a candidate is being followed."""
        self._searched = False

    @abstractmethod
    def decide(self, choices: Sequence[Choice]) -> Choice:
        """One of the choices that there are."""

    def act(self, observation: str) -> Parsed:
        if self._asked is None:
            return turn(ActionKind.FINISH, thinking=thought("hop 0 of 0", "stop"))
        passages = PASSAGE.findall(observation)
        if passages:
            self._shown = [(title, read_passage(text)) for title, text in passages]
            self._facts |= dict(self._shown)
        if self._titles is None:
            if not self._searched:
                return self._first(self._asked)
            self._titles = [title for title, _ in self._shown]
            self._left = [title for title, facts in self._shown if self._fits(self._asked, title, facts)]
        if meant := MEANT.fullmatch(observation):
            self._left = [title for title in self._left if title == meant[1]]
        if self._here:
            return self._follow(self._asked)
        return self._choose(self._asked)

    def _first(self, asked: Asked) -> Parsed:
        known = f"hop 0 of {len(asked.path)}"
        if self.decide((Choice.TRY, Choice.STOP)) is Choice.STOP:
            return turn(ActionKind.FINISH, thinking=thought(known, "stop"))
        self._searched = True
        start = asked.name or described(asked).removeprefix("the ")
        return turn(ActionKind.SEARCH, start, thought(known, "search"))

    def _fits(self, asked: Asked, title: str, facts: dict[str, str]) -> bool:
        return title == asked.name if asked.name else facts.items() >= asked.described.items()

    def _choose(self, asked: Asked) -> Parsed:
        """What to do about the things that may be meant: those left of the first search's."""
        assert self._titles is not None
        places = " ".join(str(self._titles.index(name) + 1) for name in self._left) or "none"
        known = (f"hop 1 of {len(asked.path)}", f"fit {places}", self._counts())
        choices = [Choice.ASK] if self._left and not self._questions else []
        choices += [Choice.TRY] if self._left else []
        choice = self.decide([*choices, Choice.STOP])
        if choice is Choice.STOP:
            return turn(ActionKind.FINISH, thinking=thought(*known, "stop"))
        if choice is Choice.ASK:
            self._questions += 1
            return turn(ActionKind.ACTION, f"Do you mean {' or '.join(self._left)}?", thought(*known, "ask"))
        self._here, self._hop = self._left[0], 0
        return self._step(asked, self._titles.index(self._here) + 1, known)

    def _follow(self, asked: Asked) -> Parsed:
        """On from the thing that the last search was for."""
        titles = [title for title, _ in self._shown]
        place = titles.index(self._here) + 1 if self._here in titles else 0
        known = (f"hop {self._hop + 1} of {len(asked.path)}", f"fit {place or 'none'}", self._counts())
        return self._step(asked, place, known)

    def _step(self, asked: Asked, place: int, known: Sequence[str]) -> Parsed:
        """The next search along the path from `_here`, the passage shown at `place`, or the answer where the path ends."""
        relation = asked.path[self._hop]
        value = self._facts.get(self._here, {}).get(relation) if place else None
        if value is None:
            return turn(ActionKind.FINISH, thinking=thought(*known, "stop"))
        self._hop += 1
        if self._hop < len(asked.path):
            self._here = value
            return turn(ActionKind.SEARCH, value, thought(*known, f"search {relation} of {place}"))
        self._here = ""
        self._left, self._tried = self._left[1:], self._tried + 1
        return turn(ActionKind.ANSWER, value, thought(*known, f"answer {relation} of {place}"))

    def _counts(self) -> str:
        return f"{len(self._left)} left {self._tried} tried {self._questions} asked"


class Teacher(Seeker):
    """Chooses by its episode's propensities, whatever the price."""

    name = "teacher"

    def __init__(self, gym: Gym, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._start = Disposition(self._rng, (Choice.TRY, Choice.STOP), seldom=(Choice.STOP,))
        self._later = Disposition(self._rng, tuple(Choice))

    def decide(self, choices: Sequence[Choice]) -> Choice:
        if not self._searched:
            return self._start.choose(None, choices)
        return self._later.choose((len(self._left), self._questions), choices)


class Rational(Seeker):
    """Chooses what is worth most, R less the price of its user turns, as far as the gym's rules tell.

    Each thing that may be meant is as likely as the others, they lead to different answers, the user names the one that is
    meant when all are named, and answers may go on until one is right. It thinks nothing. Of equal plays it takes the shortest,
    so where no price is told too.
    """

    name = "rational"

    def __init__(self, gym: Gym, seed: int) -> None:
        self._gym = gym

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._prices = [price + AS_GOOD_AS_FREE for price in turn_prices(system, self._gym)]

    def act(self, observation: str) -> Parsed:
        return super().act(observation)._replace(thinking="")

    def decide(self, choices: Sequence[Choice]) -> Choice:
        asking, answering = self._prices
        if not self._searched or not self._left:
            return choices[0]
        worth = values(len(self._left), asking, answering, Choice.ASK in choices)
        return max(choices, key=lambda choice: (worth[choice], choice is Choice.TRY))


@lru_cache(maxsize=4096)
def values(left: int, asking: float, answering: float, may_ask: bool) -> dict[Choice, float]:
    """The expected R less the price of the turns of each choice, where `left` >= 1 things may be meant.

    Trying: ``1 / n - a + (1 - 1 / n) V(n - 1)``. Asking once: ``-q + max(0, 1 - a)``. Stopping: 0. `asking` is q, `answering`
    a, in units of R. V is the greatest of these; at n = 0 it is 0.
    """
    found = {Choice.ASK: -np.inf, Choice.TRY: -np.inf, Choice.STOP: 0.0}
    later = max(values(left - 1, asking, answering, may_ask).values()) if left > 1 else 0.0
    found[Choice.TRY] = 1 / left - answering + (1 - 1 / left) * later
    if may_ask:
        found[Choice.ASK] = -asking + max(0.0, 1 - answering)
    return found


def described(asked: Asked) -> str:
    """How the question describes what it starts from."""
    assert asked.kind is not None
    return SORTS[asked.kind].description.format(**asked.described)
