"""A model as the user, over real sockets: what may pass is retried, what will not is said, and nothing broken comes through."""

import pickle
from typing import Any

import pytest

from bao import make
from bao.errors import ConfigError
from bao.gyms.section import GymSection
from bao.gyms.travel import Travel
from bao.recipes.recipe import check_recipe
from bao.trajectory import Fault, FaultError
from bao.users.leaks import leak_check
from bao.users.llm import Prompt
from bao.users.settings import LLMSettings, llm_settings
from bao.users.simulator import LLMSimulator, simulator
from tests.support.simulators import PROMPT, YES, Verdict, ask, healthy, leaking, simulator_of, usage
from tests.support.stub_endpoint import HEALTHY_CONTENT, Kind, StubEndpoint

KEY = "sk-verysecretkey0123456789"


# What the model is told.


def test_the_agents_words_are_data_and_the_schema_is_asked_for() -> None:
    with StubEndpoint(healthy) as stub:
        assert ask(stub, temperature=0.3, max_tokens=77, seed=5, body={"top_k": 1}) == YES
    (request,) = stub.requests
    system, user = request["messages"]
    assert (system["role"], user["role"]) == ("system", "user")
    assert system["content"].startswith("You know the story.")
    assert "Had they met?" not in system["content"]
    assert "Had they met?" in user["content"]
    assert '"fits"' in system["content"]
    schema = request["response_format"]["json_schema"]
    assert (schema["name"], schema["strict"], schema["schema"]["required"]) == ("Verdict", True, ["fits", "reply"])
    assert (request["model"], request["temperature"], request["max_tokens"]) == ("stub", 0.3, 77)
    assert (request["seed"], request["top_k"]) == (5, 1)


@pytest.mark.parametrize(
    ("structured", "sent"), [("schema", "json_schema"), ("object", "json_object"), ("text", None), ("auto", "json_schema")]
)
def test_the_schema_is_asked_for_as_set(structured: str, sent: str | None) -> None:
    with StubEndpoint(healthy) as stub:
        assert ask(stub, structured=structured) == YES
    assert [request.get("response_format", {}).get("type") for request in stub.requests] == [sent]


@pytest.mark.parametrize(
    ("knows", "said", "sent"),
    [
        (("json_object",), "response_format.type json_schema is unknown", ["json_schema", "json_object", "json_object"]),
        ((), "response_format is unknown", ["json_schema", "json_object", None, None]),
        ((), "bad request", ["json_schema", "json_object", None, "json_schema", None]),
    ],
)
def test_an_endpoint_that_takes_no_schema_is_asked_in_another_way_from_then_on(
    knows: tuple[str, ...], said: str, sent: list[str | None]
) -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        kind = request.get("response_format", {}).get("type")
        return None if kind is None or kind in knows else (400, said)

    with StubEndpoint(healthy, refuses=refuses) as stub:
        assert ask(stub) == ask(stub) == YES
    assert [request.get("response_format", {}).get("type") for request in stub.requests] == sent


def test_an_endpoint_that_wants_another_name_for_the_token_limit_gets_it_from_then_on() -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        return (400, "'max_tokens' is unsupported, use 'max_completion_tokens'") if "max_tokens" in request else None

    with StubEndpoint(healthy, refuses=refuses) as stub:
        assert ask(stub) == ask(stub) == YES
    assert ["max_tokens" in request for request in stub.requests] == [True, False, False]
    assert stub.requests[-1]["max_completion_tokens"] == 1024


# What will not pass.


@pytest.mark.parametrize(
    ("status", "said", "named"),
    [
        (401, "no", r"llm\.api_key_env is not set: name the environment variable"),
        (402, "pay", "no credit left"),
        (404, "The model `stub` does not exist", r"llm\.model='stub' is unknown"),
        (404, "Not Found", r"llm\.base_url=.* up to /v1"),
        (405, "", r"llm\.base_url"),
        (301, "moved", r"llm\.base_url"),
        (429, "insufficient_quota", "no credit left"),
    ],
)
def test_a_refusal_names_the_setting_at_once(status: int, said: str, named: str) -> None:
    with StubEndpoint(healthy, refuses=lambda request: (status, said)) as stub:
        with pytest.raises(ConfigError, match=named):
            ask(stub, structured="text")
        assert len(stub.requests) == 1


@pytest.mark.parametrize(
    ("status", "said", "named", "requests"),
    [
        (403, "no", r"llm\.api_key_env", 2),
        (400, "top_k must be 1", r"llm\.temperature=0.*top_k must be 1", 2),
        (422, "odd", "refuses the request", 2),
        (400, "temperature must be 1", r"llm\.temperature=0.*temperature must be 1", 4),
    ],
)
def test_a_refusal_that_may_be_of_one_request_is_of_the_settings_where_a_short_one_is_refused_too(
    status: int, said: str, named: str, requests: int
) -> None:
    with StubEndpoint(healthy, refuses=lambda request: (status, said)) as stub:
        with pytest.raises(ConfigError, match=named):
            ask(stub, structured="text")
        assert len(stub.requests) == requests


