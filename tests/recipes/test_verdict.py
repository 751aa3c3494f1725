"""A run that failed is told so: policies made to fail, each named; and one that does well is not."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bao.evaluation.evaluate import evaluate
from bao.evaluation.overview import WORTH, worth_by_user, write_worth
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob, EvaluationSection
from bao.gyms.section import GymSection, task_set
from bao.gyms.travel import Travel
from bao.pareto.worth import ENVELOPE, Worth
from bao.progress import Silent
from bao.recipes.run import run_recipe
from bao.recipes.verdict import VERDICT, Failure, Verdict, judge, judge_training, write_verdict
from bao.reporting.terminal import TerminalProgress
from bao.train.collapse import Reference
from bao.train.tracking.metrics_log import MetricsLog
from tests.recipes.test_stages import recipe, told
from tests.support.told_price import thrifty, with_policies
from tests.train.test_collapse import SCRIPTS as REACHABLE
from tests.train.test_collapse import Behaving, rows

PRICES = (0.0, 0.1, 0.3)
SCRIPTS = ("ask_all", "ask_needed", "never_ask", "oracle", "random")


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, EvaluationResult]:
    """The scripted policies of travel on 40 tasks, and one that finishes at once."""
    out, section = tmp_path_factory.mktemp("eval"), GymSection(name="travel", levels=(2, 3, 4))
    job = EvaluationJob(section, task_set(section, "test", 40), EvaluationSection(resamples=400))
    found = {name: evaluate(f"scripted:{name}", job, {None: out / name}, Silent())[0] for name in SCRIPTS}
    with pytest.MonkeyPatch.context() as patched:
        with_policies(patched, Travel, rational=thrifty)
        dear = evaluate("scripted:rational", job, {0.2: out / "silent"}, Silent())[0]
    return {**found, "silent": dear}


Evaluated = Mapping[str, EvaluationResult]


def tabled(evaluated: Evaluated, prices: tuple[float, ...] = PRICES, **policies: tuple[str, ...]) -> Worth:
    """`policies`: which of the evaluations each is at each of the `prices`."""
    points = {
        name: {price: evaluated[each].label for price, each in zip(prices, played, strict=True)}
        for name, played in policies.items()
    }
    (found,) = worth_by_user(list(evaluated.values()), points=points, resamples=400)
    return found


def failures(evaluated: Evaluated, bao: tuple[str, str, str], sft: tuple[str, str, str]) -> dict[Failure, Verdict]:
    return {each.failure: each for each in judge(tabled(evaluated, bao=bao, sft=sft), "bao", "sft")}


GOOD = ("ask_needed", "ask_needed", "silent")


def test_a_policy_that_does_what_is_best_at_each_price_fails_in_nothing(evaluated: Evaluated) -> None:
    assert failures(evaluated, GOOD, ("ask_all",) * 3) == {}


def test_one_that_does_the_same_at_all_prices_has_learned_no_trade_off(evaluated: Evaluated) -> None:
    found = failures(evaluated, ("ask_needed",) * 3, ("ask_needed",) * 3)
    assert list(found) == [Failure.NO_TRADE_OFF, Failure.BELOW_SCRIPTS]
    told = str(found[Failure.NO_TRADE_OFF])
    assert told.startswith("bao: no trade-off learned (user turns at the price 0 less those at 0.3: 0.000 [0.000, 0.000]")
    assert "change hands at 0.1" in told
    assert "surely at 0.3)" in str(found[Failure.BELOW_SCRIPTS])


def test_one_that_asks_more_where_it_is_dear_has_learned_none_either(evaluated: Evaluated) -> None:
    assert Failure.NO_TRADE_OFF in failures(evaluated, ("silent", "ask_needed", "ask_needed"), ("silent",) * 3)


def test_prices_between_which_nothing_changes_ask_for_no_trade_off(evaluated: Evaluated) -> None:
    told = dict.fromkeys(("bao", "sft"), ("ask_needed", "ask_needed"))
    assert judge(tabled(evaluated, (0.0, 0.05), **told), "bao", "sft") == []


def test_a_policy_of_a_single_price_has_nothing_to_trade(evaluated: Evaluated) -> None:
    found = tabled(evaluated, (0.1,), bao=("silent",), sft=("never_ask",))
    assert [each.failure for each in judge(found, "bao", "sft")] == [Failure.BELOW_SCRIPTS, Failure.BELOW_START]


def test_one_that_was_better_before_reinforcement_is_below_its_warm_start(evaluated: Evaluated) -> None:
    found = failures(evaluated, ("never_ask", "never_ask", "silent"), GOOD)
    assert set(found) == {Failure.BELOW_START, Failure.BELOW_SCRIPTS}
    assert "surely at 0, 0.1" in found[Failure.BELOW_START].seen
    assert failures(evaluated, GOOD, GOOD) == {}


def test_the_oracle_is_no_script_to_be_held_against(evaluated: Evaluated) -> None:
    found = tabled(evaluated, bao=GOOD)
    assert found.told is not None
    assert found.rules == ("ask_needed", "ask_needed", "silence")
    assert found.told.regret["bao"][ENVELOPE].mean.mean == 0


def test_a_collapse_that_training_ended_in_is_part_of_the_verdict(tmp_path: Path) -> None:
    good = dict.fromkeys(REACHABLE, 3) | {0.4: 0}
    with MetricsLog(tmp_path) as log:
        for step, row in enumerate(rows(Behaving(good, varies=0.1)), start=1):
            log.write(step, row)
    assert judge_training(tmp_path, "bao", REACHABLE) == []
    with MetricsLog(tmp_path, 3) as log:
        for step, row in enumerate(rows(Behaving(dict.fromkeys(REACHABLE, 0), varies=0.1)), start=4):
            log.write(step, row)
    (found,) = judge_training(tmp_path, "bao", REACHABLE)
    assert found.failure is Failure.COLLAPSED
    assert found.seen.startswith("silence: hardly a user turn")
    assert judge_training(tmp_path / "nowhere", "bao", {0.0: Reference(1.0, 3.0)}) == []


def test_files_hold_what_was_found(evaluated: Evaluated, tmp_path: Path) -> None:
    found = tabled(evaluated, bao=("ask_needed",) * 3, sft=GOOD)
    write_worth([found], tmp_path)
    (content,) = json.loads((tmp_path / WORTH).read_text())["users"]
    assert content == json.loads(json.dumps(found.to_json()))
    assert content["told"]["prices"] == list(PRICES)
    assert set(content["told"]["worth"]) == {"bao", "sft", ENVELOPE}
    write_verdict(judge(found, "bao", "sft"), tmp_path)
    kept = json.loads((tmp_path / VERDICT).read_text())["failures"]
    assert [each["failure"] for each in kept] == [
        "no trade-off learned",
        "below the best scripted rule",
        "below its warm start",
    ]


def test_a_run_says_how_it_failed_in_its_folder_on_the_terminal_and_in_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that cannot write an action, on a gym whose ``rational`` reads the price."""
    with_policies(monkeypatch, Travel, rational=thrifty)
    progress, watched = told()
    assert isinstance(progress, TerminalProgress)
    settings = recipe("sft.demonstrations=2", "grpo.effort_weights=[0.0, 0.3]", "grpo.steps=3", "gym.levels=[3]")
    done = run_recipe(settings, tmp_path, progress)
    assert {each.failure for each in done.verdicts} == {Failure.NO_TRADE_OFF, Failure.BELOW_SCRIPTS, Failure.COLLAPSED}
    page = done.report.read_text()
    for each in done.verdicts:
        assert str(each) in watched.getvalue()
        assert each.failure in page
    kept = json.loads((tmp_path / VERDICT).read_text())["failures"]
    assert [each["failure"] for each in kept] == [each.failure for each in done.verdicts]
    (worth,) = json.loads((tmp_path / WORTH).read_text())["users"]
    assert worth == json.loads(json.dumps(done.worth.to_json()))
    regret = worth["told"]
    assert regret["prices"] == [0.0, 0.3]
    assert set(regret["worth"]) == {"sft", "bao", "rational", ENVELOPE}
    assert regret["worth"]["bao"]["at"][0]["mean"] == 0
    assert regret["regret"]["bao"]["rational"]["at"][0]["mean"] == regret["worth"]["rational"]["at"][0]["mean"] > 0.9
    assert regret["regret"]["bao"]["rational"]["at"][1]["mean"] == 0
    assert regret["rules"][1] == "silence"
    labels = [each.label for each in done.evaluations]
    assert labels[-2:] == ["rational w=0", "rational w=0.3"]
