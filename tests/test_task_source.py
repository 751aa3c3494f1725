"""A gym's tasks stated once: sizes, levels, checked data, readers of files, kept results; and gyms of the old form."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from pydantic import Field, StrictInt, model_validator

import bao as bao_package
from bao.action import Action, ActionKind, Outcome
from bao.checks import prove
from bao.errors import ConfigError, DataError
from bao.gym import Gym
from bao.gyms import registry
from bao.gyms.registry import gym_class, gym_names
from bao.measure import Direction, Measure, figures, stated
from bao.measures import MEASURES
from bao.policies.scripted import Oracle, RandomPolicy, oracle
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet
from bao.task_source import Check, TaskData, TaskSource, Text, cache_by_identity
from tests.support.command_line import bao

# The data of a task.


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Ball(TaskData):
    name: Text
    colour: Colour
    size: StrictInt = 1


class Bag(TaskData):
    balls: list[Ball] = Field(min_length=1)
    owner: str = ""
    names: dict[Colour, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _has_no_twins(self) -> Self:
        if len({ball.name for ball in self.balls}) < len(self.balls):
            raise ValueError("balls: two have the same name")
        return self


BALL = {"name": "a", "colour": "red"}


def bag(**data: Any) -> Task:
    return Task("t", "bags", {"balls": [BALL], **data})


def test_data_is_read_once_and_kept_with_its_task() -> None:
    task = bag()
    assert Bag.of(task) is Bag.of(task)
    assert Bag.of(task).balls[0].colour is Colour.RED
    assert Bag.of(bag()) is not Bag.of(task)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"balls": []}, "balls=[] must be a list of at least 1"),
        ({"balls": "a"}, "balls='a' must be a list"),
        ({"balls": ["a"]}, "balls[0]='a' must be an object"),
        ({"balls": [{**BALL, "name": 3}]}, "balls[0].name=3 must be a text"),
        ({"balls": [{**BALL, "name": " "}]}, "balls[0].name=' ' must be a text that is not empty"),
        ({"balls": [{**BALL, "size": 1.5}]}, "balls[0].size=1.5 must be a whole number"),
        ({"balls": [{**BALL, "size": "2"}]}, "balls[0].size='2' must be a whole number"),
        ({"balls": [{**BALL, "colour": "green"}]}, "balls[0].colour='green' is unknown; known: red, blue"),
        ({"balls": [{"colour": "red"}]}, "balls[0]: the field 'name' is missing; add it"),
        ({"balls": [{**BALL, "weight": 3}]}, "balls[0]: the field 'weight' is unknown; leave it out"),
        ({"balls": [BALL, BALL]}, "balls: two have the same name"),
        ({"colour": "red"}, "the field 'colour' is unknown; leave it out"),
        ({"owner": None}, "owner=None must be a text"),
        ({"owner": ["x" * 500]}, f"owner=['{'x' * 198}.. must be a text"),
        ({"names": {"green": "x"}}, "names.green is unknown; known: red, blue"),
    ],
)
def test_a_wrong_field_is_named_with_its_place_and_value_in_one_line(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Bag.of(bag(**data))


def test_a_missing_field_is_a_key_error_and_an_error_is_raised_each_time() -> None:
    task = Task("t", "bags", {})
    for _ in range(2):
        with pytest.raises(KeyError, match="balls"):
            Bag.of(task)


@pytest.mark.parametrize("name", gym_names())
def test_every_gym_refuses_a_field_that_it_does_not_know(name: str) -> None:
    gym = gym_class(name)
    task = gym.task_set("test", 1)[0]
    gym.check_task(task)
    with pytest.raises(ValueError, match="the field 'colour_of_the_sky' is unknown; leave it out"):
        gym.check_task(Task(task.id, name, {**task.data, "colour_of_the_sky": "blue"}))
    assert gym.source.data is not None
    assert set(task.data) <= set(gym.source.data.model_json_schema()["properties"])


# A source.


def own(split: Split, size: int | None, levels: tuple[int, ...]) -> Iterable[Task]:
    assert size is not None
    return (
        Task(f"{split}-{i}", "bags", {"balls": [BALL]}, split, levels[i % len(levels)] if levels else 0)
        for i in range(min(size, 5))
    )


class Bags(Gym):
    """A gym as it is written today."""

    name = "bags"
    about = "guess the colour"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"all": frozenset({ActionKind.ACTION, ActionKind.ANSWER})}
    source = TaskSource(own=own, sizes=dict.fromkeys(Split, 3), levels=(2, 1), data=Bag)

    def begin(self, task: Task) -> str:
        return "Which colour?"

    def instructions(self) -> str:
        return "Guess."

    def on_search(self, content: str) -> Outcome:
        return Outcome("Nothing.")

    on_answer = on_search


def test_sizes_and_levels_are_the_source_s() -> None:
    assert [task.level for task in Bags.task_set("test")] == [2, 1, 2]
    assert [task.level for task in Bags.task_set(Split.TEST, 2, (1,))] == [1, 1]
    assert len(Bags.task_set("valid", 0)) == 0


@pytest.mark.parametrize(
    ("size", "levels", "message"),
    [
        (-1, None, "size=-1 must not be negative"),
        (9, None, "size=9 is more than the 5 test tasks of bags: ask for no more"),
        (9, (2,), "size=9 is more than the 5 test tasks of the levels (2,) of bags: ask for no more"),
        (1, (2, 7), "levels=(2, 7) must be some of (1, 2) for the gym 'bags'"),
        (1, (), "levels=() must be some of (1, 2) for the gym 'bags'"),
    ],
)
def test_what_cannot_be_had_is_refused(size: int, levels: tuple[int, ...] | None, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        Bags.task_set("test", size, levels)


def test_without_a_word_a_task_s_component_is_its_id_and_nothing_is_hidden() -> None:
    assert Bags.components(bag()) == {"t"}
    assert (Bags.hidden(bag()), Bags.scripted_policies()) == ((), {})


def test_a_gym_without_a_source_says_so() -> None:
    class Bare(Bags):
        source = TaskSource()

    with pytest.raises(NotImplementedError, match="give it a source"):
        Bare.task_set("test")


def test_lines_are_checked_by_the_data(tmp_path: Path) -> None:
    Bags.task_set("valid").write(tmp_path / "tasks.jsonl")
    assert Bags.read_tasks(tmp_path / "tasks.jsonl") == Bags.task_set("valid")
    with (tmp_path / "tasks.jsonl").open("a") as file:
        file.write(json.dumps({"id": "x", "gym": "bags", "data": {"balls": [BALL], "owner": 3}}))
    with pytest.raises(DataError, match=r"tasks\.jsonl, line 4: owner=3 must be a text"):
        Bags.read_tasks(tmp_path / "tasks.jsonl")


def read_names(path: Path, split: Split, check: Check) -> Iterator[Task]:
    for name in path.read_text().split():
        task = Task(name, "bags", {"balls": [{**BALL, "name": name}]}, split)
        check(task)
        yield task


class ReadsText(Bags):
    source = TaskSource(own=own, data=Bag, readers={".txt": read_names, ".text": read_names})


def test_a_file_is_read_by_the_reader_of_its_suffix(tmp_path: Path) -> None:
    (tmp_path / "bags.txt").write_text("one two")
    assert [(task.id, task.split) for task in ReadsText.read_tasks(tmp_path / "bags.txt", "valid")] == [
        ("one", Split.VALID),
        ("two", Split.VALID),
    ]
    Bags.task_set("valid").write(tmp_path / "tasks.jsonl")
    assert len(ReadsText.read_tasks(tmp_path / "tasks.jsonl")) == 3


def test_a_file_that_cannot_be_read_is_refused_with_the_suffixes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no task file at .*absent.json: .* a \.jsonl, \.txt or \.text file of bags"):
        ReadsText.read_tasks(tmp_path / "absent.json")
    (tmp_path / "tasks.csv").write_text("")
    with pytest.raises(DataError, match=r"suffix '\.csv'; bags tasks are read from \.jsonl, \.txt and \.text files"):
        ReadsText.read_tasks(tmp_path / "tasks.csv")


# The oracle.


def test_the_oracle_follows_its_plan_and_repeats_the_last_action() -> None:
    gym = Bags()
    first, last = Action(ActionKind.SEARCH, "x"), Action(ActionKind.ANSWER, "red")
    knows = oracle(lambda task: [first, last], "I know.")(gym, 0)
    assert isinstance(knows, Oracle)
    knows.begin("", "")
    with pytest.raises(RuntimeError, match="call the gym's reset"):
        knows.act("")
    gym.reset(options={"task": bag()})
    assert [knows.act("").action for _ in range(3)] == [first, last, last]
    assert knows.act("").thinking == "I know."


# A gym of one's own that overrides the class methods itself.

WORDS = [f"word{number}" for number in range(40)]


class OldForm(Gym):
    name = "old_form"
    about = "guess the word"
    kinds = frozenset({ActionKind.ACTION, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"all": frozenset({ActionKind.ACTION, ActionKind.ANSWER})}
    persona_users = ("scripted",)

    def begin(self, task: Task) -> str:
        self._word = task.data["word"]
        return "Which word?"

    def instructions(self) -> str:
        return "Guess the word. [action] hint, [answer] a word"

    def on_action(self, content: str) -> Outcome:
        return Outcome(f"Its number is {WORDS.index(self._word) + 1000}.")

    def on_answer(self, content: str) -> Outcome:
        right = content == self._word
        return Outcome("Right." if right else "Wrong.", float(right), right, right)

    def volunteer(self, rng: np.random.Generator) -> Outcome | None:
        return Outcome("By the way, it is a word.")

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        of_split = WORDS[list(Split).index(Split(split)) :: 3][:size]
        return TaskSet.of(Task(f"{split}-{i}", cls.name, {"word": w}, Split(split)) for i, w in enumerate(of_split))

    @classmethod
    def check_task(cls, task: Task) -> None:
        if task.data["word"] not in WORDS:
            raise ValueError(f"word={task.data['word']!r} is none of the words")

    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        return frozenset({task.data["word"]})

    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        return (Hidden(task.data["word"]),)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        contents = {ActionKind.ACTION: ["hint"], ActionKind.ANSWER: ["nothing"], ActionKind.FINISH: [""]}
        return {
            "oracle": oracle(lambda task: [Action(ActionKind.ANSWER, task.data["word"])]),
            **{name: lambda gym, seed: RandomPolicy(contents, seed) for name in ("ask_all", "never_ask", "random")},
        }


class Entry:
    """What an installed package's entry point is."""

    name, value = "old_form", "mine:OldForm"

    @staticmethod
    def load() -> type[Gym]:
        return OldForm


