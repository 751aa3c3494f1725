"""A chat endpoint as this process talks to it: one for all threads, patient with what may pass, plain about what will not.

What may pass (no reply in time, no connection, 408, 425, 429, 5xx, a provider that fails under status 200, an answer that is no
chat completion) is retried with exponential backoff and jitter, or after the pause that the endpoint asks for, and ends in a
`FaultError`. What will not pass is a `RejectedError` at once. A field that is refused is asked without, or by another name
(`bao.endpoint.dialect`); a reply too long for the context is asked for again with what room there is (`bao.endpoint.room`).
"""

import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from bao.endpoint.asking import Allowance, Blame, PassingError, RejectedError
from bao.endpoint.context import Context
from bao.endpoint.counters import Counters
from bao.endpoint.dialect import Dialect, Message, adapted
from bao.endpoint.findings import Findings
from bao.endpoint.keys import key_headers, read_key, scrubbed
from bao.endpoint.nature import Nature
from bao.endpoint.pause import Pause, moment
from bao.endpoint.problem import Problem, problem_of
from bao.endpoint.reply import Completion, NoCompletionError, as_written, read_reply
from bao.endpoint.settings import EndpointSettings
from bao.endpoint.span import told_by
from bao.endpoint.transport import CertificateError, DeadlineError, HTTPClient, OversizeError, TransportError
from bao.trajectory import FaultError

MOST_BYTES = 4 << 20
"""The largest answer that is read."""
_LONGEST_BACKOFF = 60.0
"""Seconds; where the endpoint asks for no pause."""
_MOST_SHORTER = 8
"""Times that a shorter reply is asked for where the endpoint writes none that long."""
_PATHS = {"chat": "/chat/completions", "responses": "/responses"}
_PROBE = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say OK."})


