"""Situations recur over tasks: what is copied from the conversation is masked, what is decided is left out."""

import dataclasses

import pytest

from bao.action import Action
from bao.errors import ConfigError
from bao.gyms.travel import Travel
from bao.gyms.turtle import Turtle
from bao.rollout.episode import play
from bao.task import Split
from bao.train.situations import Situations, situations, split_decision
from bao.trajectory import StopReason, Trajectory, Turn

TASKS = list(Travel.task_set(Split.TRAIN, 12, (2, 3)))
GYM = Travel()


def episode(opening: str, *turns: tuple[str, str, str]) -> Trajectory:
    """Turns of thinking, kind and reply."""
    made = tuple(Turn(thinking, Action(kind, "x"), reply, 0.0, kind != "search") for thinking, kind, reply in turns)
    return Trajectory("g", "t", "p", 0, opening, made, StopReason.FINISH, False, 16)


def keys(*plays: Trajectory) -> list[list[str]]:
    return situations(plays, Situations.THINKING, GYM, [])


def test_what_was_heard_is_masked_and_what_was_counted_is_not() -> None:
    one = episode(
        "Find a blue hat.", ("know blue | 2 left | 9 turns | ask", "action", "Wool."), ("wool | 1 left | go", "answer", "")
    )
    other = episode("Find a red cap.", ("know red | 2 left | 4 turns | stop", "finish", ""))
    assert keys(one, other) == [["start: know _ 2 left", "action: _ 1 left"], ["start: know _ 2 left"]]


def test_a_word_is_masked_only_once_it_was_heard() -> None:
    (found,) = keys(episode("Hello.", ("wool | ask", "action", "Wool, please."), ("wool | ask", "action", "Yes.")))
    assert found == ["start: wool", "action: _"]


def test_the_decision_is_the_last_clause() -> None:
    assert split_decision("a | b | ask c") == ("a | b", "ask c")
    assert split_decision("all in one sentence") == ("", "all in one sentence")


def test_a_belief_tells_situations_apart_by_what_was_told() -> None:
    played = [play(GYM, Travel.scripted_policies()["ask_all"](GYM, 0), task, 0) for task in TASKS]
    found = situations(played, Situations.BELIEF, GYM, TASKS)
    assert all(len(each) == len(one.turns) for each, one in zip(found, played, strict=True))
    assert {each[0] for each in found} == {"start: 0.0 bits, 0.0 by the last, 0 user turns"}
    assert any("2.0 by the last" in key for each in found for key in each)
    assert len({key for each in found for key in each}) < sum(map(len, found)) / 2


def test_a_gym_without_a_belief_is_named() -> None:
    gym, task = Turtle(), Turtle.task_set(Split.TRAIN, 1)[0]
    unread = episode("Story.", ("", "action", "Yes."))
    with pytest.raises(ConfigError, match=r"sft\.situations='belief' needs a gym that knows its Belief, and turtle"):
        situations([unread], Situations.BELIEF, gym, [task])


def test_clusters_put_like_texts_together_whatever_the_process() -> None:
    about = ("What colour is the coat of the guest?", "How many nights will the journey take?")
    plays = [episode(f"{about[i % 2]} Number {i}.", ("", "action", "Yes.")) for i in range(40)]
    found = [key for (key,) in situations(plays, Situations.CLUSTERS, GYM, [], clusters=2, seed=0)]
    assert set(found[::2]).isdisjoint(found[1::2])
    assert found == [key for (key,) in situations(plays, Situations.CLUSTERS, GYM, [], clusters=2, seed=0)]


def test_clusters_of_nothing() -> None:
    assert situations([], Situations.CLUSTERS, GYM, []) == []
    assert situations([dataclasses.replace(episode("x"), turns=())], Situations.CLUSTERS, GYM, []) == [[]]
