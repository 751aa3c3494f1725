"""Under what episodes were played, and where evaluations differ in it."""

from collections.abc import Mapping
from typing import Any

_SETTINGS = {"gym_version": "gym version", "horizon": "horizon", "convention": "convention", "user": "user"}
"""A judge is part of the user's words."""


def other_settings(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A sentence for each setting that evaluations differ in, `settings` by their labels; what is not known is passed over."""
    found = []
    for key, words in _SETTINGS.items():
        values: dict[Any, list[str]] = {}
        for label, setting in settings.items():
            if setting.get(key) is not None:
                values.setdefault(setting[key], []).append(label)
        if len(values) > 1:
            named = ", ".join(f"{value} in {_some(labels)}" for value, labels in values.items())
            found.append(f"the {words} differs ({named}): differences may be due to that")
    return found


def _some(labels: list[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{labels[0]} and {len(labels) - 1} more"
