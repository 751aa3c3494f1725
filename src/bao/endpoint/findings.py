"""What whoever asks has found out about an endpoint, to go by from then on, and what was said of it."""

import logging
import threading
from typing import Any

_MOST_NOTES = 1000

log = logging.getLogger("bao.endpoint")


class Findings:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, ...], Any] = {}
        self._told: set[str] = set()

    def found(self, *of: str) -> Any:
        """What was proven of this; None: nothing yet."""
        return self._found.get(of)

    def prove(self, *of: str, value: Any, note: str = "") -> None:
        """Keep what an answer has proven, and tell `note` once. What was proven before stays: nothing proves it wrong."""
        with self._lock:
            known = of in self._found
            self._found.setdefault(of, value)
        if note and not known:
            self.tell(note)

    def tell(self, note: str) -> None:
        """A line for whoever watches, once."""
        with self._lock:
            new = note not in self._told
            self._told.add(note)
        if new:
            log.warning("%s", note)

    def note(self, note: str) -> None:
        """A line for the log, once."""
        if note not in self._told and len(self._told) < _MOST_NOTES:
            with self._lock:
                self._told.add(note)
            log.info("%s", note)
