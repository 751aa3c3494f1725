"""A chat endpoint as this process talks to it: one for all threads, patient with what may pass, plain about what will not.

Transient errors (no reply in time, no connection, 408, 425, 429, 5xx, a reply that is no chat completion) are retried with
exponential backoff and jitter, 429 and 503 after what ``Retry-After`` says, and end in a `FaultError`. What will not pass is a
`RejectedError` at once. How the endpoint takes a JSON schema and a token limit is found out once and remembered.
"""

import json
import os
import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from bao.errors import ConfigError
from bao.trajectory import Fault, FaultError
from bao.users.counters import Counters
from bao.users.replies import Form
from bao.users.settings import LLMSettings, Structured
from bao.users.transport import Answer, CertificateError, DeadlineError, HTTPClient, OversizeError, TransportError

LONGEST_WAIT = 60.0
"""Seconds; an endpoint that wants a longer pause counts as unavailable."""
MOST_BYTES = 1 << 20
"""The largest answer that is read."""
_PASSING = frozenset({408, 425, 429})
_FALLBACKS: tuple[Structured, ...] = ("schema", "object", "text")
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|guided|structured|schema", re.IGNORECASE)
_KEYLIKE = re.compile(r"(?i)\b(?:sk|pk|rk|key|token|bearer)[-_ :]+\S{6,}")

Message = Mapping[str, str]


class Completion(NamedTuple):
    text: str
    """The content of the model's message; thoughts in fields of their own are not part of it."""
    cut: bool
    """The token limit ended it."""


class RejectedError(Exception):
    """The endpoint refuses the request for good."""

    def __init__(self, status: int, said: str, *, answered: bool) -> None:
        super().__init__(f"{status}: {said}")
        self.status = status
        self.said = said
        self.answered = answered
        """Whether this endpoint has answered other requests."""


class _PassingError(Exception):
    """This try failed, and another may not."""

    def __init__(self, fault: Fault, detail: str, wait: float = 0.0) -> None:
        super().__init__(detail)
        self.fault, self.detail, self.wait = fault, detail, wait


