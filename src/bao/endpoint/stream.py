"""A streamed answer, put together: server-sent events of chat completion chunks, or of the Responses API."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def is_stream(text: str, kind: str) -> bool:
    """Whether an answer of this Content-Type is a stream of events, asked for or not."""
    return "text/event-stream" in kind.lower() or text.lstrip()[:6].startswith(("data:", "event:"))


def gathered(text: str) -> dict[str, Any]:
    """The answer as it would have come in one piece, with an ``error`` where the stream tells one or breaks off.

    Raises `ValueError` on an event that is no JSON.
    """
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls: dict[Any, dict[str, Any]] = {}
    ended = begun = False
    finish: dict[str, Any] = {}
    for data in _events(text):
        if data == "[DONE]":
            ended = True
            break
        chunk = json.loads(data)
        if not isinstance(chunk, Mapping):
            continue
        if isinstance(chunk.get("response"), Mapping) and str(chunk.get("type", "")).startswith("response."):
            if chunk["type"] in ("response.completed", "response.incomplete", "response.failed"):
                return dict(chunk["response"])
            continue
        if chunk.get("error") or chunk.get("type") == "error" or chunk.get("object") == "error":
            return {"error": chunk.get("error") or {key: value for key, value in chunk.items() if key != "type"}}
        whole |= {key: value for key, value in chunk.items() if key not in ("choices", "usage")}
        if chunk.get("usage"):
            whole["usage"] = chunk["usage"]
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if choice.get("index", 0) != 0:
                continue
            begun = True
            _add(message, calls, choice.get("delta") or choice.get("message") or {})
            finish |= {key: value for key, value in choice.items() if key not in ("delta", "message") and value is not None}
    if not begun and not ended:
        return {"error": {"message": "the stream broke off before the first piece of a reply", "code": 502}}
    if not finish.get("finish_reason") and not ended:
        return {"error": {"message": "the stream broke off in the midst of the reply", "code": 502}}
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls, key=str)]
    return {**whole, "choices": [{"index": 0, **finish, "message": message}] if begun else []}


def _events(text: str) -> Iterator[str]:
    """The data of each event; comments and other fields are left out."""
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line.startswith("data:"):
            lines.append(line[5:].removeprefix(" "))
        elif not line and lines:
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _add(message: dict[str, Any], calls: dict[Any, dict[str, Any]], delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for number, piece in enumerate(value or []):
                _add_call(calls.setdefault(piece.get("index", number), {"type": "function", "function": {}}), piece)
        elif name != "role" and isinstance(value, str):
            message[name] = f"{message.get(name) or ''}{value}"
        elif name != "role" and isinstance(value, list) and isinstance(message.get(name), list):
            message[name] = [*message[name], *value]
        elif value is not None and name != "role":
            message[name] = value


def _add_call(call: dict[str, Any], piece: Mapping[str, Any]) -> None:
    if piece.get("id"):
        call["id"] = piece["id"]
    function = call["function"]
    for name, value in (piece.get("function") or {}).items():
        if name == "arguments" and isinstance(value, str):
            function[name] = f"{function.get(name) or ''}{value}"
        elif value:
            function[name] = value
