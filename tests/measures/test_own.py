"""A gym's own measures: stated once, read when an episode is over, kept with it, and shown wherever a measure is."""

import dataclasses
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bao.action import Action, ActionKind
from bao.checks.gym import PROOFS, Subject, measures_itself
from bao.errors import ConfigError, DataError
from bao.evaluation.evaluate import own_measures
from bao.evaluation.results import EvaluationResult, write_summary
from bao.gyms.registry import gym_class
from bao.measure import Direction, Measure, figures, merged, stated
from bao.measures import MEASURES, summarize
from bao.measures.comparison import compare
from bao.measures.metrics import episode_measures, measure_tasks
from bao.pareto import frontier
from bao.pareto.objective import resolve
from bao.policies.scripted import oracle
from bao.reporting.archive import row_of
from bao.reporting.page import ReportData, render_report
from bao.reporting.tables import print_tables
from bao.rollout.episodes import play_all
from bao.storage.episodes import read_episodes, write_episodes
from bao.trajectory import Fault, FaultError, StopReason, Trajectory
from tests.support.counting_gym import Counting

OWN = own_measures(Counting)


def played(policy: str, count: int = 8) -> list[Trajectory]:
    gym = Counting()
    return play_all(gym, gym.scripted_policies()[policy](gym, 0), Counting.task_set("test", count).tasks)


def stored(folder: Path, policy: str) -> EvaluationResult:
    """As `bao eval` leaves it. Nobody called oracle, who would be a bound."""
    name = "sure" if policy == "oracle" else policy
    write_episodes(folder / "episodes.parquet", (dataclasses.replace(each, policy=name) for each in played(policy)))
    write_summary(folder, summarize(read_episodes(folder / "episodes.parquet"), own=OWN, resamples=200))
    return EvaluationResult(folder)


# What a gym may state.


@pytest.mark.parametrize(
    ("measures", "says"),
    [
        ([Measure("score", Direction.MAX, "")], "every gym has one of that name: call it otherwise, such as shop_score"),
        ([Measure("pass_at_u_3", Direction.MAX, "")], "every gym has one of that name"),
        ([Measure("Wrong Books", Direction.MIN, "")], "name it by small letters"),
        ([Measure("worth@0.1", Direction.MAX, "")], "name it by small letters"),
        ([Measure("a", Direction.MIN, ""), Measure("a", Direction.MAX, "")], "twice"),
        ([Measure("a", Direction.MIN, "", bounds=(3, 1))], "give the least that there can be, then the most"),
    ],
)
def test_what_cannot_be_stated_is_refused_by_name(measures: list[Measure], says: str) -> None:
    with pytest.raises(ConfigError, match="shop states the measure"):
        stated(measures, "shop", MEASURES)
    with pytest.raises(ConfigError, match=says):
        stated(measures, "shop", MEASURES)


class Shop:
    name = "shop"
    sold = 3
    word = "many"
    nothing = None
    unknown = float("nan")


def test_a_figure_is_read_by_name_or_by_what_the_measure_says() -> None:
    twice = Measure("twice", Direction.MAX, "", read=lambda gym: 2 * gym.sold)
    assert figures([Measure("sold", Direction.MAX, ""), twice], Shop()) == {"sold": 3.0, "twice": 6.0}
    assert figures([Measure("nothing", Direction.MAX, "")], Shop()) == {}, "no figure is not 0"


@pytest.mark.parametrize(
    ("measure", "says"),
    [
        (Measure("bought", Direction.MAX, ""), "give the gym an attribute bought"),
        (Measure("word", Direction.MAX, ""), "'many': give a number, or None"),
        (Measure("unknown", Direction.MAX, ""), "is nan: give a finite number, or None"),
        (Measure("sold", Direction.MAX, "", rate=True), "is 3, beyond its bounds 0 and 1"),
    ],
)
def test_a_figure_that_is_none_is_refused_with_gym_measure_and_fix(measure: Measure, says: str) -> None:
    with pytest.raises(ConfigError, match=f"the measure {measure.name!r} of shop") as refused:
        figures([measure], Shop())
    assert says in str(refused.value)


@given(
    st.builds(
        Measure,
        name=st.just("sold"),
        direction=st.sampled_from(Direction),
        about=st.text(max_size=9),
        rate=st.booleans(),
        unit=st.text(max_size=9),
        digits=st.none() | st.integers(0, 5),
        bounds=st.sampled_from([(0.0, float("inf")), (-float("inf"), 4.0), (-1.0, 1.0)]),
    )
)
def test_what_is_remembered_of_a_measure_is_all_of_it(measure: Measure) -> None:
    text = json.dumps(measure.to_json(), allow_nan=False)
    assert Measure.from_json("sold", json.loads(text)) == measure


