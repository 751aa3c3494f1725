"""A recipe is complete and checked before anything runs: each mistake is named with its key, its value and the fix."""

from pathlib import Path

import pytest

from bao.errors import ConfigError
from bao.policies.prompt import PromptForm
from bao.recipes.ablation import is_ablation, load_ablation
from bao.recipes.recipe import Recipe, check_recipe, load_recipe, recipe_names
from bao.train.penalties import PenaltyVariant


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\n[grpo]\nsteps = 7\neffort_weights = [0.0, 0.3]\n', encoding="utf-8")
    return path


def test_every_bundled_recipe_loads() -> None:
    assert {"quickstart", "small", "ablation", "behaviours", "regularisers", "penalties", "scale"} <= set(recipe_names())
    for name in recipe_names():
        if is_ablation(name):
            ablation = load_ablation(name)
            assert all(isinstance(ablation.recipe(arm, seed), Recipe) for arm in ablation.changes for seed in ablation.seeds)
        else:
            assert isinstance(load_recipe(name), Recipe)


def test_a_recipe_of_arms_is_sent_to_the_command_that_runs_it() -> None:
    with pytest.raises(ConfigError, match="bao run ablation"):
        load_recipe("ablation")


def test_arms_differ_in_the_named_settings_only() -> None:
    ablation = load_ablation("ablation")
    base = ablation.recipe("thinking+turn_credit+told_price", 1).model_dump()
    plain = ablation.recipe("turn_credit+told_price", 1).model_dump()
    assert plain["sft"].pop("thinking") is False
    assert base["sft"].pop("thinking") is True
    assert {k: v for k, v in plain.items() if k != "name"} == {k: v for k, v in base.items() if k != "name"}


def test_the_regularisers_are_compared_at_one_setting_of_everything_else() -> None:
    ablation = load_ablation("regularisers")
    recipes = {arm: ablation.recipe(arm, 0) for arm in ablation.arms}
    base = recipes["none"].model_dump(exclude={"name", "shaping"})
    assert all(recipe.model_dump(exclude={"name", "shaping"}) == base for recipe in recipes.values())
    built = {arm: (recipe.shaping.build(), recipe.shaping.intrinsic()) for arm, recipe in recipes.items()}
    assert [arm for arm, (_, infopo) in built.items() if infopo] == ["infopo", "infopo_open"]
    assert [arm for arm, (shaping, _) in built.items() if shaping.ig_coefficient] == ["information_gain"]
    assert [arm for arm, (shaping, _) in built.items() if shaping.is_coefficient] == ["paper", "reference_code"]
    assert {shaping.variant for shaping, _ in built.values()} == set(PenaltyVariant)
    assert len({repr(each) for each in built.values()}) == len(built) == 6


def test_what_a_file_does_not_set_keeps_its_default(recipe_file: Path) -> None:
    recipe = load_recipe(recipe_file)
    assert (recipe.name, recipe.grpo.steps, recipe.grpo.effort_weights) == ("mine", 7, (0.0, 0.3))
    assert recipe.grpo.groups == Recipe().grpo.groups
    assert recipe.sft == Recipe().sft


