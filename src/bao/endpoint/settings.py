"""Which model is asked, where it is served, and how patiently."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bao.errors import ConfigError, suggest

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_SECRET_NAME = re.compile(r"key|token|secret|sig|auth|code|pass", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?:sk|pk|rk|key)-.*|\S{24,}")
_PATHS = ("/chat/completions", "/responses")


class EndpointSettings(BaseModel):
    """A chat model behind an OpenAI-compatible endpoint. Frozen; unknown keys are refused; no field holds a key."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, hide_input_in_errors=True
    )
    written: ClassVar[tuple[str, ...]] = ("messages", "input", "model", "stream", "n")
    """Fields of a request that `body` may not set."""
    fetching: ClassVar[frozenset[str]] = frozenset(
        {"api_key_env", "key_header", "timeout", "attempts", "backoff", "longest_wait", "concurrency", "stream"}
    )
    """Settings that say how a reply is fetched, and change none."""

    model: str = Field(min_length=1)
    """The model's name, as the endpoint knows it."""
    base_url: str
    """The endpoint up to ``/chat/completions``, such as http://127.0.0.1:8000/v1. A query (``?api-version=..``) is repeated in
    each request."""
    api: Literal["chat", "responses"] = "chat"
    """How it is spoken to: by chat completions, or by the Responses API."""
    api_key_env: str | None = None
    """The environment variable that holds the key; none: no key is sent."""
    key_header: str | None = None
    """The header that the key is sent in; none: ``Authorization: Bearer KEY``, and ``api-key`` on hosts of Azure."""
    stream: bool | None = None
    """Whether replies are asked for as streams; none: where the endpoint answers in no other way."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds that one request may take in all, from looking up the host to the reply's last byte."""
    attempts: int = Field(default=4, ge=1)
    """Tries of one request, where what went wrong may pass: no reply in time, no connection, 429, 5xx."""
    backoff: float = Field(default=0.5, ge=0)
    """Seconds before the second try, doubled before each further one, each shortened at random by up to half."""
    longest_wait: float = Field(default=300.0, ge=0)
    """The longest pause, in seconds, that is made where the endpoint asks for one (``Retry-After``); one that asks for more
    counts as unavailable."""
    concurrency: int = Field(default=64, ge=1)
    """Requests at once, from this process, to this endpoint."""
    temperature: float = Field(default=0.0, ge=0)
    max_tokens: int = Field(default=1024, ge=1)
    """The longest reply, the thoughts of a reasoning model included."""
    seed: int | None = None
    """Sent with each request where given; endpoints differ in whether they heed it."""
    body: dict[str, Any] = {}
    """Further fields of each request, such as ``chat_template_kwargs``; they take precedence over ours."""

    @field_validator("base_url")
    @classmethod
    def _is_endpoint(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise ValueError("must be a URL such as http://127.0.0.1:8000/v1") from None
        if parts.scheme not in ("http", "https") or not host or not value.isascii() or re.search(r"\s", value):
            raise ValueError("must be a URL such as http://127.0.0.1:8000/v1")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must hold no user name, password or key: put the key into a variable and name it in api_key_env")
        if parts.fragment:
            raise ValueError("must end with the path or a query, without '#'")
        for name, held in parse_qsl(parts.query, keep_blank_values=True):
            if _SECRET_NAME.search(name) or _SECRET_VALUE.fullmatch(held):
                raise ValueError("must hold no key in its query: put the key into a variable and name it in api_key_env")
        path = parts.path.rstrip("/")
        for end in _PATHS:
            path = path.removesuffix(end)
        return urlunsplit(parts._replace(path=path.rstrip("/")))

    @field_validator("key_header")
    @classmethod
    def _is_header(cls, value: str | None) -> str | None:
        if value is not None and not _HEADER.fullmatch(value):
            raise ValueError("must be the name of a header, such as api-key")
        return value

    @field_validator("api_key_env")
    @classmethod
    def _is_variable(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError("must be the name of an environment variable, such as OPENAI_API_KEY, never the key itself")
        return value

    @model_validator(mode="after")
    def _body_leaves_ours(self) -> Self:
        for name in self.written:
            if name in self.body:
                raise ValueError(f"body.{name} is not for you to set: it is written anew for each request")
        return self

    def identity(self) -> dict[str, Any]:
        """What can change a reply: all but how it is fetched and kept."""
        found = self.model_dump(mode="json", exclude=set(self.fetching), exclude_none=True)
        if self.api == "chat":
            del found["api"]  # as it was before there were others
        return found


Settings = TypeVar("Settings", bound=BaseModel)


def checked(kind: type[Settings], values: Any, name: str) -> Settings:
    """`values` (a table, or settings already) as settings called `name` in errors.

    Raises `ConfigError` with one line for each setting that is wrong, never with its value: a misplaced one may be a key.
    """
    if isinstance(values, kind):
        return values
    if not isinstance(values, Mapping):
        raise ConfigError(f"{name} must be a table with a model and its base_url, not {type(values).__name__}")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        lines = []
        for issue in error.errors(include_input=False, include_url=False):
            key = ".".join((name, *map(str, issue["loc"])))
            if issue["type"] == "extra_forbidden":
                lines.append(f"{key} is no setting: {suggest(str(issue['loc'][-1]), kind.model_fields)}")
            elif issue["type"] == "missing":
                lines.append(f"{key} is missing: {_MISSING.get(str(issue['loc'][-1]), 'give it')}")
            elif issue["type"] == "value_error":
                lines.append(f"{key} {issue['ctx']['error']}")
            else:
                lines.append(f"{key}: {issue['msg']}")
        raise ConfigError("\n".join(lines)) from None


_MISSING = {
    "model": "give the model's name, as the endpoint knows it",
    "base_url": "give the endpoint, such as http://127.0.0.1:8000/v1",
}
