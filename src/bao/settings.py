"""Settings: tables of checked values. TOML in, TOML out; an unknown key is an error that names the nearest known one."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, ValidationError, ValidatorFunctionWrapHandler
from pydantic_core import core_schema

from bao.errors import ConfigError, suggest

EffortWeights = Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)]
"""At least one price of a user-involving turn, in units of R."""
AUTO: Literal["auto"] = "auto"
"""In place of effort weights: find them from the gym's scripted policies (`bao.evaluation.prices`)."""


def _auto_or(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    return AUTO if value == AUTO else handler(value)


FoundWeights = Annotated[
    EffortWeights | Literal["auto"],
    GetPydanticSchema(
        # Not a union, whose errors would name two settings where one is wrong.
        lambda _, handler: core_schema.no_info_wrap_validator_function(
            _auto_or,
            handler(EffortWeights),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value),
        )
    ),
]
"""`EffortWeights`, or `AUTO`."""


class Section(BaseModel):
    """A table of the recipe. Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


Checked = TypeVar("Checked", bound=BaseModel)


def check_settings(kind: type[Checked], values: Mapping[str, Any], source: str) -> Checked:
    """`values` as a `kind`. Raises `ConfigError` with one line for each setting that is wrong."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = []
        for issue in error.errors():
            key = ".".join(map(str, issue["loc"]))
            if issue["type"] == "extra_forbidden":
                known = _fields_at(kind, issue["loc"][:-1])
                lines.append(f"{source}: {key} is no setting: {suggest(str(issue['loc'][-1]), known)}")
            elif issue["type"] == "value_error":
                lines.append(": ".join(filter(None, (source, key, str(issue["ctx"]["error"])))))
            else:
                lines.append(f"{source}: {key}={issue['input']!r}: {issue['msg']}")
        raise ConfigError("\n".join(lines)) from error


def _fields_at(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    section: Any = kind
    for name in location:
        annotation = section.model_fields[name].annotation if isinstance(name, str) else None
        candidates = [annotation, *get_args(annotation)]
        section = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), section)
    return list(section.model_fields)


def override_setting(values: dict[str, Any], override: str) -> None:
    """Set one ``section.key=value`` (the value in TOML, else as text). Raises `ConfigError` where it is none."""
    key, sign, text = override.partition("=")
    if not sign:
        raise ConfigError(f"override {override!r} is no KEY=VALUE, such as grpo.steps=20")
    try:
        value = tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, name = key.strip().split(".")
    table = values
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"override {override!r}: {section} is a value, not a section")
    table[name] = value


def as_overrides(settings: Mapping[str, Any] | Sequence[str] | None) -> tuple[str, ...]:
    """As `override_setting` takes them, from texts of that form or from values by ``section.key`` (or nested by section)."""
    if not isinstance(settings, Mapping):
        return tuple(settings or ())
    found: list[str] = []
    for key, value in settings.items():
        nested = isinstance(value, Mapping)
        found += (
            [f"{key}.{each}" for each in as_overrides(value)] if nested else [f"{key}={json.dumps(value, ensure_ascii=False)}"]
        )
    return tuple(found)
