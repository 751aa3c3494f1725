"""The intention gym: what is hidden stays hidden until it is asked about, and asking earns what UserRL pays, normalised."""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bao.action import Action, ActionKind
from bao.errors import ConfigError
from bao.gyms.intention import Intention
from bao.gyms.intention.agents import learned_questions
from bao.gyms.intention.detail import Detail, best_points, points
from bao.gyms.intention.frames import all_frames
from bao.gyms.intention.gym import MOST_CHARACTERS, raw_return
from bao.gyms.intention.reader import Reader
from bao.gyms.intention.tasks import load
from bao.gyms.intention.user import Asked, ScriptedUser
from bao.measures.clusters import connected
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.task import Split, Task
from tests.support.gyms import effort as effort_of
from tests.support.gyms import episodes, every_task, started, userrl, whole
from tests.support.gyms import score as score_of
from tests.support.made_up_tasks import CAKE, CAKE_POINTS, COLOUR, FLAVOUR, GUESTS, detail, vague_task

ALL_TASKS = every_task(Intention)
_BY_USE = """budget date purpose audience size place number of people style experience deadline format length colour material
food equipment language data tools topic platform kind level duration tone travel time health diet room file output source
rules ending method frequency age name title music price brand goal channel version device risk season"""
KEYWORDS_BY_USE = _BY_USE.split()
"""Words that details turn on, the more useful first; chosen with the frames in view."""


def begun(task: Task = CAKE, seed: int = 0, **settings: Any) -> Intention:
    gym: Intention = started(Intention, task, seed, **settings)
    return gym


def ask(gym: Intention, question: str) -> tuple[str, float, bool]:
    reply, reward, terminated, _, _ = gym.step(Action("action", question))
    return reply, reward, terminated


def told(reply: str, task: Task = CAKE) -> set[str]:
    """The details of a task of which an option occurs in a reply."""
    request = load(task)
    every = [*request.missing, *(other for other, _ in request.others)]
    return {each.description for each in every if any(option in reply for option in each.options)}


# gymnasium's contract.


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="volunteer_after=0 must be at least 1 question, or None"):
        Intention(volunteer_after=0)


def test_the_instructions_tell_the_rules() -> None:
    assert f"at most {MOST_CHARACTERS} characters" in Intention().instructions()


# The frames and the tasks made of them.


def test_every_frame_is_whole() -> None:
    frames = all_frames()
    assert len(frames) == 100
    assert {split: sum(frame.split is split for frame in frames) for split in Split} == {
        Split.TRAIN: 40,
        Split.VALID: 10,
        Split.TEST: 50,
    }
    for frame in frames:
        assert 5 <= len(frame.details) <= 9
        for each in frame.details:
            assert each.importance in (1, 2, 3)
            assert len(set(each.options)) == len(each.options) >= 3
            assert not any(option != option.strip() or not option for option in each.options)
    assert len({frame.name for frame in frames}) == len({frame.task for frame in frames}) == 100


def test_no_frame_or_part_of_one_occurs_in_two_splits() -> None:
    parts = {
        split: {part for frame in all_frames() if frame.split is split for part in (frame.name, frame.task)}
        | {
            part
            for frame in all_frames()
            if frame.split is split
            for each in frame.details
            for part in (each.description, each.inquiry, each.options)
        }
        for split in Split
    }
    for one, other in combinations(Split, 2):
        assert not parts[one] & parts[other]
    in_tasks = {
        split: {task.data["task"] for task in whole(Intention, split)}
        | {
            row["inquiry"]
            for task in whole(Intention, split)
            for row in (*task.data["missing_details"], *task.data["other_details"])
        }
        for split in Split
    }
    for one, other in combinations(Split, 2):
        assert not in_tasks[one] & in_tasks[other]
    categories = {split: {task.data["category"] for task in whole(Intention, split)} for split in Split}
    assert categories[Split.TEST] == categories[Split.TRAIN], "what is learned of a category can be of use"


