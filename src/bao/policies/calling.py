"""Calls into code that is not ours, with a deadline: in a thread of its own, and coroutines in one event loop for all.

A call that takes too long is left behind, for nothing can end it: its thread dies with the process. A coroutine is cancelled.
"""

import asyncio
import inspect
import os
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

_GRACE = 1.0
"""Seconds that a cancelled coroutine may take to give way; an event loop that is held up for longer is given up."""

_making = threading.Lock()


class CallTimeoutError(Exception):
    """The call took longer than it may."""


class _Job(NamedTuple):
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    done: SimpleQueue[tuple[Any, BaseException | None]]
    running: "list[Future[Any]]"
    """The coroutine that the call turned out to be, once it runs."""


class Caller:
    """Makes calls in one thread, one at a time, for objects that are bound to the thread that made them."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is what each call may take."""
        self._seconds = seconds
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        # A daemon, since a call that hangs can be neither interrupted nor waited for.
        threading.Thread(target=_work, args=(self._jobs,), daemon=True, name="bao-agent").start()
        weakref.finalize(self, self._jobs.put, None)

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function` returns, or what its coroutine does; its exceptions are raised here. Raises `CallTimeoutError`."""
        job = _Job(function, arguments, SimpleQueue(), [])
        self._jobs.put(job)
        try:
            value, error = job.done.get(timeout=self._seconds)
        except Empty:
            for future in job.running:
                future.cancel()
                _give_up_if_stuck()
            raise CallTimeoutError(f"no answer within {self._seconds:g} s") from None
        if error is not None:
            raise error
        return value


def _work(jobs: "SimpleQueue[_Job | None]") -> None:
    while (job := jobs.get()) is not None:
        try:
            value = job.function(*job.arguments)
            if inspect.isawaitable(value):
                job.running.append(asyncio.run_coroutine_threadsafe(_awaited(value), _shared_loop()))
                value = job.running[0].result()
            job.done.put((value, None))
        except BaseException as error:  # SystemExit too: whatever ends a call must reach whoever waits for it
            job.done.put((None, error))
        del job  # and what it holds, while the next is waited for


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def _shared_loop() -> asyncio.AbstractEventLoop:
    with _making:
        return _loop(os.getpid())


@lru_cache(maxsize=1)
def _loop(process: int) -> asyncio.AbstractEventLoop:
    """The event loop of this process, in which clients that several episodes share stay usable; a fork has its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True, name="bao-agent-loop").start()
    return loop


def _give_up_if_stuck() -> None:
    moved = threading.Event()
    _shared_loop().call_soon_threadsafe(moved.set)
    if not moved.wait(_GRACE):
        _loop.cache_clear()
