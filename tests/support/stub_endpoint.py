"""A chat-completions server on loopback that answers as it is told, late, wrongly or not at all.

``answer`` computes the healthy content from a request's messages. Faults are drawn from a generator seeded by the content of
the request and by how often that content came before, so that concurrent clients meet the same faults in any order of arrival.

In a test:
    with StubEndpoint(answer, faults={Kind.ERROR: 0.1, Kind.HANG: 0.05}, seed=1) as stub:
        simulator({"model": "stub", "base_url": stub.base_url, "timeout": 0.1, "backoff": 0.01})
In another process: `serving`.
"""

import asyncio
import contextlib
import json
import multiprocessing
import threading
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

import numpy as np

Messages = list[dict[str, str]]
Answer = Callable[[Messages], object]
"""The healthy content: a text, or what becomes JSON."""


class Kind(StrEnum):
    """What can go wrong, by what the client sees."""

    HANG = "hang"
    """Never an answer."""
    TRICKLE = "trickle"
    """An answer a byte at a time, every 10 ms."""
    REFUSED = "refused"
    """The connection is dropped without an answer."""
    RATE_LIMIT = "rate_limit"
    """429 with Retry-After."""
    ERROR = "error"
    """500."""
    CUT_BODY = "cut_body"
    """The connection ends in the midst of the answer."""
    TRUNCATED = "truncated"
    """The content ends in the midst of its JSON."""
    PROSE = "prose"
    """Words and a code fence around the JSON: to be tolerated."""
    WRONG_TYPES = "wrong_types"
    """The JSON's values are of other types: "True" for true."""
    EMPTY = "empty"
    THINK = "think"
    """Thoughts before the JSON, holding other JSON: to be tolerated."""
    UNCLOSED_THINK = "unclosed_think"
    LEAK = "leak"
    """What ``leak`` makes of the messages."""
    HUGE = "huge"
    """10 MB of content."""
    INVALID_UTF8 = "invalid_utf8"


HEALTHY_CONTENT = frozenset({Kind.PROSE, Kind.THINK})
"""Kinds that a client has to see through."""