def test_no_description_or_example_question_occurs_in_two_frames() -> None:
    """A description that two frames shared would make one cluster of them."""
    for field in ("description", "inquiry"):
        texts = [getattr(each, field).lower() for frame in all_frames() for each in frame.details]
        assert len(set(texts)) == len(texts)


def test_every_frame_has_the_same_share_of_the_test_tasks() -> None:
    tasks = whole(Intention)
    numbers = connected({task.id: Intention.components(task) for task in tasks})
    assert sorted(Counter(numbers.values()).values()) == [4] * 50


def test_own_tasks_are_sound_and_never_twice_the_same() -> None:
    hidings = {(t.data["task"], tuple(row["description"] for row in t.data["missing_details"])) for t in ALL_TASKS}
    assert len(hidings) == len(ALL_TASKS)
    for task in ALL_TASKS:
        assert task.level == len(load(task).missing)


def test_about_half_of_what_is_not_hidden_is_told() -> None:
    shares = [choice is not None for task in ALL_TASKS for _, choice in load(task).others]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)


def test_the_same_index_gives_the_same_task_whatever_levels_are_asked_for() -> None:
    assert Intention.task_set("test", 9, (3,))[4] == Intention.task_set("test", 40)[17]


def test_the_opening_states_the_task_and_what_is_settled() -> None:
    assert begun().reset(seed=0, options={"task": CAKE}) == (
        "Category: Baking\nTask: Bake a cake.\nSettled already:\n- oven: gassolino",
        {"task_id": "t", "turn": 0},
    )
    for seed in range(2):  # the opening cannot tell what the user has in mind
        bare = Intention().reset(seed=seed, options={"task": vague_task(FLAVOUR)})[0]
        assert bare == "Category: Baking\nTask: Bake a cake."


# The reward.


@pytest.mark.parametrize(
    ("question", "earned"),
    [
        ("Which flavour do you like?", 1.0),
        ("How many guests are coming?", 0.7),
        ("Which colour should the icing have?", 0.4),
        ("Which flavour do you like, and how many guests are coming?", 0.8),
        ("How many guests are coming? Which colour should the icing have?", 0.5),
        ("Which flavour do you like? How many guests are coming? Which colour should the icing have?", 0.0),
        ("Flavour", 0.0),
        ("Flavour? Guests?", 0.0),
        ("What would you like?", 0.0),
        ("Which oven do you own?", 0.0),
        ("Which oven do you own, and which flavour do you like?", 1.0),
    ],
)
def test_a_question_earns_by_importance_less_what_was_asked_together(question: str, earned: float) -> None:
    _, reward, _ = ask(begun(), question)
    assert reward == pytest.approx(earned / CAKE_POINTS)
    assert raw_return(reward, CAKE) == pytest.approx(earned)


def test_points_are_those_of_the_reference() -> None:
    details = [Detail(str(i), importance, "", ("x",)) for i, importance in enumerate((3, 2, 1, 1, 1, 1, 1))]
    assert [points(details, indices) for indices in ([], [0], [1], [2], [0, 1], [1, 2], [2, 3], [2, 3, 4])] == [
        0,
        10,
        7,
        4,
        8,
        5,
        2,
        0,
    ]
    assert points(details, range(7)) == 0, "never negative: 1.0 - 6 * 0.2 is"
    assert best_points(details) == 10 + 7 + 5 * 4


def first_message(message: Callable[[Task], str], levels: tuple[int, ...] = (2, 3, 4, 5)) -> tuple[float, float]:
    """Mean return and share solved on the test tasks, of an agent that says this and no more."""
    gym, played = Intention(), []
    for seed, task in enumerate(task for task in whole(Intention) if task.level in levels):
        gym.reset(seed=seed, options={"task": task})
        _, reward, _, _, info = gym.step(Action("action", message(task)))
        played.append((reward, info["success"]))
    earned, solved = np.mean(played, axis=0)
    return float(earned), float(solved)