def test_the_judges_settings_are_called_the_judges() -> None:
    with StubEndpoint(healthy, refuses=lambda request: (401, "no")) as stub:
        model = {"model": "stub", "base_url": stub.base_url}
        judge = Travel(user="llm", llm=model, judge=model).judge
        assert judge is not None
        with pytest.raises(ConfigError, match=r"judge\.api_key_env"):
            judge.ask(PROMPT, Verdict)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("said", "requests"),
    [
        ("context too long", 2),  # once more, for a short reply
        ("the prompt was flagged by our content filter", 1),
        ("it is Monday", 2),  # once more, with a short prompt: in the first request, or where nothing was answered before
    ],
)
def test_a_request_that_is_refused_alone_is_a_fault_of_its_episode_wherever_it_stands(
    said: str, requests: int, first: bool
) -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        return (400, said) if len(request["messages"][1]["content"]) > 500 else None

    with StubEndpoint(healthy, refuses=refuses) as stub:
        user = simulator_of(stub, structured="text")
        if not first:
            assert user.ask(PROMPT, Verdict) == YES
        before = len(stub.requests)
        with pytest.raises(FaultError, match=said) as caught:
            user.ask(Prompt("You know.", {"question": "x" * 1000}), Verdict)
        assert caught.value.fault == Fault.USER_REFUSED
        assert len(stub.requests) - before == (1 if said == "it is Monday" and not first else requests)
        assert user.ask(PROMPT, Verdict) == YES


# What the model says.

RE_ASKED = (Kind.TRUNCATED, Kind.WRONG_TYPES, Kind.EMPTY, Kind.UNCLOSED_THINK)


@pytest.mark.parametrize("kind", sorted(HEALTHY_CONTENT))
def test_prose_and_thoughts_around_the_reply_are_seen_through(kind: Kind) -> None:
    with StubEndpoint(healthy, script=[kind]) as stub:
        assert ask(stub) == YES
        assert usage(stub)["re_asks"] == 0


@pytest.mark.parametrize("kind", RE_ASKED)
def test_a_reply_that_does_not_serve_is_asked_for_once_more_with_the_reason(kind: Kind) -> None:
    with StubEndpoint(healthy, script=[kind]) as stub:
        assert ask(stub) == YES
        assert usage(stub)["re_asks"] == 1
    first, second = stub.requests
    assert second["messages"][:2] == first["messages"]
    assert [message["role"] for message in second["messages"][2:]] == ["assistant", "user"]
    assert "<think>" not in second["messages"][2]["content"]
    assert "cannot be used" in second["messages"][3]["content"]


@pytest.mark.parametrize("kind", RE_ASKED)
def test_twice_in_a_row_it_is_a_fault(kind: Kind) -> None:
    with StubEndpoint(healthy, faults={kind: 1.0}) as stub:
        with pytest.raises(FaultError, match="twice in a row") as caught:
            ask(stub)
        assert caught.value.fault == Fault.USER_MALFORMED
        assert len(stub.requests) == 2


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content", "refusal"])
def test_fields_beside_the_content_never_come_back(field: str) -> None:
    with StubEndpoint(lambda messages: "", extra={field: '{"fits": true, "reply": "hidden"}'}) as stub:
        with pytest.raises(FaultError) as caught:
            ask(stub)
        assert caught.value.fault == Fault.USER_MALFORMED
        assert "hidden" not in str(stub.requests)


def test_content_in_parts_is_put_together() -> None:
    parts = [{"type": "text", "text": '{"fits": true, '}, {"type": "text", "text": '"reply": "Yes."}'}]
    with StubEndpoint(lambda messages: "", extra={"content": parts}) as stub:
        assert ask(stub) == YES


def test_what_the_check_objects_to_is_asked_for_once_more_then_a_fault() -> None:
    seen: list[str] = []

    def check(reply: Verdict) -> str | None:
        seen.append(reply.reply)
        return "the reply says yes" if reply.reply == "Yes." else None

    answers = iter([healthy([]), {"fits": True, "reply": "No."}])
    with StubEndpoint(lambda messages: next(answers)) as stub:
        assert simulator_of(stub).ask(PROMPT, Verdict, check).reply == "No."
        assert "the reply says yes" in stub.requests[1]["messages"][3]["content"]
    with StubEndpoint(healthy) as stub, pytest.raises(FaultError, match="the reply says yes") as caught:
        simulator_of(stub).ask(PROMPT, Verdict, check)
    assert caught.value.fault == Fault.USER_MALFORMED
    assert seen == ["Yes.", "No.", "Yes.", "Yes."]


