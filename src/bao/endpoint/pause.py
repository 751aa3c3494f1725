"""Pauses that an endpoint asks for: read from its headers and words, and kept by all threads at once."""

import re
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from bao.endpoint.problem import Problem, seconds_in, told_pause


class Pause:
    """Until when no thread asks the endpoint anything."""

    def __init__(self) -> None:
        self._end = 0.0
        self._lock = threading.Lock()

    def until(self, seconds: float) -> None:
        """From now on, for `seconds`."""
        if seconds > 0:
            with self._lock:
                self._end = max(self._end, time.monotonic() + seconds)

    def hold(self) -> None:
        """Wait for its end."""
        while (left := self._end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))


def retry_after(headers: Mapping[str, str], problem: Problem) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    found = _seconds(headers.get("retry-after-ms", "")) / 1000 or _seconds(headers.get("retry-after", ""))
    return found or told_pause(problem.said)


def _seconds(value: str) -> float:
    value = value.strip()
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return seconds_in(value) if re.fullmatch(r"(?:[\d.]+\s*[a-z]+\s*)+", value) else 0.0
