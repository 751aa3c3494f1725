"""Streams, the Responses API, queries in the address: the same episode over each, over real sockets."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from bao.endpoint.responses import ITEMS, as_chat, as_responses
from bao.endpoint.stream import gathered
from bao.gyms.travel import Travel
from bao.policies.agents import open_agent
from bao.rollout.episodes import play_all
from bao.trajectory import Fault
from bao.users.settings import model_at
from bao.users.simulator import LLMSimulator
from tests.policies.test_chat import TASKS, scripted, worth
from tests.support.simulators import PROMPT, YES, Verdict
from tests.support.stub_agent import by_rule, completion

Handle = Callable[[str, Mapping[str, str], dict[str, Any]], tuple[int, str, bytes]]


class Served(NamedTuple):
    port: int
    requests: list[tuple[str, dict[str, str], dict[str, Any]]]
    """Path, headers and body, in order of arrival."""


@contextmanager
def serving(handle: Handle) -> Iterator[Served]:
    """A server of Python's own, for answers that are no JSON in one piece; yields its port and what it was asked."""
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, kind, raw = handle(*asked[-1])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Served(server.server_address[1], asked)
    finally:
        server.shutdown()
        server.server_close()


def played(policy: str, count: int = 2, **settings: Any) -> Any:
    agent = open_agent(policy, {"timeout": 5.0, "backoff": 0.001, "attempts": 3, **settings})
    return play_all(Travel, lambda gym, seed: agent.make(gym, seed, "stub"), TASKS[:count], retries=0)


# Streams.


