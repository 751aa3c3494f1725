"""The command line as a newcomer meets it: what each command leaves, and one clear line where something is wrong."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from bao.action import Outcome
from bao.checks import PROOFS
from bao.cli import app, main
from bao.gyms.travel import Travel
from bao.recipes.recipe import load_recipe
from bao.storage.episodes import read_episodes
from bao.users.llm import Prompt
from tests.stub_endpoint import Kind, StubEndpoint

COMMANDS = (
    "gyms",
    "sft",
    "train",
    "eval",
    "frontier",
    "report",
    "run",
    "show",
    "show transcript",
    "show mask",
    "check",
    "check gym",
    "check recipe",
    "compare",
    "measure",
    "transfer",
    "init",
    "init gym",
    "export",
    "import",
)
GYMS = ("function", "intention", "persuade", "search", "tau", "telepathy", "travel", "turtle")


class Done(NamedTuple):
    status: int
    out: str
    error: str


def run(*arguments: str, cwd: Path, code: str = "from bao.cli import main; main()") -> Done:
    """The command line in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


Bao = Callable[..., Done]


@pytest.fixture
def bao(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bao:
    """The same entry point in this process, which saves the start of an interpreter."""
    monkeypatch.setattr("logging.raiseExceptions", True)
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["bao", *map(str, arguments)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        out, error = capsys.readouterr()
        return Done(status, out, error)

    return call


def refused(done: Done, *parts: str) -> None:
    """One line on standard error that holds these parts; exit status 2."""
    assert done.status == 2, done
    assert "Traceback" not in done.error
    lines = done.error.splitlines()
    assert len(lines) == 1, done.error
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two evaluations, ``ask_all`` and ``oracle``."""
    folder = tmp_path_factory.mktemp("evaluated")
    for name in ("ask_all", "oracle"):
        done = run("eval", f"scripted:{name}", "--tasks", "10", "--out", name, cwd=folder)
        assert done.status == 0, done.error
        assert done.error == ""
    return folder


def test_python_m_bao_is_the_command_line(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path, code="import runpy; runpy.run_module('bao', run_name='__main__')")
    assert (done.status, done.out.strip()) == (0, "0.1.0")


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


def test_commands_that_need_no_model_load_no_torch(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["torch"] = sys.modules["transformers"] = None
from bao.cli import main
for line in (
    "gyms", "eval scripted:ask_all --tasks 3 --out a", "eval scripted:oracle --tasks 3 --out o",
    "frontier a o --out f", "report a o --out r", "show transcript a", "check recipe quickstart", "--help",
):
    sys.argv = ["bao", *line.split()]
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code, line
"""
    done = run(cwd=tmp_path, code=code)
    assert done.status == 0, done.error
    assert (tmp_path / "r" / "report.html").is_file()


def test_listing_commands_do_not_wait_for_the_plotting_library(tmp_path: Path) -> None:
    done = run("gyms", cwd=tmp_path, code="import sys; sys.modules['matplotlib'] = None; from bao.cli import main; main()")
    assert done.status == 0, done.error


def test_a_command_that_needs_the_training_extra_says_how_to_get_it(tmp_path: Path) -> None:
    done = run(
        "sft", "--out", "x", cwd=tmp_path, code="import sys; sys.modules['torch'] = None; from bao.cli import main; main()"
    )
    refused(done, "torch", "pip install 'bao-agents[train]'")


def interval(value: Any) -> bool:
    return set(value) == {"mean", "low", "high"} and value["low"] <= value["mean"] <= value["high"]


def test_eval_leaves_settings_episodes_summary_and_log(evaluated: Path) -> None:
    folder = evaluated / "ask_all"
    assert {path.name for path in folder.iterdir()} == {"config.toml", "episodes.parquet", "summary.json", "log.txt"}
    assert len(read_episodes(folder / "episodes.parquet")) == 10
    assert "10 episodes" in (folder / "log.txt").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["gym"], summary["policy"], summary["tasks"], summary["episodes"]) == ("travel", "ask_all", 10, 10)
    for name in ("score", "success", "user_effort", "user_involvement_rate", "turns", "tokens"):
        assert interval(summary[name]), name
    assert all(interval(value) for value in summary["pass_at_u"].values())
    assert set(summary["pass_at_u"]) == {str(k) for k in range(1, 10)}
    assert sum(summary["stop"].values()) == pytest.approx(1.0)
    assert summary["faults"]["user_timeout"] == 0
    assert "behaviors" in summary


def test_the_same_evaluation_again_does_nothing_and_shows_the_result(evaluated: Path, bao: Bao) -> None:
    folder = evaluated / "ask_all"
    results = [folder / name for name in ("config.toml", "episodes.parquet", "summary.json")]
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in results]
    done = bao("eval", "scripted:ask_all", "--tasks", "10", "--out", folder)
    assert done.status == 0
    assert "ask_all" in done.out
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in results] == before


