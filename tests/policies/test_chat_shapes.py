"""What chat endpoints refuse, fail at and outgrow, over real sockets: no refusal of one request changes what another meant."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bao.action import Action, ActionKind
from bao.endpoint.shared import shared_endpoint
from bao.errors import ConfigError
from bao.trajectory import Fault, StopReason
from tests.endpoint.test_shapes_of_requests import played as streamed
from tests.endpoint.test_shapes_of_requests import serving
from tests.policies.test_chat import TASKS, agent_settings, played, refusing_after, scripted, stub_of, worth
from tests.support.command_line import bao
from tests.support.stub_agent import Request, by_rule, completion, speaking

Refuses = Callable[[Request], tuple[int, str] | None]

NO_MAX_TOKENS = [
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    "Unrecognized request argument supplied: max_tokens",
    "1 validation error: body.max_tokens: Extra inputs are not permitted",
]


def finishing(request: Request) -> dict[str, Any]:
    """Finishes at once: by the tool where it is offered."""
    arguments = json.dumps({"choice": "finish", "content": ""})
    function = {"name": "interact", "arguments": arguments}
    if "tools" in request:
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    return {"role": "assistant", "content": "[finish]"}


def discovered(times: int, mode: str) -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        return (400, NO_MAX_TOKENS[0]) if "max_tokens" in request else None

    for _ in range(times):
        with stub_of(speaking(finishing), refuses=refuses, latency=0.02) as stub:
            episodes = played(stub, 40, 64, mode=mode, tasks=MANY, temperature=1.0)
        answered = [request for request in stub.requests if "max_completion_tokens" in request]
        assert [len(each.turns) for each in episodes] == [1] * 40
        assert ["tools" in request for request in answered] == [mode != "text"] * 40


MANY = (TASKS * 4)[:40]


@pytest.mark.parametrize("mode", ["auto", "tools", "text"])
def test_parallel_requests_that_learn_another_name_of_the_limit_keep_their_mode(mode: str) -> None:
    discovered(3, mode)


@pytest.mark.slow
def test_they_keep_it_fifty_times_in_a_row() -> None:
    discovered(50, "auto")


@pytest.mark.parametrize("said", NO_MAX_TOKENS)
@pytest.mark.parametrize("status", [400, 422])
def test_another_name_of_the_limit_is_found_in_any_words(said: str, status: int) -> None:
    with stub_of(refuses=lambda request: (status, said) if "max_tokens" in request else None) as stub:
        assert worth(played(stub, 2)) == worth(scripted(2))
    assert ["max_tokens" in request for request in stub.requests] == [True] + [False] * (len(stub.requests) - 1)
    assert {"tools" in request for request in stub.requests} == {True}


@pytest.mark.parametrize(
    "said",
    [
        "Unsupported value: 'temperature' does not support 0.0 with this model. Only the default (1) value is supported.",
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "`temperature` and `top_p` cannot both be specified for this model",
        "temperature is deprecated for this model",
    ],
)
def test_a_temperature_that_is_not_taken_is_left_out(said: str) -> None:
    with stub_of(refuses=lambda request: (400, said) if "temperature" in request else None) as stub:
        assert worth(played(stub, 2)) == worth(scripted(2))
    assert ["temperature" in request for request in stub.requests] == [True] + [False] * (len(stub.requests) - 1)


def test_a_temperature_out_of_range_that_was_asked_for_is_an_error_that_names_it() -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        high = request.get("temperature", 0) > 1
        return (400, "temperature: must be less than or equal to 1") if high else None

    with stub_of(refuses=refuses) as stub, pytest.raises(ConfigError, match=r"agent\.temperature=1\.5"):
        played(stub, temperature=1.5)


@pytest.mark.parametrize(
    "said",
    [
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 1, but got 1.5 instead.",
        "temperature: Input should be less than or equal to 1",
    ],
)
def test_it_is_in_the_words_of_others_too(said: str) -> None:
    with stub_of(refuses=lambda request: (400, said) if request.get("temperature", 0) > 1 else None) as stub:
        with pytest.raises(ConfigError, match=r"agent\.temperature=1\.5"):
            played(stub, temperature=1.5)
        assert all("temperature" in request for request in stub.requests)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("seed", '{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}'),
        ("seed", "Unrecognized request argument supplied: seed"),
        ("top_p", "Unsupported parameter: 'top_p' is not supported with this model."),
        ("top_p", "`top_p` is deprecated for this model."),
    ],
)
def test_fields_that_change_no_meaning_are_left_out_where_they_are_refused(field: str, said: str) -> None:
    with stub_of(refuses=lambda request: (422, said) if field in request else None) as stub:
        assert worth(played(stub, 2, seed=3, top_p=0.9)) == worth(scripted(2))
    assert [field in request for request in stub.requests] == [True] + [False] * (len(stub.requests) - 1)
    other = "top_p" if field == "seed" else "seed"
    assert all(other in request and "temperature" in request for request in stub.requests)


def test_what_several_refusals_have_taught_adds_up() -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        for name in ("seed", "max_tokens", "top_p", "temperature"):
            if name in request:
                return 400, f"Unsupported parameter: '{name}' is not supported with this model."
        return None

    with stub_of(refuses=refuses) as stub:
        assert worth(played(stub, 3, 3, seed=3, top_p=0.9)) == worth(scripted(3))
        before = len(stub.requests)
        assert worth(played(stub, 1, seed=3, top_p=0.9)) == worth(scripted(1))
        assert not [request for request in stub.requests[before:] if refuses(request)]


# A provider's failure.


def failing(every: int, **wrong: Any) -> Callable[[Request], dict[str, Any]]:
    """Every so many answers hold these fields of a choice, or an error, in place of the model's turn."""
    count = iter(range(10_000))

    def whole(request: Request) -> dict[str, Any]:
        if next(count) % every != every - 1:
            return completion(by_rule(request))
        if "error" in wrong and "finish_reason" not in wrong:
            return dict(wrong)
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": "I would s"}, **wrong}]}

    return whole


