"""What to mend where an endpoint refuses a request for good, and whether it refused that request alone."""

from collections.abc import Mapping
from typing import Any

from bao.endpoint.asking import Blame, RejectedError
from bao.endpoint.client import Endpoint
from bao.endpoint.nature import Nature
from bao.endpoint.settings import EndpointSettings

_OF_ONE_REQUEST = frozenset({400, 403, 413, 422, 451, 500})
"""Statuses that an endpoint which answers other requests gives to this one alone."""


def is_of_one_request(
    endpoint: Endpoint, settings: EndpointSettings, fields: Mapping[str, Any], error: RejectedError, blame: Blame
) -> bool:
    """Whether `error` met this request alone: for its content, its length, or since a short one of the same settings passes."""
    if error.nature in (Nature.FILTER, Nature.OVERFLOW):
        return True
    return error.status in _OF_ONE_REQUEST and endpoint.answers(settings, fields, blame)


def told(settings: EndpointSettings, error: RejectedError) -> str:
    """The refusal in words, its nature first where it has a name."""
    named = f"{error.nature}: " if error.nature in (Nature.FILTER, Nature.OVERFLOW) else ""
    return f"{settings.model}: {named}HTTP {error.status} {error.said}".strip()


def mend(settings: EndpointSettings, name: str, error: RejectedError, named: str) -> str:
    """The setting of those called `name` to change, and how; `named` lists what a malformed request may be due to."""
    status, key, url = error.status, settings.api_key_env, settings.base_url
    if status == 0:
        fix = f"{name}.base_url={url!r} has a certificate that is not trusted: set SSL_CERT_FILE to its CA"
    elif error.nature == Nature.CREDIT or status == 402:
        fix = f"{name}.api_key_env={key!r}: the account has no credit left at {url}"
    elif status in (401, 403):
        fix = (
            f"{name}.api_key_env is not set: name the environment variable that holds the key for {url}"
            if key is None
            else f"{name}.api_key_env={key!r} holds a key that {url} refuses: export another"
        )
    elif status == 404 and "model" in error.said.lower():
        fix = f"{name}.model={settings.model!r} is unknown to {url}: give a model that it serves"
    elif error.nature == Nature.ROLES:
        fix = f"{name}.model={settings.model!r} has a chat template that does not take the conversation: serve it with another"
    elif status in (400, 413, 422, 429):
        fix = f"{name}: {url} refuses the request: mend what it names ({named})"
    else:
        serves = "no responses (api='responses')" if settings.api == "responses" else "no chat completions"
        fix = f"{name}.base_url={url!r} serves {serves}: give it up to /v1, such as http://HOST:8000/v1"
    return f"{fix} (HTTP {status}: {error.said or 'nothing said'})"
