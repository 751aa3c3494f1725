"""Calls in the shapes that servers really send, read where they have one reading only, and the repair named.

A server that builds calls from a model's text gets it wrong in many ways: arguments encoded twice or not at all, raw line
breaks in their JSON, the tool under a name with a prefix, the call left in the text or in the thoughts. The model meant one
call, and there is one tool. What has several readings, or none, stays the fault that `bao.action.parse` names.
"""

import ast
import json
import re
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from bao.action import CHOICES, ActionKind, Parsed, parse
from bao.policies.call_shapes import function_of

Kinds = Collection[ActionKind | str]


class Repair(StrEnum):
    ARGUMENT_OBJECT = "argument_object"
    """The arguments are an object, not its JSON."""
    DOUBLED_JSON = "doubled_json"
    """Their JSON is encoded once more, as a string."""
    CONTROL_CHARACTERS = "control_characters"
    """It holds raw line breaks or other control characters."""
    TRAILING_TEXT = "trailing_text"
    """Closing brackets, a fence, special tokens, an empty object or the same object again stand around it."""
    UNCLOSED = "unclosed"
    """Its last bracket is missing."""
    PYTHON_LITERAL = "python_literal"
    """It is written as Python or JavaScript do: single quotes, or none around its keys."""
    NESTED_ARGUMENTS = "nested_arguments"
    """The object stands within another, or alone in a list."""
    KEY_CASE = "key_case"
    """``Choice`` and ``Content``."""
    CONTENT_TYPE = "content_type"
    """A text is a number, or alone in a list or an object; null where none is needed; the choice stands in brackets."""
    TOOL_NAME = "tool_name"
    """The tool's name has something before or behind it, such as ``functions.interact``."""
    CHOICE_AS_TOOL = "choice_as_tool"
    """The choice is called as if it were the tool."""
    CALL_FORM = "call_form"
    """The call has no ``function``, or stands elsewhere than in ``tool_calls``, or its parts have other names."""
    CALL_IN_TEXT = "call_in_text"
    """The call stands in the text, in a form of a server's or a model's own."""
    CALL_IN_REASONING = "call_in_reasoning"
    """The call is the only one in the thoughts, and nothing else was said."""


class Read(NamedTuple):
    parsed: Parsed
    repairs: tuple[Repair, ...] = ()
    """What it took to read it; empty where it was read as it stood, or not at all."""


def read_call(call: Mapping[str, Any], kinds: Kinds) -> Read:
    """The turn in a tool call."""
    function, found = function_of(call), []
    if not isinstance(function, Mapping):
        function = {}
    if function and function is not call.get("function"):
        found.append(Repair.CALL_FORM)
    name, arguments = function.get("name"), function.get("arguments")
    as_it_stands = parse(json.dumps({"name": name, "arguments": arguments}), kinds)
    if as_it_stands.fault is None:
        return Read(as_it_stands, (*found, *([Repair.ARGUMENT_OBJECT] if isinstance(arguments, Mapping) else [])))
    values = object_in(arguments, found)
    if values is None and arguments in ("", None) and _choice_in(name) == ActionKind.FINISH:
        values = {}
    if values is None:
        return Read(as_it_stands)
    values = _named(values, name, found)
    if values is None:
        return Read(as_it_stands)
    parsed = parse(json.dumps({"name": "interact", "arguments": values}), kinds)
    if parsed.fault is None:
        return Read(parsed, tuple(dict.fromkeys(found)))
    telling = isinstance(values.get("choice"), str) and Repair.TOOL_NAME not in found
    return Read(parsed if telling else as_it_stands)


# Arguments.

_SPECIAL = re.compile(r"<[|｜][^<>]*[|｜]>|</?s>|</?tool_call>|```(?:json)?")
_CLOSERS = re.compile(r"[\s}\]\"'`;,.]*")
_WITHIN = ("arguments", "parameters", "input", "args", "kwargs", "interact", "function", "properties", "tool_uses")


def object_in(value: Any, found: list[Repair], depth: int = 0) -> dict[str, Any] | None:
    """The object that arguments are meant as; None where they are none."""
    if isinstance(value, Mapping):
        if depth == 0:
            found.append(Repair.ARGUMENT_OBJECT)
        return dict(value)
    if isinstance(value, list):
        if len(value) != 1:
            return None
        found.append(Repair.NESTED_ARGUMENTS)
        return object_in(value[0], found, depth + 1)
    if not isinstance(value, str) or not value.strip() or depth > 3 or len(value) > 200_000:
        return None
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        inner = _mended(value, found)
    if isinstance(inner, str):
        found.append(Repair.DOUBLED_JSON)
    return None if inner is None else object_in(inner, found, depth + 1)


