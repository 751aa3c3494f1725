"""Files and folders that appear whole or not at all: the one place where the package moves them into place."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """A binary file that becomes `path` when the block ends well; its folder is made if missing.

    It is written next to `path`, flushed to disk and moved into place, so a reader or a crash never meets half of one. An error
    in the block leaves `path` as it was and nothing next to it. `durable=False` does not wait for the disk: for what is checked
    when it is read. Raises `OSError` with the name of `path` where the disk is full or the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(part)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # a full disk names no file
    finally:
        part.unlink(missing_ok=True)
    if durable:
        sync_folder(path.parent)


def atomic_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all, as `atomic_write` does."""
    with atomic_write(path, durable=durable) as file:
        file.write(text.encode("utf-8"))


@contextmanager
def atomic_folder(path: Path, *, replace: bool = False) -> Iterator[Path]:
    """An empty folder that becomes `path` when the block ends well, flushed to disk; its parent is made if missing.

    An error in the block leaves no trace of it. Raises `OSError` where `path` holds something already, unless `replace`.
    """
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
    part.mkdir(parents=True)
    try:
        yield part
        for written in [*part.rglob("*"), part]:
            if written.is_dir():
                sync_folder(written)
            else:
                _sync(written, os.O_RDWR)  # some systems flush only what may be written
        if replace and path.exists():
            shutil.rmtree(path)
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in `folder` to disk, where the system can."""
    if os.name == "posix":  # elsewhere a folder cannot be opened to be flushed
        _sync(folder)


def _sync(path: Path, mode: int = os.O_RDONLY) -> None:
    opened = os.open(path, mode)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
