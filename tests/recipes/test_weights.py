"""Effort weights are found before anything is trained, stay those of the folder, and are warned of where they make no sense."""

import tomllib
from pathlib import Path

import pytest

from bao.errors import ConfigError
from bao.evaluation.prices import find_prices
from bao.gyms.section import task_set
from bao.gyms.travel import Travel
from bao.progress import Silent
from bao.recipes import stages
from bao.recipes.ablation import load_ablation, run_ablation
from bao.recipes.recipe import Recipe, check_recipe, load_recipe
from bao.recipes.weights import check_effort_weights, prices_of, reference_of, resolve
from bao.settings import AUTO
from bao.storage.folder import open_folder
from tests.recipes.test_stages import TINY
from tests.support.told_price import with_policies
from tests.support.watched import told


def recipe(*changes: str) -> Recipe:
    return load_recipe(
        "quickstart",
        [*TINY, "gym.levels=[2, 3, 4]", "grpo.tasks=30", "grpo.effort_weights=auto", "sft.selection=success", *changes],
    )


def test_auto_is_a_setting_like_any_other() -> None:
    auto = recipe()
    assert auto.grpo.effort_weights == AUTO
    assert check_recipe(auto.model_dump(mode="json", exclude_none=True)) == auto
    with pytest.raises(ConfigError, match="has not been resolved"):
        _ = auto.grpo.weights
    with pytest.raises(ConfigError, match=r"grpo.effort_weights='automatic': .*tuple"):
        recipe("grpo.effort_weights=automatic")


def test_the_weights_are_those_that_the_scripted_policies_suggest(tmp_path: Path) -> None:
    progress, watched = told()
    found = resolve(recipe(), progress, tmp_path)
    gym = recipe().gym
    assert found.grpo.weights == find_prices(gym, task_set(gym, "train", 30).tasks, Silent()).suggested
    assert len(found.grpo.weights) >= 3
    assert "effort weights found for travel: 0, 0." in watched.getvalue()
    assert resolve(recipe("grpo.effort_weights=[0.3]"), progress, tmp_path).grpo.weights == (0.3,)


def test_a_warm_start_in_hindsight_finds_prices_by_what_it_measures(tmp_path: Path) -> None:
    """The scripts tell of whole behaviours, the teacher's plays of every decision: they see trade-offs at dearer turns."""
    chosen = ("sft.selection=hindsight", "sft.tasks=300", "sft.plays=12")
    measured = resolve(recipe(*chosen), Silent(), tmp_path).grpo.weights
    assert measured[0] == 0.0
    assert len(measured) == 5
    assert max(measured) > 0.2


def test_a_folder_that_was_begun_keeps_its_weights_and_another_gyms_are_not_taken(tmp_path: Path) -> None:
    begun = resolve(recipe("grpo.effort_weights=[0.0, 0.07]"), Silent(), tmp_path)
    open_folder(tmp_path, begun.model_dump(mode="json", exclude_none=True))
    assert resolve(recipe(), Silent(), tmp_path).grpo.weights == (0.0, 0.07)
    assert resolve(recipe("gym.levels=[2, 3]"), Silent(), tmp_path).grpo.weights != (0.0, 0.07)
    (tmp_path / "config.toml").write_text("broken = ")
    assert resolve(recipe(), Silent(), tmp_path).grpo.weights != (0.0, 0.07)


def test_warm_start_and_reinforcement_agree_and_record_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warm = stages.warm_start(recipe("grpo.steps=1"), tmp_path / "sft", Silent())
    prompts = tomllib.loads((tmp_path / "sft" / "config.toml").read_text())["prompts"]
    expected = list(prices_of(recipe(), Silent()).suggested)
    assert prompts["effort_weights"] == expected
    # Even where the scripted policies have changed since, the weights are those of the warm start.
    with_policies(monkeypatch, Travel, ask_needed=None, ask_all=None)
    trained = stages.reinforce(recipe("grpo.steps=1"), warm, tmp_path / "bao", Silent())
    settings = tomllib.loads((tmp_path / "bao" / "config.toml").read_text())
    assert settings["grpo"]["effort_weights"] == expected
    before = trained.stat().st_mtime_ns
    assert stages.reinforce(recipe("grpo.steps=1"), warm, tmp_path / "bao", Silent()).stat().st_mtime_ns == before


