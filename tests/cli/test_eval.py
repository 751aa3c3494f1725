"""`bao eval`: what it leaves in a folder, and when the folder goes on."""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from bao.gyms.travel import Travel
from bao.storage.episodes import read_episodes
from tests.cli.support import Bao, refused, run


def interval(value: Any) -> bool:
    return set(value) == {"mean", "low", "high"} and value["low"] <= value["mean"] <= value["high"]


def test_eval_leaves_settings_episodes_summary_and_log(evaluated: Path) -> None:
    folder = evaluated / "ask_all"
    assert {path.name for path in folder.iterdir()} == {
        "config.toml",
        "episodes.parquet",
        "tasks.json",
        "summary.json",
        "log.txt",
    }
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
        (("scripted:ask_all", "--tasks", "9"), "tasks is 10 there and 9 now"),
        (("scripted:ask_all", "--tasks", "10", "--seed", "1"), "seed is 0 there and 1 now"),
        (("scripted:never_ask", "--tasks", "10"), "policy is 'scripted:ask_all' there and 'scripted:never_ask' now"),
        (("scripted:ask_all", "--tasks", "10", "--horizon", "9"), "gym.settings.horizon is not set there and 9 now"),
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


def test_a_task_without_a_field_is_named_by_file_line_and_field(evaluated: Path, tmp_path: Path, bao: Bao) -> None:

    path = tmp_path / "tasks.jsonl"
    Travel.task_set("test", 3).write(path)
    assert bao("eval", "scripted:ask_all", "--tasks", path, "--out", tmp_path / "whole").status == 0
    lines = path.read_text().splitlines()
    task = json.loads(lines[1])
    del task["data"]["bookings"][0]["wishes"]
    path.write_text("\n".join([lines[0], json.dumps(task), lines[2]]))
    refused(bao("eval", "scripted:ask_all", "--tasks", path, "--out", tmp_path / "x"), f"{path}, line 2", "'wishes' is missing")


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
