"""The one-turn-at-a-time runner records what happened; a fault ends an episode as a fault and is tried again."""

from collections.abc import Iterator

import pytest

from bao.action import Action, ActionKind, Parsed, ParseFault, parse
from bao.gym import Outcome
from bao.gyms.travel import Travel
from bao.policies import Policy
from bao.rollout.episodes import play, play_all
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
    assert [turn.tokens for turn in episode.turns] == [3, 1, 1, 0]
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