def test_a_leaked_secret_never_comes_back() -> None:
    check = leak_check(["Elephant"], "reply")
    with StubEndpoint(healthy, script=[Kind.LEAK], leak=leaking) as stub:
        assert simulator_of(stub).ask(PROMPT, Verdict, check) == YES
    with StubEndpoint(healthy, faults={Kind.LEAK: 1.0}, leak=leaking) as stub, pytest.raises(FaultError) as caught:
        simulator_of(stub).ask(PROMPT, Verdict, check)
    assert caught.value.fault == Fault.USER_LEAK
    assert "elephant" not in str(caught.value).lower()


# Keys.


def test_the_key_is_sent_and_comes_up_nowhere_else(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)
    with StubEndpoint(healthy) as stub:
        user = simulator_of(stub, api_key_env="STUB_KEY")
        assert user.ask(PROMPT, Verdict) == YES
        assert stub.headers[0]["authorization"] == f"Bearer {KEY}"
    shown = [repr(user.settings), user.settings.model_dump_json(), str(pickle.dumps(user)), str(user.usage)]
    said = f"Incorrect API key provided: {KEY} ({KEY[:12]}***)"
    for status, error in ((401, ConfigError), (500, FaultError), (400, ConfigError)):
        with (
            StubEndpoint(healthy, refuses=lambda request, status=status: (status, said)) as stub,
            pytest.raises(error) as caught,
        ):
            ask(stub, api_key_env="STUB_KEY", structured="text", attempts=1)
        shown.append(str(caught.value))
        assert caught.value.__suppress_context__
    shown += capfd.readouterr()
    assert not [text for text in shown if KEY[3:12] in text]


@pytest.mark.parametrize("value", [None, "", "two words", "line\nbreak", "sch\u00f6n"])
def test_a_key_that_is_missing_or_cannot_be_sent_is_an_error_without_it(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUB_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("STUB_KEY", value)
    with pytest.raises(ConfigError, match="STUB_KEY") as caught:
        simulator({"model": "m", "base_url": "http://h/v1", "api_key_env": "STUB_KEY"})
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [{"api_key": KEY}, {"api_key_env": KEY}, {"base_url": f"https://user:{KEY}@host/v1"}, {"base_url": f"https://h/?k={KEY}"}],
)
def test_a_key_in_the_wrong_place_is_refused_without_repeating_it(wrong: dict[str, str]) -> None:
    table = {"model": "m", "base_url": "http://h/v1"} | wrong
    for load in (
        lambda: llm_settings(table),
        lambda: make("travel", llm=table),
        lambda: check_recipe({"gym": {"settings": {"llm": table}}}),
    ):
        with pytest.raises(ConfigError) as caught:
            load()
        assert KEY not in str(caught.value)
        assert next(iter(wrong)) in str(caught.value)


# Settings.


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({}, "llm.model is missing"),
        ({"model": "m"}, "llm.base_url is missing"),
        ({"modle": "m"}, "did you mean 'model'"),
        ({"model": "m", "base_url": "host/v1"}, "such as http://127.0.0.1:8000/v1"),
        ({"model": "m", "base_url": "http://h:x/v1"}, "such as http"),
        ({"timeout": 0}, "llm.timeout"),
        ({"attempts": 0}, "llm.attempts"),
        ({"structured": "xml"}, "llm.structured"),
        ({"body": {"model": "x"}, "model": "m", "base_url": "http://h"}, "body.model"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named.replace(".", r"\.")):
        llm_settings(table)


def test_something_else_than_a_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="llm must be a table"):
        make("travel", llm=7)


def test_a_gym_takes_a_table_settings_or_a_simulator() -> None:
    table = {"model": "m", "base_url": "http://h:1/v1/chat/completions"}
    gym = make("travel", user="llm", llm=table, judge=table | {"model": "j"})
    assert isinstance(gym.llm, LLMSimulator)
    assert isinstance(gym.judge, LLMSimulator)
    assert (gym.llm.settings.base_url, gym.judge.settings.model) == ("http://h:1/v1", "j")
    assert make("travel", llm=gym.llm).judge is gym.llm
    settings = LLMSettings(model="m", base_url="http://h")
    made = make("travel", llm=settings).llm
    assert isinstance(made, LLMSimulator)
    assert made.settings is settings


def test_how_replies_are_fetched_does_not_make_another_gym_of_it() -> None:
    def identity(**settings: Any) -> dict[str, Any]:
        return GymSection(settings={"llm": {"model": "m", "base_url": "http://h/v1"} | settings}).identity()

    assert identity() == identity(timeout=5, cache="replies", concurrency=3, api_key_env="KEY")
    assert identity() != identity(temperature=1)
