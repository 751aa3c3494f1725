"""The command line as a whole: its help, and what it loads."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bao.cli import app
from tests.cli.support import Bao, refused, run

COMMANDS = (
    "gyms",
    "sft",
    "train",
    "eval",
    "frontier",
    "prices",
    "report",
    "run",
    "show",
    "show transcript",
    "show mask",
    "check",
    "check gym",
    "check adversaries",
    "check recipe",
    "compare",
    "measure",
    "transfer",
    "init",
    "init gym",
    "export",
    "import",
)


def test_python_m_bao_is_the_command_line(tmp_path: Path) -> None:
    done = run("--version", cwd=tmp_path, code="import runpy; runpy.run_module('bao', run_name='__main__')")
    assert (done.status, done.out.strip()) == (0, "0.1.0")


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
