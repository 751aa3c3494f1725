"""Evaluations under a told budget of user turns: who is told, what is kept of it, and that it resumes and stays apart."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bao as package
from bao.errors import ConfigError
from bao.evaluation.results import find_results, load_result
from bao.models.local import LocalModel, Profile, read_profile, save_local
from bao.progress import Silent, Update
from bao.storage.episodes import read_episodes
from bao.storage.log import scan
from bao.trajectory import Trajectory
from tests.support.command_line import bao
from tests.support.small_model import small_local
from tests.support.stub_agent import speaking
from tests.support.stub_endpoint import StubEndpoint

KEEPER = """
import re


class Keeper:
    over = 0

    def begin(self, system, opening):
        found = re.search(r"at most (\\d+) user turn", system)
        self.left = self.over + int(found[1]) if found else 3
        open("begun.txt", "a").write("x")

    def act(self, observation):
        self.left -= 1
        return "[finish]" if self.left < 0 else "[action] Which area for the hotel?"


class Spender(Keeper):
    over = 2
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("agents.py").write_text(KEEPER)


def evaluated(*more: str, out: str, policy: str = "agents.py:Keeper", tasks: int = 6) -> Mapping[str, Any]:
    assert bao("eval", policy, "--tasks", str(tasks), "--out", out, *more) == 0
    return load_result(out).summary


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_an_agent_that_reads_the_budget_keeps_it_and_the_summary_says_so(budget: int) -> None:
    summary = evaluated("--budget", str(budget), out="run")
    assert summary["budget"] == budget
    assert summary["user_effort"]["mean"] == budget
    assert summary["within_budget"]["mean"] == 1
    assert summary["over_budget"]["mean"] == 0
    assert load_result("run").label == f"agents.Keeper b={budget}"
    assert {episode.budget for episode in load_result("run").episodes()} == {budget}


def test_what_goes_beyond_is_counted() -> None:
    summary = evaluated("--budget", "1", out="run", policy="agents.py:Spender")
    assert (summary["within_budget"]["mean"], summary["over_budget"]["mean"], summary["user_effort"]["mean"]) == (0, 2, 3)


def test_a_price_may_be_told_beside_it() -> None:
    evaluated("--budget", "2", "--effort-weight", "0.1", out="run")
    result = load_result("run")
    assert result.label == "agents.Keeper w=0.1 b=2"
    (system,) = {episode.system for episode in result.episodes()}
    assert "a user turn costs 10 percent" in system
    assert "at most 2 user turns in the whole episode" in system


def test_without_a_budget_nothing_in_the_folder_speaks_of_one() -> None:
    evaluated(out="run")
    assert "budget" not in json.dumps(load_result("run").summary)
    assert "budget" not in Path("run/config.toml").read_text()
    assert b"budget" not in Path("run/episodes.parquet").read_bytes()


def test_the_points_of_several_budgets_are_told_apart_by_their_labels(capsys: pytest.CaptureFixture[str]) -> None:
    for budget in (0, 2):
        evaluated("--budget", str(budget), out=f"runs/b{budget}")
    assert [each.label for each in find_results(["runs"])] == ["agents.Keeper b=0", "agents.Keeper b=2"]
    assert bao("frontier", "runs", "--out", "frontier") == 0
    points = json.loads(Path("frontier/frontier.json").read_text())["points"]
    assert [(each["label"], each["budget"]) for each in points] == [("agents.Keeper b=0", 0), ("agents.Keeper b=2", 2)]
    assert bao("report", "runs", "--out", "report") == 0
    assert "agents.Keeper b=2" in next(Path("report").glob("*.html")).read_text()
    capsys.readouterr()
    assert bao("show", "transcript", "runs/b2") == 0
    assert "budget 2" in capsys.readouterr().out


class Impatient(Silent):
    """Interrupts once so many episodes are there."""

    def __init__(self, after: int) -> None:
        self._after = after

    @contextmanager
    def task(self, name: str, total: int | None, *, quiet: bool = False) -> Iterator[Update]:
        def update(done: int, whole: int, metrics: Mapping[str, float]) -> None:
            if done >= self._after:
                raise KeyboardInterrupt

        yield update


def untimed(folder: str) -> list[Trajectory]:
    return [replace(each, seconds=0.0) for each in read_episodes(Path(folder, "episodes.parquet"))]