@pytest.mark.parametrize(
    ("arguments", "setting"),
    [
        (("scripted:ask_all", "--tasks", "11"), "tasks is 10 there and 11 now"),
        (("scripted:ask_all", "--tasks", "10", "--seed", "1"), "seed is 0 there and 1 now"),
        (("scripted:never_ask", "--tasks", "10"), "policy is 'scripted:ask_all' there and 'scripted:never_ask' now"),
        (("scripted:ask_all", "--tasks", "10", "--horizon", "9"), "gym.settings.horizon is not set there and 9 now"),
        (("scripted:ask_all", "--tasks", "10", "--rollouts", "2"), "evaluation.rollouts is 1 there and 2 now"),
    ],
)
def test_other_settings_over_the_same_folder_are_refused_by_name(
    evaluated: Path, bao: Bao, arguments: tuple[str, ...], setting: str
) -> None:
    refused(bao("eval", *arguments, "--out", evaluated / "ask_all"), str(evaluated / "ask_all"), setting, "name another folder")


def test_a_refused_setting_can_be_corrected_in_the_same_folder(tmp_path: Path, bao: Bao) -> None:
    out = tmp_path / "new"
    refused(bao("eval", "scripted:ask_al", "--tasks", "3", "--out", out), "'ask_all'")
    assert bao("eval", "scripted:ask_all", "--tasks", "3", "--out", out).status == 0


