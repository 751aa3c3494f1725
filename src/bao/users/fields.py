"""Fields of a model's reply that are asked for as they should be, and read wherever what is meant is known.

Small models leave a field out that nothing depends on, and write ``Yes.`` for ``yes``. Neither leaves a doubt, so neither costs
an episode; a value of another type, or a choice that is none of those on offer, still does (`bao.users.replies`).
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

S = TypeVar("S", bound=str)
E = TypeVar("E", bound=StrEnum)

_BETWEEN = re.compile(r"[\W_]+")


def ask_for_all(schema: dict[str, Any]) -> None:
    """For ``model_config``'s ``json_schema_extra``: the schema that a model is shown demands every field, defaults or not."""
    schema["required"] = list(schema["properties"])
    for field in schema["properties"].values():
        field.pop("default", None)


Thought = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else "")]
"""A model's reasons before its choice. They help it, and nobody reads them: give the field the default ``""``."""


def read_choice(value: Any, choices: Iterable[S]) -> S | None:
    """The one of `choices` that `value` is but for case, punctuation and white space; None where it is none or no text."""
    if not isinstance(value, str):
        return None
    meant = _plain(value)
    return next((choice for choice in choices if _plain(choice) == meant), None)


def choice_of(kind: type[E]) -> BeforeValidator:
    """Annotates a field of an enumeration whose members are read as `read_choice` reads them."""

    def read(value: Any) -> Any:
        found = read_choice(value, kind)
        return value if found is None else found

    return BeforeValidator(read)


def _plain(text: str) -> str:
    return _BETWEEN.sub(" ", text.casefold()).strip()
