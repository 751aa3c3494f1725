"""The user of the travel gym: the books of what was told, whoever reads the questions and words the replies.

Rules decide what a reply tells: one wish for each question, and after `volunteer_after` questions in a row that got nothing out
of the user, a wish of their own accord. A reader says which attribute a question is about; words are put to what was decided.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from bao.gyms.travel.catalogue import ATTRIBUTE_ASPECT

_INDIFFERENT = "I have no wish about the {attribute}."
_ABSENT = "No {aspect} is needed."


class Topic(StrEnum):
    """What a question is about that is about no attribute of the catalogue."""

    VAGUE = "vague"
    OTHER = "other"
    """Something concrete that is not in the catalogue."""
    CHAT = "chat"
    LONG = "long"
    """Longer than the user reads."""


class Traveller(ABC):
    """Answers questions about ``wishes``: aspect to attribute to value."""

    def __init__(self, wishes: Mapping[str, Mapping[str, str]], rng: np.random.Generator, volunteer_after: int = 3) -> None:
        self._wishes = wishes
        self._rng = rng
        self._volunteer_after = volunteer_after
        self._fruitless = 0
        self._told: set[str] = set()

    @abstractmethod
    def read(self, question: str) -> str:
        """The attribute that a question is about, or a `Topic`."""

    @abstractmethod
    def grant(self, question: str, attribute: str, value: str) -> str:
        """The words that tell a wish which the question is about."""

    @abstractmethod
    def evade(self, question: str, topic: Topic) -> str:
        """The words for a question about no attribute; they tell nothing."""

    def tell(self, attribute: str) -> None:
        """Note that the agent knows this wish already (it was stated), so that it is not volunteered."""
        self._told.add(attribute)

    def settle(self, aspect: str) -> None:
        """Note that an aspect is decided: its wishes matter no more."""
        self._told.update(self._wishes[aspect])

    def reply(self, question: str) -> str:
        """The answer to one question. Where a hook raises `FaultError`, the books are as they were."""
        about = self.read(question)
        aspect = ATTRIBUTE_ASPECT.get(about)
        if aspect is None:
            return self._fruitless_reply(self.evade(question, Topic(about)))
        if aspect not in self._wishes:
            return self._fruitless_reply(_ABSENT.format(aspect=aspect))
        value = self._wishes[aspect].get(about)
        if value is None:
            return self._fruitless_reply(_INDIFFERENT.format(attribute=about))
        text = self.grant(question, about, value)
        self._fruitless = 0
        self._told.add(about)
        return text

    def volunteer(self, rng: np.random.Generator) -> str | None:
        """A sentence that tells a wish unasked; None where the agent knows them all, or they matter no more."""
        remaining = [(n, v) for wishes in self._wishes.values() for n, v in wishes.items() if n not in self._told]
        if not remaining:
            return None
        attribute, value = remaining[int(rng.integers(len(remaining)))]
        self._told.add(attribute)
        return f"By the way, for the {ATTRIBUTE_ASPECT[attribute]} {attribute} I prefer {value}."

    def mistaken(self, question: str, rng: np.random.Generator) -> str | None:
        """A wrong answer to a question about a wish; None to any other question, and from a user that makes no mistakes."""
        return None

    def _fruitless_reply(self, text: str) -> str:
        self._fruitless += 1
        if self._fruitless < self._volunteer_after:
            return text
        told = self.volunteer(self._rng)
        if told is None:
            return text
        self._fruitless = 0
        return f"{text} {told}"
