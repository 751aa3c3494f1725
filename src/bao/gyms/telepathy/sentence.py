"""Sentences: a question taken apart as far as its verb and its subject.

`words_of` cuts politeness and wrapping off a question ("Okay, would you say that the animal is .."), and `frame_of` tells by
the verb and the subject how the rest is meant: ``is`` (what it is, where it is, what people do with it), ``does`` (what it
does) or ``has`` (what it has).
"""

import re
from typing import NamedTuple

from bao.gyms.telepathy.phrases import SMALL
from bao.gyms.telepathy.words import ENGLISH, fold

_TOKEN = re.compile(r"[a-z0-9]+|,")
_SENTENCE = re.compile(r"[.!?;\n]+")
_CONTRACTED = re.compile(r"\b(is|are|do|does|did|was|were|can|could|would|has|have)n't\b|\bcan't\b")


def _any_of(name: str) -> str:
    """A group of the alternatives that english.toml lists under `name`."""
    return f"(?:{''.join(ENGLISH[name].splitlines())})"


_THINKING = r"(?:\s+(?:that\s+)?you(?:'re| are| have|'ve got)?\s+(?:thinking|think|in mind)(?:\s+(?:of|about))?)"
_SUBJECT = re.compile(
    rf"\b(?:(?:the|this|that|your|these|those)\s+(?:mystery |secret |hidden |kind of |type of )?"
    rf"{_any_of('nouns')}s?{_THINKING}?|what you(?:'re| are) thinking (?:of|about)|it{_THINKING})\b"
)
_AFTER_AUXILIARY = re.compile(
    r"^((?:is|are|was|were|does|do|did|can|could|would|will|should|might|may|has|have)(?: not)? )?" + _SUBJECT.pattern
)
_PREFACE = re.compile(rf"^(?:{_any_of('prefaces')}\b[\s,:.-]*)+")
_WRAPPED = re.compile(
    rf"^(?:{_any_of('wrappings')}(?: that| if| whether)?\s+)(?=(?:it|they|this|that|the|you|people|is|are|one|he|she)\b)"
)
_TAG = re.compile(rf",? {_any_of('tags')}$")
_LAST_OF_TAGS = frozenset(ENGLISH["last_of_tags"].split())
"""The last words of these tags: looking through a whole question for its end is slow, and few have a tag."""
_WH = frozenset({"what", "which", "who", "whom", "whose", "where", "when", "why", "how", "tell", "give", "describe", "name"})
_BE = frozenset({"is", "are", "was", "were"})
_DO = frozenset({"do", "does", "did"})
CAN = frozenset({"can", "could", "would", "will", "should", "might", "may", "must"})
_HAVE = frozenset({"has", "have", "had"})
AUXILIARY = _BE | _DO | CAN | _HAVE
VERBS = AUXILIARY | frozenset({"it", "they"})
_OBJECTS = frozenset({"it", "them", "they", "this", "these"})
IT = frozenset({"it", "they", "this", "that", "these", "those", "he", "she", "there", "them"})
PEOPLE = frozenset(ENGLISH["people"].split())
_NOT = frozenset({"not", "never"})
_LACKS = frozenset({"lack", "lacks"})
_OWNS = frozenset({"have", "has", "possess", "contain", "contains", "include"})


class Sentence(NamedTuple):
    """A question up to its subject, and the rest."""

    frame: str
    """``is``, ``does`` or ``has``."""
    rest: str
    """What follows the subject, without small words."""
    denied: bool
    """Whether it asks that this is not so."""
    article: bool
    """Whether the rest began with an article, as a name does."""


class Words(NamedTuple):
    """The words of a question."""

    tokens: list[str]
    contracted: bool
    """Whether it began with a "isn't" or "can't", which expects a yes but could be misread."""


def words_of(question: str) -> Words | None:
    """The words of one question, "it" for its subject; None where it is several questions. No words where there is none."""
    text = fold(question).strip(" \t\r\n\"'`*[](){}")
    sentences = [part.strip() for part in _SENTENCE.split(text) if part.strip(" ,\"'")]
    if not sentences:
        return Words([], False)
    if text.count("?") > 1 and len(sentences) > 1:
        return None
    text = _PREFACE.sub("", sentences[-1])
    if text.rpartition(" ")[2] in _LAST_OF_TAGS:
        text = _TAG.sub("", text)
    text = _WRAPPED.sub("", text)
    contracted = "n't" in text and _CONTRACTED.search(text) is not None
    if contracted:
        text = _CONTRACTED.sub(lambda found: found.group(1) or "can", text, count=1)
    if "'" in text:
        text = text.replace("it's ", "it is ").replace("they're ", "they are ").replace("n't", " not").replace("'s", "")
    tokens = _TOKEN.findall(_AFTER_AUXILIARY.sub(r"\1it", text, count=1))
    return Words([] if tokens and tokens[0] in _WH else tokens, contracted)


def frame_of(tokens: list[str]) -> Sentence:
    """The sentence of at least one word. What has no verb ("a mammal?") is read as what it is."""
    first, rest = _order(tokens)
    denied = len([token for token in rest if token in _NOT]) % 2 == 1
    rest = [token for token in rest if token not in _NOT]
    theirs = rest[:1] != [] and rest[0] in IT
    there = rest[:1] == ["there"]
    if theirs:
        rest = rest[1:]
    elif any(token in PEOPLE for token in rest[:2]):  # people do something with it
        rest = rest[1 if rest[0] in PEOPLE else 2 :]
    frame, rest = _frame(first, rest, theirs, there)
    if (frame == "does" and rest[:1] and rest[0] in _LACKS) or (frame == "is" and rest[:1] == ["without"]):
        frame, rest, denied = "has", rest[1:], not denied
    if frame == "has" and rest[:1] == ["no"]:
        rest, denied = rest[1:], not denied
    article = rest[:1] != [] and rest[0] in ("a", "an", "the")
    kept = [token for token in rest if token not in SMALL and token not in _OBJECTS]
    return Sentence(frame, " ".join(kept), denied, article)


def _order(tokens: list[str]) -> tuple[str, list[str]]:
    """The verb and what follows it, as in a question: "it is alive" becomes "is it alive"."""
    first, rest = tokens[0], tokens[1:]
    if first in AUXILIARY:
        return first, rest
    if first in IT and rest:
        return (rest[0], [first, *rest[1:]]) if rest[0] in AUXILIARY else ("does", tokens)
    if first in PEOPLE and rest:
        return (rest[0], [first, *rest[1:]]) if rest[0] in CAN | _DO else ("do", tokens)
    return "is", ["it", *tokens]


def _frame(verb: str, rest: list[str], theirs: bool, there: bool) -> tuple[str, list[str]]:
    """The frame of a verb, and the rest without what belongs to the verb."""
    if verb in _BE:
        if there:
            while rest and rest[-1] in ("it", "on", "in", "to", "inside", "there"):
                rest = rest[:-1]
            return "has", rest
        return ("has", rest[1:]) if theirs and rest[:1] == ["with"] else ("is", rest)
    if not theirs:
        return "is", rest
    if verb in _HAVE:
        return ("is", rest[1:]) if rest[:1] == ["been"] else ("has", rest[1:] if rest[:1] == ["got"] else rest)
    if rest[:1] == ["be"]:
        return "is", rest[1:]
    return ("has", rest[1:]) if rest[:1] and rest[0] in _OWNS else ("does", rest)
