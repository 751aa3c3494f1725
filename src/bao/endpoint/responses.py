"""The Responses API in terms of chat completions: requests translated there, answers translated back.

An answer's items are kept whole in the message (`ITEMS`) and go back as they came, for reasoning models refuse calls without
the reasoning that led to them. A plain message has none, and is translated from its content and calls.
"""

from collections.abc import Mapping, Sequence
from typing import Any

ITEMS = "output_items"
"""The key of a message's items."""


def as_responses(body: Mapping[str, Any]) -> dict[str, Any]:
    """A request of chat completions as one of responses."""
    found = {name: value for name, value in body.items() if name not in ("messages", "tools", "response_format", "tool_choice")}
    found["input"] = [item for message in body["messages"] for item in _items(message)]
    if "tools" in body:
        found["tools"] = [{"type": "function", **tool["function"]} if "function" in tool else tool for tool in body["tools"]]
    if "response_format" in body:
        wanted = body["response_format"]
        form = {"type": "json_schema", **wanted["json_schema"]} if wanted.get("type") == "json_schema" else wanted
        found["text"] = {**found.get("text", {}), "format": form}
    return found


def _items(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    role = message["role"]
    if role == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    if role != "assistant":
        return [{"role": role, "content": message["content"]}]
    if isinstance(message.get(ITEMS), list):
        return list(message[ITEMS])
    content = message.get("content")
    said: list[Mapping[str, Any]] = [{"role": "assistant", "content": content}] if content else []
    for call in message.get("tool_calls") or []:
        function = call["function"]
        said.append(
            {"type": "function_call", "call_id": call["id"], "name": function["name"], "arguments": function["arguments"]}
        )
    return said or [{"role": "assistant", "content": ""}]


_FINISH = {"max_output_tokens": "length", "max_tokens": "length"}


def as_chat(values: Any) -> Any:
    """An answer of the Responses API as a chat completion; any other as it is."""
    if not isinstance(values, Mapping) or not isinstance(values.get("output"), list) or values.get("choices"):
        return values
    status = values.get("status")
    details = values.get("incomplete_details")
    why = str(details.get("reason") or status) if isinstance(details, Mapping) else str(status)
    finish = "stop" if status in ("completed", None) else _FINISH.get(why, why)
    choice: dict[str, Any] = {"index": 0, "finish_reason": finish, "message": _message(values["output"])}
    if values.get("error"):
        choice["error"] = values["error"]
    usage = values.get("usage")
    if isinstance(usage, Mapping):
        usage = {"prompt_tokens": usage.get("input_tokens"), "completion_tokens": usage.get("output_tokens")}
    return {"id": values.get("id"), "model": values.get("model"), "choices": [choice], "usage": usage}


def _message(output: Sequence[Any]) -> dict[str, Any]:
    texts, thoughts, calls = [], [], []
    for item in output:
        if not isinstance(item, Mapping):
            continue
        content = item.get("content")
        parts = [part for part in content if isinstance(part, Mapping)] if isinstance(content, list) else []
        if item.get("type") == "message":
            texts += [str(part.get("text") or part.get("refusal") or "") for part in parts]
        elif item.get("type") == "reasoning":
            summary = [part for part in (item.get("summary") or []) if isinstance(part, Mapping)]
            thoughts += [str(part.get("text") or "") for part in [*summary, *parts]]
        elif item.get("type") == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            calls.append({"id": item.get("call_id") or item.get("id"), "type": "function", "function": function})
    message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or None, ITEMS: list(output)}
    if calls:
        message["tool_calls"] = calls
    if any(thoughts):
        message["reasoning_content"] = "\n".join(filter(None, thoughts))
    return message
