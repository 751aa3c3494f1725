"""A chat model that books trips by a rule, behind `StubEndpoint`: what it is worth is known from the same rule, scripted.

It keeps nothing between requests: from the messages alone it plays the episode again up to its next action.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from bao.action import Action
from bao.gyms.travel import Travel
from bao.gyms.travel.agents import POLICIES
from bao.policies.conversation import NOT_TAKEN

RULE = "ask_needed"
Request = Mapping[str, Any]


def next_action(messages: list[dict[str, Any]], rule: str = RULE) -> Action:
    """The rule's action after `messages`."""
    told = [m["content"] for m in messages if m["role"] in ("user", "tool") and m["content"] != NOT_TAKEN]
    policy = POLICIES[rule](Travel(), 0)
    policy.begin(messages[0]["content"], told[0])
    return [policy.act(observation).action for observation in told][-1]


def call(action: Action, call_id: str = "call_1") -> dict[str, Any]:
    arguments = json.dumps({"choice": str(action.kind), "content": action.content})
    return {"id": call_id, "type": "function", "function": {"name": "interact", "arguments": arguments}}


def by_rule(request: Request) -> dict[str, Any]:
    """The message of a model that calls the tool where it is offered, and writes brackets where it is not."""
    if request["messages"][-1]["content"].startswith("Say "):
        return {"role": "assistant", "content": "OK."}  # it is asked whether it answers at all
    action = next_action(request["messages"])
    if "tools" in request:
        return {"role": "assistant", "content": None, "tool_calls": [call(action, f"call_{len(request['messages'])}")]}
    return {"role": "assistant", "content": f"[{action.kind}] {action.content}"}


def completion(message: Mapping[str, Any], usage: Mapping[str, int] | None = None, finish: str = "stop") -> dict[str, Any]:
    body = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    return body if usage is None else {**body, "usage": usage}


def speaking(
    message: Callable[[Request], Mapping[str, Any]] = by_rule,
    usage: Callable[[Request], Mapping[str, int] | None] = lambda request: {"prompt_tokens": 10, "completion_tokens": 5},
) -> Callable[[Request], Mapping[str, Any]]:
    """For ``StubEndpoint(whole=..)``."""
    return lambda request: completion(message(request), usage(request))
