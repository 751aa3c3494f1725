"""What an agent can do in one turn, and how a model's text becomes it.

Every policy sees one tool, ``interact(choice, content)``. A model may call it as a tool call (JSON) or in the bracket form
``[search] hotel area=beach``; both may follow a ``<think>..</think>`` block. `parse` turns such text into a thinking text and
an `Action`, or names what was wrong with it (`ParseFault`); it never raises on a model's text.
"""

import json
import re
from collections.abc import Collection
from enum import StrEnum
from typing import Any, NamedTuple


class ActionKind(StrEnum):
    """The choices of the one tool. Which of them involve the user is declared by each gym."""

    ACTION = "action"
    """Act on the gym: a probe, or a question to the user, as the gym declares."""
    SEARCH = "search"
    """Query a tool; never involves the user."""
    ANSWER = "answer"
    """Submit something for judgement."""
    FINISH = "finish"
    """End the episode; takes no content."""
    NONE = "none"
    """No readable action (content names the `ParseFault`). Costs the turn; a policy cannot choose it by name."""


CHOICES: tuple[ActionKind, ...] = (ActionKind.ACTION, ActionKind.SEARCH, ActionKind.ANSWER, ActionKind.FINISH)
"""What a policy can name in a call: every kind but ``none``."""


class Action(NamedTuple):
    """One action. ``kind`` compares equal to its plain string, so ``Action("search", "..")`` works."""

    kind: ActionKind | str
    content: str = ""


class ParseFault(StrEnum):
    """Why a model's text held no readable action."""

    EMPTY = "empty"
    UNCLOSED_THINK = "unclosed_think"
    NO_ACTION = "no_action"
    BAD_JSON = "bad_json"
    WRONG_TOOL = "wrong_tool"
    MISSING_FIELD = "missing_field"
    UNKNOWN_CHOICE = "unknown_choice"
    EMPTY_CONTENT = "empty_content"
    SEVERAL_ACTIONS = "several_actions"


class Parsed(NamedTuple):
    """A model's turn as read. ``fault`` is None exactly if ``action`` is one that the gym offers."""

    thinking: str
    action: Action
    fault: ParseFault | None

    @property
    def words(self) -> int:
        """Its length where nobody counts tokens. A fault's name is no word of the agent's."""
        return len(self.thinking.split()) + (len(self.action.content.split()) if self.fault is None else 0)

    def keeping(self, text: str) -> "Parsed":
        """Where it is unreadable: with all of `text`, which it was read from, as its thinking, so that nothing is lost."""
        if self.fault is None:
            return self
        return self._replace(thinking=_LONE_SURROGATE.sub("\ufffd", _TAGS.sub("", text)).strip())


def tool_schema(kinds: Collection[ActionKind | str] = CHOICES) -> dict[str, Any]:
    """The JSON schema of ``interact`` (OpenAI function form), its choices limited to `kinds`."""
    return {
        "type": "function",
        "function": {
            "name": "interact",
            "description": "Take one action: the only way to reach the tools and the user.",
            "parameters": {
                "type": "object",
                "properties": {
                    "choice": {"type": "string", "enum": [str(kind) for kind in CHOICES if kind in kinds]},
                    "content": {"type": "string", "description": "what to do, ask, look up or submit"},
                },
                "required": ["choice", "content"],
            },
        },
    }


def render(thinking: str, action: Action) -> str:
    """The bracket form of a turn, the inverse of `parse` on well-formed turns."""
    think = f"<think>{thinking}</think>" if thinking else ""
    return f"{think}[{action.kind}] {action.content}".rstrip()


_BRACKET = re.compile(r"^[ \t]*\[([A-Za-z_]+)\][ \t]*", re.MULTILINE)
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_TAGS = re.compile(r"</?think>")
_FENCE = re.compile(r"^```(?:json)?\s*|\s*```$")


