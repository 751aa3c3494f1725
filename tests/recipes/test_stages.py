"""A run goes on where it stopped, refuses what cannot work before it costs anything, and ends with a report in any case."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from transformers.utils import logging as transformers_logging

from bao.errors import ConfigError, DataError
from bao.evaluation.evaluate import evaluate as evaluate_policy
from bao.evaluation.results import EvaluationResult
from bao.evaluation.settings import EvaluationJob
from bao.gyms.section import task_set
from bao.models.local import PROFILE, LocalModel, Profile, load_local, save_local
from bao.progress import Progress
from bao.recipes import stages
from bao.recipes.recipe import Recipe, load_recipe
from bao.recipes.run import run_recipe
from bao.recipes.weights import check_effort_weights
from bao.storage.episodes import read_episodes
from bao.storage.folder import LOG, folder_lock, open_folder
from bao.train.checkpoint import CHECKPOINTS
from bao.trajectory import Trajectory
from tests.support.command_line import bao
from tests.support.small_model import small_local
from tests.support.watched import told

TINY = (
    "gym.levels=[2]",
    "sft.demonstrations=12",
    "sft.single_turns=2",
    "sft.tasks=12",
    "grpo.steps=2",
    "grpo.groups=3",
    "grpo.group_size=3",
    "grpo.tasks=12",
    "grpo.turn_tokens=16",
    "grpo.trajectory_tokens=100",
    "grpo.effort_weights=[0.0, 0.1]",
    "grpo.checkpoint_every=1",
    "evaluation.tasks=4",
    "evaluation.turn_tokens=16",
    "evaluation.trajectory_tokens=100",
    "evaluation.resamples=100",
    "model.hidden=32",
    "model.layers=1",
    "model.feedforward=64",
    "model.workers=1",
)
SCRIPTS = ("oracle", "ask_all", "ask_needed", "never_ask", "random")
LABELS = (*SCRIPTS, *(f"{name} w={w}" for name in ("sft", "bao", "rational") for w in ("0", "0.1")))


def recipe(*changes: str) -> Recipe:
    return load_recipe("quickstart", [*TINY, *changes])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose policy cannot write an action."""
    folder = tmp_path_factory.mktemp("start") / "model"
    save_local(folder, small_local())
    return folder


def comparable(path: Path) -> list[Trajectory]:
    return [replace(episode, seconds=0.0, trace=None) for episode in read_episodes(path / "episodes.parquet")]


def test_a_policy_whose_every_output_is_unreadable_is_counted_and_the_run_goes_on_to_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress, watched = told()
    done = run_recipe(recipe("sft.demonstrations=2"), tmp_path, progress)
    page = done.report.read_text()
    assert done.report == tmp_path / "report.html"
    assert [each.label for each in done.evaluations] == list(LABELS)
    assert [bound.label for bound in done.frontier.bounds] == ["oracle"]
    assert [point.label for point in done.frontier.points] == [label for label in LABELS if label != "oracle"]
    for label in LABELS:
        assert label in page
    for folder in ("sft-w0", "bao-w0.1"):
        summary = json.loads((tmp_path / "eval" / folder / "summary.json").read_text())
        assert summary["unparsable"]["mean"] > 0.8
        assert summary["score"]["mean"] == 0
        assert summary["episodes"] == 4
    first = watched.getvalue().splitlines()[0]
    assert re.search(r"about \d+ minutes? on this machine", first)
    # The same again evaluates nothing anew, and says so.
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert bao("run", "quickstart", *settings("sft.demonstrations=2"), "--out", tmp_path) == 0
    out, error = capsys.readouterr()
    assert out.splitlines()[-1] == f"report: {done.report}"
    assert "Score" in out
    assert "hypervolume of bao" in out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert "training is done already" in error
    with pytest.raises(ConfigError, match=r"grpo\.learning_rate is [\d.]+ there and 0\.123 now"):
        run_recipe(recipe("sft.demonstrations=2", "grpo.learning_rate=0.123"), tmp_path, progress)


