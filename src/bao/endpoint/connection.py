"""Connections of urllib3 whose every wait ends at the request's deadline, however slowly bytes trickle.

urllib3 bounds each read by itself; a server that sends a byte now and then could hold a thread for ever. The deadline is that
of the thread's current request (`deadline`), since one thread makes one request at a time.
"""

import io
import queue
import socket
import threading
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

IDLE_SECONDS = 30.0
"""A connection unused for longer is closed: servers and the boxes between close theirs without a word."""

_request = threading.local()


class deadline:  # noqa: N801
    """Within: every wait of this thread's connections ends at `at`, by `time.monotonic`, with a `TimeoutError`."""

    def __init__(self, at: float) -> None:
        self._at = at

    def __enter__(self) -> None:
        _request.deadline = self._at

    def __exit__(self, *_: object) -> None:
        del _request.deadline


def _left() -> float:
    left: float = _request.deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Timed:
    """A socket whose waits end at the deadline, and which sends what it is given between `hold` and `release` in one piece."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._held: list[bytes] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def settimeout(self, seconds: float | None) -> None:
        """Of no effect: the deadline says how long."""

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        held, self._held = self._held, None
        if held:
            self.sendall(b"".join(held))

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self._held is not None:
            self._held.append(bytes(data))
            return
        self._sock.settimeout(_left())
        self._sock.sendall(data, flags)

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._sock.makefile("rb", buffering=0)), 16_384)


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: Any, raw: Any) -> None:
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedConnection(HTTPConnection):
    """One that looks up and connects until the deadline, and asks again where the server had closed it before."""

    _used = 0.0
    _again: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def connect(self) -> None:
        super().connect()
        if not isinstance(self.sock, _Timed):
            self.sock = _Timed(self.sock)

    def _new_conn(self) -> socket.socket:
        return _connected(self._dns_host, self.port)

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used < IDLE_SECONDS and super().is_connected

    def request(self, *args: Any, **settings: Any) -> None:
        kept = self.sock is not None and self._used > 0
        self._again = (args, settings) if kept and self.proxy is None else None
        sock = self.sock
        if isinstance(sock, _Timed):
            sock.hold()  # the head and the body, which urllib3 sends one after the other
        try:
            super().request(*args, **settings)
            if isinstance(sock, _Timed):
                sock.release()
        except ConnectionError:
            if self._again is None:
                raise
            self._anew()

    def getresponse(self) -> Any:
        try:
            response = super().getresponse()
        except ConnectionError:  # RemoteDisconnected is one too
            if self._again is None:
                raise
            self._anew()
            response = super().getresponse()
        self._used = time.monotonic()
        return response

    def _anew(self) -> None:
        """Of a kept connection that was closed before the first byte of an answer: the same request on a new one."""
        assert self._again is not None
        (args, settings), self._again = self._again, None
        self.close()
        super().request(*args, **settings)


class _TimedTLSConnection(_TimedConnection, HTTPSConnection):
    """The same, encrypted."""


class TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class TimedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _TimedTLSConnection


def _connected(host: str, port: int) -> socket.socket:
    addresses = _addresses(host, port)
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            # Each address gets its share, so that one that swallows packets leaves time for the next.
            sock.settimeout(_left() / (len(addresses) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_left())  # for what follows before the socket is timed: TLS, a proxy's word
            return sock
        except OSError:
            sock.close()
            if number == len(addresses) - 1:
                raise
    raise OSError(f"the host {host} has no address")


def _addresses(host: str, port: int) -> list[Any]:
    """`socket.getaddrinfo` until the deadline: it has no timeout of its own, so it is left behind in its thread."""
    host = host.strip("[]")
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.put(error if isinstance(error, OSError) else socket.gaierror(str(error)))

    threading.Thread(target=look_up, daemon=True, name="bao-look-up").start()
    try:
        addresses = found.get(timeout=_left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(addresses, OSError):
        raise addresses
    return addresses
