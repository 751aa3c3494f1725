"""Keep secrets out of what leaves a run: settings that trackers show, and errors that quote an address."""

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
_SECRET = frozenset(
    {"key", "apikey", "token", "secret", "password", "passwd", "credential", "credentials", "auth", "authorization", "bearer"}
)
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])")
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:key|token|secret|password|sig)[^=&\s]*=)[^&\s]+", re.IGNORECASE)
_KNOWN = re.compile(r"\b(?:sk-|hf_|ghp_|gho_|github_pat_|xox[abp]-|AKIA)[\w-]{8,}|(?<=Bearer )\S+")
_SHORTEST = 8
"""Characters of an environment variable's value below which it is too common a text to look for."""


def redact(value: Any) -> Any:
    """`value` (nested mappings, sequences, texts) with every secret as ``***``.

    Secret is what a key calls so (``api_key``, ``token``; ``turn_tokens`` is none), what an address carries as user or query,
    what begins as known keys do, and any text that an environment variable of such a name holds.
    """
    if isinstance(value, Mapping):
        return {key: HIDDEN if _names_secret(str(key)) and item is not None else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    return _without_secrets(value) if isinstance(value, str) else value


def _names_secret(key: str) -> bool:
    return not _SECRET.isdisjoint(word.lower() for word in _WORDS.split(key))


def _without_secrets(text: str) -> str:
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    text = _KNOWN.sub(HIDDEN, text)
    for name, secret in os.environ.items():
        if len(secret) >= _SHORTEST and _names_secret(name):
            text = text.replace(secret, HIDDEN)
    return text
