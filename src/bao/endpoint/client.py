"""A chat endpoint as this process talks to it: one for all threads, patient with what may pass, plain about what will not.

Transient errors (no reply in time, no connection, 408, 425, 429, 5xx, a reply that is no chat completion) are retried with
exponential backoff and jitter, 429 and 503 after what ``Retry-After`` says, and end in a `FaultError`. What will not pass is a
`RejectedError` at once. What an endpoint turns out to take is found out once and remembered.
"""

import json
import math
import os
import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from bao.endpoint.counters import Counters, Usage
from bao.endpoint.settings import EndpointSettings
from bao.endpoint.transport import Answer, CertificateError, DeadlineError, HTTPClient, OversizeError, TransportError
from bao.errors import ConfigError
from bao.trajectory import Fault, FaultError

LONGEST_WAIT = 60.0
"""Seconds; an endpoint that wants a longer pause counts as unavailable."""
MOST_BYTES = 1 << 20
"""The largest answer that is read."""
_PASSING = frozenset({408, 425, 429})
_KEYLIKE = re.compile(r"(?i)\b(?:sk|pk|rk|key|token|bearer)[-_ :]+\S{6,}")

Message = Mapping[str, Any]


class Completion(NamedTuple):
    text: str
    """The content of the model's message; thoughts in fields of their own are not part of it."""
    cut: bool
    """The token limit ended it."""
    message: Mapping[str, Any]
    """The model's message as it came."""
    tokens_in: int | None
    tokens_out: int | None
    """As the endpoint counts them; None where it does not."""


class RejectedError(Exception):
    """The endpoint refuses the request for good."""

    def __init__(self, status: int, said: str, *, answered: bool) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status
        self.said = said
        self.answered = answered
        """Whether this endpoint has answered other requests."""


class Blame(NamedTuple):
    """Which fault it is for whoever asks."""

    timeout: Fault
    """No whole answer in time."""
    malformed: Fault
    """Answers that were no chat completion."""
    unavailable: Fault
    """No connection, or errors that did not pass."""


@dataclass
class Allowance:
    """The seconds that are left to whoever asks: requests and pauses count, the wait for a free slot does not."""

    seconds: float = math.inf


class _PassingError(Exception):
    """This try failed, and another may not."""

    def __init__(self, fault: Fault, detail: str, wait: float = 0.0) -> None:
        super().__init__(detail)
        self.fault, self.detail, self.wait = fault, detail, wait


class Endpoint:
    """Safe to use from several threads. Made by `shared_endpoint`."""

    def __init__(self, base_url: str, api_key_env: str | None, concurrency: int) -> None:
        self.base_url = base_url
        self.name = (base_url, api_key_env, concurrency)
        self.counters = Counters()
        self._api_key_env = api_key_env
        self._client = HTTPClient(base_url, most_bytes=MOST_BYTES)
        self._slots = threading.BoundedSemaphore(concurrency)
        self._jitter = random.Random()  # unseeded on purpose: processes must not come back in step, and no result depends on it
        self._answered = False
        self._limit_name: dict[str, str] = {}
        self.found: dict[tuple[str, ...], Any] = {}
        """What whoever asks has found out about the endpoint, to go by from then on."""

    def complete(
        self,
        settings: EndpointSettings,
        messages: Sequence[Message],
        fields: Mapping[str, Any],
        blame: Blame,
        *,
        max_tokens: int | None = None,
        allowance: Allowance | None = None,
    ) -> Completion:
        """The model's next message; `fields` are further ones of the request, `max_tokens` stands in for the settings'.

        Raises `FaultError`, as `blame` says, where none was to be had in ``settings.attempts`` tries or in the `allowance`, and
        `RejectedError` where none will be.
        """
        most = settings.max_tokens if max_tokens is None else max_tokens
        allowance = allowance or Allowance()
        try:
            return self._retried(settings, self._body(settings, messages, fields, most), blame, allowance)
        except RejectedError as error:
            limit = self._limit_name.get(settings.model, "max_tokens")
            if error.status != 400 or limit != "max_tokens" or "max_completion_tokens" not in error.said:
                raise
            self._limit_name[settings.model] = "max_completion_tokens"
        return self._retried(settings, self._body(settings, messages, fields, most), blame, allowance)

    def _body(
        self, settings: EndpointSettings, messages: Sequence[Message], fields: Mapping[str, Any], max_tokens: int
    ) -> bytes:
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": messages,
            "temperature": settings.temperature,
            self._limit_name.get(settings.model, "max_tokens"): max_tokens,
        }
        if settings.seed is not None:
            body["seed"] = settings.seed
        return json.dumps({**body, **fields, **settings.body}).encode("utf-8")

    def _retried(self, settings: EndpointSettings, body: bytes, blame: Blame, allowance: Allowance) -> Completion:
        for attempt in range(1, settings.attempts + 1):
            try:
                return self._once(body, settings.timeout, blame, allowance)
            except _PassingError as error:
                if error.wait > LONGEST_WAIT:
                    raise FaultError(error.fault, f"{error.detail}; it wants a pause of {error.wait:.0f} s") from None
                wait = min(settings.backoff * 2.0 ** (attempt - 1), LONGEST_WAIT) * self._jitter.uniform(0.5, 1.0)
                wait = max(wait, error.wait)
                if attempt == settings.attempts or wait >= allowance.seconds:
                    tries = f" in {attempt} tries" if attempt > 1 else ""
                    tries += "" if attempt == settings.attempts else ", with no time left for another"
                    raise FaultError(error.fault, f"{settings.model} at {self.base_url}: {error.detail}{tries}") from None
                self.counters.add(retries=1)
                allowance.seconds -= wait
                time.sleep(wait)
        raise AssertionError

    def _once(self, body: bytes, timeout: float, blame: Blame, allowance: Allowance) -> Completion:
        key = read_key(self._api_key_env)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        with self._slots:
            start = time.perf_counter()
            try:
                answer = self._client.post("/chat/completions", body, headers, min(timeout, allowance.seconds))
            except DeadlineError as error:
                self.counters.add(pushbacks=1)
                raise _PassingError(blame.timeout, str(error)) from None
            except OversizeError as error:
                raise _PassingError(blame.malformed, str(error)) from None
            except TransportError as error:
                raise _PassingError(blame.unavailable, str(error)) from None
            except CertificateError as error:
                raise RejectedError(0, str(error), answered=self._answered) from None
            finally:
                took = time.perf_counter() - start
                allowance.seconds -= took
                self.counters.add(requests=1, seconds=took)
        if answer.status == 200:
            completion = _completion(answer.body, blame)
            self.counters.add(tokens_in=completion.tokens_in or 0, tokens_out=completion.tokens_out or 0)
            self._answered = True
            return completion
        said = _scrubbed(_error_said(answer.body), key)
        if answer.status in (429, 503):
            self.counters.add(pushbacks=1)
        if (answer.status in _PASSING or answer.status >= 500) and "insufficient_quota" not in said:
            raise _PassingError(blame.unavailable, f"HTTP {answer.status} {said}".strip(), _retry_after(answer))
        raise RejectedError(answer.status, said, answered=self._answered)


