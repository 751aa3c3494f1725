"""Spans of time as servers tell them: in headers, in fields of an error and in words."""

import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

_SPAN = r"(?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|days?|d|hours?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])\s*)+"
_AGAIN = re.compile(rf"(?:try again|retry|wait|available|resets?)\b[^0-9]{{0,30}}({_SPAN})", re.IGNORECASE)
_PIECE = re.compile(r"(\d+(?:\.\d+)?)\s*(milli|ms|d|h|m|s)", re.IGNORECASE)
_WHOLE = re.compile(rf"\s*{_SPAN}", re.IGNORECASE)
_UNITS = {"milli": 0.001, "ms": 0.001, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_FIELD = re.compile(r"^retry[_-]?(?:after|delay|in)(?:[_-]?(?:ms|millis\w*|s|secs?|seconds))?$", re.IGNORECASE)
_RESET = re.compile(r"rate-?limit.*reset|reset.*rate-?limit|^ratelimit$", re.IGNORECASE)
_EPOCH = 1e9
"""A number beyond is a date, not a span: seconds since 1970, or milliseconds where it is a thousand times as large."""


def told_pause(text: str) -> float:
    """Seconds to wait as words tell it (``try again in 1m30s``); 0 where they tell none."""
    found = _AGAIN.search(text)
    return 0.0 if found is None else seconds_in(found[1])


def seconds_in(text: str) -> float:
    """Seconds in ``1m30s``, ``250ms``, ``38.2 seconds``; 0 where it is no span of time."""
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _PIECE.findall(text))


def seconds_of(value: Any, unit: float = 1.0) -> float:
    """Seconds from now in a number (of `unit` seconds), a span, a date of HTTP or ISO 8601, or an epoch; 0 where it is none."""
    if isinstance(value, str):
        value = value.strip()
        if not re.fullmatch(r"\d+(?:\.\d+)?", value):
            return seconds_in(value) if _WHOLE.fullmatch(value) else _until(value)
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1e15:
        return 0.0
    if value > _EPOCH:
        return max(0.0, (value / 1000 if value > 1000 * _EPOCH else value) - time.time())
    return float(value) * unit


def _until(date: str) -> float:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return max(0.0, read(date).timestamp() - time.time())
        except (ValueError, TypeError, OverflowError):
            continue
    return 0.0


def told_in(values: Any) -> float:
    """Seconds to wait as a field of an error tells it (``retry_after``, ``retryDelay``); 0 where none does."""
    for name, value in _fields(values, 0):
        if _FIELD.match(name):
            return seconds_of(value, 0.001 if re.search(r"ms$|milli", name, re.IGNORECASE) else 1.0)
        if name.lower() == "headers" and isinstance(value, Mapping):
            return told_by({str(key).lower(): str(each) for key, each in value.items()})
    return 0.0


def _fields(values: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > 5 or not isinstance(values, Mapping | list):
        return
    for name, value in values.items() if isinstance(values, Mapping) else (("", each) for each in values[:20]):
        yield str(name), value
        yield from _fields(value, depth + 1)


def told_by(headers: Mapping[str, str]) -> float:
    """Seconds to wait as headers (by lower-case name) tell it: ``Retry-After``, else a used-up limit's reset; 0: neither."""
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        if found := seconds_of(headers.get(name, ""), unit):
            return found
    return max((_reset(name, value, headers) for name, value in headers.items() if _RESET.search(name)), default=0.0)


def _reset(name: str, value: str, headers: Mapping[str, str]) -> float:
    """Until one limit is reset; 0 where some of it is left."""
    if name == "ratelimit":  # one header for all: limit=10, remaining=0, reset=5, or r=0;t=5
        left, reset = re.search(r"\b(?:remaining|r)=(\d+)", value), re.search(r"\b(?:reset|t)=(\d+)", value)
        return float(reset[1]) if left and reset and int(left[1]) == 0 else 0.0
    return seconds_of(value) if headers.get(name.replace("reset", "remaining"), "0").strip() in ("0", "0.0") else 0.0
