"""The function gym's tasks: what one holds, and the gym's own, generated from fixed seeds.

``Task.data`` holds ``rule`` (text), ``test_case`` (four integers), ``expected_result`` (the rule's exact value on them) and
``operators`` (the `Operator` values that the rule uses). `Task.level` is `Rule.level`.

A rule belongs to exactly one split: the split is read off a hash of the rule's values on fixed inputs, which is the same for
every way of writing the rule. So no split holds a rule equivalent to one of another split, whatever sizes are asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Self

from pydantic import Field, StrictInt, model_validator

from bao.gyms.function.content import read_number
from bao.gyms.function.rules import INPUT_LIMIT, VARIABLES, Operator, Rule, Undefinedness, Value, compile_rule, parse_rule
from bao.gyms.userrl import Record, readers
from bao.task import Hidden, Split, Task, TaskSet, Until
from bao.task_source import Check, TaskData

NAME = "function"
SIZES = {Split.TRAIN: 600, Split.VALID: 80, Split.TEST: 200}

TURNS = (1, 2, 3, 4, 2, 3, 4)
"""The levels in turn. The first has half as many turns: it has about two hundred different rules in all."""
_SMALLEST_RESULT, _LARGEST_RESULT = 17, 5_000
"""Of the value that is asked for. Were it small, whoever counts upwards from 0 would hit it within an episode's turns."""
_LARGEST_INPUT = 50
_PATIENCE = 3_000
"""Rules tried in a row without a new one before a level counts as exhausted."""
_ODD_INPUTS = ((907, 211, 503, 101), (103, 911, 223, 509), (499, 107, 919, 227), (229, 491, 109, 929), (307, 401, 601, 809))
_SMALL_INPUTS = (
    (2, 3, 5, 7), (7, 2, 3, 5), (5, 7, 2, 3), (3, 5, 7, 2), (4, 3, 2, 9),
    (9, 4, 3, 2), (2, 9, 4, 3), (3, 2, 9, 4), (2, 3, 4, 2), (3, 2, 2, 4),
)  # fmt: skip