def test_effort_weights_under_which_acting_never_pays_are_refused_and_can_be_corrected(model: Path, tmp_path: Path) -> None:
    progress, _ = told()
    for start in (run_recipe, lambda r, out, p: stages.reinforce(r, model, out, p)):
        with pytest.raises(ConfigError, match=r"grpo.effort_weights=\[0.9\].*silence.*choose weights in \[0, 0\.\d+\)"):
            start(recipe("grpo.effort_weights=[0.9]"), tmp_path / "run", progress)
    assert (stages.reinforce(recipe(), model, tmp_path / "run", progress) / PROFILE).is_file()


def test_effort_weights_that_silence_some_tasks_are_warned_of_once_on_the_terminal_and_in_the_log(
    model: Path, tmp_path: Path
) -> None:
    progress, watched = told()
    settings = recipe("gym.levels=[2, 3, 4]", "grpo.tasks=40", "grpo.effort_weights=[0.0, 0.3]")
    open_folder(tmp_path, {})
    check_effort_weights(settings, progress)
    stages.reinforce(settings, model, tmp_path / "bao", progress)
    warnings = [line for line in watched.getvalue().splitlines() if "warning" in line and "effort_weight=0.3:" in line]
    assert len(warnings) == 1
    assert re.search(r"grpo.effort_weights: effort_weight=0.3: \d+ of 40 tasks", warnings[0])
    assert (tmp_path / LOG).read_text().count("WARNING grpo.effort_weights: effort_weight=0.3:") == 1


def test_a_collapse_is_told_on_the_terminal_and_in_the_log(model: Path, tmp_path: Path) -> None:
    progress, watched = told()
    stages.reinforce(recipe("grpo.steps=3"), model, tmp_path, progress)
    assert "warning: step 3: the policy has collapsed into babble" in watched.getvalue()
    assert "collapsed into babble" in (tmp_path / LOG).read_text()


def test_a_checkpoint_of_another_architecture_is_refused(model: Path, tmp_path: Path) -> None:
    progress, _ = told()
    out = tmp_path / "bao"
    stages.reinforce(recipe(), model, out, progress)
    with pytest.raises(ConfigError, match=r"model\.hidden is 32 there and 64 now"):
        stages.reinforce(recipe("model.hidden=64"), model, out, progress)
    # Even where nothing tells the settings apart, the weights do.
    wide = tmp_path / "wide" / "model"
    stages.warm_start(recipe("model.hidden=64"), wide.parent, progress)
    shutil.rmtree(out / "model")
    (out / "config.toml").unlink()
    with pytest.raises(DataError, match=r"step-000001.*another architecture: \S+ is \(.*\[model\] section.*empty --out folder"):
        stages.reinforce(recipe("model.hidden=64"), wide, out, progress)


