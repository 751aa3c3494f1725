"""The key of an endpoint: read from the environment for each request, and kept out of all that is shown."""

import os
import re
from urllib.parse import urlsplit

from bao.endpoint.settings import EndpointSettings
from bao.errors import ConfigError

_KEYLIKE = re.compile(r"(?i)\b(?:sk|pk|rk|key|token|bearer)[-_ :]+\S{6,}")
_SHOWN = 300


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


def key_headers(settings: EndpointSettings) -> dict[str, str]:
    """The header that carries the key; none where there is no key."""
    key = read_key(settings.api_key_env)
    if key is None:
        return {}
    host = urlsplit(settings.base_url).hostname or ""
    name = settings.key_header or ("api-key" if host.endswith(".azure.com") else "Authorization")
    return {name: f"Bearer {key}" if name.lower() == "authorization" else key}


def scrubbed(said: str, key: str | None) -> str:
    """What a server said, short, without the key or what looks like one (servers quote the key that they refuse)."""
    if key is not None:
        said = said.replace(key, "***")
    said = _KEYLIKE.sub("***", said)
    return "".join(character for character in said[:_SHOWN] if character.isprintable())
