"""Demonstrations: only what is worth imitating is kept, slips teach nothing, the thinking shows the four behaviours."""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from bao.action import Action, ActionKind, ParseFault, parse
from bao.errors import DataError
from bao.gym import Gym
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import TEACHER, Planner
from bao.gyms.travel.catalogue import ASPECTS, LETTER_ASPECT, VALUE_ATTRIBUTE
from bao.policies.prompt import PromptForm, system_text, told_price
from bao.policies.scripted import RandomPolicy
from bao.policy import Policy
from bao.rollout.episode import play
from bao.task import Split, TaskSet
from bao.train.demonstrations import Demonstration, Rejection, demonstrations, reject
from bao.trajectory import Fault, StopReason, Trajectory, Turn

TASKS = Travel.task_set(Split.TRAIN, 60)
ERRORS = ("too vague", "There is no option", "Give a value", "Unknown search", "settled already", "No action could be read")


def teacher(gym: Gym, seed: int) -> Policy:
    return Travel.scripted_policies()["teacher"](gym, seed)


def habit(**changes: Any) -> Callable[[Gym, int], Policy]:
    """The teacher with other habits."""
    return lambda gym, seed: Planner("other", dataclasses.replace(TEACHER, **changes), gym, seed)


def shown(
    policy: Callable[[Gym, int], Policy] = teacher, count: int = 80, seed: int = 0, **settings: Any
) -> list[Demonstration]:
    return list(demonstrations(Travel(), policy, TASKS, count, np.random.default_rng(seed), **settings))


# What is kept.


def turn(kind: str, reward: float = 0.0, fault: ParseFault | None = None) -> Turn:
    return Turn("", Action(kind, "x"), "", reward, kind == "answer", fault)


GOOD = Trajectory(
    gym="travel",
    task_id="t",
    policy="p",
    seed=0,
    opening="",
    turns=(turn("search"), turn("answer", 0.5), turn("finish")),
    stop=StopReason.FINISH,
    success=False,
    horizon=16,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"fault": Fault.USER_TIMEOUT, "stop": StopReason.FAULT}, Rejection.FAULT),
        ({"turns": (turn("none", fault=ParseFault.BAD_JSON), *GOOD.turns)}, Rejection.MALFORMED),
        ({"stop": StopReason.MAX_TURNS}, Rejection.OUT_OF_TURNS),
        ({"turns": (turn("search"), turn("finish"))}, Rejection.NOTHING_EARNED),
        ({"turns": (turn("answer", 0.0), *GOOD.turns)}, Rejection.WRONG_ANSWER),
    ],
)
def test_what_is_not_worth_imitating_is_rejected_by_reason(changes: dict[str, object], reason: Rejection | None) -> None:
    episode = dataclasses.replace(GOOD, **changes)
    assert reject(episode, [False] * len(episode.turns)) is reason


def test_slips_do_not_count_against_a_trajectory() -> None:
    for slip in (turn("answer", 0.0), turn("none", fault=ParseFault.BAD_JSON)):
        episode = dataclasses.replace(GOOD, turns=(slip, *GOOD.turns))
        assert reject(episode, [True, False, False, False]) is None
        assert reject(episode, [False] * 4) is not None


def test_kept_demonstrations_earn_and_submit_nothing_wrong() -> None:
    for demonstration in shown():
        replies = [reply for _, reply, loss in demonstration.turns if loss]
        assert any("is perfect" in reply or "is fine" in reply for reply in replies)
        assert not any("is not what I wanted" in reply for reply in replies)
        assert len(demonstration.turns) <= 16


def test_the_rejected_are_counted_by_reason() -> None:
    rejected: Counter[Rejection] = Counter()
    shown(rejected=rejected)
    assert rejected[Rejection.WRONG_ANSWER] > 0
    assert rejected[Rejection.NOTHING_EARNED] > 0
    assert rejected[Rejection.MALFORMED] == rejected[Rejection.FAULT] == 0


def test_a_teacher_that_is_always_rejected_is_reported() -> None:
    with pytest.raises(ValueError, match=r"on travel are nearly all rejected: .*out_of_turns"):
        shown(lambda gym, seed: RandomPolicy({ActionKind.SEARCH: ["history"]}, seed), count=1, rejected=Counter())


def test_without_tasks_there_is_nothing_to_show() -> None:
    with pytest.raises(DataError, match="no tasks to demonstrate travel on"):
        next(demonstrations(Travel(), teacher, TaskSet.of([]), 1, np.random.default_rng(0)))


def test_as_many_are_made_as_asked_tasks_repeating_with_new_choices() -> None:
    several = TASKS[:4]
    made = list(demonstrations(Travel(), teacher, several, 60, np.random.default_rng(0)))
    assert len(made) == 60
    assert len({demonstration.opening for demonstration in made}) <= 4
    assert len({demonstration.turns for demonstration in made}) > 12


def test_the_same_generator_gives_the_same_demonstrations() -> None:
    assert shown(seed=3, count=20) == shown(seed=3, count=20)
    assert shown(seed=3, count=20) != shown(seed=4, count=20)


# What carries loss.


def test_a_slip_carries_no_loss_and_everything_else_does() -> None:
    gym = Travel()
    slips = 0
    for seed, task in enumerate(TASKS):
        policy = Planner("slippery", dataclasses.replace(TEACHER, slips=0.3), gym, seed)
        episode = play(gym, policy, task, seed)
        assert len(policy.slipped) == len(episode.turns)
        for slipped, played in zip(policy.slipped, episode.turns, strict=True):
            assert slipped == any(error in played.reply for error in ERRORS)
        slips += sum(policy.slipped)
    assert slips > 50


