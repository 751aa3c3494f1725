"""The proofs of `bao check gym`: a sound gym passes them all, and for each promise a gym that breaks it is found out."""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from bao.action import Action, ActionKind, Outcome, Parsed
from bao.checks import PROOFS, cautions, prove
from bao.checks.leaks import info_text, show, unasked_leaks
from bao.gym import Gym
from bao.gyms.registry import gym_class, gym_names
from bao.measure import Direction, Measure
from bao.policies.scripted import RandomPolicy
from bao.policy import Policy
from bao.task import Hidden, Split, Task, TaskSet, Until, holds

WORDS = [
    "anchor",
    "basket",
    "candle",
    "dagger",
    "engine",
    "feather",
    "garnet",
    "hammer",
    "island",
    "jacket",
    "kettle",
    "ladder",
    "magnet",
    "needle",
    "orchid",
    "pepper",
    "quiver",
    "ribbon",
    "saddle",
    "timber",
    "urchin",
    "violin",
]
SIZES = {Split.TRAIN: 6, Split.VALID: 4, Split.TEST: 12}


class Says:
    """A policy that says the same in every episode, then finishes."""

    def __init__(self, name: str, *actions: Action) -> None:
        self.name = name
        self._actions = actions
        self._turn = 0

    def begin(self, system: str, opening: str) -> None:
        self._turn = 0

    def act(self, observation: str) -> Parsed:
        self._turn += 1
        return Parsed("", (*self._actions, Action("finish"))[min(self._turn, len(self._actions) + 1) - 1], None)


class Knows(Says):
    """The oracle: reads the word in the task."""

    def __init__(self, gym: Gym) -> None:
        super().__init__("oracle")
        self._gym = gym

    def act(self, observation: str) -> Parsed:
        assert self._gym.task is not None
        return Parsed("", Action("answer", self._gym.task.data["word"]), None)


class Guess(Gym):
    """Guess the user's word: they tell its colour when asked, and a search shows its shelf."""

    name = "guess"
    about = "guess a word"
    kinds = frozenset({ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH})
    conventions: ClassVar[Mapping[str, frozenset[ActionKind]]] = {"everyday": frozenset({ActionKind.ACTION, ActionKind.ANSWER})}
    horizon_default = 4

    def begin(self, task: Task) -> str:
        self._data = task.data
        return f"My word has {len(task.data['word'])} letters."

    def instructions(self) -> str:
        return "Guess the word. [action] colour, [search] shelf, [answer] anchor, [finish]"

    def on_action(self, content: str) -> Outcome:
        if content != "colour":
            return Outcome("Ask for its colour.")
        mood = ("gladly", "slowly")[int(self.np_random.integers(2))]
        return Outcome(f"It is {self._data['colour']}, they say {mood}.")

    def on_search(self, content: str) -> Outcome:
        if content != "shelf":
            return Outcome(f"Look at the shelf. There are {', '.join(WORDS)} in this house.")
        return Outcome(f"It stands on shelf {self._data['shelf']}.")

    def on_answer(self, content: str) -> Outcome:
        right = content == self._data["word"]
        return Outcome("Right." if right else "Wrong.", float(right), right, right)

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        split = Split(split)
        before = sum(SIZES[each] for each in list(Split)[: list(Split).index(split)])
        return TaskSet.of(
            Task(f"guess-{split}-{i}", "guess", {"word": WORDS[i], "colour": f"colour{i}", "shelf": i + 100}, split)
            for i in range(before, before + SIZES[split])
        )

    @classmethod
    def check_task(cls, task: Task) -> None:
        if task.data["word"] not in WORDS:
            raise ValueError("word is none of the words")

    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        return frozenset({task.data["word"]})

    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        data = task.data
        return Hidden(data["word"]), Hidden(data["colour"], Until.ASKED), Hidden(str(data["shelf"]), Until.SOUGHT)

    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        ask, look, wrong = Action("action", "colour"), Action("search", "shelf"), Action("answer", "nothing")
        contents = {ActionKind.ACTION: ("colour", "hm"), ActionKind.SEARCH: ("shelf", "hm"), ActionKind.ANSWER: WORDS}
        return {
            "oracle": lambda gym, seed: Knows(gym),
            "ask_all": lambda gym, seed: Says("ask_all", ask, look, wrong),
            "never_ask": lambda gym, seed: Says("never_ask", look, wrong),
            "random": lambda gym, seed: RandomPolicy(contents, seed),
        }