def test_frontier_leaves_its_numbers_and_figures(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    done = bao("frontier", evaluated / "ask_all", evaluated / "oracle", "--out", tmp_path)
    assert done.status == 0, done.error
    assert {"config.toml", "frontier.json", "frontier.png", "frontier.svg", "log.txt"} == {p.name for p in tmp_path.iterdir()}
    points = {point["label"]: point for point in json.loads((tmp_path / "frontier.json").read_text())["points"]}
    assert set(points) == {"ask_all", "oracle"}
    assert points["oracle"]["non_dominated"]
    assert "hypervolume" in done.out
    assert re.search(r"ask_all .* no .* oracle", done.out)


def test_frontier_takes_any_two_measures(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    out = tmp_path / "turns"
    done = bao("frontier", evaluated, "--out", out, "--objectives", "success", "--objectives", "turns")
    assert done.status == 0, done.error
    objectives = json.loads((out / "frontier.json").read_text())["objectives"]
    assert [objective["name"] for objective in objectives] == ["success", "turns"]


def test_report_is_one_page_with_every_label(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    done = bao("report", evaluated, "--out", tmp_path / "report", "--title", "Two policies")
    page = (tmp_path / "report" / "report.html").read_text()
    assert done.out.strip() == f"report: {tmp_path / 'report' / 'report.html'}"
    for text in ("ask_all", "oracle", "Two policies"):
        assert text in page


def test_one_policy_under_two_names_makes_two_points(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    """A name in brackets is text, not a style of the terminal."""
    again = tmp_path / "again"
    done = bao("eval", "scripted:ask_all", "--tasks", "10", "--horizon", "6", "--name", "[short]", "--out", again)
    assert "[short]" in done.out
    done = bao("frontier", evaluated, again, "--out", tmp_path / "frontier")
    assert "[short]" in done.out
    refused(
        bao("frontier", evaluated, evaluated / "oracle", "--out", tmp_path / "twice"),
        str(evaluated / "oracle"),
        "'oracle'",
        "--name",
    )


def test_show_transcript_prints_an_episode_with_its_user_turns_marked(evaluated: Path, bao: Bao) -> None:
    episodes = read_episodes(evaluated / "ask_all" / "episodes.parquet")
    done = bao("show", "transcript", evaluated / "ask_all" / "episodes.parquet", "--index", "3")
    assert episodes[3].task_id in done.out
    assert done.out.count("USER") == episodes[3].user_effort
    chosen = bao("show", "transcript", evaluated / "ask_all", "--task", episodes[5].task_id)
    assert episodes[5].task_id in chosen.out


def test_show_transcript_picks_by_a_reason_and_says_it(evaluated: Path, bao: Bao) -> None:
    found = {path.parent.name: read_episodes(path) for path in sorted(evaluated.rglob("episodes.parquet"))}
    both = [episode for own in found.values() for episode in own]
    done = bao("show", "transcript", evaluated, "--pick", "expensive")
    assert done.out.count("USER") == max(episode.user_effort for episode in both)
    assert "user turns, where ask_all takes" in done.out
    lowest = min(found["ask_all"], key=lambda episode: episode.task_return)
    assert f"Return {lowest.task_return:.2f}" in bao("show", "transcript", evaluated / "ask_all", "--pick", "worst").out


def test_show_transcript_prints_both_sides_of_a_dispute(tmp_path: Path, bao: Bao) -> None:
    for name in ("oracle", "random"):
        bao("eval", f"scripted:{name}", "--tasks", "4", "--out", tmp_path / name)
    out = bao("show", "transcript", tmp_path, "--pick", "disputed").out
    assert out.index("✗ not solved") < out.index("✓ solved")
    refused(
        bao("show", "transcript", tmp_path / "oracle", "--pick", "disputed"),
        "--pick disputed",
        "several policies",
        "--rollouts",
    )


@pytest.mark.parametrize("name", GYMS)
def test_the_gyms_that_come_with_bao_are_proved_sound(bao: Bao, name: str) -> None:
    done = bao("check", "gym", name)
    assert done.status == 0, done.out
    assert "FAIL" not in done.out
    assert done.out.count("ok ") == len(PROOFS)
    assert "the oracle solves test" in done.out


def test_check_recipe_prints_a_recipe_that_loads_as_the_same(tmp_path: Path, bao: Bao) -> None:
    done = bao("check", "recipe", "quickstart", "--set", "grpo.steps=7", "--set", "grpo.effort_weights=[0.0, 0.1]")
    (tmp_path / "copy.toml").write_text(done.out)
    assert load_recipe(tmp_path / "copy.toml") == load_recipe("quickstart", ["grpo.steps=7", "grpo.effort_weights=[0.0, 0.1]"])


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_itself_with_an_example_that_parses(command: str, bao: Bao) -> None:
    done = bao(*command.split(), "--help")
    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 100
    examples = [line.strip() for line in done.out.splitlines() if line.startswith("    bao ")]
    assert examples
    for example in examples:
        assert example.startswith(f"bao {command}")
        app.parse_args(example.split()[1:], print_error=False, exit_on_error=False)
    assert len(re.findall(r"│ +\*? *(--\w+|[A-Z]+)( -\w| [A-Z.]+)* +│", done.out)) == 0, "an argument without an explanation"


def test_help_names_every_command(bao: Bao) -> None:
    out = bao("--help").out
    assert all(f"│ {command} " in out for command in COMMANDS if " " not in command)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("check recipe quickstart --set grpo.stepz=3", ("grpo.stepz is no setting", "did you mean 'steps'")),
        ("check recipe quickstart --set grpo.steps=0", ("grpo.steps=0", "greater than or equal to 1")),
        ("check recipe quikstart", ("'quikstart'", "did you mean 'quickstart'")),
        ("run absent.toml", ("absent.toml", "give a TOML file or one of", "quickstart")),
        ("run quickstart --set model=[3]", ("model=[3]",)),
        ("eval ask_all --out x", ("policy='ask_all'", "scripted:NAME", "local:PATH")),
        ("eval scripted: --out x", ("policy='scripted:'", "scripted:NAME")),
        ("eval scripted:ask_al --out x", ("scripted:ask_al", "did you mean 'ask_all'")),
        ("eval scripted:ask_all --gym travle --out x", ("gym='travle'", "did you mean 'travel'")),
        ("eval scripted:ask_all --convention none --out x", ("convention='none'", "everyday, paper")),
        ("eval scripted:ask_all --horizon 0 --out x", ("horizon=0", "at least 1")),
        ("eval scripted:ask_all --levels 9 --out x", ("levels", "2, 3, 4, 5")),
        ("eval scripted:ask_all --tasks 0 --out x", ("tasks=0", "at least")),
        ("eval scripted:ask_all --tasks absent.jsonl --out x", ("absent.jsonl", "neither a number nor a file")),
        ("eval scripted:ask_all --tasks -5 --out x", ("--tasks -5", "neither a number nor a file")),
        ("eval scripted:ask_all --tasks 99999999999 --out x", ("tasks=99999999999", "at most 1,000,000")),
        ("eval scripted:ask_all --horizon 99999999999999999999999 --out x", ("horizon=9999", "at most 32767 turns")),
        ("eval scripted:ask_all --seed 99999999999999999999999 --out x", ("seed=9999", "less than")),
        ("eval scripted:ask_all --levels --out x", ("--levels names no level", "leave it out")),
        ("eval scripted:ask_all --temperature 0.5 --out x", ("--temperature 0.5", "leave it out")),
        ("eval scripted:ask_all --turn-tokens 9 --out x", ("--turn-tokens 9", "leave it out")),
        ("eval openai:m@http://h/v1 --device cuda --out x", ("--device cuda", "a local model", "leave it out")),
        ("eval scripted:ask_all --api-key-env KEY --out x", ("--api-key-env KEY", "leave it out")),
        ("eval scripted:ask_all --user llm --out x", ("user='llm' needs a model", "--user-model")),
        ("eval scripted:ask_all --set grpo.steps=3 --out x", ("--set grpo..", "known: agent, evaluation, gym, model, seed")),
        ("eval scripted:ask_all --set evaluation.tasks=3 --out x", ("--set evaluation.tasks", "give --tasks")),
        ("eval scripted:ask_all --set gym.settings.hrizon=3 --out x", ("gym.settings.hrizon", "did you mean 'horizon'")),
        ("eval scripted:ask_all --rollouts 0 --out x", ("rollouts=0", "greater than or equal to 1")),
        ("eval scripted:ask_all --effort-weight 0.1 --out x", ("effort_weight=0.1", "leave it out")),
        ("eval scripted:ask_all --tasks 3 --out file", ("--out file", "name another")),
        ("eval scripted:ask_all --tasks 3 --out file/below", ("--out file", "name another")),
        ("frontier nothing --out x", ("nothing holds no evaluation", "bao eval")),
        ("frontier ask_all oracle --out x --objectives score", ("objectives", "at least two")),
        ("frontier ask_all --out x --objectives scor --objectives turns", ("'scor'", "did you mean 'score'")),
        ("frontier broken oracle --out x", ("broken/episodes.parquet", "damaged", "evaluate again")),
        ("frontier foreign --out x", ("foreign/summary.json", "no summary", "bao eval")),
        ("frontier torn --out x", ("torn/summary.json", "remove torn", "bao eval")),
        ("report ask_all --curves absent.jsonl --out x", ("--curves absent.jsonl", "metrics.jsonl")),
        ("show transcript broken/episodes.parquet", ("broken/episodes.parquet", "damaged", "evaluate again")),
        ("show transcript absent.parquet", ("absent.parquet", "bao eval")),
        ("show transcript ask_all --index 10", ("--index 10", "10 episodes", "from 0")),
        ("show transcript ask_all --task nothing", ("--task nothing", "no episode of it", "known: ")),
        ("check gym nothing", ("gym='nothing'", "function, intention, persuade")),
    ],
)
def test_a_mistake_is_one_line_with_the_setting_and_the_fix(
    evaluated: Path, bao: Bao, monkeypatch: pytest.MonkeyPatch, line: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(evaluated)
    (evaluated / "file").write_text("")
    for name, content in (("foreign", "{}"), ("torn", '{"policy": ')):
        (evaluated / name).mkdir(exist_ok=True)
        (evaluated / name / "summary.json").write_text(content)
    broken = evaluated / "broken"
    broken.mkdir(exist_ok=True)
    (broken / "summary.json").write_bytes((evaluated / "oracle" / "summary.json").read_bytes().replace(b"oracle", b"broken"))
    (broken / "episodes.parquet").write_bytes((evaluated / "oracle" / "episodes.parquet").read_bytes()[:3000])
    try:
        refused(bao(*line.split()), *parts)
    finally:
        for name in ("foreign", "torn", "broken"):
            (evaluated / name / "summary.json").unlink()


def test_a_task_without_a_field_is_named_by_file_line_and_field(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    from bao.gyms.travel import Travel

    path = tmp_path / "tasks.jsonl"
    Travel.task_set("test", 3).write(path)
    assert bao("eval", "scripted:ask_all", "--tasks", path, "--out", tmp_path / "whole").status == 0
    lines = path.read_text().splitlines()
    task = json.loads(lines[1])
    del task["data"]["bookings"][0]["wishes"]
    path.write_text("\n".join([lines[0], json.dumps(task), lines[2]]))
    refused(bao("eval", "scripted:ask_all", "--tasks", path, "--out", tmp_path / "x"), f"{path}, line 2", "'wishes' is missing")


def test_what_was_not_finished_says_so(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    (tmp_path / "begun" / "episodes.log").mkdir(parents=True)
    refused(bao("compare", tmp_path / "begun", evaluated / "oracle"), "no finished evaluation", "the same `bao eval` again")


def test_episodes_of_unknown_settings_are_not_taken_for_results(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    out = shutil.copytree(evaluated / "oracle", tmp_path / "out")
    (out / "config.toml").unlink()
    refused(bao("eval", "scripted:oracle", "--tasks", "10", "--seed", "9", "--out", out), "without the config.toml", "another")


def test_another_gym_over_a_folder_is_called_by_its_name(bao: Bao, evaluated: Path) -> None:
    again = ("eval", "scripted:oracle", "--gym", "telepathy", "--tasks", "10", "--out", evaluated / "oracle")
    refused(bao(*again), "gym.name is 'travel' there and 'telepathy' now")


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files there")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_disk_that_is_full_is_one_line(workers: str, tmp_path: Path) -> None:
    code = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (20000, 20000)); from bao.cli import main; main()"
    line = ("eval", "scripted:ask_all", "--tasks", "60", "--workers", workers, "--out", "out")
    done = run(*line, cwd=tmp_path, code=code)
    assert (done.status, len(done.error.splitlines())) == (1, 1), done.error
    assert re.fullmatch(r"error: File too large: what is done is kept; mend this and run .*\n", done.error)


def test_a_mistake_has_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    refused(run("check", "recipe", "quickstart", "-s", "grpo.stepz=3", cwd=tmp_path), "did you mean 'steps'")


def test_an_unknown_option_is_named_with_the_nearest_one(bao: Bao) -> None:
    done = bao("eval", "scripted:ask_all", "--out", "x", "--task", "3")
    assert done.status == 2
    assert "--task" in done.error
    assert "--tasks" in done.error


def test_a_reader_that_has_seen_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bao", "gyms", "--json"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    process.wait(60)


def test_compare_prints_differences_and_gives_them_as_json(bao: Bao, evaluated: Path) -> None:
    done = bao("compare", evaluated / "ask_all", evaluated / "oracle")
    assert done.status == 0, done.error
    for part in ("B = oracle", "A = ask_all", "10 tasks, 10 of them paired by seed", "user_effort", "settled"):
        assert part in done.out
    told = json.loads(bao("compare", evaluated / "ask_all", evaluated / "oracle", "--measure", "user_effort", "--json").out)
    ((row,),) = [pair["differences"] for pair in told["comparisons"]]
    assert (row["measure"], row["better"], row["tasks"]) == ("user_effort", "oracle", 10)
    assert row["difference"]["high"] < 0
    assert row["p"] == 1 / 2**10


def test_a_folder_of_evaluations_gives_all_pairs_and_one_policy_may_occur_twice(
    bao: Bao, evaluated: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(evaluated / "oracle", tmp_path / "again")
    pairs = json.loads(bao("compare", evaluated, again, evaluated / "oracle", "--measure", "score", "--json").out)[
        "comparisons"
    ]
    oracle, other = f"oracle ({evaluated / 'oracle'})", f"oracle ({again})"
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("ask_all", oracle), ("ask_all", other), (oracle, other)]


def test_compare_warns_of_another_horizon(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    assert bao("eval", "scripted:oracle", "--tasks", "8", "--horizon", "9", "--out", tmp_path / "short").status == 0
    done = bao("compare", evaluated / "ask_all", tmp_path / "short")
    assert "horizon differs (16 in ask_all, 9 in oracle)" in done.error
    assert "the tasks differ (10 in ask_all, 8 in oracle)" in done.error


def test_measure_reckons_money_by_a_table(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    from bao.storage.episodes import write_episodes

    for name in ("config.toml", "summary.json"):
        (tmp_path / name).write_bytes((evaluated / "oracle" / name).read_bytes())
    episodes = [
        replace(episode, turns=tuple(replace(turn, prompt_tokens=500, completion_tokens=20) for turn in episode.turns))
        for episode in read_episodes(evaluated / "oracle" / "episodes.parquet")
    ]
    write_episodes(tmp_path / "episodes.parquet", episodes)
    (tmp_path / "prices.toml").write_text("[prices.oracle]\ninput = 2\noutput = 10\n")
    done = bao("measure", tmp_path, "--prices", tmp_path / "prices.toml")
    assert (done.status, "Money" in done.out) == (0, True)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["money"]["mean"] == pytest.approx(summary["turns"]["mean"] * (500 * 2 + 20 * 10) / 1e6)
    assert summary["prices"] == {"oracle": {"input": 2, "output": 10}}
    assert summary["setting"]["user"] == "scripted"
    assert bao("measure", tmp_path).status == 0
    assert json.loads((tmp_path / "summary.json").read_text()) == summary, "what was measured is not lost"
    (tmp_path / "prices.toml").write_text("[prices.other]\ninput = 2\noutput = 10\n")
    told = bao("measure", tmp_path, "--prices", tmp_path / "prices.toml").error
    assert "no money for oracle: it takes token counts and a price for oracle (the table names other)" in told
    told = bao("compare", evaluated / "ask_all", tmp_path, "--prices", tmp_path / "prices.toml").error
    assert "warning: money: no episode of ask_all and oracle has a figure" in told


def test_measuring_again_changes_nothing_else(bao: Bao, evaluated: Path) -> None:
    summary = evaluated / "ask_all" / "summary.json"
    before = json.loads(summary.read_text())
    assert bao("measure", evaluated / "ask_all").status == 0
    after = json.loads(summary.read_text())
    assert after == before


def test_transfer_prints_how_much_of_the_score_survives(bao: Bao, evaluated: Path) -> None:
    done = bao("transfer", evaluated, evaluated)
    assert done.status == 0, done.error
    assert "1.00 [1.00, 1.00]" in done.out
    told = json.loads(bao("transfer", evaluated, evaluated, "--json").out)["transfers"]
    assert told[0]["reward_translation_rate"]["oracle"] == {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("compare ask_all", ("needs two evaluations", "name another")),
        ("compare ask_all nowhere", ("nowhere holds no evaluation", "bao eval")),
        ("compare ask_all oracle --measure scor", ("--measure scor", "did you mean 'score'")),
        ("compare ask_all oracle --measure money", ("--measure money", "leave it out")),
        ("compare ask_all oracle --prices none.toml", ("no price table at none.toml", "prices")),
        ("transfer ask_all", ("another user", "folder")),
        ("transfer ask_all oracle", ("no policy in common", "--name")),
    ],
)
def test_what_cannot_be_judged_is_one_line_with_the_fix(
    bao: Bao, evaluated: Path, monkeypatch: pytest.MonkeyPatch, line: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(evaluated)
    refused(bao(*line.split()), *parts)


# A model as the user.


class _Reply(BaseModel):
    reply: str


def _ask_a_model(self: Travel, content: str) -> Outcome:
    assert self.llm is not None
    return Outcome(self.llm.ask(Prompt("You travel.", {"question": content}), _Reply).reply)


@pytest.fixture
def travel_with_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Travel, "user_backends", ("scripted", "llm"))
    monkeypatch.setattr(Travel, "on_action", _ask_a_model)


ASK_ALL = ("eval", "scripted:ask_all", "--tasks", "6")


@pytest.mark.usefixtures("travel_with_a_model")
def test_eval_with_a_model_as_the_user_says_what_it_took(bao: Bao, tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: {"reply": "By the sea."}, faults={Kind.ERROR: 0.2}, latency=0.01) as stub:
        model = ("--user-model", f"org/model@v1@{stub.base_url}", "--set", "gym.settings.llm.backoff=0.001")
        done = bao(*ASK_ALL, *model, "--out", tmp_path / "one")
        assert done.status == 0, done
        assert f"{stub.base_url}: {len(stub.requests)} requests ({stub.drawn[Kind.ERROR]} retries, 0 re-asks)" in done.out
        assert {request["model"] for request in stub.requests} == {"org/model@v1"}
        assert 1 < stub.most_at_once <= 6
        # Slower, one at a time: the same folder goes on, for its results would be the same.
        sent = len(stub.requests)
        again = bao(*ASK_ALL, *model, "--concurrency", "1", "--set", "gym.settings.llm.timeout=9", "--out", tmp_path / "one")
        assert again.status == 0, again
        assert len(stub.requests) == sent
        refused(bao(*ASK_ALL, *model, "--set", "gym.settings.llm.temperature=1", "--out", tmp_path / "one"), "temperature")
        settings = (
            "--set",
            "gym.settings.user=llm",
            "--set",
            "gym.settings.llm.model=m",
            "--set",
            "gym.settings.llm.backoff=0",
        )
        assert (
            bao(*ASK_ALL, *settings, "--set", f"gym.settings.llm.base_url={stub.base_url}", "--out", tmp_path / "two").status
            == 0
        )
        stub.most_at_once = 0
        assert bao(*ASK_ALL, *model, "--concurrency", "1", "--out", tmp_path / "three").status == 0
        assert stub.most_at_once == 1
    played = [read_episodes(tmp_path / name / "episodes.parquet") for name in ("one", "two", "three")]
    assert [e.turns for e in played[0]] == [e.turns for e in played[1]] == [e.turns for e in played[2]]
    assert any(turn.reply == "By the sea." for episode in played[0] for turn in episode.turns)


@pytest.mark.usefixtures("travel_with_a_model")
def test_eval_names_the_faults_that_it_leaves_out(bao: Bao, tmp_path: Path) -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        return (503, "busy") if "apartment" in request["messages"][1]["content"] else None

    with StubEndpoint(lambda messages: {"reply": "By the sea."}, refuses=refuses) as stub:
        model = ("--user-model", f"m@{stub.base_url}", "--set", "gym.settings.llm.attempts=1", "--concurrency", "1")
        done = bao(*ASK_ALL, *model, "--out", tmp_path / "out")
        assert done.status == 0, done
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    count = summary["faults"]["user_unavailable"]
    assert 0 < count < 6
    assert f"{count} episodes are left out for their faults (user_unavailable {count})" in done.error
    assert "user_unavailable" in done.out


@pytest.mark.usefixtures("travel_with_a_model")
def test_what_is_wrong_with_the_models_settings_is_one_line(bao: Bao, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    refused(bao(*ASK_ALL, "--user-model", "qwen3", *out), "--user-model", "MODEL@BASE_URL")
    refused(bao(*ASK_ALL, "--user", "scripted", "--user-model", "m@http://h/v1", *out), "contradict")
    refused(bao(*ASK_ALL, "--user", "llm", *out), "needs a model")
    refused(
        bao(*ASK_ALL, "--user-model", "m@http://h/v1", "--set", "gym.settings.llm.tiemout=3", *out), "did you mean 'timeout'"
    )
    refused(bao(*ASK_ALL, "--user-model", "m@http://h/v1", "--api-key-env", "NOT_SET_ANYWHERE", *out), "NOT_SET_ANYWHERE")
    with StubEndpoint(lambda messages: "", refuses=lambda request: (401, "who are you?")) as stub:
        refused(bao(*ASK_ALL, "--user-model", f"m@{stub.base_url}", *out), "llm.api_key_env is not set", "who are you?")
    assert not list((tmp_path / "out").glob("*.parquet"))


def test_a_key_in_the_wrong_place_reaches_no_file(bao: Bao, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[gym.settings.llm]\nmodel = "m"\nbase_url = "http://h/v1"\napi_key = "sk-verysecret"\n')
    done = bao("run", recipe, "--out", tmp_path / "out")
    refused(done, "gym.settings.llm.api_key is no setting")
    assert not (tmp_path / "out").exists()
    assert "verysecret" not in done.error
