"""Proxies, redirects, certificates, compression: what stands between us and a server, over real sockets."""

import gzip
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bao.endpoint import transport
from bao.endpoint.transport import CertificateError, HTTPClient, OversizeError, TransportError, proxy_for
from bao.errors import ConfigError

NAMES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Server:
    """Answers every request with the same; keeps the request lines and headers."""

    def __init__(self, status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"{}") -> None:
        self.seen: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(status)
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self) -> None:
                outer.seen.append((f"CONNECT {self.path}", {name.lower(): value for name, value in self.headers.items()}))
                self.send_error(403, "no tunnels here")
                self.close_connection = True

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def __enter__(self) -> "Server":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_a_proxy_gets_the_request_and_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:se%20cret@127.0.0.1:{proxy.port}")
        answer = HTTPClient("http://models.invalid/v1?v=1").post("/chat/completions", b"{}", {"Authorization": "Bearer k"}, 5.0)
    assert answer.status == 200
    ((path, headers),) = proxy.seen
    assert path == "http://models.invalid/v1/chat/completions?v=1"
    assert headers["host"] == "models.invalid"
    assert headers["authorization"] == "Bearer k"
    assert headers["proxy-authorization"].startswith("Basic ")


def test_hosts_that_are_exempt_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as proxy, Server() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        for exempt in ("127.0.0.1", "127.0.0.0/8", "localhost, 127.0.0.1", "*"):
            monkeypatch.setenv("NO_PROXY", exempt)
            assert HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {}, 5.0).status == 200
        assert (len(proxy.seen), len(server.seen)) == (0, 4)
        monkeypatch.setenv("NO_PROXY", "example.org,10.0.0.0/8")
        assert HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {}, 5.0).status == 200
        assert (len(proxy.seen), len(server.seen)) == (1, 4)


def test_an_encrypted_request_goes_through_a_tunnel_and_no_key_to_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://u:hidden@127.0.0.1:{proxy.port}")
        with pytest.raises(TransportError) as caught:
            HTTPClient("https://models.invalid/v1").post("/x", b"{}", {"Authorization": "Bearer k"}, 5.0)
    ((path, headers),) = proxy.seen
    assert path == "CONNECT models.invalid:443"
    assert "authorization" not in headers
    assert "hidden" not in str(caught.value)


def test_which_proxy_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("http://h/v1") is None
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    assert proxy_for("http://h/v1") is None
    assert proxy_for("https://h/v1") == "http://proxy.example:3128"
    monkeypatch.setenv("no_proxy", ".example.org,h:8443")
    assert proxy_for("https://a.example.org/v1") is None
    assert proxy_for("https://h:8443/v1") is None
    monkeypatch.setenv("https_proxy", "socks5://me:hidden@p:1")
    with pytest.raises(ConfigError, match="HTTPS_PROXY") as caught:
        proxy_for("https://h/v1")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_takes_no_key_elsewhere(status: int) -> None:
    with Server() as elsewhere, Server(status, {"Location": f"http://127.0.0.1:{elsewhere.port}/v1/x"}) as server:
        answer = HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {"Authorization": "Bearer k"}, 5.0)
        assert (answer.status, len(server.seen), elsewhere.seen) == (status, 1, [])


def test_compressed_answers_are_read_and_bounded_by_what_they_hold() -> None:
    with Server(headers={"Content-Encoding": "gzip"}, body=gzip.compress(b'{"a": 1}')) as server:
        assert HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {}, 5.0).body == b'{"a": 1}'
    bomb = gzip.compress(b"x" * 50_000_000)
    with Server(headers={"Content-Encoding": "gzip"}, body=bomb) as server, pytest.raises(OversizeError):
        HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {}, 20.0)
    with (
        Server(headers={"Content-Encoding": "gzip"}, body=b"no gzip") as server,
        pytest.raises(TransportError, match="compression"),
    ):
        HTTPClient(f"http://127.0.0.1:{server.port}/v1").post("/x", b"{}", {}, 5.0)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_certificate_that_is_not_trusted_is_refused_and_a_trusted_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    line += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(line, check=True, capture_output=True)
    with Server() as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
        with pytest.raises(CertificateError):
            HTTPClient(f"https://localhost:{server.port}/v1").post("/x", b"{}", {"Authorization": "Bearer k"}, 5.0)
        assert server.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        transport._tls_context.cache_clear()
        client = HTTPClient(f"https://localhost:{server.port}/v1")
        try:
            assert [client.post("/x", b"{}", {}, 5.0).status for _ in range(3)] == [200] * 3
        finally:
            transport._tls_context.cache_clear()
