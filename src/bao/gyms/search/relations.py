"""What holds between the things of a world, and how it is said: in passages, in questions and in descriptions.

One table serves the generator, which writes by it, and the scripted agents, which read by it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class Kind(StrEnum):
    """What a thing is."""

    PERSON = "person"
    TOWN = "town"
    REGION = "region"
    RIVER = "river"
    LAKE = "lake"
    COMPANY = "company"
    BOOK = "book"
    INVENTION = "invention"
    SCHOOL = "school"
    CLUB = "club"
    BRIDGE = "bridge"


class Shape(StrEnum):
    """What the value of a relation looks like in a text."""

    NAME = r"[^.,;]+?"
    WORD = r"[a-z]+"
    NUMBER = r"\d[\d,]*"
    DATE = r"\d{1,2} [A-Z][a-z]+ \d{4}"
    COLOURS = r"[a-z]+ and [a-z]+"


@dataclass(frozen=True)
class Relation:
    """One relation; every thing has at most one value for it."""

    name: str
    questions: tuple[str, ...]
    """Ways to ask for its value, {x} being the thing."""
    nouns: tuple[str, ...] = ()
    """Ways to refer to its value; empty where it is no thing with relations of its own."""
    shape: Shape = Shape.NAME
    unit: str = ""
    """What its number counts, where an answer may name it."""


RELATIONS: Mapping[str, Relation] = {
    relation.name: relation
    for relation in (
        Relation("founder", ("Who founded {x}?", "Who was the founder of {x}?"), ("the founder of {x}",)),
        Relation("founded", ("In which year was {x} founded?", "When was {x} founded?"), shape=Shape.NUMBER),
        Relation("town", ("In which town is {x}?", "What is the home town of {x}?"), ("the home town of {x}",)),
        Relation("product", (), shape=Shape.WORD),
        Relation("owner", ("Which company took over {x}?",), ("the company that took over {x}",)),
        Relation("emblem", ("Which animal is the mark of {x}?",), shape=Shape.WORD),
        Relation("profession", ("What was the profession of {x}?",), shape=Shape.WORD),
        Relation(
            "birthplace",
            ("In which town was {x} born?", "What is the birthplace of {x}?"),
            ("the birthplace of {x}", "the town where {x} was born"),
        ),
        Relation("born", ("On which date was {x} born?",), shape=Shape.DATE),
        Relation("studied", ("At which school did {x} study?",), ("the school where {x} studied",)),
        Relation("teacher", ("Who taught {x}?", "Who was the teacher of {x}?"), ("the teacher of {x}",)),
        Relation("region", ("In which region is {x}?",), ("the region of {x}",)),
        Relation("river", ("On which river does {x} lie?",), ("the river on which {x} lies",)),
        Relation("recorded", ("In which year was {x} first recorded?",), shape=Shape.NUMBER),
        Relation(
            "population",
            ("How many inhabitants does {x} have?", "What is the population of {x}?"),
            shape=Shape.NUMBER,
            unit="inhabitants",
        ),
        Relation("mayor", ("Who was the first mayor of {x}?",), ("the first mayor of {x}",)),
        Relation("capital", ("Which town is the capital of {x}?", "What is the capital of {x}?"), ("the capital of {x}",)),
        Relation("area", ("How many square kilometres does {x} cover?",), shape=Shape.NUMBER, unit="square kilometres"),
        Relation("source", ("On which mountain does {x} rise?",)),
        Relation("mouth", ("Into which lake does {x} flow?",), ("the lake into which {x} flows",)),
        Relation("length", ("How many kilometres long is {x}?",), shape=Shape.NUMBER, unit="kilometres"),
        Relation("depth", ("How many metres deep is {x}?",), shape=Shape.NUMBER, unit="metres"),
        Relation("islands", ("How many islands does {x} hold?",), shape=Shape.NUMBER, unit="islands"),
        Relation("author", ("Who wrote {x}?", "Who is the author of {x}?"), ("the author of {x}",)),
        Relation("genre", (), shape=Shape.WORD),
        Relation("published", ("In which year was {x} published?",), shape=Shape.NUMBER),
        Relation("publisher", ("Which company published {x}?",), ("the publisher of {x}", "the company that published {x}")),
        Relation("setting", ("In which town is {x} set?",), ("the town in which {x} is set",)),
        Relation("inventor", ("Who invented {x}?", "Who was the inventor of {x}?"), ("the inventor of {x}",)),
        Relation("invented", ("In which year was {x} invented?",), shape=Shape.NUMBER),
        Relation("maker", ("Which company first made {x}?",), ("the company that first made {x}",)),
        Relation("head", ("Who was the first head of {x}?",), ("the first head of {x}",)),
        Relation("sport", (), shape=Shape.WORD),
        Relation("coach", ("Who was the first coach of {x}?",), ("the first coach of {x}",)),
        Relation("colours", ("In which colours does {x} play?",), shape=Shape.COLOURS),
        Relation("crosses", ("Which river does {x} cross?",), ("the river that {x} crosses",)),
        Relation("architect", ("Who designed {x}?",), ("the architect of {x}", "the designer of {x}")),
        Relation("opened", ("In which year was {x} opened?",), shape=Shape.NUMBER),
        Relation("material", ("Of which material is {x} built?",), shape=Shape.WORD),
        Relation("span", ("How many metres long is {x}?",), shape=Shape.NUMBER, unit="metres"),
    )
}


@dataclass(frozen=True)
class Sort:
    """How things of one kind are told of."""

    sentences: tuple[tuple[str, ...], ...]
    """The passage: for each sentence its wordings. A sentence that needs a relation which the thing lacks is left out."""
    targets: Mapping[str, Kind | None]
    """Its relations, with the kind of the value, or None where that is a plain value."""
    description: str = ""
    """How one is described by what it may have in common with others; empty where it never is."""

    @property
    def described_by(self) -> tuple[str, ...]:
        """The relations that the description names."""
        return tuple(_PLACE.findall(self.description))


_PLACE = re.compile(r"\{(\w+)\}")

SORTS: Mapping[Kind, Sort] = {
    Kind.PERSON: Sort((
        ("{name} was a {profession}, born in {birthplace} on {born}.",
         "Born in {birthplace} on {born}, {name} became a {profession}."),
        ("{short} studied at {studied}.", "{short} was a pupil of {studied}."),
        ("{short} was taught by {teacher}.", "{teacher} was the teacher of {short}."),
    ), {"profession": None, "birthplace": Kind.TOWN, "born": None, "studied": Kind.SCHOOL, "teacher": Kind.PERSON},
       "the {profession} born in {birthplace}"),
    Kind.TOWN: Sort((
        ("{name} is a town in {region} on the {river}.", "{name} lies on the {river} in {region}."),
        ("It was first recorded in {recorded} and has {population} inhabitants.",
         "The town, first recorded in {recorded}, has {population} inhabitants."),
        ("Its first mayor was {mayor}.", "{mayor} became its first mayor."),
    ), {"region": Kind.REGION, "river": Kind.RIVER, "recorded": None, "population": None, "mayor": Kind.PERSON}),
    Kind.REGION: Sort((
        ("{name} is a region of {area} square kilometres.", "The region of {name} covers {area} square kilometres."),
        ("Its capital is {capital}.", "{capital} is its capital."),
    ), {"area": None, "capital": Kind.TOWN}),
    Kind.RIVER: Sort((
        ("The {name} rises on {source} and flows into {mouth}.", "From {source} the {name} flows into {mouth}."),
        ("It is {length} kilometres long.", "Its course is {length} kilometres long."),
    ), {"source": None, "mouth": Kind.LAKE, "length": None}),
    Kind.LAKE: Sort((
        ("{name} is a lake with {islands} islands.", "The waters of {name} hold {islands} islands."),
        ("It is {depth} metres deep.", "Its greatest depth is {depth} metres."),
    ), {"islands": None, "depth": None}),
    Kind.COMPANY: Sort((
        ("{name} makes {product} in {town}.", "{name} is a maker of {product} in {town}."),
        ("It was founded in {founded} by {founder}.", "{founder} founded it in {founded}."),
        ("Its mark is a {emblem}.", "Its goods bear the mark of a {emblem}."),
        ("It was later taken over by {owner}.", "{owner} took it over."),
    ), {"product": None, "town": Kind.TOWN, "founded": None, "founder": Kind.PERSON, "emblem": None, "owner": Kind.COMPANY},
       "the maker of {product} in {town}"),
    Kind.BOOK: Sort((
        ("{name} is a {genre} by {author}.", "{author} wrote {name}, a {genre}."),
        ("It was published in {published} by {publisher}.", "{publisher} published it in {published}."),
        ("It is set in {setting}.", "The story takes place in {setting}."),
    ), {"genre": None, "author": Kind.PERSON, "published": None, "publisher": Kind.COMPANY, "setting": Kind.TOWN},
       "the {genre} by {author}"),
    Kind.INVENTION: Sort((
        ("The {name} was invented in {invented} by {inventor}.", "{inventor} invented the {name} in {invented}."),
        ("It was first made by {maker}.", "{maker} was the first to make it."),
    ), {"invented": None, "inventor": Kind.PERSON, "maker": Kind.COMPANY}),
    Kind.SCHOOL: Sort((
        ("{name} is a school in {town}.", "{name} has its classrooms in {town}."),
        ("It was founded in {founded} by {founder}.", "{founder} founded it in {founded}."),
        ("Its first head was {head}.", "{head} was its first head."),
    ), {"town": Kind.TOWN, "founded": None, "founder": Kind.PERSON, "head": Kind.PERSON}),
    Kind.CLUB: Sort((
        ("{name} is a {sport} club from {town}, founded in {founded}.",
         "Founded in {founded}, {name} is a {sport} club from {town}."),
        ("It plays in {colours}.", "Its colours are {colours}."),
        ("Its first coach was {coach}.", "{coach} was its first coach."),
    ), {"sport": None, "town": Kind.TOWN, "founded": None, "colours": None, "coach": Kind.PERSON},
       "the {sport} club from {town}"),
    Kind.BRIDGE: Sort((
        ("{name} crosses the {crosses} at {town}.", "At {town}, {name} crosses the {crosses}."),
        ("It was designed by {architect} and opened in {opened}.", "{architect} designed it, and it opened in {opened}."),
        ("It is built of {material} and {span} metres long.", "It is {span} metres long and built of {material}."),
    ), {"crosses": Kind.RIVER, "town": Kind.TOWN, "architect": Kind.PERSON, "opened": None, "material": None, "span": None},
       "the bridge over the {crosses} at {town}"),
}  # fmt: skip

WITH_ARTICLE = frozenset({Kind.RIVER, Kind.INVENTION})
"""Kinds whose names take ``the`` inside a sentence: the River Dart, the Baladomont press."""


@dataclass(frozen=True)
class Asked:
    """A question as read: from a name or a description, along a path of relations."""

    path: tuple[str, ...]
    """Relations in the order in which they are followed."""
    name: str = ""
    """The thing that it starts from, or empty."""
    kind: Kind | None = None
    """The kind of thing that it describes, if it names none."""
    described: Mapping[str, str] = field(default_factory=dict)
    """What the description says of it."""


def read_question(text: str) -> Asked | None:
    """The reading of a question of this module's forms, or None."""
    matches = ((name, pattern.fullmatch(text)) for name, pattern in _question_patterns())
    asked = next(((name, found["x"]) for name, found in matches if found), None)
    if asked is None:
        return None
    path, rest = _read_noun(asked[1])
    path = (*path, asked[0])
    for kind, described in _description_patterns():
        found = described.fullmatch(rest)
        if found:
            return Asked(path, kind=kind, described=found.groupdict())
    return Asked(path, name=rest.removeprefix("the "))


