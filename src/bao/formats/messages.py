"""An episode as chat messages in OpenAI's form, and back without loss.

System text and opening become a ``system`` and a ``user`` message. A turn becomes an ``assistant`` message that calls the one
tool ``interact(choice, content)``, its thinking in ``reasoning_content``, and a ``tool`` message with the reply. A turn without
a readable action calls nothing: its content is empty and the reply is a ``user`` message. What messages cannot say (rewards,
involvement, outcome) is the metadata.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bao.action import CHOICES, Action, ActionKind, ParseFault, parse
from bao.errors import DataError
from bao.storage.episodes import plain, utf8
from bao.trajectory import Fault, StopReason, Trajectory, Turn

FORMAT: Literal["1"] = "1"
"""Version of the metadata. Raised when a file of the old version can no longer be read as the new one."""

Message = dict[str, Any]
_KINDS = {str(kind): kind for kind in ActionKind}
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]


class _Section(BaseModel):
    """Keys that others added are left unread."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class TurnMetadata(_Section):
    """What the messages of a turn do not say."""

    kind: str
    content: str | None = None
    """The action's content where the message does not call the tool; none where it does."""
    reward: Number
    involves_user: Annotated[bool, Field(strict=True)]
    parse_fault: ParseFault | None = None
    tokens: Whole = 0
    prompt_tokens: Whole | None = None
    completion_tokens: Whole | None = None
    information: Number | None = None


class Metadata(_Section):
    """What the messages of an episode do not say; the fields are those of `Trajectory`."""

    bao_format: Literal["1"]
    gym: str
    task_id: str
    policy: str
    seed: Whole
    effort_weight: Number | None = None
    budget: Whole | None = None
    level: Whole = 0
    stop: StopReason
    success: Annotated[bool, Field(strict=True)]
    fault: Fault | None = None
    fault_detail: str = ""
    horizon: Whole
    seconds: Number = 0.0
    satisfaction: Number | None = None
    model: str = ""
    turns: tuple[TurnMetadata, ...]


TURN_FIELDS = tuple(name for name in TurnMetadata.model_fields if name not in ("kind", "content"))
EPISODE_FIELDS = (
    *(name for name in Metadata.model_fields if name not in ("bao_format", "turns")),
    "task_return",
    "user_effort",
)


class Exchange(NamedTuple):
    """An assistant's message and what came back."""

    message: Mapping[str, Any]
    reply: str


class ConversationParts(NamedTuple):
    """A conversation cut into the parts of an episode."""

    system: str
    opening: str
    exchanges: tuple[Exchange, ...]


def messages_of(trajectory: Trajectory) -> list[Message]:
    """The episode's messages. A lone surrogate becomes U+FFFD, as in the store."""
    messages: list[Message] = [{"role": "system", "content": utf8(trajectory.system)}] if trajectory.system else []
    messages.append({"role": "user", "content": utf8(trajectory.opening)})
    for index, turn in enumerate(trajectory.turns):
        assistant: Message = {"role": "assistant", "content": ""}
        if turn.thinking:
            assistant["reasoning_content"] = utf8(turn.thinking)
        reply: Message = {"role": "user", "content": utf8(turn.reply)}
        if _callable(turn.action):
            call_id = f"call_{index}"
            arguments = json.dumps({"choice": turn.action.kind, "content": utf8(turn.action.content)}, ensure_ascii=False)
            function = {"name": "interact", "arguments": arguments}
            assistant["content"] = None
            assistant["tool_calls"] = [{"id": call_id, "type": "function", "function": function}]
            reply = {"role": "tool", "tool_call_id": call_id, "content": utf8(turn.reply)}
        messages += [assistant, reply]
    return messages


def metadata_of(trajectory: Trajectory) -> dict[str, Any]:
    """The episode's metadata as plain values, with R and U (``task_return``, ``user_effort``) for whoever filters by them."""
    turns = []
    for turn in trajectory.turns:
        content = None if _callable(turn.action) else utf8(turn.action.content)
        turns.append({"kind": utf8(str(turn.action.kind)), "content": content, **plain(turn, TURN_FIELDS)})
    told = [name for name in EPISODE_FIELDS if name != "budget" or trajectory.budget is not None]
    return {"bao_format": FORMAT, **plain(trajectory, told), "turns": turns}


def trajectory_of(messages: Sequence[Any], metadata: Mapping[str, Any]) -> Trajectory:
    """The inverse of `messages_of` and `metadata_of`. Raises `DataError` naming the message or the field that is wrong."""
    try:
        data = Metadata.model_validate(metadata)
    except ValidationError as error:
        issue = error.errors()[0]
        field = ".".join(map(str, issue["loc"]))
        raise DataError(f"metadata {field}={issue['input']!r}: {issue['msg']}") from error
    talk = cut(messages)
    if len(talk.exchanges) != len(data.turns):
        raise DataError(
            f"{len(talk.exchanges)} assistant messages, but the metadata is of {len(data.turns)} turns: keep the two alike, or "
            "remove the metadata and name the gym (--gym)"
        )
    turns = tuple(_turn(exchange, turn, i) for i, (exchange, turn) in enumerate(zip(talk.exchanges, data.turns, strict=True)))
    told = {name: value for name, value in data if name not in ("bao_format", "turns")}
    return Trajectory(**told, opening=talk.opening, turns=turns, system=talk.system)


