"""The command line in this process, and two evaluations that it left."""

import sys
from pathlib import Path

import pytest

from bao.cli import main
from tests.cli.support import Bao, Done, run


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


@pytest.fixture(scope="session")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two evaluations, ``ask_all`` and ``oracle``."""
    folder = tmp_path_factory.mktemp("evaluated")
    for name in ("ask_all", "oracle"):
        done = run("eval", f"scripted:{name}", "--tasks", "10", "--out", name, cwd=folder)
        assert done.status == 0, done.error
        assert done.error == ""
    return folder
