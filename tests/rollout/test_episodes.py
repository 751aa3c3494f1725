"""The one-turn-at-a-time runner records what happened; a fault ends an episode as a fault and is tried again."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest

from bao.action import Action, ActionKind, Outcome, Parsed, ParseFault, parse
from bao.gym import Gym
from bao.gyms.travel import Travel
from bao.policy import Policy
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.trajectory import Fault, FaultError, StopReason, Trajectory

TASKS = Travel.task_set("test", 4)


class Writer:
    """A policy that writes the given texts, one a turn, and notes what it was shown."""

    name = "writer"

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self.seen: list[str] = []

    def begin(self, system: str, opening: str) -> None:
        self._left: Iterator[str] = iter(self._texts)
        self.seen = [system]

    def act(self, observation: str) -> Parsed:
        self.seen.append(observation)
        return parse(next(self._left))


class BrokenLine(Travel):
    """The travel gym whose user breaks down at the first `failures` questions."""

    def __init__(self, failures: int, fault: Fault = Fault.USER_TIMEOUT) -> None:
        super().__init__()
        self.failures = failures
        self.asked = 0
        self.fault = fault

    def on_action(self, content: str) -> Outcome:
        self.asked += 1
        if self.asked <= self.failures:
            raise FaultError(self.fault, "no reply within 30 s")
        return super().on_action(content)


def test_an_episode_is_recorded_turn_by_turn() -> None:
    gym, task = Travel(), TASKS[0]
    policy = Writer("<think>look first</think>[search] history", "hm", "[action] Anything?", "[finish]")
    episode = play(gym, policy, task, 7, system="Be brief.")
    assert isinstance(policy, Policy)
    assert [turn.action.kind for turn in episode.turns] == ["search", "none", "action", "finish"]
    assert [turn.thinking for turn in episode.turns] == ["look first", "", "", ""]
    assert [turn.parse_fault for turn in episode.turns] == [None, ParseFault.NO_ACTION, None, None]
    assert [turn.involves_user for turn in episode.turns] == [False, False, True, False]
    assert [turn.tokens for turn in episode.turns] == [3, 0, 1, 0]
    assert policy.seen == ["Be brief.", episode.opening, *(turn.reply for turn in episode.turns[:-1])]
    assert (episode.stop, episode.success, episode.fault) == (StopReason.FINISH, False, None)
    assert (episode.user_effort, episode.task_return) == (1, 0)
    assert (episode.gym, episode.task_id, episode.policy, episode.seed) == ("travel", task.id, "writer", 7)
    assert (episode.level, episode.horizon, episode.system) == (task.level, 16, "Be brief.")


def test_without_a_system_text_the_policy_gets_the_instructions() -> None:
    policy = Writer("[finish]")
    assert play(Travel(), policy, TASKS[0], 0).system == Travel().instructions() == policy.seen[0]


def test_writing_nothing_readable_runs_into_the_horizon() -> None:
    episode = play(Travel(horizon=3), Writer("", "{", "<think>"), TASKS[0], 0)
    assert episode.stop is StopReason.MAX_TURNS
    faults = [ParseFault.EMPTY, ParseFault.BAD_JSON, ParseFault.UNCLOSED_THINK]
    assert [turn.parse_fault for turn in episode.turns] == faults
    assert all(turn.action == Action(ActionKind.NONE, turn.parse_fault or "") for turn in episode.turns)
    assert (episode.task_return, episode.user_effort) == (0, 0)


def test_a_fault_of_the_user_is_no_turn_and_no_reward() -> None:
    episode = play(BrokenLine(9), Writer("[search] history", "[action] Which area?"), TASKS[0], 0)
    assert (episode.stop, episode.success, episode.fault) == (StopReason.FAULT, False, Fault.USER_TIMEOUT)
    assert episode.fault_detail == "no reply within 30 s"
    assert [turn.action.kind for turn in episode.turns] == ["search"]


def test_a_fault_of_the_policy_is_recorded_too() -> None:
    class Offline(Writer):
        def act(self, observation: str) -> Parsed:
            raise FaultError(Fault.POLICY_UNAVAILABLE)

    episode = play(Travel(), Offline(), TASKS[0], 0)
    assert (episode.fault, episode.turns) == (Fault.POLICY_UNAVAILABLE, ())


def test_any_other_error_is_not_hidden() -> None:
    class Buggy(Writer):
        def act(self, observation: str) -> Parsed:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play(Travel(), Buggy(), TASKS[0], 0)


@pytest.mark.parametrize(
    ("failures", "asked", "fault"), [(0, 1, None), (2, 3, None), (3, 3, Fault.USER_TIMEOUT), (9, 3, Fault.USER_TIMEOUT)]
)
def test_a_fault_is_tried_again_up_to_the_limit(failures: int, asked: int, fault: Fault | None) -> None:
    gym = BrokenLine(failures)
    noted: list[Trajectory] = []
    episodes = play_all(gym, Writer("[action] Which area?", "[finish]"), TASKS[:1], retries=2, on_episode=noted.append)
    assert [episode.fault for episode in episodes] == [fault]
    assert gym.asked == asked
    assert noted == episodes


def test_a_broken_gym_is_not_tried_again() -> None:
    gym = BrokenLine(9, Fault.GYM_ERROR)
    assert [e.fault for e in play_all(gym, Writer("[action] Which area?"), TASKS[:1])] == [Fault.GYM_ERROR]
    assert gym.asked == 1


def test_every_task_is_played_under_every_seed() -> None:
    episodes = play_all(Travel(), Writer("[finish]"), TASKS, seeds=(3, 5))
    assert [(e.seed, e.task_id) for e in episodes] == [(seed, task.id) for seed in (3, 5) for task in TASKS]


class Slow(Travel):
    """The travel gym in which a turn takes a while, longer for earlier tasks, noting who plays where."""

    playing: ClassVar[set[int]] = set()
    most_at_once = 0
    shared: ClassVar[list[str]] = []
    turns = 0

    def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
        if id(self) in Slow.playing:
            Slow.shared.append("one gym plays two episodes")
        Slow.playing.add(id(self))
        Slow.most_at_once = max(Slow.most_at_once, len(Slow.playing))
        Slow.turns += 1
        assert self.task is not None
        time.sleep(0.02 if self.task.id == TASKS[0].id else 0.002)
        Slow.playing.discard(id(self))
        return super().step(action)


class Drawing:
    """Takes random turns from its seed."""

    name = "drawing"

    def __init__(self, gym: Gym, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        return parse(f"[search] {self._rng.integers(10**6)}" if self._rng.random() < 0.7 else "[finish]")


def test_episodes_at_once_give_what_one_at_a_time_gives_in_the_same_order() -> None:
    Slow.most_at_once = 0
    noted: list[Trajectory] = []
    at_once = play_all(Slow, Drawing, TASKS, range(5), concurrency=4, on_episode=noted.append)
    one_at_a_time = play_all(Travel, Drawing, TASKS, range(5))
    assert [replace(e, seconds=0) for e in at_once] == [replace(e, seconds=0) for e in one_at_a_time]
    assert noted == at_once
    assert [(e.seed, e.task_id) for e in at_once] == [(seed, task.id) for seed in range(5) for task in TASKS]
    assert len({e.turns for e in at_once}) > 10  # each episode has a seed of its own
    assert 1 < Slow.most_at_once <= 4
    assert not Slow.shared


def test_faults_at_once_are_tried_again_with_the_same_policy() -> None:
    class Once(Travel):
        """Breaks down at the first turn of each gym."""

        def step(self, action: Action) -> tuple[str, float, bool, bool, dict[str, Any]]:
            if not hasattr(self, "broken"):
                self.broken = True
                raise FaultError(Fault.USER_TIMEOUT)
            return super().step(action)

    expected = play_all(Travel, Drawing, TASKS, range(3))
    assert [e.turns for e in play_all(Once, Drawing, TASKS, range(3), concurrency=3)] == [e.turns for e in expected]
    broken = play_all(Once, Drawing, TASKS, range(3), concurrency=3, retries=0)
    assert 1 <= sum(e.fault == Fault.USER_TIMEOUT for e in broken) <= 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_an_error_at_once_ends_everything(concurrency: int) -> None:
    class Buggy(Drawing):
        def act(self, observation: str) -> Parsed:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        play_all(Travel, Buggy, TASKS, range(50), concurrency=concurrency)


def test_nothing_goes_on_once_whoever_watches_has_had_enough() -> None:
    def enough(episode: Trajectory) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        play_all(Slow, Drawing, TASKS, range(200), concurrency=4, on_episode=enough)
    time.sleep(0.1)
    before = Slow.turns
    time.sleep(0.1)
    assert Slow.turns == before


def test_one_gym_and_policy_cannot_play_several_episodes_at_once() -> None:
    with pytest.raises(ValueError, match="concurrency=2: give what makes a gym and a policy"):
        play_all(Travel(), Writer("[finish]"), TASKS, concurrency=2)
    with pytest.raises(ValueError, match="what makes both"):
        play_all(Travel, Writer("[finish]"), TASKS)
    with pytest.raises(ValueError, match="concurrency=0"):
        play_all(Travel, Drawing, TASKS, concurrency=0)
    assert play_all(Travel, Drawing, [], concurrency=2) == []
