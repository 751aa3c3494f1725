"""What a model wrote and its server could not read.

Some servers answer with an error where their model's call is malformed, and quote what it wrote. The turn is the model's all
the same: asking again until a call can be read would leave its mistakes out of its score.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_QUOTED = re.compile(
    r"error parsing tool call:? raw='(?P<ollama>.*)',? err|failed to parse input at pos \d+: ?(?P<llama>.*)",
    re.DOTALL | re.IGNORECASE,
)
_RAN_OUT = re.compile(r"could not finish the message because .{0,40}(?:limit was reached|max\w*tokens)", re.IGNORECASE)


class Unread(NamedTuple):
    text: str
    """As the server quotes it."""
    cut: bool = False
    """It was ended by the token limit, before there was anything to quote."""


def unread_in(values: Any) -> Unread | None:
    """What an error in JSON, or in plain words, quotes of its model; None where it quotes nothing."""
    for name, value in _leaves(values, "", 0):
        if name == "failed_generation" and value:
            return Unread(value if isinstance(value, str) else json.dumps(value))
        if not isinstance(value, str):
            continue
        if quoted := _QUOTED.search(value):
            return Unread(quoted["ollama"] or quoted["llama"] or "")
        if _RAN_OUT.search(value):
            return Unread("", cut=True)
    return None


def _leaves(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and depth < 5 and name != "failed_generation":
        for key, each in value.items():
            yield from _leaves(each, str(key), depth + 1)
    elif isinstance(value, list) and depth < 5 and name != "failed_generation":
        for each in value[:20]:
            yield from _leaves(each, name, depth + 1)
    else:
        yield name, value
