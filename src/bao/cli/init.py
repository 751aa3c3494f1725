"""``bao init``: begin something of your own, from `bao.cli.templates`: small, tested, ready to be installed."""

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

from cyclopts import App, Parameter

from bao.errors import ConfigError
from bao.storage.atomic import atomic_folder

LONGEST_NAME = 40
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_TOP = PurePosixPath()
_SUFFIX = ".tmpl"
"""Of template files, so that no tool takes them for code of this project."""

init = App(name="init", help="Begin something of your own: a gym package.\n\nFor example:\n    bao init gym bookshop")


@init.command(name="gym")
def init_gym(
    name: Annotated[str, Parameter(help="The gym's name: a lower-case word, such as bookshop.")], /, *, out: Path | None = None
) -> None:
    """Write a small, tested gym package that `pip install -e` plugs in; docs/own_gym.md walks through it.

    For example:
        bao init gym bookshop
        bao init gym bookshop --out ~/code/bookshop-gym

    Args:
        out: The new folder; default NAME-gym.
    """
    folder = write_gym_package(name, out)
    print(f"gym package: {folder}")
    print(f"next:        pip install -e {folder} && bao check gym {name}")


def write_gym_package(name: str, out: Path | None = None) -> Path:
    """Write the package of a gym called `name` to `out` (``NAME-gym`` where not given); the folder that it is in.

    The folder appears whole or not at all. Raises `ConfigError` on a name that no gym can have and on a folder that exists.
    """
    _check_name(name)
    package = f"{name}_gym"
    out = Path(package.replace("_", "-")) if out is None else out
    if out.exists() or out.is_symlink():
        raise ConfigError(f"--out {out} exists already: name a new folder, or remove this one")
    words = {
        "name": name,
        "package": package,
        "distribution": package.replace("_", "-"),
        "class": "".join(part.capitalize() for part in package.split("_")),
    }
    try:
        with atomic_folder(out) as folder:
            for path, text in _templates(files("bao.cli.templates") / "gym"):
                target = folder / _place(path, name, package)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(re.sub(r"\{\{(\w+)\}\}", lambda mark: words[mark.group(1)], text), encoding="utf-8")
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"--out {out} cannot be made a folder ({error.strerror}): name another") from error
    return out


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        better = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:LONGEST_NAME].rstrip("_")
        raise ConfigError(
            f"name={name!r} must be a lower-case word such as my_gym: letters, digits and single underscores, a letter first, "
            f"at most {LONGEST_NAME} characters" + (f"; did you mean {better!r}?" if better else "")
        )
    from bao.gyms.registry import gym_names  # the gyms take long to import

    if name in gym_names():
        raise ConfigError(f"name={name!r} is the name of an installed gym: take another, such as my_{name}")


def _templates(folder: Traversable, above: PurePosixPath = _TOP) -> Iterator[tuple[PurePosixPath, str]]:
    """The path of each template below `folder`, without its suffix, and its text."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _templates(item, above / item.name)
        elif item.name.endswith(_SUFFIX):
            yield above / item.name.removesuffix(_SUFFIX), item.read_text(encoding="utf-8")


def _place(path: PurePosixPath, name: str, package: str) -> Path:
    """Where a template's text goes. ``.gitignore`` has no dot among the templates, lest it should take effect there."""
    renamed = {"PACKAGE": package, "NAME.toml": f"{name}.toml", "gitignore": ".gitignore"}
    return Path(*(renamed.get(part, part) for part in path.parts))
