"""What talking to an endpoint took: counted from any thread, read as one consistent picture."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bao.trajectory import Fault


@dataclass(frozen=True)
class Usage:
    """Totals since the endpoint was first used in this process."""

    requests: int = 0
    """HTTP requests sent, retries and re-asks among them."""
    retries: int = 0
    """Requests sent again because the last one failed on the way."""
    pushbacks: int = 0
    """Requests by which the endpoint showed that it is asked too much: 429, 503, no whole answer in time."""
    re_asks: int = 0
    """Replies that did not serve, and were asked for once more with the reason."""
    faults: tuple[tuple[str, int], ...] = ()
    """Asks that ended in a fault, by its name."""
    repairs: tuple[tuple[str, int], ...] = ()
    """Calls that were read with a repair, by its name."""
    tokens_in: int = 0
    tokens_out: int = 0
    """As the endpoint counts them; 0 where it does not."""
    cache_hits: int = 0
    seconds: float = 0.0
    """Time spent on requests, added over threads."""

    def since(self, before: "Usage") -> "Usage":
        """What was added after `before`."""
        found: dict[str, Any] = {name: value - vars(before)[name] for name, value in vars(self).items() if name not in _BY_NAME}
        for name in _BY_NAME:
            found[name] = tuple((Counter(dict(vars(self)[name])) - Counter(dict(vars(before)[name]))).items())
        return Usage(**found)

    def to_json(self) -> dict[str, Any]:
        named = {name: dict(vars(self)[name]) for name in _BY_NAME}
        return {**vars(self), **named, "seconds": round(self.seconds, 3)}


_BY_NAME = ("faults", "repairs")


class Counters:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._named: dict[str, Counter[str]] = {name: Counter() for name in _BY_NAME}
        self._seconds = 0.0

    def add(self, seconds: float = 0.0, **counts: int) -> None:
        """Add to the fields of `Usage` by name."""
        with self._lock:
            for name, count in counts.items():
                self._counts[name] += count
            self._seconds += seconds

    def fault(self, fault: Fault) -> None:
        with self._lock:
            self._named["faults"][str(fault)] += 1

    def repair(self, repair: str) -> None:
        with self._lock:
            self._named["repairs"][str(repair)] += 1

    def include(self, usage: Usage) -> None:
        """Add what another process has counted."""
        numbers = {name: value for name, value in vars(usage).items() if name not in (*_BY_NAME, "seconds")}
        self.add(usage.seconds, **numbers)
        with self._lock:
            for name, counts in self._named.items():
                counts.update(dict(vars(usage)[name]))

    def usage(self) -> Usage:
        with self._lock:
            named: dict[str, Any] = {name: tuple(sorted(counts.items())) for name, counts in self._named.items()}
            return Usage(**named, **dict[str, Any](self._counts), seconds=self._seconds)
