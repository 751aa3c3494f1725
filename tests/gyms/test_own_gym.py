"""`bao init gym` writes a package that works: its tests pass, it plugs in by `pip install -e`, and every command takes it."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

import bao
from bao.cli.init import write_gym_package
from bao.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
NAME = "book_shop"


class Installed(NamedTuple):
    folder: Path
    python: Path


def run(*command: str | Path, cwd: Path, status: int = 0) -> str:
    """The output of a real command; the bao under test goes before an installed one."""
    environment = {**os.environ, "PYTHONPATH": str(Path(bao.__file__).parents[1]), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("own") / "shop"
    said = run(sys.executable, "-m", "bao", "init", "gym", NAME, "--out", out, cwd=out.parent)
    assert f"pip install -e {out}" in said.replace("\n", "")
    return out


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The package in an environment of its own, which sees this one's packages; nothing is fetched."""
    for tool in ("pip", "setuptools"):
        if find_spec(tool) is None:
            pytest.skip(f"{tool} is not installed, and without a network it cannot be had")
    environment = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=package)
    python = environment / "bin" / "python"
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=package).strip()
    Path(site, "outer.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(
        python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "-e", package, cwd=package
    )
    return Installed(package, python)


def test_its_own_tests_pass(package: Path) -> None:
    assert re.search(r"\d+ passed", run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=package))