def test_a_gym_that_overrides_the_class_methods_is_proved_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [finding for finding in prove(OldForm) if not finding.ok] == []
    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry])
    out = tmp_path / "out"
    for command in (
        ["check", "gym", "old_form"],
        ["eval", "scripted:oracle", "--gym", "old_form", "--tasks", "5", "--persona", "chatty", "--out", str(out)],
    ):
        assert bao(*command) == 0, capsys.readouterr()
    assert json.loads((out / "summary.json").read_text())["score"]["mean"] == 1.0


@pytest.mark.parametrize("line", ["from bao.hidden import Hidden", "from bao.policies import Policy", "import bao.belief"])
def test_a_gym_that_imports_what_has_moved_is_refused_with_its_place(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stale(Entry):
        @staticmethod
        def load() -> type[Gym]:
            exec(line)
            return OldForm

    monkeypatch.setattr(registry, "entry_points", lambda group: [Stale])
    with pytest.raises(ConfigError, match=r"an earlier version \(.*\): import Hidden, .* from bao itself"):
        registry.gym_class("old_form")
    for name in ("Hidden", "Until", "Outcome", "Policy", "Belief"):
        assert hasattr(bao_package, name)


def test_its_files_are_read_by_its_own_check(tmp_path: Path) -> None:
    OldForm.task_set("test").write(tmp_path / "tasks.jsonl")
    assert OldForm.read_tasks(tmp_path / "tasks.jsonl") == OldForm.task_set("test")
    TaskSet.of([Task("x", "old_form", {"word": "sky"})]).write(tmp_path / "tasks.jsonl")
    with pytest.raises(DataError, match="line 1: word='sky' is none of the words"):
        OldForm.read_tasks(tmp_path / "tasks.jsonl")


# What is worked out from a task once.


class Made:
    """What a maker returns, with what it was made from."""

    def __init__(self, *given: dict[str, int]) -> None:
        self.given = given


def test_the_same_object_is_worked_out_once() -> None:
    make = cache_by_identity(most=10)(Made)
    data = {"a": 1}
    assert make(data) is make(data)


def test_equal_objects_are_worked_out_apart_and_never_exchanged() -> None:
    make = cache_by_identity(most=1000)(Made)
    for number in range(500):  # short-lived, so that their memory and with it their ids would be used again
        assert make({"a": number}).given == ({"a": number},)


def test_each_of_several_objects_counts() -> None:
    make = cache_by_identity(most=10)(Made)
    one, other = {"a": 1}, {"a": 1}
    assert make(one, other) is make(one, other)
    assert make(one, other) is not make(other, one)


def test_no_more_than_the_most_results_are_cache_by_identity() -> None:
    make = cache_by_identity(most=2)(Made)
    first, second, third = ({"a": number} for number in range(3))
    before = make(first)
    make(second)
    assert make(first) is before
    make(third)
    assert make(first) is not before


def test_an_error_is_not_cache_by_identity() -> None:
    calls = []

    @cache_by_identity(most=10)
    def fails_once(data: dict[str, int]) -> int:
        calls.append(data)
        if len(calls) == 1:
            raise ValueError("not yet")
        return 7

    data = {"a": 1}
    with pytest.raises(ValueError, match="not yet"):
        fails_once(data)
    assert fails_once(data) == 7


def test_the_gym_on_the_page_is_sound() -> None:
    """All of it as it is printed; whoever copies it has a gym that `bao check gym` proves."""
    page = (Path(__file__).parents[1] / "docs" / "own_gym.md").read_text(encoding="utf-8")
    written: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], written)
    assert [finding for finding in prove(written["Cloakroom"]) if not finding.ok] == []
    (snippet,) = (block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "wrong_coats" in block)
    exec(dedent(snippet), written := {**written, "Direction": Direction, "Measure": Measure})
    own = stated(written["measures"].__func__(written["Cloakroom"]), "cloakroom", MEASURES)
    assert figures(own.values(), SimpleNamespace(name="cloakroom", wrong_coats=1)) == {"wrong_coats": 1.0}
    with pytest.raises(ValueError, match="wanted=3 must be a text"):
        written["Cloakroom"].check_task(Task("x", "cloakroom", {"rack": {}, "wanted": 3}))
