"""The table: entities by predicates, each value yes, no or "it depends", read from the three files of this package.

An entity is of a class, takes over what holds for the class and those above it, and says where it differs. Classes can be asked
for like predicates; both are features. `facts` written for an entity or class: a feature's name (yes), ``-name`` (no),
``?name`` (it depends), ``s3`` or ``s3-5`` (the size on the scale of classes.toml). What nobody names is no.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from bao.gyms import data
from bao.gyms.telepathy.words import name_key

NO, DEPENDS, YES = 0, 1, 2
"""Values, so that and / or / not are ``min`` / ``max`` / ``2 - value`` (Kleene's three-valued logic)."""

_FACT = re.compile(r"([-?]?)([a-z_0-9]+)")
_SIZE = re.compile(r"s(\d)(?:-(\d))?")
_VALUE_OF_MARK = {"": YES, "-": NO, "?": DEPENDS}
_PERSON = 5.0
"""Size of a person, which also says what is heavier than one where the facts say nothing about it."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that can be asked: a predicate, or membership in a class."""

    name: str
    ask: str
    """The plain question, such as ``Can it fly?``; empty for the few classes that only hold others together."""
    is_class: bool
    forms: Mapping[str, str]
    """Other ways to ask, by frame (``is``, ``does``, ``has``, ``not``), as written in the files; ``size``, ``within``."""

    @property
    def holds(self) -> str:
        """What is so if the feature holds: ``it can fly``."""
        return self._said("")

    @property
    def fails(self) -> str:
        """What is so if it does not hold: ``it cannot fly``."""
        return self._said("not ")

    def _said(self, word: str) -> str:
        verb, subject, *rest = self.ask.rstrip("?").split(" ")
        verb = verb.lower()
        if verb == "can":
            return f"{subject} can{word.strip()} {' '.join(rest)}"
        return f"{subject} {verb} {word}{' '.join(rest)}"


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing to think of, with its row of the table."""

    title: str
    aliases: tuple[str, ...]
    class_name: str
    facts: str
    kind: str
    """What the opening line calls it at level 1, such as ``an animal``."""
    realm: str
    """What the opening line calls it at level 2, such as ``a living thing``."""
    values: tuple[int, ...]
    """By feature: `YES`, `NO` or `DEPENDS`."""
    least: float
    """Least size on the scale of classes.toml."""
    most: float
    """Greatest size."""

    @property
    def names(self) -> frozenset[str]:
        """All names, in the form in which they are compared."""
        return frozenset(name_key(name) for name in (self.title, *self.aliases))


@dataclass(frozen=True)
class Table:
    features: tuple[Feature, ...]
    index: Mapping[str, int]
    """Feature name to its place."""
    sizes: Mapping[str, float]
    """What else sizes are compared with."""
    entities: tuple[Entity, ...]
    by_name: Mapping[str, Entity]
    """Every name of every entity, in the form in which names are compared."""


def compare_size(least: float, most: float, other_least: float, other_most: float) -> int:
    """Whether something is bigger than another thing; `DEPENDS` where their ranges of sizes meet."""
    return YES if least > other_most else NO if most < other_least else DEPENDS


@cache
def table() -> Table:
    """The built-in table."""
    features, sizes = _features()
    index = {feature.name: place for place, feature in enumerate(features)}
    entities = tuple(
        make_entity(*_names(written), class_name, facts)
        for class_name, rows in data.table(__package__, "entities.toml").items()
        for written, facts in rows.items()
    )
    by_name: dict[str, Entity] = {}
    for entity in entities:
        for name in entity.names:
            if name in by_name:
                raise ValueError(f"{entity.title!r} and {by_name[name].title!r} share the name {name!r}; drop one of them")
            by_name[name] = entity
    return Table(features, index, sizes, entities, by_name)


def make_entity(title: str, aliases: tuple[str, ...], class_name: str, facts: str) -> Entity:
    """An entity with its row. Raises `ValueError` on an unknown class or feature, or where no size is given."""
    features, _ = _features()
    places = _places()
    if class_name not in _class_facts():
        raise ValueError(f"class={class_name!r} of {title!r} is unknown; known: {', '.join(sorted(_class_facts()))}")
    inherited, size, kind, realm = _class_facts()[class_name]
    values = list(inherited)
    size = _apply(facts, values, size, f"the facts of {title!r}")
    if size is None or not kind:
        raise ValueError(f"the facts of {title!r} need a size such as s3, and a class with a kind; {class_name!r} gives none")
    least, most = size
    explicit = {name for _, name in _FACT.findall(facts)}
    for place, feature in enumerate(features):
        if "size" in feature.forms:
            values[place] = _follow(feature.forms["size"], least, most)
    if values[places["heavy"]] == NO and "heavy" not in explicit:
        values[places["heavy"]] = compare_size(least, most, _PERSON, _PERSON)
    return Entity(title, aliases, class_name, facts, kind, realm, tuple(values), least, most)


def _follow(rule: str, least: float, most: float) -> int:
    """The value of a predicate that follows from the size, by a rule such as ``>5`` or ``<2.5``."""
    limit = float(rule[1:])
    return compare_size(least, most, limit, limit) if rule[0] == ">" else compare_size(limit, limit, least, most)


@cache
def _features() -> tuple[tuple[Feature, ...], Mapping[str, float]]:
    predicates = data.table(__package__, "predicates.toml")
    sizes = {name_key(name): float(size) for name, size in predicates.pop("sizes").items()}
    classes = data.table(__package__, "classes.toml")
    forms = ("is", "does", "has", "not", "size", "within")
    found = [
        Feature(name, row.get("ask", ""), name in classes, {form: row[form] for form in forms if form in row})
        for name, row in (*classes.items(), *predicates.items())
    ]
    return tuple(found), sizes


@cache
def _places() -> Mapping[str, int]:
    return {feature.name: place for place, feature in enumerate(_features()[0])}


@cache
def _class_facts() -> Mapping[str, tuple[tuple[int, ...], tuple[float, float] | None, str, str]]:
    """By class: its row, its size, and what the opening line calls it at either level."""
    found: dict[str, tuple[tuple[int, ...], tuple[float, float] | None, str, str]] = {}
    for name, row in data.table(__package__, "classes.toml").items():
        above = found[row["of"]] if "of" in row else ((NO,) * len(_places()), None, "", "")
        values = list(above[0])
        values[_places()[name]] = YES
        size = _apply(row.get("facts", ""), values, above[1], f"the facts of the class {name!r}")
        found[name] = (tuple(values), size, row.get("kind", above[2]), row.get("realm", above[3]))
    return found


def _apply(facts: str, values: list[int], size: tuple[float, float] | None, where: str) -> tuple[float, float] | None:
    for fact in facts.split():
        sized = _SIZE.fullmatch(fact)
        if sized:
            size = float(sized.group(1)), float(sized.group(2) or sized.group(1))
            continue
        marked = _FACT.fullmatch(fact)
        if marked is None or marked.group(2) not in _places():
            raise ValueError(f"{where}: {fact!r} is no feature; write a name from predicates.toml or classes.toml")
        values[_places()[marked.group(2)]] = _VALUE_OF_MARK[marked.group(1)]
    return size


def _names(written: str) -> tuple[str, tuple[str, ...]]:
    title, *aliases = (name.strip() for name in written.split("|"))
    return title, tuple(aliases)