class Endpoint(Findings):
    """Safe to use from several threads. Made by `bao.endpoint.shared.shared_endpoint`."""

    def __init__(self, base_url: str, api_key_env: str | None, concurrency: int) -> None:
        super().__init__()
        self.base_url = base_url
        self.name = (base_url, api_key_env, concurrency)
        self.counters = Counters()
        self._client = HTTPClient(base_url, most_bytes=MOST_BYTES)
        self._slots = threading.BoundedSemaphore(concurrency)
        self._jitter = random.Random()  # unseeded on purpose: processes must not come back in step, and no result depends on it
        self._pause = Pause()
        self._dialects: dict[tuple[str, str], Dialect] = {}
        self._contexts: dict[str, Context] = {}
        self._answered: set[tuple[Any, ...]] = set()

    # Asking.

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
        asked = settings.max_tokens if max_tokens is None else max_tokens
        allowance = allowance or Allowance()
        context, known = self._context(settings), (settings.api, settings.model)
        limit = asked if context.most is None else min(asked, context.most)
        dialect = before = self._dialects.get(known, Dialect())
        notes: list[str] = []
        tried, rooms, shorter = {dialect}, 0, 0
        while True:
            sent = dialect.request(settings, messages, fields, limit)
            body = json.dumps(sent).encode("utf-8")
            try:
                completion = self._retried(settings, body, blame, allowance)
            except RejectedError as error:
                change = adapted(dialect, settings, sent, error.problem)
                if change is not None and change.dialect not in tried:
                    dialect = change.dialect
                    tried.add(dialect)
                    notes.append(f"{change.note} ({error})")
                    continue
                room = context.room(error.problem, len(body), limit, lambda: self._listed(settings))
                if room is None or (error.nature == Nature.REPLY_LIMIT and shorter == _MOST_SHORTER):
                    raise
                if room < 1 or rooms == 2:
                    raise error.of(Nature.OVERFLOW) from None
                limit = room
                if error.nature == Nature.REPLY_LIMIT:
                    shorter += 1
                else:
                    rooms += 1
                continue
            break
        if dialect != before:
            self._learned(known, before, dialect)
            for note in notes:
                self.tell(f"{settings.model} at {self.base_url}: {note}")
        if shorter and not rooms:
            context.most = limit
            self.tell(f"{settings.model} at {self.base_url}: no reply longer than {limit} tokens is asked for, as it says")
        self._answered.add(_shape(settings, fields))
        context.answered(len(body), completion)
        full = completion.full or (completion.cut and context.is_full(completion))
        return completion._replace(limit=limit if rooms else asked, full=full)

    def answers(self, settings: EndpointSettings, fields: Mapping[str, Any], blame: Blame) -> bool:
        """Whether requests with these fields are answered at all: what was refused was then refused for itself alone.

        Asks a short one where none was answered yet. Raises `FaultError`.
        """
        if _shape(settings, fields) not in self._answered:
            try:
                self.complete(settings, _PROBE, fields, blame)
            except RejectedError:
                return False
        return True

    def _learned(self, known: tuple[str, str], before: Dialect, after: Dialect) -> None:
        """Keep what an answered request has shown, and nothing that it has not."""
        with self._lock:
            self._dialects[known] = self._dialects.get(known, Dialect()).joined(before, after)

    def _context(self, settings: EndpointSettings) -> Context:
        found = self._contexts.get(settings.model)
        return self._contexts.setdefault(settings.model, Context(settings.model)) if found is None else found

    def _listed(self, settings: EndpointSettings) -> Any:
        """The endpoint's list of models, which may tell their contexts; None where there is none."""
        try:
            answer = self._client.get("/models", key_headers(settings), min(settings.timeout, 10.0))
            return json.loads(answer.body) if answer.status == 200 else None
        except (TransportError, CertificateError, ValueError, RecursionError):
            return None

    def _retried(self, settings: EndpointSettings, body: bytes, blame: Blame, allowance: Allowance) -> Completion:
        for attempt in range(1, settings.attempts + 1):
            if self._pause.is_on:
                self._pause.hold(self._jitter.random())
            try:
                return self._once(settings, body, blame, allowance)
            except PassingError as error:
                if error.wait > settings.longest_wait:
                    more = f"it wants a pause of {error.wait:.0f} s, more than longest_wait={settings.longest_wait:g}"
                    raise FaultError(error.fault, f"{settings.model} at {self.base_url}: {error.detail}; {more}") from None
                wait = min(settings.backoff * 2.0 ** (attempt - 1), _LONGEST_BACKOFF) * self._jitter.uniform(0.5, 1.0)
                wait = max(wait, error.wait + self._jitter.random() * moment(error.wait))
                if attempt == settings.attempts or wait >= allowance.seconds:
                    self._give_up(settings, len(body), error, attempt)
                if error.wait >= 5.0:
                    self.tell(
                        f"{settings.model} at {self.base_url} asks for a pause of {error.wait:.0f} s ({error.detail}): the run "
                        "waits as told (longest_wait bounds it)"
                    )
                self.note(f"{settings.model} at {self.base_url}: tried again after {error.detail}")
                self.counters.add(retries=1)
                self._pause.until(error.wait)
                allowance.seconds -= wait
                time.sleep(wait)
        raise AssertionError

    def _give_up(self, settings: EndpointSettings, size: int, error: PassingError, attempt: int) -> NoReturn:
        if error.problem is not None and self._context(settings).is_beyond(size, lambda: self._listed(settings)):
            raise RejectedError(error.problem, error.detail, Nature.OVERFLOW) from None
        tries = f" in {attempt} tries" if attempt > 1 else ""
        tries += "" if attempt == settings.attempts else ", with no time left for another"
        raise FaultError(error.fault, f"{settings.model} at {self.base_url}: {error.detail}{tries}") from None

    def _once(self, settings: EndpointSettings, body: bytes, blame: Blame, allowance: Allowance) -> Completion:
        headers = key_headers(settings)
        with self._slots:
            start = time.perf_counter()
            try:
                answer = self._client.post(_PATHS[settings.api], body, headers, min(settings.timeout, allowance.seconds))
            except DeadlineError as error:
                self.counters.add(pushbacks=1)
                raise PassingError(blame.timeout, str(error)) from None
            except OversizeError as error:
                raise PassingError(blame.malformed, str(error)) from None
            except TransportError as error:
                raise PassingError(blame.unavailable, str(error)) from None
            except CertificateError as error:
                raise RejectedError(Problem(0, str(error)), str(error)) from None
            finally:
                took = time.perf_counter() - start
                allowance.seconds -= took
                self.counters.add(requests=1, seconds=took)
        key = read_key(settings.api_key_env)
        if answer.status == 200:
            try:
                found = read_reply(answer.body, answer.headers.get("content-type", ""))
            except NoCompletionError as error:
                raise PassingError(blame.malformed, scrubbed(str(error), key)) from None
            if isinstance(found, Completion):
                self.counters.add(tokens_in=found.tokens_in or 0, tokens_out=found.tokens_out or 0)
                return found
        else:
            found = problem_of(answer.status, answer.body)
        shown = scrubbed(found.said, key)
        if found.unread is not None:
            self.note(
                f"{settings.model} at {self.base_url}: what the model wrote is its turn, as the server quotes it ({shown})"
            )
            return as_written(found.unread)
        wait = told_by({name.lower(): value for name, value in answer.headers.items()}) or found.wait
        self._fail(found._replace(wait=wait), shown, blame, hidden=answer.status == 200)

    def _fail(self, problem: Problem, shown: str, blame: Blame, *, hidden: bool) -> NoReturn:
        """Raises what the problem is to whoever asked; `hidden`: it came in an answer with status 200."""
        if problem.status in (429, 498, 503, 529):
            self.counters.add(pushbacks=1)
        if problem.status == 200:  # a reply that was stopped for its content: another sample may pass
            raise PassingError(blame.refused, shown)
        if problem.nature == Nature.PASSING:
            under = " (in an answer with status 200)" if hidden else ""
            raise PassingError(blame.unavailable, f"HTTP {problem.status} {shown}".strip() + under, problem.wait, problem)
        raise RejectedError(problem, shown)


def _shape(settings: EndpointSettings, fields: Mapping[str, Any]) -> tuple[Any, ...]:
    """What tells requests apart that an endpoint may answer or refuse for their settings."""
    return settings.model, settings.api, settings.temperature, tuple(sorted(fields))
