"""Answers that come as streams, in the odd ways of many servers, and any bytes at all: a reply, a problem, or no completion."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bao.endpoint.problem import Problem, problem_of
from bao.endpoint.reply import Completion, NoCompletionError, read_reply

KIND = "text/event-stream"
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def piece(arguments: Any = "", **more: Any) -> dict[str, Any]:
    """A chunk with a piece of one call."""
    name = {"name": more.pop("name")} if "name" in more else {}
    return chunk(tool_calls=[{**more, "function": {**name, "arguments": arguments}}])


def stream(*chunks: Any, end: str = "data: [DONE]\n\n") -> bytes:
    return ("".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + end).encode()


def calls(*chunks: Any) -> list[tuple[Any, Any]]:
    found = read_reply(stream(*chunks, STOP), KIND)
    assert isinstance(found, Completion)
    return [(call["function"].get("name"), call["function"].get("arguments")) for call in found.message["tool_calls"]]


ONE = [("interact", '{"a": 1}')]
TWO = [("interact", '{"a": 1}'), ("interact", '{"b": 2}')]


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        ([piece(index=0, id="x", name="interact"), piece('{"a"', index=0), piece(": 1}", index=0)], ONE),
        # without an index: an id or a name begins a call, and arguments alone continue the last
        ([piece(id="x", name="interact"), piece('{"a"'), piece(": 1}")], ONE),
        ([piece('{"a": 1}', id="x", name="interact"), piece('{"b": 2}', id="y", name="interact")], TWO),
        ([piece(id="x", name="interact"), piece('{"a": 1}'), piece(id="y", name="interact"), piece('{"b": 2}')], TWO),
        ([piece('{"a"', id="x", name="interact", index=None), piece(": 1}", id="x", name="interact", index=None)], ONE),
        ([piece('{"a": 1}', name="interact"), piece('{"b": 2}', name="interact")], TWO),
        # the same index for every call
        ([piece('{"a": 1}', index=0, id="x", name="interact"), piece('{"b": 2}', index=0, id="y", name="interact")], TWO),
        # the id and the name again in each piece
        ([piece('{"a"', index=0, id="x", name="interact"), piece(": 1}", index=0, id="x", name="interact")], ONE),
        # an object at once
        ([piece({"a": 1}, index=0, id="x", name="interact")], [("interact", {"a": 1})]),
        # by turns
        (
            [
                piece(index=0, id="x", name="interact"),
                piece(index=1, id="y", name="interact"),
                piece('{"b": 2}', index=1),
                piece('{"a": 1}', index=0),
            ],
            TWO,
        ),
    ],
)
def test_calls_are_put_together_whatever_names_their_pieces(pieces: list[Any], whole: list[Any]) -> None:
    assert calls(*pieces) == whole


@pytest.mark.parametrize(
    "raw",
    [
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" + stream(chunk(content="Hi"), chunk(content="!"), STOP),
        stream(chunk(content="Hi"), chunk(content="!"), STOP).replace(b"\n", b"\r\n"),
        stream(chunk(content="Hi"), chunk(content="!"), STOP, end=""),
        stream(chunk(content="Hi!"), end="data: [DONE] \n\n"),
        stream(chunk(content="Hi!"), STOP).replace(b"data: ", b"data:"),
        b"\xef\xbb\xbf" + stream(chunk(content="Hi!"), STOP),
        b"data:\n\ndata: \n\n" + stream(chunk(content="Hi!"), STOP),
        b"event: message\nid: 1\nretry: 5\n" + stream(chunk(content="Hi!"), STOP),
        stream(chunk(role="assistant"), {"choices": []}, chunk(content="Hi!"), STOP, STOP, {"choices": [], "usage": {}}),
        stream({"choices": [{"index": None, "delta": {"content": "Hi!"}, "finish_reason": "stop"}]}),
        stream(chunk(content="Hi"), {"choices": [{"message": {"content": "Hi!"}, "finish_reason": "stop"}]}),
        json.dumps({"choices": [{"message": {"content": "Hi!"}, "finish_reason": "stop"}]}, indent=1).encode(),
    ],
)
@pytest.mark.parametrize("kind", [KIND, ""])
def test_a_stream_is_read_with_its_quirks(raw: bytes, kind: str) -> None:
    found = read_reply(raw, kind)
    assert isinstance(found, Completion)
    assert found.text == "Hi!"


@pytest.mark.parametrize(
    ("raw", "status", "said"),
    [
        (stream(chunk(content="H"), {"error": {"message": "boom", "code": 502}, "choices": []}), 502, "boom 502"),
        (stream(chunk(content="H"), end='event: error\ndata: {"message": "slow down", "code": 429}\n\n'), 429, "slow down 429"),
        (stream(chunk(content="H"), end="event: error\ndata: engine is overloaded\n\n"), 429, "engine is overloaded"),
        (stream(chunk(content="H"), end='{"error": {"message": "boom", "code": 503}}\n'), 503, "boom 503"),
        (stream(chunk(content="H"), end='data: {"type": "error", "message": "boom"}\n\n'), 500, "boom"),
        (stream(chunk(content="H"), end=""), 502, "the stream broke off in the midst of the reply 502"),
        (b": ping\n\n", 502, "the stream broke off before the first piece of a reply 502"),
    ],
)
def test_an_error_in_a_stream_is_the_providers_with_its_reason(raw: bytes, status: int, said: str) -> None:
    found = read_reply(raw, KIND)
    assert isinstance(found, Problem)
    assert (found.status, found.said) == (status, said)


@pytest.mark.parametrize("finish", [None, ""])
@pytest.mark.parametrize("message", [{"role": "assistant"}, {"role": "assistant", "content": "", "tool_calls": []}])
def test_an_empty_message_that_nothing_ended_is_no_completion(finish: Any, message: dict[str, Any]) -> None:
    whole = {"choices": [{"message": message, "finish_reason": finish}]}
    with pytest.raises(NoCompletionError, match="without a finish reason"):
        read_reply(json.dumps(whole).encode())
    whole["choices"][0]["finish_reason"] = "stop"
    assert isinstance(read_reply(json.dumps(whole).encode()), Completion)


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, (9, 4)),
        ({"prompt_tokens": 9.0, "completion_tokens": "4"}, (9, None)),
        ({"input_tokens": 9, "output_tokens": 4}, (9, 4)),
        ({"prompt_tokens": -1, "completion_tokens": "many"}, (None, None)),
        ([1, 2], (None, None)),
        (None, (None, None)),
    ],
)
def test_tokens_are_counted_under_other_names_too(usage: Any, counted: Any) -> None:
    found = read_reply(json.dumps({"choices": [{"message": {"content": "x"}}], "usage": usage}).encode())
    assert isinstance(found, Completion)
    assert (found.tokens_in, found.tokens_out) == counted


KEYS = [
    "choices",
    "message",
    "delta",
    "error",
    "content",
    "tool_calls",
    "function",
    "index",
    "id",
    "usage",
    "output",
    "response",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


def is_known(raw: bytes, kind: str) -> bool:
    try:
        return isinstance(read_reply(raw, kind), Completion | Problem)
    except NoCompletionError as error:
        return bool(str(error))


@given(JSON, st.sampled_from(["", KIND]), st.booleans())
@example({"choices": [3]}, KIND, True)
@example({"choices": [{"delta": "x"}]}, KIND, True)
@example({"choices": [{"delta": {"tool_calls": [None, {"index": [], "function": 3}]}}]}, KIND, True)
@example({"output": [{"type": "message", "content": [{"text": None}]}, 3]}, "", False)
@example({"error": [{"code": {}}]}, "", False)
def test_any_answer_is_a_reply_a_problem_or_no_completion(values: Any, kind: str, streamed: bool) -> None:
    assert is_known(stream(values) if streamed else json.dumps(values).encode(), kind)


@given(st.binary(max_size=60), st.sampled_from(["", KIND]))
def test_any_bytes_are_too(raw: bytes, kind: str) -> None:
    assert is_known(raw, kind)


@given(JSON | st.binary(max_size=40), st.sampled_from([400, 404, 429, 500]))
def test_any_answer_with_an_errors_status_is_a_problem(values: Any, status: int) -> None:
    problem = problem_of(status, values if isinstance(values, bytes) else json.dumps(values).encode())
    assert problem.status == status
    assert problem.nature