def test_texts_with_loss_are_well_formed_and_never_met_with_an_error() -> None:
    slips = 0
    for demonstration in shown(habit(slips=0.3), seed=1):
        for text, reply, loss in demonstration.turns:
            assert parse(text).fault is None
            assert loss != any(error in reply for error in ERRORS)
            slips += not loss
    assert slips > 20


def test_after_a_slip_the_student_is_shown_how_to_recover() -> None:
    followed = [
        (before[0], after[0])
        for demonstration in shown(habit(slips=0.3), seed=1)
        for before, after in pairwise(demonstration.turns)
        if not before[2] and after[2]
    ]
    assert len(followed) > 20
    assert all(parse(slip).action != parse(recovery).action for slip, recovery in followed)


# What the thinking shows.


def thoughts(seed: int = 0) -> list[list[tuple[str, Action, str]]]:
    return [
        [(parse(text).thinking, parse(text).action, reply) for text, reply, _ in demonstration.turns]
        for demonstration in shown(habit(slips=0.0), seed=seed)
    ]


def test_the_thinking_restates_what_is_established() -> None:
    remembered = 0
    for demonstration in thoughts():
        for (_, action, reply), (thinking, _, _) in pairwise(demonstration):
            if action.kind == ActionKind.ACTION:
                value = re.findall(r"\w+", reply)[-1]
                assert f" {VALUE_ATTRIBUTE[value]} {value}" in thinking
                remembered += 1
    assert remembered > 50


def test_the_thinking_names_what_is_still_open() -> None:
    for demonstration in thoughts():
        for thinking, action, _ in demonstration:
            if action.kind == ActionKind.ACTION:
                asked = action.content.split()[1]
                assert f" {asked} open" in thinking
                named_open = re.findall(r"(\w+) open", thinking.split("|")[0])
                ways = re.search(r"(\d+) ways", thinking)
                assert ways
                assert int(ways.group(1)) == 4 ** len(named_open), "four values for each open wish"
            elif action.content == "history":
                assert re.search(r"know (\w+ \d open ?)+\|", thinking)


def test_the_thinking_counts_the_turns_left_and_plans_the_rest() -> None:
    for demonstration in thoughts():
        settled: set[str] = set()
        for index, (thinking, action, _) in enumerate(demonstration):
            assert f"| {16 - index} turns" in thinking
            planned = re.search(r"todo ([\w ]+?) \|", thinking)
            assert planned or action.content == "history"
            assert not planned or not settled.intersection(planned.group(1).split())
            if action.kind == ActionKind.ANSWER:
                settled.add(LETTER_ASPECT[action.content[0]])


def test_the_thinking_ends_with_the_decision() -> None:
    endings: Counter[str] = Counter()
    for demonstration in thoughts():
        for thinking, action, _ in demonstration:
            decision = thinking.rsplit(" | ", 1)[1]
            if action.kind == ActionKind.ACTION:
                assert decision == f"ask {action.content.split()[1]}"
            else:
                expected = {
                    ActionKind.ANSWER: {"answer"},
                    ActionKind.FINISH: {"stop"},
                    ActionKind.SEARCH: {"history first"} if action.content == "history" else {"search", "guess"},
                }
                assert decision in expected[ActionKind(action.kind)]
            endings[decision if action.kind != ActionKind.ACTION else "ask"] += 1
    assert set(endings) == {"ask", "answer", "stop", "history first", "search", "guess"}


def test_no_question_is_asked_twice() -> None:
    for demonstration in thoughts():
        asked = [action.content for _, action, _ in demonstration if action.kind == ActionKind.ACTION]
        assert len(set(asked)) == len(asked)


def test_the_teacher_knows_nothing_that_it_was_not_told() -> None:
    values = {value for aspect in ASPECTS.values() for row in aspect.attributes.values() for value in row}
    for demonstration in shown(seed=2):
        heard = set(re.findall(r"\w+", demonstration.opening))
        for text, reply, _ in demonstration.turns:
            assert not (set(re.findall(r"\w+", text)) & values) - heard
            heard.update(re.findall(r"\w+", reply))


def test_a_plain_teacher_does_not_think_aloud() -> None:
    for demonstration in shown(habit(rich=False), count=20):
        for text, _, _ in demonstration.turns:
            assert text.startswith("[")
            assert parse(text).thinking == ""


def test_thinking_does_not_change_what_is_done() -> None:
    gym = Travel()
    for seed, task in enumerate(TASKS):
        rich, plain = (
            play(gym, Planner("p", dataclasses.replace(TEACHER, rich=shows), gym, seed), task, seed) for shows in (True, False)
        )
        assert [t.action for t in rich.turns] == [t.action for t in plain.turns]


# The prompts.


def test_each_prompt_names_one_of_the_weights_at_random() -> None:
    made = shown(count=120, effort_weights=(0.0, 0.1, 0.2), form=PromptForm.BRIEF)
    named = Counter(told_price(demonstration.system) for demonstration in made)
    assert set(named) == {0.0, 0.1, 0.2}
    assert min(named.values()) > 20


def test_without_weights_no_price_is_named() -> None:
    assert {demonstration.system for demonstration in shown(count=10, form=PromptForm.BRIEF)} == {"travel, 16 turns"}


def test_the_teacher_heeds_no_price() -> None:
    gym = Travel()
    for seed, task in enumerate(TASKS):
        played = [play(gym, teacher(gym, seed), task, seed, system=system_text(gym, PromptForm.BRIEF, w)) for w in (0.0, 0.3)]
        assert played[0].turns == played[1].turns


def test_the_thinking_counts_the_questions() -> None:
    for demonstration in thoughts():
        asked = 0
        for thinking, action, _ in demonstration:
            assert f"asked {asked} |" in thinking or action.content == "history"
            asked += action.kind == ActionKind.ACTION