FAILURES: list[dict[str, Any]] = [
    *({"finish_reason": reason} for reason in ("error", "abort", "network_error", "content_filter", "SAFETY", "cancelled")),
    {"finish_reason": "insufficient_system_resource"},
    {"finish_reason": "stop", "native_finish_reason": "network_error"},
    {"finish_reason": "error", "error": {"code": 502, "message": "Upstream provider failed"}},
    {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "rate-limited upstream"}}},
    {"error": {"code": "server_error", "message": "boom"}},
    {"error": "the engine crashed"},
]


@pytest.mark.parametrize("wrong", FAILURES)
def test_what_the_provider_failed_at_is_asked_for_again(wrong: dict[str, Any]) -> None:
    with stub_of(failing(3, **wrong)) as stub:
        assert worth(played(stub, 3)) == worth(scripted(3))


@pytest.mark.parametrize(
    ("wrong", "fault", "why"),
    [
        ({"finish_reason": "error", "error": {"message": "Upstream failed"}}, Fault.POLICY_UNAVAILABLE, "Upstream failed"),
        ({"finish_reason": "content_filter"}, Fault.POLICY_REFUSED, "content filter"),
        ({"error": {"code": 503, "message": "no capacity"}}, Fault.POLICY_UNAVAILABLE, "no capacity"),
    ],
)
def test_what_does_not_pass_is_a_fault_with_its_reason(wrong: dict[str, Any], fault: Fault, why: str) -> None:
    with stub_of(failing(1, **wrong)) as stub:
        (episode,) = played(stub, attempts=2)
    assert episode.fault == fault
    assert why in episode.fault_detail


def test_an_error_under_status_200_that_cannot_pass_ends_it_at_once_with_the_reason() -> None:
    with stub_of(failing(1, error={"message": "Insufficient credits. Add more", "code": 402})) as stub:
        with pytest.raises(ConfigError, match=r"no credit left.*Insufficient credits"):
            played(stub)
        assert len(stub.requests) == 1


def test_what_a_model_ended_by_itself_is_its_own() -> None:
    for reason in ("stop", "tool_calls", "eos", "end_turn", "malformed_function_call", "", None):
        with stub_of(lambda request, reason=reason: completion(by_rule(request), None, reason)) as stub:
            assert worth(played(stub)) == worth(scripted())


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize(
    "said", ["triggering the content management policy", "your input was flagged", "data_inspection_failed"]
)
def test_a_content_filter_is_a_fault_of_its_episode_wherever_that_stands(place: int, said: str, tmp_path: Path) -> None:
    opening = scripted(3)[place].opening

    def refuses(request: Request) -> tuple[int, str] | None:
        return (400, said) if request["messages"][1]["content"] == opening else None

    with stub_of(refuses=refuses) as stub:
        episodes = played(stub, 3)
    assert [episode.fault for episode in episodes] == [Fault.POLICY_REFUSED if n == place else None for n in range(3)]
    assert "content filter" in episodes[place].fault_detail
    assert said in episodes[place].fault_detail


