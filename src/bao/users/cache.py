"""Replies kept on disk by the content of their request, one file each.

Safe with several processes and with one killed at any moment: a file appears whole, by a rename, or not at all. An entry that
cannot be read, or that is not what its own digest says, counts as absent and is written anew.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from bao.storage.atomic import atomic_text


def request_key(request: Mapping[str, Any]) -> str:
    """A digest of a request's content; the order of its fields does not matter."""
    return _digest(json.dumps(request, sort_keys=True, separators=(",", ":")))


class ReplyCache:
    """Texts by key, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> str | None:
        """The text kept under `key`; None where there is none that can be trusted."""
        try:
            entry = json.loads(self._path(key).read_bytes().decode("utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        text = entry.get("text") if isinstance(entry, dict) else None
        if not isinstance(text, str) or entry.get("key") != key or entry.get("digest") != _digest(text):
            return None
        return text

    def put(self, key: str, text: str) -> None:
        """Keep `text` under `key`. Raises `OSError` where the folder cannot be written."""
        entry = json.dumps({"key": key, "digest": _digest(text), "text": text})
        atomic_text(self._path(key), entry, durable=False)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.json"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
