"""The scripted user: knows which thing the question is about, and says so when asked well.

The user does not recall the name, but recognises it, and knows some facts. So a question is answered

* by the candidates that it names: ``Do you mean A or B?``, in full or by a word that only one of them has;
* by the one relation that it is about: ``In which year was it founded?``, never one that the question itself asks along;
* or, where it is about neither, by a request to ask for something.

It reads words, not sentences, in the order above; where several relations are mentioned, the first mentioned counts. It is
deterministic.

Of 72 questions written by hand (tests/gyms/test_search.py) it reads rightly all of the 36 with which its words were chosen,
and 35 of the 36 that were set aside until they were. One hand wrote both lists and the words, about five made-up
things: expect less of the questions of a model.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Self

import numpy as np
from pydantic import ConfigDict, StrictInt, model_validator
from pydantic.dataclasses import dataclass

from bao.action import Outcome
from bao.gyms.search import names
from bao.gyms.search.relations import RELATIONS, SORTS, Kind
from bao.task_source import Text
from bao.user import User

QUESTION_CHARACTERS = 1_000
"""What a question holds beyond this is not read."""

CLEAR = "I have nothing to add to my question."
VAGUE = "I am not sure what to say. Name the ones that you found, or ask me for one thing about the one that I mean."
NO_OTHER = "None of those is the one that I mean."
SAID = "That is in my question already."
UNKNOWN = "That I do not know."

TOLD: Mapping[str, str] = {
    "founded": "It was founded in {value}.",
    "founder": "{value} founded it.",
    "emblem": "Its mark is a {value}.",
    "owner": "It was taken over by {value}.",
    "born": "The date of birth is {value}.",
    "studied": "The school was {value}.",
    "teacher": "The teacher was {value}.",
    "colours": "The colours are {value}.",
    "coach": "The first coach was {value}.",
    "architect": "It was designed by {value}.",
    "opened": "It was opened in {value}.",
    "material": "It is built of {value}.",
    "span": "It is {value} metres long.",
    "published": "It was published in {value}.",
    "publisher": "It was published by {value}.",
    "setting": "It is set in {value}.",
}
"""How the user tells what it knows, by relation."""

TELLABLE = tuple(TOLD)
"""The relations that the user may know something by."""

_TIME = "when year date old age century decade began begin started start early established founded"
_WORDS: Mapping[Kind, Mapping[str, str]] = {
    Kind.COMPANY: {
        "founder": "founder founders person",
        "emblem": f"mark trademark emblem logo symbol sign animal badge {' '.join(names.EMBLEMS)}",
        "owner": "owner owners owns owned bought took taken takeover acquired belongs belong sold merged",
        "founded": _TIME,
        "town": "town city place located",
        "product": f"product makes {' '.join(names.PRODUCTS)}",
    },
    Kind.PERSON: {
        "studied": "school college study studied studies educated education attend attended",
        "teacher": "teacher teachers taught mentor mentored tutor tutored pupil student master under",
        "born": f"{_TIME} born birth birthday",
        "birthplace": "town city birthplace",
        "profession": "profession job work",
    },
    Kind.CLUB: {
        "colours": f"colour colours color colors shirt shirts jersey jerseys kit wear wears {' '.join(names.COLOURS)}",
        "coach": "coach coaches coached trainer trained manager managed",
        "founded": _TIME,
        "town": "town city place",
        "sport": f"sport {' '.join(names.SPORTS)}",
    },
    Kind.BRIDGE: {
        "architect": "architect designer designed engineer planned drew",
        "material": f"material made wood wooden metal {' '.join(names.MATERIALS)}",
        "span": "long length longer metres meters span spans short shorter size",
        "opened": f"{_TIME} open opened opening built completed finished",
        "town": "town city place located",
        "crosses": "river water",
    },
    Kind.BOOK: {
        "publisher": "publisher publishers press company house",
        "setting": "set setting takes place happen happens story where town",
        "published": f"{_TIME} published out printed appeared appear",
        "genre": f"genre kind {' '.join(names.GENRES)}",
        "author": "author wrote writer",
    },
}
_FOUNDED_BY = (
    r"\b(?:who|by whom|whose)\b.*\b(?:found(?:ed)?|set up|start(?:ed)?|establish(?:ed)?|began)\b|"
    r"\b(?:founded|set up|started|established)\b.*\bby\b"
)
_PUBLISHED_BY = r"\b(?:who|which (?:company|firm|house|press))\b.*\b(?:publish|print|brought)|\b(?:published|printed) by\b"
_PHRASES: tuple[tuple[re.Pattern[str], Mapping[Kind, str]], ...] = (
    (re.compile(_FOUNDED_BY), {Kind.COMPANY: "founder"}),
    (re.compile(r"\bwho\b.*\b(?:built|design|plan)|\b(?:built|planned|designed) by\b"), {Kind.BRIDGE: "architect"}),
    (re.compile(r"\bbuilt (?:of|from|out)\b|\bmade (?:of|from|out)\b"), {Kind.BRIDGE: "material"}),
    (re.compile(_PUBLISHED_BY), {Kind.BOOK: "publisher"}),
    (re.compile(r"\bwhere\b.*\bstud|\bwhere\b.*\beducated"), {Kind.PERSON: "studied"}),
    (re.compile(r"\bborn in (?:which|what) (?:town|city|place)|\bwhere\b.*\bborn"), {Kind.PERSON: "birthplace"}),
)
_YEAR = re.compile(r"\b1[0-9]\d\d\b")
_WORD = re.compile(r"[a-z]+")
_YEARS_OFF = 9
_GENERIC = frozenset(_WORD.findall("the and of brothers company sons works bridge school river"))


def _by_word(kind: Kind) -> dict[str, str]:
    return {word: relation for relation, words in _WORDS.get(kind, {}).items() for word in words.split()}


_RELATION_OF = {kind: _by_word(kind) for kind in Kind}
_TIME_OF = {Kind.COMPANY: "founded", Kind.PERSON: "born", Kind.CLUB: "founded", Kind.BRIDGE: "opened", Kind.BOOK: "published"}


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Meant:
    """The thing that a question describes and starts from, as the user knows it."""

    kind: Kind
    candidates: tuple[Text, ...]
    """The names of the things that fit."""
    index: StrictInt
    """Which of them is meant."""
    facts: Mapping[str, str]
    """What the user knows of it, by relation."""
    asked: tuple[str, ...]
    """The relations that the question asks along: of these the user knows nothing."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if not 0 <= self.index < len(self.candidates):
            raise ValueError(f"index={self.index} must be the place of one of the {len(self.candidates)} candidates, from 0")
        for name, given, known in (("asked", self.asked, RELATIONS), ("facts", self.facts, TELLABLE)):
            for relation in given:
                if relation not in known:
                    raise ValueError(f"{name}={given!r} names {relation!r}, which is none of {', '.join(known)}")
        return self