# Room.


@pytest.mark.parametrize(("status", "said"), [(400, "exceeds the available context size"), (500, "too many tokens"), (413, "")])
def test_what_grew_too_long_keeps_what_it_earned(status: int, said: str) -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        return (status, said) if len(request["messages"]) >= 6 else None

    with stub_of(refuses=refuses) as stub:
        (episode,) = played(stub)
    assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.TOKEN_BUDGET, None, 2)


def test_an_overflow_in_no_words_is_known_by_counting() -> None:
    def growing(request: Request) -> dict[str, int]:
        return {"prompt_tokens": 500 * len(request["messages"]), "completion_tokens": 5}

    models = {"data": [{"id": "stub", "max_model_len": 2048}]}
    with refusing_after(2, "bad request") as stub:
        assert played(stub, max_tokens=64)[0].fault == Fault.POLICY_REFUSED
    with stub_of(
        speaking(usage=growing), refuses=lambda r: (400, "bad request") if len(r["messages"]) >= 6 else None, models=models
    ) as stub:
        (episode,) = played(stub, max_tokens=64)
    assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.TOKEN_BUDGET, None, 2)


def test_a_reply_that_does_not_fit_is_asked_for_with_what_room_there_is() -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        prompt, most = 100 * len(request["messages"]), request["max_tokens"]
        said = (
            f"'max_tokens' is too large: {most}. This model's maximum context length is 700 tokens and your request has "
            f"{prompt} input tokens ({most} > 700 - {prompt})."
        )
        return (400, said) if prompt + most > 700 else None

    with stub_of(refuses=refuses) as stub:
        (episode,) = played(stub)
    assert (episode.stop, len(episode.turns)) == (StopReason.TOKEN_BUDGET, 3)
    assert [request["max_tokens"] for request in stub.requests if refuses(request) is None] == [500, 300, 100]


@pytest.mark.parametrize(("wrote", "content", "stop"), [(0, "", StopReason.TOKEN_BUDGET), (0, "Hm.", None), (3, "", None)])
def test_a_reply_that_is_cut_off_before_its_first_token_found_no_room(
    wrote: int, content: str, stop: StopReason | None
) -> None:
    def whole(request: Request) -> dict[str, Any]:
        if len(request["messages"]) < 4:
            return completion(by_rule(request))
        return completion({"role": "assistant", "content": content}, {"prompt_tokens": 9, "completion_tokens": wrote}, "length")

    with stub_of(whole) as stub:
        (episode,) = played(stub)
    assert (episode.stop == StopReason.TOKEN_BUDGET) == (stop == StopReason.TOKEN_BUDGET)


def test_a_reply_limit_is_kept_to() -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        return (
            (400, "Invalid max_tokens value, the valid range of max_tokens is [1, 1000]")
            if request["max_tokens"] > 1000
            else None
        )

    with stub_of(refuses=refuses) as stub:
        assert worth(played(stub)) == worth(scripted())
    assert {request["max_tokens"] for request in stub.requests} == {4096, 1000}


def test_a_reply_limit_is_asked_against_once() -> None:
    said = "`max_tokens` must be less than or equal to `1000`, the maximum value is less than the `context_window`"
    with stub_of(refuses=lambda request: (400, said) if request["max_tokens"] > 1000 else None) as stub:
        assert worth(played(stub, 2)) == worth(scripted(2))
    assert [request["max_tokens"] for request in stub.requests] == [4096] + [1000] * (len(stub.requests) - 1)


def test_a_limit_that_nothing_is_short_enough_for_is_an_error_and_no_score() -> None:
    with (
        stub_of(refuses=lambda request: (400, "max_tokens is too large")) as stub,
        pytest.raises(ConfigError, match="too large"),
    ):
        played(stub)


def test_less_than_an_endpoint_lets_anyone_ask_for_is_the_end_of_a_budget() -> None:
    said = "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got {} instead."

    def refuses(request: Request) -> tuple[int, str] | None:
        return (400, said.format(request["max_tokens"])) if request["max_tokens"] < 16 else None

    with stub_of(speaking(usage=lambda request: {"prompt_tokens": 9, "completion_tokens": 5}), refuses=refuses) as stub:
        (episode,) = played(stub, episode_tokens=22)
        assert (episode.stop, episode.fault, len(episode.turns)) == (StopReason.TOKEN_BUDGET, None, 2)
        with pytest.raises(ConfigError, match="below minimum"):
            played(stub, max_tokens=5)


