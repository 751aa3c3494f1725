"""What a question asks: from English to features of the table.

A question is taken apart by a small grammar and must be understood to its last word, small words aside; a question that holds
anything else is out of the table, however many known words it contains. Its frame says how the rest is meant: ``is`` (what it
is, where it is, what people do with it), ``does`` (what it does), ``has`` (what it has). A frame and the stems of the rest are
looked up among the phrases of predicates.toml and classes.toml. Two to four parts joined by "and" or "or", nouns with
adjectives ("a big mammal") and clauses ("an animal that lives in water") are conjunctions and disjunctions of such phrases.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple

from bao.gyms.telepathy.phrases import GENERIC, canonical, expand, phrase_key, stems_of
from bao.gyms.telepathy.sentence import AUXILIARY, CAN, IT, PEOPLE, VERBS, frame_of, words_of
from bao.gyms.telepathy.table import Table, table
from bao.gyms.telepathy.words import name_key, stem


class Sort(StrEnum):
    """How a question was taken."""

    FEATURES = "features"
    """It asks for features of the table."""
    GUESS = "guess"
    """It names an entity: a guess."""
    UNKNOWN = "unknown"
    """A question that is out of the table."""
    NO_QUESTION = "no_question"
    """Nothing that can be answered with yes or no."""
    SEVERAL = "several"
    """More than one question, or more than four parts."""


class Literal(NamedTuple):
    """One feature, or one comparison of size, perhaps denied."""

    feature: int
    """Place in the table; -1 for a comparison of size."""
    denied: bool = False
    than: tuple[float, float] = (0.0, 0.0)
    """Sizes of the thing compared with; the comparison is "bigger than"."""
    within: int = -1
    """For a denied feature, one that must hold all the same: what is "unhealthy" is something to eat or drink."""


Clause = tuple[Literal, ...]
"""Holds if any of its literals does: a phrase may stand for several features."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A question as it was understood."""

    sort: Sort
    clauses: tuple[Clause, ...] = ()
    every: bool = True
    """Whether all clauses are asked for, or any."""
    denied: bool = False
    """Whether it asks that this is not so."""
    negative: bool = False
    """Whether a "not" was in it, so that a bare yes or no would be misread."""
    frame: str = "is"
    """The frame it was put in, which a next question may leave out ("What about feathers?")."""


_NO_QUESTION = Reading(Sort.NO_QUESTION)
_UNKNOWN = Reading(Sort.UNKNOWN)
_SEVERAL = Reading(Sort.SEVERAL)
_GUESS = Reading(Sort.GUESS)
MOST_PARTS = 4
_LONGEST = 200
"""Characters; what is longer is no one question."""

_THAN = re.compile(r"^(bigger|larger|greater|smaller|tinier|littler)(?: in size)? than (.+)$")
_FITS = re.compile(r"^(?:fit|fits|be put|put|placed) (?:in|inside|into|within) (.+)$")
_ANYTHING = frozenset({"someth", "thing", "object", "item", "anyth", "one", "creatur", "entity", "product"})
_KIND_OF = re.compile(r"\b(?:kind|type|sort|species|piece) of ")
_BOTH = re.compile(r"\b(?:both|either)\b ")
_JOIN = re.compile(r",? (and|or) (?:is it |does it |can it |it )?|, ")


