"""A model's text as the reply that was asked for: thoughts removed, JSON read strictly, types never bent.

What is tolerated is what is unambiguous: text or code fences around one whole JSON object. What is refused: a broken object,
different objects that fit, duplicate keys, NaN, and a value of another type than the schema's (``"True"``, ``1`` or ``"yes"``
for a bool, ``"3"`` or ``3.0`` for an int; an int passes for a float).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from bao.users.llm import Reply

MOST_CHARACTERS = 100_000
"""A longer text is refused unread."""
_OPENINGS_MOST = 64
_TAG = re.compile(r"<\s*(/?)\s*(?:think|thinking|thought|thoughts|reasoning)\b[^<>]*>|\[(/?)THINK\]", re.IGNORECASE)
_OPENING = re.compile(r'\{(?:\s*["}]|\s*$)')
"""An opening brace that begins a JSON object, unlike one in prose."""


class MalformedError(Exception):
    """The text is not the reply asked for; the message says why, to be told to the model."""


def strip_thoughts(text: str) -> str:
    """`text` without what stands between thinking tags.

    A closing tag without its opening one ends a thought that the prompt opened: all before it goes. An opening tag that is
    never closed takes all after it.
    """
    kept: list[str] = []
    depth, place = 0, 0
    for tag in _TAG.finditer(text):
        closes = "/" in (tag[1], tag[2])
        if depth == 0:
            if closes:
                kept.clear()
            else:
                kept.append(text[place : tag.start()])
        depth = max(0, depth - 1) if closes else depth + 1
        place = tag.end()
    if depth == 0:
        kept.append(text[place:])
    return "".join(kept).strip()


def read_reply(text: str, schema: type[Reply]) -> Reply:
    """The reply that `text`, free of thoughts, holds. Raises `MalformedError`."""
    if not text.strip():
        raise MalformedError("the reply was empty")
    if len(text) > MOST_CHARACTERS:
        raise MalformedError(f"the reply had {len(text)} characters, more than {MOST_CHARACTERS}")
    fitting: list[Reply] = []
    problem = "the reply held no JSON object"
    for found in _objects(text):
        try:
            reply = schema.model_validate_json(found, strict=True)
        except ValidationError as error:
            problem = _said(error)
            continue
        if _thinks(reply.model_dump()):
            raise MalformedError("a value held thinking tags")
        fitting.append(reply)
    if any(other != fitting[0] for other in fitting[1:]):
        raise MalformedError(f"the reply held {len(fitting)} JSON objects that fit, and it must hold one")
    if not fitting:
        raise MalformedError(problem)
    return fitting[0]


def _objects(text: str) -> Iterator[str]:
    """The whole JSON objects in `text`, outermost ones only. Raises `MalformedError` on a broken one."""
    stripped = text.strip()
    if not stripped.startswith("{"):
        try:
            _DECODER.decode(stripped)
        except (ValueError, RecursionError):
            pass  # prose around an object, most likely
        else:
            raise MalformedError("the reply was JSON, but no object")
    place = 0
    for _ in range(_OPENINGS_MOST):
        opening = _OPENING.search(text, place)
        if opening is None:
            return
        try:
            _, end = _DECODER.raw_decode(text, opening.start())
        except json.JSONDecodeError as error:
            raise MalformedError(
                f"the JSON object was broken: {error.msg}, at its character {error.pos - opening.start()}"
            ) from None
        except ValueError as error:
            raise MalformedError(f"the JSON object was broken: {error}") from None
        except RecursionError:
            raise MalformedError("the JSON object was nested too deeply") from None
        yield text[opening.start() : end]
        place = end
    raise MalformedError(f"the reply held more than {_OPENINGS_MOST - 1} JSON objects")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a key stood twice in one object")
    return values


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _said(error: ValidationError) -> str:
    issues = error.errors(include_input=False, include_url=False)
    said = "; ".join(": ".join(filter(None, (".".join(map(str, each["loc"])), each["msg"]))) for each in issues[:5])
    return f"the JSON object did not fit the schema ({said})"


def _thinks(value: Any) -> bool:
    if isinstance(value, str):
        return _TAG.search(value) is not None
    if isinstance(value, Mapping):
        return any(map(_thinks, value.values()))
    return isinstance(value, list | tuple | set | frozenset) and any(map(_thinks, value))


@dataclass(frozen=True)
class Form:
    """The JSON schema of a reply, as it is told to an endpoint and to the model."""

    name: str
    text: str
    """The schema in one line."""
    strict: Mapping[str, Any]
    """The schema as endpoints that enforce one want it: closed objects whose fields are all required."""


@lru_cache(maxsize=256)
def form_of(schema: type[BaseModel]) -> Form:
    plain = schema.model_json_schema()
    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.__name__)[:64]
    return Form(name, json.dumps(_untitled(plain), ensure_ascii=False, sort_keys=True), _closed(_untitled(plain)))


def _untitled(node: Any) -> Any:
    """Without the titles that pydantic makes of field names, which only cost tokens."""
    if isinstance(node, list):
        return [_untitled(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _untitled(each) for name, each in value.items()} if key in ("properties", "$defs") else _untitled(value)
        for key, value in node.items()
        if key != "title"
    }


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    closed = {
        key: {name: _closed(each) for name, each in value.items()} if key in ("properties", "$defs") else _closed(value)
        for key, value in node.items()
        if key != "default"
    }
    if "properties" in closed:
        closed |= {"additionalProperties": False, "required": list(closed["properties"])}
    return closed
