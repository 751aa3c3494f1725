"""Search tasks: their form, and a seeded generator whose tasks are checked to be solvable by searching hop by hop.

``Task.data`` holds

* ``question``: what the user asks;
* ``answers``: the accepted answers, the usual one first;
* ``world``: the name of the world whose passages answer it (absent where the user's own corpus has to);
* ``meant``: where the question describes what it starts from, for the user to answer by when asked: ``kind``, ``candidates``
  (the things that fit, by name), ``index`` (which of them the user means), ``facts`` (what the user knows of it, by relation),
  ``asked`` (the relations that the question asks along). Absent where the user has nothing to add.

A level is a number of hops: the relations followed from where the question starts. At each level a third of the questions names
its start, a third describes it so that one thing fits, and a third is *ambiguous*: two, three or four things fit, they lead to
different answers, and only the user knows which is meant. What the question is about the user does not know, of course; but in
each ambiguous task the user knows something that tells the meant thing from all others.

The splits are disjoint: each has worlds of its own, and no name of a thing occurs in two of them.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from bao.gyms.search.judge import ExactJudge, normal_form
from bao.gyms.search.relations import RELATIONS, SORTS, Kind, Shape
from bao.gyms.search.user import TELLABLE, Meant
from bao.gyms.search.world import Thing, World, world, world_names
from bao.gyms.userrl import Record, readers
from bao.task import Hidden, Split, Task, Until
from bao.task_source import TaskData, Text

NAME = "search"
LEVELS = (1, 2, 3)
"""Hops."""
SIZES = {Split.TRAIN: 630, Split.VALID: 90, Split.TEST: 360}
"""In validation and test each world has one task of each level and start."""

_AMBIGUITY = (2, 4, 3, 4)
"""How many things fit, for one ambiguous task after another. Guessing on then takes 2.125 answers in the mean, asking first a
question and an answer, and asking only where three or more fit 1.875 turns of the user."""
_PATIENCE = 4_000
"""Draws in a row without a new task before a level counts as exhausted."""


class Start(StrEnum):
    """How a question says what it starts from."""

    NAMED = "named"
    DESCRIBED = "described"
    AMBIGUOUS = "ambiguous"


def _has_a_word(text: str) -> str:
    if not normal_form(text):
        raise ValueError("must be a text with a letter or a digit")
    return text


class SearchTask(TaskData):
    question: Text
    answers: list[Annotated[str, AfterValidator(_has_a_word)]] = Field(min_length=1)
    world: str | None = None
    meant: Meant | None = None

    @field_validator("world")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        if name is not None:
            world(name)
        return name

    @cached_property
    def judge(self) -> ExactJudge:
        return ExactJudge(self.answers)


load = SearchTask.of


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterator[Task]:
    """The first `size` own tasks of a split, taken in turn from each of `levels`, until one of these has run out.

    A level's n-th task does not depend on `size` or on the other levels.
    """
    assert size is not None, "there is a size for every split"
    turns = tuple(dict.fromkeys(levels))
    order = [turns[index % len(turns)] for index in range(size)]
    rest = {level: iter(_level_tasks(split, level, order.count(level))) for level in turns}
    for level in order:
        task = next(rest[level], None)
        if task is None:
            return
        yield task


@lru_cache(maxsize=64)
def _level_tasks(split: Split, level: int, count: int) -> tuple[Task, ...]:
    """The first `count` tasks, fewer where the level runs out."""
    return tuple(islice(_generate(split, level), count))


def _generate(split: Split, level: int) -> Iterator[Task]:
    rng = Random(f"{NAME} {split} {level}")
    places = [world(name) for name in world_names(split)]
    starts = {place.name: _starts(place) for place in places}
    seen: dict[str, set[str]] = {place.name: set() for place in places}
    # The levels begin in different worlds, so that the first tasks of a split come from many.
    first = LEVELS.index(level) * len(places) // len(LEVELS)
    number = misses = 0
    while misses < _PATIENCE:
        round_, turn = divmod(number, len(Start))
        start = list(Start)[turn]
        place = places[(round_ + first) % len(places)]
        fit = _AMBIGUITY[(round_ + round_ // len(places)) % len(_AMBIGUITY)] if start is Start.AMBIGUOUS else 1
        data = _draw(place, start, starts[place.name][start is not Start.NAMED, fit], level, seen[place.name], rng)
        if data is None:
            misses += 1
            continue
        seen[place.name].add(data["question"])
        yield Task(f"{NAME}-{split}-{level}-{number}", NAME, data, split, level)
        number += 1
        misses = 0


def _starts(place: World) -> dict[tuple[bool, int], list[tuple[Thing, ...]]]:
    """What questions may start from, by whether they describe it and how many things fit."""
    found: dict[tuple[bool, int], list[tuple[Thing, ...]]] = {}
    for name in sorted(place.things):
        thing = place.things[name]
        found.setdefault((False, 1), []).append((thing,))
        fitting = place.fitting(thing.description)
        if fitting[:1] == (thing,):
            found.setdefault((True, len(fitting)), []).append(fitting)
    return found


def _draw(
    place: World, start: Start, starts: list[tuple[Thing, ...]], level: int, seen: Collection[str], rng: Random
) -> dict[str, Any] | None:
    """A task that starts from one of `starts`, or None where this draw came to nothing.

    A question is asked once in a world, though by an ambiguous one the user might have meant another thing.
    """
    candidates = rng.choice(starts)
    index = rng.randrange(len(candidates))
    meant = candidates[index]
    path = _path(meant.kind, level, start, rng)
    if path is None:
        return None
    chains = [_chain(place, thing, path) for thing in candidates]
    if not all(chains):
        return None
    chain = chains[index]
    described = start is not Start.NAMED
    mention = meant.description if described else meant.mention
    question = _worded(mention, path, rng)
    if question in seen:
        return None
    answers = accepted(place, path[-1], chain[-1])
    ends = {normal_form(each[-1]) for each in chains}
    if len(ends) < len(candidates) or len({meant.name, *chain}) <= len(path) or _told(question, answers):
        return None
    facts = {
        name: value
        for name, value in meant.facts.items()
        if name in TELLABLE and name not in (path[0], *SORTS[meant.kind].described_by) and not _told(value, answers)
    }
    if len(candidates) > 1 and not any(_tells_apart(name, meant, candidates) for name in facts):
        return None
    if not all(
        _found(place, mention if described else meant.name, thing, each) for thing, each in zip(candidates, chains, strict=True)
    ):
        return None
    data: dict[str, Any] = {"question": question, "answers": answers, "world": place.name}
    if described:
        data["meant"] = {
            "kind": str(meant.kind),
            "candidates": [thing.name for thing in candidates],
            "index": index,
            "facts": facts,
            "asked": list(path),
        }
    return data


def _path(kind: Kind, hops: int, start: Start, rng: Random) -> tuple[str, ...] | None:
    """Relations to follow, the last of which can be asked for; None where the draw ends too early."""
    path: list[str] = []
    here: Kind | None = kind
    for hop in range(1, hops + 1):
        if here is None:
            return None
        open_ = [
            name
            for name, target in SORTS[here].targets.items()
            if (RELATIONS[name].questions if hop == hops else target is not None and RELATIONS[name].nouns)
            and not (hop == 1 and start is not Start.NAMED and name in SORTS[here].described_by)
        ]
        if not open_:
            return None
        path.append(rng.choice(open_))
        here = SORTS[here].targets[path[-1]]
    return tuple(path)


def _chain(place: World, thing: Thing, path: tuple[str, ...]) -> list[str]:
    """The values that following `path` from `thing` meets, or none if one is missing."""
    values: list[str] = []
    for name in path:
        here = place.things[values[-1]] if values else thing
        if name not in here.facts:
            return []
        values.append(here.facts[name])
    return values


def _worded(mention: str, path: tuple[str, ...], rng: Random) -> str:
    for name in path[:-1]:
        mention = rng.choice(RELATIONS[name].nouns).format(x=mention)
    return rng.choice(RELATIONS[path[-1]].questions).format(x=mention)


def accepted(place: World, relation: str, value: str) -> list[str]:
    """The accepted answers where `value` is the right one: its name or number, and other usual ways to put it."""
    found = [value]
    unit = RELATIONS[relation].unit
    if unit:
        found.append(f"{value} {unit}")
    thing = place.things.get(value)
    if thing is not None and thing.kind is Kind.TOWN:
        found += [f"{value}, {thing.facts['region']}", f"{value} in {thing.facts['region']}"]
    first, _, rest = value.partition(" ")
    if rest and first in ("River", "Lake", "Mount"):
        found += [rest, f"{rest} {first}"]
    if RELATIONS[relation].shape is Shape.COLOURS:
        one, _, other = value.partition(" and ")
        found.append(f"{other} and {one}")
    return found


def _told(text: str, answers: list[str]) -> bool:
    """Whether `text` holds one of the answers."""
    return any(answer in text for answer in answers)


def _tells_apart(relation: str, meant: Thing, candidates: tuple[Thing, ...]) -> bool:
    return sum(thing.facts.get(relation) == meant.facts[relation] for thing in candidates) == 1


def _found(place: World, start: str, thing: Thing, chain: list[str]) -> bool:
    """Whether searching for `start` shows `thing`, and searching for each name of the chain shows the passage on it."""
    queries = [(start, thing.name), *((name, name) for name in (thing.name, *chain[:-1]))]
    return all(any(passage.title == title for passage in place.corpus.find(query)) for query, title in queries)


def components(task: Task) -> frozenset[str]:
    """The world that the question is about; a question about none is its own."""
    return frozenset({load(task).world or task.data["question"]})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """The accepted answers, and what the user knows about the thing that is meant: all of it can be found in the corpus."""
    meant = task.data.get("meant")
    texts = [*task.data["answers"]]
    if meant is not None:
        texts += [meant["candidates"][meant["index"]], *meant["facts"].values()]
    return tuple(Hidden(text, Until.SOUGHT) for text in dict.fromkeys(texts))


class QuestionRecord(Record):
    """One entry of UserRL's ``questions.json`` (Bamboogle), about the real world: it takes a `corpus` of your own."""

    plural = "questions"
    needs = ("ground_truth",)
    files = ("questions.json", "questions.json")
    id: str
    question: str
    answer: str

    def task(self, split: Split) -> Task:
        return Task(self.id, NAME, {"question": self.question.strip(), "answers": [self.answer.strip()]}, split)

    def conflict(self, answer: Mapping[str, Any], source: Path) -> str | None:
        truth = answer["ground_truth"]
        if normal_form(str(truth)) == normal_form(self.answer):
            return None
        return f"ground_truth={truth!r} but the answer is {self.answer!r} in {source}"


READERS = readers(QuestionRecord)