class Reader:
    """Reads questions about the entities of a table."""

    def __init__(self, source: Table) -> None:
        self._nouns: dict[str, Clause] = {}
        self._asked: set[tuple[str, str]] = set()
        self._phrases: dict[str, dict[str, Clause]] = {"is": {}, "does": {}, "has": {}}
        for place, feature in enumerate(source.features):  # a feature's own question asks for nothing else
            if feature.ask:
                asked = frame_of(feature.ask.casefold().rstrip("?").split())
                self._add(asked.frame, asked.rest, Literal(place), feature.is_class)
                self._asked.add(phrase_key(asked.frame, asked.rest))
        for place, feature in enumerate(source.features):
            for form, text in feature.forms.items():
                if form in ("size", "within"):
                    continue
                denied = form == "not"
                within = source.index[feature.forms["within"]] if denied and "within" in feature.forms else -1
                for phrase in expand(text):
                    frame = "is" if denied else form
                    if phrase_key(frame, phrase) not in self._asked:
                        self._add(frame, phrase, Literal(place, denied, within=within), feature.is_class)
        self._noun_words = GENERIC | {word for noun in (*_ANYTHING, *self._nouns) for word in noun.split()}
        self._sizes = {name: (size, size) for name, size in source.sizes.items()}
        self._sizes |= {name: (e.least, e.most) for name, e in source.by_name.items() if name not in self._sizes}
        self._guesses = {" ".join(stem(word) for word in name.split()) for name in source.by_name}

    @property
    def phrases(self) -> Mapping[str, Mapping[str, Clause]]:
        """By frame, every phrase that is understood, and what it asks for."""
        return self._phrases

    def _add(self, frame: str, phrase: str, literal: Literal, is_class: bool) -> None:
        frame, stems = phrase_key(frame, phrase)
        known = self._phrases[frame].get(stems, ())
        if all(entry.feature != literal.feature for entry in known):
            self._phrases[frame][stems] = (*known, literal)
        if is_class and frame == "is":
            self._nouns[stems] = self._phrases[frame][stems]

    def read(self, question: str, frame: str = "is") -> Reading:
        """What `question` asks; `frame` is that of the question before, which one without a verb takes over. Never raises."""
        if len(question) > _LONGEST:
            return _SEVERAL if question.count("?") > 1 else _NO_QUESTION
        words = words_of(question)
        if words is None:
            return _SEVERAL
        tokens = words.tokens
        if not tokens:
            return _NO_QUESTION
        found = self._read(tokens)
        if found.sort is Sort.UNKNOWN and frame != "is" and not VERBS.intersection(tokens[:2]):
            found = self._read(["does", "it", *(["have"] if frame == "has" else []), *tokens])
        return replace(found, negative=True) if words.contracted and found.sort is Sort.FEATURES else found

    def _read(self, tokens: list[str]) -> Reading:
        frame, rest, denied, article = frame_of(tokens)
        if not rest:
            return _NO_QUESTION
        clauses = self._clauses(frame, rest, article)
        if clauses is not None:
            return Reading(Sort.FEATURES, clauses, True, denied, denied, frame) if clauses else _GUESS
        rest = _BOTH.sub("", rest)
        parts = [part for part in _JOIN.split(rest) if part]
        joints = {part for part in parts if part in ("and", "or")}
        phrases = [part for part in parts if part not in ("and", "or")]
        if len(joints) != 1 or len(phrases) < 2:
            return _UNKNOWN
        if denied or len(phrases) > MOST_PARTS:  # "not red or green" could mean either
            return _SEVERAL
        every = joints == {"and"}
        told: list[Clause] = []
        for part in phrases:
            read = self._part(frame, part, phrases[0])
            if read is None:
                return _UNKNOWN
            if not read:
                return _GUESS
            if every:
                told.extend(read)
            elif len(read) == 1:
                told.append(read[0])
            else:
                return _UNKNOWN
        return Reading(Sort.FEATURES, tuple(told), every, denied, denied, frame)

    def _part(self, frame: str, part: str, first: str) -> tuple[Clause, ...] | None:
        """One side of an "and" or "or"; it may leave out the word that the first began with ("for cooking or cleaning")."""
        words = part.split()
        if words[0] in AUXILIARY:
            own = frame_of(words)
            return None if own.denied or not own.rest else self._clauses(own.frame, own.rest, False)
        if part != first and self._noun(words) is None:
            for shared, phrase in ((frame, first), canonical(frame, first)):
                found = self._found(shared, f"{phrase.split()[0]} {part}")
                if found is not None:
                    return (found,)
        return self._clauses(frame, part, True)

    def _clauses(self, frame: str, rest: str, article: bool) -> tuple[Clause, ...] | None:
        """The clauses of a phrase; an empty tuple for the name of an entity; None where it is not understood."""
        compared = self._compared(frame, rest)
        if compared is not None:
            return compared
        frame, stems = phrase_key(frame, rest)
        named = frame == "is" and stems in self._guesses
        if named and article and stems not in self._nouns and (frame, stems) not in self._asked:
            return ()
        found = self._phrases[frame].get(stems)
        if found is None and frame == "is" and rest.split()[0].endswith("ing"):
            found = self._found("does", rest)
        if found is not None:
            return (found,)
        if named:
            return ()
        return self._split(rest) if frame == "is" else None

    def _found(self, frame: str, phrase: str) -> Clause | None:
        """What a whole phrase asks for."""
        frame, stems = phrase_key(frame, phrase)
        return self._phrases[frame].get(stems)

    def _split(self, rest: str) -> tuple[Clause, ...] | None:
        """A noun with what is said of it: ``big mammal``, ``animal that lives in water``, ``something you eat``."""
        words = _KIND_OF.sub("", rest).split()
        # A noun is made of nouns' words only: most cuts need no look at the nouns, and most phrases not even a cut.
        foreign = [place for place, word in enumerate(words) if stem(word) not in self._noun_words]
        before, behind = (foreign[0], foreign[-1] + 1) if foreign else (len(words), 0)
        for place in range(1, len(words)):
            noun = self._noun(words[:place]) if place <= before else None
            if noun is not None:
                said = self._clause_after(" ".join(words[place:]))
                if said is not None:
                    return (*noun, *said)
            noun = self._noun(words[place:]) if place >= behind else None
            if noun is not None:
                said_before = self._found("is", " ".join(words[:place]))
                if said_before is not None:
                    return (said_before, *noun)
        return None

    def _noun(self, words: list[str]) -> tuple[Clause, ...] | None:
        """The class that a noun stands for; an empty tuple for ``something`` and the like; None for any other word."""
        stems = stems_of(words)
        if stems in _ANYTHING:
            return ()
        found = self._nouns.get(stems)
        return None if found is None else (found,)

    def _clause_after(self, tail: str) -> tuple[Clause, ...] | None:
        """What is said after a noun: "that lives in water", "with stripes", "you eat", "found in Africa"."""
        words = tail.split()
        words = words[1:] if words[0] in ("that", "which", "who", "where") else words
        first, rest = (words[0], words[1:]) if words else ("", [])
        if first in ("with", "having", "has", "have"):
            return self._lookup("has", rest)
        if first in ("is", "are", "to"):
            return self._lookup("is", rest)
        if first in ("can", "could", "does", "would"):
            return self._lookup("is", rest[1:]) if rest[:1] == ["be"] else self._lookup("does", rest)
        if first in PEOPLE:
            return self._lookup("is", rest[1:] if rest[:1] and rest[0] in CAN else rest)
        found = self._lookup("is", words)
        return self._lookup("does", words) if found is None else found

    def _lookup(self, frame: str, words: Sequence[str]) -> tuple[Clause, ...] | None:
        if not words:
            return None
        rest = " ".join(word for word in words if word not in IT)
        compared = self._compared(frame, rest)
        if compared is not None:
            return compared
        found = self._found(frame, rest) if rest else None
        return None if found is None else (found,)

    def _compared(self, frame: str, rest: str) -> tuple[Clause, ...] | None:
        """A comparison of size with something whose size is known."""
        found = _THAN.match(rest) if frame == "is" else None
        smaller = True
        if found:
            smaller = found.group(1) in ("smaller", "tinier", "littler")
        elif frame != "has":
            found = _FITS.match(rest)
        if not found:
            return None
        size = self._sizes.get(name_key(found.groups()[-1]))
        # "smaller" is kept as the denial of "bigger": with three values the two agree, for `compare_size` is symmetric.
        return None if size is None else ((Literal(-1, smaller, size),),)


@cache
def reader() -> Reader:
    """The reader of the built-in table."""
    return Reader(table())


def read(question: str, frame: str = "is") -> Reading:
    """`Reader.read` of the built-in table; short questions are remembered, for many agents ask the same ones."""
    return _remembered(question, frame) if len(question) <= _LONGEST else reader().read(question, frame)


@lru_cache(maxsize=50_000)
def _remembered(question: str, frame: str) -> Reading:
    return reader().read(question, frame)
