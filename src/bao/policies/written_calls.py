"""Calls that a server left in the model's text or thoughts, read where there is but one."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bao.action import ParseFault, parse
from bao.policies.call_shapes import function_of
from bao.policies.repairs import Kinds, Read, Repair, object_in, read_call

_TAGGED = re.compile(r"<(?:tool_call|function_call)>(.*?)</(?:tool_call|function_call)>", re.DOTALL)
_XML = re.compile(r"<function=([\w.:-]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=(\w+)>\s*(.*?)\s*</parameter>", re.DOTALL)
_INVOKED = re.compile(
    r"<(?:｜DSML｜)?(?:invoke|function|tool) name=\"([\w.:-]+)\"[^>]*>(.*?)</(?:｜DSML｜)?(?:invoke|function|tool)>", re.DOTALL
)
_ATTRIBUTE = re.compile(r"<(?:｜DSML｜)?(param\w*|arg\w*) name=\"(\w+)\"[^>]*>(.*?)</(?:｜DSML｜)?\1>", re.DOTALL)
_KEYED = re.compile(r"<tool_call>\s*([\w.:-]+)\s*(<arg_key>.*?)(?:</tool_call>|\Z)", re.DOTALL)
_KEY = re.compile(r"<arg_key>\s*(\w+)\s*</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_QUOTE = r"(?:<escape>|<\|\"\|>)"
_COLON = re.compile(rf"\bcall:([\w.:-]+)\{{((?:\w+:{_QUOTE}.*?{_QUOTE},?)+)\}}", re.DOTALL)
_COLON_KEY = re.compile(rf"(\w+):{_QUOTE}(.*?){_QUOTE}", re.DOTALL)
_PYTHONIC = re.compile(
    r"\binteract\(\s*(?:choice\s*=\s*)?(\"|')(\w+)\1\s*,\s*(?:content\s*=\s*)?(\"|')((?:(?!\3).)*)\3\s*,?\s*\)", re.DOTALL
)
_PYTHONIC_TURNED = re.compile(
    r"\binteract\(\s*content\s*=\s*(\"|')((?:(?!\1).)*)\1\s*,\s*choice\s*=\s*(\"|')(\w+)\3\s*,?\s*\)", re.DOTALL
)
_CALLED = {"choice", "name", "function", "tool_name", "tool", "action"}
_MOST_OBJECTS = 20


def read_text(text: str, kinds: Kinds) -> Read:
    """The turn in a text."""
    parsed = parse(text, kinds)
    if parsed.fault in (None, ParseFault.EMPTY, ParseFault.SEVERAL_ACTIONS):
        return Read(parsed)
    _, closed, body = text.rpartition("</think>")
    if parsed.fault == ParseFault.UNCLOSED_THINK:
        return _only(_TAGGED.findall(text), kinds, Repair.CALL_IN_REASONING) or Read(parsed)
    found = _only(list(_calls_in(body if closed else text)), kinds, Repair.CALL_IN_TEXT)
    return Read(parsed) if found is None else Read(found.parsed._replace(thinking=parsed.thinking), found.repairs)


def read_thoughts(thoughts: str, kinds: Kinds) -> Read | None:
    """The turn in thoughts beside which nothing was said; None where they hold no call, or several."""
    return _only([*_TAGGED.findall(thoughts), *_written_out(thoughts)], kinds, Repair.CALL_IN_REASONING)


def _only(calls: list[Any], kinds: Kinds, repair: Repair) -> Read | None:
    """The one action that all these calls are."""
    found = [read for call in calls if (read := _read_any(call, kinds)) is not None]
    if not found or any(read.parsed.action != found[0].parsed.action for read in found):
        return None
    return Read(found[0].parsed, (repair, *found[0].repairs))


def _read_any(call: Any, kinds: Kinds) -> Read | None:
    if isinstance(call, str):
        xml = list(_written_out(call))
        call = xml[0] if len(xml) == 1 else object_in(call, [])
    if isinstance(call, list) and len(call) == 1:
        call = call[0]
    if not isinstance(call, Mapping):
        return None
    function = {"name": "interact", "arguments": dict(call)} if "choice" in call else function_of(call)
    read = read_call({"function": function}, kinds)
    quiet = tuple(each for each in read.repairs if each != Repair.ARGUMENT_OBJECT)
    return Read(read.parsed, quiet) if read.parsed.fault is None else None


def _written_out(text: str) -> Iterator[dict[str, Any]]:
    """Calls in tags of their own, one for each argument or one for all."""
    for name, inside in _XML.findall(text):
        parameters = dict(_PARAMETER.findall(inside))
        yield {"function": {"name": name, "arguments": parameters or inside.strip()}}
    for name, inside in _INVOKED.findall(text):
        yield {"function": {"name": name, "arguments": {key: value for _, key, value in _ATTRIBUTE.findall(inside)}}}
    for calls, pairs in ((_KEYED, _KEY), (_COLON, _COLON_KEY)):
        for name, inside in calls.findall(text):
            yield {"function": {"name": name, "arguments": dict(pairs.findall(inside))}}


def _calls_in(text: str) -> Iterator[Any]:
    """What in a text may be a call: tags, Python, and JSON objects that are in no other."""
    if xml := list(_written_out(text)):
        yield from xml
        return
    for _, choice, _, content in _PYTHONIC.findall(text):
        yield {"choice": choice, "content": content}
    for _, content, _, choice in _PYTHONIC_TURNED.findall(text):
        yield {"choice": choice, "content": content}
    decoder, place = json.JSONDecoder(strict=False), 0
    for _ in range(_MOST_OBJECTS):
        place = text.find("{", place)
        if place < 0:
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
            continue
        if isinstance(value, Mapping):
            calls = value.get("tool_calls")
            yield from calls if isinstance(calls, list) else [value] if _CALLED & set(value) else []
