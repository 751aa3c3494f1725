"""A policy: reads observations, returns turns; and `PolicyRef`, which says who that is.

`Policy` is what plays one episode in the runner (`bao.rollout.episodes`). Policies that sample tokens in batches do not
implement it; they go through `bao.models.engine`.
"""

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from bao.action import Parsed
from bao.errors import ConfigError


@runtime_checkable
class Policy(Protocol):
    """Plays one episode after another; holds the state of the episode it is in.

    One that is a model behind an endpoint has its name in a price table as ``model`` besides.
    """

    name: str

    def begin(self, system: str, opening: str) -> None:
        """A new episode: the system text and the gym's first observation."""

    def act(self, observation: str) -> Parsed:
        """The next turn, given the latest observation (the opening on the first call)."""


class CountedTurn(Parsed):
    """A turn as read, with the tokens that an endpoint counted for it."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @classmethod
    def of(cls, parsed: Parsed, prompt_tokens: int | None, completion_tokens: int | None) -> "CountedTurn":
        turn = cls(*parsed)
        turn.prompt_tokens, turn.completion_tokens = prompt_tokens, completion_tokens
        return turn


class PolicyKind(StrEnum):
    """What plays, and how its name begins."""

    SCRIPTED = "scripted"
    LOCAL = "local"
    OPENAI = "openai"
    RESPONSES = "openai-responses"
    """The same, spoken to by the Responses API."""
    OBJECT = "object"
    """An agent in Python: by ``MODULE:OBJECT`` or ``FILE.py:OBJECT``, or the object itself."""


CHAT_KINDS = (PolicyKind.OPENAI, PolicyKind.RESPONSES)
"""Chat models behind an endpoint."""
_MODEL_AT = re.compile(r"(?P<name>.+?)@(?P<place>https?://.*)")
_OBJECT_IN = re.compile(r"(?P<place>.+\.py|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")
_FORMS = (
    "scripted:NAME (`bao gyms` lists them), local:PATH, openai:MODEL@BASE_URL, openai-responses:MODEL@BASE_URL, or your own "
    "agent as MODULE:OBJECT or FILE.py:OBJECT"
)


@dataclass(frozen=True)
class PolicyRef:
    """A policy by its name, taken apart. `str` puts the name together again."""

    kind: PolicyKind
    name: str
    """Of the scripted policy, the model or the object; of a local model the path of its folder."""
    place: str = ""
    """The model's base URL; the object's module or file."""
    value: Any = None
    """The agent itself, where it was given and not its name."""

    @classmethod
    def parse(cls, policy: Any) -> "PolicyRef":
        """The policy of this name, or the agent that is itself no name. Raises `ConfigError` on a name of no known form."""
        if isinstance(policy, PolicyRef):
            return policy
        if not isinstance(policy, str):
            return cls(PolicyKind.OBJECT, getattr(policy, "__name__", type(policy).__name__), value=policy)
        scheme, colon, name = policy.partition(":")
        if scheme in (PolicyKind.SCRIPTED, PolicyKind.LOCAL) and name:
            return cls(PolicyKind(scheme), name)
        if scheme in CHAT_KINDS and colon:
            found = _MODEL_AT.fullmatch(name)
            if found is None:
                raise ConfigError(
                    f"an {scheme}: policy must be {scheme}:MODEL@BASE_URL, such as {scheme}:qwen3@http://127.0.0.1:8000/v1"
                )
            return cls(PolicyKind(scheme), **found.groupdict())
        if scheme == PolicyKind.OBJECT and colon:
            raise ConfigError(
                f"policy={policy!r} was an object of a Python program that has ended: give the agent as FILE.py:OBJECT"
            )
        found = None if scheme in list(PolicyKind) else _OBJECT_IN.fullmatch(policy)
        if found is not None:
            return cls(PolicyKind.OBJECT, **found.groupdict())
        if not colon and policy.endswith(".py"):
            raise ConfigError(
                f"policy={policy!r} names no agent: add the class or function in the file, such as {policy}:Agent"
            )
        near = near_scheme(scheme)
        raise ConfigError(f"policy={policy!r} is unknown: {near}{' Else ' if near else ''}give {_FORMS}")

    def __str__(self) -> str:
        if self.kind in CHAT_KINDS:
            return f"{self.kind}:{self.name}@{self.place}"
        return f"{self.place or self.kind}:{self.name}"

    @property
    def path(self) -> Path | None:
        """The model's folder or the agent's file; None for a policy that is in none."""
        if self.kind == PolicyKind.LOCAL:
            return Path(self.name)
        return Path(self.place) if self.kind == PolicyKind.OBJECT and self.place.endswith(".py") else None

    def at(self, path: Path | str) -> "PolicyRef":
        """The same policy, in another folder or file."""
        return replace(self, name=str(path)) if self.kind == PolicyKind.LOCAL else replace(self, place=str(path))


def near_scheme(scheme: str) -> str:
    """``did you mean openai:.. ?`` where `scheme` nearly is one; else empty."""
    found = get_close_matches(scheme, ("scripted", "local", "openai", "openai-responses"), n=1)
    return f"did you mean {found[0]}:.. ?" if found and found[0] != scheme else ""