def _read_noun(text: str) -> tuple[tuple[str, ...], str]:
    for name, pattern in _noun_patterns():
        found = pattern.fullmatch(text)
        if found:
            path, rest = _read_noun(found["x"])
            return (*path, name), rest
    return (), text


def read_passage(text: str) -> dict[str, str]:
    """The relations that a passage of this module's sentences tells, with their values; what is no such sentence is skipped."""
    facts: dict[str, str] = {}
    for sentence in re.findall(r"[^.]+\.", text):
        for pattern in _sentence_patterns():
            found = pattern.fullmatch(sentence.strip())
            if found:
                facts |= found.groupdict()
                break
    return facts


@lru_cache(maxsize=1)
def _question_patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Longest first: ``In which town is {x} set?`` is a case of ``In which town is {x}?`` by form."""
    forms = [(form, name) for name, relation in RELATIONS.items() for form in relation.questions]
    return [(name, _pattern(form)) for form, name in sorted(forms, key=lambda pair: -len(pair[0]))]


@lru_cache(maxsize=1)
def _noun_patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(name, _pattern(form)) for name, relation in RELATIONS.items() for form in relation.nouns]


@lru_cache(maxsize=1)
def _description_patterns() -> list[tuple[Kind, re.Pattern[str]]]:
    return [(kind, _pattern(sort.description)) for kind, sort in SORTS.items() if sort.description]


@lru_cache(maxsize=1)
def _sentence_patterns() -> list[re.Pattern[str]]:
    forms = (form for sort in SORTS.values() for sentence in sort.sentences for form in sentence)
    return [_pattern(form) for form in dict.fromkeys(forms)]


def _pattern(form: str) -> re.Pattern[str]:
    """A form as a pattern with a group for each of its relations."""
    shapes = {name: relation.shape.value for name, relation in RELATIONS.items()}
    plain = {"x": r".+", "name": r"[^.]+?", "short": r"[^.,]+?"}
    text = ""
    for index, part in enumerate(_PLACE.split(form)):
        if index % 2 == 0:
            text += re.escape(part)
        elif part in ("name", "short"):
            text += plain[part]
        else:
            text += f"(?P<{part}>{shapes.get(part) or plain[part]})"
    return re.compile(re.sub(r"(?<![a-z])a\\ (?=\()", r"an?\\ ", text))
