"""A chat completion, read: the model's message, or the problem that stands in its place.

A provider that fails half-way says so under status 200: in an error beside or instead of the choices, or in the finish reason.
Neither is the model's doing, so neither is read as its turn.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from bao.endpoint.problem import Problem, hidden_problem
from bao.endpoint.responses import as_chat
from bao.endpoint.stream import gathered, is_stream
from bao.endpoint.unread import Unread

_SHOWN = 200


class Completion(NamedTuple):
    text: str
    """The content of the model's message; thoughts in fields of their own are not part of it."""
    cut: bool
    """The token limit ended it."""
    message: Mapping[str, Any]
    """The model's message as it came."""
    tokens_in: int | None
    tokens_out: int | None
    """As the endpoint counts them; None where it does not."""
    limit: int = 0
    """The longest reply that was asked for, in tokens."""
    full: bool = False
    """The end of the model's context ended it."""


class NoCompletionError(Exception):
    """An answer that is no chat completion and tells no problem; says what it is."""


def read_reply(body: bytes, kind: str = "") -> Completion | Problem:
    """The first choice of the answer in `body`, whose Content-Type is `kind`. Raises `NoCompletionError` where it is none."""
    try:
        values = as_chat(_values(body, kind))
        if problem := hidden_problem(values):
            return problem
        choice = values["choices"][0]
        if problem := _failed(choice, values):
            return problem
        message = choice["message"]
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(_part(part) for part in content)
        if not isinstance(content, str | None):
            raise TypeError
        read, wrote = _counted(values.get("usage"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        raise NoCompletionError(_no_completion(body, kind)) from None
    reason = _reason(choice)
    if not reason and not says(message):
        raise NoCompletionError("the answer was an empty message without a finish reason")
    return Completion(content or "", _CUT.search(reason) is not None, message, read, wrote, full=bool(_FULL.search(reason)))


def says(message: Mapping[str, Any]) -> bool:
    """Whether a message holds anything at all."""
    return any(value for name, value in message.items() if name != "role")


def _values(body: bytes, kind: str) -> Any:
    if not is_stream(body[:16].decode("utf-8-sig", "replace"), kind):
        return json.loads(body)
    try:
        return json.loads(body)  # in one piece, under a stream's name
    except ValueError:
        return gathered(body.decode("utf-8-sig", "replace"))


def as_written(unread: Unread) -> Completion:
    """What a model wrote and its server could not read, as its message."""
    return Completion(unread.text, unread.cut, {"role": "assistant", "content": unread.text}, None, None)


def _no_completion(body: bytes, kind: str) -> str:
    shown = " ".join(body[:4000].decode("utf-8", "replace").split())[:_SHOWN]
    kind = kind.partition(";")[0].strip()
    of = f" but {kind}" if kind and kind != "application/json" else ""
    return f"the answer was no chat completion{of}: {shown or 'it was empty'}"


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    return str(part.get("text") or "") if part.get("type") in ("text", "output_text") else ""


# Why it ended.

_CUT = re.compile(r"length|max_?(?:output_?)?tokens|token_limit|context_window|error_limit|^model_length$")
_FULL = re.compile(r"model_length|context_window|context_length|error_limit")
_FILTERED = re.compile(
    r"filter|safety|sensitive|prohibit|block_?list|recitation|spii|moderat|guardrail|toxic|refusal|polic|flagged|^blocked$"
)
_BROKEN = re.compile(
    r"error|abort|network|cancel|fail|time_?d?_?out|unavailable|overload|insufficient|interrupt|disconnect|rate_?limit|"
    r"exception|crash|killed|preempt|incomplete_stream"
)


def _reason(choice: Mapping[str, Any]) -> str:
    """The finish reason, with the provider's own behind it, in lower case."""
    names = ("finish_reason", "native_finish_reason", "stop_reason")
    found = [str(choice[name]) for name in names if isinstance(choice.get(name), str)]
    return " ".join(dict.fromkeys(found)).lower().replace("-", "_")


def _failed(choice: Mapping[str, Any], values: Mapping[str, Any]) -> Problem | None:
    """The problem in a choice that the provider did not bring to its end."""
    error = choice.get("error") or (choice.get("message") or {}).get("error")
    reason = _reason(choice)
    for each in reason.split():
        if _CUT.search(each):
            return None
        if _FILTERED.search(each):
            return Problem(200, f"content filter: the reply ended with the finish reason {each!r}", "content_filter")
    if not error and not any(_BROKEN.search(each) for each in reason.split()):
        return None
    told = hidden_problem({"error": error}) if error else None
    why = f" ({told.said})" if told else ""
    status = told.status if told and told.status >= 500 else 502
    return Problem(status, f"the provider failed in the midst of the reply, finish reason {reason or 'none'!r}{why}")


# Tokens.


def _counted(usage: Any) -> tuple[int | None, int | None]:
    """Tokens read and written. Hidden reasoning is written, and billed: most endpoints count it in ``completion_tokens``, some
    beside it, which the sum in ``total_tokens`` tells."""
    if not isinstance(usage, Mapping):
        return None, None
    read = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    wrote = _count(usage.get("completion_tokens", usage.get("output_tokens")))
    whole = _count(usage.get("total_tokens"))
    details = usage.get("completion_tokens_details")
    reasoned = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    if read is not None and wrote is not None and reasoned and whole == read + wrote + reasoned:
        wrote += reasoned
    return read, wrote


def _count(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