def test_an_interrupted_evaluation_plays_only_what_is_missing_and_ends_alike() -> None:
    evaluated("--budget", "2", out="whole", tasks=30)
    Path("begun.txt").unlink()
    with pytest.raises(KeyboardInterrupt):
        package.evaluate("agents.py:Keeper", tasks=30, budget=2, out="killed", progress=Impatient(10))
    there = len(list(scan(Path("killed/episodes.log"))))
    assert 10 <= there < 30
    begun = len(Path("begun.txt").read_text())
    evaluated("--budget", "2", out="killed", tasks=30)
    assert len(Path("begun.txt").read_text()) - begun == 30 - there
    assert untimed("killed") == untimed("whole")
    assert load_result("killed").summary["within_budget"] == load_result("whole").summary["within_budget"]


def test_results_of_two_budgets_never_share_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    evaluated("--budget", "2", out="run")
    for other, said in ((("--budget", "3"), "budget is 2 there and 3 now"), ((), "budget is 2 there and not set now")):
        capsys.readouterr()
        assert bao("eval", "agents.py:Keeper", "--tasks", "6", "--out", "run", *other) == 2
        assert said in capsys.readouterr().err


def test_what_was_played_with_a_budget_is_played_with_it_again_under_another_user() -> None:
    evaluated("--budget", "1", out="runs/one")
    evaluated("--budget", "2", out="runs/two")
    assert bao("compare", "runs", "--users", "busy", "--out", "guard") == 0
    assert [each.summary["budget"] for each in find_results(["guard"])] == [1, 2]


def test_a_chat_model_is_told_in_its_rules() -> None:
    with StubEndpoint(lambda messages: "", whole=speaking()) as stub:
        policy = f"openai:stub@{stub.base_url}"
        summary = evaluated("--budget", "4", "--agent-mode", "text", out="run", policy=policy, tasks=3)
        rules = {each["messages"][0]["content"] for each in stub.requests}
    assert len(rules) == 1
    assert "has a limit: at most 4 user turns" in rules.pop()
    assert summary["budget"] == 4
    assert summary["over_budget"]["mean"] > 0  # this rule asks for all that it needs, whatever it is told


def test_who_cannot_be_told_a_budget_is_refused_before_anything_is_played() -> None:
    for policy in ("scripted:ask_needed", "scripted:rational"):
        with pytest.raises(ConfigError, match="budget=2: scripted policies go by no budget"):
            package.evaluate(policy, tasks=2, budget=2, out="run", progress=False)
    with pytest.raises(ConfigError, match="budget=-1 must be a whole number of at least 0"):
        package.evaluate("agents.py:Keeper", tasks=2, budget=-1, out="run", progress=False)
    assert not Path("run").exists()


@pytest.fixture
def model() -> Callable[..., str]:
    def saved(*budgets: int) -> str:
        local = small_local()
        profile = local.profile._replace(budgets=budgets)
        save_local(Path("model"), LocalModel(local.model, local.template, profile))
        assert read_profile(Path("model")) == profile
        return "local:model"

    return saved


SMALL = {"trajectory_tokens": 60, "turn_tokens": 12, "tasks": 3}


def test_a_local_model_is_told_the_budget_in_place_of_a_price(model: Callable[..., str]) -> None:
    result = package.evaluate(model(0, 2), budget=2, name="mine", out="run", progress=False, **SMALL)
    assert result.label == "mine b=2"
    assert {each.system for each in result.episodes(traces=False)} == {"travel, 16 turns, at most 2 user turns"}
    both = package.evaluate(model(0, 2), budget=2, effort_weight=0.1, name="mine", out="both", progress=False, **SMALL)
    (system,) = {each.system for each in both.episodes(traces=False)}
    assert system == "travel, 16 turns, a user turn costs 10+0 percent, at most 2 user turns"
    assert [each.seed for each in both.episodes()] == [each.seed for each in result.episodes()]


class Told(Silent):
    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, message: str) -> None:
        self.warnings.append(message)


def test_a_local_model_that_was_shown_no_budget_is_refused_one_and_of_another_it_is_warned(model: Callable[..., str]) -> None:
    with pytest.raises(
        ConfigError, match=r"budget=2: the policy in model was trained with none \(sft\.budgets, grpo\.budgets\)"
    ):
        package.evaluate(model(), budget=2, out="run", progress=False, **SMALL)
    told = Told()
    package.evaluate(model(0, 2), budget=3, out="run", progress=told, **SMALL)
    assert any("budget=3 is none of those that the policy in model was trained with (0, 2)" in each for each in told.warnings)
    with pytest.raises(ConfigError, match="goes by the effort weight"):
        package.evaluate(model(0, 2), out="other", progress=False, **SMALL)


def test_a_profile_without_budgets_is_written_as_ever() -> None:
    local = small_local()
    save_local(Path("model"), local)
    assert json.loads(Path("model/bao.json").read_text()) == {"prompt": "brief", "effort_weights": [0.0, 0.1]}
    assert read_profile(Path("model")) == Profile(local.profile.prompt, (0.0, 0.1), ())
