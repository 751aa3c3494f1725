"""What each of the gyms that come with bao promises, said once for all; what is one gym's own stands in that gym's tests."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bao.action import Action, ActionKind
from bao.checks import PROOFS
from bao.checks.gym import Subject
from bao.errors import ConfigError, DataError
from bao.gyms.registry import gym_class, gym_names
from bao.rollout.episode import play
from bao.rollout.recorded import record
from bao.task import Split, Task
from bao.trajectory import StopReason
from tests.support.gyms import every_task, started, whole

ACTION, ANSWER, SEARCH = ActionKind.ACTION, ActionKind.ANSWER, ActionKind.SEARCH
TAUGHT = frozenset({"random", "teacher"})
EVERYDAY = {"everyday": {ACTION, ANSWER}, "paper": {ANSWER}}


@dataclass(frozen=True)
class Row:
    """In what the gyms differ."""

    sizes: Sequence[int]
    """Training, validation and test tasks."""
    levels: Sequence[int]
    oracle_turns: Callable[[Task], int] | None
    """How many turns the oracle takes, each of which involves the user; None: as many as its calls."""
    chance_most: float
    """The score of the random policy at most."""
    conventions: dict[str, set[ActionKind]]
    """The kinds that involve the user; the first convention is the default."""
    bad_sizes: Sequence[tuple[tuple[Any, ...], str]] = ()
    """Arguments of `task_set`, with what is said of them."""
    knowing: frozenset[str] = frozenset({"oracle"})
    """The scripted policies that look into the task."""
    drawing: frozenset[str] = frozenset({"random"})
    """The scripted policies that draw, so that they differ with their seed."""
    horizon: int = 16
    earns: Callable[[Task, list[tuple[str, float]], bool, bool], bool] = lambda task, rewards, ended, success: True
    """Whether the rewards so far, each with its kind of action, are such as this gym gives."""


def no_partial_pay(task: Task, rewards: list[tuple[str, float]], ended: bool, success: bool) -> bool:
    return rewards[-1][1] in (0.0, 1.0) and success == (rewards[-1][1] == 1)


def a_share_for_each_booking(task: Task, rewards: list[tuple[str, float]], ended: bool, success: bool) -> bool:
    paid = [(kind, reward) for kind, reward in rewards if reward]
    return all(kind == ANSWER and reward <= 1 / task.level for kind, reward in paid) and success == (len(paid) == task.level)


def all_or_it_goes_on(task: Task, rewards: list[tuple[str, float]], ended: bool, success: bool) -> bool:
    return success == ended == (abs(sum(reward for _, reward in rewards) - 1) < 1e-9)


ROWS = {
    "function": Row(
        (600, 80, 200),
        (1, 2, 3, 4),
        lambda task: 1,
        0.2,
        {"paper": {ANSWER}},
        [(("valid", 400, (1,)), "more than the")],
        drawing=TAUGHT,
        earns=no_partial_pay,
    ),
    "intention": Row(
        (600, 100, 200),
        (2, 3, 4, 5),
        lambda task: task.level,
        0.3,
        {"everyday": {ACTION}},
        [(("test", 100_000), "size=100000 is more than the"), (("test", -1), "size=-1 must not be negative")],
    ),
    "persuade": Row(
        (208, 36, 86),
        (2, 3),
        lambda task: 3,
        0.3,
        EVERYDAY,
        [(("test", 999), "size=999 is more than the 86 test tasks of persuade")],
        frozenset({"oracle", "debater", "ask_then_debate"}),
        TAUGHT,
        earns=all_or_it_goes_on,
    ),
    "search": Row(
        (630, 90, 360),
        (1, 2, 3),
        lambda task: 1,
        0.05,
        EVERYDAY,
        [
            (("test", -1), "size=-1 must not be negative"),
            (("valid", 9_000, (1,)), r"size=9000 is more than the \d+ valid tasks of the levels \(1,\)"),
        ],
        drawing=TAUGHT,
        earns=no_partial_pay,
    ),
    "tau": Row(
        (600, 100, 240),
        (1, 2, 3),
        None,
        0.05,
        {"everyday": {ACTION}, "paper": {ANSWER}},
        drawing=TAUGHT,
        horizon=30,
        earns=no_partial_pay,
    ),
    "telepathy": Row(
        (686, 126, 351),
        (1, 2),
        lambda task: 1,
        0.05,
        EVERYDAY,
        [(("valid", 100_000), "size=100000 is more than the"), (("valid", -1), "size=-1 must not be negative")],
        drawing=TAUGHT | {"never_ask"},
        earns=no_partial_pay,
    ),
    "travel": Row((1000, 200, 200), (2, 3, 4, 5), lambda task: task.level, 0.3, EVERYDAY, earns=a_share_for_each_booking),
    "turtle": Row(
        (62, 12, 47),
        (2, 3),
        lambda task: 1,
        0.05,
        EVERYDAY,
        [(("test", 1000), "size=1000 is more than the 47 test tasks of turtle")],
        drawing=TAUGHT,
    ),
}
GYMS = {name: gym_class(name) for name in ROWS}
every_gym = pytest.mark.parametrize("name", ROWS)


@cache
def subject(name: str) -> Subject:
    return Subject(GYMS[name])


def test_no_gym_is_left_out() -> None:
    assert gym_names() == list(ROWS)


@pytest.mark.parametrize("promise", PROOFS)
@every_gym
def test_every_proof_holds(name: str, promise: str) -> None:
    """What `bao check gym` proves: faithful tasks, disjoint splits, bounds, nothing hidden that shows, determinism."""
    ok, detail = PROOFS[promise](subject(name))
    assert ok, detail


# The tasks.


@every_gym
def test_the_tasks_are_as_many_as_promised_and_always_the_same(name: str) -> None:
    gym = GYMS[name]
    assert [len(whole(gym, split)) for split in Split] == list(ROWS[name].sizes)
    assert [len(gym.task_set(Split.TEST, size)) for size in (0, 1, 7)] == [0, 1, 7]
    assert gym.task_set("test", 20).tasks == whole(gym)[:20].tasks
    assert gym.task_set("test", 18)[11].data != gym.task_set("train", 18)[11].data
    assert len({task.id for task in every_task(gym)}) == sum(ROWS[name].sizes)
    assert len({json.dumps([task.level, task.data]) for task in every_task(gym)}) == sum(ROWS[name].sizes)


@every_gym
def test_levels_are_honoured(name: str) -> None:
    gym, levels = GYMS[name], tuple(ROWS[name].levels)
    assert {task.level for task in every_task(gym)} == set(levels)
    for some in (*((level,) for level in levels), levels[-2:]):
        found = [task.level for task in gym.task_set(Split.TRAIN, 4, some)]
        assert set(found) == set(some)
        assert name in ("persuade", "travel", "turtle") or found == list(some) * (4 // len(some))
    with pytest.raises(ConfigError, match=rf"levels=\({levels[0]}, 9\) must be some of \({', '.join(map(str, levels))}\)"):
        gym.task_set(Split.TEST, 2, (levels[0], 9))


@pytest.mark.parametrize(
    ("name", "asked", "message"), [(name, asked, message) for name, row in ROWS.items() for asked, message in row.bad_sizes]
)
def test_more_tasks_than_there_are_cannot_be_had(name: str, asked: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GYMS[name].task_set(*asked)


@every_gym
def test_own_task_files_are_read_back(name: str, tmp_path: Path) -> None:
    tasks = whole(GYMS[name], Split.VALID)
    tasks.write(tmp_path / "tasks.jsonl")
    assert GYMS[name].read_tasks(tmp_path / "tasks.jsonl").tasks == tasks.tasks


@every_gym
def test_unknown_and_missing_files_are_data_errors(name: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.csv").write_text("a")
    for file in ("tasks.csv", "none.parquet", "none.jsonl"):
        with pytest.raises(DataError, match=file):
            GYMS[name].read_tasks(tmp_path / file)


# What the agent is told, and who is involved.


@every_gym
def test_the_instructions_name_the_turns_and_what_is_on_offer(name: str) -> None:
    gym = GYMS[name]
    text = gym(horizon=9).instructions()
    assert " 9 turns" in text
    assert {kind for kind in ActionKind if f"[{kind}]" in text} == gym.kinds
    assert gym().horizon == ROWS[name].horizon


@every_gym
def test_the_convention_decides_what_involves_the_user(name: str) -> None:
    row, gym = ROWS[name], GYMS[name]
    assert next(iter(gym.conventions)) == next(iter(row.conventions))
    assert gym.conventions == row.conventions
    for convention, kinds in row.conventions.items():
        for kind in (*gym.kinds, ActionKind.NONE):
            info = started(gym, whole(gym)[0], convention=convention).step(Action(kind, "x"))[-1]
            assert info["involves_user"] == (kind in kinds)


@every_gym
def test_only_what_is_on_offer_can_be_done_or_set(name: str) -> None:
    gym = GYMS[name]
    for kind in {*ActionKind} - gym.kinds - {ActionKind.NONE}:
        with pytest.raises(ValueError, match=f"{name} offers no action kind '{kind}'"):
            started(gym, whole(gym)[0]).step(Action(str(kind), "x"))
    for setting in ("user", "convention"):
        with pytest.raises(ConfigError, match=f"{setting}='human' is unknown to {name}"):
            gym(**{setting: "human"})


@every_gym
def test_finishing_ends_the_episode_and_the_horizon_truncates_it_with_nothing(name: str) -> None:
    gym = GYMS[name]
    reply, reward, terminated, truncated, info = started(gym, whole(gym)[0]).step(Action("finish"))
    assert reply.startswith("The episode is over.")
    assert (reward, terminated, truncated, info["success"], info["stop"]) == (0, True, False, False, StopReason.FINISH)
    late = started(gym, whole(gym)[0], horizon=2)
    assert late.step(Action(ActionKind.NONE, "empty"))[1:4] == (0, False, False)
    _, reward, terminated, truncated, info = late.step(Action(ActionKind.NONE, "empty"))
    assert (reward, terminated, truncated, info["success"], info["stop"]) == (0, False, True, False, StopReason.MAX_TURNS)


@every_gym
def test_info_holds_nothing_of_the_task(name: str) -> None:
    gym, task = GYMS[name], whole(GYMS[name])[0]
    made = gym(horizon=100)
    assert made.reset(seed=0, options={"task": task})[1] == {"task_id": task.id, "turn": 0}
    kinds = [*(sorted(gym.kinds - {ActionKind.FINISH}) * 20), ActionKind.NONE]
    for turn, kind in enumerate(kinds, start=1):
        *_, info = made.step(Action(kind, "x"))
        assert info == {"turn": turn, "involves_user": kind in made.user_kinds, "success": False, "stop": None}


# Chance.


@every_gym
def test_no_scripted_policy_touches_the_global_generators(name: str) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist()
    gym = GYMS[name]()
    for make in GYMS[name].scripted_policies().values():
        play(gym, make(gym, 0), whole(GYMS[name], Split.VALID)[2], 0)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@every_gym
def test_gyms_play_in_threads_as_they_do_alone(name: str) -> None:
    gym, tasks = GYMS[name], whole(GYMS[name])[:6]

    def played(place: int) -> Any:
        made = gym()
        return record(made, gym.scripted_policies()["ask_all"](made, place), tasks[place], place)

    alone = [played(place) for place in range(6)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(played, [*range(6)] * 4)) == alone * 4


# Rewards.

ODD = [
    "",
    " \n\t",
    "?!",
    "\ud800\x00",
    "{}",
    '{"response": true}',
    "[1, 2",
    "¿Qué quieres?",
    "你好吗",
    "какой заказ?",
    "[action]",
]
ODD += ["A1, B2, C3", "H4 H5", "123", "?" * 400, "x " * 240, "x" * 1_000_000, "or " * 50_000, "1," * 50_000, "[" * 9_000, "🦊"]
LONG = "That is too long"
SAID_OF_ODD = {
    ("function", ACTION): "A probe is four integers",
    ("function", ANSWER): "An answer is one number|Wrong: the rule's value",
    ("function", SEARCH): "The only thing to look up",
    ("intention", ACTION): f"sk (me )?about one concrete thing|{LONG}",
    ("persuade", ACTION): f"Ask me why|{LONG}. Ask me",
    ("persuade", ANSWER): "whole English sentences|words at most",
    ("search", ACTION): "I have nothing to add",
    ("search", ANSWER): "Give exactly one short answer|Wrong. You may go on",
    ("search", SEARCH): "Nothing was found|^1. ",
    ("tau", ACTION): "I am not sure what you need to know",
    ("tau", ANSWER): 'Write one tool call in JSON, such as {"name": "get_order_details"',
    ("tau", SEARCH): "There are three things to look up",
    ("telepathy", ACTION): "Please ask one (question|thing)|I cannot say",
    ("telepathy", ANSWER): "Submit (the name of one thing|one name)|No, that is not it",
    ("travel", ACTION): "That is too vague. Ask about one thing",
    ("travel", ANSWER): "Recommend exactly one option by its id",
    ("travel", SEARCH): "Unknown search. Search history, or one of",
    ("turtle", ACTION): "can be answered with yes or no|I cannot say|Ask a short question",
    ("turtle", ANSWER): "Tell the hidden story|whole sentences|at most 100 words",
}


@pytest.mark.parametrize(("name", "kind"), SAID_OF_ODD)
def test_odd_content_earns_nothing_and_is_told_what_is_expected(name: str, kind: ActionKind) -> None:
    said = re.compile(SAID_OF_ODD[name, kind])
    for content in ODD:
        reply, reward, terminated, *_ = started(GYMS[name], whole(GYMS[name])[0]).step(Action(kind, content))
        assert (reward, terminated) == (0, False), content[:40]
        assert said.search(reply), (content[:40], reply)


def test_odd_content_of_every_kind_is_tried() -> None:
    assert set(SAID_OF_ODD) == {(name, kind) for name, gym in GYMS.items() for kind in gym.kinds - {ActionKind.FINISH}}


@cache
def contents(name: str, place: int) -> st.SearchStrategy[str]:
    """What a greedy, sloppy or hostile agent might write: what the scripted policies do, what is hidden, and any text."""
    gym, task = GYMS[name](), whole(GYMS[name])[place]
    texts = {secret.text for secret in gym.hidden(task)}
    for policy in ("oracle", "ask_all", "random"):
        texts |= {turn.action.content for turn in play(gym, gym.scripted_policies()[policy](gym, 0), task, 0).turns}
    told = st.sampled_from(sorted(texts))
    return st.one_of(told, told, st.lists(told, max_size=4).map(" ".join), st.text(), st.sampled_from(ODD[:-5]))


@every_gym
@settings(max_examples=60)
@given(data=st.data())
def test_no_sequence_of_actions_earns_less_than_0_or_more_than_1(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, 11))
    task = whole(GYMS[name])[place]
    gym = started(GYMS[name], task, user=data.draw(st.sampled_from(sorted({*GYMS[name].user_backends} - {"llm"}))))
    kinds = st.sampled_from([*sorted(gym.kinds - {ActionKind.FINISH}), sorted(gym.kinds)[1], ActionKind.NONE])
    rewards: list[tuple[str, float]] = []
    for kind, content in data.draw(st.lists(st.tuples(kinds, contents(name, place)), min_size=1, max_size=16)):
        reply, reward, terminated, truncated, info = gym.step(Action(kind, content))
        assert isinstance(reply, str)
        assert reply
        rewards.append((kind, reward))
        assert reward >= 0
        assert sum(earned for _, earned in rewards) <= 1 + 1e-9
        assert ROWS[name].earns(task, rewards, terminated, info["success"])
        if terminated or truncated:
            break


# Scripted policies.


@pytest.mark.parametrize("split", list(Split))
@every_gym
def test_the_oracle_earns_all_and_wastes_no_turn(name: str, split: Split) -> None:
    turns = ROWS[name].oracle_turns
    for task, episode in zip(whole(GYMS[name], split), subject(name).episodes("oracle", split), strict=True):
        assert (episode.task_return, episode.steps[-1].info["stop"]) == (pytest.approx(1), StopReason.SUCCESS)
        if turns is not None:
            assert [step.info["involves_user"] for step in episode.steps] == [True] * turns(task)


@every_gym
def test_chance_earns_little(name: str) -> None:
    played = subject(name).episodes("random", Split.TEST)
    assert sum(episode.task_return for episode in played) / len(played) <= ROWS[name].chance_most


@every_gym
def test_policies_repeat_with_their_seed(name: str) -> None:
    gym, task = GYMS[name](), whole(GYMS[name])[0]
    for policy, make in GYMS[name].scripted_policies().items():
        first, again, *others = [play(gym, make(gym, seed), task, 0).turns for seed in (4, 4, 5, 6)]
        assert first == again, policy
        if policy in ROWS[name].drawing:
            assert set(others) != {first}, policy


@every_gym
def test_policies_other_than_those_that_know_the_task_go_by_observations_alone(name: str) -> None:
    for policy, make in GYMS[name].scripted_policies().items():
        if policy not in ROWS[name].knowing:
            gym, other = GYMS[name](), GYMS[name]()
            for seed, task in enumerate(whole(GYMS[name])[:5]):
                assert play(gym, make(other, seed), task, 0).turns == play(gym, make(gym, seed), task, 0).turns, policy
            assert other.task is None


EPISODES = """
from bao.gyms.registry import gym_class, gym_names
from bao.rollout.recorded import record
for name in gym_names():
    cls = gym_class(name)
    print(cls.task_set("valid", 12).tasks)
    for policy in ("ask_all", "random"):
        for seed, task in enumerate(cls.task_set("test").tasks[:12]):
            gym = cls()
            print(record(gym, cls.scripted_policies()[policy](gym, seed), task, seed))
"""


def test_episodes_do_not_depend_on_how_a_process_hashes_texts() -> None:
    """An order that came from a set would differ between processes."""
    played = [
        subprocess.run(
            [sys.executable, "-c", EPISODES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert played[0].count("\n") >= 8 * (1 + 2 * 12)
    assert played[0] == played[1]