def test_auto_needs_a_policy_that_is_told_the_price() -> None:
    with pytest.raises(ConfigError, match=r"grpo.effort_weights='auto' with grpo.conditioned=false"):
        resolve(recipe("grpo.conditioned=false"), Silent())


def test_arms_of_a_comparison_may_find_theirs(tmp_path: Path) -> None:
    text = 'name = "arms"\nbase = "quickstart"\nseeds = [0]\n[arms.one]\ngrpo.effort_weights = "auto"\n'
    (tmp_path / "arms.toml").write_text(text)
    arms = load_ablation(str(tmp_path / "arms.toml"))
    run_ablation(
        arms,
        tmp_path / "out",
        Silent(),
        (*TINY, "gym.levels=[2, 3, 4]", "grpo.tasks=30", "grpo.steps=1", "sft.selection=success"),
    )
    settings = tomllib.loads((tmp_path / "out" / "seed-0" / "one" / "bao" / "config.toml").read_text())
    assert settings["grpo"]["effort_weights"] == list(prices_of(recipe(), Silent()).suggested)


def warnings(*changes: str) -> str:
    progress, watched = told()
    check_effort_weights(recipe(*changes), progress)
    return watched.getvalue()


def test_prices_between_which_nothing_changes_hands_are_warned_of() -> None:
    text = (
        "no behaviour changes hands between the prices of this recipe, so a policy that does the same at all of them is right"
    )
    assert text in warnings("grpo.effort_weights=[0.0, 0.03, 0.05]")
    assert text not in warnings("grpo.effort_weights=[0.0, 0.2]")
    assert text not in warnings("grpo.effort_weights=[0.05]")
    suggested = prices_of(recipe(), Silent()).suggested
    assert warnings(f"grpo.effort_weights={list(suggested)}").count("no behaviour changes hands") == 0


def test_a_weight_at_which_no_script_acts_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    with_policies(monkeypatch, Travel, rational=None)
    assert "no scripted policy earns more by involving the user at 0.28 (that pays below 0.2" in warnings(
        "grpo.effort_weights=[0.0, 0.28]"
    )
    assert "no scripted policy earns" not in warnings("grpo.effort_weights=[0.0, 0.2]")


def test_an_oracle_that_hardly_needs_the_user_leaves_the_bound_finite() -> None:
    """Tau's oracle earns 1 for .2 turns: its ratio says that turns pay up to a price of four whole tasks."""
    tables: dict[str, dict[str, object]] = {"gym": {"name": "tau"}, "grpo": {"tasks": 40}, "sft": {"selection": "success"}}
    for weight, refused in ((0.99, False), (1.0, True)):
        tables["grpo"]["effort_weights"] = [0.0, weight]
        if refused:
            with pytest.raises(ConfigError, match=r"effort_weight=1 .*choose weights in \[0, 1\)"):
                check_effort_weights(check_recipe(tables), Silent())
        else:
            assert 0.1 < check_effort_weights(check_recipe(tables), Silent()).largest < 0.4


def test_the_scripts_are_the_reference_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    with_policies(monkeypatch, Travel, rational=None)
    with_weights = recipe("grpo.effort_weights=[0.0, 0.25]")
    found = check_effort_weights(with_weights, Silent())
    reference = reference_of(with_weights, found)
    assert reference[0.0].user_effort > 3
    assert (reference[0.25].task_return, reference[0.25].user_effort) == (0.0, 0.0)
