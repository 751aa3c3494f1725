"""Reads a tool call from what an agent wrote: ``{"name": .., "arguments": {..}}``, or ``name: {..}``."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

EXPECTED = 'Write one tool call in JSON, such as {"name": "get_order_details", "arguments": {"order_id": "#B1234567"}}.'
CONTENT_MOST = 20_000
"""Characters of a call that are read."""

_NAMED = re.compile(r"([A-Za-z_]\w*)\s*:?\s*(\{.*\})", re.DOTALL)
_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


class Call(NamedTuple):
    name: str
    arguments: Mapping[str, Any]


class UnreadableCallError(ValueError):
    """What is wrong with a call, and what is expected."""


def read_call(content: str) -> Call:
    """The call in `content`. Raises `UnreadableCallError`, whose text tells the agent what is expected."""
    if len(content) > CONTENT_MOST:
        raise UnreadableCallError(f"A call of {len(content)} characters is not read. {EXPECTED}")
    text = _FENCE.sub("", content.strip())
    named = None if text.startswith("{") else _NAMED.fullmatch(text)
    try:
        value = json.loads(named[2] if named else text)
    except (ValueError, RecursionError):
        raise UnreadableCallError(f"That is no JSON. {EXPECTED}") from None
    if named:
        return Call(named[1], value)
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise UnreadableCallError(f"The tool's name is missing. {EXPECTED}")
    arguments = value.get("arguments", {})
    if not isinstance(arguments, dict):
        raise UnreadableCallError(f"The arguments must be an object with a value for each name. {EXPECTED}")
    return Call(value["name"], arguments)