def test_one_name_of_two_meanings_is_refused() -> None:
    one, other = ({"sold": Measure("sold", direction, "")} for direction in (Direction.MAX, Direction.MIN))
    assert merged([one, one]) == one
    with pytest.raises(DataError, match="stated in two ways"):
        merged([one, other])


# Kept with an episode.


def test_an_episode_keeps_the_figures_and_a_file_gives_them_back(tmp_path: Path) -> None:
    episodes = played("stubborn")
    assert [each.measured for each in episodes[:4]] == [
        {"in_vain": 2.0},
        {"in_vain": 2.0, "luck": 0.25},
        {"in_vain": 2.0},
        {"in_vain": 2.0, "luck": 0.75},
    ]
    write_episodes(tmp_path / "episodes.parquet", episodes)
    assert read_episodes(tmp_path / "episodes.parquet") == episodes
    column = pq.read_table(tmp_path / "episodes.parquet").column("measured").to_pylist()
    assert dict(column[1]) == {"in_vain": 2.0, "luck": 0.25}, "other tools find a map"


def test_a_file_of_a_gym_without_measures_has_no_column_of_them(tmp_path: Path) -> None:
    path = tmp_path / "episodes.parquet"
    write_episodes(path, [dataclasses.replace(each, measured=None) for each in played("oracle")])
    assert "measured" not in pq.read_schema(path).names
    assert {each.measured for each in read_episodes(path)} == {None}


def test_a_fault_has_no_figures_and_what_the_agent_broke_has() -> None:
    class Leaves(Counting):
        def on_answer(self, content):
            raise FaultError(Fault.USER_TIMEOUT)

    gym, tasks = Leaves(), Counting.task_set("test", 1).tasks
    (episode,) = play_all(gym, gym.scripted_policies()["oracle"](gym, 0), tasks, retries=0)
    assert (episode.stop, episode.measured) == (StopReason.FAULT, None)
    gym = Counting(horizon=2)  # cut off by the horizon: what had happened counts
    (episode,) = play_all(gym, gym.scripted_policies()["stubborn"](gym, 0), tasks)
    assert (episode.stop, episode.measured) == (StopReason.MAX_TURNS, {"in_vain": 2.0})


def test_a_wrong_figure_ends_the_playing_with_its_name() -> None:
    class Broken(Counting):
        @classmethod
        def measures(cls):
            return (Measure("ratio", Direction.MAX, "", read=lambda gym: float("inf") - float("inf")),)

    gym = Broken()
    with pytest.raises(ConfigError, match="the measure 'ratio' of counting is nan"):
        play_all(gym, gym.scripted_policies()["oracle"](gym, 0), Counting.task_set("test", 1).tasks)


# Shown wherever a measure is.


def test_a_summary_has_them_with_clustered_intervals_and_what_they_are() -> None:
    summary = summarize(played("stubborn"), own=OWN, resamples=200)
    assert summary["own"]["in_vain"] == {"mean": 2.0, "low": 2.0, "high": 2.0}
    luck = summary["own"]["luck"]
    assert luck["mean"] == 0.5, "over the four tasks that have some: .25 and .75, twice"
    assert 0 <= luck["low"] < 0.5 < luck["high"] <= 1
    assert summary["own_measures"]["in_vain"]["direction"] == "min"
    assert "own" not in summarize([dataclasses.replace(each, measured=None) for each in played("oracle")], resamples=200)


def test_a_figure_of_the_name_of_another_measure_is_refused() -> None:
    with pytest.raises(DataError, match="'turns', a measure of every gym"):
        episode_measures([dataclasses.replace(played("oracle")[0], measured={"turns": 1.0})])


def test_older_episodes_without_figures_are_left_out_of_the_mean() -> None:
    old = [dataclasses.replace(each, measured=None) for each in played("oracle")]
    assert measure_tasks([*old, *played("stubborn")]).values["in_vain"].tolist() == [2.0] * 8


