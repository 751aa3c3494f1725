"""The user of an episode: whom the agent can ask, scripted or a language model, in every gym."""

from enum import StrEnum
from typing import Protocol

import numpy as np

from bao.action import Outcome


class Trait(StrEnum):
    """What a persona can do; the values are the settings that switch it on."""

    PATIENCE = "patience"
    VAGUENESS = "vagueness"
    VOLUNTEERING = "volunteering"
    MISTAKES = "mistakes"


ASKED_ONLY = (Trait.PATIENCE, Trait.VAGUENESS)
"""The traits of any user who answers questions."""


class Character(Protocol):
    """What a persona can bring out. By default there is nothing to tell, nothing to get wrong, and everything may be evaded."""

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """Something that the user tells unasked, in a sentence or more; None where there is nothing left to tell.

        It earns nothing. It may end the episode where nothing is left to find out. Choices are drawn from `rng`, the
        persona's own generator.
        """
        return None

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """A wrong answer to a question; None where there is nothing to get wrong, and the question is answered as ever.

        Only the words are wrong: what the user wants stays true, so that the same question can be answered rightly later.
        """
        return None

    def evadable(self, content: str) -> bool:
        """Whether a vague answer may take the place of the answer to this; not where the agent tells the user something."""
        return True


class User(Character, Protocol):
    """Somebody whom the agent can ask."""

    @property
    def repaired(self) -> int:
        """Replies of this episode that rules said, since those of the model that plays the user did not serve."""
        return 0

    def answer(self, question: str) -> str:
        """The reply to a question. Raises `bao.trajectory.FaultError` where none can be had, and is then as it was before."""


class Nobody(User):
    """Stands where there is no user."""

    def answer(self, question: str) -> str:
        return "Nobody answers questions here. Submit an answer."
