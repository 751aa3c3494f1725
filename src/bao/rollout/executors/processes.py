"""Processes that share a plan on this machine, each with a log of its own; one that dies is replaced, its episodes redone."""

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from bao.errors import BaoError, RunError
from bao.rollout.executors.base import ExecutionSettings, Note
from bao.rollout.executors.threads import ThreadExecutor
from bao.rollout.plan import Plan
from bao.rollout.usage import UsageMeter, include

MOST_DEATHS = 10
"""Workers that may die for each one that was asked for; more, and something kills them all."""
_TICK_SECONDS = 0.5
_END_SECONDS = 5.0


class WorkersError(RunError):
    """Workers keep dying."""


@dataclass(eq=False)
class _Worker:
    process: Any
    pipe: Connection
    outstanding: set[int] = field(default_factory=set)


class ProcessExecutor:
    """`running.workers` processes; each plays its share of `running.concurrency` episodes at once."""

    def __init__(self, plan: Plan, folder: Path, running: ExecutionSettings) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._count = running.workers
        self._share = max(1, running.concurrency // running.workers)
        self._arguments = (plan, folder, replace(running, concurrency=self._share, workers=1))
        self._workers: list[_Worker] = []
        self._deaths = 0

    @property
    def at_once(self) -> int:
        return sum(min(self._share, len(worker.outstanding)) for worker in self._workers)

    def play(self, indices: Sequence[int]) -> Iterator[Sequence[Note]]:
        waiting, left = deque(indices), len(indices)
        while left:
            while len(self._workers) < min(self._count, left):
                self._workers.append(self._start())
            for worker in list(self._workers):
                self._supply(worker, waiting)
            ready = wait([worker.pipe for worker in self._workers], _TICK_SECONDS)
            notes: list[Note] = []
            for worker in [each for each in self._workers if each.pipe in ready]:
                notes += self._receive(worker, waiting)
            left -= len(notes)
            yield notes

    def close(self) -> None:
        """Workers end at the end of their pipe, whatever they wait for; one that does not is killed."""
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self._workers.clear()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def _supply(self, worker: _Worker, waiting: deque[int]) -> None:
        some: list[int] = []
        while waiting and len(worker.outstanding) + len(some) < 2 * self._share:
            some.append(waiting.popleft())
        if some:
            worker.outstanding.update(some)
            with suppress(OSError):  # of a dead worker, which its end of the pipe tells next
                worker.pipe.send(some)

    def _receive(self, worker: _Worker, waiting: deque[int]) -> list[Note]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self._bury(worker, waiting)
            return []
        if isinstance(message, BaseException):
            raise message
        finished, taken = message
        include(taken)
        notes = [note for note in finished if note.number in worker.outstanding]
        worker.outstanding.difference_update(note.number for note in notes)
        return notes

    def _bury(self, worker: _Worker, waiting: deque[int]) -> None:
        """Its unfinished episodes go back to the front."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(_END_SECONDS)
        waiting.extendleft(sorted(worker.outstanding, reverse=True))
        self._deaths += 1
        if self._deaths > MOST_DEATHS * self._count:
            raise WorkersError(
                f"{self._deaths} workers died (the last with exit code {worker.process.exitcode}; -9 is usually a lack of "
                "memory): lower --workers or --concurrency and run the same command again, which goes on from here"
            )


def _tell(pipe: Connection, error: Exception) -> None:
    with suppress(OSError):  # the first worker's error has ended the run, and nobody listens any more
        pipe.send(error)


def _serve(pipe: Connection, plan: Plan, folder: Path, running: ExecutionSettings) -> None:
    """A worker: plays the numbers that come through the pipe, until its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started us says when to stop
    try:
        threads, usage = ThreadExecutor(plan, folder, running), UsageMeter()
        try:
            while True:
                while pipe.poll(0 if threads.outstanding else None):
                    for index in pipe.recv():
                        threads.submit(index)
                notes = threads.collect()
                if notes:
                    pipe.send((notes, usage.taken()))
        finally:
            threads.close()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
    except (BaoError, OSError) as error:
        _tell(pipe, error)
    except BaseException:
        _tell(pipe, RuntimeError(f"in a worker:\n{traceback.format_exc()}"))
    os._exit(0)  # threads that wait for a reply would hold up the interpreter's end
