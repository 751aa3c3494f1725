"""`bao prices`: where a gym's behaviours change hands."""

import json
from pathlib import Path

import pytest

from bao.evaluation.prices import find_prices
from bao.gyms.section import GymSection, task_set
from bao.gyms.travel import Travel
from bao.pareto.prices import SILENCE
from bao.progress import Silent
from bao.recipes.weights import resolve
from tests.cli.support import Bao, refused
from tests.recipes.test_stages import recipe, settings
from tests.support.gyms import episodes


def test_the_command_prints_who_is_best_from_which_price_on(bao: Bao) -> None:
    done = bao("prices", "--gym", "travel", "--levels", "2", "3", "--tasks", "40")
    assert done.status == 0, done.error
    assert "level 3" in done.out
    assert "ask_needed" in done.out
    assert "grpo.effort_weights = [0, " in done.out
    told = json.loads(bao("prices", "--gym", "travel", "--levels", "2", "3", "--tasks", "40", "--json").out)
    section = GymSection(name="travel", levels=(2, 3))
    prices = find_prices(section, task_set(section, "train", 40).tasks, Silent())
    assert told == json.loads(json.dumps(prices.to_json()))
    assert told["overall"]["reigns"][-1] == {
        "name": SILENCE,
        "low": prices.overall.largest,
        "high": None,
        "task_return": 0.0,
        "user_effort": 0.0,
    }
    # A gym with fewer tasks than are asked for plays all it has.
    assert json.loads(bao("prices", "--gym", "travel", "--tasks", "100000000", "--split", "test", "--json").out)[
        "tasks"
    ] == len(episodes(Travel, "never_ask"))


def test_the_command_names_what_it_cannot_do(bao: Bao) -> None:
    refused(bao("prices", "--gym", "travle"), "did you mean 'travel'")
    refused(bao("prices", "--tasks", "0"), "--tasks 0 must be at least 1")
    refused(bao("prices", "--set", "grpo.steps=3"), "grpo.. is no setting of a gym")
    refused(bao("prices", "--set", "gym.nme=3"), "nme is no setting: did you mean 'name'")


def test_evaluated_policies_are_behaviours_too(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    assert bao("eval", "scripted:never_ask", "--tasks", "10", "--out", tmp_path / "never_ask").status == 0
    told = json.loads(bao("prices", evaluated, tmp_path / "never_ask", "--json").out)
    measured = {
        folder.name: json.loads((folder / "summary.json").read_text())
        for folder in (evaluated / "ask_all", tmp_path / "never_ask")
    }
    assert told["behaviours"] == [
        {
            "name": name,
            "task_return": pytest.approx(summary["score"]["mean"]),
            "user_effort": pytest.approx(summary["user_effort"]["mean"]),
        }
        for name, summary in measured.items()
    ], "the oracle knows the task, and takes no part"
    assert (told["tasks"], told["of"], told["suggested"][0]) == (10, "evaluated policies", 0)
    assert set(told["levels"]) == {"2", "3", "4", "5"}


def test_a_recipe_shows_what_its_prices_are_found_by(bao: Bao, tmp_path: Path) -> None:
    own = ("grpo.effort_weights=auto", "sft.selection=hindsight", "sft.tasks=60", "sft.plays=4")
    done = bao("prices", "--recipe", "quickstart", *settings(*own), "--json")
    assert done.status == 0, done.error
    told = json.loads(done.out)
    assert any(each["name"].startswith("measured at") for each in told["measured"])
    found = resolve(recipe(*own), Silent(), tmp_path)
    assert told["suggested"] == list(found.grpo.weights)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("prices ask_all --gym travel", ("--gym tells nothing to evaluations", "leave it out")),
        ("prices ask_all --recipe quickstart", ("--recipe tells nothing to evaluations",)),
        ("prices --recipe quickstart --tasks 3", ("--tasks tells nothing to --recipe",)),
        ("prices oracle", ("know the tasks",)),
        ("prices nowhere", ("nowhere holds no evaluation",)),
    ],
)
def test_what_does_not_go_together_is_named(
    bao: Bao, evaluated: Path, monkeypatch: pytest.MonkeyPatch, line: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(evaluated)
    refused(bao(*line.split()), *parts)