@pytest.mark.parametrize("form", ["{}", "{}?", "What about the {}?", "Tell me of your {}.", "What do you want as to the {}?"])
@pytest.mark.parametrize("count", [6, 9, 12, 24, 48])
@pytest.mark.parametrize("link", [" ", ", ", " and the ", "? And the "])
def test_one_list_of_key_words_for_all_tasks_uncovers_next_to_nothing(form: str, count: int, link: str) -> None:
    """One such message solved .745 of the tasks, while a message about any number of things was answered."""
    earned, solved = first_message(lambda task: form.format(link.join(KEYWORDS_BY_USE[:count]))[:MOST_CHARACTERS])
    assert (earned < 0.1, solved) == (True, 0)


def test_all_example_questions_in_one_message_are_too_much_at_once() -> None:
    """They solved every task in one turn. Two may still be asked at once, for less."""
    for level in (3, 4, 5):
        earned, solved = first_message(lambda task: " ".join(detail.inquiry for detail in load(task).missing), (level,))
        assert (earned, solved) == (0, 0)


def test_a_detail_that_was_told_unasked_does_not_make_a_success() -> None:
    gym = begun(volunteer_after=1)
    while not (step := gym.step(Action("action", "Which oven do you own?")))[2]:
        pass
    assert (step[4]["success"], gym.user.left) == (False, set())


def test_a_detail_named_twice_counts_once() -> None:
    """UserRL counts the indices [0, 0, 0] three times: 0.6 instead of 1.0, and 3 of 6 details covered."""
    details = [Detail(str(i), 3, "", ("x",)) for i in range(6)]
    assert points(details, [0, 0, 0]) == points(details, [0]) == 10
    gym = begun()
    _, reward, terminated = ask(gym, "Which flavour? Which flavour? And which flavour?")
    assert (reward, terminated) == (pytest.approx(1 / CAKE_POINTS), False)
    assert gym.step(Action("finish"))[0].endswith("You know 1 of 3 missing details.")


def test_an_episode_earns_at_most_1_and_all_of_it_by_asking_one_at_a_time() -> None:
    """UserRL's return is a sum that is as large as the number of details makes it."""
    gym = begun()
    outcomes = [ask(gym, each["inquiry"]) for each in (COLOUR, FLAVOUR, GUESTS)]
    assert sum(reward for _, reward, _ in outcomes) == pytest.approx(1)
    assert [terminated for *_, terminated in outcomes] == [False, False, True]
    assert outcomes[-1][0].endswith("Now you know all that you need.")


def test_what_was_uncovered_earns_nothing_again() -> None:
    gym = begun()
    first, reward, _ = ask(gym, "Which flavour do you like?")
    again, nothing, _ = ask(gym, "Which flavour do you like?")
    assert (reward, nothing) == (pytest.approx(1 / CAKE_POINTS), 0)
    assert told(first) == told(again) == {"flavour"}
    assert again == f"Flavour: as I said, {next(option for option in FLAVOUR['options'] if option in first)}."


# The user.


class Notebook:
    """A user that writes down everything it is ever handed."""

    def __init__(self, opening: str) -> None:
        self.seen: list[object] = [opening]

    def answer(self, question: str, asked: Sequence[Asked]) -> str:
        self.seen.append(tuple(asked))
        return "noted"

    def unsure(self, question: str) -> str:
        return "what?"

    def volunteer(self, asked: Asked) -> str:
        self.seen.append(asked)
        return "by the way"


class WithNotebook(Intention):
    def make_user(self, opening: str) -> Notebook:
        self.notebook = Notebook(opening)
        return self.notebook


