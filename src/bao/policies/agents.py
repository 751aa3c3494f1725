"""Agents that are no policy of ours, by the policy argument of `bao eval`: ``openai:MODEL@BASE_URL``, ``MODULE:OBJECT``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from bao.endpoint.client import read_key
from bao.endpoint.settings import checked
from bao.errors import ConfigError
from bao.gym import Gym
from bao.policies.chat import ChatPolicy
from bao.policies.loading import load_object, names_object
from bao.policies.own import OwnAgent
from bao.policies.prompt import PromptForm
from bao.policies.settings import ChatSettings, OwnSettings
from bao.policy import Policy

CHAT = "openai"
SCHEMES = ("scripted", "local", CHAT)
OWN = "MODULE:OBJECT or FILE.py:OBJECT"
FORMS = f"scripted:NAME (`bao gyms` lists them), local:PATH, openai:MODEL@BASE_URL, or your own agent as {OWN}"
_MODEL_AT = re.compile(r"(?P<model>.+?)@(?P<base_url>https?://.*)")
_UNSAFE = re.compile(r"[^\w.+-]+")


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


def open_agent(policy: str, settings: Mapping[str, Any]) -> Agent:
    """The agent that `policy` names, with the table ``agent`` of its `settings`.

    Raises `ConfigError` on a policy of no known form, a wrong setting, a missing key, and on code that cannot start.
    """
    if policy.startswith(f"{CHAT}:"):
        return _chat(policy, settings)
    scheme = policy.partition(":")[0]
    if scheme not in SCHEMES and names_object(policy):
        return _own(policy, settings)
    unknown_policy(policy)


def unknown_policy(policy: str) -> NoReturn:
    """Raises `ConfigError`: what `policy` may have been meant to be."""
    scheme, colon, _ = policy.partition(":")
    if not colon and policy.endswith(".py"):
        raise ConfigError(f"policy={policy!r} names no agent: add the class or function in the file, such as {policy}:Agent")
    near = _near(scheme)
    raise ConfigError(f"policy={policy!r} is unknown: {near}{' Else ' if near else ''}give {FORMS}")


def _near(scheme: str) -> str:
    found = get_close_matches(scheme, SCHEMES, n=1)
    return f"did you mean {found[0]}:.. ?" if found and found[0] != scheme else ""


def _chat(policy: str, settings: Mapping[str, Any]) -> Agent:
    found = _MODEL_AT.fullmatch(policy.removeprefix(f"{CHAT}:"))
    if found is None:
        raise ConfigError("an openai: policy must be openai:MODEL@BASE_URL, such as openai:qwen3@http://127.0.0.1:8000/v1")
    chat = checked(ChatSettings, {**found.groupdict(), **settings}, "agent")
    read_key(chat.api_key_env)

    def make(gym: Gym, seed: int, name: str) -> Policy:
        return ChatPolicy(chat, gym.kinds, seed, name)

    name = _UNSAFE.sub("-", chat.model.rstrip("/").rpartition("/")[2]).strip("-.") or "model"
    return Agent(
        name, {"policy": f"{CHAT}:{chat.model}@{chat.base_url}", "agent": chat.identity()}, make, chat.concurrency, chat.prompt
    )


def _own(policy: str, settings: Mapping[str, Any]) -> Agent:
    own = checked(OwnSettings, settings, "agent")
    try:
        loaded = load_object(policy)
    except ConfigError as error:
        near = _near(policy.partition(":")[0])
        raise ConfigError(f"{error} ({near})" if near else str(error)) from error
    agent = OwnAgent(policy, loaded.value, own)

    def make(gym: Gym, seed: int, name: str) -> Policy:
        return agent.policy(gym.kinds, name)

    identity = {"policy": Path(policy).name, "agent": {"source": loaded.source}}
    return Agent(_UNSAFE.sub("-", loaded.name), identity, make, at_once=1)
