"""Threads that wait for a model: so many calls at once, fewer where an endpoint says it is too much, none for too long.

The episodes of a plan (`bao.rollout.executors.pool`) and the gym calls of the rollout engine are played in them.
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, local
from typing import Any, Generic, NamedTuple, TypeVar

from bao.rollout.gate import AdaptiveLimit, Gate, pushbacks

Owner = TypeVar("Owner")

_TICK_SECONDS = 0.2
"""The longest that `WaitingPool.collect` waits."""


class LateError(Exception):
    """A call took longer than it may."""


class UnwantedError(Exception):
    """Nobody waits for the call any more."""


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
    grace: float
    spent: float = 0.0
    """Seconds with a place, up to `since`."""
    since: float = math.inf
    left_behind: bool = False

    def taken(self, now: float) -> float:
        return self.spent + max(0.0, now - self.since)


class WaitingPool(Generic[Owner]):
    """Up to `at_once` calls at once in threads called `name`; use from one thread, and close it.

    Nothing can end a call that waits for a reply: one that is late is left behind, and another thread takes its place.
    """

    def __init__(self, at_once: int, name: str = "bao-call") -> None:
        self._name = name
        self._limit = AdaptiveLimit(at_once, pushbacks())
        self._gate = Gate(at_once)
        self._stop = Event()
        self._waiting: SimpleQueue[_Call[Owner] | None] = SimpleQueue()
        self._returned: SimpleQueue[Returned[Owner]] = SimpleQueue()
        self._lock = Lock()
        self._inside: set[_Call[Owner]] = set()
        """The calls that have a place."""
        self._current = local()
        self._threads = 0
        self.outstanding = 0
        """Calls that were submitted and have not come back."""

    @property
    def ceiling(self) -> int:
        return self._limit.ceiling

    @property
    def at_once(self) -> int:
        """How many calls have a place at present."""
        return self._limit.limit

    def submit(self, owner: Owner, function: Callable[[], Any], seconds: float = math.inf, *, grace: float = 0.0) -> None:
        """`grace`: seconds beyond `seconds` in which a call that uses `between_turns` may end by itself."""
        self.outstanding += 1
        self._waiting.put(_Call(owner, function, seconds, grace))
        self._staff()

    def collect(self, *, wait: bool = False) -> list[Returned[Owner]]:
        """What has come back; where nothing has, `wait` waits a moment for the first. A late call has a `LateError`."""
        found: list[Returned[Owner]] = []
        with suppress(Empty):
            found.append(self._returned.get(timeout=_TICK_SECONDS) if wait else self._returned.get_nowait())
            while True:
                found.append(self._returned.get_nowait())
        now = time.monotonic()
        with self._lock:
            late = [call for call in self._inside if call.taken(now) > call.seconds + call.grace]
            self._inside.difference_update(late)
            for call in late:
                call.left_behind = True
        for call in late:
            self._gate.leave()
            self._threads -= 1
            found.append(Returned(call.owner, None, LateError(), call.taken(now)))
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
            Thread(target=self._work, daemon=True, name=f"{self._name}-{self._threads}").start()

    # In the threads.

    def between_turns(self) -> None:
        """Within a call: make room where it is crowded. Raises `UnwantedError`, or `LateError` where the call is late."""
        call = self._current.call
        if self._gate.crowded:
            self._leave(call)
            self._enter(call)
        if self._stop.is_set() or call.left_behind:
            raise UnwantedError
        if call.taken(time.monotonic()) > call.seconds:
            raise LateError

    def _work(self) -> None:
        while (call := self._waiting.get()) is not None:
            if not self._enter(call):
                return
            self._current.call = call
            result: Any = None
            error: BaseException | None = None
            try:
                result = call.function()
            except BaseException as raised:
                error = raised
            self._leave(call)
            if call.left_behind:
                return
            if error is None and call.spent > call.seconds + call.grace:
                result, error = None, LateError()
            self._returned.put(Returned(call.owner, result, error, call.spent))

    def _enter(self, call: _Call[Owner]) -> bool:
        """Wait for a place; False, and without one, where nobody wants the call any more."""

        def wanted() -> bool:
            return not (self._stop.is_set() or call.left_behind)

        if not wanted() or not self._gate.enter(wanted):
            return False
        with self._lock:
            call.since = time.monotonic()
            self._inside.add(call)
        return True

    def _leave(self, call: _Call[Owner]) -> None:
        """Give the place up, unless it went to another when the call was left behind."""
        with self._lock:
            if call not in self._inside:
                return
            self._inside.remove(call)
            call.spent, call.since = call.taken(time.monotonic()), math.inf
        self._gate.leave()
