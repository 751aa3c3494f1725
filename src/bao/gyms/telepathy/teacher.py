"""The telepathy gym's teacher of the warm start, and the script that does what pays at the price it is told.

The teacher goes down the tree of questions (`bao.gyms.telepathy.tree`) and at every turn asks on, guesses, or stops: which of
these, its disposition says, and no price. A turn's thinking is, for example,
``animal yes no | 4 left | 2 asked 0 tried | guess lion or tiger or puma or lynx``: what is established (the opening and the
replies in order), how many things it may be (as a power of two where they are more than it names), how far it is, and the
decision, with the things that are left once they are few. The guess is the first of them, so a wrong one shows the others too.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np

from bao.action import ActionKind, Parsed
from bao.gym import Gym
from bao.gyms.telepathy.table import DEPENDS, NO, YES, table
from bao.gyms.telepathy.tree import Node, node, values
from bao.gyms.telepathy.user import DEPENDS_TEXT, NO_TEXT, YES_TEXT
from bao.policies.scripted import AS_GOOD_AS_FREE, turn, turn_prices
from bao.policies.teacher import Disposition, thought

OPENING = re.compile(r"I am thinking of (?:an? )?(.+?)\.")
VALUE = {YES_TEXT: YES, NO_TEXT: NO, DEPENDS_TEXT: DEPENDS}
NAMED = 4
"""So few things left are named in the thinking."""

_SAID = {YES: "yes", NO: "no", DEPENDS: "depends"}


class Choice(StrEnum):
    """What to do about the things that it may be."""

    ASK = "ask"
    GUESS = "guess"
    STOP = "stop"


class Descender(ABC):
    """Goes down the tree of questions; `decide` says what to do at each node."""

    name = "descender"

    def begin(self, system: str, opening: str) -> None:
        found = OPENING.search(opening)
        self._what = found[0].removeprefix("I am thinking of ").removesuffix(".") if found else ""
        self._short = found[1] if found else ""
        self._replies: tuple[int, ...] = ()
        self._guessed: list[int] = []
        self._asked_last = False
        self._stuck = False
        """Whether the user did not say yes, no or that it depends: the best question leads nowhere."""

    @property
    def node(self) -> Node:
        return node(self._what, self._replies)

    @property
    def left(self) -> list[int]:
        """The things that it may be: those of the node that were not guessed in vain."""
        return [place for place in self.node.left if place not in self._guessed]

    @abstractmethod
    def decide(self, choices: Sequence[Choice]) -> Choice:
        """One of the choices that there are."""

    def act(self, observation: str) -> Parsed:
        if self._asked_last:
            if observation in VALUE:
                self._replies = (*self._replies, VALUE[observation])
            else:
                self._stuck = True
        self._asked_last = False
        left = self.left
        choices = [Choice.ASK] if self.node.question is not None and len(left) > 1 and not self._stuck else []
        choices += [Choice.GUESS] if left else []
        choice = self.decide([*choices, Choice.STOP])
        thinking = thought(*self._known(left), self._decision(choice, left))
        if choice is Choice.STOP:
            return turn(ActionKind.FINISH, "", thinking)
        if choice is Choice.GUESS:
            self._guessed.append(left[0])
            return turn(ActionKind.ANSWER, table().entities[left[0]].title, thinking)
        assert self.node.question is not None
        self._asked_last = True
        return turn(ActionKind.ACTION, table().features[self.node.question].ask, thinking)

    def _known(self, left: Sequence[int]) -> tuple[str, str, str]:
        said = " ".join((self._short, *(_SAID[reply] for reply in self._replies)))
        return said, f"{rounded(len(left))} left", f"{len(self._replies)} asked {len(self._guessed)} tried"

    def _decision(self, choice: Choice, left: Sequence[int]) -> str:
        if choice is Choice.STOP or not 0 < len(left) <= NAMED:
            return choice
        return f"{choice} {' or '.join(table().entities[place].title for place in left)}"


class Teacher(Descender):
    """Chooses by its episode's propensities, whatever the price."""

    name = "teacher"

    def __init__(self, gym: Gym, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        super().begin(system, opening)
        self._begins = Disposition(self._rng, (Choice.ASK, Choice.STOP), seldom=(Choice.STOP,))
        self._many = Disposition(self._rng, tuple(Choice), seldom=(Choice.GUESS, Choice.STOP))
        self._few = Disposition(self._rng, tuple(Choice))

    def decide(self, choices: Sequence[Choice]) -> Choice:
        if not self._replies and not self._guessed and self._begins.choose(None, tuple(Choice)) is Choice.STOP:
            return Choice.STOP
        number = rounded(len(self.left))
        return (self._few if number <= NAMED else self._many).choose((number, bool(self._guessed)), choices)


class Rational(Descender):
    """Chooses what is worth most, R less the price of its user turns, of plays that ask down the tree, then guess, then stop.

    It reckons by the table: each thing left is as likely as the others, and the user answers by it. It thinks nothing. Of
    equal plays it takes the shortest, so where no price is told too.
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
        worth = {Choice.STOP: 0.0, Choice.GUESS: guessing(len(self.left), self._prices[1])}
        if Choice.ASK in choices and not self._guessed:
            worth[Choice.ASK] = asking(self._what, self._replies, *self._prices)
        return max((choice for choice in choices if choice in worth), key=lambda choice: worth[choice])


@lru_cache(maxsize=4096)
def guessing(left: int, price: float) -> float:
    """What guessing among `left` things is worth at best: ``1 / n - a + (1 - 1 / n) max(0, V(n - 1))``, `price` being a."""
    worth = 0.0
    for n in range(1, left + 1):
        worth = 1 / n - price + (1 - 1 / n) * max(0.0, worth)
    return worth


@lru_cache(maxsize=65_536)
def asking(what: str, replies: tuple[int, ...], price: float, guess_price: float) -> float:
    """What the node's question is worth: ``-q + sum_r p(r) max(0, guessing, asking)`` over the replies r, `price` being q.

    Minus infinity where the node has no question.
    """
    here = node(what, replies)
    if here.question is None:
        return -np.inf
    column = values()[list(here.left), here.question]
    worth = -price
    for reply in (NO, DEPENDS, YES):
        share = float((column == reply).mean())
        if share:
            below = (*replies, reply)
            number = len(node(what, below).left)
            worth += share * max(0.0, guessing(number, guess_price), asking(what, below, price, guess_price))
    return worth


def rounded(number: int) -> int:
    """`number` as it is named, up to `NAMED`; beyond, the power of two that is nearest by ratio."""
    return number if number <= NAMED else int(2 ** round(np.log2(number)))