class ScriptedAsker(User):
    """The user who asked `question`; `meant` is None where there is nothing to add to it."""

    def __init__(self, question: str, meant: Meant | None) -> None:
        self._meant = meant
        self._names = None if meant is None else names_of(meant.kind, tuple(meant.candidates), question)
        self._volunteered: set[str] = set()

    def answer(self, question: str) -> str:
        """The answer to one question of the agent's."""
        meant, candidates = self._meant, self._names
        if meant is None or candidates is None:
            return CLEAR
        reading = classify(question, meant.kind, candidates)
        if reading is None:
            return VAGUE
        if not isinstance(reading, str):
            return f"I mean {meant.candidates[meant.index]}." if meant.index in reading else NO_OTHER
        if reading in meant.facts:
            return TOLD[reading].format(value=meant.facts[reading])
        return SAID if reading in SORTS[meant.kind].described_by else UNKNOWN

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        """Something that the user knows of the thing that is meant."""
        facts = {} if self._meant is None else self._meant.facts
        left = [name for name in facts if name not in self._volunteered]
        if not left:
            return None
        relation = left[int(rng.integers(len(left)))]
        self._volunteered.add(relation)
        return Outcome(f"By the way: {TOLD[relation].format(value=facts[relation])}")

    def mistaken(self, content: str, rng: np.random.Generator) -> Outcome | None:
        """The wrong one of the things that were named, or a year that is a few years off; nothing else is got wrong.

        Answers are judged as ever, so the question can still be answered.
        """
        meant, candidates = self._meant, self._names
        if meant is None or candidates is None:
            return None
        reading = classify(content, meant.kind, candidates)
        if isinstance(reading, frozenset):
            others = sorted(reading - {meant.index})
            return Outcome(f"I mean {meant.candidates[others[int(rng.integers(len(others)))]]}." if others else NO_OTHER)
        if reading is None or reading not in meant.facts or not _YEAR.search(meant.facts[reading]):
            return None
        off = int(rng.integers(1, _YEARS_OFF + 1)) * (1 if rng.random() < 0.5 else -1)
        value = _YEAR.sub(lambda year: str(int(year.group()) + off), meant.facts[reading], count=1)
        return Outcome(TOLD[reading].format(value=value))


class Names:
    """By what the candidates can be named: in full, or by a word that only one of them has and `question` has not.

    The title of a book counts in full only, since its words are common ones.
    """

    def __init__(self, kind: Kind, candidates: Sequence[str], question: str = "") -> None:
        self._full = [(name.lower().removeprefix("the "), index) for index, name in enumerate(candidates)]
        words = [set(_WORD.findall(name.lower())) - _GENERIC - set(_WORD.findall(question.lower())) for name in candidates]
        count = Counter(word for each in words for word in each)
        self._telling = {} if kind is Kind.BOOK else {w: i for i, each in enumerate(words) for w in each if count[w] == 1}

    def mentioned(self, text: str, words: Sequence[str]) -> frozenset[int]:
        """The indices of the candidates that a lower-case text names; `words` are its words."""
        telling = self._telling
        return frozenset([telling[w] for w in words if w in telling] + [index for name, index in self._full if name in text])


@lru_cache(maxsize=20_000)
def names_of(kind: Kind, candidates: tuple[str, ...], question: str) -> Names:
    """As `Names`, once for each task: episodes that begin pay for its user."""
    return Names(kind, candidates, question)


def classify(question: str, kind: Kind, candidates: Names) -> frozenset[int] | str | None:
    """What a question is about: the candidates that it names, else the relation, else None."""
    text = question[:QUESTION_CHARACTERS].lower()
    words = _WORD.findall(text)
    mentioned = candidates.mentioned(text, words)
    if mentioned:
        return mentioned
    for pattern, relations in _PHRASES:
        if kind in relations and pattern.search(text):
            return relations[kind]
    relation_of = _RELATION_OF[kind]
    for word in words:
        if word in relation_of:
            return relation_of[word]
    return _TIME_OF.get(kind) if _YEAR.search(text) else None
