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
    tokens_in: int = 0
    tokens_out: int = 0
    """As the endpoint counts them; 0 where it does not."""
    cache_hits: int = 0
    seconds: float = 0.0
    """Time spent on requests, added over threads."""

    def since(self, before: "Usage") -> "Usage":
        """What was added after `before`."""
        numbers = {name: value - vars(before)[name] for name, value in vars(self).items() if name != "faults"}
        return Usage(**numbers, faults=tuple((Counter(dict(self.faults)) - Counter(dict(before.faults))).items()))

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "faults": dict(self.faults), "seconds": round(self.seconds, 3)}


class Counters:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._seconds = 0.0

    def add(self, seconds: float = 0.0, **counts: int) -> None:
        """Add to the fields of `Usage` by name."""
        with self._lock:
            self._counts.update(counts)
            self._seconds += seconds

    def fault(self, fault: Fault) -> None:
        with self._lock:
            self._faults[str(fault)] += 1

    def include(self, usage: Usage) -> None:
        """Add what another process has counted."""
        numbers = {name: value for name, value in vars(usage).items() if name not in ("faults", "seconds")}
        self.add(usage.seconds, **numbers)
        with self._lock:
            self._faults.update(dict(usage.faults))

    def usage(self) -> Usage:
        with self._lock:
            return Usage(**self._counts, faults=tuple(sorted(self._faults.items())), seconds=self._seconds)
