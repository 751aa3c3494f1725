"""`bao gyms` and `bao check`: what is there, and whether it is sound."""

import json
from pathlib import Path

from bao.checks import CAUTIONS, PROOFS
from bao.recipes.recipe import load_recipe
from tests.cli.support import Bao, run

GYMS = ("function", "intention", "persuade", "search", "tau", "telepathy", "travel", "turtle")


def test_gyms_are_listed_with_splits_kinds_user_kinds_and_users(bao: Bao, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in json.loads(bao("gyms", "--json").out)}
    assert set(GYMS) <= set(rows)
    travel = rows["travel"]
    assert set(travel["tasks"]) == {"train", "valid", "test"}
    assert set(travel["kinds"]) == {"action", "search", "answer", "finish"}
    assert travel["conventions"] == {"everyday": ["action", "answer"], "paper": ["answer"]}
    assert all(rows[name]["users"][0] == "scripted" for name in GYMS)
    assert {name for name in GYMS if "llm" in rows[name]["users"]} == set(GYMS) - {"function"}
    assert "nothing for a language model to do" in rows["function"]["no_llm"]
    view = run("gyms", cwd=tmp_path).out
    assert "scripted (not llm: arithmetic" in " ".join(view.split())
    for text in ("travel", "function", "1000 train", "action, answer (convention everyday, the default)", "scripted:ask_all"):
        assert text in view


def test_check_gym_prints_every_proof_and_that_it_holds(bao: Bao) -> None:
    done = bao("check", "gym", "turtle")
    assert done.status == 0, done.out
    assert "FAIL" not in done.out
    assert done.out.count("ok ") == len(PROOFS) + len(CAUTIONS)
    assert "ok   the test split has at least 40 clusters: 47 tasks in 47 clusters" in done.out
    assert "the oracle solves test" in done.out


def test_check_recipe_prints_a_recipe_that_loads_as_the_same(tmp_path: Path, bao: Bao) -> None:
    done = bao("check", "recipe", "quickstart", "--set", "grpo.steps=7", "--set", "grpo.effort_weights=[0.0, 0.1]")
    (tmp_path / "copy.toml").write_text(done.out)
    assert load_recipe(tmp_path / "copy.toml") == load_recipe("quickstart", ["grpo.steps=7", "grpo.effort_weights=[0.0, 0.1]"])
