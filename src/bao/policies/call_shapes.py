"""Where servers put a message's calls, and what they wrap them in: one form of all."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

_NAMES = ("name", "tool_name", "tool", "action", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "input", "args", "action_input", "tool_input", "params")


class Calls(NamedTuple):
    calls: list[dict[str, Any]]
    strange: bool = False
    """They stood elsewhere than in a list of ``tool_calls``."""


def calls_of(message: Mapping[str, Any]) -> Calls:
    """The calls of a message, each a dictionary of its own."""
    calls = message.get("tool_calls")
    strange = isinstance(calls, str | Mapping)
    if isinstance(calls, str):
        calls = _from_json(calls)
    if isinstance(calls, Mapping):
        calls = [calls]
    if isinstance(calls, list):
        calls = [dict(call) for call in calls if isinstance(call, Mapping)]
    if calls:
        return Calls(calls, strange)
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    used = [
        part for part in parts if isinstance(part, Mapping) and part.get("type") in ("tool_use", "tool_call", "function_call")
    ]
    return Calls([_plain(part) for part in used], bool(used))


def _plain(part: Mapping[str, Any]) -> dict[str, Any]:
    """A call among the parts of a content, as it would stand in ``tool_calls``."""
    function = function_of({name: value for name, value in part.items() if name != "type"})
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    arguments = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": part.get("id"), "type": "function", "function": {"name": function.get("name"), "arguments": arguments}}


def function_of(call: Mapping[str, Any]) -> Any:
    """The name and arguments of a call, which some servers leave unwrapped, or name otherwise; where it is as it should be, the
    very ``function``."""
    function = call.get("function", call.get("custom"))
    if isinstance(function, str):
        inner = _from_json(function)
        function = inner if isinstance(inner, Mapping) else {"name": function, **_named(call, _ARGUMENTS, "arguments")}
    if function is None:
        function = (
            _named(call, _NAMES, "name") | _named(call, _ARGUMENTS, "arguments") if _named(call, _NAMES, "name") else None
        )
    if isinstance(function, Mapping) and "arguments" not in function and (found := _named(function, _ARGUMENTS, "arguments")):
        return {"name": function.get("name"), **found}
    return function


def _named(values: Mapping[str, Any], names: tuple[str, ...], called: str) -> dict[str, Any]:
    """The first of these fields that there is, under one name."""
    found = [values[name] for name in names if name in values and (called != "name" or isinstance(values[name], str))]
    return {called: found[0]} if found else {}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
