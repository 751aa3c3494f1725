"""Reads what an agent's message to the customer is about, by words and phrases: `classify`."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from bao.gyms.data import pattern, table
from bao.gyms.tau.retail.wishes import Topic

MESSAGE_MOST = 4_000
"""Characters of a message that the customer reads."""
ORDER_ID = re.compile(r"#[A-Z]\d{4,10}")

_TABLE = table(__package__, "messages.toml")

_ASKING = pattern(_TABLE["asking"])
_SENTENCE = re.compile(r"(?<=[?.!])\s+|\n+")
_WORD = re.compile(r"[a-z]+")
_FEW_WORDS = 4
"""A message of so few words asks for what it names."""


class _Rule(NamedTuple):
    """One topic's words: `words` is a cheap gate, `pattern` decides."""

    words: frozenset[str]
    pattern: re.Pattern[str]


def _rule(row: Mapping[str, str]) -> _Rule:
    return _Rule(frozenset(row["words"].split()), pattern(row["pattern"]))


_CONFIRM = _rule(_TABLE["confirm"])
_STATED, _ASKED = ({Topic(name): _rule(row) for name, row in _TABLE[how].items()} for how in ("stated", "asked"))
"""The topics that a statement can raise, and those that only a question or a request raises."""
_PARDON = re.compile(r"\b(?:without|before|unless|until)\b")
"""A refusal with one of these is a condition: it asks for something."""

_WHICH = re.compile(r"\b(?:which|what|where|how|whose|who)\b")
"""Before a word of confirmation it asks for something else: which of them shall I cancel?"""
_CHOICE = re.compile(r"\bor\b(?! no\b| not\b)")
"""After one it offers a choice."""
_WHO = re.compile(r"\be-?mail|\bname\b|identity|authenticate")


@lru_cache(maxsize=4096)
def classify(message: str) -> frozenset[Topic]:
    """What a message is about: every topic that it asks for, and whether it refuses something."""
    found: set[Topic] = set()
    text = message.lower()
    short = len(_WORD.findall(text)) <= _FEW_WORDS
    has_id = "#" in text and ORDER_ID.search(message) is not None
    for sentence in _SENTENCE.split(text):
        words = frozenset(_WORD.findall(sentence))
        for topic, rule in _STATED.items():
            if not rule.words.isdisjoint(words) and rule.pattern.search(sentence) and not _PARDON.search(sentence):
                found.add(topic)
        if short or _ASKING.search(sentence):
            found |= _asked(sentence, words)
    if Topic.CONFIRM in found:
        return frozenset(found & {Topic.CONFIRM, Topic.IDENTITY})
    if Topic.UNAVAILABLE in found:
        found.discard(Topic.REFUSAL)
    if has_id:
        found.discard(Topic.ORDER)
    if len(found) > 1:
        found.discard(Topic.WISH)
    return frozenset(found)


def _asked(sentence: str, words: frozenset[str]) -> set[Topic]:
    if not _CONFIRM.words.isdisjoint(words):
        confirm = _CONFIRM.pattern.search(sentence)
        if confirm and not _WHICH.search(sentence, 0, confirm.start()) and not _CHOICE.search(sentence, confirm.end()):
            return {Topic.CONFIRM}
    found = {topic for topic, rule in _ASKED.items() if not rule.words.isdisjoint(words) and rule.pattern.search(sentence)}
    if Topic.ADDRESS in found and Topic.IDENTITY in found and not _WHO.search(sentence):
        found.discard(Topic.IDENTITY)  # the zip code of the address
    return found