def test_the_user_is_handed_only_what_was_asked_about_and_never_the_list() -> None:
    """UserRL formats the whole task record into the prompt of the user simulator: a leak in 1107 of 1107 tasks."""
    gym = WithNotebook()
    gym.reset(seed=0, options={"task": CAKE})
    for question in ("Which flavour do you like?", "Hm?", "What is your budget?", "Which oven do you own?"):
        gym.step(Action("action", question))
    assert gym.notebook.seen[0] == "Category: Baking\nTask: Bake a cake.\nSettled already:\n- oven: gassolino"
    (flavour,), (oven,) = gym.notebook.seen[1:]
    assert (flavour.description, flavour.known) == ("flavour", False)
    assert oven == Asked("oven", "gassolino", True)
    assert set(Asked.__slots__) == {"description", "choice", "known"}, "no field that could carry the other options"
    shown = repr(gym.notebook.seen)
    assert "guests" not in shown
    assert "icing" not in shown
    assert sum(option in shown for each in (FLAVOUR, GUESTS, COLOUR) for option in each["options"]) == 1


def test_over_whole_episodes_the_user_never_hears_of_a_detail_before_it_is_asked_about() -> None:
    gym = WithNotebook()
    for task in whole(Intention, Split.TEST)[:60]:
        gym.reset(seed=3, options={"task": task})
        request = load(task)
        for count, each in enumerate(request.missing):
            later = request.missing[count:]
            assert not any(other.description in repr(gym.notebook.seen[1:]) for other in later)
            gym.step(Action("action", each.inquiry))
            assert gym.notebook.seen[-1][0].description == each.description


def test_a_question_about_one_detail_is_answered_by_that_one_alone() -> None:
    for seed in range(6):
        for each in (FLAVOUR, GUESTS, COLOUR):
            assert told(ask(begun(seed=seed), each["inquiry"])[0]) == {each["description"]}


def test_a_question_about_two_details_is_answered_by_both() -> None:
    assert told(ask(begun(), "What flavour and how many guests?")[0]) == {"flavour", "number of guests"}


@pytest.mark.parametrize(
    "question",
    [
        "Tell me more.",
        "Can you give me more details, please?",
        "What do you prefer?",
        "Anything else?",
        "Which cake?",
        "",
        "?!",
    ],
)
def test_a_vague_question_uncovers_nothing_and_is_told_so(question: str) -> None:
    reply, reward, _ = ask(begun(), question)
    assert "one concrete thing" in reply
    assert (reward, told(reply)) == (0, set())


def test_what_is_settled_and_what_does_not_matter_is_said_so() -> None:
    assert ask(begun(), "Which oven do you own?")[0] == "Oven: as I said, gassolino."
    assert ask(begun(), "Which tin should I take?")[0] == "Tin: I have no wish there."


def test_a_choice_is_fixed_for_the_episode_and_varies_between_them() -> None:
    found = set()
    for seed in range(20):
        gym = begun(seed=seed)
        replies = [ask(gym, "Which flavour do you like?")[0] for _ in range(3)]
        (choice,) = {next(option for option in FLAVOUR["options"] if option in reply) for reply in replies}
        found.add(choice)
    assert found == set(FLAVOUR["options"])


def test_nothing_is_volunteered_unless_it_is_asked_for() -> None:
    gym = begun()
    assert all("By the way" not in ask(gym, "Hm?")[0] for _ in range(12))


def test_after_so_many_fruitless_questions_a_detail_is_volunteered_and_earns_nothing() -> None:
    gym = begun(volunteer_after=3, horizon=20)
    outcomes = [ask(gym, "Hm?") for _ in range(9)]
    assert [bool(told(reply)) for reply, *_ in outcomes] == [False, False, True] * 3
    assert set().union(*(told(reply) for reply, *_ in outcomes)) == {"flavour", "number of guests", "colour of the icing"}
    assert not any(reward for _, reward, _ in outcomes)
    assert [terminated for *_, terminated in outcomes] == [False] * 8 + [True]


def test_a_fruitful_question_starts_the_count_anew() -> None:
    gym = begun(volunteer_after=2)
    replies = [ask(gym, question)[0] for question in ("Hm?", "Which flavour do you like?", "Hm?", "Which flavour?")]
    assert ["By the way" in reply for reply in replies] == [False, False, False, True]


