"""What a tool's parameter may hold: a text, a list of texts, a number, or a list of objects."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

NUMBER_MOST = 1_000_000
"""No amount of money and no count is larger."""


class Parameter(Protocol):
    @property
    def about(self) -> str:
        """What it holds, for the agent; may be empty."""

    def fault(self, name: str, value: Any) -> str | None:
        """What is wrong with `value`, in words for the agent; None: nothing."""


@dataclass(frozen=True, slots=True)
class Text:
    about: str = ""

    def fault(self, name: str, value: Any) -> str | None:
        if isinstance(value, str):
            return None
        return f'{name} must be a text in quotes, not {shown(value)}; write "{name}": "..."'


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts that is not empty."""

    about: str = ""

    def fault(self, name: str, value: Any) -> str | None:
        if isinstance(value, list) and value and all(isinstance(entry, str) for entry in value):
            return None
        return f'{name} must be a list of texts such as ["1234567890"], not {shown(value)}'


@dataclass(frozen=True, slots=True)
class Number:
    """A number from 0, whole or not."""

    about: str = ""
    whole: bool = False

    def fault(self, name: str, value: Any) -> str | None:
        kinds = (int,) if self.whole else (int, float)
        if isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= NUMBER_MOST:
            return None
        kind = "whole number" if self.whole else "number"
        return f'{name} must be a {kind} of at least 0 without quotes, not {shown(value)}; write "{name}": 2'


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of objects with the same fields that is not empty."""

    fields: Mapping[str, Parameter]
    about: str = ""

    def fault(self, name: str, value: Any) -> str | None:
        names = ", ".join(self.fields)
        if not isinstance(value, list) or not value:
            return f"{name} must be a list of objects with the fields {names}, not {shown(value)}"
        for row in value:
            if not isinstance(row, dict) or set(row) != set(self.fields):
                return f"each entry of {name} must be an object with exactly the fields {names}, not {shown(row)}"
            for field, parameter in self.fields.items():
                fault = parameter.fault(field, row[field])
                if fault is not None:
                    return f"{name}: {fault}"
        return None


def parameter(spec: Any) -> Parameter:
    """A parameter as a ``tools.toml`` writes it: what a text holds, or a table with what another kind of value holds."""
    match spec:
        case {"texts": about}:
            return Texts(about)
        case {"number": about}:
            return Number(about)
        case {"whole": about}:
            return Number(about, whole=True)
        case {"rows": about, "fields": fields}:
            return Rows({name: parameter(each) for name, each in fields.items()}, about)
    return Text(spec)


def shown(value: object) -> str:
    """An agent's text for a reply: short, and in ASCII, so that it can be written anywhere."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
