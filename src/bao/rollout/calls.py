"""Calls that wait for somebody, such as a gym whose user is a model: in threads, so many at once, none for too long."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Generic, NamedTuple, TypeVar

from bao.rollout.gate import AdaptiveLimit, Gate, pushbacks

Owner = TypeVar("Owner")

_TICK_SECONDS = 0.2
"""How often whoever waits looks up."""


class LateError(Exception):
    """A call took longer than it may."""


class Returned(NamedTuple, Generic[Owner]):
    """A call that is over."""

    owner: Owner
    result: Any
    error: BaseException | None
    seconds: float
    """That it took; waiting for a place does not count."""


@dataclass(eq=False)
class _Call(Generic[Owner]):
    owner: Owner
    function: Callable[[], Any]
    seconds: float
    """That it may take."""
    began: float = math.inf
    left_behind: bool = False


class Calls(Generic[Owner]):
    """Up to `at_once` calls at once, fewer while an endpoint says that it is too much; use from one thread, and close it."""

    def __init__(self, at_once: int) -> None:
        self._limit = AdaptiveLimit(at_once, pushbacks())
        self._gate = Gate(at_once)
        self._stop = Event()
        self._waiting: SimpleQueue[_Call[Owner] | None] = SimpleQueue()
        self._returned: SimpleQueue[Returned[Owner]] = SimpleQueue()
        self._lock = Lock()
        self._begun: set[_Call[Owner]] = set()
        self._threads = 0
        self.outstanding = 0
        """Calls that were submitted and have not come back."""

    def submit(self, owner: Owner, function: Callable[[], Any], seconds: float = math.inf) -> None:
        self.outstanding += 1
        self._waiting.put(_Call(owner, function, seconds))
        self._staff()

    def collect(self, *, wait: bool = False) -> list[Returned[Owner]]:
        """What has come back; where nothing has, `wait` waits a moment for the first.

        A call that is late is left behind, since nothing can end it, and comes back with a `LateError`.
        """
        found: list[Returned[Owner]] = []
        with suppress(Empty):
            found.append(self._returned.get(timeout=_TICK_SECONDS) if wait else self._returned.get_nowait())
            while True:
                found.append(self._returned.get_nowait())
        now = time.monotonic()
        with self._lock:
            late = [call for call in self._begun if now > call.began + call.seconds]
            self._begun.difference_update(late)
            for call in late:
                call.left_behind = True
        for call in late:
            self._gate.leave()
            self._threads -= 1
            found.append(Returned(call.owner, None, LateError(), now - call.began))
        before = self._limit.limit
        if self._limit.update(pushbacks(), now) != before:
            self._gate.set_limit(self._limit.limit)
        self.outstanding -= len(found)
        self._staff()
        return found

    def close(self) -> None:
        """No further call is begun, and whoever waits for a reply is left behind."""
        self._stop.set()
        for _ in range(self._threads):
            self._waiting.put(None)

    def _staff(self) -> None:
        while self._threads < min(self._limit.ceiling, self.outstanding):
            self._threads += 1
            # Daemons, since a thread that waits for a reply can be neither interrupted nor waited for.
            Thread(target=self._work, daemon=True, name=f"bao-call-{self._threads}").start()

    # In the threads.

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            if self._stop.is_set() or not self._gate.enter(lambda: not self._stop.is_set()):
                return
            result: Any = None
            error: BaseException | None = None
            with self._lock:
                call.began = time.monotonic()
                self._begun.add(call)
            try:
                result = call.function()
            except BaseException as raised:
                error = raised
            seconds = time.monotonic() - call.began
            if error is None and seconds > call.seconds:
                result, error = None, LateError()
            with self._lock:
                if call.left_behind:
                    return
                self._begun.discard(call)
            self._gate.leave()
            self._returned.put(Returned(call.owner, result, error, seconds))
