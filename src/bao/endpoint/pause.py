"""A pause that an endpoint asks for, kept by all threads at once."""

import threading
import time


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
