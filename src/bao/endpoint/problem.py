"""What an endpoint says is wrong, in whichever shape it says it: one reading of status, code, type and words.

Servers agree on none of these. The same overflow is a 400 with a code, a 500 of a template engine, or an error in the body of
an answer with status 200. So an error is read whole here, and its nature is judged from all that it says.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bao.endpoint.nature import Nature, nature_of, status_by_words
from bao.endpoint.span import told_in, told_pause
from bao.endpoint.unread import Unread, unread_in

_MOST_READ = 4000
"""Characters of an error that are read."""


class Problem(NamedTuple):
    status: int
    """The HTTP status, or the one that an error under status 200 stands for; 0: the certificate is not trusted."""
    said: str
    """The server's words, in one line."""
    marks: str = ""
    """Its code, type and further machine-readable names."""
    wait: float = 0.0
    """Seconds that it asks to wait; 0: it does not say."""
    unread: Unread | None = None
    """What the model wrote, where the server failed at reading that."""

    @property
    def nature(self) -> Nature:
        return nature_of(self.status, self.text, self.marks, waits=self.wait > 0)

    @property
    def text(self) -> str:
        return f"{self.said} {self.marks}"


def problem_of(status: int, body: bytes) -> Problem:
    """The problem that an answer with an error's status tells of."""
    text = body[:200_000].decode("utf-8", "replace")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        values = text
    said, marks = _told(values)
    return _problem(status, said or _line(text), marks, values)


def _problem(status: int, said: str, marks: str, values: Any) -> Problem:
    return Problem(status, said, marks, told_in(values) or told_pause(said), unread_in(values))


def hidden_problem(values: Any) -> Problem | None:
    """The problem in the body of an answer with status 200; None where it holds no error."""
    if isinstance(values, list) and values and isinstance(values[0], Mapping) and "error" in values[0]:
        values = values[0]
    if not isinstance(values, Mapping):
        return None
    base = values.get("base_resp")
    error = values.get("error") or values.get("errors")
    if not error and isinstance(base, Mapping) and base.get("status_code") not in (0, None):
        error = {"message": base.get("status_msg"), "code": f"{base['status_code']}"}
    if not error and not values.get("choices") and "output" not in values:
        names = ("message", "detail", "msg", "error_message", "error_msg")
        if values.get("object") == "error" or any(isinstance(values.get(name), str) and values[name] for name in names):
            error = values
    if not error and not values.get("choices") and (blocked := _blocked(values)):
        return Problem(400, f"the prompt was blocked: {blocked}", "content_filter")
    if not error:
        return None
    said, marks = _told({"error": error})
    said = said or _line(json.dumps(error, default=str))
    return _problem(_status(error, f"{said} {marks}"), said, marks, values)


def _told(values: Any) -> tuple[str, str]:
    """The words and the marks of an error in JSON."""
    if isinstance(values, list) and values:
        values = values[0]
    error = values.get("error", values) if isinstance(values, Mapping) else values
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, Mapping):
        return _line(error if isinstance(error, str) else json.dumps(error, default=str)), ""
    around = [error] if error is values else [error, {name: value for name, value in values.items() if name != "error"}]
    words, marks = [], []
    for part in around:
        for name in ("message", "msg", "error_message", "error_msg", "code", "param", "detail", "details"):
            if part.get(name) not in (None, "", [], {}):
                words.append(part[name] if isinstance(part[name], str) else json.dumps(part[name], default=str))
        marks += [str(part[name]) for name in ("code", "type", "status", "param") if isinstance(part.get(name), str | int)]
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("raw"):
        words.append(metadata["raw"] if isinstance(metadata["raw"], str) else json.dumps(metadata["raw"], default=str))
    inner = error.get("innererror")
    if isinstance(inner, Mapping):
        marks.append(str(inner.get("code", "")))
    return _line(" ".join(dict.fromkeys(words))), " ".join(marks)


def _line(text: str) -> str:
    return " ".join(text[:_MOST_READ].split())


def _blocked(values: Mapping[str, Any]) -> str:
    """Why Gemini gives no candidate; empty where it does not say."""
    feedback = values.get("promptFeedback") or values.get("prompt_feedback")
    if not isinstance(feedback, Mapping):
        return ""
    return str(feedback.get("blockReason") or feedback.get("block_reason") or "")


# Under status 200, the status is the error's own.


def _status(error: Any, text: str) -> int:
    for code in _codes(error):
        if 400 <= code < 600:
            return code
    return status_by_words(text)


def _codes(error: Any) -> Iterator[int]:
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, Mapping):
        for name in ("code", "status", "status_code", "http_code", "http_status"):
            value = error.get(name)
            if isinstance(value, int) or (isinstance(value, str) and value.isdigit() and len(value) < 9):
                yield int(value)
