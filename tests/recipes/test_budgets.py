"""A recipe with budgets: what its warm start is shown keeps within them, its models say what they were told, and settings that
cannot hold together are named."""

import re
from pathlib import Path

import pytest

import bao as package
from bao.errors import ConfigError
from bao.models.local import read_profile
from bao.policies.prompt import told_budget, told_price
from bao.progress import Silent
from bao.recipes import stages
from bao.recipes.recipe import Recipe, load_recipe
from bao.recipes.teaching import teach
from bao.train.demonstrations import Demonstration
from bao.train.tracking.metrics_log import read_metrics
from tests.recipes.test_stages import TINY


def recipe(*changes: str) -> Recipe:
    return load_recipe("quickstart", [*TINY, *changes])


def user_turns(demonstration: Demonstration) -> int:
    return sum(bool(re.search(r"\[(action|answer)\]", text)) for text, _, _ in demonstration.turns)


TOLD = ("sft.demonstrations=200", "sft.tasks=60", "sft.budgets=[0, 1, 2, 4]", "sft.single_turns=2")


def test_all_demonstrations_for_a_budget_are_within_it_and_a_share_is_for_budgets() -> None:
    lessons = teach(recipe(*TOLD), Silent())
    assert len(lessons.demonstrations) == 200
    assert lessons.first == 40
    assert "budgets 0, 1, 2, 4" in lessons.about
    told = [told_budget(each.system) for each in lessons.demonstrations]
    limited = [(budget, each) for budget, each in zip(told, lessons.demonstrations, strict=True) if budget is not None]
    assert told[:140] == [None] * 140
    assert len(limited) == 60
    assert all(user_turns(each) <= budget for budget, each in limited)
    assert {budget for budget, _ in limited} == {0, 1, 2, 4}
    assert any(told_price(each.system) is not None for _, each in limited)


def test_without_budgets_the_demonstrations_are_what_they_were() -> None:
    plain, limited = (teach(recipe(*TOLD[:2], *more), Silent()).demonstrations for more in ((), (TOLD[2],)))
    assert plain[:40] == limited[:40]
    assert not any(told_budget(each.system) is not None for each in plain)


def test_a_whole_tiny_run_tells_its_models_budgets_and_they_can_be_evaluated_at_them(tmp_path: Path) -> None:
    settings = recipe("sft.budgets=[0, 2]", "grpo.budgets=[1, 2]", "grpo.groups=4")
    start = stages.warm_start(settings, tmp_path / "sft", Silent())
    trained = stages.reinforce(settings, start, tmp_path / "bao", Silent())
    assert read_profile(start).budgets == read_profile(trained).budgets == (0, 1, 2)
    rows = read_metrics(tmp_path / "bao" / "metrics.jsonl")
    assert all({"score/b=1", "score/b=2", "score/w=0", "within_budget"} <= set(row) for row in rows)
    small = {"tasks": 3, "trajectory_tokens": 60, "turn_tokens": 12, "levels": [2]}
    found = package.evaluate(f"local:{trained}", budget=2, out=tmp_path / "eval", progress=False, **small)
    assert found.summary["budget"] == 2
    assert found.summary["within_budget"]["mean"] == 1  # it cannot write an action yet


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (("sft.budgets=[-1]",), r"sft\.budgets\.0=-1: .*greater than or equal to 0"),
        (("sft.budgets=[2]", "sft.selection=success"), r"budgets=\[2\] serve selection='hindsight' only"),
        (("sft.budgets=[2]", "sft.skill=0.8"), r"skill=0\.8 and budget_share=0\.3 leave no demonstration for prices"),
        (("sft.budgets=[2]", "grpo.conditioned=false", "grpo.effort_weights=[0.1]"), "told nothing knows no budget"),
        (("grpo.budgets=[2]", "grpo.conditioned=false", "grpo.effort_weights=[0.1]"), "told nothing knows no budget"),
        (("shaping.over_budget=-1",), r"shaping\.over_budget=-1: .*greater than or equal to 0"),
    ],
)
def test_settings_that_cannot_hold_together_are_named(changes: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        recipe(*changes)
