"""What to mend where an endpoint refuses a request for good."""

from bao.endpoint.client import RejectedError
from bao.endpoint.settings import EndpointSettings

OF_ONE_REQUEST = frozenset({400, 403, 413, 422})
"""Statuses that an endpoint which answers other requests gives to this one alone: it is too long, or for its content."""


def mend(settings: EndpointSettings, name: str, error: RejectedError, named: str) -> str:
    """The setting of those called `name` to change, and how; `named` lists what a malformed request may be due to."""
    status = error.status
    if status == 0:
        fix = f"{name}.base_url={settings.base_url!r} has a certificate that is not trusted: set SSL_CERT_FILE to its CA"
    elif status in (401, 403):
        fix = (
            f"{name}.api_key_env is not set: name the environment variable that holds the key for {settings.base_url}"
            if settings.api_key_env is None
            else f"{name}.api_key_env={settings.api_key_env!r} holds a key that {settings.base_url} refuses: export another"
        )
    elif status in (402, 429):
        fix = f"{name}.api_key_env={settings.api_key_env!r}: the account has no credit left at {settings.base_url}"
    elif status == 404 and "model" in error.said.lower():
        fix = f"{name}.model={settings.model!r} is unknown to {settings.base_url}: give a model that it serves"
    elif status in (400, 413, 422):
        fix = f"{name}: {settings.base_url} refuses the request: mend what it names ({named})"
    else:
        fix = (
            f"{name}.base_url={settings.base_url!r} serves no chat completions: give it up to /v1, such as http://HOST:8000/v1"
        )
    return f"{fix} (HTTP {status}: {error.said or 'nothing said'})"