class Endpoint:
    """Safe to use from several threads. Made by `shared_endpoint`."""

    def __init__(self, base_url: str, api_key_env: str | None, concurrency: int) -> None:
        self.base_url = base_url
        self.counters = Counters()
        self._api_key_env = api_key_env
        self._client = HTTPClient(base_url, most_bytes=MOST_BYTES)
        self._slots = threading.BoundedSemaphore(concurrency)
        self._jitter = random.Random()  # unseeded on purpose: processes must not come back in step, and no result depends on it
        self._answered = False
        self._accepted: dict[tuple[str, str], int] = {}
        """Index into `_FALLBACKS` that a model has accepted for a schema."""
        self._limit_name: dict[str, str] = {}

    def complete(self, settings: LLMSettings, messages: Sequence[Message], form: Form) -> Completion:
        """The model's next message.

        Raises `FaultError` where none was to be had in ``settings.attempts`` tries, and `RejectedError` where none will be.
        """
        if settings.structured != "auto":
            return self._complete(settings, messages, form, settings.structured)
        known = (settings.model, form.text)
        proven = known in self._accepted
        start = self._accepted.get(known, 0)
        first: RejectedError | None = None
        for index in range(start, len(_FALLBACKS)):
            try:
                completion = self._complete(settings, messages, form, _FALLBACKS[index])
            except RejectedError as error:
                first = first or error
                # Servers that know no response_format do not always name it: until one has gone through, suspect it.
                if error.status not in (400, 422) or (proven and not _ABOUT_FORMAT.search(error.said)):
                    raise
            else:
                self._accepted[known] = index
                return completion
        assert first is not None
        raise first

    def _complete(self, settings: LLMSettings, messages: Sequence[Message], form: Form, structured: Structured) -> Completion:
        try:
            return self._retried(settings, self._body(settings, messages, form, structured))
        except RejectedError as error:
            limit = self._limit_name.get(settings.model, "max_tokens")
            if error.status != 400 or limit != "max_tokens" or "max_completion_tokens" not in error.said:
                raise
            self._limit_name[settings.model] = "max_completion_tokens"
        return self._retried(settings, self._body(settings, messages, form, structured))

    def _body(self, settings: LLMSettings, messages: Sequence[Message], form: Form, structured: Structured) -> bytes:
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": messages,
            "temperature": settings.temperature,
            self._limit_name.get(settings.model, "max_tokens"): settings.max_tokens,
        }
        if settings.seed is not None:
            body["seed"] = settings.seed
        if structured == "schema":
            wanted = {"name": form.name, "schema": form.strict, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif structured == "object":
            body["response_format"] = {"type": "json_object"}
        return json.dumps(body | settings.body).encode("utf-8")

    def _retried(self, settings: LLMSettings, body: bytes) -> Completion:
        for attempt in range(1, settings.attempts + 1):
            try:
                return self._once(body, settings.timeout)
            except _PassingError as error:
                if error.wait > LONGEST_WAIT:
                    raise FaultError(error.fault, f"{error.detail}; it wants a pause of {error.wait:.0f} s") from None
                if attempt == settings.attempts:
                    tries = f" in {attempt} tries" if attempt > 1 else ""
                    raise FaultError(error.fault, f"{settings.model} at {self.base_url}: {error.detail}{tries}") from None
                wait = min(settings.backoff * 2.0 ** (attempt - 1), LONGEST_WAIT) * self._jitter.uniform(0.5, 1.0)
                self.counters.add(retries=1)
                time.sleep(max(wait, error.wait))
        raise AssertionError

    def _once(self, body: bytes, timeout: float) -> Completion:
        key = read_key(self._api_key_env)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        with self._slots:
            start = time.perf_counter()
            try:
                answer = self._client.post("/chat/completions", body, headers, timeout)
            except DeadlineError as error:
                raise _PassingError(Fault.USER_TIMEOUT, str(error)) from None
            except OversizeError as error:
                raise _PassingError(Fault.USER_MALFORMED, str(error)) from None
            except TransportError as error:
                raise _PassingError(Fault.USER_UNAVAILABLE, str(error)) from None
            except CertificateError as error:
                raise RejectedError(0, str(error), answered=self._answered) from None
            finally:
                self.counters.add(requests=1, seconds=time.perf_counter() - start)
        if answer.status == 200:
            completion, tokens_in, tokens_out = _completion(answer.body)
            self.counters.add(tokens_in=tokens_in, tokens_out=tokens_out)
            self._answered = True
            return completion
        said = _scrubbed(_error_said(answer.body), key)
        if (answer.status in _PASSING or answer.status >= 500) and "insufficient_quota" not in said:
            raise _PassingError(Fault.USER_UNAVAILABLE, f"HTTP {answer.status} {said}".strip(), _retry_after(answer))
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


_shared: dict[tuple[str, str | None, int], Endpoint] = {}
_sharing = threading.Lock()


def shared_endpoint(settings: LLMSettings) -> Endpoint:
    """The endpoint of these settings in this process: one for each address, key variable and concurrency limit."""
    name = (settings.base_url, settings.api_key_env, settings.concurrency)
    with _sharing:
        endpoint = _shared.get(name)
        if endpoint is None:
            endpoint = _shared[name] = Endpoint(*name)
        return endpoint


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


def _completion(body: bytes) -> tuple[Completion, int, int]:
    """The first choice of a chat completion, and its tokens in and out. Raises `_PassingError` where it is none."""
    try:
        values = json.loads(body.decode("utf-8"))
        choice = values["choices"][0]
        content = choice["message"].get("content")
        if isinstance(content, list):
            content = "".join(part["text"] for part in content if part.get("type") == "text")
        if not isinstance(content, str | None):
            raise TypeError
        usage = values.get("usage") or {}
        tokens = [value if isinstance(value := usage.get(name), int) else 0 for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        raise _PassingError(Fault.USER_MALFORMED, "the answer was no chat completion") from None
    return Completion(content or "", choice.get("finish_reason") == "length"), tokens[0], tokens[1]


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
