"""The core needs no torch, and each of its modules can be imported first."""

import subprocess
import sys

import pytest

CORE = (
    "bao",
    "bao.action",
    "bao.recipes.recipe",
    "bao.train.credit",
    "bao.train.shaping",
    "bao.storage.episodes",
    "bao.policies.prompt",
    "bao.gyms.travel",
    "bao.gyms.travel.agents",
    "bao.gyms.function",
    "bao.gyms.travel.scripted",
    "bao.policies.scripted",
    "bao.rollout.episodes",
    "bao.train.demonstrations",
    "bao.measures",
    "bao.pareto",
)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)


def test_importing_bao_needs_no_torch() -> None:
    done = run("import bao, sys; assert 'torch' not in sys.modules; assert 'transformers' not in sys.modules")
    assert done.returncode == 0, done.stderr


def test_no_module_of_the_core_needs_torch() -> None:
    done = run(f"import sys; sys.modules['torch'] = None\nfor name in {CORE!r}: __import__(name)")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["bao.gyms.travel.scripted", "bao.gyms.travel.catalogue", "bao.train.demonstrations"])
def test_a_module_can_be_imported_before_the_others(name: str) -> None:
    done = run(f"import {name}")
    assert done.returncode == 0, done.stderr


def test_all_that_bao_offers_is_there() -> None:
    done = run("import bao; print([name for name in bao.__all__ if not hasattr(bao, name)])")
    assert done.stdout.strip() == "[]", done.stderr
