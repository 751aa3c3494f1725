"""Pauses as servers tell them: in words, in headers of many names, in fields of an error."""

import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bao.endpoint.span import seconds_of, told_by, told_in, told_pause


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 1m30s.", 90),
        ("Please retry in 38.5s.", 38.5),
        ("try again in 250ms", 0.25),
        ("Retry after 2 hours", 7200),
        ("Please retry after 27 seconds.", 27),
        ("wait 20 seconds", 20),
        ("No deployments available, Try again in 5 seconds. Passed model=m", 5),
        ("try again later", 0),
        ("it retried 3 models", 0),
    ],
)
def test_a_pause_in_words(text: str, seconds: float) -> None:
    assert told_pause(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "90"}, 90),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": " 3 "}, 3),
        ({"retry-after": "2m0s"}, 120),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": ""}, 0),
        ({"retry-after-ms": "1200", "retry-after": "2"}, 1.2),
        ({"x-ms-retry-after-ms": "500"}, 0.5),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-remaining-requests": "0"}, 1),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, 360),
        ({"x-ratelimit-reset-requests": "1d2h", "x-ratelimit-remaining-requests": "0"}, 93_600),
        ({"x-ratelimit-reset-tokens": "7.66s", "x-ratelimit-remaining-tokens": "0"}, 7.66),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "5"}, 0),
        (
            {
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-requests": "9",
                "x-ratelimit-reset-tokens": "12ms",
                "x-ratelimit-remaining-tokens": "0",
            },
            0.012,
        ),
        ({"x-ratelimit-reset-requests": "6m0s", "retry-after": "2"}, 2),
        ({"ratelimit-reset": "12"}, 12),
        ({"ratelimit": "limit=100, remaining=0, reset=5"}, 5),
        ({"ratelimit": '"default";r=0;t=7'}, 7),
        ({"ratelimit": '"default";r=3;t=7'}, 0),
        ({"content-type": "application/json"}, 0),
    ],
)
def test_a_pause_in_headers(headers: dict[str, str], seconds: float) -> None:
    assert told_by(headers) == pytest.approx(seconds)


def test_a_pause_until_a_date() -> None:
    now = time.time()
    iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 60))
    for value in (formatdate(now + 60, usegmt=True), iso, f"{now + 60:.0f}", f"{(now + 60) * 1000:.0f}"):
        assert told_by({"retry-after": value}) == pytest.approx(60, abs=3)
    assert told_by({"retry-after": formatdate(now - 60, usegmt=True)}) == 0
    assert told_by({"anthropic-ratelimit-requests-reset": iso}) == pytest.approx(60, abs=3)
    assert told_by({"x-ratelimit-reset": f"{(now + 60) * 1000:.0f}"}) == pytest.approx(60, abs=3)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({"error": {"message": "slow", "retry_after": 12}}, 12),
        ({"error": {"details": [{"@type": "RetryInfo", "retryDelay": "34.07s"}]}}, 34.07),
        ({"retry_after_ms": 1500}, 1.5),
        ({"retryAfter": "8"}, 8),
        ({"error": {"metadata": {"headers": {"X-RateLimit-Reset": "30", "X-RateLimit-Remaining": "0"}}}}, 30),
        ({"retries": 3, "retry": True}, 0),
        ("retry_after", 0),
        (None, 0),
    ],
)
def test_a_pause_in_a_field(values: Any, seconds: float) -> None:
    assert told_in(values) == pytest.approx(seconds)


@given(st.text(max_size=30) | st.floats() | st.integers() | st.none() | st.booleans())
def test_whatever_a_server_says_is_no_negative_pause(value: Any) -> None:
    assert seconds_of(value) >= 0
    assert told_by({"retry-after": str(value)}) >= 0
