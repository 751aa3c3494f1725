"""Which model plays the user or the judge."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from bao.endpoint.settings import EndpointSettings, checked
from bao.errors import ConfigError

Structured = Literal["auto", "schema", "object", "text"]


class LLMSettings(EndpointSettings):
    """The model that plays a user or a judge."""

    written: ClassVar[tuple[str, ...]] = (*EndpointSettings.written, "response_format")
    fetching: ClassVar[frozenset[str]] = EndpointSettings.fetching | {"cache"}

    structured: Structured = "auto"
    """How a reply is held to its JSON schema: by the endpoint (``schema``), by the endpoint as any JSON object (``object``), by
    the prompt alone (``text``); ``auto`` is the first of these that the endpoint accepts."""
    cache: Path | None = None
    """A folder that keeps replies and gives them back to the same request; none: every reply is asked for anew."""


_RESPONSES = "openai-responses:"


def llm_settings(values: Any, name: str = "llm") -> LLMSettings:
    """`values` (a table, or settings already) as settings called `name` in errors.

    Raises `ConfigError` with one line for each setting that is wrong, never with its value: a misplaced one may be a key.
    """
    return checked(LLMSettings, values, name)


def model_at(text: str, option: str, api_key_env: str | None = None) -> dict[str, str]:
    """The settings of the model that `option` gives as MODEL@BASE_URL, or openai-responses:MODEL@BASE_URL.

    Raises `ConfigError` on another form.
    """
    model, _, base_url = text.rpartition("@")
    by_responses = model.startswith(_RESPONSES)
    model = model.removeprefix(_RESPONSES).removeprefix("openai:")
    if not model or not base_url.startswith(("http://", "https://")):
        raise ConfigError(f"{option} must be MODEL@BASE_URL, such as {option} qwen3@http://127.0.0.1:8000/v1")
    api = {"api": "responses"} if by_responses else {}
    return {"model": model, "base_url": base_url, **api} | ({} if api_key_env is None else {"api_key_env": api_key_env})
