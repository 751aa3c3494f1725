"""A pause holds all who come, and lets them go one after the other."""

import time
from threading import Thread

import pytest

from bao.endpoint.pause import Pause, moment


def test_all_who_come_wait_to_its_end_and_the_longest_counts() -> None:
    pause = Pause()
    assert not pause.is_on
    pause.until(0.2)
    pause.until(0.05)
    ends: list[float] = []
    begun = time.monotonic()

    def come(share: float) -> None:
        pause.hold(share)
        ends.append(time.monotonic() - begun)

    threads = [Thread(target=come, args=(share,)) for share in (0.0, 0.5, 1.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert min(ends) >= 0.19
    assert not pause.is_on
    pause.hold(1.0)


@pytest.mark.parametrize(("waited", "spread"), [(0, 0), (1, 0.05), (20, 1), (90, 2), (600, 2)])
def test_who_waited_long_is_spread_over_a_moment(waited: float, spread: float) -> None:
    assert moment(waited) == pytest.approx(spread)
