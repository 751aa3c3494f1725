"""An episode as a chat: the messages that a model is sent, and its messages as turns.

The model's messages go back as it sent them. A tool call is answered by a tool message with its id: the first of a message
is taken, the others are answered with `NOT_TAKEN`. What followed a message without a call is a user message.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any

from bao.action import ActionKind, Parsed, parse, render
from bao.policies.call_shapes import calls_of, function_of
from bao.policies.repairs import Repair, read_call
from bao.policies.written_calls import read_text, read_thoughts

BY_TOOL = (
    "Take each action by calling the tool interact, one call a message: [search] above stands for the choice search, and what "
    "follows it for the content."
)
BY_TEXT = (
    "Think first, if you need to, between <think> and </think>. Then write exactly one action and nothing after it, as a line "
    "that begins with its kind in brackets."
)
NOT_TAKEN = "Not taken: only the first call of a message is. Call again if you still want this."

NOTHING = "(nothing)"
"""What stands for an empty message of the model, where one is not taken."""

Message = dict[str, Any]
_THOUGHTS = ("reasoning_content", "reasoning")


class Conversation:
    """One episode, from its opening on."""

    def __init__(self, system: str, opening: str, kinds: Collection[ActionKind | str], *, tools: bool | None = None) -> None:
        """`kinds` are the choices that the gym offers; `tools`: the model is told to call the tool, or to act in text (False).

        None: it acts in text, is told nothing beside `system`, and its thoughts stay part of its text, as in training.
        """
        self.tools = bool(tools)
        self.plain = False
        """Whether the model's messages are reduced to what every endpoint takes: no thoughts, arguments that are JSON."""
        self.repairs: tuple[Repair, ...] = ()
        """What it took to read the last message."""
        self._whole = tools is None
        self._kinds = kinds
        how = "" if tools is None else f"\n{BY_TOOL if tools else BY_TEXT}"
        self._messages: list[Message] = [{"role": "system", "content": system + how}, {"role": "user", "content": opening}]
        self._system = system
        self._turns: dict[int, Parsed] = {}
        """What was read from the message at this place."""
        self._open_calls: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether the model has spoken."""
        return len(self._messages) > 2

    def messages(self, *, plain: bool = False) -> list[Message]:
        """All so far; `plain` as `Conversation.plain` means it."""
        if not (plain or self.plain):
            return list(self._messages)
        return [self._plainly(place, each) for place, each in enumerate(self._messages)]

    @property
    def is_plain(self) -> bool:
        return self.messages(plain=True) == self._messages

    @property
    def has_calls(self) -> bool:
        return any(message["role"] == "tool" or message.get("tool_calls") for message in self._messages)

    def said(self, message: Mapping[str, Any]) -> Parsed:
        """The turn in a message of the model, which joins the conversation."""
        kept = _rejoined(message) if self._whole else {**message, "role": "assistant"}
        calls, strange = calls_of(kept)
        if strange:
            kept["content"] = _text(kept.get("content")) or None
        if calls:
            kept["tool_calls"] = calls
        ids: list[str] = []
        for number, call in enumerate(calls):
            if not isinstance(call.get("id"), str) or not call["id"] or call["id"] in ids:
                # Some servers give none, and every call needs its answer; some templates take nine letters and digits only.
                call["id"] = f"call{len(self._messages) % 1000:03d}{number % 100:02d}"
            ids.append(call["id"])
        self._messages.append(kept)
        self._open_calls = ids
        content = _text(kept.get("content"))
        thoughts = list(dict.fromkeys(kept[name].strip() for name in _THOUGHTS if isinstance(kept.get(name), str)))
        beside, self.repairs = "", ()
        if calls:
            parsed, self.repairs = read_call(calls[0], self._kinds)
            if strange and parsed.fault is None:
                self.repairs = tuple(dict.fromkeys((Repair.CALL_FORM, *self.repairs)))
            parsed = parsed.keeping(_shown(calls[0]))
            beside = content.replace("<think>", "").replace("</think>", "")
        elif self._whole:
            parsed = parse(content, self._kinds).keeping(content)
        elif isinstance(kept.get("function_call"), dict):
            parsed, repairs = read_call({"function": kept["function_call"]}, self._kinds)
            parsed, beside = parsed.keeping(_shown({"function": kept["function_call"]})), content
            self.repairs = (Repair.CALL_FORM, *repairs) if parsed.fault is None else ()
        else:
            parsed, self.repairs = self._spoken(content, "\n".join(thoughts))
        self._turns[len(self._messages) - 1] = parsed
        return parsed._replace(thinking="\n".join(filter(None, (*thoughts, beside.strip(), parsed.thinking))))

    def heard(self, observation: str) -> None:
        """What followed the model's last message."""
        if not self._open_calls:
            self._messages.append({"role": "user", "content": observation})
        for number, call_id in enumerate(self._open_calls):
            content = NOT_TAKEN if number else observation
            self._messages.append({"role": "tool", "tool_call_id": call_id, "content": content})
        self._open_calls = []

    def to_text(self) -> None:
        """From here on the model acts in text, and all that was said before reads as if it always had."""
        self.tools = False
        found = [{"role": "system", "content": f"{self._system}\n{BY_TEXT}"}]
        turns: dict[int, Parsed] = {}
        for place, message in enumerate(self._messages[1:], start=1):
            if message["role"] == "tool":
                if message["content"] != NOT_TAKEN:
                    found.append({"role": "user", "content": message["content"]})
            elif place in self._turns:
                turn = self._turns[place]
                content = _text(message.get("content")) if turn.fault is not None else render("", turn.action)
                turns[len(found)] = turn
                found.append({"role": "assistant", "content": content or turn.thinking or NOTHING})
            else:
                found.append(message)
        self._messages, self._turns, self._open_calls = found, turns, []

    def _spoken(self, content: str, thoughts: str) -> tuple[Parsed, tuple[Repair, ...]]:
        """The turn of a message without a call."""
        if not content.strip() and thoughts and (read := read_thoughts(thoughts, self._kinds)) is not None:
            return read
        parsed, repairs = read_text(content, self._kinds)
        return parsed.keeping(content), repairs

    def _plainly(self, place: int, message: Message) -> Message:
        """`message` as every endpoint takes it, its call as it was read."""
        if message["role"] != "assistant":
            return message
        plain: Message = {"role": "assistant", "content": _text(message.get("content"))}
        if calls := calls_of(message).calls:
            turn = self._turns.get(place)
            functions = [_plain_function(call, turn if number == 0 else None) for number, call in enumerate(calls)]
            pairs = zip(calls, functions, strict=True)
            plain["tool_calls"] = [{"id": call["id"], "type": "function", "function": function} for call, function in pairs]
        elif not plain["content"].strip():
            plain["content"] = NOTHING  # an empty message is refused by many
        return plain