def pieces(message: Mapping[str, Any], usage: Any = None, *, end: bool = True) -> bytes:
    """A message in chunks of a few characters."""
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    deltas += [{"content": letter} for letter in message.get("content") or ""]
    for index, call in enumerate(message.get("tool_calls") or []):
        text = call["function"]["arguments"]
        deltas.append({"tool_calls": [{"index": index, **call, "function": {**call["function"], "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": text[i : i + 3]}}]} for i in range(0, len(text), 3)
        ]
    chunks: list[Any] = [{"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if end:
        chunks.append({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        chunks.append({"id": "x", "choices": [], "usage": usage})
    lines = [": ping\r\n\r\n", *(f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in chunks), "data: [DONE]\n\n" if end else ""]
    return "".join(lines).encode()


@pytest.mark.parametrize(
    "said",
    [
        "This model only support stream mode, please enable the stream parameter to access the model.",
        "stream must be set to true for this model",
        "Non-streaming requests are not supported",
    ],
)
@pytest.mark.parametrize("mode", ["auto", "text"])
def test_where_only_streams_are_answered_they_are_asked_for(said: str, mode: str) -> None:
    def handle(path: str, headers: Mapping[str, str], body: dict[str, Any]) -> tuple[int, str, bytes]:
        if not body.get("stream"):
            return 400, "application/json", json.dumps({"error": {"message": said}}).encode()
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        return 200, "text/event-stream", pieces(by_rule(body), usage if body.get("stream_options") else None)

    with serving(handle) as server:
        episodes = played(f"openai:stub@http://127.0.0.1:{server.port}/v1", mode=mode)
    assert worth(episodes) == worth(scripted(2))
    assert {turn.completion_tokens for turn in episodes[0].turns} == {5}
    assert [bool(body.get("stream")) for _, _, body in server.requests] == [False] + [True] * (len(server.requests) - 1)


def test_a_stream_is_read_where_none_was_asked_for_and_asked_for_where_it_is_set() -> None:
    with serving(lambda path, headers, body: (200, "text/event-stream; charset=utf-8", pieces(by_rule(body)))) as server:
        assert worth(played(f"openai:stub@http://127.0.0.1:{server.port}/v1")) == worth(scripted(2))
        assert not any("stream" in body for _, _, body in server.requests)
        before = len(server.requests)
        assert worth(played(f"openai:stub@http://127.0.0.1:{server.port}/v1", stream=True)) == worth(scripted(2))
        assert all(body["stream"] for _, _, body in server.requests[before:])


def test_a_stream_that_breaks_off_or_tells_an_error_is_the_providers_fault() -> None:
    broken = pieces({"content": "[search] ho"}, end=False)
    for raw, why in ((broken, "broke off"), (b'data: {"error": {"message": "boom", "code": 502}}\n\n', "boom")):
        with serving(lambda path, headers, body, raw=raw: (200, "text/event-stream", raw)) as server:
            (episode,) = played(f"openai:stub@http://127.0.0.1:{server.port}/v1", 1)
        assert episode.fault == Fault.POLICY_UNAVAILABLE
        assert why in episode.fault_detail


def test_calls_in_a_stream_are_put_together_by_their_index() -> None:
    calls = [
        {"id": str(n), "type": "function", "function": {"name": "interact", "arguments": f'{{"n": {n}}}'}} for n in range(2)
    ]
    message = gathered(pieces({"tool_calls": calls}).decode())["choices"][0]["message"]
    assert message == {"role": "assistant", "content": None, "tool_calls": calls}


# The Responses API.


def as_items(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a server of responses answers to a request for the rule's next action."""
    messages: list[dict[str, Any]] = []
    for item in body["input"]:
        if item.get("type") == "function_call_output":
            messages.append({"role": "tool", "content": item["output"]})
        elif item.get("role") in ("system", "user"):
            messages.append(item)
    said = by_rule({"messages": messages, **({"tools": body["tools"]} if "tools" in body else {})})
    output: list[dict[str, Any]] = [{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}]
    for call in said.get("tool_calls", []):
        output.append({"type": "function_call", "id": "f", "call_id": f"c{len(messages)}", **call["function"]})
    if said["content"]:
        output.append({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": said["content"]}]})
    return {
        "id": "x",
        "object": "response",
        "status": "completed",
        "output": output,
        "usage": {"input_tokens": 9, "output_tokens": 4},
    }


@pytest.mark.parametrize("mode", ["auto", "text"])
@pytest.mark.parametrize("stream", [None, True])
def test_an_agent_behind_the_responses_api_is_worth_the_same(mode: str, stream: bool | None) -> None:
    def handle(path: str, headers: Mapping[str, str], body: dict[str, Any]) -> tuple[int, str, bytes]:
        if not body.get("stream"):
            return 200, "application/json", json.dumps(as_items(body)).encode()
        events = ({"type": "response.created", "response": {}}, {"type": "response.completed", "response": as_items(body)})
        return 200, "text/event-stream", "".join(f"event: e\ndata: {json.dumps(each)}\n\n" for each in events).encode()

    with serving(handle) as server:
        policy = f"openai-responses:stub@http://127.0.0.1:{server.port}/v1"
        episodes = played(policy, mode=mode, stream=stream)
    assert worth(episodes) == worth(scripted(2))
    assert {(turn.prompt_tokens, turn.completion_tokens, turn.thinking) for turn in episodes[0].turns} == {(9, 4, "hm")}
    assert {path for path, _, _ in server.requests} == {"/v1/responses"}
    last = server.requests[-1][2]
    assert last["max_output_tokens"] == 4096
    assert not {"messages", "max_tokens", "stream_options"} & set(last)
    assert [item["type"] for item in last["input"] if "type" in item][:1] == ["reasoning"]  # items go back as they came
    if mode == "auto":
        assert last["tools"][0]["name"] == "interact"


def test_a_user_behind_the_responses_api_is_held_to_its_schema() -> None:
    def handle(path: str, headers: Mapping[str, str], body: dict[str, Any]) -> tuple[int, str, bytes]:
        text = [{"type": "output_text", "text": '{"fits": true, "reply": "Yes."}'}]
        found = {"status": "completed", "output": [{"type": "message", "content": text}]}
        return 200, "application/json", json.dumps(found).encode()

    with serving(handle) as server:
        table = model_at(f"openai-responses:m@http://127.0.0.1:{server.port}/v1", "--user-model")
        from bao.users.settings import llm_settings

        assert LLMSimulator(llm_settings(table)).ask(PROMPT, Verdict) == YES
    form = server.requests[0][2]["text"]["format"]
    assert (form["type"], form["name"], form["strict"]) == ("json_schema", "Verdict", True)


@pytest.mark.parametrize(
    ("status", "more", "finish"),
    [
        ("completed", {}, "stop"),
        ("incomplete", {"incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ("failed", {"error": {"code": "server_error", "message": "boom"}}, "failed"),
    ],
)
def test_how_a_response_ended(status: str, more: dict[str, Any], finish: str) -> None:
    assert as_chat({"status": status, "output": [], **more})["choices"][0]["finish_reason"] == finish


def test_a_chat_completion_is_left_as_it_is() -> None:
    found = completion({"role": "assistant", "content": "x"})
    assert as_chat(found) is found


def test_a_plain_message_is_translated_from_its_calls() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "interact", "arguments": "{}"}}
    whole = {"role": "assistant", "content": "hm", "tool_calls": [call], ITEMS: [{"type": "reasoning"}]}
    plain = {name: value for name, value in whole.items() if name != ITEMS}
    assert as_responses({"messages": [whole]})["input"] == [{"type": "reasoning"}]
    assert as_responses({"messages": [plain]})["input"] == [
        {"role": "assistant", "content": "hm"},
        {"type": "function_call", "call_id": "a", "name": "interact", "arguments": "{}"},
    ]


# The address.


def test_a_query_in_the_address_is_repeated_and_the_key_is_sent_in_the_header_that_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STUB_KEY", "sk-verysecret")
    with serving(
        lambda path, headers, body: (200, "application/json", json.dumps(completion(by_rule(body))).encode())
    ) as server:
        where = f"http://127.0.0.1:{server.port}/openai/deployments/d/chat/completions?api-version=2024-10-21"
        assert worth(played(f"openai:stub@{where}", api_key_env="STUB_KEY", key_header="api-key")) == worth(scripted(2))
    assert {path for path, _, _ in server.requests} == {"/openai/deployments/d/chat/completions?api-version=2024-10-21"}
    assert {headers["api-key"] for _, headers, _ in server.requests} == {"sk-verysecret"}
    assert not any("authorization" in headers for _, headers, _ in server.requests)
