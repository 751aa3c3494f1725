"""Running the command line, and what a refusal looks like."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


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


def refused(done: Done, *parts: str) -> None:
    """One line on standard error that holds these parts; exit status 2."""
    assert done.status == 2, done
    assert "Traceback" not in done.error
    lines = done.error.splitlines()
    assert len(lines) == 1, done.error
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]