class StubEndpoint:
    """A server in a thread of this process, from ``with`` to its end."""

    def __init__(
        self,
        answer: Answer,
        *,
        latency: float = 0.0,
        faults: Mapping[Kind, float] | None = None,
        seed: int = 0,
        script: Iterable[Kind | None] = (),
        leak: Answer | None = None,
        retry_after: str = "0.02",
        refuses: Callable[[Mapping[str, Any]], tuple[int, str] | None] = lambda request: None,
        extra: Mapping[str, Any] | None = None,
        whole: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
        models: Mapping[str, Any] | None = None,
    ) -> None:
        """`latency`: seconds before each answer. `faults`: rate of each kind. `script`: kinds of the first requests, by
        arrival. `refuses`: status and message of an error, by request. `extra`: further fields of each message. `whole`: the
        body of a healthy answer, by request, in place of `answer`. `models`: what the list of models holds.
        """
        self._answer, self._leak, self._latency, self._seed = answer, leak, latency, seed
        self._kinds = list(faults or {})
        self._rates = np.cumsum([(faults or {})[kind] for kind in self._kinds])
        if len(self._rates) and self._rates[-1] > 1:
            raise ValueError(f"the rates of faults add up to {self._rates[-1]}, above 1")
        self._script = iter(script)
        self._whole, self._models = whole, models
        self._retry_after, self._refuses, self._extra = retry_after, refuses, dict(extra or {})
        self._seen: Counter[int] = Counter()
        self.requests: list[dict[str, Any]] = []
        """Each request's JSON, in order of arrival."""
        self.headers: list[dict[str, str]] = []
        self.drawn: Counter[Kind | None] = Counter()
        """How many requests met which fault; None: none."""
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0

    # The server.

    def __enter__(self) -> "StubEndpoint":
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Transport] = set()
        listening = threading.Event()

        def serve() -> None:
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(
                self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=512)
            )
            self.port = server.sockets[0].getsockname()[1]
            listening.set()
            self._loop.run_forever()
            server.close()
            for transport in list(self._open):
                transport.abort()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

        self._thread = threading.Thread(target=serve, daemon=True, name="stub-endpoint")
        self._thread.start()
        listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    # One request.

    def _serve(self, connection: "_Connection", path: str, headers: dict[str, str], body: bytes) -> None:
        if not body:
            found = self._models if path == "/v1/models" else None
            connection.send(_response(404 if found is None else 200, found or {"error": {"message": "none"}}), None)
            return
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        request = json.loads(body)
        self.requests.append(request)
        self.headers.append(headers)
        if path != "/v1/chat/completions":
            self._later(connection, _response(404, {"error": {"message": f"no route {path}"}}))
            return
        if refusal := self._refuses(request):
            self._later(connection, _response(refusal[0], {"error": {"message": refusal[1]}}))
            return
        kind = self._draw(body)
        self.drawn[kind] += 1
        if kind == Kind.HUGE:
            self._later(connection, _huge(), kind)
            return
        if kind == Kind.HANG:
            self._at_once -= 1
        elif kind == Kind.REFUSED:
            self._later(connection, None)
        elif kind == Kind.RATE_LIMIT:
            limited = {"error": {"message": "slow down"}}
            self._later(connection, _response(429, limited, {"Retry-After": self._retry_after}))
        elif kind == Kind.ERROR:
            self._later(connection, _response(500, {"error": {"message": "out of order"}}))
        else:
            self._later(connection, self._completion(request, kind), kind)

    def _draw(self, body: bytes) -> Kind | None:
        with contextlib.suppress(StopIteration):
            return next(self._script)
        if not self._kinds:
            return None
        content = zlib.crc32(body)
        self._seen[content] += 1
        drawn = np.random.default_rng([self._seed, content, self._seen[content]]).random()
        place = int(np.searchsorted(self._rates, drawn, side="right"))
        return self._kinds[place] if place < len(self._kinds) else None

    def _completion(self, request: Mapping[str, Any], kind: Kind | None) -> bytes:
        if self._whole is not None and kind is None:
            return _response(200, self._whole(request))
        messages: Messages = request["messages"]
        value = self._answer(messages)
        if kind == Kind.LEAK:
            if self._leak is None:
                raise ValueError("leak=.. has to say what a leaking reply is")
            value = self._leak(messages)
        if kind == Kind.WRONG_TYPES:
            value = _wrong(value)
        text = value if isinstance(value, str) else json.dumps(value)
        if kind == Kind.TRUNCATED:
            text = text[: max(1, len(text) // 2)]
        elif kind == Kind.PROSE:
            text = f"Here it is:\n```json\n{text}\n```\nDoes {{that}} help?"
        elif kind == Kind.EMPTY:
            text = ""
        elif kind == Kind.THINK:
            text = f'<think>The secret is {{"reply": "hidden"}}, hm.</think>\n{text}'
        elif kind == Kind.UNCLOSED_THINK:
            text = f"<think>It could be {text}, or"
        message = {"role": "assistant", "content": text, **self._extra}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        whole = _response(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})
        if kind == Kind.CUT_BODY:
            return whole[:-20]
        return whole[:-40] + b"\xff" * 40 if kind == Kind.INVALID_UTF8 else whole

    def _later(self, connection: "_Connection", data: bytes | None, kind: Kind | None = None) -> None:
        def send() -> None:
            self._at_once -= 1
            connection.send(data, kind)

        if self._latency:
            self._loop.call_later(self._latency, send)
        else:
            send()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length, kept alive."""

    def __init__(self, stub: StubEndpoint) -> None:
        self._stub = stub
        self._buffer = b""
        self._transport: asyncio.Transport
        self._rest = memoryview(b"")
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._stub.connections += 1
        self._stub._open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stub._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._stub._serve(self, first.split(" ")[1], headers, rest[:length])

    def send(self, data: bytes | None, kind: Kind | None) -> None:
        if self._transport.is_closing():
            return
        if data is None:
            self._transport.abort()
        elif kind == Kind.TRICKLE:
            self._trickle(data, 0)
        elif kind == Kind.HUGE:
            self._rest = memoryview(data)
            self._send_rest()
        else:
            self._transport.write(data)
            if kind == Kind.CUT_BODY:
                self._transport.close()

    def _send_rest(self) -> None:
        """As much as the client takes: buffering the whole would hold up the other connections."""
        while self._rest and not self._paused and not self._transport.is_closing():
            piece, self._rest = self._rest[:65_536], self._rest[65_536:]
            self._transport.write(piece)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send_rest()

    def _trickle(self, data: bytes, place: int) -> None:
        if place < len(data) and not self._transport.is_closing():
            self._transport.write(data[place : place + 1])
            asyncio.get_running_loop().call_later(0.01, self._trickle, data, place + 1)


@lru_cache(maxsize=1)
def _huge() -> bytes:
    return _response(200, {"choices": [{"message": {"role": "assistant", "content": "x" * 10_000_000}}]})


def _response(status: int, value: object, headers: Mapping[str, str] | None = None) -> bytes:
    body = json.dumps(value).encode()
    lines = [f"HTTP/1.1 {status} Status", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {text}" for name, text in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _wrong(value: object) -> object:
    if isinstance(value, dict):
        return {key: _wrong(each) for key, each in value.items()}
    return [value] if isinstance(value, str) else str(value)


def _serve_process(answer: Answer, settings: dict[str, Any], pipe: Any) -> None:
    with StubEndpoint(answer, **settings) as stub:
        pipe.send(stub.base_url)
        with contextlib.suppress(EOFError):
            pipe.recv()


@contextlib.contextmanager
def serving(answer: Answer, **settings: Any) -> Iterator[str]:
    """A `StubEndpoint` in a process of its own, whose work does not slow the client's; yields its base URL.

    `answer` has to be a function of a module.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve_process, args=(answer, settings, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()
        process.join(10)
