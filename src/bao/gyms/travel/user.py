"""The user of the travel gym: the books of what was told, whoever reads the questions and words the replies.

Rules decide what a reply tells: one wish for each question, and after `volunteer_after` questions in a row that got nothing out
of the user, a wish of their own accord. A reader says which attribute a question is about; words are put to what was decided.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from itertools import pairwise

import numpy as np

from bao.action import Outcome
from bao.gyms.travel.catalogue import ASPECTS, ATTRIBUTE_ASPECT, ATTRIBUTE_WORDS, GENERIC_WORDS, VALUE_ATTRIBUTE
from bao.user import User

_INDIFFERENT = "I have no wish about the {attribute}."
_ABSENT = "No {aspect} is needed."
_WORD = re.compile(r"[a-z]+")
_SPECIFIC: Mapping[str, tuple[str, ...]] = {**{value: (name,) for value, name in VALUE_ATTRIBUTE.items()}, **ATTRIBUTE_WORDS}
_WISH = ("I would like {value}.", "The best would be {value}.", "I prefer {value}.")
_VAGUE = "That is too vague. Ask about one thing, please."


class Topic(StrEnum):
    """What a question is about that is about no attribute of the catalogue."""

    VAGUE = "vague"
    OTHER = "other"
    """Something concrete that is not in the catalogue."""
    CHAT = "chat"
    LONG = "long"
    """Longer than the user reads."""


Wishes = Mapping[str, Mapping[str, str]]
"""The value of each attribute that matters, by aspect."""


class Traveller(User, ABC):
    """Answers questions about ``wishes``: aspect to attribute to value."""

    def __init__(self, wishes: Wishes, rng: np.random.Generator, volunteer_after: int = 3) -> None:
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

    def answer(self, question: str) -> str:
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

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """A wish that was not told yet; None where the agent knows them all, or they matter no more."""
        remaining = [(n, v) for wishes in self._wishes.values() for n, v in wishes.items() if n not in self._told]
        if not remaining:
            return None
        attribute, value = remaining[int(rng.integers(len(remaining)))]
        self._told.add(attribute)
        return Outcome(f"By the way, for the {ATTRIBUTE_ASPECT[attribute]} {attribute} I prefer {value}.")

    def _fruitless_reply(self, text: str) -> str:
        self._fruitless += 1
        if self._fruitless < self._volunteer_after:
            return text
        told = self.volunteer(self._rng)
        if told is None:
            return text
        self._fruitless = 0
        return f"{text} {told.reply}"


class ScriptedTraveller(Traveller):
    """Answers by the words of a question, in short sentences, worded by chance. Deterministic given its generator.

    It reads words, not sentences. Of 80 questions written by hand (tests/gyms/test_travel_user.py) it takes 95 % for what they
    are about: all of the 40 with which the catalogue's words were chosen, 36 of the 40 that were set aside.
    """

    def read(self, question: str) -> str:
        return self.classify(question) or Topic.VAGUE

    def grant(self, question: str, attribute: str, value: str) -> str:
        return _WISH[int(self._rng.integers(len(_WISH)))].format(value=value)

    def evade(self, question: str, topic: Topic) -> str:
        return _VAGUE

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """Another value than the wished one; None to a question that is about no wish.

        The wish stays what it is and counts as untold, so it can still be volunteered, and recommendations are judged by it.
        """
        attribute = self.classify(content)
        aspect = None if attribute is None else ATTRIBUTE_ASPECT[attribute]
        wished = self._wishes.get(aspect, {}).get(attribute) if aspect and attribute else None
        if wished is None or aspect is None or attribute is None:
            return None
        others = [value for value in ASPECTS[aspect].attributes[attribute] if value != wished]
        return Outcome(_WISH[int(rng.integers(len(_WISH)))].format(value=others[int(rng.integers(len(others)))]))

    @staticmethod
    def classify(question: str) -> str | None:
        """The attribute that a question is about: the first it names, itself or by one of its values; None if vague.

        A question that names an aspect is about that aspect only, so ``when`` in a question about the hotel is not about
        the flight. Words written apart count as one (``pick up``).
        """
        words = _WORD.findall(question.lower())
        aspects = {a.name for a in ASPECTS.values() if a.words.intersection(words)}
        forms = [form for word, following in pairwise([*words, ""]) for form in (word, word + following)]
        for vocabulary in (_SPECIFIC, GENERIC_WORDS):
            for form in forms:
                for attribute in vocabulary.get(form, ()):
                    if not aspects or ATTRIBUTE_ASPECT[attribute] in aspects:
                        return attribute
        return None
