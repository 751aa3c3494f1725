"""`bao compare --users --judges`: evaluated policies played again under others, told by what they earn there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bao.errors import ConfigError
from bao.evaluation.results import find_results
from bao.evaluation.transfer import other_judge, other_user
from bao.gyms.function import Function
from bao.gyms.section import GymSection
from bao.gyms.travel import Travel
from bao.measures.metrics import measure_tasks
from bao.models.local import save_local
from bao.storage.episodes import read_episodes
from tests.support.command_line import bao
from tests.support.small_model import small_local
from tests.support.stub_endpoint import StubEndpoint

Told = Callable[..., dict[str, Any]]

BABBLER = """
class Babbler:
    def act(self, observation):
        return "[answer] whatever you say"
"""


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """What `bao compare ... --json` says."""

    def call(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        status = bao("compare", *arguments, "--json")
        out, error = capsys.readouterr()
        assert status == 0, error
        return json.loads(out)

    return call


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def call(*arguments: object) -> str:
        capsys.readouterr()
        assert bao("compare", *arguments) == 2
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1, error
        return error

    return call


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def score(folder: Path) -> float:
    return float(measure_tasks(read_episodes(folder / "episodes.parquet")).values["score"].mean())


def test_who_earned_by_pleasing_a_lax_judge_earns_nothing_under_a_strict_one(told: Told) -> None:
    Path("babbler.py").write_text(BABBLER)
    with (
        StubEndpoint(lambda messages: {"equivalent": True}) as lax,
        StubEndpoint(lambda messages: {"equivalent": False}) as strict,
    ):
        searching = ("--gym", "search", "--tasks", "8", "--judge-model", f"lax@{lax.base_url}")
        assert bao("eval", "babbler.py:Babbler", *searching, "--out", "runs/babbler") == 0
        assert bao("eval", "scripted:oracle", *searching, "--out", "runs/oracle") == 0
        assert score(Path("runs/babbler")) == 1
        judge = f"strict@{strict.base_url}"
        found = told("runs/babbler", "runs/oracle", "--measure", "score", "--judges", judge, "--out", "guard")
        assert strict.requests
    (transfer,) = found["transfers"]
    assert transfer["other"] == f"judge {judge}"
    assert transfer["scores"] == {"babbler.Babbler": [1.0, 0.0], "oracle": [1.0, 1.0]}
    assert [transfer["reward_translation_rate"][name]["value"] for name in ("babbler.Babbler", "oracle")] == [0, 1]
    assert len(found["comparisons"]) == 1


def test_personas_are_played_as_bao_eval_plays_them_and_once_only(told: Told, capsys: pytest.CaptureFixture[str]) -> None:
    how = ("--tasks", "12", "--rollouts", "2", "--seed", "5")
    for name in ("ask_all", "ask_needed"):
        assert bao("eval", f"scripted:{name}", *how, "--out", f"runs/{name}") == 0
    assert bao("eval", "scripted:ask_all", *how, "--persona", "busy", "--out", "x") == 0
    found = told("runs", "--users", "busy", "scripted", "--out", "guard")
    assert [each["other"] for each in found["transfers"]] == ["user busy", "user scripted"]
    again, alone = (read_episodes(Path(path, "episodes.parquet")) for path in ("guard/user-busy/ask_all", "x"))
    assert [episode.turns for episode in again] == [episode.turns for episode in alone]
    # The user whom they were evaluated with is not played again.
    assert not Path("guard/user-scripted").exists()
    assert all(rate["value"] == 1 for rate in found["transfers"][1]["reward_translation_rate"].values())
    before = {path: path.stat().st_mtime_ns for path in Path("guard").rglob("episodes.parquet")}
    assert len(before) == 2
    assert told("runs", "--users", "busy", "scripted", "--out", "guard") == found
    assert {path: path.stat().st_mtime_ns for path in Path("guard").rglob("episodes.parquet")} == before
    # One evaluation has no other to be compared with, and still a rate.
    assert told("runs/ask_all", "--users", "busy", "--out", "guard")["comparisons"] == []
    capsys.readouterr()
    assert bao("compare", "runs", "--users", "busy", "--out", "guard") == 0
    shown = capsys.readouterr().out
    for part in ("Reward translation", "rank agreement", "user busy", "results: guard"):
        assert part in shown


def test_a_conditioned_model_is_told_the_same_price_again(told: Told) -> None:
    save_local(Path("model"), small_local())
    evaluated = ("--tasks", "3", "--effort-weight", "0.1", "--trajectory-tokens", "60", "--turn-tokens", "12")
    assert bao("eval", "local:model", *evaluated, "--name", "mine", "--out", "deep/mine") == 0
    assert told("deep/mine", "--users", "vague", "--out", "elsewhere/guard")["transfers"][0]["tasks"] == 3
    (judged,) = find_results([Path("elsewhere/guard")])
    assert judged.label == "mine w=0.1"
    assert {episode.effort_weight for episode in judged.episodes(traces=False)} == {0.1}
    assert judged.settings["evaluation"]["trajectory_tokens"] == 60


def test_tasks_from_a_file_are_asked_for_and_must_be_the_same(told: Told, refused: Callable[..., str]) -> None:
    Travel.task_set("test", 9).write(Path("nine.jsonl"))
    Travel.task_set("train", 4).write(Path("four.jsonl"))
    assert bao("eval", "scripted:ask_all", "--tasks", "four.jsonl", "--out", "run") == 0
    again = ("run", "--users", "busy", "--out", "guard")
    for tasks in ((), ("--tasks", "nine.jsonl")):
        assert "--tasks" in refused(*again, *tasks)
    assert told(*again, "--tasks", "four.jsonl")["transfers"][0]["tasks"] == 4


def test_an_agent_that_was_changed_since_is_refused(refused: Callable[..., str]) -> None:
    Path("agents").mkdir()
    file = Path("agents/babbler.py")
    file.write_text(BABBLER)
    assert bao("eval", "agents/babbler.py:Babbler", "--tasks", "2", "--out", "run") == 0
    assert bao("compare", "run", "--users", "busy", "--out", "guard") == 0
    file.write_text(BABBLER.replace("you say", "I say"))
    assert "not what run was played with" in refused("run", "--users", "vague", "--out", "guard")


def test_a_user_in_a_file_may_be_of_any_kind(told: Told, refused: Callable[..., str]) -> None:
    assert bao("eval", "scripted:ask_all", "--tasks", "4", "--out", "run") == 0
    Path("hasty.toml").write_text("persona = { patience = 2 }\n")
    assert told("run", "--users", "hasty.toml", "--out", "guard")["transfers"][0]["other"] == "user hasty"
    (judged,) = find_results([Path("guard")])
    assert judged.settings["gym"]["settings"] == {"persona": {"patience": 2}}
    Path("hasty.toml").write_text("personna = 'busy'\n")
    assert "did you mean 'persona'" in refused("run", "--users", "hasty.toml", "--out", "guard")
    Path("hasty.toml").write_text("persona = \n")
    assert "no readable TOML" in refused("run", "--users", "hasty.toml", "--out", "guard")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("run --users bussy --out guard", "did you mean 'busy'"),
        ("run --users llm --out guard", "MODEL@BASE_URL"),
        ("run --users qwen3@localhost --out guard", "MODEL@BASE_URL"),
        ("run --judges qwen3 --out guard", "--judges must be MODEL@BASE_URL"),
        ("run --judges m@http://h/v1 --out guard", "with user='scripted', where rules judge"),
        ("run --users busy", "by --out"),
        ("run run2 --out guard", "--out guard is for playing again"),
        ("run run2 --concurrency 3", "--concurrency 3 is for playing again"),
        ("run --users busy busy --out guard", "leave one out"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is(refused: Callable[..., str], line: str, part: str) -> None:
    assert bao("eval", "scripted:ask_all", "--tasks", "2", "--out", "run") == 0
    assert part in refused(*line.split())
    assert not Path("guard").exists()


def test_a_folder_that_does_not_say_how_it_was_played_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert bao("eval", "scripted:ask_all", "--tasks", "2", "--out", "run") == 0
    Path("run/config.toml").write_text('policy = "scripted:ask_all"\n')
    capsys.readouterr()
    assert bao("compare", "run", "--users", "busy", "--out", "guard") == 2
    assert "does not say how it was played" in capsys.readouterr().err


def test_the_judge_stays_who_it_was_while_the_user_changes() -> None:
    model, other = ({"model": name, "base_url": "http://h/v1"} for name in ("a", "b"))
    played = GymSection(settings={"user": "llm", "llm": model})
    assert other_user("b@http://h/v1").of(played).settings == {"user": "llm", "llm": other, "judge": model}
    assert other_judge("b@http://h/v1").of(played).settings == {"user": "llm", "llm": model, "judge": other}
    # Rules that judged beside the scripted user have no model to pass on.
    assert other_user("b@http://h/v1").of(GymSection()).settings == {"user": "llm", "llm": other}


def test_a_judge_that_would_be_asked_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="judge is of no use to function"):
        Function(judge={"model": "m", "base_url": "http://h/v1"})
