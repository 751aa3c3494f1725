"""Evaluations by level, by user and at a price: rows are those of the tasks alone, regrets those to the best script there."""

import dataclasses

import numpy as np
import pytest

from bao.errors import ConfigError, DataError
from bao.evaluation.breakdown import By, broken_down
from bao.evaluation.evaluate import evaluate
from bao.evaluation.overview import draw_frontier, worth_by_user
from bao.evaluation.results import EvaluationResult
from bao.evaluation.rules import best_rules
from bao.evaluation.settings import EvaluationJob, EvaluationSection
from bao.gyms.section import GymSection, task_set
from bao.progress import Silent

SETTINGS = EvaluationSection(resamples=200)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EvaluationResult]:
    """Travel's scripts on 24 trips, and one of them with a busy user."""
    out = tmp_path_factory.mktemp("played")

    def result(name: str, folder: str, **settings: object) -> EvaluationResult:
        section = GymSection(name="travel", settings=settings)
        job = EvaluationJob(section, task_set(section, "test", 24), SETTINGS)
        return evaluate(f"scripted:{name}", job, {None: out / folder}, Silent())[0]

    found = {name: result(name, name) for name in ("ask_all", "ask_needed", "never_ask")}
    return {**found, "busy": result("ask_all", "busy", persona="busy")}


def scripts(played: dict[str, EvaluationResult]) -> list[EvaluationResult]:
    return [each for name, each in played.items() if name != "busy"]


def test_each_level_is_a_row_of_its_own_tasks(played: dict[str, EvaluationResult]) -> None:
    one = played["ask_needed"]
    rows = broken_down([one], By.LEVEL, ["score", "worth@0.1"])
    levels = {each.level for each in one.episodes()}
    assert [row["level"] for row in rows] == sorted(levels)
    assert sum(row["tasks"] for row in rows) == one.summary["tasks"]
    for row in rows:
        own = [each for each in one.episodes() if each.level == row["level"]]
        assert row["user_effort"]["mean"] == pytest.approx(np.mean([each.user_effort for each in own]))
        worth = np.mean([each.task_return - 0.1 * each.user_effort for each in own])
        assert row["named"]["worth@0.1"]["mean"] == pytest.approx(worth)


def test_without_a_breakdown_the_measures_are_those_of_the_summary(played: dict[str, EvaluationResult]) -> None:
    one = played["ask_all"]
    (row,) = broken_down([one], None, ["worth@0.2"])
    assert {name: row[name] for name in one.summary} == one.summary
    assert row["named"].keys() == {"worth@0.2"}


def test_by_user_the_rows_of_a_policy_follow_each_other(played: dict[str, EvaluationResult]) -> None:
    rows = broken_down([*scripts(played), dataclasses.replace(played["busy"], under=" (busy)")], By.USER)
    assert [(row["policy"], row["under"]) for row in rows] == [
        ("ask_all", "scripted"),
        ("ask_all", "scripted, persona busy"),
        ("ask_needed", "scripted"),
        ("never_ask", "scripted"),
    ]


def test_regret_is_to_the_best_script_at_the_price_and_agrees_with_the_report(played: dict[str, EvaluationResult]) -> None:
    """The table of worth (`bao.pareto.worth`) finds the same script and the same mean."""
    results = scripts(played)
    (told,) = worth_by_user(results, resamples=200)
    rows = {row["policy"]: row["named"] for row in broken_down(results, None, ["regret@0", "regret@0.05", "regret@0.2"])}
    for place, price in enumerate(told.prices):
        if f"regret@{price:g}" not in rows["ask_all"]:
            continue
        for each in told.standings:
            assert rows[each.label][f"regret@{price:g}"]["mean"] == pytest.approx(each.regret[place].mean)
        assert min(named[f"regret@{price:g}"]["mean"] for named in rows.values()) >= 0 or told.rules[place] == "silence"


def test_the_best_script_of_another_user_is_none_of_ones_own(played: dict[str, EvaluationResult]) -> None:
    renamed = dataclasses.replace(played["busy"], under=" (busy)")
    rules = best_rules([*scripts(played), renamed], ["regret@0.05"])
    busy, scripted = rules[renamed.label][0.05], rules["ask_all"][0.05]
    assert busy.keys() == scripted.keys()
    own = {each.task_id: each.task_return - 0.05 * each.user_effort for each in played["busy"].episodes()}
    assert busy == pytest.approx(own)
    with pytest.raises(DataError, match="needs the evaluation of a scripted rule under the same user"):
        broken_down([_learned(played)], None, ["regret@0.05"])


def _learned(played: dict[str, EvaluationResult]) -> EvaluationResult:
    """As if another policy had played: its settings name no script."""
    found = dataclasses.replace(played["busy"], alias="learned")
    found.__dict__["settings"] = {"policy": "local:model"}
    return found


def test_silence_is_the_best_script_where_asking_costs_too_much(played: dict[str, EvaluationResult]) -> None:
    rules = best_rules(scripts(played), ["regret@5"])
    assert set(rules["ask_all"][5.0].values()) == {0.0}


def test_a_frontier_over_prices_and_levels_is_drawn(played: dict[str, EvaluationResult]) -> None:
    results = scripts(played)
    found = draw_frontier(results, ["worth@0", "regret@0.2"], resamples=200)
    points = {each.label: each for each in found.points}
    assert points["ask_needed"].values["worth@0"].mean == pytest.approx(played["ask_needed"].summary["score"]["mean"])
    level = max(each.level for each in played["ask_all"].episodes())
    found = draw_frontier(results, [f"score@level={level}", f"user_effort@level={level}"], resamples=200)
    assert len(found.warnings) >= 2
    own = [each.user_effort for each in played["never_ask"].episodes() if each.level == level]
    points = {each.label: each for each in found.points}
    assert points["never_ask"].values[f"user_effort@level={level}"].mean == pytest.approx(np.mean(own))


def test_an_unknown_measure_is_named_with_its_option(played: dict[str, EvaluationResult]) -> None:
    with pytest.raises(ConfigError, match="--measure scor is unknown: did you mean 'score'"):
        broken_down([played["ask_all"]], None, ["scor"])


def test_a_policy_under_two_users_is_one_point(played: dict[str, EvaluationResult]) -> None:
    two = [played["ask_all"], dataclasses.replace(played["busy"], under=" (busy)")]
    names = ["score@user=scripted", "score@user=busy"]
    found = draw_frontier(two, names, resamples=200)
    (point,) = found.points
    assert point.label == "ask_all"
    assert [point.values[name].mean for name in names] == pytest.approx([each.summary["score"]["mean"] for each in two])
    assert point.episodes == 48
    assert found.tasks == 24
    for wrong, error, says in (
        (["score@user=scripted", "turns"], ConfigError, "names no user, and another one does"),
        (["score@user=scripted", "score@user=patient"], ConfigError, "is none of 'scripted', 'scripted, persona busy'"),
        (["score@user=busy", "score@user=s"], ConfigError, "could be any of"),
    ):
        with pytest.raises(error, match=says):
            draw_frontier(two, wrong)
    with pytest.raises(DataError, match="never_ask was not evaluated under the user 'scripted, persona busy'"):
        draw_frontier([*two, played["never_ask"]], names)