def read_key(api_key_env: str | None) -> str | None:
    """The key in the environment variable. Raises `ConfigError`, without the key, where there is none that can be sent."""
    if api_key_env is None:
        return None
    key = os.environ.get(api_key_env, "").strip()
    if not key:
        raise ConfigError(f"api_key_env={api_key_env!r} is not set in the environment: export {api_key_env}=.. with the key")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(f"the environment variable {api_key_env} holds characters that no key has: export it anew")
    return key


Name = tuple[str, str | None, int]
"""What tells an endpoint from others: its address, the variable of its key, its concurrency limit."""
_shared: dict[Name, Endpoint] = {}
_sharing = threading.Lock()


def shared_endpoint(settings: EndpointSettings) -> Endpoint:
    """The endpoint of these settings in this process: one for each address, key variable and concurrency limit."""
    return _endpoint((settings.base_url, settings.api_key_env, settings.concurrency))


def _endpoint(name: Name) -> Endpoint:
    with _sharing:
        endpoint = _shared.get(name)
        if endpoint is None:
            endpoint = _shared[name] = Endpoint(*name)
        return endpoint


def usages() -> dict[Name, Usage]:
    """What each endpoint took so far in this process."""
    return {endpoint.name: endpoint.counters.usage() for endpoint in endpoints()}


def include_usages(found: Mapping[Name, Usage]) -> None:
    """Count what another process has used as used here."""
    for name, usage in found.items():
        _endpoint(name).counters.include(usage)


def endpoints() -> list[Endpoint]:
    """The endpoints that this process has used."""
    with _sharing:
        return list(_shared.values())


def _after_fork() -> None:
    """A child has the parent's connections and perhaps a lock that a thread of the parent held: it begins anew."""
    global _sharing
    _sharing = threading.Lock()
    _shared.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _completion(body: bytes, blame: Blame) -> Completion:
    """The first choice of a chat completion. Raises `_PassingError` where it is none."""
    try:
        values = json.loads(body.decode("utf-8"))
        choice = values["choices"][0]
        message = choice["message"]
        content = message.get("content")
        if isinstance(content, list):
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        if not isinstance(content, str | None):
            raise TypeError
        read, wrote = _counted(values.get("usage") or {})
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        raise _PassingError(blame.malformed, "the answer was no chat completion") from None
    return Completion(content or "", choice.get("finish_reason") == "length", message, read, wrote)


def _counted(usage: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Tokens read and written. Hidden reasoning is written, and billed: most endpoints count it in ``completion_tokens``, some
    beside it, which the sum in ``total_tokens`` tells."""
    read, wrote, whole = (_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    details = usage.get("completion_tokens_details")
    reasoned = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    if read is not None and wrote is not None and reasoned and whole == read + wrote + reasoned:
        wrote += reasoned
    return read, wrote


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _error_said(body: bytes) -> str:
    text = body[:20_000].decode("utf-8", "replace")
    try:
        values = json.loads(text)
        error = values.get("error", values)
        if isinstance(error, dict):
            error = " ".join(str(error[name]) for name in ("message", "code", "param", "detail") if error.get(name)) or text
        text = str(error)
    except (ValueError, RecursionError, AttributeError):
        pass
    return " ".join(text.split())


def _scrubbed(said: str, key: str | None) -> str:
    """What a server said, short, without the key or what looks like one (servers quote the key that they refuse)."""
    if key is not None:
        said = said.replace(key, "***")
    said = _KEYLIKE.sub("***", said)
    return "".join(character for character in said[:300] if character.isprintable())


def _retry_after(answer: Answer) -> float:
    """Seconds that the server asks to wait; 0 where it does not say."""
    value = answer.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value)) if re.fullmatch(r"\d+(\.\d+)?", value) else _until(value)
    except (ValueError, TypeError):
        return 0.0


def _until(date: str) -> float:
    return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
