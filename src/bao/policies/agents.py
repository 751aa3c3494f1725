"""Agents that are asked turn by turn and are no policy of ours: a chat model behind an endpoint, and agents in Python."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from bao.endpoint.keys import read_key
from bao.endpoint.settings import checked
from bao.errors import ConfigError
from bao.gym import Gym
from bao.policies.chat import ChatPolicy
from bao.policies.loading import load_object
from bao.policies.own import OwnAgent
from bao.policies.prompt import PromptForm
from bao.policies.settings import ChatSettings, OwnSettings
from bao.policy import CHAT_KINDS, Policy, PolicyKind, PolicyRef, near_scheme

_UNSAFE = re.compile(r"[^\w.+-]+")
_SEEN: dict[int, tuple[Any, str]] = {}
"""The agents that were given as objects, by id, and what tells each from all others. Kept, so that no id is used again."""


@dataclass(frozen=True)
class Agent:
    """An agent that is played a turn at a time."""

    name: str
    """What tables call it unless told otherwise; safe as a file's name."""
    identity: Mapping[str, Any]
    """What can change an episode. No key."""
    make: Callable[[Gym, int, str], Policy]
    """A policy for the episodes of one thread, from the gym, a seed and the name that trajectories give it."""
    at_once: int
    """Episodes at once, unless told otherwise."""
    prompt: PromptForm | None = None
    """The form of the system text; None: `bao.policies.prompt.rules_text`."""


def open_agent(policy: Any, settings: Mapping[str, Any]) -> Agent:
    """The agent that `policy` names or is, with the table ``agent`` of its `settings`.

    Raises `ConfigError` on a policy of another form, a wrong setting, a missing key, and on code that cannot start.
    """
    ref = PolicyRef.parse(policy)
    if ref.kind in CHAT_KINDS:
        return _chat(ref, settings)
    assert ref.kind == PolicyKind.OBJECT, f"{ref} is no agent"
    return _own(ref, settings)


def _chat(ref: PolicyRef, settings: Mapping[str, Any]) -> Agent:
    api = {"api": "responses"} if ref.kind == PolicyKind.RESPONSES else {}
    chat = checked(ChatSettings, {"model": ref.name, "base_url": ref.place, **api, **settings}, "agent")
    read_key(chat.api_key_env)

    def make(gym: Gym, seed: int, name: str) -> Policy:
        return ChatPolicy(chat, gym.kinds, seed, name)

    name = _safe(chat.model.rstrip("/").rpartition("/")[2], "model")
    identity = {"policy": f"{ref.kind}:{chat.model}@{chat.base_url}", "agent": chat.identity()}
    return Agent(name, identity, make, chat.concurrency, chat.prompt)


def _own(ref: PolicyRef, settings: Mapping[str, Any]) -> Agent:
    own = checked(OwnSettings, settings, "agent")
    if ref.value is not None:
        value, name = ref.value, ref.name
        identity = {"policy": str(ref), "agent": {"object": _object_mark(value)}}
    else:
        try:
            value, name, source = load_object(ref)
        except ConfigError as error:
            near = near_scheme(ref.place)
            raise ConfigError(f"{error} ({near})" if near else str(error)) from error
        identity = {"policy": str(ref.at(ref.path.name) if ref.path else ref), "agent": {"source": source}}
    agent = OwnAgent(str(ref), value, own)

    def make(gym: Gym, seed: int, name: str) -> Policy:
        return agent.policy(gym.kinds, name)

    return Agent(_safe(name, "agent"), identity, make, at_once=1)


def _safe(name: str, otherwise: str) -> str:
    return _UNSAFE.sub("-", name).strip("-.") or otherwise


def _object_mark(value: Any) -> str:
    """Tells an object from every other of any program: what it does cannot be read from it as from a file."""
    return _SEEN.setdefault(id(value), (value, f"{uuid4().hex} of one Python process"))[1]
