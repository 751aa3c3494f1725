"""The estimate of a user's satisfaction: worked numbers, and where it is shown; a user who left."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bao
from bao.action import Action, ActionKind
from bao.errors import DataError
from bao.measures import summarize
from bao.pareto import Candidate, frontier
from bao.reporting.tables import summaries_sheet
from bao.reporting.transcript import print_transcript
from bao.rollout.episode import play
from bao.rollout.episodes import play_all
from bao.storage.episodes import read_episodes, write_episodes
from bao.task import Task
from bao.train.demonstrations import Rejection, reject
from bao.train.penalties import PenaltyVariant, over_thinking
from bao.trajectory import StopReason, Trajectory, Turn
from bao.users.satisfaction import UserExperience, satisfaction
from tests.support.echo_gym import Echo, started


@pytest.mark.parametrize(
    ("experience", "patience", "expected"),
    [
        (UserExperience(), 4, 0.25),
        (UserExperience(success=True), 4, 1.0),
        (UserExperience(questions=3, repeated=1, success=True), 4, 0.6875),
        (UserExperience(questions=9, success=True), 4, 0.75),
        (UserExperience(questions=2, wrong=2, earned=0.5), 4, 0.25 + 0.375 - 0.125 - 0.25 * 2 / 3),
        (UserExperience(questions=4, repeated=3, wrong=3), 4, 0.0),
        (UserExperience(left=True, earned=0.8), 4, 0.0),
    ],
)
def test_satisfaction_in_worked_numbers(experience: UserExperience, patience: int, expected: float) -> None:
    assert satisfaction(experience, patience) == pytest.approx(expected)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.floats(0, 1), st.booleans(), st.integers(1, 20))
def test_satisfaction_is_in_its_range_and_falls_with_every_cost(
    questions: int, repeated: int, wrong: int, earned: float, success: bool, patience: int
) -> None:
    def value(**more: int) -> float:
        counts = {"questions": questions, "repeated": repeated, "wrong": wrong}
        for name, count in more.items():
            counts[name] += count
        return satisfaction(UserExperience(**counts, earned=earned, success=success), patience)

    assert 0 <= value() <= 1
    for name in ("questions", "repeated", "wrong"):
        assert value(**{name: 1}) <= value()
    assert satisfaction(UserExperience(questions, repeated, wrong, earned, True), patience) >= value()


def test_wrong_submissions_count_and_tool_calls_do_not() -> None:
    gym = started({"patience": 4})
    assert gym.step(Action("answer", "wrong"))[-1]["satisfaction"] == pytest.approx(0.125)
    tau = bao.make("tau", persona="busy")
    tau.reset(seed=0)
    assert tau.step(Action("answer", "no call"))[-1]["satisfaction"] == 0.25


def test_satisfaction_reaches_trajectory_file_summary_table_and_frontier(tmp_path: Path) -> None:
    evaluations, summaries = [], []
    for name in ("ask_all", "ask_needed"):
        gym = bao.make("travel", persona="busy")
        episodes = play_all(gym, gym.scripted_policies()[name](gym, 0), gym.task_set("test", 40).tasks)
        assert {episode.stop for episode in episodes} & {StopReason.USER_LEFT, StopReason.SUCCESS}
        assert all(episode.satisfaction == 0 for episode in episodes if episode.stop is StopReason.USER_LEFT)
        write_episodes(tmp_path / "e.parquet", episodes)
        assert read_episodes(tmp_path / "e.parquet") == episodes
        summaries.append(summarize(episodes, resamples=200))
        mean = float(np.mean([episode.satisfaction for episode in episodes]))
        found = summaries[-1]["satisfaction"]
        assert found["mean"] == pytest.approx(mean)
        assert found["low"] < mean < found["high"]
        evaluations.append(Candidate.of(episodes))
    assert any("Satisfaction" in column.heading for column in summaries_sheet(summaries).columns)
    drawn = frontier(evaluations, ("score", "satisfaction"), resamples=100).to_json()
    assert drawn["objectives"][1] == {"name": "satisfaction", "direction": "max"}


def test_without_a_persona_summary_and_table_are_as_before_and_the_objective_is_refused() -> None:
    gym = bao.make("travel")
    episodes = play_all(gym, gym.scripted_policies()["oracle"](gym, 0), gym.task_set("test", 5).tasks)
    summary = summarize(episodes, resamples=100)
    assert "satisfaction" not in summary
    assert not any("Satisfaction" in column.heading for column in summaries_sheet([summary]).columns)
    with pytest.raises(DataError, match="satisfaction"):
        frontier([Candidate.of(episodes)], ("score", "satisfaction"))


def test_a_fault_has_no_satisfaction() -> None:
    class Asks:
        name = "asks"

        def begin(self, system: str, opening: str) -> None: ...

        def act(self, observation: str) -> bao.Parsed:
            return bao.Parsed("", Action(ActionKind.ACTION, "break"), None)

    episode = play(Echo(persona="busy"), Asks(), Task("e", "echo", {}), 0)
    assert (episode.stop, episode.satisfaction) == (StopReason.FAULT, None)


def left(turns: Sequence[Turn]) -> Trajectory:
    return Trajectory("travel", "t", "p", 0, "Hi", tuple(turns), StopReason.USER_LEFT, False, 16, satisfaction=0.0)


TURNS = (
    Turn("", Action(ActionKind.ANSWER, "H1"), "H1 is perfect.", 0.5, True),
    Turn("", Action(ActionKind.ACTION, "Why?"), "Goodbye.", 0.0, True),
)


def test_an_episode_that_drove_the_user_away_is_no_demonstration() -> None:
    assert reject(left(TURNS), [False, False]) is Rejection.USER_LEFT


def test_a_user_who_left_is_no_over_thinking() -> None:
    assert not over_thinking(left(TURNS), 0.05, PenaltyVariant.PAPER).any()


def test_the_share_of_users_who_left_is_in_the_summary() -> None:
    assert summarize([left(TURNS)], resamples=10)["stop"] == {"user_left": 1.0}


def test_the_transcript_shows_who_left_and_how_satisfied(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    print_transcript(Console(width=140), left(TURNS))
    shown = capsys.readouterr().out
    assert "stop user_left" in shown
    assert "satisfaction 0.00" in shown


def test_eval_takes_a_persona(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from bao.cli import main

    monkeypatch.setattr("logging.raiseExceptions", True)
    out = tmp_path / "busy"
    line = ["bao", "eval", "scripted:ask_all", "--persona", "busy", "--tasks", "20", "--out", str(out)]
    monkeypatch.setattr("sys.argv", line)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    summary = json.loads((out / "summary.json").read_text())
    assert 0 < summary["stop"]["user_left"] < 1
    assert 0 < summary["satisfaction"]["mean"] < 1
    assert 'persona = "busy"' in (out / "config.toml").read_text()
    monkeypatch.setattr("sys.argv", [*line[:4], "buzy", *line[5:]])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "did you mean 'busy'" in capsys.readouterr().err
