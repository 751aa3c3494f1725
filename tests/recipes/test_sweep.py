"""A sweep compares strategies at equal numbers of trajectories, decides once, and goes on where it was killed."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bao
from bao.errors import ConfigError, DataError, RunError
from bao.evaluation.evaluate import evaluate
from bao.evaluation.settings import EvaluationJob
from bao.gyms.section import task_set
from bao.progress import Silent
from bao.recipes.recipe import Recipe
from bao.recipes.sweep.child import Child, Work, deciding_recipe
from bao.recipes.sweep.outcome import outcome
from bao.recipes.sweep.plan import SWEEP, Plan
from bao.recipes.sweep.processes import run_pieces
from bao.recipes.sweep.settings import Strategy, Sweep, jobs_of, make_sweep
from bao.recipes.weights import resolve
from bao.storage.folder import open_folder
from tests.recipes.test_stages import comparable, environment, recipe, settings, wait_for_rows
from tests.support.pieces import Piece

ALL = tuple(str(each) for each in Strategy)
PRICES = "grpo.effort_weights=[0.0, 0.1, 0.2, 0.3]"


def sweep(*strategies: str, seeds: Sequence[int] = (0,), budget: int | None = None, changes: Sequence[str] = ()) -> Sweep:
    return make_sweep(recipe(PRICES, "grpo.steps=9", *changes), strategies or ALL, seeds, budget)


# What is compared.


@given(steps=st.integers(3, 60), groups=st.integers(1, 9), size=st.integers(2, 6), prices=st.integers(2, 3))
def test_every_strategy_plays_as_many_trajectories_as_the_others(steps: int, groups: int, size: int, prices: int) -> None:
    weights = f"grpo.effort_weights={[round(0.1 * each, 1) for each in range(prices)]}"
    changed = recipe(f"grpo.steps={steps}", f"grpo.groups={groups}", f"grpo.group_size={size}", weights)
    found = make_sweep(changed, ALL, (0,), None)
    whole = found.told(0, found.prices).grpo
    alone = [found.told(0, [price]).grpo for price in found.prices]
    assert whole.steps == sum(each.steps for each in alone) == found.steps * prices
    assert steps - prices < whole.steps <= steps
    assert make_sweep(changed, ALL, (0,), steps * groups * size) == found


@pytest.mark.parametrize(
    ("strategies", "seeds", "budget", "change", "message"),
    [
        (("adaptve",), (0,), None, "seed=0", "--strategy adaptve is unknown: did you mean 'adaptive'"),
        ((), (0,), None, "seed=0", "--strategy names none"),
        (ALL, (0, 0), None, "seed=0", "--seeds 0 0 must be different"),
        (ALL, (-1,), None, "seed=0", "--seeds -1 must be"),
        (ALL, (0,), 35, "seed=0", r"--budget 35 is less than a step for each of the 4 prices: give --budget 36"),
        (ALL, (0,), None, "grpo.steps=3", "grpo.steps=3 is less than a step for each"),
        (ALL, (0,), None, "grpo.effort_weights=[0.1]", "needs two prices at least"),
        (ALL, (0,), None, "grpo.conditioned=false", "conditioned=false"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    strategies: tuple[str, ...], seeds: tuple[int, ...], budget: int | None, change: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_sweep(recipe(PRICES, "grpo.steps=9", change), strategies, seeds, budget)
    with pytest.raises(ConfigError, match="--jobs 0"):
        jobs_of(recipe(), 0)


def test_prices_that_were_found_stay_those_of_the_folder(tmp_path: Path) -> None:
    open_folder(tmp_path, sweep().settings())
    found = resolve(recipe("grpo.effort_weights=auto"), Silent(), tmp_path)
    assert make_sweep(found, ALL, (0,), 100).prices == (0.0, 0.1, 0.2, 0.3)


def test_decisions_are_taken_on_other_tasks_than_results() -> None:
    for split, other in (("test", "valid"), ("train", "valid"), ("valid", "train")):
        found = deciding_recipe(recipe(f"evaluation.split={split}"))
        assert found.evaluation.split == other
        assert found.evaluation.tasks == recipe().evaluation.tasks
    few = deciding_recipe(recipe("gym.name=turtle", "gym.levels=[2]", "evaluation.tasks=100000"))
    assert len(task_set(few.gym, "valid", few.evaluation.tasks)) == few.evaluation.tasks


# The plan, over evaluations of scripted policies in place of trained ones.

Played = Mapping[str, Path]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    out, tiny = tmp_path_factory.mktemp("played"), recipe("gym.levels=[2, 3, 4]")
    found = {}
    for name in ("ask_all", "ask_needed", "never_ask", "random"):
        job = EvaluationJob(tiny.gym, task_set(tiny.gym, "test", 6), tiny.evaluation)
        (result,) = evaluate(f"scripted:{name}", job, {None: out / name}, Silent())
        found[name] = result.folder
    return found


def finish(child: Child, played: Played, which: Callable[[float], str]) -> None:
    """Leave what a child leaves, its policy being `which` at each price."""
    if child.work == Work.SCRIPTS:
        fixed, rational = child.scripts()
        for each in [*fixed, *rational.values()]:
            shutil.copytree(played.get(each.folder.name, played["random"]), each.folder)
        return
    for deciding in (False, True):
        for price, result in child.points(deciding=deciding).items():
            shutil.copytree(played[which(price)], result.folder)


def careful(price: float) -> str:
    """Asks for everything while that is cheap, and nothing from .15 on."""
    return "ask_all" if price < 0.05 else "ask_needed" if price < 0.15 else "never_ask"


def finish_all(plan: Plan, played: Played, which: Callable[[float], str] = careful) -> list[str]:
    """Do all that is ready until nothing is; the labels in the order in which they were done."""
    order = []
    while ready := plan.ready():
        for child in ready:
            finish(child, played, which)
            order.append(child.label)
    return order


def test_nothing_is_ready_before_what_it_starts_from(tmp_path: Path, played: Played) -> None:
    plan = Plan(sweep(seeds=(3, 4)), tmp_path)
    assert sorted(each.label for each in plan.ready()) == [f"seed-{s}/{name}" for s in (3, 4) for name in ("scripts", "start")]
    total = plan.count
    order = finish_all(plan, played)
    assert len(order) == len(set(order)) == total == plan.count == plan.done
    for label in ("conditioned", "w0", "w0.1", "w0.2", "w0.3", "soup-0.333", "soup-0.667"):
        assert f"seed-4/{label}" in order
    assert order.index("seed-3/soup-0.333") > max(order.index("seed-3/w0"), order.index("seed-3/w0.3"))
    assert sum("-from-" in label for label in order) == 4  # two for each seed: four prices with the ends


def test_the_search_starts_at_the_ends_and_goes_on_from_the_nearest_policy(tmp_path: Path, played: Played) -> None:
    plan = Plan(sweep("adaptive"), tmp_path)
    finish_all(plan, played)
    first, second = json.loads((tmp_path / SWEEP).read_text())["decisions"]["0"]
    assert 0 < first["price"] < 0.3
    near = 0.0 if first["price"] <= 0.15 else 0.3
    assert first["name"] == f"w{first['price']:g}-from-w{near:g}"
    assert (first["parent"], first["depth"]) == (f"w{near:g}", 1)
    assert max(first["gains"].values()) == first["gains"][f"{first['price']:g}"] > 0
    assert second["price"] not in (0.0, 0.3, first["price"])
    children = {each.name: each for each in plan._children(0)}
    assert children[second["name"]].parents == (second["parent"],)
    # One that starts from a trained policy draws other tasks than that one did, and is judged like all others.
    assert children[first["name"]].training != children[first["name"]].recipe
    assert children[first["name"]].recipe.seed == children["w0"].recipe.seed == 0


def test_a_decision_once_taken_is_not_taken_again(tmp_path: Path, played: Played) -> None:
    finish_all(Plan(sweep("adaptive"), tmp_path), played)
    before = json.loads((tmp_path / SWEEP).read_text())
    for each in tmp_path.glob("seed-0/deciding/eval/*"):
        shutil.rmtree(each)
        shutil.copytree(played["random"], each)
    again = Plan(sweep("adaptive"), tmp_path)
    assert again.ready() == []
    assert json.loads((tmp_path / SWEEP).read_text()) == before == again.decisions
    (tmp_path / SWEEP).write_text('{"decisions"')
    with pytest.raises(DataError, match=r"sweep\.json is damaged"):
        Plan(sweep("adaptive"), tmp_path)


def test_a_search_without_prices_left_stops(tmp_path: Path, played: Played) -> None:
    plan = Plan(sweep("adaptive", changes=["grpo.effort_weights=[0.0, 0.004, 0.01]"]), tmp_path)
    assert sum("-from-" in label for label in finish_all(plan, played)) == 0
    assert plan.decisions["decisions"]["0"] == [{"price": None, "why": "every whole percent between the ends is taken"}]
    assert plan.ready() == []


def test_what_strategies_reach_is_compared_at_what_they_spent(tmp_path: Path, played: Played) -> None:
    plan = Plan(sweep(), tmp_path)
    finish_all(plan, played)
    found = outcome(plan)
    spent = {name: each["trajectories"] for name, each in found["spent"].items()}
    assert spent == {"warm start": 0, "conditioned": 72, "per-price": 72, "adaptive": 72, "soup": 36}
    assert {name: each["points"] for name, each in found["spent"].items()} == dict.fromkeys(spent, 4)
    assert {name: each["policies"] for name, each in found["spent"].items()} == dict(zip(spent, (0, 1, 4, 4, 2), strict=True))
    # One policy for all prices that does what those for each do.
    assert found["first"] == "conditioned"
    assert found["differences"]["per-price"]["hull_hypervolume"] == {"mean": 0, "low": 0, "high": 0}
    assert found["differences"]["per-price"]["regret"] == {"mean": 0, "low": 0, "high": 0}
    assert found["intervals"] == "over tasks"
    for figures in found["means"].values():
        assert figures["hull_hypervolume"]["mean"] >= figures["hypervolume"]["mean"] - 1e-9
    for folder in (tmp_path, tmp_path / "seed-0"):
        assert {"frontier.json", "frontier.png"} <= {each.name for each in folder.iterdir()}
    drawn = json.loads((tmp_path / "frontier.json").read_text())
    assert list(drawn["hull_hypervolume"]) == list(spent)
    assert len({point["label"] for point in drawn["points"]}) == 20


def test_what_is_played_at_a_price_is_chosen_on_the_deciding_tasks(tmp_path: Path, played: Played) -> None:
    """The policy for .3 asks for everything by mistake: at .3 one is played that was trained for another price."""
    plan = Plan(sweep("per-price"), tmp_path)
    finish_all(plan, played, lambda price: "ask_all" if price == 0.3 else careful(price))
    found = outcome(plan)
    assert found["seeds"]["0"]["plays"]["per-price"]["0.3"] in ("w=0.1", "w=0.2")
    assert found["seeds"]["0"]["trained_for"]["per-price"] == ["w=0", "w=0.1", "w=0.2", "w=0.3"]


def test_several_seeds_give_intervals_over_seeds(tmp_path: Path, played: Played) -> None:
    plan = Plan(sweep("conditioned", "per-price", seeds=(0, 1, 2)), tmp_path)
    finish_all(plan, played)
    found = outcome(plan)
    assert found["intervals"] == "over seeds"
    volume = found["seeds"]["1"]["means"]["per-price"]["hull_hypervolume"]
    assert found["means"]["per-price"]["hull_hypervolume"] == pytest.approx(dict.fromkeys(volume, volume["mean"]))
    assert len(json.loads((tmp_path / "frontier.json").read_text())["points"]) == 3 * 3 * 4


# Pieces of work in processes.


def work(pieces: Sequence[Piece], jobs: int) -> tuple[list[tuple[str, bool]], list[str]]:
    def ready() -> list[Piece]:
        return [
            each for each in pieces if not each.is_done() and all(Piece(name, each.root).is_done() for name in each.parents)
        ]

    notes: list[tuple[str, bool]] = []
    warned: list[str] = []
    run_pieces(ready, jobs, 1, warned.append, lambda piece, ended: notes.append((piece.label, ended)))
    return notes, warned


def test_pieces_are_done_after_what_they_need_and_at_most_so_many_at_once(tmp_path: Path) -> None:
    pieces = [Piece("last", tmp_path, ("a", "b")), Piece("a", tmp_path), Piece("b", tmp_path)]
    notes, warned = work(pieces, 2)
    assert sorted(notes[:2]) == [("a", False), ("b", False)]
    assert notes[-1] == ("last", True)
    assert sorted(warned) == [f"{name}: mind the gap" for name in ("a", "b", "last")]
    assert work(pieces, 2) == ([], [])


def test_the_error_of_a_piece_stops_the_others_and_is_raised(tmp_path: Path) -> None:
    hanging = Piece("hangs", tmp_path, fails="hang")
    with pytest.raises(ConfigError, match="this setting is wrong"):
        work([hanging, Piece("fails", tmp_path, fails="error")], 2)
    with pytest.raises(RunError, match=r"dies: its process died \(exit code -9"):
        work([hanging, Piece("dies", tmp_path, fails="death")], 2)


# A whole one.


def line(out: Path, *arguments: str) -> list[str]:
    changes = settings("grpo.steps=6", "grpo.effort_weights=[0.0, 0.05, 0.1]")
    return [sys.executable, "-m", "bao", "sweep", "quickstart", "--out", str(out), *arguments, *changes]


def wait_for_file(path: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 300
    while not path.is_file():
        assert time.monotonic() < deadline, path
        assert process.poll() is None, path
        time.sleep(0.01)


def episodes_of(out: Path) -> dict[str, Any]:
    return {str(each.parent.relative_to(out)): comparable(each.parent) for each in sorted(out.rglob("episodes.parquet"))}


@pytest.mark.slow
def test_a_sweep_killed_twice_goes_on_and_equals_one_left_alone(tmp_path: Path) -> None:
    strategies = ("--strategy", "adaptive", "soup")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    alone = subprocess.run(
        line(whole, *strategies, "--jobs", "2"), env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert alone.returncode == 0, alone.stderr
    for moment in ("training", "search"):
        process = subprocess.Popen(
            line(killed, *strategies, "--jobs", "1"),
            env=environment(),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        if moment == "training":
            wait_for_rows(killed / "seed-0" / "w0" / "metrics.jsonl", 1, process)
        else:
            wait_for_file(killed / SWEEP, process)
        process.kill()
        process.wait(60)
    decided = json.loads((killed / SWEEP).read_text())["decisions"]
    again = subprocess.run(
        line(killed, *strategies, "--jobs", "1", "--json"),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "warm start done" not in again.stderr
    content = json.loads(again.stdout)
    assert content == json.loads((killed / SWEEP).read_text())
    assert content["decisions"] == decided == json.loads((whole / SWEEP).read_text())["decisions"]
    assert episodes_of(killed) == episodes_of(whole)
    assert content == json.loads((whole / SWEEP).read_text())
    # Other settings over the same folder are refused, and from Python it is the same.
    other = subprocess.run(
        line(killed, "--strategy", "soup"), env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert other.returncode == 2
    assert "sweep.strategies is" in other.stderr


def test_the_recipe_of_a_sweep_is_checked_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--budget 5 is less than a step"):
        bao.sweep("quickstart", out=tmp_path / "out", budget=5, progress=False)
    assert not (tmp_path / "out").exists()
    assert isinstance(recipe(), Recipe)
