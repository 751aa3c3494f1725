"""The user of an episode, as far as every gym's user is the same: what a persona can bring out in it."""

from typing import Protocol

import numpy as np

from bao.action import Outcome


class User(Protocol):
    """Somebody whom the agent can ask."""

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """Something that the user tells unasked, in a sentence or more; None where there is nothing left to tell."""

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """A wrong answer to a question; None where there is nothing to get wrong, and the question is answered as ever."""

    def evadable(self, content: str) -> bool:
        """Whether a vague answer may take the place of the answer to this; not where the agent tells the user something."""