# What a server could not read of its own model.

BROKEN = '{"choice": "search", "content": "hotel"}]'
UNREAD: list[tuple[int, Any]] = [
    (400, {"error": {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": BROKEN}}),
    (500, {"error": f"error parsing tool call: raw='{BROKEN}', err=invalid character ']' after top-level value"}),
    (500, {"error": {"code": 500, "message": f"Failed to parse input at pos 12: {BROKEN}", "type": "server_error"}}),
    (200, {"error": {"message": "Failed to call a function.", "code": 400, "failed_generation": BROKEN}}),
]


@pytest.mark.parametrize(("status", "body"), UNREAD)
@pytest.mark.parametrize("place", [0, 1])
def test_what_a_server_could_not_read_is_the_models_turn(status: int, body: Any, place: int) -> None:
    """Whether it can be read, or is wasted: the model wrote it, so no other reply is asked for in its stead."""

    def handle(path: str, headers: Mapping[str, str], request: dict[str, Any]) -> tuple[int, str, bytes]:
        turn = sum(message["role"] == "assistant" for message in request["messages"])
        if turn == place:
            return status, "application/json", json.dumps(body).encode()
        return 200, "application/json", json.dumps(completion(finishing(request))).encode()

    for wrote, kind in ((BROKEN, ActionKind.SEARCH), ("I cannot.", ActionKind.NONE)):
        text = json.dumps(body).replace(json.dumps(BROKEN)[1:-1], wrote if wrote != BROKEN else json.dumps(BROKEN)[1:-1])
        body = json.loads(text)
        with serving(handle) as server:
            (episode,) = streamed(f"openai:stub@http://127.0.0.1:{server.port}/v1", 1)
        if place == 1:
            assert len(episode.turns) == 1
            continue
        assert [turn.action.kind for turn in episode.turns] == [kind, ActionKind.FINISH]
        assert episode.fault is None
        assert all("tools" in request for _, _, request in server.requests)
        assert len(server.requests) == 2


def test_a_reply_that_thinking_used_up_is_a_wasted_turn() -> None:
    said = "Could not finish the message because max_tokens or model output limit was reached. Please try again."

    def refuses(request: Request) -> tuple[int, str] | None:
        return (400, said) if len(request["messages"]) == 2 else None

    with stub_of(speaking(finishing), refuses=refuses) as stub:
        (episode,) = played(stub)
    assert [turn.action.kind for turn in episode.turns] == [ActionKind.NONE, ActionKind.FINISH]
    assert len(stub.requests) == 2


# Templates.


@pytest.mark.parametrize(
    ("status", "said"), [(400, "System role not supported"), (500, "TemplateError: System role not supported")]
)
def test_where_there_is_no_system_role_its_text_begins_the_first_user_message(status: int, said: str) -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        return (status, said) if request["messages"][0]["role"] == "system" else None

    with stub_of(speaking(finishing), refuses=refuses) as stub:
        (episode,) = played(stub)
    assert len(stub.requests) == 2
    first = stub.requests[-1]["messages"][0]
    assert first["role"] == "user"
    assert first["content"].startswith(episode.system)
    assert first["content"].endswith(episode.opening)


@pytest.mark.parametrize("status", [400, 500])
def test_where_there_is_no_tool_role_the_episode_goes_on_in_text(status: int) -> None:
    def refuses(request: Request) -> tuple[int, str] | None:
        strange = any(message["role"] == "tool" for message in request["messages"])
        return (status, "Template error: Conversation roles must alternate user/assistant/user/..") if strange else None

    with stub_of(refuses=refuses) as stub:
        assert worth(played(stub, 3)) == worth(scripted(3))
    refused = [request for request in stub.requests if refuses(request)]
    assert len(refused) == 1
    assert not any("tools" in request for request in stub.requests[2:])
    last = stub.requests[-1]["messages"]
    assert [message["role"] for message in last] == ["system", *["user", "assistant"] * ((len(last) - 1) // 2), "user"]


def test_a_call_that_is_refused_as_it_was_sent_goes_back_as_it_was_made() -> None:
    def objects(request: Request) -> dict[str, Any]:
        said = by_rule(request)
        for each in said.get("tool_calls", []):
            each["function"]["arguments"] = json.loads(each["function"]["arguments"])
        return said

    def refuses(request: Request) -> tuple[int, str] | None:
        calls = [call for message in request["messages"] for call in message.get("tool_calls") or []]
        strange = any(isinstance(call["function"]["arguments"], dict) for call in calls)
        return (400, "function.arguments: Input should be a valid string") if strange else None

    with stub_of(speaking(objects), refuses=refuses) as stub:
        episodes = played(stub, 2)
        usage = shared_endpoint(agent_settings(stub)).counters.usage()
    assert worth(episodes) == worth(scripted(2))
    (call, *_) = stub.requests[-1]["messages"][2]["tool_calls"]
    sent = json.loads(call["function"]["arguments"])
    assert Action(ActionKind(sent["choice"]), sent["content"]) == episodes[1].turns[0].action
    assert dict(usage.repairs)["argument_object"] == sum(len(each.turns) for each in episodes)


@pytest.mark.parametrize("status", [400, 500])
def test_a_broken_call_that_its_server_does_not_take_back_wastes_no_more_than_its_turn(status: int) -> None:
    broken = {"id": "a", "type": "function", "function": {"name": "interact", "arguments": '{"choice": "sear'}}

    def clumsy(request: Request) -> dict[str, Any]:
        return (
            {"role": "assistant", "content": None, "tool_calls": [broken]}
            if len(request["messages"]) == 2
            else finishing(request)
        )

    def refuses(request: Request) -> tuple[int, str] | None:
        calls = [call for message in request["messages"] for call in message.get("tool_calls") or []]
        strange = any(call["function"]["arguments"].startswith('{"choice": "sear') for call in calls)
        return (status, "Failed to parse tool call arguments as JSON: unexpected end of input") if strange else None

    with stub_of(speaking(clumsy), refuses=refuses) as stub:
        (episode,) = played(stub)
    assert [turn.action.kind for turn in episode.turns] == [ActionKind.NONE, ActionKind.FINISH]
    assert "tools" in stub.requests[-1]


@pytest.mark.parametrize(
    "said",
    [
        "Assistant message must have either content or tool_calls, but not none.",
        "messages.2: all messages must have non-empty content",
        "Invalid assistant message: content or tool_calls must be set",
    ],
)
def test_an_empty_message_that_is_not_taken_back_wastes_no_more_than_its_turn(said: str) -> None:
    def silent(request: Request) -> dict[str, Any]:
        return {"role": "assistant", "content": ""} if len(request["messages"]) == 2 else finishing(request)

    def refuses(request: Request) -> tuple[int, str] | None:
        empty = any(not (message.get("content") or message.get("tool_calls")) for message in request["messages"])
        return (400, said) if empty else None

    with stub_of(speaking(silent), refuses=refuses) as stub:
        (episode,) = played(stub)
    assert [turn.action.kind for turn in episode.turns] == [ActionKind.NONE, ActionKind.FINISH]


# Pauses.


def test_a_pause_is_made_as_told_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refusals = iter([(429, "Rate limit reached. Please try again in 5.1s.")])
    with stub_of(speaking(finishing), refuses=lambda request: next(refusals, None)) as stub:
        line = ("eval", f"openai:stub@{stub.base_url}", "--tasks", 4, "--out", tmp_path)
        assert bao(*line) == 0
    said = " ".join(capfd.readouterr().err.split())
    assert "asks for a pause of 5 s" in said
    assert json.loads((tmp_path / "summary.json").read_text())["faults"]["policy_unavailable"] == 0
    assert len(stub.requests) == 5


def test_the_reason_of_a_fault_is_in_what_the_command_says(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opening = scripted(2)[1].opening

    def refuses(request: Request) -> tuple[int, str] | None:
        return (500, "the moon is full") if request["messages"][1]["content"] == opening else None

    with stub_of(refuses=refuses) as stub:
        quick = ("--set", "agent.backoff=0.001", "--tasks", 2, "--out", tmp_path)
        assert bao("eval", f"openai:stub@{stub.base_url}", *quick) == 0
    assert "HTTP 500 the moon is full" in " ".join(capfd.readouterr().err.split())


def test_a_pause_beyond_the_longest_wait_is_a_fault_that_names_the_setting() -> None:
    with stub_of(refuses=lambda request: (429, "try again in 2 hours")) as stub:
        (episode,) = played(stub, longest_wait=30)
    assert "a pause of 7200 s, more than longest_wait=30" in episode.fault_detail
    assert len(stub.requests) == 1
