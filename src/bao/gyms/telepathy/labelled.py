"""Labelled questions for a model that plays or judges telepathy (`bao.gyms.probe`).

A question whose features are known is put twice, about an entity of which it is so and one, of the same realm where there is
one, of which it is not: yes and no are asked for equally often. What is so is what the gym's table says.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from bao.gyms.probe import Heard, Probe
from bao.gyms.readings import every
from bao.gyms.telepathy.llm import ModelJudge, ModelUser
from bao.gyms.telepathy.reading import Reading, Sort, read
from bao.gyms.telepathy.table import NO, YES, table
from bao.gyms.telepathy.tasks import Puzzle, load, own_tasks
from bao.gyms.telepathy.user import NO_QUESTION_TEXT, NO_TEXT, YES_TEXT, ScriptedUser, Verdict
from bao.task import Split
from bao.users.llm import Simulator

_WANTED = {YES_TEXT: "yes", NO_TEXT: "no", NO_QUESTION_TEXT: "no question"}


def user() -> Sequence[Probe]:
    puzzles = [load(task) for task in own_tasks(Split.TEST, None, (1,))]
    found: list[Probe] = []
    for question, meant in every("telepathy", "seen", "set_aside"):
        if meant == "no question":
            found.append(_asked(_drawn(puzzles, question), question, NO_QUESTION_TEXT))
        reading = read(question)
        if reading.sort is Sort.FEATURES and label(reading) == meant:
            found += _both(puzzles, question, reading)
    return found


def judge() -> Sequence[Probe]:
    puzzles = {puzzle.title: puzzle for puzzle in (load(task) for task in own_tasks(Split.TEST, None, (1,)))}
    return [_guessed(puzzles[title], guess, right) for title, guess, right in every("telepathy", "guesses")]


def label(reading: Reading) -> str:
    """A reading in words, as ``readings.toml`` has it: features, ``!`` for not, ``>5`` for bigger than size 5."""
    if reading.sort is not Sort.FEATURES:
        return reading.sort.replace("_", " ")

    def one(literal: Any) -> str:
        if literal.feature < 0:
            return f"{'<' if literal.denied else '>'}{literal.than[0]:g}"
        return f"{'!' if literal.denied else ''}{table().features[literal.feature].name}"

    said = (" and " if reading.every else " or ").join("|".join(map(one, clause)) for clause in reading.clauses)
    return f"!{said}" if reading.denied else said


def _both(puzzles: Sequence[Puzzle], question: str, reading: Reading) -> Iterator[Probe]:
    values = [(puzzle, ScriptedUser(puzzle.entity).value(reading)) for puzzle in puzzles if puzzle.entity is not None]
    true = [puzzle for puzzle, value in values if value == YES]
    false = [puzzle for puzzle, value in values if value == NO]
    if not true or not false:
        return
    of = _drawn(true, question)
    alike = [each for each in false if each.entity and of.entity and each.entity.realm == of.entity.realm]
    yield _asked(of, question, YES_TEXT)
    yield _asked(_drawn(alike or false, question), question, NO_TEXT)


def _drawn(puzzles: Sequence[Puzzle], text: str) -> Puzzle:
    """Always the same one for a text."""
    return puzzles[int.from_bytes(blake2b(text.encode(), digest_size=4).digest()) % len(puzzles)]


def _asked(puzzle: Puzzle, question: str, right: str) -> Probe:
    def put(model: Simulator) -> Heard:
        said = ModelUser(puzzle, model).answer(question)
        return Heard(_WANTED.get(said, said), said == right, said == YES_TEXT)

    return Probe(f"{puzzle.title}: {question}", _WANTED[right], put, yes=right == YES_TEXT)


def _guessed(puzzle: Puzzle, guess: str, right: bool) -> Probe:
    def put(model: Simulator) -> Heard:
        said = ModelJudge(puzzle, model).judge(guess) is Verdict.RIGHT
        return Heard("right" if said else "wrong", said is right, said)

    return Probe(f"{puzzle.title}: {guess}", "right" if right else "wrong", put, yes=right)
