"""The endpoints of this process: one for each address, key variable and concurrency limit, whoever asks it."""

import os
import threading
from collections.abc import Mapping

from bao.endpoint.client import Endpoint
from bao.endpoint.counters import Usage
from bao.endpoint.settings import EndpointSettings

Name = tuple[str, str | None, int]
"""What tells an endpoint from others: its address, the variable of its key, its concurrency limit."""
_shared: dict[Name, Endpoint] = {}
_sharing = threading.Lock()


def shared_endpoint(settings: EndpointSettings) -> Endpoint:
    """The endpoint of these settings in this process: one for each address, key variable and concurrency limit."""
    return _endpoint((settings.base_url, settings.api_key_env, settings.concurrency))


def _endpoint(name: Name) -> Endpoint:
    with _sharing:
        endpoint = _shared.get(name)
        if endpoint is None:
            endpoint = _shared[name] = Endpoint(*name)
        return endpoint


def usages() -> dict[Name, Usage]:
    """What each endpoint took so far in this process."""
    return {endpoint.name: endpoint.counters.usage() for endpoint in endpoints()}


def include_usages(found: Mapping[Name, Usage]) -> None:
    """Count what another process has used as used here."""
    for name, usage in found.items():
        _endpoint(name).counters.include(usage)


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
