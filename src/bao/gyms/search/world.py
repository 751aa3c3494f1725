"""Worlds: things and what holds between them, drawn from a seed and written out as passages.

A world has a name such as ``test-0``. Its things are named from the parts that belong to its split (`bao.gyms.search.names`),
so that splits share no name; the worlds of one split share names and differ in facts, so that a fact learned by heart in one
misleads in the next. Things that one description fits are made on purpose: two, three or four makers of clocks in one town.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice, product
from random import Random

from bao.gyms.search import names
from bao.gyms.search.corpus import Corpus, Passage
from bao.gyms.search.relations import SORTS, WITH_ARTICLE, Kind
from bao.task import Split

WORLDS = {Split.TRAIN: 6, Split.VALID: 10, Split.TEST: 40}
"""Number of worlds of each split. Tasks of one world share its facts: they are one cluster (`bao.measures.clusters`)."""

_GROUPS = (1, 4, 2, 1, 3, 4, 1, 4, 2, 1, 3, 1)
"""How many things each description in turn fits."""
_MONTHS_LISTED = "January February March April May June July August September October November December"
_MONTHS = tuple(_MONTHS_LISTED.split())
_VOWEL = re.compile(r"\ba (?=[aeiou])")


@dataclass(frozen=True)
class Thing:
    """One thing of a world, with what holds of it: relation to value, a name where the value is a thing."""

    name: str
    kind: Kind
    facts: Mapping[str, str]

    @property
    def mention(self) -> str:
        """Its name as it stands inside a sentence."""
        return f"the {self.name}" if self.kind in WITH_ARTICLE else self.name

    @property
    def description(self) -> str:
        """What a question may call it, be it the only one so called or not; empty where its kind is never described."""
        return SORTS[self.kind].description.format(**self.facts)


@dataclass(frozen=True)
class World:
    name: str
    things: Mapping[str, Thing]
    corpus: Corpus = field(repr=False)
    """One passage for each thing, under its name."""

    def fitting(self, description: str) -> tuple[Thing, ...]:
        """The things that a description fits, by name."""
        return self._fitting.get(description, ())

    @cached_property
    def _fitting(self) -> Mapping[str, tuple[Thing, ...]]:
        found: dict[str, list[Thing]] = {}
        for thing in self.things.values():
            found.setdefault(thing.description, []).append(thing)
        found.pop("", None)
        return {text: tuple(sorted(things, key=lambda thing: thing.name)) for text, things in found.items()}


@lru_cache(maxsize=sum(WORLDS.values()))
def world(name: str) -> World:
    """The world of that name, made once. Raises `ValueError` on a name that no world has."""
    split = name.partition("-")[0]
    if split not in list(Split) or name not in world_names(Split(split)):
        known = ", ".join(f"{these[0]} to {these[-1]}" for these in map(world_names, Split))
        raise ValueError(f"world {name!r} is unknown; known: {known}")
    rng = Random(f"search {name}")
    things = _Maker(Split(split), rng).things()
    order = rng.sample(sorted(things), len(things))
    return World(name, things, Corpus([Passage(name, _text(things[name], rng)) for name in order]))


def world_names(split: Split) -> tuple[str, ...]:
    return tuple(f"{split}-{number}" for number in range(WORLDS[split]))


def _text(thing: Thing, rng: Random) -> str:
    said = []
    words = {**thing.facts, "name": thing.name, "short": thing.name.rpartition(" ")[2]}
    for wordings in SORTS[thing.kind].sentences:
        form = rng.choice(wordings)
        if all(place in words for place in re.findall(r"\{(\w+)\}", form)):
            said.append(_VOWEL.sub("an ", form.format(**words)))
    return " ".join(said)


class _Maker:
    """Draws the things of one world, those first on which others rest."""

    def __init__(self, split: Split, rng: Random) -> None:
        self._split = split
        self._rng = rng
        self._things: dict[str, Thing] = {}

    def things(self) -> dict[str, Thing]:
        rng = self._rng
        towns = self._names(names.TOWN_STEMS, names.TOWN_ENDS, 36)
        coined = iter(self._names(names.COINED_STEMS, names.COINED_ENDS, 160))
        schools = [f"{name} School" for name in islice(coined, 18)]
        people = self._people(towns, schools)
        self._land(towns, people)
        companies = self._companies(coined, towns, people)
        for name in schools:
            founder, head = rng.sample(sorted(people), 2)
            town, founded = rng.choice(towns), self._later(people, founder)
            self._add(name, Kind.SCHOOL, town=town, founder=founder, founded=founded, head=head)
        self._books(towns, people, companies)
        for device, name in zip(names.DEVICES * 3, islice(coined, 30), strict=False):
            inventor = rng.choice(sorted(people))
            invented = self._later(people, inventor)
            self._add(f"{name} {device}", Kind.INVENTION, invented=invented, inventor=inventor, maker=rng.choice(companies))
        self._clubs(towns, people)
        self._bridges(coined, towns, people)
        return self._things

    def _names(self, stems: tuple[str, ...], ends: tuple[str, ...], count: int) -> list[str]:
        """`count` different names, each a stem of the split with an ending."""
        return self._rng.sample([stem + end for stem, end in product(names.dealt(stems, self._split), ends)], count)

    def _add(self, name: str, kind: Kind, **facts: str | int) -> None:
        self._things[name] = Thing(name, kind, {relation: str(value) for relation, value in facts.items()})

    def _groups(self, pairs: Sequence[tuple[str, str]], count: int) -> Iterator[tuple[str, str]]:
        """`count` pairs, each as often as the next of `_GROUPS` says."""
        pairs = self._rng.sample(pairs, len(pairs))
        repeated = (pair for pair, times in zip(pairs, _GROUPS * 20, strict=False) for _ in range(times))
        return islice(repeated, count)

    def _people(self, towns: list[str], schools: list[str]) -> dict[str, int]:
        """Names of people with their years of birth."""
        rng = self._rng
        found: dict[str, int] = {}
        pairs = list(product(names.PROFESSIONS, towns))
        full = product(names.dealt(names.FIRST_NAMES, self._split), names.dealt(names.SURNAMES, self._split))
        drawn = rng.sample([f"{first} {last}" for first, last in full], 110)
        for name, (profession, birthplace) in zip(drawn, self._groups(pairs, 110), strict=True):
            found[name] = rng.randint(1740, 1920)
            born = f"{rng.randint(1, 28)} {rng.choice(_MONTHS)} {found[name]}"
            self._add(name, Kind.PERSON, profession=profession, birthplace=birthplace, born=born, studied=rng.choice(schools))
        for name, year in found.items():
            elders = [other for other in found if 15 <= year - found[other] <= 60]
            if elders:
                self._add(name, Kind.PERSON, **self._things[name].facts, teacher=rng.choice(elders))
        return found

    def _land(self, towns: list[str], people: Mapping[str, int]) -> None:
        rng = self._rng
        regions = self._names(names.REGION_STEMS, names.REGION_ENDS, 6)
        rivers = [f"River {name}" for name in rng.sample(names.dealt(names.RIVERS, self._split), 12)]
        lakes = [f"Lake {name}" for name in rng.sample(names.dealt(names.LAKES, self._split), 8)]
        hills = [f"Mount {name}" for name in rng.sample(names.dealt(names.HILLS, self._split), 12)]
        of_region = {region: towns[index :: len(regions)] for index, region in enumerate(regions)}
        for region, its_towns in of_region.items():
            self._add(region, Kind.REGION, area=f"{rng.randint(900, 9_900):,}", capital=rng.choice(its_towns))
            for town in its_towns:
                place: dict[str, str | int] = {"river": rng.choice(rivers), "recorded": rng.randint(800, 1500)}
                place["population"] = f"{rng.randint(20, 900) * 100 + rng.randint(1, 99):,}"
                self._add(town, Kind.TOWN, region=region, **place, mayor=rng.choice(sorted(people)))
        for river, hill in zip(rivers, hills, strict=True):
            self._add(river, Kind.RIVER, source=hill, mouth=rng.choice(lakes), length=rng.randint(60, 640))
        for lake in lakes:
            self._add(lake, Kind.LAKE, islands=rng.randint(3, 48), depth=rng.randint(51, 399))

    def _later(self, people: Mapping[str, int], name: str) -> int:
        """A year in the working life of someone."""
        return people[name] + self._rng.randint(22, 55)

    def _companies(self, coined: Iterator[str], towns: list[str], people: Mapping[str, int]) -> list[str]:
        rng = self._rng
        pairs = list(product(names.PRODUCTS, towns))
        found = [f"{name} {rng.choice(names.COMPANY_ENDS)}" for name in islice(coined, 60)]
        for name, (item, town) in zip(found, self._groups(pairs, 60), strict=True):
            founder = rng.choice(sorted(people))
            founded = self._later(people, founder)
            facts: dict[str, str | int] = {"product": item, "town": town, "founder": founder, "founded": founded}
            facts["emblem"] = rng.choice(names.EMBLEMS)
            if rng.random() < 0.5:
                facts["owner"] = rng.choice([other for other in found if other != name])
            self._add(name, Kind.COMPANY, **facts)
        return found

    def _books(self, towns: list[str], people: Mapping[str, int], companies: list[str]) -> None:
        rng = self._rng
        adjectives, nouns = (names.dealt(words, self._split) for words in (names.BOOK_ADJECTIVES, names.BOOK_NOUNS))
        titles = rng.sample([f"The {first} {second}" for first, second in product(adjectives, nouns)], 50)
        publishers = [name for name in companies if self._things[name].facts["product"] == "books"] or companies[:3]
        for title, (genre, author) in zip(titles, self._groups(list(product(names.GENRES, people)), 50), strict=True):
            made: dict[str, str | int] = {"published": self._later(people, author), "publisher": rng.choice(publishers)}
            self._add(title, Kind.BOOK, genre=genre, author=author, **made, setting=rng.choice(towns))

    def _clubs(self, towns: list[str], people: Mapping[str, int]) -> None:
        rng = self._rng
        for sport, town in self._groups(list(product(names.SPORTS, towns)), 48):
            free = [f"{town} {end}" for end in names.CLUB_ENDS if f"{town} {end}" not in self._things]
            name, founded = rng.choice(free), rng.randint(1850, 1960)
            colours = " and ".join(rng.sample(names.COLOURS, 2))
            coach = rng.choice(sorted(people))
            self._add(name, Kind.CLUB, sport=sport, town=town, founded=founded, colours=colours, coach=coach)

    def _bridges(self, coined: Iterator[str], towns: list[str], people: Mapping[str, int]) -> None:
        rng = self._rng
        places = [(self._things[town].facts["river"], town) for town in towns]
        for name, (river, town) in zip(islice(coined, 40), self._groups(places, 40), strict=True):
            architect = rng.choice(sorted(people))
            built: dict[str, str | int] = {"opened": self._later(people, architect), "material": rng.choice(names.MATERIALS)}
            span = rng.randint(40, 690)
            self._add(f"{name} Bridge", Kind.BRIDGE, crosses=river, town=town, architect=architect, **built, span=span)