def parse(text: str, kinds: Collection[ActionKind | str] = CHOICES) -> Parsed:
    """Read one model turn.

    `kinds` are the choices that the gym offers. The bracket form counts where it starts a line; prose before it is kept with
    the thinking. Anything unreadable gives an action of kind ``none`` whose content is the fault's name. Lone surrogates, which
    no file or socket takes, become U+FFFD.
    """
    text = _LONE_SURROGATE.sub("\ufffd", text)
    thinking, body, closed = _split_thinking(text)
    if not closed:
        return _fault(thinking, ParseFault.UNCLOSED_THINK)
    if not body.strip():
        return _fault(thinking, ParseFault.EMPTY)
    calls = _CALL.findall(body)
    if len(calls) > 1:
        return _fault(thinking, ParseFault.SEVERAL_ACTIONS)
    stripped = _FENCE.sub("", body.strip())
    if calls or stripped.startswith("{"):
        return _parse_call(thinking, calls[0] if calls else stripped, kinds)
    return _parse_bracket(thinking, body, kinds)


def _split_thinking(text: str) -> tuple[str, str, bool]:
    """Separate ``<think>`` from the rest; a missing opening tag is tolerated (templates often supply it)."""
    head, tag, tail = text.partition("</think>")
    if tag:
        return head.replace("<think>", "", 1).strip(), tail, True
    if "<think>" in text:
        return text.partition("<think>")[2].strip(), "", False
    return "", text, True


def _parse_bracket(thinking: str, body: str, kinds: Collection[ActionKind | str]) -> Parsed:
    marks = [mark for mark in _BRACKET.finditer(body) if mark.group(1).lower() in CHOICES]
    if not marks:
        unknown = _BRACKET.search(body)
        return _fault(thinking, ParseFault.UNKNOWN_CHOICE if unknown else ParseFault.NO_ACTION)
    if len(marks) > 1:
        return _fault(thinking, ParseFault.SEVERAL_ACTIONS)
    prose = body[: marks[0].start()].strip()
    thinking = f"{thinking}\n{prose}".strip() if prose else thinking
    return _checked(thinking, marks[0].group(1), body[marks[0].end() :], kinds)


def _parse_call(thinking: str, call: str, kinds: Collection[ActionKind | str]) -> Parsed:
    try:
        payload = json.loads(call)
    except (ValueError, RecursionError):  # a number of thousands of digits is a plain ValueError
        return _fault(thinking, ParseFault.BAD_JSON)
    if isinstance(payload, dict) and "choice" not in payload:
        if isinstance(payload.get("function"), dict):  # OpenAI's wrapper around a call
            payload = payload["function"]
        if payload.get("name", "interact") != "interact":
            return _fault(thinking, ParseFault.WRONG_TOOL)
        payload = payload.get("arguments", payload.get("parameters"))
        if isinstance(payload, str):  # OpenAI sends the arguments as a JSON string of their own
            return _parse_call(thinking, payload, kinds)
    if not isinstance(payload, dict) or "choice" not in payload:
        return _fault(thinking, ParseFault.MISSING_FIELD)
    choice, content = payload["choice"], payload.get("content", "")
    if not isinstance(choice, str) or not isinstance(content, str):
        return _fault(thinking, ParseFault.MISSING_FIELD)
    return _checked(thinking, choice, content, kinds)


def _checked(thinking: str, choice: str, content: str, kinds: Collection[ActionKind | str]) -> Parsed:
    choice, content = choice.strip().lower(), _LONE_SURROGATE.sub("\ufffd", content).strip()
    prefix = f"[{choice}]"
    if content.lower().startswith(prefix):  # some models repeat the bracket inside the call
        content = content[len(prefix) :].strip()
    if choice not in CHOICES or choice not in kinds:
        return _fault(thinking, ParseFault.UNKNOWN_CHOICE)
    if not content and choice != ActionKind.FINISH:
        return _fault(thinking, ParseFault.EMPTY_CONTENT)
    return Parsed(thinking, Action(ActionKind(choice), content), None)


def _fault(thinking: str, fault: ParseFault) -> Parsed:
    return Parsed(thinking, Action(ActionKind.NONE, str(fault)), fault)


class Outcome(NamedTuple):
    """What one action led to."""

    reply: str
    reward: float = 0.0
    """Normalised so that a whole episode earns at most 1."""
    done: bool = False
    success: bool = False