def cut(messages: Sequence[Any]) -> ConversationParts:
    """Cut a conversation into system text, opening and exchanges.

    System and developer messages come first, user messages up to the first assistant's are the opening, and what follows an
    assistant's message, up to the next, is its reply; several are joined by line breaks. A tool message without an id, as TRL
    writes them, answers the first call that has no answer yet. Raises `DataError` naming the message (counted from 1) that does
    not fit: another role or order, a call without its answer, content that is no text.
    """
    if not messages or not all(isinstance(message, Mapping) for message in messages):
        raise DataError("messages must be a list of at least one object with role and content")
    head: dict[str, list[str]] = {"system": [], "user": []}
    exchanges: list[tuple[Mapping[str, Any], list[str], list[Any]]] = []
    for number, message in enumerate(messages, start=1):
        role = {"developer": "system", "function": "tool"}.get(str(message.get("role")), message.get("role"))
        if role == "assistant":
            _check_answered(exchanges)
            exchanges.append((message, [], [call.get("id") for call in tool_calls(message)]))
            continue
        text = content_text(message, number)
        if not exchanges and role in head and not (role == "system" and head["user"]):
            head[role].append(text)
        elif exchanges and role == "user":
            exchanges[-1][1].append(text)
        elif exchanges and role == "tool":
            called, answered = exchanges[-1][2], message.get("tool_call_id")
            if answered is None and called:
                answered = called[0]
            if message.get("role") == "tool" and answered not in called:
                raise DataError(f"message {number} answers the call {answered!r}, which no assistant's message before it makes")
            called[:] = [each for each in called if each != answered] if answered is not None else called[1:]
            exchanges[-1][1].append(text)
        else:
            raise DataError(f"message {number} has the role {message.get('role')!r}, which does not fit there")
    return ConversationParts(
        "\n".join(head["system"]),
        "\n".join(head["user"]),
        tuple(Exchange(message, "\n".join(replies)) for message, replies, _ in exchanges),
    )


def content_text(message: Mapping[str, Any], number: int) -> str:
    """A message's content, whose text parts are joined. Raises `DataError` where it is no text."""
    content = message.get("content")
    if content is None:
        return ""
    parts = [content] if isinstance(content, str) else list(_parts(content))
    if not all(isinstance(part, str) for part in parts):
        raise DataError(f"message {number} holds content that is no text, which an episode has no place for")
    return utf8("\n".join(parts))


def tool_calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The calls of an assistant's message, the older ``function_call`` among them."""
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
        raise DataError(f"tool_calls={calls!r} must be a list of objects")
    older = message.get("function_call")
    return [*calls, {"function": older}] if older else calls


def thinking_text(message: Mapping[str, Any]) -> str:
    """What a message holds as ``reasoning_content``, or as ``reasoning``, as some servers call it."""
    thinking = message.get("reasoning_content") or message.get("reasoning") or ""
    if not isinstance(thinking, str):
        raise DataError(f"reasoning_content={thinking!r} must be a text")
    return utf8(thinking)


def _callable(action: Action) -> bool:
    """Whether the tool takes this action; it never takes ``none``."""
    return action.kind in CHOICES


def _check_answered(exchanges: Sequence[tuple[Mapping[str, Any], list[str], list[Any]]]) -> None:
    open_calls = [each for each in exchanges[-1][2] if each is not None] if exchanges else []
    if open_calls:
        raise DataError(f"the call {open_calls[0]!r} has no answer: each needs a message of the role 'tool' with its id")


def _parts(content: Any) -> Iterator[Any]:
    for part in content if isinstance(content, list) else [None]:
        yield part.get("text") if isinstance(part, Mapping) and part.get("type") in ("text", "refusal", None) else None


def _turn(exchange: Exchange, data: TurnMetadata, index: int) -> Turn:
    message = exchange.message
    thinking, calls = thinking_text(message), tool_calls(message)
    if calls:
        action = _called(calls, index)
    elif data.content is not None:
        action = Action(_KINDS.get(data.kind, data.kind), data.content)
    else:
        parsed = parse(content_text(message, index))
        thinking, action = "\n".join(filter(None, (thinking, parsed.thinking))), parsed.action
    if str(action.kind) != data.kind:
        raise DataError(f"turn {index} is [{action.kind}] by its message and {data.kind!r} by the metadata: keep the two alike")
    told = {name: value for name, value in data if name not in ("kind", "content")}
    return Turn(thinking, action, exchange.reply, **told)


def _called(calls: Sequence[Mapping[str, Any]], index: int) -> Action:
    """The action of a call that bao wrote, verbatim: `parse` would tidy its content."""
    try:
        (call,) = calls
        function = call["function"]
        if function["name"] != "interact":
            raise KeyError(function["name"])
        arguments = function["arguments"]
        values = json.loads(arguments) if isinstance(arguments, str) else arguments
        return Action(ActionKind(values["choice"]), utf8(values["content"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(f"turn {index} must be one call of interact(choice, content)") from error