def broken(gym: type[Gym]) -> dict[str, str]:
    """The promises that the gym breaks, with what is said of each."""
    return {finding.promise: finding.detail for finding in prove(gym) if not finding.ok}


def with_data(task: Task, **data: Any) -> Task:
    return Task(task.id, task.gym, {**task.data, **data}, task.split)


class OpensInBytes(Guess):
    def begin(self, task: Task) -> str:
        super().begin(task)
        return b"no text"  # type: ignore[return-value]


class RefusesItsOwnTask(Guess):
    @classmethod
    def check_task(cls, task: Task) -> None:
        if task.data["word"] == "violin":
            raise ValueError("word: a violin cannot be guessed")


class HoldsATuple(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(with_data(task, extra=(1, 2)) for task in super().task_set(split))


class CallsAllTasksTraining(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(Task(task.id, task.gym, task.data) for task in super().task_set(split))


class SharesAWord(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        tasks = super().task_set(split).tasks
        return TaskSet.of((*tasks[:-1], with_data(tasks[-1], word="anchor")) if split == Split.TEST else tasks)


class SharesAnId(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        tasks = super().task_set(split)
        return TaskSet.of(Task(f"guess-{i}", task.gym, task.data, task.split) for i, task in enumerate(tasks, start=300))


class NamesNoComponent(Guess):
    @classmethod
    def components(cls, task: Task) -> frozenset[str]:
        return frozenset()


class HasNoNeverAsk(Guess):
    @classmethod
    def scripted_policies(cls) -> Mapping[str, Callable[[Gym, int], Policy]]:
        return {name: make for name, make in super().scripted_policies().items() if name != "never_ask"}


class TakesNoViolin(Guess):
    def on_answer(self, content: str) -> Outcome:
        return Outcome("Wrong.") if content == "violin" else super().on_answer(content)


class EndsTooSoon(Guess):
    """An answer counts only after the horizon."""

    horizon_default = 2

    def on_answer(self, content: str) -> Outcome:
        return super().on_answer(content) if self._turn > self.horizon else Outcome("Too soon.")


class TakesAnything(Guess):
    def on_answer(self, content: str) -> Outcome:
        return Outcome("Right.", 1.0, True, True)


class PaysTwice(Guess):
    def on_answer(self, content: str) -> Outcome:
        outcome = super().on_answer(content)
        return outcome._replace(reward=2 * outcome.reward)


class FinesWrongAnswers(Guess):
    """By so much that an episode can cost more than a task is worth."""

    def on_answer(self, content: str) -> Outcome:
        outcome = super().on_answer(content)
        return outcome._replace(reward=outcome.reward or -1.1)


class PaysForTheWordAmongOthers(Guess):
    def on_answer(self, content: str) -> Outcome:
        return super().on_answer(self._data["word"] if self._data["word"] in content else content)


class PaysForFinishing(Guess):
    def on_finish(self, content: str) -> Outcome:
        return Outcome("The end.", 0.2, done=True)


class BreaksOnLongText(Guess):
    def on_search(self, content: str) -> Outcome:
        if len(content) > 100_000:
            raise MemoryError("too long for me")
        return super().on_search(content)


class OpensWithTheWord(Guess):
    def begin(self, task: Task) -> str:
        return f"{super().begin(task)} (Not '{task.data['word'].upper()}'!)"


class InstructsWithTheColour(Guess):
    def instructions(self) -> str:
        return f"{super().instructions()} Hint: {self.task.data['colour'] if self.task else ''}"


class HasTheWordInTheInfoOfReset(Guess):
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        opening, info = super().reset(seed=seed, options=options)
        return opening, {**info, "state": {"target": self._data["word"]}}


class HasTheShelfInTheInfoOfStep(Guess):
    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        *rest, info = super().step(action)
        return *rest, {**info, "shelf": self._data["shelf"]}  # type: ignore[return-value]


class CountsTurnsByTheShelf(Guess):
    """A field of the protocol is no hiding place for a value of another kind."""

    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        *rest, info = super().step(action)
        return *rest, {**info, "stop": f"shelf {self._data['shelf']}"}  # type: ignore[return-value]


class CallsTasksByTheirWord(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of(Task(f"guess-{t.data['word']}", t.gym, t.data, t.split) for t in super().task_set(split))


class RevealsAtTheEnd(Guess):
    def on_finish(self, content: str) -> Outcome:
        return Outcome(f"It was the {self._data['word']}.", done=True)


class RepeatsTheRecordWhenUnreadable(Guess):
    def on_none(self, content: str) -> Outcome:
        return Outcome(f"Cannot read this. State: {dict(self._data)}")


class TellsIdlersTheColour(Guess):
    def on_action(self, content: str) -> Outcome:
        return Outcome(f"It is {self._data['colour']}.")


class HidesNothing(Guess):
    @classmethod
    def hidden(cls, task: Task) -> tuple[Hidden, ...]:
        return ()


class TellsTheWordWhenAsked(Guess):
    def on_action(self, content: str) -> Outcome:
        outcome = super().on_action(content)
        return outcome._replace(reply=f"The {self._data['word']}?") if content == "colour" else outcome


class HasTheColourOnTheShelf(Guess):
    def on_search(self, content: str) -> Outcome:
        outcome = super().on_search(content)
        return outcome._replace(reply=f"{outcome.reply} Note: {self._data['colour']}.") if content == "shelf" else outcome


class MeasuresWhatAllDo(Guess):
    @classmethod
    def measures(cls):
        return (Measure("turns", Direction.MIN, "turns of its own"),)


class MeasuresNothingToRead(Guess):
    @classmethod
    def measures(cls):
        return (Measure("guesses", Direction.MIN, "guesses in vain"),)


class DrawsFromGlobalChance(Guess):
    def on_action(self, content: str) -> Outcome:
        outcome = super().on_action(content)
        return outcome._replace(reply=f"{outcome.reply} {random.random()}")


class RemembersEpisodes(Guess):
    _played = 0

    def begin(self, task: Task) -> str:
        self._played += 1
        return f"{super().begin(task)} This is game {self._played}."


class SharesItsTask(Guess):
    """The user is one for all gyms, so whoever is reset last changes the other's answers."""

    shared: ClassVar[dict[str, Any]] = {}

    def begin(self, task: Task) -> str:
        opening = super().begin(task)
        SharesItsTask.shared.update(task.data)
        return opening

    def on_search(self, content: str) -> Outcome:
        self._data = SharesItsTask.shared
        return super().on_search(content)


class SeedsInItsConstructor(Guess):
    def __init__(self, **settings: Any) -> None:
        random.seed(42)
        super().__init__(**settings)


class SeedsNumpyAtReset(Guess):
    def begin(self, task: Task) -> str:
        np.random.seed(42)
        return super().begin(task)


class NotesAHash(Guess):
    """Of a text, which is another one in every process."""

    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        return TaskSet.of([replace(task, data={**task.data, "note": hash(task.id)}) for task in super().task_set(split)])


class SeedsForItsTasks(Guess):
    @classmethod
    def task_set(cls, split: Split | str, size: int | None = None, levels: tuple[int, ...] | None = None) -> TaskSet:
        random.seed(0)
        return super().task_set(split)


UNASKED, REPLIES = "nothing hidden shows unasked", "replies tell what was asked"
ADVERSARIES = "no adversary earns more than 0.1 or solves more than 5%"
OWN = "its own measures have figures"

BROKEN: list[tuple[type[Gym], set[str], str]] = [
    (RefusesItsOwnTask, {"tasks are faithful data"}, "refuses guess-test-21: word: a violin"),
    (HoldsATuple, {"tasks are faithful data"}, "guess-train-0 is another task"),
    (CallsAllTasksTraining, {"tasks are faithful data"}, "guess-valid-6 of the split valid says"),
    (NotesAHash, {"tasks stay the same"}, "is another task in another process"),
    (SharesAWord, {"splits share no component"}, "guess-test-21 of test and guess-train-0 of train share 'anchor'"),
    (SharesAnId, {"splits share no component"}, "share 'id guess-300'"),
    (NamesNoComponent, {"splits share no component"}, "components() names none for guess-train-0"),
    (TakesNoViolin, {"the oracle solves test"}, "11 of 12 solved within 4 turns; not guess-test-21"),
    (EndsTooSoon, {f"the oracle solves {split}" for split in Split}, "0 of 6 solved within 2 turns"),
    (TakesAnything, {"chance scores at most 0.1", ADVERSARIES}, "'echo' earns 1.000 and solves 100.0%"),
    (PaysForTheWordAmongOthers, {ADVERSARIES}, "'echo' earns"),
    (PaysForFinishing, {ADVERSARIES}, "'finish at once' earns 0.200 and solves 0.0%"),
    (BreaksOnLongText, {ADVERSARIES}, "MemoryError: too long for me"),
    (PaysTwice, {"an episode earns from -1 to 1", "chance scores at most 0.1"}, "oracle earns [2.0]"),
    (FinesWrongAnswers, {"an episode earns from -1 to 1"}, "ask_all earns [0.0, 0.0, -1.1"),
    (OpensWithTheWord, {UNASKED}, "shows 'anchor' in the opening"),
    (InstructsWithTheColour, {UNASKED}, " in the instructions: Guess the word."),
    (HasTheWordInTheInfoOfReset, {UNASKED}, "shows 'anchor' in the info of reset"),
    (HasTheShelfInTheInfoOfStep, {UNASKED, REPLIES}, "shows '100' in the info of [action]"),
    (CountsTurnsByTheShelf, {UNASKED, REPLIES}, "shows '100' in the info of [action]"),
    (CallsTasksByTheirWord, {UNASKED}, "shows 'anchor' in the task's id"),
    (RevealsAtTheEnd, {UNASKED, REPLIES}, "shows 'anchor' in the reply to [finish]"),
    (RepeatsTheRecordWhenUnreadable, {UNASKED}, "in the reply to [none]"),
    (TellsIdlersTheColour, {UNASKED}, "shows 'colour0' in the reply to [action]"),
    (HidesNothing, {UNASKED}, "hidden() names nothing for guess-train-0"),
    (TellsTheWordWhenAsked, {REPLIES}, "shows 'kettle' in the reply of turn 1 to [action]"),
    (HasTheColourOnTheShelf, {REPLIES}, "in the reply of turn 1 to [search]"),
    (MeasuresWhatAllDo, {OWN}, "every gym has one of that name"),
    (MeasuresNothingToRead, {OWN}, "give the gym an attribute guesses"),
    (
        DrawsFromGlobalChance,
        {"gymnasium's checker passes", "one seed is one episode", "gyms keep to themselves", "global chance is left alone"},
        "with the same seed",
    ),
    (RemembersEpisodes, {"one seed is one episode"}, "meets another episode of guess-test"),
    (SharesItsTask, {"gyms keep to themselves"}, "goes otherwise beside"),
    (SeedsInItsConstructor, {"global chance is left alone"}, "the constructor changes"),
    (SeedsNumpyAtReset, {"global chance is left alone"}, "reset() with a task changes"),
    (SeedsForItsTasks, {"global chance is left alone"}, "task_set() changes"),
]


def test_a_sound_gym_keeps_every_promise() -> None:
    """Its instructions and its catalogue name hidden words, to every task alike: that tells nothing."""
    findings = prove(Guess)
    assert [finding.promise for finding in findings] == list(PROOFS)
    assert broken(Guess) == {}


@pytest.mark.parametrize(("gym", "promises", "detail"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_promise_is_found_and_named(gym: type[Gym], promises: set[str], detail: str) -> None:
    """Each breaks the promises named and no other; the detail says where."""
    found = broken(gym)
    assert set(found) == promises
    assert any(detail in text for text in found.values()), found


def test_a_test_split_of_few_clusters_is_a_warning_and_breaks_no_promise() -> None:
    """The twelve test tasks share nothing."""
    (finding,) = cautions(Guess)
    assert (finding.promise, finding.ok, finding.warning) == ("the test split has at least 40 clusters", False, True)
    assert finding.detail.startswith("only 12 tasks in 12 clusters")
    assert not any(each.warning for each in prove(Guess))


@pytest.mark.parametrize("name", gym_names())
def test_every_gym_has_at_least_40_clusters_in_its_test_split(name: str) -> None:
    """And as many as the table of docs/gyms.md says."""
    (finding,) = cautions(gym_class(name))
    assert finding.ok, finding.detail
    page = (Path(__file__).parents[2] / "docs" / "gyms.md").read_text(encoding="utf-8")
    (count,) = re.findall(rf"^\| `{name}` \|.*\|.*\|.*\| (\d+) \|$", page, re.MULTILINE)
    assert finding.detail.endswith(f" in {count} clusters")


def test_every_proof_can_fail() -> None:
    shown = {promise for _, promises, _ in BROKEN for promise in promises}
    assert shown | {"gymnasium's checker passes", "bounding policies exist"} == set(PROOFS)


def test_a_gym_that_breaks_down_fails_and_the_other_proofs_go_on() -> None:
    found = broken(OpensInBytes)
    assert "gymnasium's checker passes" in found
    assert "AttributeError" in found[UNASKED]
    assert "the oracle solves test" not in found


def test_a_missing_policy_is_named_by_each_proof_that_needs_it() -> None:
    found = broken(HasNoNeverAsk)
    assert set(found) == {"bounding policies exist", "an episode earns from -1 to 1", REPLIES}
    assert all("'never_ask'" in detail or "no never_ask" in detail for detail in found.values())


def test_the_proofs_leave_global_chance_as_it_was() -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    prove(Guess)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize(
    ("shown", "text", "found"),
    [
        ("It was a domestic  CAT.", "Domestic cat", True),
        ("It was concatenated.", "cat", False),
        ("{'entity_title': 'Cat'}", "cat", True),
        ("the_cat_id", "cat", True),
        ("rule(1, 3, 2) = 12", "3", True),
        ("rule(1, 3, 2) = 12", "2 12", True),
        ("rule(1, 3, 2) = 12", "1", True),
        ("The value is -16.", "-16", True),
        ("The value is -16.", "16", False),
        ("The value is 16.5.", "16", False),
        ("The value is 16.", "16", True),
        ("The value is 7/3", "7", False),
        ("5-3 is 2", "3", True),
        ("v12", "12", False),
        ("anything", "?", False),
        ("Straße", "STRASSE", True),
    ],
)
def test_texts_are_found_as_whole_words(shown: str, text: str, found: bool) -> None:
    assert holds(shown, text) is found


def test_an_info_is_read_but_for_what_the_protocol_puts_there() -> None:
    assert info_text({"task_id": "cat-1", "turn": 3, "success": False, "involves_user": True, "stop": None}) == ""
    assert "cat" in info_text({"turn": "cat"})
    assert "3" in info_text({"turn": 1, "answer": 3})


@pytest.mark.parametrize("name", gym_names())
def test_each_hidden_text_of_a_gym_would_be_found_if_it_were_shown(name: str) -> None:
    """The declarations are more than decoration: told in the opening, every one of them is a leak."""
    cls = gym_class(name)

    class Leaky(cls):  # type: ignore[misc, valid-type]
        def begin(self, task: Task) -> str:
            return f"{super().begin(task)} {' ! '.join(secret.text for secret in self.hidden(task))}"

    tasks = cls.task_set("test").tasks[:20]
    leaks = {(leak.task_id, leak.text) for leak in unasked_leaks(Leaky(), [show(Leaky(), task) for task in tasks])}
    assert leaks == {(task.id, secret.text) for task in tasks for secret in cls.hidden(task)}
    assert {task for task, _ in leaks} == {task.id for task in tasks}
