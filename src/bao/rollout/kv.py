"""The KV store of the rollout engine: one row per running episode, each with a length of its own.

Rows are written in place at their own positions; nothing is copied per token. A row may be fed garbage beyond its length
(padding of a ragged chunk): it is masked, and overwritten by what comes next.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

ATTENTION = "bao_rows"
"""Name under which `row_attention` is registered with transformers."""
_BLOCK = 64


class RowCache(Cache):
    """Keys and values [rows, kv heads, capacity, head dim] per layer, written at each row's own position.

    Before a forward pass, `aim` says which rows it covers, where their chunks begin and how long the longest of them will be.
    """

    def __init__(self, rows: int) -> None:
        super().__init__(layers=[])
        self.rows = rows
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._subset: Tensor | None = None
        self._write_rows = torch.empty(0, dtype=torch.long)
        self._columns = torch.empty(0, dtype=torch.long)
        self._span = 0

    def aim(self, rows: Tensor, columns: Tensor, span: int) -> None:
        """Cover `rows` [b]; write to `columns` [b, n]; let attention see the first `span` columns."""
        self._subset = None if len(rows) == self.rows else rows
        self._write_rows, self._columns, self._span = rows.unsqueeze(1), columns, span

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        if layer_idx == len(self._keys):
            shape = (self.rows, key_states.shape[1], 0, key_states.shape[3])
            self._keys.append(key_states.new_zeros(shape))
            self._values.append(value_states.new_zeros(shape))
        needed = int(self._span)
        if self._keys[layer_idx].shape[2] < needed:
            self._grow(layer_idx, -(-needed // _BLOCK) * _BLOCK)
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[self._write_rows, :, self._columns] = key_states.transpose(1, 2)
        values[self._write_rows, :, self._columns] = value_states.transpose(1, 2)
        if self._subset is None:
            return keys[:, :, :needed], values[:, :, :needed]
        return keys[self._subset, :, :needed], values[self._subset, :, :needed]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self._span

    def copy_prefix(self, source: Tensor, target: Tensor, length: int) -> None:
        """Copy the first `length` columns of the rows `source` [b] to the rows `target` [b]: a prompt to its group."""
        for store in (*self._keys, *self._values):
            store[target, :, :length] = store[source, :, :length]

    def keep(self, rows: Tensor) -> None:
        """Drop every row but `rows`, which become 0, 1, ... in their order."""
        self._keys = [store[rows] for store in self._keys]
        self._values = [store[rows] for store in self._values]
        self.rows = len(rows)

    def _grow(self, layer: int, capacity: int) -> None:
        for stores in (self._keys, self._values):
            old = stores[layer]
            new = old.new_zeros(old.shape[0], old.shape[1], capacity, old.shape[3])
            new[:, :, : old.shape[2]] = old
            stores[layer] = new


def row_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **settings: Any
) -> tuple[Tensor, Tensor | None]:
    """Attention for decoding: one matrix product per KV head group, without repeating keys; SDPA for longer queries."""
    batch, heads, length, dim = query.shape
    if length != 1 or attention_mask is None or torch.is_grad_enabled():
        out: tuple[Tensor, Tensor | None] = sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
        return out
    kv_heads, span = key.shape[1], key.shape[2]
    scaling = settings.get("scaling") or dim**-0.5
    grouped = query.view(batch * kv_heads, heads // kv_heads, dim) * scaling
    weights = torch.bmm(grouped, key.view(batch * kv_heads, span, dim).transpose(1, 2)).float()
    weights = weights.view(batch, heads, span).masked_fill_(~attention_mask[:, 0], torch.finfo(torch.float32).min)
    weights = torch.softmax(weights, -1).to(value.dtype).view(batch * kv_heads, heads // kv_heads, span)
    mixed = torch.bmm(weights, value.view(batch * kv_heads, span, dim))
    return mixed.view(batch, 1, heads, dim), None


AttentionInterface.register(ATTENTION, row_attention)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)