def test_tables_show_them_in_whatever_width(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summaries = [stored(tmp_path / policy, policy).summary for policy in ("oracle", "stubborn")]
    for wide in (False, True):
        print_tables(Console(width=80), summaries, wide=wide)
        out = capsys.readouterr().out
        assert "In vain" in out
        assert "[2.00, 2.00]" in out
        assert wide or max(len(line) for line in out.splitlines() if not line.startswith("note:")) <= 80


def test_they_are_objectives_with_a_direction_and_the_bounds_as_ideal_and_worst(tmp_path: Path) -> None:
    vain, luck = resolve(["in_vain", "luck"], OWN)
    assert (vain.direction, vain.ideal, luck.ideal, luck.worst, luck.rate) == ("min", 0.0, 1.0, 0.0, True)
    candidates = [stored(tmp_path / policy, policy).candidate(("score", "in_vain")) for policy in ("oracle", "stubborn")]
    found = frontier(candidates, ("score", "in_vain"), resamples=200)
    assert {point.label: point.non_dominated for point in found.points} == {"sure": True, "stubborn": False}
    assert found.to_json()["objectives"][1] == {"name": "in_vain", "direction": "min", "label": "in vain, per episode"}
    with pytest.raises(ConfigError, match="nothing says what is best"):
        resolve(["score", "sold"], {"sold": Measure("sold", Direction.MAX, "")})
    with pytest.raises(ConfigError, match="neither way is better"):
        resolve(["score", "sold"], {"sold": Measure("sold", Direction.NONE, "")})
    with pytest.raises(ConfigError, match="did you mean 'in_vain'"):
        resolve(["score", "in_vein"], OWN)


def test_a_policy_without_a_figure_for_some_task_is_named(tmp_path: Path) -> None:
    candidates = [stored(tmp_path / policy, policy).candidate(("score", "luck")) for policy in ("oracle", "stubborn")]
    with pytest.raises(DataError, match="sure has no \\(finite\\) values of the objective 'luck'"):
        frontier(candidates, ("score", "luck"))


def test_a_comparison_names_the_better_one(tmp_path: Path) -> None:
    sides = [stored(tmp_path / policy, policy).side() for policy in ("stubborn", "oracle")]
    (pair,) = compare(sides)
    found = {each.measure: each for each in pair.differences}
    assert (found["in_vain"].difference.mean, found["in_vain"].better) == (-2.0, "sure")
    (pair,) = compare(sides, ["luck"])
    assert (pair.differences[0].tasks, pair.differences[0].better) == (4, None)
    with pytest.raises(ConfigError, match="--measure in_vein is unknown: did you mean 'in_vain'"):
        compare(sides, ["in_vein"])


def test_the_report_holds_them_with_their_words(tmp_path: Path) -> None:
    results = [stored(tmp_path / policy, policy) for policy in ("oracle", "stubborn")]
    found = frontier([each.candidate(("score", "in_vain")) for each in results], ("score", "in_vain"), resamples=200)
    page = render_report(ReportData("Own", found.to_json(), [(each.label, each.series, each.summary) for each in results]))
    assert "answers that were wrong" in page
    assert row_of(played("stubborn")[1]).more["in_vain"] == 2.0


# Proved.


def test_a_gyms_own_measures_are_proved() -> None:
    assert "its own measures have figures" in PROOFS

    class Proved(Counting):
        @classmethod
        def scripted_policies(cls):
            known = super().scripted_policies()
            return {**known, "ask_all": known["stubborn"], "never_ask": known["random"]}

    ok, detail = measures_itself(Subject(Proved))
    assert ok, detail
    assert "in_vain from 0 to" in detail

    class Clashing(Proved):
        @classmethod
        def measures(cls):
            return (Measure("success", Direction.MAX, ""),)

    class Bare(Proved):
        @classmethod
        def measures(cls):
            return (Measure("luck", Direction.MAX, "", read=lambda gym: None),)

    with pytest.raises(ConfigError, match="every gym has one of that name"):
        measures_itself(Subject(Clashing))
    assert measures_itself(Subject(Bare)) == (False, "no episode of 48 has a figure for luck")


def test_tau_counts_the_records_that_were_left_wrong() -> None:
    """A cancelled order that should stand is one wrong record; doing nothing wrong is none."""
    tau = gym_class("tau")
    assert [each.name for each in tau.measures()] == ["wrong_records"]
    task = next(
        task
        for task in tau.task_set("test").tasks
        if task.data["actions"] and task.data["actions"][0]["name"] == "cancel_pending_order"
    )
    call = task.data["actions"][0]
    other = {"order_id": call["arguments"]["order_id"], "reason": "ordered by mistake"}
    if call["arguments"]["reason"] == other["reason"]:
        other["reason"] = "no longer needed"

    def episode(arguments: dict[str, str]) -> Trajectory:
        gym = tau()
        answer = Action(ActionKind.ANSWER, json.dumps({"name": "cancel_pending_order", "arguments": arguments}))
        policy = oracle(lambda task: [answer, Action(ActionKind.FINISH, "")])(gym, 0)
        return play_all(gym, policy, [task])[0]

    assert episode(call["arguments"]).measured == {"wrong_records": 0.0}
    assert episode(other).measured == {"wrong_records": 1.0}
