"""Which model, and how it runs."""

from typing import Literal, Self

from pydantic import Field, model_validator

from bao.policies.prompt import PromptForm
from bao.settings import Section

EMBEDDED_POSITIONS = 2048
"""Tokens that the embedded model can look back on: prompt and trajectory together."""


class ModelSection(Section):
    path: str | None = None
    """A Hugging Face model folder to start from; none: the embedded small model, freshly initialised."""
    hidden: int = Field(default=128, ge=16)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    kv_heads: int = Field(default=2, ge=1)
    feedforward: int = Field(default=384, ge=16)
    vocabulary: int = Field(default=1024, ge=300)
    prompt: PromptForm = PromptForm.BRIEF
    device: str = "cpu"
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the forward and backward passes (weights stay in float32: autocast)."""
    workers: int = Field(default=0, ge=0)
    """Processes that share the work on a CPU; 0: one for each core (1 on another device, and for a model from `path`)."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads={self.heads} must be a multiple of kv_heads={self.kv_heads}")
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden={self.hidden} must be a multiple of twice heads={self.heads}")
        return self
