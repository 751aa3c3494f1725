"""From Python and notebooks: verbs do what the commands do, and take agents as objects."""

import ast
import asyncio
import inspect
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import bao
from bao import ConfigError, DataError, EvaluationResult
from bao.cli import app
from bao.reporting.terminal import TerminalProgress
from bao.storage.episodes import read_episodes
from bao.trajectory import Trajectory
from tests.support.command_line import bao as command

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
VERBS = {
    "check judge": bao.check_judge,
    "check user": bao.check_user,
    "eval": bao.evaluate,
    "compare": bao.compare,
    "frontier": bao.frontier,
    "prices": bao.prices,
    "report": bao.report,
    "run": bao.run,
    "sweep": bao.sweep,
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Hasty:
    def act(self, observation: str) -> str:
        return "[finish]"


def reply(messages: list[dict[str, str]]) -> str:
    return "[finish]"


async def reply_later(messages: list[dict[str, str]]) -> str:
    await asyncio.sleep(0)
    return "[finish]"


def played(policy: Any = "scripted:ask_all", out: str | None = "mine", **options: Any) -> EvaluationResult:
    return bao.evaluate(policy, **{"tasks": 4, "out": out, "progress": False, **options})


def untimed(summary: Any) -> dict[str, Any]:
    return {name: value for name, value in summary.items() if name not in ("seconds", "seconds_per_turn")}


# The same as the commands.


def test_verbs_and_commands_have_the_same_options_and_defaults() -> None:
    for name, verb in VERBS.items():
        found = app
        for word in name.split():
            found = found[word]
        assert found.default_command is not None
        line = inspect.signature(found.default_command).parameters
        for each in inspect.signature(verb).parameters.values():
            assert each.name in line or each.name in ("progress",), (name, each)


def test_evaluate_leaves_what_bao_eval_leaves() -> None:
    options = ("--persona", "busy", "--levels", 2, 3, "--rollouts", 2, "--seed", 3, "--set", "evaluation.resamples=200")
    assert command("eval", "scripted:ask_needed", "--tasks", 4, *options, "--out", "theirs") == 0
    found = played(
        "scripted:ask_needed",
        persona="busy",
        levels=[2, 3],
        rollouts=2,
        seed=3,
        settings={"evaluation.resamples": 200, "gym": {"settings": {}}},
    )
    assert untimed(found.summary) == untimed(json.loads(Path("theirs/summary.json").read_text()))
    assert Path("mine/config.toml").read_text() == Path("theirs/config.toml").read_text()
    assert command("eval", "scripted:ask_needed", "--tasks", 4, *options, "--out", "mine") == 0


def test_compare_frontier_and_report_leave_what_their_commands_leave(capsys: pytest.CaptureFixture[str]) -> None:
    mine, other = played(), played("scripted:oracle", "oracle")
    capsys.readouterr()
    assert command("compare", "mine", "oracle", "--users", "busy", "--out", "guard", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert bao.compare(mine, "oracle", users=["busy"], out="guard", progress=False).to_json() == told
    assert command("frontier", "mine", "oracle", "--out", "theirs", "--objectives", "score", "--objectives", "turns") == 0
    bao.frontier([mine, other], objectives=("score", "turns"), out="ours")
    for name in ("frontier.json", "config.toml", "frontier.svg"):
        assert Path("ours", name).read_bytes() == Path("theirs", name).read_bytes(), name
    assert command("report", "mine", "oracle", "--out", "page") == 0
    assert bao.report(["mine", other], out="page2") == Path("page2/report.html")
    assert Path("page2/report.html").read_bytes() == Path("page/report.html").read_bytes()


def test_a_wrong_option_is_the_error_that_the_command_prints() -> None:
    for options, named in (
        ({"policy": "scripted:ask_al"}, "did you mean 'ask_all'"),
        ({"settings": {"gym.settings.hrizon": 3}}, "did you mean 'horizon'"),
        ({"settings": {"grpo.steps": 3}}, "known: agent, evaluation, gym, model, seed"),
        ({"split": "tests"}, "'train', 'valid' or 'test'"),
        ({"tasks": "nowhere.jsonl"}, "neither a number nor a file"),
        ({"failures": "never"}, "evaluation.failures='never'"),
    ):
        with pytest.raises(ConfigError, match=re.escape(named)):
            played(**options)


# Agents as objects.


@pytest.mark.parametrize("agent", [Hasty, reply, reply_later, lambda: Hasty()], ids=["class", "function", "async", "factory"])
def test_an_agent_itself_is_played_and_recorded_as_an_object(agent: Any) -> None:
    found = played(agent)
    assert {str(episode.stop) for episode in found.episodes()} == {"finish"}
    name = {"<lambda>": "lambda"}.get(agent.__name__, agent.__name__)
    assert found.label == name
    assert found.settings["policy"] == f"object:{agent.__name__}"
    assert re.fullmatch(r"[0-9a-f]{32} of one Python process", found.settings["agent"]["object"])


def test_an_object_goes_on_over_its_folder_and_another_is_refused() -> None:
    played(Hasty)
    before = Path("mine/episodes.parquet").stat().st_mtime_ns
    assert played(Hasty).label == "Hasty"
    assert Path("mine/episodes.parquet").stat().st_mtime_ns == before

    def defined_again() -> type:
        class Hasty:
            def act(self, observation: str) -> str:
                return "[finish]"

        return Hasty

    with pytest.raises(ConfigError, match=r"agent\.object is '.*' there and '.*' now\): name another folder"):
        played(defined_again())
    code = (
        f"import sys; sys.path.insert(0, {str(PAGE.parents[1])!r})\nfrom tests.test_verbs import Hasty, played; played(Hasty)"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "ConfigError" in other.stderr
    assert "agent.object is" in other.stderr
    assert bao.load("mine").summary["episodes"] == 4


def test_without_a_folder_results_lie_in_a_temporary_one() -> None:
    first, second = played(Hasty, None), played(Hasty, None)
    assert first.folder != second.folder
    assert len(first.episodes()) == 4
    assert not list(Path().iterdir())


def test_what_takes_another_process_is_refused_for_an_object() -> None:
    with pytest.raises(ConfigError, match=r"object of this process: leave workers and ray out, or name it as FILE\.py:OBJECT"):
        played(Hasty, workers=2)
    played(Hasty)
    with pytest.raises(
        ConfigError, match=r"was an object of a Python program that has ended: give the agent as FILE\.py:OBJECT"
    ):
        bao.compare("mine", users=["busy"], out="guard", progress=False)


def test_an_object_that_is_no_agent_is_refused() -> None:
    with pytest.raises(ConfigError, match="it is a Hasty: give a class or a function"):
        played(Hasty())


@pytest.mark.parametrize("agent", [reply_later, "scripted:ask_all"])
def test_a_running_event_loop_is_left_alone(agent: Any) -> None:
    async def cell() -> EvaluationResult:
        found = played(agent, concurrency=2)
        await asyncio.sleep(0)
        return found

    assert asyncio.run(cell()).summary["episodes"] == 4


# Results.


def test_results_are_read_when_they_are_asked_for() -> None:
    found = played(rollouts=2)
    assert found.summary is found.summary
    episodes = found.episodes()
    assert isinstance(episodes, Sequence)
    assert (len(episodes), episodes[-1], episodes[:2]) == (8, list(episodes)[-1], list(episodes)[:2])
    assert all(isinstance(each, Trajectory) for each in episodes)
    assert list(episodes) == read_episodes("mine/episodes.parquet")


def test_results_are_tables() -> None:
    mine, other = played(tasks=12), played("scripted:oracle", "oracle", tasks=12)
    rows = mine.to_pandas().set_index("measure")
    assert rows.loc["score"].to_dict() == mine.summary["score"]
    assert rows.loc["pass_at_u_3", "mean"] == mine.summary["pass_at_u"]["3"]["mean"]
    assert "money" not in rows.index
    episodes = mine.episodes().to_pandas()
    assert list(episodes["user_effort"]) == [each.user_effort for each in mine.episodes()]
    compared = bao.compare(mine, other).to_pandas().set_index("measure")
    assert compared.loc["user_effort", ["a", "b", "better"]].tolist() == ["ask_all", "oracle", "oracle"]
    effort = compared.loc["user_effort"]
    assert effort["difference"] == pytest.approx(effort["mean_b"] - effort["mean_a"])
    points = bao.frontier([mine, other]).to_pandas().set_index("label")
    assert list(points.index) == ["ask_all"]  # the oracle is a bound
    assert points.loc["ask_all", "non_dominated"]
    assert points.loc["ask_all", "score_low"] <= points.loc["ask_all", "score"]


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = played()
    monkeypatch.setitem(sys.modules, "pandas", None)
    for table in (found.to_pandas, found.episodes().to_pandas, bao.frontier(["mine"]).to_pandas):
        with pytest.raises(ConfigError, match=r"pip install 'bao-agents\[pandas\]'"):
            table()


def test_load_gives_the_one_evaluation_of_a_folder() -> None:
    played("scripted:oracle", "deep/one")
    assert bao.load("deep").label == "oracle"
    assert bao.load(Path("deep/one")).folder == Path("deep/one")
    played("scripted:ask_all", "deep/two")
    with pytest.raises(DataError, match="deep holds 2 evaluations: name one of deep/one, deep/two"):
        bao.load("deep")
    with pytest.raises(DataError, match="nowhere holds no evaluation"):
        bao.load("nowhere")


# Progress.


def test_progress_can_be_silenced_and_warnings_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    played()
    assert capsys.readouterr() == ("", "")


def watched(width: int = 80, **options: Any) -> tuple[TerminalProgress, Callable[[], str]]:
    text = io.StringIO()
    return TerminalProgress(Console(file=text, width=width, **options)), text.getvalue


def test_progress_is_shown_on_terminals_and_in_notebooks() -> None:
    for kind in ("force_terminal", "force_jupyter"):
        progress, shown = watched(**{kind: True})
        played(out=kind, progress=progress)
        assert "playing ask_all" in shown(), kind
    assert shown().endswith("\n")
    assert shown().count("\n") == 1


# Importing.


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_bao_loads_nothing_that_takes_long() -> None:
    assert run("import bao, sys; print({'torch', 'rich', 'numpy', 'pydantic', 'gymnasium'} & set(sys.modules))") == "set()\n"
    heavy = "{'torch', 'numpy', 'pyarrow', 'matplotlib', 'scipy', 'gymnasium'}"
    line = "import sys; sys.argv = ['bao', '--help']\nfrom bao.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    assert run(f"{line}print({heavy} & set(sys.modules))").splitlines()[-1] == "set()"


def test_type_checkers_see_what_is_imported_late() -> None:
    tree = ast.parse(Path(bao.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {each.module: tuple(alias.name for alias in each.names) for each in block.body if isinstance(each, ast.ImportFrom)}
    assert seen == bao._NOUNS
    assert set(bao.__all__) == {*bao._HOMES, *(verb.__name__ for verb in VERBS.values()), "load"}
    assert set(bao.__all__) <= set(dir(bao))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = bao.nothing


# The page.


def test_the_page_runs_as_it_stands(here: Path) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(block.strip().splitlines()) < 20
    done = subprocess.run(
        [sys.executable, "-c", block],
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "user_effort" in done.stdout
    for path in ("mine/summary.json", "frontier/frontier.png", "points.png"):
        assert (here / "runs" / path).is_file(), path
