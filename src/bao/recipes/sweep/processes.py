"""Pieces of work in processes of their own, several at once; whoever waits for one learns how it ended.

A process ends with the one that started it, however that one ends, so that two never work on one folder.
"""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol

from bao.errors import BaoError, ConfigError, RunError
from bao.progress import Update
from bao.storage.folder import folder_lock, logger

_END_SECONDS, _TRIES = 10.0, 40


class Piece(Protocol):
    """Work that another process can do: it can be pickled."""

    @property
    def label(self) -> str:
        """Unique among the pieces."""

    @property
    def folder(self) -> Path:
        """Where nobody else may be at work."""

    def run(self, progress: "Relay") -> None: ...


@dataclass(frozen=True, slots=True)
class _Running:
    piece: Piece
    process: Any
    pipe: Connection


def run_pieces(
    ready: Callable[[], Sequence[Piece]],
    jobs: int,
    threads: int,
    warn: Callable[[str], None],
    note: Callable[[Piece, bool], None],
) -> None:
    """Do what is `ready`, `jobs` pieces at once with `threads` threads each, until nothing is ready or under way.

    `ready` is asked again whenever a piece has ended. `note` is told of each piece when it begins (False) and ends (True).
    Where one fails, the others are stopped and its error is raised. Raises `RunError` where a process died.
    """
    running: dict[str, _Running] = {}
    try:
        while True:
            for piece in ready():
                if len(running) < jobs and piece.label not in running:
                    running[piece.label] = _start(piece, threads)
                    note(piece, False)
            if not running:
                return
            for label in _ended(running, warn):
                ended = running.pop(label)
                ended.pipe.close()
                ended.process.join()
                note(ended.piece, True)
    finally:
        for each in running.values():
            each.pipe.close()  # which ends it
        for each in running.values():
            each.process.join(_END_SECONDS)
            if each.process.is_alive():
                each.process.kill()
                each.process.join()


def _start(piece: Piece, threads: int) -> _Running:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, piece, threads))  # no daemon, since it may start workers
    process.start()
    theirs.close()
    return _Running(piece, process, ours)


def _ended(running: Mapping[str, _Running], warn: Callable[[str], None]) -> list[str]:
    """Wait for messages and pass them on; the labels of what has ended well."""
    found = []
    heard = wait([each.pipe for each in running.values()])
    for label, each in running.items():
        if each.pipe not in heard:
            continue
        try:
            message: str | Exception | None = each.pipe.recv()
        except (EOFError, OSError):
            each.process.join(_END_SECONDS)
            raise RunError(
                f"{label}: its process died (exit code {each.process.exitcode}; -9 is usually a lack of memory): lower --jobs "
                "and run the same command again, which goes on from here"
            ) from None
        if isinstance(message, Exception):
            raise message
        if message is None:
            found.append(label)
        else:
            warn(f"{label}: {message}")
    return found


class Relay:
    """The progress of a piece: warnings go to whoever started it, the rest to its log."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def say(self, message: str) -> None:
        logger.info(message)

    def warn(self, message: str) -> None:
        logger.warning(message)
        self._tell(message)

    @contextmanager
    def task(self, name: str, total: int | None, *, quiet: bool = False) -> Iterator[Update]:
        logger.info("%s ..", name)
        yield lambda done, whole, metrics: None
        logger.info("%s: done", name)


def _serve(pipe: Connection, piece: Piece, threads: int) -> None:
    """Do `piece`, and say how it ended: None, or an error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started us says when to stop
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))  # read when torch is imported, which it is not yet
    threading.Thread(target=_end_with_parent, args=(pipe,), daemon=True).start()
    try:
        with ExitStack() as alone:
            _enter(alone, piece.folder)
            piece.run(Relay(pipe.send))
        pipe.send(None)
    except (BaoError, OSError) as error:
        _tell(pipe, error)
    except BaseException:
        _tell(pipe, RuntimeError(f"in {piece.label}:\n{traceback.format_exc()}"))


def _enter(alone: ExitStack, folder: Path) -> None:
    """Wait until nobody else is at work in `folder`: one whose parent was killed a moment ago ends as soon as it notices."""
    for left in reversed(range(_TRIES)):
        try:
            alone.enter_context(folder_lock(folder))
            return
        except ConfigError:
            if not left:
                raise
            time.sleep(_END_SECONDS / _TRIES)


def _end_with_parent(pipe: Connection) -> None:
    with suppress(EOFError, OSError):
        pipe.recv()  # nothing is ever sent
    os._exit(1)


def _tell(pipe: Connection, error: Exception) -> None:
    with suppress(OSError):
        pipe.send(error)
