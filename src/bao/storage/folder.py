"""The folder of a result: its resolved settings, its log, and whether it may be continued."""

import logging
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from bao.errors import ConfigError
from bao.storage.atomic import atomic_text

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

CONFIG, LOG = "config.toml", "log.txt"
_LOCK = "lock"
logger = logging.getLogger("bao")
logger.addHandler(logging.NullHandler())


Grows = Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
"""Whether a folder of the first settings may go on as one of the second: its results are part of what these ask for."""


def open_folder(out: Path, settings: Mapping[str, Any], grows: Grows | None = None) -> None:
    """Make `out`, write its ``config.toml`` and log to its ``log.txt``; logs of the folders above it go on too.

    A folder that was begun with the same settings is continued. One with others is refused (`ConfigError` naming the first
    setting that differs), so that results of two settings never mix; where it holds no result yet, or `grows` says so, it takes
    the new ones.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"--out {out} cannot be made a folder ({error.strerror}): name another") from error
    text = tomli_w.dumps(_plain(settings))
    config = out / CONFIG
    begun = config.is_file()
    kept = begun and _holds_results(out)
    if kept and (grows is None or not grows(_read(config), _plain(settings))):
        _refuse_other(out, _read(config), _plain(settings))
    else:
        atomic_text(config, text)
    _log_to(out / LOG)
    logger.info("%s %s", "continued" if begun else "begun", out)


def _holds_results(out: Path) -> bool:
    """Whether anything but settings, logs and locks lies in `out`."""
    files = (path.name for path in out.rglob("*") if path.is_file())
    return any(name not in (CONFIG, LOG, _LOCK) and not name.startswith(f".{CONFIG}") for name in files)


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{config} is damaged ({error}): remove --out {config.parent}, or name another folder") from error


def _refuse_other(out: Path, there: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    old, new = dict(_flat(there)), dict(_flat(now))
    for name in [*new, *old]:
        if old.get(name) != new.get(name):
            raise ConfigError(
                f"--out {out} holds results of other settings ({name} is {_shown(old, name)} there and {_shown(new, name)} "
                "now): name another folder, or remove this one"
            )


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _shown(values: Mapping[str, Any], name: str) -> str:
    return repr(values[name]) if name in values else "not set"


def _log_to(path: Path) -> None:
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            folder = Path(handler.baseFilename).parent
            if folder == path.parent.absolute() or folder not in path.absolute().parents:
                logger.removeHandler(handler)
                handler.close()
    handler = logging.FileHandler(path, encoding="utf-8", errors="replace")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _plain(value: Any) -> Any:
    """Nested plain values for TOML, which has no null: what is None is left out; and no lone surrogate, which is replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def relative_to(path: Path, out: Path) -> str:
    """`path` as seen from `out`, so that the two may be moved together without becoming another setting."""
    return Path(os.path.relpath(path, out)).as_posix()


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Nobody else works in `folder`, as long as this process lives. (Without a lock on systems that have no ``flock``.)"""
    folder.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        yield
        return
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another process is at work on --out {folder.parent}: wait for it, or name another folder"
            ) from None
        yield