def own_tasks(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterator[Task]:
    """The first `size` own tasks of a split, taken in turn from each of `levels`; fewer where all have run out of rules.

    A level's n-th task does not depend on `size` or on the other levels. A level that has run out of rules (there are only
    so many without extras) gives up its turns to the others.
    """
    assert size is not None, "there is a size for every split"
    turns = levels if levels == TURNS else tuple(dict.fromkeys(levels))
    available: dict[int, int] = {}
    while True:
        order = list(_take_turns(turns, size, available))
        of_level = {level: _level_tasks(split, level, order.count(level)) for level in set(order)}
        short = {level: len(tasks) for level, tasks in of_level.items() if len(tasks) < order.count(level)}
        if not short:
            rest = {level: iter(tasks) for level, tasks in of_level.items()}
            return (next(rest[level]) for level in order)
        available |= short


def _take_turns(turns: tuple[int, ...], size: int, available: Mapping[int, int]) -> Iterator[int]:
    """`size` levels in turn, each at most as often as it is available (fewer where all have run out)."""
    taken = dict.fromkeys(turns, 0)
    live = True
    while live:
        live = False
        for level in turns:
            if sum(taken.values()) == size:
                return
            if taken[level] < available.get(level, size):
                taken[level] += 1
                live = True
                yield level


class RuleTask(TaskData):
    rule: str
    test_case: list[StrictInt]
    expected_result: Any
    operators: list[Operator] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_playable(self) -> Self:
        checked(self.rule, self.test_case, self.expected_result)
        return self


def checked(text: str, inputs: list[int], expected: Any) -> tuple[Rule, Value]:
    """The rule of a task, and its value on the test inputs. Raises `ValueError` naming the field that is wrong."""
    rule = compile_rule(text)
    if len(inputs) != 4 or any(abs(entry) > INPUT_LIMIT for entry in inputs):
        raise ValueError(f"test_case={inputs!r} must be four integers from -{INPUT_LIMIT} to {INPUT_LIMIT}")
    value = rule.value(*inputs)
    if isinstance(value, Undefinedness):
        raise ValueError(f"test_case={inputs}: the rule {text!r} is {value} there; choose other inputs")
    if not agrees(expected, value):
        raise ValueError(f"expected_result={expected!r} but the rule {text!r} gives {value} on {inputs}")
    return rule, value


def agrees(stored: Any, value: Value) -> bool:
    """Whether a stored result is the rule's value; one written as a float may be off by its rounding."""
    try:
        number = exact(stored)
    except ValueError:
        return False
    return abs(number - value) <= (Fraction(1, 10**6) if isinstance(stored, float) and value != int(value) else 0)


def exact(stored: Any) -> Fraction:
    """The number that a file stores as a result, a float read as the decimal it is written as. Raises `ValueError`."""
    number = None
    if isinstance(stored, int | float) and not isinstance(stored, bool):
        number = read_number(repr(stored))
    elif isinstance(stored, str):
        number = read_number(stored)
    if number is None:
        raise ValueError(f"expected_result={stored!r} must be a number")
    return number


def task_data(rule: Rule, inputs: list[int], value: Value) -> dict[str, Any]:
    """`Task.data` of a rule and its test inputs; a result that is no whole number is written as a fraction (``7/3``)."""
    return {
        "rule": rule.text,
        "test_case": inputs,
        "expected_result": value if isinstance(value, int) else str(value),
        "operators": [str(operator) for operator in rule.operators],
    }


def signature(rule: Rule) -> tuple[Value | Undefinedness, ...]:
    """The rule's values on fixed inputs: equal for rules that are equal as functions, however they are written."""
    inputs = _SMALL_INPUTS if Operator.VARIABLE_POWER in rule.operators else _ODD_INPUTS
    return tuple(rule.value(*quadruple) for quadruple in inputs)


def split_of(rule: Rule) -> Split:
    """The one split that this rule may appear in: 14 of 20 rules train, 2 of 20 validate, 4 of 20 test."""
    return _split_of_signature(signature(rule))


def _split_of_signature(values: tuple[Value | Undefinedness, ...]) -> Split:
    digest = blake2b(";".join(map(str, values)).encode(), digest_size=2).digest()
    share = int.from_bytes(digest, "big") % 20
    return Split.TRAIN if share < 14 else Split.VALID if share < 16 else Split.TEST


@lru_cache(maxsize=64)
def _level_tasks(split: Split, level: int, count: int) -> tuple[Task, ...]:
    """The first `count` tasks, fewer where the level runs out."""
    return tuple(islice(_generate(split, level), count))


def _generate(split: Split, level: int) -> Iterator[Task]:
    rng = Random(f"{NAME} {split} {level}")
    seen: set[tuple[Value | Undefinedness, ...]] = set()
    tried: set[str] = set()
    misses = 0
    while True:
        text = _draw_rule(level, rng)
        task = None if text in tried else _make_task(text, split, level, seen, rng)
        tried.add(text)
        misses = 0 if task else misses + 1
        if task:
            yield task
        elif misses >= _PATIENCE:
            return


def _make_task(text: str, split: Split, level: int, seen: set[tuple[Value | Undefinedness, ...]], rng: Random) -> Task | None:
    """A task with this rule, if it is new and belongs to this split and level; adds its signature to `seen`."""
    rule = parse_rule(text)
    values = signature(rule)
    if rule.level != level or values in seen or _split_of_signature(values) is not split:
        return None
    if Undefinedness.DIVISION_BY_ZERO in values:  # an equal rule elsewhere might be written so that it does not divide there
        return None
    case = _draw_case(rule, rng)
    if case is None:
        return None
    seen.add(values)
    return Task(f"{NAME}-{split}-{level}-{len(seen)}", NAME, task_data(rule, *case), split, level)


def _draw_rule(level: int, rng: Random) -> str:
    """A random expression that uses each variable once, with the extras of its level."""
    parts = rng.sample(VARIABLES, 4)
    extras: list[str] = []
    if level == 2:
        extras = [rng.choice(("/", "square"))]
    elif level == 3:
        extras = rng.sample(("/", "/", "square", "square", "number"), 2)
    elif level == 4:
        extras = ["**", *(["/"] if rng.random() < 0.2 else []), *(["square"] if rng.random() < 0.2 else [])]
    if "number" in extras:
        parts.insert(rng.randrange(5), str(rng.randint(2, 5)))
    signs = rng.choices("+-*", k=len(parts) - 1)
    wanted = [extra for extra in extras if extra in ("/", "**")]
    for place, sign in zip(rng.sample(range(len(signs)), len(signs)), wanted, strict=False):
        signs[place] = sign
    squares = extras.count("square")
    while len(parts) > 1:
        if squares and rng.random() < 0.5:
            place = rng.randrange(len(parts))
            if parts[place] in VARIABLES or (parts[place].startswith("(") and not parts[place].endswith(" ** 2)")):
                parts[place] = f"({parts[place]} ** 2)"
                squares -= 1
        place = rng.randrange(len(parts) - 1)
        left, sign, right = parts[place], signs.pop(place), parts.pop(place + 1)
        parts[place] = f"({left} {sign} {right})"
    return parts[0][1:-1]


def _draw_case(rule: Rule, rng: Random) -> tuple[list[int], int] | None:
    """Inputs on which the rule is a whole number, neither too large nor one of those that a blind guess would hit.

    Where large inputs will not do (a rule of powers), those from 1 to 10 are tried.
    """
    for most in (_LARGEST_INPUT, 10):
        for _ in range(60):
            inputs = [rng.randint(1, most) for _ in range(4)]
            value = rule.value(*inputs)
            if isinstance(value, int) and _SMALLEST_RESULT <= abs(value) <= _LARGEST_RESULT:
                return inputs, value
    return None


def components(task: Task) -> frozenset[str]:
    """The rule, however it is written: its values on fixed inputs."""
    return frozenset({";".join(map(str, signature(compile_rule(task.data["rule"]))))})


def hidden(task: Task) -> tuple[Hidden, ...]:
    """The rule, and its value on the test inputs: a probe elsewhere may happen to give the same number."""
    return Hidden(task.data["rule"]), Hidden(str(task.data["expected_result"]), Until.SOUGHT)


class RuleRecord(Record):
    """One entry of UserRL's ``functions.json``."""

    plural = "rules"
    needs = ("ground_truth",)
    files = ("functions.json", "functions.json")
    id: str
    rule: str
    test_case: tuple[int, int, int, int]
    expected_result: int | float | str

    def task(self, split: Split) -> Task:
        inputs = list(self.test_case)
        rule, value = checked(self.rule, inputs, self.expected_result)
        return Task(self.id, NAME, task_data(rule, inputs, value), split, rule.level)

    def conflict(self, answer: Mapping[str, Any], source: Path) -> str | None:
        value = compile_rule(self.rule).value(*self.test_case)
        if isinstance(value, Undefinedness) or agrees(answer["ground_truth"], value):
            return None
        return f"ground_truth={answer['ground_truth']!r} but the rule gives {value} in {source}"


def _read_lines(path: Path, split: Split, check: Check) -> Iterator[Task]:
    """Our own format, with the operators, and the level where there is none, worked out from the rule."""
    for task in TaskSet.read(path, NAME, check):
        inputs = list(task.data["test_case"])
        rule, value = checked(task.data["rule"], inputs, task.data["expected_result"])
        yield replace(task, data={**task.data, **task_data(rule, inputs, value)}, level=task.level or rule.level)


READERS = {".jsonl": _read_lines, **readers(RuleRecord)}
