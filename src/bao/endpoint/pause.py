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

    @property
    def is_on(self) -> bool:
        return self._end > time.monotonic()

    def hold(self, share: float) -> None:
        """Wait for its end, and `share` (0 to 1) of a moment more, so that not all threads come back in the same instant."""
        begun = time.monotonic()
        while (left := self._end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
        time.sleep(share * moment(time.monotonic() - begun))


def moment(seconds: float) -> float:
    """Seconds over which those who waited so long are spread."""
    return min(0.05 * seconds, 2.0)