def _mended(text: str, found: list[Repair]) -> Any:
    """What broken JSON holds, where it can be but one thing; None else."""
    decoder, bare = json.JSONDecoder(strict=False), _SPECIAL.sub(" ", text).strip()
    try:
        value = decoder.decode(text)
    except (ValueError, RecursionError):
        pass
    else:
        found.append(Repair.CONTROL_CHARACTERS)
        return value
    try:
        value, end = decoder.raw_decode(bare)
    except (ValueError, RecursionError):
        return _python(bare, found)
    rest = bare[end:].strip()
    if value in ({}, "", None, []) and rest.startswith("{"):  # what a stream began with, before the first piece
        value = rest
        rest = ""
    while rest and not _CLOSERS.fullmatch(rest):
        try:
            again, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return None
        if again != value:
            return None
        rest = rest[end:].strip()
    found.append(Repair.TRAILING_TEXT)
    return value


def _python(text: str, found: list[Repair]) -> Any:
    """Of what is no JSON: an object in another notation, or without its last brackets."""
    if not text.startswith("{") or len(text) > 20_000:
        return None
    for read, repair in ((_literal, Repair.PYTHON_LITERAL), (_script, Repair.PYTHON_LITERAL), (_closed, Repair.UNCLOSED)):
        if (value := read(text)) is not None:
            found.append(repair)
            return value
    return None


def _literal(text: str) -> dict[str, Any] | None:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) else None


def _script(text: str) -> dict[str, Any] | None:
    return _object(re.sub(r"([{,]\s*)(choice|content)\s*:", r'\1"\2":', text))


def _closed(text: str) -> dict[str, Any] | None:
    """Only where all that a call needs is there: a text that was cut off has no end of its own."""
    for end in ("}", "}}"):
        if (value := _object(text + end)) is not None and {"choice", "content"} <= set(value):
            return value
    return None


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


# Names.


def _named(values: dict[str, Any], name: Any, found: list[Repair]) -> dict[str, Any] | None:
    """``choice`` and ``content``, from the arguments and the name they were called by; None where it is another tool's call."""
    for _ in range(2):
        inner = next((values[key] for key in _WITHIN if key in values), None)
        if "choice" in values or inner is None or len(values) > 3:
            break
        nested = object_in(inner, [], 1)
        if nested is None:
            break
        name = values.get("name", values.get("recipient_name", name))
        found.append(Repair.NESTED_ARGUMENTS)
        values = nested
    lower = {str(key).strip().lower(): value for key, value in values.items()}
    if "choice" not in values and "choice" in lower and len(lower) == len(values):
        found.append(Repair.KEY_CASE)
        values = lower
    if name not in (None, "", "interact"):
        choice = _choice_in(name)
        if "interact" in _words(name):
            found.append(Repair.TOOL_NAME)
        elif choice is None or values.get("choice", choice) != choice:
            return None
        if "choice" not in values and choice is not None:
            content = _only_text(values)
            if content is None and choice != ActionKind.FINISH:
                return None
            found.append(Repair.CHOICE_AS_TOOL)
            values = {"choice": str(choice), "content": content or ""}
    return _as_texts(values, found)


def _as_texts(values: dict[str, Any], found: list[Repair]) -> dict[str, Any]:
    """The choice and the content as texts, where each can be but one."""
    choice, content = (_alone(values.get(name)) for name in ("choice", "content"))
    if isinstance(choice, str):
        choice = choice.strip().removeprefix("[").removesuffix("]")
    if isinstance(content, int | float) and not isinstance(content, bool):
        content = json.dumps(content)
    elif content is None and "content" in values and choice == ActionKind.FINISH:
        content = ""
    read = {name: value for name, value in (("choice", choice), ("content", content)) if name in values}
    if any(read[name] != values[name] for name in read):
        found.append(Repair.CONTENT_TYPE)
    return {**values, **read}


def _alone(value: Any) -> Any:
    """What a list or an object holds alone."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return value[0]
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(only := next(iter(value.values())), str):
        return only
    return value


def _words(name: Any) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower()) if isinstance(name, str) else []


def _choice_in(name: Any) -> ActionKind | None:
    """The one choice that a tool's name names."""
    named = {kind for kind in CHOICES if kind in _words(name)}
    return named.pop() if len(named) == 1 and len([word for word in _words(name) if word]) <= 3 else None


def _only_text(values: Mapping[str, Any]) -> str | None:
    if isinstance(values.get("content"), str):
        return str(values["content"])
    return str(next(iter(values.values()))) if len(values) == 1 and isinstance(next(iter(values.values())), str) else None
