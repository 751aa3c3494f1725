"""The scripted traveller: a user who answers questions about their wishes by what the question mentions.

Deterministic given its generator. It answers one wish per question (the first that the question names), says so when a
question names none, and after `volunteer_after` questions in a row that got nothing out of it, volunteers a wish.

It reads words, not sentences. Of 80 questions written by hand (tests/test_users.py) it takes 95 % for what they are about: all
of the 40 with which the catalogue's words were chosen, 36 of the 40 that were set aside.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from bao.gyms.travel.catalogue import ASPECTS, ATTRIBUTE_ASPECT, ATTRIBUTE_WORDS, GENERIC_WORDS, VALUE_ATTRIBUTE
from bao.gyms.travel.user import Topic, Traveller

_WORD = re.compile(r"[a-z]+")
_SPECIFIC: Mapping[str, tuple[str, ...]] = {**{value: (name,) for value, name in VALUE_ATTRIBUTE.items()}, **ATTRIBUTE_WORDS}
_WISH = ("I would like {value}.", "The best would be {value}.", "I prefer {value}.")
_VAGUE = "That is too vague. Ask about one thing, please."


class ScriptedTraveller(Traveller):
    """Answers by the words of a question, in short sentences, worded by chance."""

    def read(self, question: str) -> str:
        return self.classify(question) or Topic.VAGUE

    def grant(self, question: str, attribute: str, value: str) -> str:
        return _WISH[int(self._rng.integers(len(_WISH)))].format(value=value)

    def evade(self, question: str, topic: Topic) -> str:
        return _VAGUE

    def mistaken(self, question: str, rng: np.random.Generator) -> str | None:
        """A wrong answer to a question about a wish: another value than the wished one; None to any other question.

        The wish stays what it is and counts as untold, so it can still be volunteered.
        """
        attribute = self.classify(question)
        aspect = None if attribute is None else ATTRIBUTE_ASPECT[attribute]
        wished = self._wishes.get(aspect, {}).get(attribute) if aspect and attribute else None
        if wished is None or aspect is None or attribute is None:
            return None
        others = [value for value in ASPECTS[aspect].attributes[attribute] if value != wished]
        return _WISH[int(rng.integers(len(_WISH)))].format(value=others[int(rng.integers(len(others)))])

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
