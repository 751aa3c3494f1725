"""What a task hides from the agent, what may show it, and whether a text holds it.

A gym declares its tasks' hidden texts (`bao.gym.Gym.hidden`); `bao.proofs` looks for them in everything that the agent sees.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Until(StrEnum):
    """What may show a hidden text; nothing does before."""

    SOUGHT = "sought"
    """A search, a tool's result, or a reply to a question or to an answer that hits it."""
    ASKED = "asked"
    """A reply to a question to the user (``action``): only the user knows it."""
    SAID = "said"
    """The agent's own words: nobody tells it, at most it is confirmed."""


class Hidden(NamedTuple):
    """A text of a task that its episodes must not give away: a title, a rule, a wish that was not stated."""

    text: str
    until: Until = Until.SAID


# A number keeps its sign, decimals and fraction, so that 3 is not found in -3, 3.5 or 7/3. An underscore parts words.
_TOKEN = re.compile(r"(?<![^\W_])(?<!\.)-?\d+(?:[./]\d+)*(?![^\W_])|[^\W_]+")
_NUMBER = re.compile(r"-?\d+(?:[./]\d+)*")


def words_of(text: str) -> str:
    """The words and numbers of `text` in lower case, each between blanks; the form in which texts are compared."""
    return f" {' '.join(_TOKEN.findall(text.casefold()))} "


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None


def holds(shown: str, text: str) -> bool:
    """Whether `shown` holds `text` as whole words, whatever the case and the marks between them.

    Paraphrases, translations and words in another form are not found. A text without a word is held by nothing.
    """
    sought = words_of(text)
    return bool(sought.strip()) and sought in words_of(shown)