def test_the_scripted_user_words_its_replies_by_its_generator() -> None:
    def replies(seed: int) -> list[str]:
        user = ScriptedUser("", np.random.default_rng(seed))
        return [user.answer("?", [Asked("date", "Monday")]) for _ in range(8)] + [user.unsure("?")]

    assert replies(3) == replies(3)
    assert len(set(replies(3))) > 2
    assert all("Monday" in reply for reply in replies(3)[:-1])


# Bad input.


def test_a_huge_question_is_not_read() -> None:
    stuffed = " ".join(each["inquiry"] for each in (FLAVOUR, GUESTS, COLOUR) for _ in range(30))
    assert len(stuffed) > MOST_CHARACTERS
    reply, reward, _ = ask(begun(), stuffed)
    assert reply == "That is too long for me. Ask one short question, of at most 500 characters."
    assert reward == 0
    assert ask(begun(), "x" * 1_000_000)[1] == 0


# Scripted policies.


def test_the_bounding_policies_keep_their_order() -> None:
    score, effort = ({name: of(Intention, name) for name in Intention.scripted_policies()} for of in (score_of, effort_of))
    assert score["never_ask"] == effort["never_ask"] == 0
    assert score["random"] > 0
    assert 0.8 < score["ask_all"] < score["ask_learned"] < 1
    assert effort["oracle"] < effort["ask_learned"] < effort["ask_all"]
    assert np.mean([episode.success for episode in episodes(Intention, "ask_learned")]) > 0.55
    assert score["random"] < 0.1


def test_learned_questions_are_few_and_short_enough() -> None:
    for category in {frame.category for frame in all_frames()} | {"unheard of"}:
        questions = learned_questions(category)
        assert len(questions) == Intention.horizon_default
        assert all(len(question) <= MOST_CHARACTERS for question in questions)


def test_the_learned_policy_does_not_ask_what_is_settled() -> None:
    gym = Intention()
    task = vague_task(FLAVOUR, others=[{**detail("budget", 2, "What is your budget?", ["ten", "twenty"]), "told": "ten"}])
    episode = play(gym, Intention.scripted_policies()["ask_learned"](gym, 0), task, 0)
    asked = [turn.action.content for turn in episode.turns if turn.action.kind == ActionKind.ACTION]
    settled = Reader("Bake a cake.", [Detail("budget", 1, "", ())])
    planned = learned_questions("Baking")
    assert asked == [question for question in planned if not settled.read(question)]
    assert len(asked) < len(planned)


# UserRL's own tasks.


def test_userrls_files_are_read_and_every_task_begins(userrl_data: Path) -> None:
    names = ("train.parquet", "test.parquet", "all_intentions_train.json", "all_intentions_test.json")
    sets = [userrl(Intention, userrl_data / "intention" / name) for name in names]
    assert [len(tasks) for tasks in sets] == [380, 40, 1012, 95]
    assert {task.split for task in sets[0]} == {Split.TRAIN}
    assert {task.split for task in sets[1]} == {Split.TEST}
    gym = Intention()
    for tasks in sets:
        for task in tasks:
            opening, _ = gym.reset(seed=1, options={"task": task})
            assert opening == f"Category: {task.data['category']}\nTask: {task.data['task']}"
    assert not {task.id for task in sets[0]} & {task.id for task in sets[1]}


def test_the_best_raw_return_is_that_of_the_reference(userrl_data: Path) -> None:
    tasks = userrl(Intention, userrl_data / "intention" / "test.parquet")
    assert np.mean([raw_return(1.0, task) for task in tasks]) == pytest.approx(2.6775)


def test_the_oracle_solves_userrls_test_tasks(userrl_data: Path) -> None:
    gym = Intention()
    played = play_all(
        gym,
        Intention.scripted_policies()["oracle"](gym, 0),
        userrl(Intention, userrl_data / "intention" / "test.parquet").tasks,
    )
    assert np.mean([episode.task_return for episode in played]) >= 0.95
    assert np.mean([episode.success for episode in played]) >= 0.95
