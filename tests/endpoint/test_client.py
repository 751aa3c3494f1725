"""A model as the user, over real sockets: what may pass is retried, what will not is said, and nothing broken comes through."""

import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from bao import make
from bao.action import Action, ActionKind, Outcome, Parsed
from bao.endpoint.client import MOST_BYTES, shared_endpoint
from bao.endpoint.transport import HTTPClient, TransportError
from bao.errors import ConfigError
from bao.gyms.section import GymSection
from bao.gyms.travel import Travel
from bao.recipes.recipe import check_recipe
from bao.rollout.episodes import play_all
from bao.trajectory import Fault, FaultError
from bao.users.cache import ReplyCache
from bao.users.leaks import leak_check
from bao.users.llm import Prompt
from bao.users.settings import LLMSettings, llm_settings
from bao.users.simulator import LLMSimulator, simulator
from tests.support.stub_endpoint import HEALTHY_CONTENT, Kind, Messages, StubEndpoint

KEY = "sk-verysecretkey0123456789"
PROMPT = Prompt("You know the story.", {"question": "Had they met?"})


class Verdict(BaseModel):
    fits: bool
    reply: str


def healthy(messages: Messages) -> object:
    return {"fits": True, "reply": "Yes."}


def leaking(messages: Messages) -> object:
    return {"fits": True, "reply": "Yes, the elephant did."}


def ask(stub: StubEndpoint, **settings: Any) -> Verdict:
    return simulator_of(stub, **settings).ask(PROMPT, Verdict)


def simulator_of(stub: StubEndpoint, **settings: Any) -> LLMSimulator:
    quick = {"model": "stub", "base_url": stub.base_url, "timeout": 2.0, "backoff": 0.001, "attempts": 3}
    return LLMSimulator(llm_settings(quick | settings))


def usage(stub: StubEndpoint) -> dict[str, Any]:
    return simulator_of(stub).usage.to_json()


YES = Verdict(fits=True, reply="Yes.")


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
        ((), "bad request", ["json_schema", "json_object", None, None]),
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


# What goes wrong on the way.

PASSING = (Kind.HANG, Kind.TRICKLE, Kind.REFUSED, Kind.RATE_LIMIT, Kind.ERROR, Kind.CUT_BODY, Kind.HUGE, Kind.INVALID_UTF8)
FAULTS = {
    Kind.HANG: Fault.USER_TIMEOUT,
    Kind.TRICKLE: Fault.USER_TIMEOUT,
    Kind.REFUSED: Fault.USER_UNAVAILABLE,
    Kind.RATE_LIMIT: Fault.USER_UNAVAILABLE,
    Kind.ERROR: Fault.USER_UNAVAILABLE,
    Kind.CUT_BODY: Fault.USER_UNAVAILABLE,
    Kind.HUGE: Fault.USER_MALFORMED,
    Kind.INVALID_UTF8: Fault.USER_MALFORMED,
}


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_tried_again(kind: Kind) -> None:
    timeout = 0.1 if kind in (Kind.HANG, Kind.TRICKLE) else 2.0
    with StubEndpoint(healthy, script=[kind, kind]) as stub:
        before = usage(stub)  # of a stub of another test that had the same port
        assert ask(stub, timeout=timeout) == YES
        counted = {name: value if name == "faults" else value - before[name] for name, value in usage(stub).items()}
    assert len(stub.requests) == 3
    assert (counted["requests"], counted["retries"], counted["re_asks"], counted["faults"]) == (3, 2, 0, {})


@pytest.mark.parametrize("kind", PASSING)
def test_what_does_not_pass_is_a_fault_of_its_kind(kind: Kind) -> None:
    timeout = 0.1 if kind in (Kind.HANG, Kind.TRICKLE) else 2.0
    with StubEndpoint(healthy, faults={kind: 1.0}) as stub:
        with pytest.raises(FaultError) as caught:
            ask(stub, timeout=timeout, attempts=2)
        counted = usage(stub)
    assert caught.value.fault == FAULTS[kind]
    assert "in 2 tries" in caught.value.detail
    assert len(stub.requests) == 2
    assert counted["faults"] == {str(FAULTS[kind]): 1}


@pytest.mark.parametrize("kind", [Kind.HANG, Kind.TRICKLE])
def test_a_request_ends_at_its_deadline_however_slowly_bytes_come(kind: Kind) -> None:
    with StubEndpoint(healthy, faults={kind: 1.0}) as stub:
        start = time.monotonic()
        with pytest.raises(FaultError):
            ask(stub, timeout=0.05, attempts=1)
        assert time.monotonic() - start < 1.0  # the whole answer would take 3 s at a byte every 10 ms


