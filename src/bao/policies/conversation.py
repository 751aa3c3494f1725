"""An episode as a chat: the messages that a model is sent, and its messages as turns.

The model's messages go back as it sent them. A tool call is answered by a tool message with its id: the first of a message
is taken, the others are answered with `NOT_TAKEN`. What followed a message without a call is a user message.
"""

import copy
import json
from collections.abc import Collection, Mapping
from typing import Any

from bao.action import ActionKind, Parsed, parse

BY_TOOL = (
    "Take each action by calling the tool interact, one call a message: [search] above stands for the choice search, and what "
    "follows it for the content."
)
BY_TEXT = (
    "Think first, if you need to, between <think> and </think>. Then write exactly one action and nothing after it, as a line "
    "that begins with its kind in brackets."
)
NOT_TAKEN = "Not taken: only the first call of a message is. Call again if you still want this."

Message = dict[str, Any]
_THOUGHTS = ("reasoning_content", "reasoning")


class Conversation:
    """One episode, from its opening on."""

    def __init__(self, system: str, opening: str, kinds: Collection[ActionKind | str], *, tools: bool | None = None) -> None:
        """`kinds` are the choices that the gym offers; `tools`: the model is told to call the tool, or to act in text (False).

        None: it acts in text, is told nothing beside `system`, and its thoughts stay part of its text, as in training.
        """
        self.tools = bool(tools)
        self._whole = tools is None
        self._kinds = kinds
        how = "" if tools is None else f"\n{BY_TOOL if tools else BY_TEXT}"
        self._messages: list[Message] = [{"role": "system", "content": system + how}, {"role": "user", "content": opening}]
        self._open_calls: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether the model has spoken."""
        return len(self._messages) > 2

    def messages(self, *, plain: bool = False) -> list[Message]:
        """All so far. `plain` reduces the model's to what every endpoint takes: no thoughts, no arguments that are not JSON."""
        return [_plain(each) if plain and each["role"] == "assistant" else each for each in self._messages]

    @property
    def is_plain(self) -> bool:
        return self.messages(plain=True) == self._messages

    def said(self, message: Mapping[str, Any]) -> Parsed:
        """The turn in a message of the model, which joins the conversation."""
        kept = _rejoined(message) if self._whole else {**copy.deepcopy(dict(message)), "role": "assistant"}
        calls = kept.get("tool_calls")
        calls = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        ids: list[str] = []
        for number, call in enumerate(calls):
            if not isinstance(call.get("id"), str) or not call["id"] or call["id"] in ids:
                call["id"] = f"call-{len(self._messages)}-{number}"  # some servers give none, and every call needs its answer
            ids.append(call["id"])
        self._messages.append(kept)
        self._open_calls = ids
        content = _text(kept.get("content"))
        if calls:
            parsed = _called(calls[0], self._kinds).keeping(_shown(calls[0]))
            beside = content.replace("<think>", "").replace("</think>", "")
        else:
            parsed = parse(content, self._kinds).keeping(content)
            beside = ""
        thoughts = dict.fromkeys(kept[name].strip() for name in _THOUGHTS if isinstance(kept.get(name), str))
        return parsed._replace(thinking="\n".join(filter(None, (*thoughts, beside.strip(), parsed.thinking))))

    def heard(self, observation: str) -> None:
        """What followed the model's last message."""
        if not self._open_calls:
            self._messages.append({"role": "user", "content": observation})
        for number, call_id in enumerate(self._open_calls):
            content = NOT_TAKEN if number else observation
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        self._open_calls = []


def _rejoined(message: Mapping[str, Any]) -> Message:
    """With the thoughts, which a server may have taken out of the text, where they were."""
    content = _text(message.get("content"))
    thoughts = next((message[name] for name in _THOUGHTS if isinstance(message.get(name), str) and message[name]), "")
    return {"role": "assistant", "content": f"<think>{thoughts}</think>{content}" if thoughts else content}


def _called(call: Mapping[str, Any], kinds: Collection[ActionKind | str]) -> Parsed:
    function = call.get("function")
    if not isinstance(function, dict):
        function = {}
    return parse(json.dumps({"name": function.get("name"), "arguments": function.get("arguments")}), kinds)


def _shown(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    return f"{function.get('name')}({function.get('arguments')})" if isinstance(function, dict) else str(function)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return content if isinstance(content, str) else ""


def _plain(message: Mapping[str, Any]) -> Message:
    plain: Message = {"role": "assistant", "content": _text(message.get("content"))}
    calls = message.get("tool_calls")
    if isinstance(calls, list) and (calls := [call for call in calls if isinstance(call, dict)]):
        plain["tool_calls"] = [{"id": call["id"], "type": "function", "function": _plain_function(call)} for call in calls]
    return plain


def _plain_function(call: Mapping[str, Any]) -> dict[str, str]:
    function = call.get("function")
    if not isinstance(function, dict):
        return {"name": "interact", "arguments": "{}"}
    name, arguments = function.get("name"), function.get("arguments")
    try:
        whole = isinstance(arguments, str) and isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        whole = False
    return {"name": name if isinstance(name, str) and name else "interact", "arguments": str(arguments) if whole else "{}"}
