"""HTTP for short JSON requests, bounded in time and size, over connections that are kept and shared between threads.

urllib3 speaks it, with ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY`` as other programs heed them. Gyms ask from worker
threads, so a blocking client needs no event loop to hop to and back from. A redirect is an answer like any other: what follows
one on its own carries the key to wherever it leads.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from urllib3 import HTTPConnectionPool, ProxyManager, make_headers
from urllib3.exceptions import DecodeError, HTTPError, ProxyError
from urllib3.response import BaseHTTPResponse

from bao.endpoint.connection import TimedPool, TimedTLSPool, deadline
from bao.errors import ConfigError

_KEPT = 256
"""The most idle connections to one server."""
_PIECE = 65_536


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """By name, in any case."""
    body: bytes


class TransportError(Exception):
    """No whole answer was to be had; the same request may succeed later."""


class DeadlineError(TransportError):
    """None within the deadline."""


class OversizeError(TransportError):
    """It is larger than the cap."""


class CertificateError(Exception):
    """The server's certificate is not trusted; asking again does not help."""


class HTTPClient:
    """Talks JSON to one server. Safe to use from several threads; a fork of the process needs one of its own."""

    def __init__(self, base_url: str, *, most_bytes: int = 1 << 20) -> None:
        """`base_url` may have a query, which each request repeats. `most_bytes`: the largest answer that is read.

        Raises `ConfigError` on a proxy in the environment that is none.
        """
        parts = urlsplit(base_url)
        self._host = parts.hostname or ""
        self._before = parts.path.rstrip("/")
        self._after = f"?{parts.query}" if parts.query else ""
        self._most = most_bytes
        self.proxy = proxy_for(base_url)
        tls: dict[str, Any] = {"ssl_context": _tls_context()} if parts.scheme == "https" else {}
        self._pool: HTTPConnectionPool | ProxyManager
        if self.proxy is None:
            kind = TimedTLSPool if tls else TimedPool
            self._pool = kind(self._host, parts.port, maxsize=_KEPT, **tls)
        else:
            self._before = f"{parts.scheme}://{parts.netloc}{self._before}"
            self._pool = _proxied(self.proxy, tls)

    def post(self, path: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Answer:
        """The answer to `body` posted to `path`, all of it within `seconds`.

        Raises `DeadlineError`, `OversizeError` or `TransportError`, and `CertificateError`.
        """
        return self._exchange("POST", path, body, {"Content-Type": "application/json", **headers}, seconds)

    def get(self, path: str, headers: Mapping[str, str], seconds: float) -> Answer:
        """What lies at `path`. Raises as `post` does."""
        return self._exchange("GET", path, None, headers, seconds)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], seconds: float) -> Answer:
        end = time.monotonic() + seconds
        sent = {"Accept": "application/json", "User-Agent": "bao", **headers}
        url, how = f"{self._before}{path}{self._after}", {"redirect": False, "retries": False, "preload_content": False}
        try:
            with deadline(end):
                response = self._pool.urlopen(method, url, body=body, headers=sent, timeout=seconds, **how)
                try:
                    content = self._read(response)
                except BaseException:
                    response.close()
                    raise
                return Answer(response.status, response.headers, content)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise self._translated(error, end, seconds) from error

    def _read(self, response: BaseHTTPResponse) -> bytes:
        announced = response.headers.get("content-length", "")
        if announced.isdigit():
            if int(announced) > self._most:
                raise OversizeError(f"an answer of {announced} bytes, more than {self._most}")
            if "content-encoding" not in response.headers:
                return response.read()  # no longer than it says
        pieces, size = [], 0
        while piece := response.read(_PIECE, decode_content=True):
            pieces.append(piece)
            size += len(piece)
            if size > self._most:
                raise OversizeError(f"an answer of more than {self._most} bytes")
        return b"".join(pieces)

    def _translated(self, error: Exception, end: float, seconds: float) -> Exception:
        inner = _innermost(error)
        if isinstance(inner, ssl.SSLCertVerificationError):
            return CertificateError(inner.verify_message)
        if time.monotonic() >= end or isinstance(inner, TimeoutError):
            return DeadlineError(f"no whole answer within {seconds:g} s")
        if isinstance(inner, socket.gaierror):
            host = self._host if self.proxy is None else f"{urlsplit(self.proxy).hostname} (the proxy)"
            return TransportError(f"the host {host} is not found")
        if isinstance(error, DecodeError):
            return TransportError("the answer's compression is broken")
        beside = f" (by the proxy {_without_password(self.proxy)})" if isinstance(error, ProxyError) and self.proxy else ""
        return TransportError(f"{type(inner).__name__}: {inner}{beside}")

    def close(self) -> None:
        """Close the idle connections."""
        if isinstance(self._pool, ProxyManager):
            self._pool.clear()
        else:
            self._pool.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for `url`; None: none.

    ``NO_PROXY`` lists hosts, domains, ``*`` and networks such as ``10.0.0.0/8``. Raises `ConfigError` on a proxy that is no URL
    of http or https.
    """
    parts = urlsplit(url)
    proxies, host = getproxies_environment(), parts.hostname or ""
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or _is_exempt(host, parts.port, proxies):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    found = urlsplit(proxy)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ConfigError(
            f"the proxy that the environment names for {parts.scheme}:// ({parts.scheme.upper()}_PROXY) is no http:// or "
            "https:// URL: export one that is, or name the endpoint's host in NO_PROXY"
        )
    return proxy


def _is_exempt(host: str, port: int | None, proxies: dict[str, str]) -> bool:
    if proxy_bypass_environment(host if port is None else f"{host}:{port}", proxies):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for network in proxies.get("no", "").split(","):
        try:
            if address in ipaddress.ip_network(network.strip(), strict=False):
                return True
        except ValueError:
            continue
    return False


def _proxied(proxy: str, tls: dict[str, Any]) -> ProxyManager:
    parts = urlsplit(proxy)
    headers = None
    if parts.username is not None:
        headers = make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")
    context = _tls_context() if parts.scheme == "https" else None
    pool = ProxyManager(_without_password(proxy), maxsize=_KEPT, proxy_headers=headers, proxy_ssl_context=context, **tls)
    pool.pool_classes_by_scheme = {"http": TimedPool, "https": TimedTLSPool}
    return pool


def _without_password(proxy: str) -> str:
    parts = urlsplit(proxy)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _innermost(error: BaseException) -> BaseException:
    """What urllib3's error is made of."""
    for _ in range(6):
        inner = next((each for each in reversed(error.args) if isinstance(each, BaseException)), None)
        inner = inner or getattr(error, "original_error", None) or getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            return error
        error = inner
    return error


@lru_cache(maxsize=1)
def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context()
