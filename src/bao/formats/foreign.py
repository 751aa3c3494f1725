"""Conversations that bao did not write, as episodes, as far as they can be.

A turn's action is a call of ``interact`` or bracket text (``[search] hotels``). A turn without one counts as unreadable, as a
model's would; a conversation without any is refused, and so is one that calls other tools. What such a conversation does not
say is set thus: reward 0, not solved, stop ``finish``, tokens counted as words. It serves for reading and for demonstrations,
never for measures.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from bao.action import Action, ActionKind, Parsed, ParseFault, parse
from bao.errors import ConfigError, DataError, suggest
from bao.formats.messages import Exchange, content_text, cut, thinking_text, tool_calls
from bao.gyms.registry import gym_class
from bao.trajectory import StopReason, Trajectory, Turn

POLICY = "imported"
"""What foreign conversations have in place of a policy's name."""


class Rules(NamedTuple):
    """The rules of the gym that a conversation is read under."""

    gym: str
    kinds: Collection[ActionKind | str]
    user_kinds: Collection[ActionKind | str]
    """The kinds that involve the user, by the gym's convention."""
    horizon: int


def rules(gym: str, convention: str | None = None) -> Rules:
    """The rules of the gym called `gym`. Raises `ConfigError` on an unknown gym or convention."""
    found = gym_class(gym)
    if convention is not None and convention not in found.conventions:
        raise ConfigError(f"--convention {convention} is unknown to {gym}: {suggest(convention, found.conventions)}")
    return Rules(gym, found.kinds, found.conventions[convention or next(iter(found.conventions))], found.horizon_default)


def foreign_trajectory(messages: Sequence[Any], task_id: str, under: Rules) -> Trajectory:
    """The episode of a conversation. Raises `DataError` naming what cannot be read."""
    talk = cut(messages)
    turns = tuple(_turn(exchange, number, under) for number, exchange in enumerate(talk.exchanges, start=1))
    if all(turn.parse_fault is not None for turn in turns):
        raise DataError("no assistant message holds an action: a call of interact(choice, content), or text such as [search] x")
    return Trajectory(
        gym=under.gym,
        task_id=task_id,
        policy=POLICY,
        seed=0,
        opening=talk.opening,
        turns=turns,
        stop=StopReason.FINISH,
        success=False,
        horizon=max(under.horizon, len(turns)),
        system=talk.system,
    )


def _turn(exchange: Exchange, number: int, under: Rules) -> Turn:
    parsed = _parsed(exchange, number, under.kinds)
    if parsed.fault == ParseFault.WRONG_TOOL:
        raise DataError(
            f"assistant message {number} calls another tool than interact(choice, content), which has no place here"
        )
    thinking = "\n".join(filter(None, (thinking_text(exchange.message), parsed.thinking)))
    words = len(thinking.split()) + len(parsed.action.content.split())
    involves = parsed.fault is None and parsed.action.kind in under.user_kinds
    return Turn(thinking, parsed.action, exchange.reply, 0.0, involves, parsed.fault, words)


def _parsed(exchange: Exchange, number: int, kinds: Collection[ActionKind | str]) -> Parsed:
    text = content_text(exchange.message, number)
    calls = tool_calls(exchange.message)
    if not calls:
        return parse(text, kinds)
    if len(calls) > 1:
        return Parsed(text, Action(ActionKind.NONE, str(ParseFault.SEVERAL_ACTIONS)), ParseFault.SEVERAL_ACTIONS)
    parsed = parse(json.dumps({"function": calls[0].get("function")}), kinds)
    return parsed._replace(thinking=text)
