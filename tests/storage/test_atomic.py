"""A file appears whole or not at all, and a full disk leaves the old one and says which file it was."""

import ast
import errno
import subprocess
import sys
from pathlib import Path

import pytest

from bao.storage.atomic import atomic_folder, atomic_text, atomic_write

SOURCE = Path(__file__).parents[2] / "src" / "bao"


def test_a_file_is_replaced_when_its_block_ends_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    atomic_text(path, "old ä")
    with atomic_write(path) as file:
        file.write(b"new")
        assert path.read_text(encoding="utf-8") == "old ä"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_block_leaves_the_old_file_and_nothing_next_to_it(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    atomic_text(path, "old")

    def break_off() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on the size of files")
def test_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    atomic_text(path, "old")
    code = (
        "import resource, signal, sys; from pathlib import Path; from bao.storage.atomic import atomic_text\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: atomic_text(Path(sys.argv[1]), 'x' * 2000)\n"
        "except OSError as error: print(error.errno, error.filename)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{errno.EFBIG} {path}\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named_by_the_file_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "result.json").mkdir()
    with pytest.raises(OSError, match="directory") as caught:
        atomic_text(tmp_path / "result.json", "new")
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "result.json"), None)


def test_a_folder_appears_whole_and_replaces_an_old_one_only_where_it_may(tmp_path: Path) -> None:
    path = tmp_path / "step"
    (tmp_path / ".step.part").mkdir()  # of a process that was killed
    (tmp_path / ".step.part" / "stale").touch()
    with atomic_folder(path) as part:
        atomic_text(part / "deep" / "one", "1")
        assert not path.exists()
    assert [found.relative_to(path).as_posix() for found in path.rglob("*") if found.is_file()] == ["deep/one"]
    with pytest.raises(OSError, match="not empty"), atomic_folder(path) as part:
        (part / "two").touch()
    with pytest.raises(ZeroDivisionError), atomic_folder(path, replace=True):
        raise ZeroDivisionError
    assert (path / "deep" / "one").exists()
    with atomic_folder(path, replace=True) as part:
        (part / "two").touch()
    assert [found.name for found in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]


def test_no_other_module_moves_files_into_place() -> None:
    """`os.replace`, `os.rename`, `Path.rename`, and `Path.replace`, which unlike that of a text has one argument."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("rename", "replace"):
                in_os = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
                if in_os or node.func.attr == "rename" or (len(node.args) == 1 and not node.keywords):
                    found.add(path.relative_to(SOURCE).as_posix())
    assert found == {"storage/atomic.py"}
