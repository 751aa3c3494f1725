"""The folder of a result: its resolved settings, its log, and whether it may be continued."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from bao.errors import ConfigError

CONFIG, LOG = "config.toml", "log.txt"
logger = logging.getLogger("bao")


def open_folder(out: Path, settings: Mapping[str, Any]) -> None:
    """Make `out`, write its ``config.toml`` and log to its ``log.txt``.

    A folder that was begun with the same settings is continued; one with others is refused (`ConfigError` naming the first setting
    that differs), so that results of two settings never mix.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise ConfigError(f"--out {out} cannot be made a folder ({error.strerror}): name another") from error
    text = tomli_w.dumps(_plain(settings))
    config = out / CONFIG
    if config.is_file() and config.read_text(encoding="utf-8") != text:
        was, now = config.read_text(encoding="utf-8").splitlines(), text.splitlines()
        changed = next((f"{old!r} there, {new!r} now" for old, new in zip(was, now, strict=False) if old != new), "its length")
        raise ConfigError(f"--out {out} holds a run with other settings ({changed}): name another folder, or remove this one")
    config.write_text(text, encoding="utf-8")
    _log_to(out / LOG)


def _log_to(path: Path) -> None:
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
            handler.close()
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _plain(value: Any) -> Any:
    """Nested plain values for TOML, which has no null: what is None is left out."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
