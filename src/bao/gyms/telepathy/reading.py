"""What a question asks: from English to features of the table.

A question is taken apart by a small grammar and must be understood to its last word, small words aside; a question that holds
anything else is out of the table, however many known words it contains. Its frame says how the rest is meant: ``is`` (what it
is, where it is, what people do with it), ``does`` (what it does), ``has`` (what it has). A frame and the stems of the rest are
looked up among the phrases of predicates.toml and classes.toml. Two to four parts joined by "and" or "or", nouns with adjectives
("a big mammal") and clauses ("an animal that lives in water") are conjunctions and disjunctions of such phrases.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from itertools import product
from typing import NamedTuple

from bao.gyms.telepathy.table import Table, table
from bao.gyms.telepathy.words import fold, name_key, stem


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
    name: str = ""
    """What it is compared with, as it was put."""
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

_TOKEN = re.compile(r"[a-z0-9]+")
_SENTENCE = re.compile(r"[.!?;\n]+")
_CONTRACTED = re.compile(r"\b(is|are|do|does|did|was|were|can|could|would|has|have)n't\b|\bcan't\b")
_NOUN = (
    r"(?:thing|object|item|entity|animal|creature|person|worker|job|occupation|profession|food|dish|drink|beverage|plant|tool|"
    r"place|building|vehicle|instrument|device|answer|subject|body part|part|product|clothing|garment|toy|game|phenomenon|"
    r"species|being)"
)
_THINKING = r"(?:\s+(?:that\s+)?you(?:'re| are| have|'ve got)?\s+(?:thinking|think|in mind)(?:\s+(?:of|about))?)"
_SUBJECT = re.compile(
    rf"\b(?:(?:the|this|that|your|these|those)\s+(?:mystery |secret |hidden |kind of |type of )?{_NOUN}s?{_THINKING}?"
    rf"|what you(?:'re| are) thinking (?:of|about)|it{_THINKING})\b"
)
_AFTER_AUXILIARY = re.compile(
    r"^((?:is|are|was|were|does|do|did|can|could|would|will|should|might|may|has|have)(?: not)? )?" + _SUBJECT.pattern
)
_PREFACE = re.compile(
    r"^(?:(?:ok|okay|so|well|hmm+|hm|now|then|alright|all right|right|please|great|thanks|thank you|got it|and|but|next|"
    r"what about|how about|let me ask|let's see|question|first|i see|interesting|yes|no|quick question)\b[\s,:.-]*)+"
)
_WRAPPED = re.compile(
    r"^(?:(?:would you say|do you think|would you consider|could you tell me|can you tell me|tell me|please tell me|"
    r"i wonder|i'd like to know|do you know|can you say|is it true|is it correct|is it right|is it fair to say|"
    r"is it the case|is it possible|is it likely|am i right in thinking|am i right|are you thinking of something)"
    r"(?: that| if| whether)?\s+)(?=(?:it|they|this|that|the|you|people|is|are|one|he|she)\b)"
)
_TAG = re.compile(
    r",? (?:right|or not|correct|is that right|by any chance|at all|in general|in real life|please|by chance|then|too|"
    r"isn't it|doesn't it|in any way|as well|yes or no)$"
)
_WH = frozenset({"what", "which", "who", "whom", "whose", "where", "when", "why", "how", "tell", "give", "describe", "name"})
_BE = frozenset({"is", "are", "was", "were"})
_DO = frozenset({"do", "does", "did"})
_CAN = frozenset({"can", "could", "would", "will", "should", "might", "may", "must"})
_HAVE = frozenset({"has", "have", "had"})
_AUXILIARY = _BE | _DO | _CAN | _HAVE
_VERBS = _AUXILIARY | frozenset({"it", "they"})
_IT = frozenset({"it", "they", "this", "that", "these", "those", "he", "she", "there", "them"})
_PEOPLE = frozenset(
    "i you we people human humans person someone somebody anyone anybody everyone everybody one folks man persons adults "
    "adult".split()
)
_SMALL = frozenset(
    "a an the usually typically generally normally often commonly mostly mainly primarily really actually also just quite very "
    "considered some any sometimes naturally own ever currently still today basically essentially particularly specifically "
    "necessarily possibly perhaps maybe pretty fairly rather classified regarded technically frequently chiefly largely "
    "originally most average typical common generally regularly itself regarded known as your my our their his her "
    "please predominantly traditionally more-or-less relatively especially".split()
) - {"as", "known", "common", "any"} | {"any"}  # fmt: skip
_GENERIC = frozenset({"thing", "stuff", "something", "item", "object", "anything", "people", "one", "type", "human", "person"})
"""Stems that say nothing inside a longer phrase."""

_SUBS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"\b(?:kind|type|sort|form|species|variety|piece|example|breed) of (?!body|skeleton)", ""),
        (r"\bmember of ", "in "),
        (r"\b(?:ocean|oceans)\b", "sea"),
        (r"\b(?:grey|silvery)\b", "gray"),
        (r"\b(?:colour|colours|colors)\b", "color"),
        (r"\bhuman beings?\b", "human"),
        (r"\b4\b", "four"), (r"\b2\b", "two"), (r"\b6\b", "six"), (r"\b8\b", "eight"),
        (r"^(?:made|make|consists?|composed|built|constructed|manufactured|formed|comprised)(?: up)?(?: out)? (?:of|from|with) ",
         "of "),
        (r"^(?:related|connected|linked|associated|to do|has to do|involved) (?:to|with) ", "related to "),
        (r"^(?:used|use|meant|made|make|designed|intended|good|useful|helpful|needed|need|suitable|supposed|employed|help|helps|"
         r"helpful|built|ideal|serve|allow|allows|let|lets|enable|enables)(?: mostly| mainly)? "
         r"(?:(?:you|people|us|someone|me|one|things|it|them) )?(?:to|for|when|while|in order to)(?: be)? "
         r"(?:help )?(?:you |people )?", "for "),
        (r"^(?:used|useful|helpful|involved|good) (?:in|at) (?=\w+ing\b)", "for "),
        (r"^(?:for the purpose of|purpose is to|its purpose to|its (?:main )?(?:purpose|function|use) to) ", "for "),
        (r"^(?:found|find|see|seen|located|situated|kept|keep|met|meet|encounter|encountered|spot|spotted|come across|stored|"
         r"store|belong|belongs|used|use|live|lives|living|exist|exists|occur|occurs|grow|grows|grown|come|comes|"
         r"originate|originates|reside|dwell|inhabit|placed|present|play|played|bought|lives out|native|indigenous|endemic|"
         r"originally) "
         r"(?=(?:in|at|inside|within|around|near|from|to|on|throughout|under|underground|outdoors|outside|indoors|underwater)\b)",
         ""),
        (r"^(?:inhabit) ", "in "),
        (r"^(?:at|inside|within|around|near|into|throughout|from|across|native to|common in|inside of)(?: of)? ", "in "),
        (r"^of in ", "in "),
    )
)  # fmt: skip
_POWERED = re.compile(r"^(?:powered|run|driven|operated|fuelled|fueled) (?:by|with|on) ")
_NEEDS = re.compile(r"^(?:need|needs|require|requires|take|takes|run on|runs on|work on|works on|consume) ")
_FOR_YOU = re.compile(r"^(?:help|helps|let|lets|allow|allows|enable|enables) (?:you |people |us |one |someone |humans? )?(?:to )?")
_ABLE = re.compile(r"^(?:able to|capable of|known to|known for|likely to) ")
_BEING = re.compile(r"^(?:known for being|considered to be|considered as|known as|regarded as|referred to as) ")
_THAN = re.compile(r"^(bigger|larger|taller|longer|greater|smaller|tinier|littler|shorter)(?: in size)? than (.+)$")
_FITS = re.compile(r"^(?:fit|fits|be put|put|placed) (?:in|inside|into|within) (.+)$")
_RELATIVE = re.compile(r"^(.*?)\b(?:that|which|who|where|you can|people|you|with|used|found|made|worn|for|from|in|on)\b")
_BOTH = re.compile(r"\b(?:both|either)\b ")
_JOIN = re.compile(r",? (and|or) (?:is it |does it |can it |it )?|, ")
_NOT = frozenset({"not", "never"})


class Reader:
    """Reads questions about the entities of a table."""

    def __init__(self, source: Table) -> None:
        self._table = source
        self._nouns: dict[str, Clause] = {}
        self._asked: set[tuple[str, str]] = set()
        self._phrases: dict[str, dict[str, Clause]] = {"is": {}, "does": {}, "has": {}}
        for place, feature in enumerate(source.features):  # a feature's own question asks for nothing else
            if feature.ask:
                frame, rest = self._frame(fold(feature.ask).rstrip("?").split())[:2]
                self._add(frame, rest, Literal(place), feature.is_class)
                self._asked.add(_key(frame, rest))
        for place, feature in enumerate(source.features):
            for form, text in feature.forms.items():
                if form in ("size", "within"):
                    continue
                denied = form == "not"
                within = source.index[feature.forms["within"]] if denied and "within" in feature.forms else -1
                for phrase in _expand(text):
                    frame = "is" if denied else form
                    if _key(frame, phrase) not in self._asked:
                        self._add(frame, phrase, Literal(place, denied, within=within), feature.is_class)
        self._sizes = {name: (size, size) for name, size in source.sizes.items()}
        self._sizes |= {name: (e.least, e.most) for name, e in source.by_name.items() if name not in self._sizes}
        self._guesses = {" ".join(stem(word) for word in name.split()) for name in source.by_name}

    @property
    def phrases(self) -> Mapping[str, Mapping[str, Clause]]:
        """By frame, every phrase that is understood, and what it asks for."""
        return self._phrases

    def _add(self, frame: str, phrase: str, literal: Literal, is_class: bool) -> None:
        frame, key = _key(frame, phrase)
        known = self._phrases[frame].get(key, ())
        if all(entry.feature != literal.feature for entry in known):
            self._phrases[frame][key] = (*known, literal)
        if is_class and frame == "is":
            self._nouns[key] = self._phrases[frame][key]

    def read(self, question: str, frame: str = "is") -> Reading:
        """What `question` asks; `frame` is that of the question before, which one without a verb takes over. Never raises."""
        if len(question) > _LONGEST:
            return _SEVERAL if question.count("?") > 1 else _NO_QUESTION
        text = fold(question).strip(" \t\r\n\"'`*[](){}")
        sentences = [part.strip() for part in _SENTENCE.split(text) if part.strip(" ,\"'")]
        if not sentences:
            return _NO_QUESTION
        if text.count("?") > 1 and len(sentences) > 1:
            return _SEVERAL
        text = _TAG.sub("", _PREFACE.sub("", sentences[-1]))
        wrapped = _WRAPPED.sub("", text)
        negative = False
        contracted = _CONTRACTED.search(wrapped)
        if contracted:  # "isn't it alive?" expects a yes if it is alive, but deserves a whole sentence
            wrapped = _CONTRACTED.sub(lambda found: found.group(1) or "can", wrapped, count=1)
            negative = True
        wrapped = wrapped.replace("it's ", "it is ").replace("they're ", "they are ").replace("n't", " not").replace("'s", "")
        wrapped = _AFTER_AUXILIARY.sub(r"\1it", wrapped, count=1)
        tokens = _TOKEN.findall(wrapped.replace(",", " , ").replace("-", " ")) if "," not in wrapped else _with_commas(wrapped)
        if not tokens:
            return _NO_QUESTION
        if tokens[0] in _WH:
            return _NO_QUESTION
        found = self._read(tokens)
        if found.sort is Sort.UNKNOWN and frame != "is" and not _VERBS.intersection(tokens[:2]):
            found = self._read(["does", "it", *(["have"] if frame == "has" else []), *tokens])
        return replace(found, negative=True) if negative and found.sort is Sort.FEATURES else found

    def _read(self, tokens: list[str]) -> Reading:
        frame, rest, denied, article = self._frame(tokens)
        if not rest:
            return _NO_QUESTION
        negative = denied
        clauses = self._clauses(frame, rest, article)
        if clauses is not None:
            return Reading(Sort.FEATURES, clauses, True, denied, negative, frame) if clauses else _GUESS
        rest = _BOTH.sub("", rest)
        parts = [part for part in _JOIN.split(rest) if part]
        joints = {part for part in parts if part in ("and", "or")}
        phrases = [part for part in parts if part not in ("and", "or")]
        if len(joints) != 1 or len(phrases) < 2:
            return _UNKNOWN
        if len(phrases) > MOST_PARTS:
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
        return Reading(Sort.FEATURES, tuple(told), every, denied, negative, frame)

    def _part(self, frame: str, part: str, first: str) -> tuple[Clause, ...] | None:
        """One side of an "and" or "or"; it may leave out the word that the first began with ("used for cooking or cleaning")."""
        words = part.split()
        if words[0] in _AUXILIARY:
            frame, part = self._frame(words)[:2]
            return self._clauses(frame, part, False)
        if part != first:
            canonical_frame, canonical = _canonical(frame, first)
            for opening_frame, opening in ((frame, first.split()[0]), (canonical_frame, canonical.split()[0])):
                read = self._clauses(opening_frame, f"{opening} {part}", False)
                if read:
                    return read
        return self._clauses(frame, part, True)

    def _clauses(self, frame: str, rest: str, article: bool) -> tuple[Clause, ...] | None:
        """The clauses of a phrase; an empty tuple for the name of an entity; None where it is not understood."""
        compared = self._compared(frame, rest)
        if compared is not None:
            return compared
        frame, key = _key(frame, rest)
        named = frame == "is" and key in self._guesses
        if named and article and key not in self._nouns and (frame, key) not in self._asked:
            return ()
        found = self._phrases[frame].get(key)
        if found is None and frame == "is" and rest.split()[0].endswith("ing"):
            found = self._phrases["does"].get(_key("does", rest)[1])
        if found is not None:
            return (found,)
        if named:
            return ()
        return self._split(frame, rest) if frame == "is" else None

    def _split(self, frame: str, rest: str) -> tuple[Clause, ...] | None:
        """A noun with what is said of it: ``big mammal``, ``animal that lives in water``, ``something you eat``."""
        words = rest.split()
        for place in range(1, len(words)):
            head, tail = " ".join(words[:place]), " ".join(words[place:])
            noun = self._noun(head)
            if noun is not None:
                said = self._clause_after(tail)
                if said is not None:
                    return (*noun, *said)
            noun = self._noun(tail)
            if noun is not None:
                said_before = self._phrases["is"].get(_key("is", head)[1])
                if said_before is not None:
                    return (said_before, *noun)
        return None

    def _noun(self, words: str) -> tuple[Clause, ...] | None:
        """The class that a noun stands for; an empty tuple for ``something`` and the like; None for any other word."""
        key = _key("is", words)[1]
        if key in ("someth", "thing", "object", "item", "anyth", "one", "creatur", "entity", "product"):
            return ()
        found = self._nouns.get(key)
        return None if found is None else (found,)

    def _clause_after(self, tail: str) -> tuple[Clause, ...] | None:
        words = tail.split()
        if words[0] in ("that", "which", "who", "where"):
            words = words[1:]
        if not words:
            return None
        if words[0] in ("with", "having"):
            return self._lookup("has", words[1:])
        if words[0] in ("is", "are"):
            return self._lookup("is", words[1:])
        if words[0] in ("has", "have"):
            return self._lookup("has", words[1:])
        if words[0] in ("can", "could", "does", "would"):
            return self._lookup("is", words[2:]) if words[1:2] == ["be"] else self._lookup("does", words[1:])
        if words[0] in _PEOPLE:
            rest = words[2:] if len(words) > 1 and words[1] in _CAN | {"would"} else words[1:]
            return self._lookup("is", rest)
        if words[0] == "to":
            return self._lookup("is", words[1:])
        for frame in ("is", "does"):
            found = self._lookup(frame, words)
            if found is not None:
                return found
        return None

    def _lookup(self, frame: str, words: Sequence[str]) -> tuple[Clause, ...] | None:
        if not words:
            return None
        rest = " ".join(word for word in words if word not in _IT)
        compared = self._compared(frame, rest)
        if compared is not None:
            return compared
        frame, key = _key(frame, rest)
        found = self._phrases[frame].get(key)
        return None if found is None else (found,)

    def _compared(self, frame: str, rest: str) -> tuple[Clause, ...] | None:
        if frame == "is":
            found = _THAN.match(rest)
            if found:
                size = self._sizes.get(name_key(found.group(2)))
                smaller = found.group(1) in ("smaller", "tinier", "littler", "shorter")
                if size is None or found.group(1) in ("taller", "longer", "shorter"):
                    return None
                return ((_size_literal(smaller, size, found.group(2)),),)
        found = _FITS.match(rest) if frame != "has" else None
        if found:
            size = self._sizes.get(name_key(found.group(1)))
            return None if size is None else ((_size_literal(True, size, found.group(1)),),)
        return None

    @staticmethod
    def _frame(tokens: list[str]) -> tuple[str, str, bool, bool]:
        """Frame, the rest without small words, whether it is denied, and whether the rest began with an article."""
        first, rest = tokens[0], tokens[1:]
        if first in _IT and rest and rest[0] in _AUXILIARY:  # a statement: "it is alive?"
            first, rest = rest[0], [first, *rest[1:]]
        elif first in _IT and rest:
            first, rest = "does", tokens
        elif first in _PEOPLE and rest:
            first, rest = ("do", tokens) if rest[0] not in _CAN | _DO else (rest[0], [first, *rest[1:]])
        elif first not in _AUXILIARY:
            first, rest = "is", ["it", *tokens]
        denied = False
        kept = []
        for token in rest:
            if token in _NOT:
                denied = not denied
            else:
                kept.append(token)
        rest = kept
        subject = rest[0] if rest else ""
        theirs = subject in _IT
        ours = not theirs and any(token in _PEOPLE for token in rest[:2]) and rest[:1] != ["human"]
        if theirs:
            rest = rest[1:]
        elif ours:
            cut = 1 if rest[0] in _PEOPLE else 2
            rest = rest[cut:]
        frame = "is"
        if first in _BE:
            if subject == "there":
                frame = "has"
                while rest and rest[-1] in ("it", "on", "in", "to", "inside", "there"):
                    rest = rest[:-1]
        elif first in _HAVE:
            if theirs:
                frame = "is" if rest[:1] == ["been"] else "has"
                rest = rest[1:] if rest[:1] in (["been"], ["got"]) else rest
        elif theirs:
            frame = "does"
            if rest[:1] == ["be"]:
                frame, rest = "is", rest[1:]
        if frame == "does" and rest[:1] and rest[0] in ("have", "has", "possess", "contain", "contains", "include"):
            frame, rest = "has", rest[1:]
        elif frame == "does" and rest[:1] and rest[0] in ("lack", "lacks"):
            frame, rest, denied = "has", rest[1:], not denied
        elif frame == "is" and rest[:1] == ["without"]:
            frame, rest, denied = "has", rest[1:], not denied
        elif frame == "is" and rest[:1] == ["with"] and theirs:
            frame, rest = "has", rest[1:]
        if frame == "has" and rest[:1] == ["no"]:
            rest, denied = rest[1:], not denied
        article = bool(rest) and rest[0] in ("a", "an", "the")
        rest = [token for token in rest if token not in _SMALL]
        while len(rest) > 1 and rest[-1] in ("it", "them", "there") and frame == "is" and rest[-2] not in ("than",):
            if rest[-1] == "there":
                break
            rest = rest[:-1]
        rest = [token for token in rest if token not in ("it", "them", "they", "this", "these")]
        return frame, " ".join(rest), denied, article


def _with_commas(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+|,", text)


def _size_literal(smaller: bool, size: tuple[float, float], name: str) -> Literal:
    """ "smaller than" is kept as the denial of "bigger than": with three values the two agree, for `compare_size` is symmetric."""
    return Literal(-1, smaller, size, name)


@lru_cache(maxsize=50_000)
def _key(frame: str, rest: str) -> tuple[str, str]:
    """The frame and the stems by which a phrase is looked up."""
    frame, rest = _canonical(frame, rest)
    stems = [stem(word) for word in rest.split()]
    kept = [word for word in stems if word not in _GENERIC]
    return frame, " ".join(kept or stems)


def _canonical(frame: str, rest: str) -> tuple[str, str]:
    """One form for the many ways to say where it is, what it is for and what it is made of."""
    rest = " ".join(word for word in rest.replace("-", " ").split() if word not in _SMALL)
    if frame == "is":
        rest = _BEING.sub("", rest)
        able = _ABLE.sub("", rest)
        if able != rest:
            frame, rest = "does", able
        powered = _POWERED.sub("use ", rest)
        if powered != rest:
            frame, rest = "does", powered
    if frame == "does":
        rest = _NEEDS.sub("use ", rest)
        helped = _FOR_YOU.sub("for ", rest)
        if helped != rest:
            frame, rest = "is", helped
    for pattern, put in _SUBS:
        changed = pattern.sub(put, rest)
        if changed != rest:
            rest = changed
            if frame == "does" and rest.startswith(("in ", "on ", "under ", "underground", "outdoors", "indoors", "of ", "for ")):
                frame = "is"
    if frame == "is" and rest.endswith((" with", " for")) and not rest.startswith("for ") and rest.count(" ") >= 1:
        rest = "for " + rest.rsplit(" ", 1)[0]
    return frame, rest


def _expand(text: str) -> Iterator[str]:
    """The phrases of a line of predicates.toml: parts between ``;``, each with its alternatives ``(a|b|)``."""
    for phrase in text.split(";"):
        pieces = re.split(r"\(([^)]*)\)", phrase)
        choices = [piece.split("|") if place % 2 else [piece] for place, piece in enumerate(pieces)]
        for chosen in product(*choices):
            words = " ".join("".join(chosen).split())
            if words:
                yield words


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
