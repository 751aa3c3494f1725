"""A streamed answer, put together: server-sent events of chat completion chunks, or of the Responses API."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


def is_stream(text: str, kind: str) -> bool:
    """Whether an answer of this Content-Type is a stream of events, asked for or not."""
    return "text/event-stream" in kind.lower() or text.lstrip()[:6].startswith(("data:", "event:", ":", "id:", "retry:"))


def gathered(text: str) -> dict[str, Any]:
    """The answer as it would have come in one piece, with an ``error`` where the stream tells one or breaks off.

    Raises `ValueError` on an event that is no JSON, `TypeError` or `AttributeError` on a chunk that is none.
    """
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": None}
    calls = _Calls()
    ended = begun = False
    finish: dict[str, Any] = {}
    for event in _events(text):
        if event.data == "[DONE]":
            ended = True
            break
        if event.name == "error":
            return {"error": _error(event.data)}
        chunk = json.loads(event.data)
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
            if choice.get("index") not in (0, None):
                continue
            begun = True
            if choice.get("delta") is not None:
                _add(message, calls, choice["delta"])
            elif isinstance(choice.get("message"), Mapping):  # all so far, in place of the next piece
                message = {**message, **choice["message"]}
            finish |= {key: value for key, value in choice.items() if key not in ("delta", "message") and value is not None}
    if not begun and not ended:
        return {"error": {"message": "the stream broke off before the first piece of a reply", "code": 502}}
    if not finish.get("finish_reason") and not ended:
        return {"error": {"message": "the stream broke off in the midst of the reply", "code": 502}}
    if made := calls.made():
        message["tool_calls"] = made
    return {**whole, "choices": [{"index": 0, **finish, "message": message}] if begun else []}


class _Event(NamedTuple):
    name: str
    data: str


def _events(text: str) -> Iterator[_Event]:
    """Each event that has data; comments and other fields are left out. JSON on a line of its own is one too: some servers
    write an error into the stream as it is."""
    lines: list[str] = []
    name = ""
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        if line.startswith("data:"):
            lines.append(line[5:].strip())
        elif line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("{"):
            yield _Event(name, line)
        elif not line:
            if any(lines):
                yield _Event(name, "\n".join(lines))
            lines, name = [], ""


def _error(data: str) -> Any:
    """What an event says that is called an error, in JSON or not."""
    try:
        value = json.loads(data)
    except ValueError:
        return data
    return value.get("error") or value if isinstance(value, Mapping) else value or data


class _Calls:
    """The calls of a stream, in their order, put together of pieces that name theirs by an index, by an id, or not at all."""

    def __init__(self) -> None:
        self._calls: list[dict[str, Any]] = []
        self._by_index: dict[Any, dict[str, Any]] = {}

    def add(self, piece: Mapping[str, Any]) -> None:
        call = self._of(piece)
        if piece.get("id"):
            call["id"] = piece["id"]
        for name, value in piece.items():
            if name not in ("id", "index", "function", "type") and value is not None:
                call[name] = value
        function = call["function"]
        for name, value in (piece.get("function") or {}).items():
            if name == "arguments" and isinstance(value, str):
                function[name] = f"{function.get(name) or ''}{value}"
            elif value:
                function[name] = value

    def _of(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        """The call that a piece belongs to."""
        index = piece.get("index")
        call = self._by_index.get(index) if index is not None else (self._calls[-1] if self._calls else None)
        if call is None or _begins_another(call, piece):
            call = {"type": "function", "function": {}}
            self._calls.append(call)
            self._by_index[index] = call
        return call

    def made(self) -> list[dict[str, Any]]:
        return self._calls


def _begins_another(call: Mapping[str, Any], piece: Mapping[str, Any]) -> bool:
    """Whether a piece is of another call than the one that its index, or its place, points to."""
    other = bool(piece.get("id") and call.get("id")) and piece["id"] != call["id"]
    named = bool((piece.get("function") or {}).get("name"))
    if piece.get("index") is None and (other or not named):
        return other
    return named and (other or not piece.get("id")) and _is_whole(call["function"].get("arguments"))


def _is_whole(arguments: Any) -> bool:
    try:
        return isinstance(arguments, Mapping) or isinstance(json.loads(arguments or "x"), Mapping)
    except (ValueError, TypeError):
        return False


def _add(message: dict[str, Any], calls: _Calls, delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            for piece in value or []:
                calls.add(piece)
        elif name != "role" and isinstance(value, str):
            message[name] = f"{message.get(name) or ''}{value}"
        elif name != "role" and isinstance(value, list) and isinstance(message.get(name), list):
            message[name] = [*message[name], *value]
        elif value is not None and name != "role":
            message[name] = value