def test_a_folder_that_is_no_model_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    progress, _ = told()
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    for name, found in (("absent", "does not exist"), ("file", "is a file"), ("empty", "no config.json")):
        with pytest.raises(DataError, match=rf"{name} is no model folder \(.*{found}.*\): give the folder"):
            stages.reinforce(recipe(), tmp_path / name, tmp_path / "out", progress)
        with pytest.raises(DataError, match=rf"{name} is no model folder"):
            evaluate(f"local:{tmp_path / name}", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", PROFILE, "tokenizer.json"])
def test_a_damaged_model_is_one_line(model: Path, tmp_path: Path, file: str) -> None:
    copy = tmp_path / "model"
    shutil.copytree(model, copy)
    (copy / file).write_bytes((copy / file).read_bytes()[:20])
    with pytest.raises(DataError, match=re.escape(str(copy))) as raised:
        load_local(copy)
    assert len(str(raised.value).splitlines()) == 1


def evaluate(policy: str, out: Path, progress: Progress | None = None, weight: float | None = 0.1) -> EvaluationResult:
    tiny = recipe()
    job = EvaluationJob(tiny.gym, task_set(tiny.gym, "test", 3), tiny.evaluation)
    return evaluate_policy(policy, job, {weight: out}, progress or told()[0])[0]


def test_a_conditioned_policy_must_be_told_a_weight_and_another_must_not(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none is given: set one of 0, 0\.1"):
        evaluate(f"local:{model}", tmp_path / "x", weight=None)
    progress, watched = told()
    assert evaluate(f"local:{model}", tmp_path / "x", progress, weight=0.5).label == "start0 w=0.5"
    assert "warning: effort_weight=0.5 is none of those that" in watched.getvalue()
    plain = tmp_path / "plain"
    local = small_local()
    save_local(plain, LocalModel(local.model, local.template, Profile(local.profile.prompt)))
    with pytest.raises(ConfigError, match=r"effort_weight=0\.1: .*not conditioned"):
        evaluate(f"local:{plain}", tmp_path / "y")


def test_models_of_one_name_in_two_places_are_two_policies(model: Path, tmp_path: Path) -> None:
    for place in ("a", "b"):
        shutil.copytree(model, tmp_path / place / "bao" / "model")
    evaluate(f"local:{tmp_path / 'a' / 'bao' / 'model'}", tmp_path / "a" / "eval")
    with pytest.raises(ConfigError, match=r"policy is 'local:\.\./bao/model' there"):
        evaluate(f"local:{tmp_path / 'b' / 'bao' / 'model'}", tmp_path / "a" / "eval")
    # A run that is moved as a whole stays what it was.
    (tmp_path / "a").rename(tmp_path / "c")
    before = (tmp_path / "c" / "eval" / "episodes.parquet").stat().st_mtime_ns
    evaluate(f"local:{tmp_path / 'c' / 'bao' / 'model'}", tmp_path / "c" / "eval")
    assert (tmp_path / "c" / "eval" / "episodes.parquet").stat().st_mtime_ns == before


def test_a_teacher_that_shows_nothing_is_named_with_what_was_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sft.teacher='teacher'.*\d+ out_of_turns.*gym.settings.horizon") as raised:
        stages.warm_start(recipe("gym.settings.horizon=2", "sft.selection=success"), tmp_path / "success", told()[0])
    assert "<" not in str(raised.value)
    with pytest.raises(ConfigError, match=r"sft.teacher='teacher'.*earns anything.*\(\d+ of \d+ plays.*gym.settings.horizon"):
        stages.warm_start(recipe("gym.settings.horizon=2"), tmp_path / "hindsight", told()[0])


def test_a_device_that_is_not_there_is_refused_before_the_demonstrations(tmp_path: Path) -> None:
    progress, watched = told()
    with pytest.raises(ConfigError, match=r"model\.device='nowhere' cannot be used"):
        stages.warm_start(recipe("model.device=nowhere"), tmp_path, progress)
    assert "demonstrations" not in watched.getvalue()


def test_models_are_written_and_read_without_bars_and_the_users_setting_stays(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    local = small_local()
    capfd.readouterr()
    assert transformers_logging.is_progress_bar_enabled()
    save_local(tmp_path, local)
    load_local(tmp_path)
    assert capfd.readouterr() == ("", "")
    assert transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        load_local(tmp_path)
        assert not transformers_logging.is_progress_bar_enabled()
    finally:
        transformers_logging.enable_progress_bar()


def settings(*changes: str) -> list[str]:
    return [part for change in (*TINY, *changes) for part in ("--set", change)]


def command(*arguments: str, changes: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, "-m", "bao", *arguments, *settings(*changes)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "100"}


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_run_goes_on_once_there_is_room(model: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    import resource

    line = command("train", "quickstart", "--start", str(model), "--out", str(tmp_path))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, -1))

    full = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=300, check=False, preexec_fn=limit)
    assert full.returncode == 1
    last = full.stderr.splitlines()[-1]
    assert last.startswith("error: the checkpoint ")
    assert "is the disk full?" in last
    assert "run the same command again" in last
    assert "Traceback" not in full.stderr
    done = subprocess.run(line, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"model: {tmp_path / 'model'}"


@pytest.mark.slow
def test_ctrl_c_is_one_line_and_leaves_what_is_done(model: Path, tmp_path: Path) -> None:
    changes = ("grpo.steps=500", "model.workers=2")
    line = command("train", "quickstart", "--start", str(model), "--out", str(tmp_path), changes=changes)
    process = subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, text=True)
    wait_for_rows(tmp_path / "metrics.jsonl", 2, process)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "stopped: what is done is kept, the same command goes on from there"
    assert "Traceback" not in error
    assert any((tmp_path / "checkpoints").iterdir())


def wait_for_rows(metrics: Path, rows: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if metrics.is_file() and len(metrics.read_text().splitlines()) >= rows:
            return
        time.sleep(0.01)
    raise AssertionError(f"{metrics} never held {rows} rows")


def test_a_folder_that_another_process_trains_in_is_refused(tmp_path: Path) -> None:
    with (
        folder_lock(tmp_path / "sft" / CHECKPOINTS),
        pytest.raises(ConfigError, match=r"another process is at work on --out .*sft: wait for it"),
    ):
        stages.warm_start(recipe(), tmp_path / "sft", told()[0])


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_reinforcement_finishes_when_repeated_and_equals_one_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(tomli_w.dumps(recipe("model.workers=2").model_dump(mode="json", exclude_none=True)))
    line = [sys.executable, "-m", "bao", "run", str(tmp_path / "tiny.toml")]
    whole = subprocess.run(
        [*line, "--out", str(tmp_path / "whole")], env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert whole.returncode == 0, whole.stderr
    killed = tmp_path / "killed"
    process = subprocess.Popen([*line, "--out", str(killed)], env=environment(), stderr=subprocess.DEVNULL, text=True)
    wait_for_rows(killed / "bao" / "metrics.jsonl", 1, process)
    process.kill()
    process.wait(60)
    assert not (killed / "report.html").exists()
    again = subprocess.run(
        [*line, "--out", str(killed)], env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "warm start" not in again.stderr
    assert (killed / "report.html").is_file()
    for folder in sorted((tmp_path / "whole" / "eval").iterdir()):
        other = killed / "eval" / folder.name
        assert comparable(folder) == comparable(other)
        assert timeless(folder) == timeless(other)


def timeless(folder: Path) -> dict[str, Any]:
    """The summary without wall times, which no two runs share."""
    summary = json.loads((folder / "summary.json").read_text())
    return {name: value for name, value in summary.items() if name not in ("seconds", "seconds_per_turn")}


@pytest.mark.slow
def test_a_shortened_quickstart_goes_from_demonstrations_to_a_report_with_every_label(tmp_path: Path) -> None:
    changes = (
        "sft.demonstrations=400",
        "sft.single_turns=20",
        "sft.tasks=200",
        "grpo.steps=2",
        "grpo.groups=4",
        "grpo.effort_weights=[0.0, 0.1]",
        "grpo.tasks=100",
        "evaluation.tasks=15",
        "evaluation.resamples=200",
        "model.workers=1",
    )
    line = [sys.executable, "-m", "bao", "run", "quickstart", *(part for change in changes for part in ("--set", change))]
    done = subprocess.run(line, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert re.match(r"quickstart: about \d+ minutes? on this machine; results go to runs/quickstart", said[0])
    for stage in ("demonstrations", "warm start", "reinforcement", "scripted policies", "evaluating sft", "evaluating bao"):
        assert any(line.startswith(f"{stage}: done in") for line in said), stage
    shown = done.stdout.splitlines()
    assert shown[-1] == "report: runs/quickstart/report.html"
    for name in ("oracle", "ask_all", "never_ask", "random", "sft", "bao"):
        assert any(line.startswith(f"│ {name} ") for line in shown), name
        # The oracle is a bound.
        assert any(line.startswith(f"hypervolume of {name}: ") for line in shown) == (name != "oracle"), name
    page = (tmp_path / shown[-1].removeprefix("report: ")).read_text()
    for label in LABELS:
        assert label in page
    learned = [
        json.loads(line) for line in (tmp_path / "runs" / "quickstart" / "sft" / "metrics.jsonl").read_text().splitlines()
    ]
    assert learned[-1]["loss"] < 0.5 * learned[0]["loss"]
