"""A console or a locale that is not UTF-8 shows replaced characters and ends no command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

NAME = "Политика"


def bao_under(tmp_path: Path, *line: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "bao", *line],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_a_name_that_the_console_cannot_show_loses_no_result(tmp_path: Path, environment: dict[str, str]) -> None:
    out = f"läufe/{NAME}"
    done = bao_under(tmp_path, "eval", "scripted:ask_all", "--tasks", "2", "--name", NAME, "--out", out, **environment)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    assert b"????????" in done.stdout
    summary = tmp_path / out / "summary.json"
    assert json.loads(summary.read_text(encoding="utf-8"))["policy"] == NAME
    for line in (("show", "transcript", out), ("frontier", out, "--out", "frontier")):
        done = bao_under(tmp_path, *line, **environment)
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        assert b"Traceback" not in done.stderr
