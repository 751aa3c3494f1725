"""The user who has the details in mind, and a scripted one (a model's is in `bao.gyms.intention.llm`).

A user is never given the list of the details: it is made from the opening, which the agent sees as well, and with every
question it is handed only those details that the question is about (`Asked`). So a user that is a language model cannot give
away what was not asked.

What a question is about is found by `bao.gyms.intention.reader`, which reads words, not sentences: it sees no negation, and a
list of key words is a question to it. How well it reads, where exactly the right details count as right:

* Of 80 questions written by hand (tests/intention_questions.py) it reads 84 % rightly: 39 of the 40 with which the words were
  chosen, 28 of the 40 that were set aside. Of the other 12 it understood six not at all, two by half, and took two for another
  detail and two for another one besides.
* Of the 350 example questions in UserRL's test records, on which nothing was tuned (six of the 95 records were seen before),
  99.7 % uncover their own detail and none another. Where the example questions are hidden from the reader, 94.6 % do, 94.0 %
  as the first one, and 3.1 % another as well.
* About one in eight of the example questions of other UserRL tasks uncovers something, often rightly so ("What is your
  budget?").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class Asked:
    """A detail that a question is about, as the user knows it."""

    description: str
    choice: str | None
    """What the user has in mind; None where the user has no wish."""
    known: bool = False
    """Whether the agent was told before."""


class User(Protocol):
    """Answers questions. Raises `bao.trajectory.FaultError` where it cannot, so that an outage is never taken for an answer."""

    def answer(self, question: str, asked: Sequence[Asked]) -> str:
        """The reply to a question that is about these details (at least one)."""

    def unsure(self, question: str) -> str:
        """The reply to a question that is about no detail."""

    def volunteer(self, asked: Asked) -> str:
        """A sentence that tells a detail without being asked."""


_FORMS = ("I would say: {choice}.", "That would be: {choice}.", "Let us say {choice}.", "{label}: {choice}.")
_UNSURE = (
    "I am not sure what you would like to know. Ask me about one concrete thing, please.",
    "I cannot say anything to that. Please ask about one concrete thing.",
)


class ScriptedUser:
    """Replies in short sentences, worded by chance."""

    def __init__(self, opening: str, rng: np.random.Generator) -> None:
        self._rng = rng

    def answer(self, question: str, asked: Sequence[Asked]) -> str:
        if len(asked) == 1 and asked[0].choice is not None and not asked[0].known:
            form = _FORMS[int(self._rng.integers(len(_FORMS)))]
            return form.format(choice=asked[0].choice, label=_label(asked[0]))
        return " ".join(_sentence(each) for each in asked)

    def unsure(self, question: str) -> str:
        return _UNSURE[int(self._rng.integers(len(_UNSURE)))]

    def volunteer(self, asked: Asked) -> str:
        return by_the_way(asked)


def by_the_way(asked: Asked) -> str:
    """A sentence that tells a detail unasked."""
    return f"By the way, {_sentence(asked)}"


def _sentence(asked: Asked) -> str:
    if asked.choice is None:
        return f"{_label(asked)}: I have no wish there."
    return f"{_label(asked)}: {'as I said, ' if asked.known else ''}{asked.choice}."


def _label(asked: Asked) -> str:
    return asked.description[0].upper() + asked.description[1:]
