"""Arms compared over seeds: worked numbers, and recipes of factors."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bao.cli.judging import ablation_sheet
from bao.errors import ConfigError
from bao.gyms.section import make_gym
from bao.recipes.ablation import load_ablation
from bao.recipes.contrasts import contrast, differences, effects, means, over_seeds
from tests.support.narrow import assert_whole, printed


def test_the_interval_over_seeds_is_students() -> None:
    # mean 2, standard deviation 1, three seeds: 2 +- 4.302653 / sqrt(3)
    assert over_seeds([1.0, 2.0, 3.0]) == pytest.approx({"mean": 2.0, "low": 2 - 2.484138, "high": 2 + 2.484138}, abs=1e-5)
    assert over_seeds([2.0]) == {"mean": 2.0, "low": 2.0, "high": 2.0}


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=12).filter(lambda x: np.std(x) > 1e-3))
def test_a_contrast_is_tested_as_scipy_does(values: list[float]) -> None:
    found = contrast(values, margin=0.5)
    assert found["p"] == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=1e-9)
    one_sided = max(
        stats.ttest_1samp(values, 0.5, alternative="less").pvalue, stats.ttest_1samp(values, -0.5, alternative="greater").pvalue
    )
    assert found["equivalent"] == (one_sided < 0.05)


def test_values_without_spread_are_certain() -> None:
    assert contrast([0.0, 0.0])["p"] == 1.0
    assert contrast([0.1, 0.1])["p"] == 0.0
    assert contrast([0.1, 0.1], margin=0.2)["equivalent"] == 1.0
    assert "p" not in contrast([0.1])


def test_differences_are_by_seed_and_adjusted_over_the_arms() -> None:
    runs = {
        "first": [{"worth": 1.0}, {"worth": 2.0}, {"worth": 3.0}],
        "near": [{"worth": 0.9}, {"worth": 1.9}, {"worth": 3.1}],
        "far": [{"worth": 0.4}, {"worth": 1.5}, {"worth": 2.6}],
    }
    found = differences(runs, ["worth"], {"worth": 0.3})
    assert {arm: row["worth"]["mean"] for arm, row in found.items()} == pytest.approx({"near": 1 / 30, "far": 0.5})
    assert found["far"]["worth"]["p_holm"] == pytest.approx(2 * found["far"]["worth"]["p"])
    assert found["near"]["worth"]["p_holm"] == pytest.approx(found["near"]["worth"]["p"])
    assert [row["worth"]["equivalent"] for row in found.values()] == [1.0, 0.0]


def test_the_effect_of_a_factor_is_its_mean_over_the_levels_of_the_others() -> None:
    levels = {f"{a}{b}": {"a": a == "A", "b": b == "B"} for a in "Aa" for b in "Bb"}
    # a adds 1 alone and 3 beside b; b adds 0.5 alone and 2.5 beside a; the second seed is 10 higher throughout.
    worth = {"AB": 3.5, "Ab": 1.0, "aB": 0.5, "ab": 0.0}
    runs = {arm: [{"worth": value}, {"worth": value + 10}] for arm, value in worth.items()}
    found = effects(runs, levels, ["worth"], {})
    assert found["a"]["worth"]["mean"] == pytest.approx(2.0)
    assert found["b"]["worth"]["mean"] == pytest.approx(1.5)


NAMES = ["worth", "score", "user_effort"]
FACTORS = """
name = "two"
base = "quickstart"
seeds = [0]
settings.sft.demonstrations = 100
[factors.thinking]
sft.thinking = false
[factors.told]
grpo.conditioned = false
grpo.effort_weights = [0.1]
sft.tasks = 50
[margins]
worth = 0.01
"""


def test_factors_make_every_combination_an_arm(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(FACTORS)
    ablation = load_ablation(str(tmp_path / "two.toml"))
    assert list(ablation.changes) == ["thinking+told", "thinking", "told", "plain"]
    recipes = {arm: ablation.recipe(arm, 3) for arm in ablation.changes}
    assert [recipe.sft.thinking for recipe in recipes.values()] == [True, True, False, False]
    assert [recipe.grpo.conditioned for recipe in recipes.values()] == [True, False, True, False]
    assert [recipe.sft.tasks for recipe in recipes.values()] == [2500, 50, 2500, 50]
    assert {recipe.sft.demonstrations for recipe in recipes.values()} == {100}
    assert {recipe.seed for recipe in recipes.values()} == {3}


def test_an_arm_changes_one_setting_of_a_nested_table_and_keeps_the_others(tmp_path: Path) -> None:
    text = 'name = "n"\nbase = "small"\nseeds = [0]\nsettings.gym.settings = {horizon = 12, persona = {mistakes = 0.2}}\n'
    (tmp_path / "n.toml").write_text(text + "[arms.vague]\ngym.settings.persona.vagueness = 0.1\n")
    ablation = load_ablation(str(tmp_path / "n.toml"))
    gym = ablation.recipe("vague", 0, ("gym.settings.persona.mistakes=0.4",)).gym
    assert gym.settings == {"horizon": 12, "persona": {"mistakes": 0.4, "vagueness": 0.1}}


def test_the_scales_are_compared_under_a_user_who_errs() -> None:
    ablation = load_ablation("scale")
    recipes = {arm: ablation.recipe(arm, 0) for arm in ablation.changes}
    assert [str(recipe.credit.scale) for recipe in recipes.values()] == ["batch", "group", "none"] == list(recipes)
    assert all(make_gym(recipe.gym).persona.mistakes == 0.2 for recipe in recipes.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nbase = "quickstart"\nseeds = [0]\narms = {}\n', "name the arms"),
        (FACTORS + "[arms.one]\n", "one of the two"),
        (FACTORS.replace("seeds = [0]", "seeds = []"), "seeds"),
        (FACTORS + "elegance = 1.0\n", "margins.elegance"),
        (FACTORS + "".join(f"[factors.f{i}]\n" for i in range(4)), "6 factors make 64 arms"),
        (FACTORS.replace("sft.tasks", "sft.task"), "sft.task"),
    ],
)
def test_what_is_wrong_with_arms_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_ablation(str(tmp_path / "bad.toml"))


def test_the_table_of_arms_holds_every_number_whole_at_any_width() -> None:
    names = [*NAMES, "hypervolume"]
    arms = {"thinking+turn_credit+told_price": 0.5, "plain": 0.25}
    runs = {arm: [dict.fromkeys(names, value + seed / 100) for seed in range(3)] for arm, value in arms.items()}
    result = {
        "seeds": [0, 1, 2],
        "means": means(runs, names),
        "differences": differences(runs, names, {"worth": 0.3}),
        "effects": {},
    }
    for width in (60, 80):
        assert_whole(printed(ablation_sheet(result), width), printed(ablation_sheet(result), width, wide=True), width)
    text = printed(ablation_sheet(result), 120)
    half = 4.302653 * 0.01 / 3**0.5
    assert text.count(f"0.510 ±{half:.3f}") == text.count(f"0.260 ±{half:.3f}") == 3
    assert f"+0.250 ±{0:.3f} *=" in text
    assert text.count("+0.250 ±0.000 * ") == 2
    assert "hypervolume" not in text
    assert "hypervolume" in printed(ablation_sheet(result, wide=True), 80, wide=True)
