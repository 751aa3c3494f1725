"""A chat completion held to a JSON schema, by the firmest means that the endpoint accepts."""

import re
from collections.abc import Sequence
from typing import Any

from bao.endpoint.client import Blame, Completion, Endpoint, Message, RejectedError
from bao.trajectory import Fault
from bao.users.replies import Form
from bao.users.settings import LLMSettings, Structured

USER = Blame(Fault.USER_TIMEOUT, Fault.USER_MALFORMED, Fault.USER_UNAVAILABLE)
_FALLBACKS: tuple[Structured, ...] = ("schema", "object", "text")
_ABOUT_FORMAT = re.compile(r"response_format|json_schema|json_object|guided|structured|schema", re.IGNORECASE)


def complete(endpoint: Endpoint, settings: LLMSettings, messages: Sequence[Message], form: Form) -> Completion:
    """The model's next message, asked for as `form`. Raises `FaultError` and `RejectedError` as `Endpoint.complete` does."""
    if settings.structured != "auto":
        return endpoint.complete(settings, messages, _fields(settings.structured, form), USER)
    known = ("structured", settings.model, form.text)
    proven = known in endpoint.found
    start: int = endpoint.found.get(known, 0)
    first: RejectedError | None = None
    for index in range(start, len(_FALLBACKS)):
        try:
            completion = endpoint.complete(settings, messages, _fields(_FALLBACKS[index], form), USER)
        except RejectedError as error:
            first = first or error
            # Servers that know no response_format do not always name it: until one has gone through, suspect it.
            if error.status not in (400, 422) or (proven and not _ABOUT_FORMAT.search(error.said)):
                raise
        else:
            endpoint.found[known] = index
            return completion
    assert first is not None
    raise first


def _fields(structured: Structured, form: Form) -> dict[str, Any]:
    if structured == "schema":
        wanted = {"name": form.name, "schema": form.strict, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": wanted}}
    return {"response_format": {"type": "json_object"}} if structured == "object" else {}
