"""What the warm start is shown: the plays of a scripted teacher or of anybody who was evaluated, and what is doubtful there."""

from itertools import pairwise
from pathlib import Path

import pytest

import bao
from bao.errors import ConfigError
from bao.policies.prompt import told_price
from bao.recipes.recipe import Recipe, check_recipe
from bao.recipes.teaching import measured_behaviours, teach
from tests.support.watched import told

TASKS = 120


def recipe(**sft: object) -> Recipe:
    settings = {"demonstrations": 60, "tasks": TASKS, "plays": 12, **sft}
    return check_recipe({"gym": {"name": "travel", "levels": [2]}, "model": {"prompt": "brief"}, "sft": settings})


def shown(chosen: Recipe) -> tuple[list[float | None], str]:
    progress, watched = told()
    return [told_price(each.system) for each in teach(chosen, progress).demonstrations], watched.getvalue()


@pytest.fixture(scope="module")
def plays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripted teacher, evaluated on training tasks as any policy can be."""
    out = tmp_path_factory.mktemp("plays")
    bao.evaluate("scripted:teacher", gym="travel", levels=[2], split="train", tasks=TASKS, rollouts=12, out=out)
    return out


def test_a_scripted_teacher_is_played_and_prices_are_told() -> None:
    prices, watched = shown(recipe(skill=0.25))
    assert prices[:15] == [None, 0.0] * 7 + [None]
    assert all(price is not None for price in prices[15:])
    assert len(set(prices)) > 15
    assert watched == ""


@pytest.mark.parametrize("situations", ["thinking", "belief", "clusters"])
def test_the_plays_of_any_evaluated_policy_can_be_imitated(plays: Path, situations: str) -> None:
    prices, _ = shown(recipe(episodes=str(plays), situations=situations))
    assert len(prices) == 60
    assert max(price for price in prices if price is not None) > 0.2


def test_plays_of_other_tasks_are_refused(plays: Path, tmp_path: Path) -> None:
    progress, _ = told()
    with pytest.raises(ConfigError, match=r"sft\.episodes=.* which is none of the first 20 training tasks of travel"):
        teach(recipe(episodes=str(plays), tasks=20), progress)
    with pytest.raises(ConfigError, match=r"sft\.episodes: .*holds no evaluation"):
        teach(recipe(episodes=str(tmp_path)), progress)


def test_a_teacher_that_never_asks_is_named_for_it() -> None:
    _, watched = shown(recipe(teacher="never_ask"))
    assert "the teacher hardly ever takes the action action or finish" in watched.replace("\n", " ")


def test_acting_best_by_the_measured_values_takes_less_of_the_user_at_higher_prices() -> None:
    found = measured_behaviours(recipe())
    efforts = [each.user_effort for each in found]
    assert efforts[0] > 3.3
    assert efforts[-1] < 1.0
    assert all(before >= after - 1e-6 for before, after in pairwise(efforts))
    assert found[0].task_return > 0.95


def test_episodes_that_would_not_be_imitated_are_refused(plays: Path) -> None:
    with pytest.raises(ConfigError, match=r"episodes=.* serves selection='hindsight' only, not 'success'"):
        recipe(episodes=str(plays), selection="success")
    with pytest.raises(ConfigError, match=r"sft\.episodes=.* with grpo\.conditioned=false"):
        check_recipe({"grpo": {"conditioned": False, "effort_weights": [0.0]}, "sft": {"episodes": str(plays)}})
