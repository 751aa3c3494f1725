"""What every gym's teacher promises: thinking in clauses with the decision last, no word of a price, every choice."""

import re
from collections import Counter, defaultdict
from functools import cache

import pytest

from bao.action import ActionKind
from bao.gyms.registry import gym_class, gym_names
from bao.policies.prompt import PromptForm, system_text
from bao.policies.teacher import CLAUSE
from bao.rollout.episode import play
from bao.task import Split
from bao.trajectory import Trajectory

TEACHERS = [name for name in gym_names() if "teacher" in gym_class(name).scripted_policies()]
TASKS, PLAYS = 20, 24
"""Tasks of the training split, and plays of each."""
OFTEN = 30
"""Turns in a situation from which its choices are judged."""
WORDS_MOST = 36
"""Words and marks of a turn's thinking."""

PRICE_WORDS = set(
    re.findall(
        r"\w+",
        "gain gains gained lose loses lost worth worthwhile cost costs costly pay pays paid cheap cheaper expensive price "
        "priced percent afford affordable",
    )
)
ABOUT_THE_WORLD = {"persuade": {"cost"}}
"""By gym, words of these that say something about its world: in persuade, a kind of consideration that the user names."""
_COUNT = re.compile(r"\d+ (?:asked|tried|told|said|calls|argued|probes|turns)")
_WORD = re.compile(r"[a-z]+")
_TOKEN = re.compile(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]+")

each_teacher = pytest.mark.parametrize("name", TEACHERS)


@cache
def plays(name: str, price: float | None = None, count: int = PLAYS) -> tuple[Trajectory, ...]:
    gym = gym_class(name)()
    make, system = gym.scripted_policies()["teacher"], system_text(gym, PromptForm.BRIEF, price)
    tasks = gym.task_set(Split.TRAIN, TASKS)
    pairs = [(task, seed) for task in tasks for seed in range(count)]
    return tuple(play(gym, make(gym, seed), task, seed, system=system) for task, seed in pairs)


def test_the_gyms_that_have_a_teacher_are_tried() -> None:
    assert {"function", "persuade", "search", "tau", "telepathy", "travel", "turtle"} <= set(TEACHERS)


@each_teacher
def test_the_thinking_of_every_turn_is_a_few_clauses_with_the_decision_last(name: str) -> None:
    for episode in plays(name):
        assert episode.fault is None
        for turn in episode.turns:
            clauses = turn.thinking.split(CLAUSE)
            assert len(clauses) >= 2, turn.thinking
            assert all(clause.strip() == clause != "" for clause in clauses), turn.thinking
            assert len(_TOKEN.findall(turn.thinking)) <= WORDS_MOST, turn.thinking


@each_teacher
def test_no_word_is_of_a_price(name: str) -> None:
    """Nor of whether anything pays: the choice is left to who learns from it."""
    words = PRICE_WORDS - ABOUT_THE_WORLD.get(name, set())
    for episode in (*plays(name), *plays(name, 0.3, 2)):
        for turn in episode.turns:
            assert words.isdisjoint(_WORD.findall(turn.thinking.lower())), turn.thinking


@each_teacher
def test_the_price_changes_nothing(name: str) -> None:
    free, dear, untold = (plays(name, price, 4) for price in (0.0, 0.5, None))
    assert [episode.turns for episode in free] == [episode.turns for episode in dear] == [episode.turns for episode in untold]


@each_teacher
def test_the_same_seed_gives_the_same_play_and_another_another(name: str) -> None:
    gym = gym_class(name)()
    make, task = gym.scripted_policies()["teacher"], gym.task_set(Split.TRAIN, 1).tasks[0]
    first, again = ([play(gym, make(gym, seed), task, 0).turns for seed in range(12)] for _ in range(2))
    assert first == again
    assert len(set(first)) > 2


@each_teacher
def test_every_kind_of_action_is_taken(name: str) -> None:
    taken = {turn.action.kind for episode in plays(name) for turn in episode.turns}
    assert taken == gym_class(name).kinds


@each_teacher
def test_some_plays_stop_before_the_user_is_involved_and_others_ask_much(name: str) -> None:
    efforts = [episode.user_effort for episode in plays(name)]
    assert any(each.user_effort == 0 and each.turns[-1].action.kind == ActionKind.FINISH for each in plays(name))
    assert efforts.count(0) > 0.02 * len(efforts)
    assert len(set(efforts)) >= 3


@each_teacher
def test_where_there_is_a_choice_each_is_made(name: str) -> None:
    """Half of the turns in situations met often are in such as are left in several ways; some in all ways but one."""
    choices: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for episode in plays(name):
        last = "start"
        for turn in episode.turns:
            choices[last, _situation(episode, turn.thinking)][turn.action.kind] += 1
            last = turn.action.kind
    often = [count for count in choices.values() if count.total() >= OFTEN]
    several = [count for count in often if len(count) >= 2]
    assert several
    assert sum(count.total() for count in several) > 0.5 * sum(count.total() for count in often)
    assert max(map(len, choices.values())) >= max(2, len(gym_class(name).kinds) - 1)


def _situation(episode: Trajectory, thinking: str) -> str:
    """What a decision goes by, without the words that were said in the episode and without how often something was done."""
    said = set(_WORD.findall(" ".join([episode.opening, *(turn.reply for turn in episode.turns)]).lower()))
    known = _COUNT.sub("", thinking.rpartition(CLAUSE)[0])
    return " ".join("_" if word.lower() in said else word for word in _TOKEN.findall(known))