def _rejoined(message: Mapping[str, Any]) -> Message:
    """With the thoughts, which a server may have taken out of the text, where they were."""
    content = _text(message.get("content"))
    thoughts = next((message[name] for name in _THOUGHTS if isinstance(message.get(name), str) and message[name]), "")
    return {"role": "assistant", "content": f"<think>{thoughts}</think>{content}" if thoughts else content}


def _shown(call: Mapping[str, Any]) -> str:
    function = function_of(call)
    return f"{function.get('name')}({function.get('arguments')})" if isinstance(function, dict) else str(function)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(
            part if isinstance(part, str) else part["text"]
            for part in content
            if isinstance(part, str) or (isinstance(part, dict) and isinstance(part.get("text"), str))
        )
    return content if isinstance(content, str) else ""


def _plain_function(call: Mapping[str, Any], turn: Parsed | None) -> dict[str, str]:
    """A call's name and JSON arguments: as it stands where it is whole, else as it was read, else what can be kept."""
    function = function_of(call)
    if not isinstance(function, dict):
        function = {}
    name, arguments = function.get("name"), function.get("arguments")
    try:
        whole = isinstance(arguments, str) and isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        whole = False
    if not whole and turn is not None and turn.fault is None:
        arguments = json.dumps({"choice": str(turn.action.kind), "content": turn.action.content})
        return {"name": "interact", "arguments": arguments}
    if not whole and isinstance(arguments, dict):
        arguments, whole = json.dumps(arguments), True
    return {"name": name if isinstance(name, str) and name else "interact", "arguments": str(arguments) if whole else "{}"}
