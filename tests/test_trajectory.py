"""R, U and the involvement rate of an episode, by worked numbers."""

import dataclasses

import numpy as np
import pytest

from bao.action import Action, ParseFault
from bao.trajectory import Fault, FaultError, StopReason, TokenTrace, Trajectory, Turn


def turn(kind: str, reward: float = 0.0, user: bool = False, tokens: int = 0) -> Turn:
    return Turn("", Action(kind, "x"), "", reward, user, ParseFault.NO_ACTION if kind == "none" else None, tokens)


EPISODE = Trajectory(
    gym="travel",
    task_id="t",
    policy="p",
    seed=0,
    opening="",
    stop=StopReason.SUCCESS,
    success=True,
    horizon=16,
    turns=(
        turn("search", tokens=3),
        turn("action", user=True, tokens=5),
        turn("none", tokens=2),
        turn("answer", 0.5, user=True, tokens=2),
        turn("answer", 0.4, user=True, tokens=2),
    ),
)


def test_the_return_is_the_sum_of_the_turn_rewards() -> None:
    assert EPISODE.task_return == pytest.approx(0.9)


def test_the_effort_counts_the_turns_that_involve_the_user() -> None:
    assert EPISODE.user_effort == 3
    assert EPISODE.involvement_rate == pytest.approx(3 / 5)


def test_tokens_add_up_over_turns() -> None:
    assert EPISODE.tokens == 14


def test_an_episode_without_turns_has_zero_of_everything() -> None:
    empty = dataclasses.replace(EPISODE, turns=(), success=False, stop=StopReason.FAULT)
    assert (empty.task_return, empty.user_effort, empty.involvement_rate, empty.tokens) == (0, 0, 0, 0)


def test_effort_at_the_solution_is_given_only_for_solved_tasks() -> None:
    assert EPISODE.solved_at_effort == 3
    assert dataclasses.replace(EPISODE, success=False).solved_at_effort is None
    silent = dataclasses.replace(EPISODE, turns=(turn("search", 1.0),))
    assert silent.solved_at_effort == 0


def test_a_token_trace_whose_arrays_disagree_is_refused() -> None:
    ids = np.zeros(3, np.int32)
    TokenTrace(np.zeros(7, np.int32), ids, np.zeros(3, np.int16), np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"ids \(3,\), turn \(2,\)"):
        TokenTrace(np.zeros(7, np.int32), ids, np.zeros(2, np.int16), np.zeros(3, np.float32))


def test_the_trace_does_not_decide_whether_two_episodes_are_equal() -> None:
    trace = TokenTrace(np.zeros(1, np.int32), np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0, np.float32))
    assert dataclasses.replace(EPISODE, trace=trace) == EPISODE


def test_a_fault_says_what_broke() -> None:
    error = FaultError(Fault.USER_TIMEOUT, "no reply within 30 s")
    assert (error.fault, str(error)) == (Fault.USER_TIMEOUT, "user_timeout: no reply within 30 s")
    assert str(FaultError(Fault.GYM_ERROR)) == "gym_error"
