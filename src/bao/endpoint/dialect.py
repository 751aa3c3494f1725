"""What a model's endpoint turns out to take: the fields of a request that servers disagree about.

A request is written in one dialect, and a refusal is judged against that dialect: what another request has learned in the
meantime does not change what this one sent. What is learned is kept for the model once a request that heeds it was answered.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bao.endpoint.nature import Nature
from bao.endpoint.problem import Problem
from bao.endpoint.responses import as_responses
from bao.endpoint.settings import EndpointSettings

Message = Mapping[str, Any]
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens")
DISPENSABLE = {
    "temperature": "the endpoint's own holds",
    "top_p": "the endpoint's own holds",
    "seed": "episodes cannot be drawn again",
    "stream_options": "streams come without token counts",
}
"""Fields that are left out where they are refused, and what follows."""


@dataclass(frozen=True)
class Dialect:
    limit: str = "max_tokens"
    """The name of the token limit."""
    without: frozenset[str] = frozenset()
    """Fields of `DISPENSABLE` that are not sent."""
    system: bool = True
    """Whether system messages are sent; else their text begins the first user message."""
    stream: bool = False

    def joined(self, before: "Dialect", after: "Dialect") -> "Dialect":
        """With what made `after` of `before`: what several requests have learned at once adds up."""
        changes = {name: value for name, value in vars(after).items() if vars(before)[name] != value}
        if "without" in changes:
            changes["without"] |= self.without
        return replace(self, **changes)

    def request(
        self, settings: EndpointSettings, messages: Sequence[Message], fields: Mapping[str, Any], most: int
    ) -> dict[str, Any]:
        """A request for the next message, of at most `most` tokens. The fields of ``settings.body`` take precedence."""
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": messages if self.system else merged(messages),
            "temperature": settings.temperature,
        }
        if not any(name in settings.body for name in _LIMITS):
            body["max_output_tokens" if settings.api == "responses" else self.limit] = most
        if settings.seed is not None:
            body["seed"] = settings.seed
        body |= fields
        if self.stream or settings.stream:
            body["stream"] = True
            if settings.api == "chat":
                body["stream_options"] = {"include_usage": True}
        for name in self.without:
            body.pop(name, None)
        body |= settings.body
        return as_responses(body) if settings.api == "responses" else body


class Change(NamedTuple):
    dialect: Dialect
    note: str
    """What is done from now on, for the log."""


_UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|unexpected|extra|not permitted|not allowed|deprecated|invalid param|"
    r"does not accept|not accept|use '?max_|instead|no such|cannot|only|not available|not compatible|incompatible|not valid|"
    r"invalid"
)
_SURELY_UNKNOWN = re.compile(
    r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|deprecated|use '?max_|use .{0,40}instead"
)
_RANGE = re.compile(
    r"between|range|(?:less|greater|larger|more) than|strictly|minimum|maximum|positive|<=|>=|\bmust be (?:in|at)\b"
)
_NOT_TAKEN = re.compile(r"unsupported|not support|unknown|unrecogni[sz]ed|not permitted|not allowed|deprecated|cannot both")
_WANTS_STREAM = re.compile(
    r"only supports? stream|stream(?:ing)? mode|(?:enable|requires?|set|use|must).{0,30}\bstream|"
    r"stream\w*.{0,30}(?:required|must|only|to true|mandatory)|non[- ]?stream\w*.{0,40}(?:not|unsupported|disabled)"
)


def adapted(dialect: Dialect, settings: EndpointSettings, sent: Mapping[str, Any], problem: Problem) -> Change | None:
    """Another dialect that what was refused suggests, going by what `sent` held; None where it suggests none."""
    low, nature = problem.text.lower(), problem.nature
    if nature == Nature.ROLES or (nature == Nature.REFUSED and re.search(r"\bsystem\b.{0,40}\b(?:role|message|prompt)", low)):
        return _without_roles(dialect, sent, low)
    if nature not in (Nature.REFUSED, Nature.REPLY_LIMIT):
        return None
    limit, of_name = dialect.limit, _UNKNOWN if nature == Nature.REFUSED else _SURELY_UNKNOWN
    if limit in sent and limit not in settings.body and re.search(rf"\b{limit}\b", low) and of_name.search(low):
        other = "max_tokens" if limit == "max_completion_tokens" else "max_completion_tokens"
        return Change(replace(dialect, limit=other), f"it takes no {limit}: the token limit is sent as {other}")
    for name, follows in DISPENSABLE.items():
        if name in sent and name not in settings.body and re.search(rf"\b{name}\b", low):
            given = name in ("top_p", "seed") or name in settings.model_fields_set
            if given and _RANGE.search(low) and not _NOT_TAKEN.search(low):
                continue  # what the user gave and is out of range is the user's to change
            value = "" if name == "stream_options" else f"={sent[name]}"
            note = f"it takes no {name}{value}: none is sent, and {follows}"
            return Change(replace(dialect, without=dialect.without | {name}), note)
    if "stream" not in sent and settings.stream is None and _WANTS_STREAM.search(low):
        return Change(replace(dialect, stream=True), "it answers in streams only: they are asked for")
    return None


def _without_roles(dialect: Dialect, sent: Mapping[str, Any], low: str) -> Change | None:
    if "tools" in sent and "tool" in low and not re.search(r"system|developer|\broles?\b|alternat", low):
        return None
    messages = sent.get("messages", sent.get("input", ()))
    if any(each.get("role") == "tool" or each.get("tool_calls") for each in messages):
        return None  # whoever asks has to tell it in text first
    if not dialect.system or not messages:
        return None
    note = "its template takes no system message, or not there: the system text begins the first user message"
    return Change(replace(dialect, system=False), note)


def merged(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """`messages` for templates that know users and assistants alone, and want them by turns: system texts begin the next user
    message, and neighbours of one role are joined."""
    found: list[dict[str, Any]] = []
    for message in messages:
        each = {**message, "role": "user"} if message["role"] in ("system", "developer") else dict(message)
        last = found[-1] if found else None
        joinable = last is not None and last["role"] == each["role"] == "user"
        if joinable and last is not None and isinstance(last["content"], str) and isinstance(each["content"], str):
            last["content"] = f"{last['content']}\n\n{each['content']}"
        else:
            found.append(each)
    return found
