"""How many episodes are let into a turn at once: up to a ceiling, fewer while the endpoint says that it is too much."""

import math
import sys
import threading
from collections.abc import Callable

PERIOD = 1.0
"""Seconds between two changes of the limit: what an endpoint makes of a change takes a request's time to arrive."""
_STEPS = 16
"""Periods in which a large ceiling is reached again from nothing."""
_CHECK_SECONDS = 0.2


class AdaptiveLimit:
    """Additive increase, multiplicative decrease: half as many after pushback, a little more after each period without."""

    def __init__(self, ceiling: int, pushbacks: int = 0) -> None:
        """`pushbacks`: what had been counted before, and says nothing of what is asked from here on."""
        self.ceiling = ceiling
        self.limit = ceiling
        self._seen = pushbacks
        self._settled = self._rise = -math.inf

    def update(self, pushbacks: int, now: float) -> int:
        """The limit from here on, given all the pushback counted so far and the time in seconds."""
        new, self._seen = pushbacks > self._seen, pushbacks
        if now < self._settled:  # what comes in now answers requests from before the change
            return self.limit
        if new:
            self.limit = max(1, self.limit // 2)
            self._settled = self._rise = now + PERIOD
        elif self.limit < self.ceiling and now >= self._rise:
            self.limit = min(self.ceiling, self.limit + max(1, self.ceiling // _STEPS))
            self._rise = now + PERIOD
        return self.limit


class Gate:
    """Holds back whoever is between two turns while more are inside than `limit`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._inside = 0
        self._room = threading.Condition()

    def set_limit(self, limit: int) -> None:
        with self._room:
            self.limit = limit
            self._room.notify_all()

    def enter(self, wanted: Callable[[], bool]) -> bool:
        """Wait for room; False, and not inside, where nobody `wanted` it any more."""
        with self._room:
            while self._inside >= self.limit:
                if not wanted():
                    return False
                self._room.wait(_CHECK_SECONDS)
            self._inside += 1
            return True

    def leave(self) -> None:
        with self._room:
            self._inside -= 1
            self._room.notify()

    @property
    def crowded(self) -> bool:
        return self._inside > self.limit


def pushbacks() -> int:
    """How often the endpoints of this process have shown that they are asked too much."""
    if "bao.endpoint.shared" not in sys.modules:
        return 0
    from bao.endpoint.shared import endpoints

    return sum(endpoint.counters.usage().pushbacks for endpoint in endpoints())
