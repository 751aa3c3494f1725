"""A chat completion held to a JSON schema, by the firmest means that the endpoint accepts."""

import re
from collections.abc import Sequence
from typing import Any

from bao.endpoint.asking import Blame, RejectedError
from bao.endpoint.client import Endpoint
from bao.endpoint.dialect import Message
from bao.endpoint.nature import Nature
from bao.endpoint.reply import Completion
from bao.trajectory import Fault, FaultError
from bao.users.replies import Form
from bao.users.settings import LLMSettings, Structured

USER = Blame(Fault.USER_TIMEOUT, Fault.USER_MALFORMED, Fault.USER_UNAVAILABLE, Fault.USER_REFUSED)
_FALLBACKS: tuple[Structured, ...] = ("schema", "object", "text")
_SAID = ("", "any JSON object is asked for", "the prompt alone asks for it")
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|guided|structured|schema", re.IGNORECASE)


def complete(endpoint: Endpoint, settings: LLMSettings, messages: Sequence[Message], form: Form) -> Completion:
    """The model's next message, asked for as `form`. Raises `FaultError` and `RejectedError` as `Endpoint.complete` does."""
    if settings.structured != "auto":
        return endpoint.complete(settings, messages, fields_of(settings.structured, form), USER)
    known = ("structured", settings.model, form.text)
    proven = endpoint.found(*known)
    start: int = proven or 0
    first: RejectedError | None = None
    for index in range(start, len(_FALLBACKS)):
        try:
            completion = endpoint.complete(settings, messages, fields_of(_FALLBACKS[index], form), USER)
        except RejectedError as error:
            first = first or error
            # Servers that know no response_format do not always name it: until one has gone through, suspect it.
            if error.status not in (400, 422) or error.nature != Nature.REFUSED:
                raise
            if proven is not None and not _ABOUT_FORMAT.search(error.said):
                raise
        else:
            if first is not None and not _ABOUT_FORMAT.search(first.said):
                index, completion = _again(endpoint, settings, messages, form, start, index, completion)
            note = (
                "" if index == 0 else f"{settings.model} at {settings.base_url} takes no JSON schema ({first}): {_SAID[index]}"
            )
            endpoint.prove(*known, value=index, note=note)
            return completion
    assert first is not None
    raise first


def _again(
    endpoint: Endpoint,
    settings: LLMSettings,
    messages: Sequence[Message],
    form: Form,
    start: int,
    index: int,
    completion: Completion,
) -> tuple[int, Completion]:
    """Which form is taken, after one refusal of `start` that does not name it: it may have been for anything that passed."""
    try:
        return start, endpoint.complete(settings, messages, fields_of(_FALLBACKS[start], form), USER)
    except (RejectedError, FaultError):
        return index, completion


def fields_of(structured: Structured, form: Form) -> dict[str, Any]:
    if structured == "schema":
        wanted = {"name": form.name, "schema": form.strict, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return {"response_format": {"type": "json_object"}} if structured == "object" else {}
