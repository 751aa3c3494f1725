"""What goes wrong on the way to a model, over real sockets: tried again, bounded in time and size, or a fault of its kind."""

import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bao.endpoint.client import MOST_BYTES
from bao.endpoint.shared import shared_endpoint
from bao.endpoint.transport import HTTPClient, TransportError
from bao.trajectory import Fault, FaultError
from bao.users.llm import Prompt
from bao.users.simulator import LLMSimulator, simulator
from tests.support.simulators import PROMPT, YES, Verdict, ask, healthy, simulator_of, usage
from tests.support.stub_endpoint import Kind, Messages, StubEndpoint

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
        counted = {name: value - before[name] for name, value in usage(stub).items() if isinstance(value, int)}
    assert len(stub.requests) == 3
    assert (counted["requests"], counted["retries"], counted["re_asks"]) == (3, 2, 0)


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


def test_retry_after_is_heeded_up_to_the_longest_wait() -> None:
    with StubEndpoint(healthy, script=[Kind.RATE_LIMIT], retry_after="0.3") as stub:
        start = time.monotonic()
        assert ask(stub) == YES
        assert 0.3 <= time.monotonic() - start < 1.5
    with StubEndpoint(healthy, script=[Kind.RATE_LIMIT], retry_after="3600") as stub:
        start = time.monotonic()
        with pytest.raises(FaultError, match="a pause of 3600 s, more than longest_wait=300"):
            ask(stub)
        assert time.monotonic() - start < 1.0


def test_waits_double() -> None:
    with StubEndpoint(healthy, faults={Kind.ERROR: 1.0}) as stub:
        start = time.monotonic()
        with pytest.raises(FaultError):
            ask(stub, attempts=4, backoff=0.1)
        assert 0.35 <= time.monotonic() - start < 1.5  # .1 + .2 + .4, each shortened by up to half


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
