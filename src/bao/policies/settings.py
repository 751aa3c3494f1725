"""How an agent that is no model of ours is asked: the table ``agent`` of `bao eval`."""

from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bao.endpoint.settings import EndpointSettings
from bao.policies.prompt import PromptForm

AgentMode = Literal["auto", "tools", "text"]
TURN_SECONDS = 600.0


class ChatSettings(EndpointSettings):
    """A chat model that is judged as the agent."""

    written: ClassVar[tuple[str, ...]] = (*EndpointSettings.written, "tools")
    fetching: ClassVar[frozenset[str]] = EndpointSettings.fetching | {"turn_timeout"}

    timeout: float = Field(default=300.0, gt=0)
    """Seconds that one request may take in all."""
    turn_timeout: float = Field(default=TURN_SECONDS, gt=0)
    """Seconds that one turn may take, with all its requests and the pauses between them."""
    mode: AgentMode = "auto"
    """How the model takes an action: by calling the tool (``tools``) or in the bracket form (``text``); ``auto`` is by
    the tool, unless the endpoint refuses tools."""
    prompt: PromptForm | None = None
    """For a model that `bao` trained: the form of the system text that it was trained with. It acts in text then. None: the
    gym's rules, and how to act."""
    max_tokens: int = Field(default=4096, ge=1)
    """The most tokens of one turn, thoughts included."""
    episode_tokens: int | None = Field(default=None, ge=1)
    """The most tokens that the model may write in one episode; then the episode ends, with stop reason ``token_budget``."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = None
    """Where given, each episode's requests carry a seed made of it and of the episode's own; none: no seed is sent."""

    @model_validator(mode="after")
    def _trained_models_act_in_text(self) -> Self:
        if self.prompt is not None and self.mode == "tools":
            raise ValueError("mode='tools' and prompt contradict each other: a model that bao trained acts in text")
        return self


class OwnSettings(BaseModel):
    """An agent in Python."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    turn_timeout: float = Field(default=TURN_SECONDS, gt=0)
    """Seconds that the agent may take for one turn, and for starting."""
