"""HTTP for short JSON requests, bounded in time and size, over connections that are kept and shared between threads.

It stands on the standard library's sockets and response parser. Gyms ask from worker threads, so a blocking client needs no
event loop to hop to and back from, and every wait on a socket ends at the request's deadline, however slowly bytes trickle.
"""

import io
import queue
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

IDLE_SECONDS = 30.0
"""A connection unused for longer is closed: servers and the boxes between close theirs without a word."""


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes


class TransportError(Exception):
    """No whole answer was to be had; the same request may succeed later."""


class DeadlineError(TransportError):
    """None within the deadline."""


class OversizeError(TransportError):
    """It is larger than the cap."""


class CertificateError(Exception):
    """The server's certificate is not trusted; asking again does not help."""


class _Stream(io.RawIOBase):
    """The bytes of a socket until a deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)


class _Readable:
    """As much of a socket as `HTTPResponse` wants."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._stream = _Stream(sock, deadline)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._stream, 16_384)


class HTTPClient:
    """Posts JSON to one server. Safe to use from several threads; a fork of the process needs one of its own."""

    def __init__(self, base_url: str, *, most_bytes: int = 1 << 20) -> None:
        """`most_bytes`: the largest answer that is read."""
        parts = urlsplit(base_url)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._path = parts.path.rstrip("/")
        self._most = most_bytes
        default = parts.port in (None, 443 if self._tls else 80)
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._name = host if default else f"{host}:{self._port}"
        self._idle: list[tuple[socket.socket, float]] = []
        self._lock = threading.Lock()

    def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer to `body` posted to `path`, all of it within `seconds`.

        Raises `DeadlineError`, `OversizeError` or `TransportError`, and `CertificateError`.
        """
        deadline = time.monotonic() + seconds
        lines = [f"POST {self._path}{path} HTTP/1.1", f"Host: {self._name}", "Content-Type: application/json"]
        lines += ["Accept: application/json", "User-Agent: bao", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        message = "\r\n".join([*lines, "", ""]).encode("ascii") + body
        try:
            sock = self._kept()
            if sock is not None:
                answer = self._exchange(sock, message, deadline, kept=True)
                if answer is not None:
                    return answer
            answer = self._exchange(self._connect(deadline), message, deadline, kept=False)
            assert answer is not None
            return answer
        except TimeoutError as error:
            raise DeadlineError(f"no whole answer within {seconds:g} s") from error
        except ssl.SSLCertVerificationError as error:
            raise CertificateError(error.verify_message) from error
        except socket.gaierror as error:
            raise TransportError(f"the host {self._host} is not found") from error
        except (OSError, HTTPException) as error:
            raise TransportError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Close the idle connections; the client stays usable."""
        with self._lock:
            idle, self._idle = self._idle, []
        for sock, _ in idle:
            sock.close()

    def _exchange(self, sock: socket.socket, message: bytes, deadline: float, *, kept: bool) -> Answer | None:
        """None where a kept connection turns out to have been closed before the first byte of an answer."""
        reusable = False
        try:
            try:
                sock.settimeout(_left(deadline))
                sock.sendall(message)
                response = HTTPResponse(_Readable(sock, deadline), method="POST")  # type: ignore[arg-type]
                response.begin()
            except ConnectionError:  # RemoteDisconnected is one too
                if kept:
                    return None
                raise
            body = self._read(response)
            reusable = not response.will_close
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, body)
        finally:
            if reusable:
                with self._lock:
                    self._idle.append((sock, time.monotonic()))
            else:
                sock.close()

    def _read(self, response: HTTPResponse) -> bytes:
        announced = response.length
        if announced is not None and announced > self._most:
            raise OversizeError(f"an answer of {announced} bytes, more than {self._most}")
        body = response.read(self._most + 1)
        if len(body) > self._most:
            raise OversizeError(f"an answer of more than {self._most} bytes")
        if announced is not None and len(body) < announced:
            raise TransportError(f"the connection ended after {len(body)} of {announced} bytes")
        response.read()  # the end of a chunked body, so that the connection can be used again
        return body

    def _kept(self) -> socket.socket | None:
        """The connection used last that is still open."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                sock, since = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not _has_input(sock):
                return sock
            sock.close()

    def _connect(self, deadline: float) -> socket.socket:
        addresses = _addresses(self._host, self._port, deadline)
        for number, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                # Each address gets its share, so that one that swallows packets leaves time for the next.
                sock.settimeout(_left(deadline) / (len(addresses) - number))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls:
                    sock.settimeout(_left(deadline))
                    sock = _tls_context().wrap_socket(sock, server_hostname=self._host)
                return sock
            except OSError:
                sock.close()
                if number == len(addresses) - 1:
                    raise
        raise TransportError(f"the host {self._host} has no address")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _has_input(sock: socket.socket) -> bool:
    """Whether an idle connection has something to read: its end, or bytes that nobody asked for."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))
    return bool(select.select([sock], [], [], 0)[0])


def _addresses(host: str, port: int, deadline: float) -> list[Any]:
    """`socket.getaddrinfo` until the deadline: it has no timeout of its own, so it is left behind in its thread."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.put(error)

    threading.Thread(target=look_up, daemon=True, name="bao-look-up").start()
    try:
        addresses = found.get(timeout=_left(deadline))
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(addresses, OSError):
        raise addresses
    return addresses


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()