def test_overrides_are_toml_values_and_win_over_the_file(recipe_file: Path) -> None:
    recipe = load_recipe(
        recipe_file,
        [
            "grpo.steps=20",
            "grpo.effort_weights=[0.1]",
            "grpo.conditioned=false",
            "name=bare words",
            'model.prompt="full"',
            "model.path=models/small",
            "gym.settings.horizon=9",
            "gym.settings.convention=paper",
            "shaping.unparsable=0.25",
        ],
    )
    assert (recipe.grpo.steps, recipe.grpo.effort_weights, recipe.grpo.conditioned) == (20, (0.1,), False)
    assert (recipe.name, recipe.model.prompt, recipe.model.path) == ("bare words", PromptForm.FULL, "models/small")
    assert recipe.gym.settings == {"horizon": 9, "convention": "paper"}
    assert recipe.shaping.unparsable == 0.25


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("grpo.step=20", "grpo.step is no setting: did you mean 'steps'"),
        ("gpro.steps=20", "gpro is no setting: did you mean 'grpo'"),
        ("model.kvheads=2", "model.kvheads is no setting: did you mean 'kv_heads'"),
        ("seed=-1", "seed=-1: .*greater than or equal to 0"),
        ("grpo.group_size=1", "grpo.group_size=1: .*greater than or equal to 2"),
        ("grpo.steps=many", "grpo.steps='many': .*valid integer"),
        ("grpo.steps=", "grpo.steps='': .*valid integer"),
        ("grpo.learning_rate=inf", "grpo.learning_rate=inf: .*finite"),
        ("grpo.learning_rate=nan", "grpo.learning_rate=nan"),
        ("grpo.effort_weights=[]", r"grpo.effort_weights=\[\]: .*at least 1 item"),
        ("grpo.effort_weights=[0.1, -0.2]", "grpo.effort_weights.1=-0.2: .*greater than or equal to 0"),
        ("evaluation.effort_weights=[-1]", "evaluation.effort_weights.0=-1: .*greater than or equal to 0"),
        ("evaluation.split=tests", "evaluation.split='tests': .*'train', 'valid' or 'test'"),
        ("credit.gamma=1.5", "credit.gamma=1.5: .*less than or equal to 1"),
        ("credit.estimator=best", "credit.estimator='best'"),
        ("shaping.variant=published", "shaping.variant='published'"),
        ("shaping.information_bits=0", "shaping.information_bits=0: .*greater than 0"),
        ("shaping.infopo=-0.5", "shaping.infopo=-0.5: .*greater than or equal to 0"),
        ("shaping.infopo_gate=0", "shaping.infopo_gate=0: .*greater than 0"),
        ("model.heads=3", "model: heads=3 must be a multiple of kv_heads=2"),
        ("model.hidden=100", "model: hidden=100 must be a multiple of twice heads=4"),
        ("gym=travel", "gym='travel'"),
        ("steps", "override 'steps' is no KEY=VALUE"),
        ("name.first=x", "override 'name.first=x': name is a value, not a section"),
    ],
)
def test_a_wrong_setting_is_named_with_key_value_and_fix(recipe_file: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(recipe_file, [override])


def test_every_mistake_gets_a_line_of_its_own() -> None:
    with pytest.raises(ConfigError) as raised:
        check_recipe({"sed": 1, "grpo": {"steps": 0, "clip": 0}}, "mine.toml")
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("mine.toml: ") for line in lines)


def test_a_recipe_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no recipe at .*absent\.toml: give a TOML file or one of"):
        load_recipe(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="recipe 'quikstart' is unknown"):
        load_recipe("quikstart")
    (tmp_path / "broken.toml").write_text("name = \n")
    with pytest.raises(ConfigError, match=r"broken\.toml is no valid TOML: .*line 1"):
        load_recipe(tmp_path / "broken.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "caf\xe9"')
    with pytest.raises(ConfigError, match=r"latin\.toml is no UTF-8 text .* at byte 11"):
        load_recipe(tmp_path / "latin.toml")


def test_a_recipe_cannot_be_changed_once_loaded() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Recipe().seed = 3


def test_the_shaping_section_becomes_the_shaping() -> None:
    section = check_recipe({"shaping": {"turns": 0.1, "premature": 0.2, "variant": "paper"}}).shaping
    shaping = section.build()
    assert (shaping.costs.turns, shaping.costs.premature, shaping.costs.unparsable) == (0.1, 0.2, None)
    assert shaping.variant is PenaltyVariant.PAPER


@pytest.mark.parametrize("section", ["grpo", "evaluation"])
def test_trajectories_too_long_for_the_embedded_model_are_refused_at_once(section: str) -> None:
    with pytest.raises(ConfigError, match=rf"quickstart: {section}\.trajectory_tokens=2048 leaves no room"):
        load_recipe("quickstart", [f"{section}.trajectory_tokens=2048"])
    assert load_recipe("quickstart", [f"{section}.trajectory_tokens=4000", 'model.path="somewhere"']).model.path == "somewhere"