def test_a_server_that_accepts_and_reads_nothing_is_bounded_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        client, start = HTTPClient(url), time.monotonic()
        with pytest.raises(TransportError, match=r"no whole answer within 0\.1 s"):
            client.post("/chat/completions", b"x" * 50_000_000, {}, 0.1)
        assert time.monotonic() - start < 1.0


def test_nothing_listening_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    user = simulator({"model": "m", "base_url": f"http://127.0.0.1:{port}/v1", "attempts": 2, "backoff": 0.0})
    with pytest.raises(FaultError, match="ConnectionRefusedError") as caught:
        user.ask(PROMPT, Verdict)
    assert caught.value.fault == Fault.USER_UNAVAILABLE


def test_a_huge_reply_costs_no_more_than_the_cap() -> None:
    code = (
        "import sys, resource, time\n"
        "from bao.endpoint.transport import HTTPClient, OversizeError\n"
        "client = HTTPClient(sys.argv[1])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for _ in range(5):\n"
        "    try: client.post('/chat/completions', b'{\"messages\": []}', {}, 10)\n"
        "    except OversizeError: continue\n"
        "    raise SystemExit('read it')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    with StubEndpoint(healthy, faults={Kind.HUGE: 1.0}) as stub:
        done = subprocess.run(
            [sys.executable, "-c", code, stub.base_url], capture_output=True, text=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 5 * MOST_BYTES / 1024  # kB


@contextmanager
def raw_server(*answers: bytes) -> Iterator[str]:
    """One connection after another: reads a request, sends these bytes, closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(100_000)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n" + b"x" * 100,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc",
        b"HTTP/9",
        b"",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
    ],
)
def test_bytes_that_are_no_answer_are_an_error_of_the_transport(answer: bytes) -> None:
    with raw_server(answer) as url, pytest.raises(TransportError):
        HTTPClient(url, most_bytes=99).post("/chat/completions", b"{}", {}, 2.0)


def test_a_chunked_answer_is_read() -> None:
    with raw_server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as url:
        assert HTTPClient(url).post("/chat/completions", b"{}", {}, 2.0).body == b"abcde"


def test_retry_after_is_heeded_up_to_a_minute() -> None:
    with StubEndpoint(healthy, script=[Kind.RATE_LIMIT], retry_after="0.3") as stub:
        start = time.monotonic()
        assert ask(stub) == YES
        assert 0.3 <= time.monotonic() - start < 1.5
    with StubEndpoint(healthy, script=[Kind.RATE_LIMIT], retry_after="3600") as stub:
        start = time.monotonic()
        with pytest.raises(FaultError, match="a pause of 3600 s"):
            ask(stub)
        assert time.monotonic() - start < 1.0


def test_waits_double() -> None:
    with StubEndpoint(healthy, faults={Kind.ERROR: 1.0}) as stub:
        start = time.monotonic()
        with pytest.raises(FaultError):
            ask(stub, attempts=4, backoff=0.1)
        assert 0.35 <= time.monotonic() - start < 1.5  # .1 + .2 + .4, each shortened by up to half


# What will not pass.


@pytest.mark.parametrize(
    ("status", "said", "named"),
    [
        (401, "no", r"llm\.api_key_env is not set: name the environment variable"),
        (403, "no", r"llm\.api_key_env"),
        (402, "pay", "no credit left"),
        (404, "The model `stub` does not exist", r"llm\.model='stub' is unknown"),
        (404, "Not Found", r"llm\.base_url=.* up to /v1"),
        (405, "", r"llm\.base_url"),
        (301, "moved", r"llm\.base_url"),
        (400, "temperature must be 1", r"llm\.temperature=0.*temperature must be 1"),
        (422, "odd", "refuses the request"),
        (429, "insufficient_quota", "no credit left"),
    ],
)
def test_a_refusal_names_the_setting_at_once(status: int, said: str, named: str) -> None:
    with StubEndpoint(healthy, refuses=lambda request: (status, said)) as stub:
        with pytest.raises(ConfigError, match=named):
            ask(stub, structured="text")
        assert len(stub.requests) == 1


def test_the_judges_settings_are_called_the_judges() -> None:
    with StubEndpoint(healthy, refuses=lambda request: (401, "no")) as stub:
        model = {"model": "stub", "base_url": stub.base_url}
        judge = Travel(user="llm", llm=model, judge=model).judge
        assert judge is not None
        with pytest.raises(ConfigError, match=r"judge\.api_key_env"):
            judge.ask(PROMPT, Verdict)


def test_a_refused_request_is_a_fault_of_the_episode_once_others_were_answered() -> None:
    def refuses(request: Any) -> tuple[int, str] | None:
        return (400, "context too long") if len(request["messages"][1]["content"]) > 500 else None

    with StubEndpoint(healthy, refuses=refuses) as stub:
        user = simulator_of(stub)
        assert user.ask(PROMPT, Verdict) == YES
        with pytest.raises(FaultError, match="context too long") as caught:
            user.ask(Prompt("You know.", {"question": "x" * 1000}), Verdict)
        assert caught.value.fault == Fault.USER_REFUSED
        assert user.ask(PROMPT, Verdict) == YES
        assert len(stub.requests) == 3


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


# Connections, threads, processes.


def test_connections_are_kept_and_shared_between_simulators_and_threads() -> None:
    with StubEndpoint(healthy) as stub:
        for _ in range(10):
            assert ask(stub) == YES
        assert stub.connections == 1
        in_threads(4, lambda: [ask(stub) for _ in range(25)])
        assert len(stub.requests) == 110
        assert stub.connections <= 4
        assert usage(stub)["requests"] == 110
        assert (usage(stub)["tokens_in"], usage(stub)["tokens_out"]) == (1100, 550)


def test_a_connection_that_the_server_has_closed_is_replaced_without_a_retry() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    with raw_server(answer, answer, answer) as url:
        client = HTTPClient(url)
        for _ in range(3):
            assert client.post("/chat/completions", b"{}", {}, 2.0).body == b"{}"


def test_no_more_requests_at_once_than_set() -> None:
    with StubEndpoint(healthy, latency=0.02) as stub:
        in_threads(12, lambda: ask(stub, concurrency=3))
        assert stub.most_at_once == 3


def in_threads(count: int, work: Callable[[], object]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is of POSIX systems")
def test_a_forked_process_does_not_use_the_connections_of_its_parent() -> None:
    def work(user: LLMSimulator, replies: Any) -> None:
        for number in range(20):
            replies.put(user.ask(Prompt("Echo.", {"n": f"{os.getpid()}-{number}"}), Verdict).reply == f"{os.getpid()}-{number}")

    def echo(messages: Messages) -> object:
        return {"fits": True, "reply": messages[1]["content"].split("\n")[1]}

    context = multiprocessing.get_context("fork")
    with StubEndpoint(echo) as stub:
        user = simulator_of(stub)
        user.ask(PROMPT, Verdict)
        replies = context.Queue()
        children = [context.Process(target=work, args=(user, replies)) for _ in range(3)]
        for child in children:
            child.start()
        work(user, replies)
        assert all(replies.get(timeout=20) for _ in range(80))
        for child in children:
            child.join(20)
            assert child.exitcode == 0
        assert stub.connections == 4
        assert shared_endpoint(user.settings).counters.usage().requests == 21


# The cache.


def test_the_same_request_is_sent_once_and_another_anew(tmp_path: Path) -> None:
    with StubEndpoint(healthy) as stub:
        for _ in range(3):
            assert ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 1
        assert usage(stub)["cache_hits"] == 2
        for settings in ({"model": "other"}, {"temperature": 1}, {"seed": 3}, {"max_tokens": 9}, {"body": {"top_k": 2}}):
            assert ask(stub, cache=tmp_path, **settings) == YES
        simulator_of(stub, cache=tmp_path).ask(Prompt("You know another.", PROMPT.said), Verdict)

        class Other(Verdict):
            sure: bool = True

        simulator_of(stub, cache=tmp_path).ask(PROMPT, Other)
        assert len(stub.requests) == 8
    assert ask(stub, cache=tmp_path) == YES  # the server is gone


def test_what_does_not_serve_is_not_kept(tmp_path: Path) -> None:
    with StubEndpoint(healthy, script=[Kind.EMPTY, Kind.EMPTY, Kind.WRONG_TYPES]) as stub:
        with pytest.raises(FaultError):
            ask(stub, cache=tmp_path)
        assert not list(tmp_path.rglob("*.json"))
        assert ask(stub, cache=tmp_path) == ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 4


def test_a_kept_reply_passes_the_check_or_is_asked_for_anew(tmp_path: Path) -> None:
    answers = iter([healthy([]), {"fits": True, "reply": "No."}])
    with StubEndpoint(lambda messages: next(answers)) as stub:
        user = simulator_of(stub, cache=tmp_path)
        assert user.ask(PROMPT, Verdict) == YES
        assert user.ask(PROMPT, Verdict, lambda reply: "wrong" if reply == YES else None).reply == "No."


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace("Yes", "Noo"),
        lambda text: "\udcff" + text,
    ],
)
def test_a_damaged_entry_counts_as_absent_and_is_written_anew(damage: Callable[[str], str], tmp_path: Path) -> None:
    with StubEndpoint(healthy) as stub:
        ask(stub, cache=tmp_path)
        (entry,) = tmp_path.rglob("*.json")
        whole = entry.read_text()
        entry.write_bytes(damage(whole).encode("utf-8", "surrogateescape"))
        assert ask(stub, cache=tmp_path) == YES
        assert len(stub.requests) == 2
        assert entry.read_text() == whole


WRITER = """
import sys, itertools
from pathlib import Path
from bao.users.cache import ReplyCache, request_key
cache = ReplyCache(Path(sys.argv[1]))
print("begun", flush=True)
for number in itertools.count():
    cache.put(request_key({"n": number % 50}), f"{number % 50}:" + "x" * 20000)
"""


def test_processes_that_write_at_once_and_are_killed_leave_only_whole_entries(tmp_path: Path) -> None:
    from bao.users.cache import request_key

    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
    cache, read = ReplyCache(tmp_path), 0
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for number in range(50):
            text = cache.get(request_key({"n": number}))
            assert text in (None, f"{number}:" + "x" * 20000)
            read += text is not None
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        assert writer.stdout is not None
        writer.stdout.close()
    assert read > 100
    # Every entry that has its name is whole: none reads as absent.
    assert all(cache.get("".join((path.parent.name, path.stem))) for path in tmp_path.rglob("[0-9a-f]*.json"))


# Episodes.


class Asking(Travel):
    """Each question goes to the model, and a yes ends the episode."""

    def on_action(self, content: str) -> Outcome:
        assert self.llm is not None
        reply = self.llm.ask(Prompt("You are asked.", {"question": content}), Verdict, leak_check(["elephant"]))
        return Outcome(reply.reply, 1.0, done=reply.fits, success=reply.fits)


class Asker:
    """Asks as many questions as its seed says, then the one that ends the episode."""

    name = "asker"

    def __init__(self, seed: int) -> None:
        self._left = seed % 3 + 1
        self._seed = seed

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        self._left -= 1
        return Parsed("", Action(ActionKind.ACTION, f"{self._seed} {'more' if self._left else 'last'} {self._left}"), None)


def ending(messages: Messages) -> object:
    return {"fits": "last" in messages[1]["content"], "reply": f"heard {messages[1]['content'].split()[2]}"}


def play_asking(stub: StubEndpoint, count: int, concurrency: int, retries: int = 2, **settings: Any) -> list[Any]:
    user = simulator_of(stub, **settings)
    tasks = Asking.task_set("test", count).tasks
    return play_all(lambda: Asking(llm=user), lambda gym, seed: Asker(seed), tasks, retries=retries, concurrency=concurrency)


ALL_KINDS = dict.fromkeys(Kind, 0.02)


def test_no_fault_changes_what_an_episode_is_worth() -> None:
    with StubEndpoint(ending) as stub:
        clean = play_asking(stub, 150, 8)
    with StubEndpoint(ending, faults=ALL_KINDS, seed=1, leak=leaking) as stub:
        rough = play_asking(stub, 150, 16, retries=1, timeout=0.3)
        assert len([kind for kind, count in stub.drawn.items() if kind is not None and count]) == len(Kind)
    assert {episode.fault for episode in clean} == {None}
    for expected, episode in zip(clean, rough, strict=True):
        assert episode.task_id == expected.task_id
        if episode.fault is None:
            assert (episode.turns, episode.stop, episode.success) == (expected.turns, expected.stop, expected.success)
        else:
            assert episode.turns == expected.turns[: len(episode.turns)]
    assert sum(episode.fault is not None for episode in rough) < 15


def test_the_result_does_not_depend_on_how_many_play_at_once() -> None:
    def played(concurrency: int) -> list[Any]:
        with StubEndpoint(ending, faults={Kind.WRONG_TYPES: 0.3, Kind.ERROR: 0.3}, seed=2, latency=0.002) as stub:
            episodes = play_asking(stub, 40, concurrency, retries=0, attempts=2)
        return [(e.task_id, e.turns, e.stop, e.success, e.fault) for e in episodes]

    one = played(1)
    assert {fault for *_, fault in one} == {None, Fault.USER_MALFORMED, Fault.USER_UNAVAILABLE}
    assert [task for task, *_ in one] == [task.id for task in Asking.task_set("test", 40)]
    assert played(16) == one


def test_a_refusal_of_the_settings_ends_everything() -> None:
    with StubEndpoint(ending, refuses=lambda request: (401, "no")) as stub, pytest.raises(ConfigError, match="api_key_env"):
        play_asking(stub, 100, 8)
    assert len(stub.requests) <= 16


INTERRUPTED = """
import sys
from tests.support.stub_endpoint import Kind, StubEndpoint
from tests.endpoint.test_client import ending, play_asking
with StubEndpoint(ending, faults={Kind.HANG: 1.0}) as stub:
    print("begun", flush=True)
    try:
        play_asking(stub, 64, 16, timeout=600)
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_ctrl_c_ends_it_though_every_user_hangs() -> None:
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(1.0)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "")
    assert time.monotonic() - start < 5