def test_it_holds_what_it_says_and_no_placeholder(package: Path) -> None:
    found = {
        str(path.relative_to(package)) for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == {
        ".gitignore",
        "README.md",
        f"{NAME}.toml",
        "pyproject.toml",
        "tests/test_promises.py",
        *(f"src/{NAME}_gym/{name}.py" for name in ("__init__", "agents", "gym", "tasks", "user")),
    }
    for name in found:
        text = (package / name).read_text()
        assert "{{" not in text, name
        assert "PACKAGE" not in text, name
    assert f'{NAME} = "{NAME}_gym:BookShopGym"' in (package / "pyproject.toml").read_text()


def test_its_code_passes_the_checks_that_ours_does(package: Path) -> None:
    if find_spec("ruff") is None or find_spec("mypy") is None:
        pytest.skip("ruff and mypy are not installed")
    config = ROOT / "pyproject.toml"
    run(sys.executable, "-m", "ruff", "check", "--no-cache", "--config", config, ".", cwd=package)
    run(sys.executable, "-m", "ruff", "format", "--no-cache", "--check", "--config", config, ".", cwd=package)


@pytest.mark.slow
def test_its_code_is_typed(package: Path, tmp_path: Path) -> None:
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    config = tmp_path / "mypy.ini"
    source = Path(bao.__file__).parents[1]
    config.write_text(f"[mypy]\nstrict = True\nmypy_path = {source}\n[mypy-bao.*]\nfollow_imports = silent\n")
    run(sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", tmp_path / "cache", "src", cwd=package)


@pytest.mark.slow
def test_it_plugs_in_and_every_command_takes_it(installed: Installed, tmp_path: Path) -> None:
    def command(*arguments: str, status: int = 0) -> str:
        return run(installed.python, "-m", "bao", *arguments, cwd=tmp_path, status=status)

    assert NAME in {row["name"] for row in json.loads(command("gyms", "--json"))}
    checked = command("check", "gym", NAME)
    assert "FAIL" not in checked
    assert "ok   the test split has at least 40 clusters: 60 tasks in 48 clusters" in checked
    assert "the oracle solves test: score 1.000" in checked
    command("eval", "scripted:oracle", "--gym", NAME, "--tasks", "20", "--out", "oracle")
    command("eval", "scripted:never_ask", "--gym", NAME, "--tasks", "20", "--persona", "busy", "--out", "guess")
    summary = json.loads((tmp_path / "oracle" / "summary.json").read_text())
    assert (summary["gym"], summary["score"]["mean"]) == (NAME, 1.0)
    command("frontier", "oracle", "guess", "--out", "frontier")
    command("check", "recipe", str(installed.folder / f"{NAME}.toml"))
    with_class_gone = run(
        installed.python,
        "-c",
        f"import bao, {NAME}_gym; del {NAME}_gym.BookShopGym; bao.make({NAME!r})",
        cwd=tmp_path,
        status=1,
    )
    assert f"gym='{NAME}' is installed as '{NAME}_gym:BookShopGym', which cannot be loaded" in with_class_gone
    assert f"name='{NAME}' is the name of an installed gym" in command("init", "gym", NAME, status=2).replace("\n", "")


@pytest.mark.slow
def test_a_model_is_trained_on_it_from_its_own_recipe(installed: Installed, tmp_path: Path) -> None:
    if find_spec("torch") is None:
        pytest.skip("training needs torch")
    small = (
        "model.hidden=32",
        "model.layers=1",
        "model.feedforward=64",
        "model.workers=1",
        "sft.demonstrations=200",
        "sft.single_turns=20",
        "sft.tasks=200",
        "grpo.tasks=200",
        "grpo.steps=2",
        "grpo.groups=4",
        "grpo.group_size=4",
        "evaluation.tasks=5",
        "evaluation.resamples=100",
    )
    settings = [part for setting in small for part in ("--set", setting)]
    run(installed.python, "-m", "bao", "run", installed.folder / f"{NAME}.toml", "--out", "run", *settings, cwd=tmp_path)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_the_wheel_brings_the_templates(tmp_path: Path) -> None:
    build = pytest.importorskip("hatchling.build", reason="the wheel is built by hatchling, which is not installed")
    copy = tmp_path / "project"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    before = Path.cwd()
    os.chdir(copy)
    try:
        wheel = build.build_wheel(str(tmp_path))
    finally:
        os.chdir(before)
    with zipfile.ZipFile(tmp_path / wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("bao/cli/templates/")}
    there = {path for path in (ROOT / "src" / "bao" / "cli" / "templates").rglob("*") if path.suffix in (".tmpl", ".py")}
    assert packed == {str(path.relative_to(ROOT / "src")) for path in there}
    assert len(packed) == 11


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("BookShop", "'bookshop'"),
        ("book-shop", "'book_shop'"),
        ("book shop", "'book_shop'"),
        ("3books", "'books'"),
        ("_books", "'books'"),
        ("books_", "'books'"),
        ("a__b", "'a_b'"),
        ("../books", "'books'"),
        ("x" * 41, "'" + "x" * 40 + "'"),
    ],
)
def test_a_bad_name_is_refused_with_a_better_one(name: str, better: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"must be a lower-case word.*did you mean {re.escape(better)}"):
        write_gym_package(name, tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_a_name_without_a_letter_is_refused(tmp_path: Path) -> None:
    for name in ("", "42", "é"):
        with pytest.raises(ConfigError, match=r"a letter first, at most 40 characters$"):
            write_gym_package(name, tmp_path / "x")


def test_the_name_of_an_installed_gym_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name='travel' is the name of an installed gym: take another, such as my_travel"):
        write_gym_package("travel", tmp_path / "x")


def test_an_existing_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("there", "file", "dangling"):
        with pytest.raises(ConfigError, match="exists already: name a new folder"):
            write_gym_package("books", tmp_path / name)
    with pytest.raises(ConfigError, match="cannot be made a folder"):
        write_gym_package("books", tmp_path / "file" / "below")
    assert {path.name for path in tmp_path.iterdir()} == {"there", "file", "dangling"}
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["mine.txt"]


def test_the_folder_is_named_after_the_gym_where_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write_gym_package("a_b") == Path("a-b-gym")
    assert [path.name for path in tmp_path.iterdir()] == ["a-b-gym"]
    assert "class ABGym(Gym):" in (tmp_path / "a-b-gym/src/a_b_gym/gym.py").read_text()


@pytest.mark.parametrize("name", ["class", "test", "bao", "task", "gym"])
def test_names_that_mean_something_elsewhere_still_make_a_working_package(name: str, tmp_path: Path) -> None:
    folder = write_gym_package(name, tmp_path / "x")
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
