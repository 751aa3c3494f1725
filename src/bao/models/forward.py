"""Two ways to feed tokens to a model whose rows live in a `RowCache`: the model's own forward pass, and a direct one.

The direct one computes the same with fewer and larger steps, for the common decoder layout (Qwen3, Qwen2, Llama): a small
model on a CPU spends much of its time between the matrix products. The model's own modules do these, so adapters on them keep
working.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from bao.errors import ConfigError
from bao.models.kv import ATTENTION, RowCache
from bao.models.local import with_cache

Forward = Callable[[Tensor, Tensor, RowCache], Tensor]
"""Ids [b, n] at positions [b, n] of the rows that the cache aims at -> last hidden states [b, n, hidden]."""

_DIRECT = {"Qwen3ForCausalLM", "Qwen2ForCausalLM", "LlamaForCausalLM"}
_STATIC_ROPE = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose angles depend on the position alone."""


@contextmanager
def forward_of(model: Any) -> Iterator[Forward]:
    """The fastest exact forward pass for `model`, for as long as its weights stay the same."""
    if _suits(model):
        yield _Direct(model)
        return
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield _Own(model)
    finally:
        model.set_attn_implementation(before)


def _suits(model: Any) -> bool:
    config = model.config
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    return (
        type(model).__name__ in _DIRECT
        and config.hidden_act == "silu"
        and all(kind == "full_attention" for kind in getattr(config, "layer_types", None) or ())
        and rope.get("rope_type", "default") in _STATIC_ROPE
        and not torch.is_autocast_enabled(next(model.parameters()).device.type)
    )


class _Own:
    """transformers' forward pass. Raises `ConfigError` beyond a model's attention window, which the rows do not keep."""

    def __init__(self, model: Any) -> None:
        self._model = model.model
        self._window = getattr(model.config, "sliding_window", None)

    def __call__(self, ids: Tensor, positions: Tensor, cache: RowCache) -> Tensor:
        if self._window and cache.span > self._window:
            raise ConfigError(
                f"an episode of {cache.span} tokens is longer than the {self._window} that this model's attention looks back: "
                "lower trajectory_tokens, or take a model without a sliding window"
            )
        return with_cache(self._model, ids, cache.visible.unsqueeze(1), positions, cache)


class _Direct:
    """The layers one by one, with fused norms, angles from a table and attention straight on the rows of the cache."""

    def __init__(self, model: Any) -> None:
        self._inner = model.model
        config = model.config
        self._heads, self._kv_heads = config.num_attention_heads, config.num_key_value_heads
        self._dim = getattr(config, "head_dim", None) or config.hidden_size // self._heads
        self._cosine, self._sine = torch.empty(0), torch.empty(0)

    def __call__(self, ids: Tensor, positions: Tensor, cache: RowCache) -> Tensor:
        batch, length = ids.shape
        dim, heads, kv_heads = self._dim, self._heads, self._kv_heads
        self._extend_table(cache.span)
        cosine, sine = self._cosine[positions].unsqueeze(2), self._sine[positions].unsqueeze(2)  # [b, n, 1, dim / 2]
        bias = torch.zeros(cache.visible.shape, device=ids.device)
        bias.masked_fill_(~cache.visible, torch.finfo(torch.float32).min)
        attend = self._attend_one if length == 1 else self._attend_many
        states = self._inner.embed_tokens(ids)
        for index, layer in enumerate(self._inner.layers):
            attention = layer.self_attn
            x = _norm(layer.input_layernorm, states)
            query = attention.q_proj(x).view(batch, length, heads, dim)
            key = attention.k_proj(x).view(batch, length, kv_heads, dim)
            value = attention.v_proj(x).view(batch, length, kv_heads, dim)
            if hasattr(attention, "q_norm"):
                query, key = _norm(attention.q_norm, query), _norm(attention.k_norm, key)
            keys, values = cache.write(index, _rotate(key, cosine, sine), value)
            mixed = attend(_rotate(query, cosine, sine), keys, values, bias)
            states = states + attention.o_proj(mixed.reshape(batch, length, heads * dim))
            x, mlp = _norm(layer.post_attention_layernorm, states), layer.mlp
            states = states + mlp.down_proj(F.silu(mlp.gate_proj(x), inplace=True).mul_(mlp.up_proj(x)))
        return _norm(self._inner.norm, states)

    def _attend_one(self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Query [b, 1, heads, dim] over keys [b, kv heads, span, dim]: one matrix product per KV head, none repeated."""
        batch, kv_heads, span, dim = keys.shape
        grouped = query.reshape(batch * kv_heads, self._heads // kv_heads, dim) * dim**-0.5
        weights = torch.bmm(grouped, keys.view(batch * kv_heads, span, dim).transpose(1, 2))
        weights.view(batch, self._heads, span).add_(bias)
        weights = torch.softmax(weights, -1)
        return torch.bmm(weights, values.view(batch * kv_heads, span, dim))

    def _attend_many(self, query: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        mixed = F.scaled_dot_product_attention(
            query.transpose(1, 2), keys, values, attn_mask=bias.unsqueeze(1), enable_gqa=True
        )
        return mixed.transpose(1, 2)

    def _extend_table(self, span: int) -> None:
        """Make the table of angles reach to position `span`: transformers' own, of which both halves are alike."""
        if span <= len(self._cosine):
            return
        device = next(self._inner.parameters()).device
        positions = torch.arange(max(256, 2 * span), device=device).unsqueeze(0)
        cosine, sine = self._inner.rotary_emb(torch.empty(0, device=device), positions)
        self._cosine, self._sine = (half[0, :, : self._dim // 2].contiguous() for half in (cosine, sine))


def _norm(module: Any, x: Tensor) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], module.weight, module.variance_epsilon)


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary position embedding of [b, n, heads, dim]."""
    first, second = x.chunk(2, -1)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], -1)
