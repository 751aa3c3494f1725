"""Imports point one way: a package imports only what stands before it, nothing imports in a circle, the core needs no torch."""

import ast
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import bao

PACKAGE = Path(bao.__file__).parent
ORDER = (
    "errors",
    "action",
    "task",
    "measure",
    "trajectory",
    "user",
    "policy",
    "task_source",
    "settings",
    "progress",
    "endpoint",
    "storage",
    "users",
    "gym",
    "policies",
    "gyms",
    "rollout",
    "models",
    "measures",
    "train",
    "pareto",
    "web",
    "reporting",
    "evaluation",
    "formats",
    "checks",
    "recipes",
    "verbs",
    "__init__",
    "cli",
    "__main__",
)
"""The modules and folders at the root. Each imports only from those before it."""
CORE = frozenset(ORDER[: ORDER.index("rollout") + 1]) | {"measures", "pareto", "evaluation"}
"""What has to work, and start fast, without the packages that `HEAVY` names."""
HEAVY = {"torch", "transformers", "rich"}
NEVER = {
    ("gyms", "models"): "a gym knows no tokens",
    ("rollout", "train"): "a rollout knows no gradients",
    ("models", "train"): "a model is played without training",
    ("measures", "rollout"): "measures read what is stored",
    ("evaluation", "train"): "judging needs no training",
}
"""Arrows that `ORDER` alone might come to allow, and why they are against the design."""

Graph = Mapping[str, set[str]]


def imports_of(source: Path, known: Iterable[str] = ()) -> set[str]:
    """The dotted names that a file imports, wherever in the file: inside functions and for types alone as well."""
    found, names = set(), set(known)
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source} imports relative to itself"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in names else str(node.module))
    return found


def module_graph(package: Path) -> dict[str, set[str]]:
    """Each module of `package`, by dotted name, with the modules of `package` that it imports."""
    files = {}
    for path in package.rglob("*.py"):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return {name: (imports_of(path, files) & files.keys()) - {name} for name, path in files.items()}


def room(module: str) -> str:
    """The module or folder at the root that a module belongs to."""
    _, _, below = module.partition(".")
    return below.partition(".")[0] or "__init__"


def room_graph(modules: Graph) -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = defaultdict(set)
    for module, imported in modules.items():
        rooms[room(module)] |= {room(other) for other in imported} - {room(module)}
    return rooms


def circle(graph: Graph) -> list[str]:
    """The nodes of one circle of imports, in order; empty where there is none."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return path[path.index(node) :]
        if node in done:
            return []
        for following in sorted(graph.get(node, ())):
            if found := visit(following, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def faults(package: Path) -> list[str]:
    """All that is wrong with the imports of `package`."""
    modules = module_graph(package)
    rooms = room_graph(modules)
    found = [f"circle of files: {names}" for names in [circle(modules)] if names]
    found += [f"circle of packages: {names}" for names in [circle(rooms)] if names]
    for name, imported in rooms.items():
        if name not in ORDER:
            found.append(f"{name} has no place in ORDER")
            continue
        found += [f"{name} imports {other}" for other in sorted(imported) if ORDER.index(other) > ORDER.index(name)]
        found += [f"{name} imports {other}: {NEVER[name, other]}" for other in sorted(imported) if (name, other) in NEVER]
    for path in package.rglob("*.py"):
        first = path.relative_to(package).parts[0].removesuffix(".py")
        heavy = {name.partition(".")[0] for name in imports_of(path)} & HEAVY
        if heavy and first in CORE:
            found.append(f"{path.relative_to(package)} of the core imports {', '.join(sorted(heavy))}")
    return found


def test_imports_point_one_way_and_the_core_is_light() -> None:
    assert faults(PACKAGE) == []


@pytest.mark.parametrize(
    ("file", "planted", "fault"),
    [
        ("errors.py", "import bao.task", "circle of files"),
        ("gym.py", "from bao.gyms.registry import make", "circle of packages"),
        ("gym.py", "def lazy():\n    from bao.policies.prompt import system_text", "gym imports policies"),
        ("action.py", "if TYPE_CHECKING:\n    from bao.gym import Gym", "action imports gym"),
        ("gyms/travel/gym.py", "from bao.models import tiny", "a gym knows no tokens"),
        ("measures/metrics.py", "import bao.rollout.plan", "measures read what is stored"),
        ("evaluation/results.py", "from bao.train import loss", "judging needs no training"),
        ("users/persona.py", "import torch", "of the core imports torch"),
        ("pareto/frontier.py", "def lazy():\n    from rich.table import Table", "of the core imports rich"),
        ("cellar.py", "", "has no place in ORDER"),
    ],
)
def test_an_import_against_the_direction_is_found(file: str, planted: str, fault: str, tmp_path: Path) -> None:
    package = tmp_path / "bao"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / file
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{before}\n{planted}\n", encoding="utf-8")
    assert any(fault in found for found in faults(package)), faults(package)


def test_the_root_holds_the_nouns_alone() -> None:
    assert len([path for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")]) <= 11


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_bao_loads_nothing_heavy() -> None:
    assert run(f"import bao, sys; print(sorted(sys.modules.keys() & {HEAVY!r}))") == "[]"


def test_no_module_of_the_core_needs_what_is_heavy() -> None:
    core = sorted(name for name in module_graph(PACKAGE) if room(name) in CORE)
    assert len(core) > 100
    run(f"import sys\nfor heavy in {HEAVY!r}: sys.modules[heavy] = None\nfor name in {core!r}: __import__(name)")


@pytest.mark.parametrize("name", ["bao.gyms.travel.user", "bao.gyms.travel.catalogue", "bao.train.demonstrations"])
def test_a_module_can_be_imported_before_the_others(name: str) -> None:
    run(f"import {name}")


def test_all_that_bao_offers_is_there() -> None:
    assert run("import bao; print([name for name in bao.__all__ if not hasattr(bao, name)])") == "[]"
