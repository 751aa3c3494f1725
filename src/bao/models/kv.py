"""The KV store of the rollout engine: one row per running episode, each with a length of its own.

Rows are written in place at their own positions; nothing is copied per token. The rows in use are always the first ones, so
that attention reads them without gathering. A row may be fed garbage beyond its length (padding of a ragged chunk): it is
masked, and overwritten by what comes next.
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

    Before a forward pass, `aim` says which rows it covers and where their chunks begin.
    """

    def __init__(self, rows: int) -> None:
        super().__init__(layers=[])
        self.rows = rows
        self.span = 0
        """Columns that attention sees."""
        self.visible = torch.empty(0, dtype=torch.bool)
        """[b, n, span]: which columns each fed token may look at."""
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self._rows: list[int] | None = None
        self._subset: Tensor | int = 0
        self._write_rows = torch.empty(0, dtype=torch.long)
        self._columns = torch.empty(0, dtype=torch.long)

    def aim(self, rows: list[int], columns: Tensor, span: int) -> None:
        """Cover `rows` [b]; write to `columns` [b, n]; let attention see the first `span` columns, each token up to itself."""
        index = torch.tensor(rows, device=columns.device)
        self._subset = len(rows) if rows == list(range(len(rows))) else index
        self._write_rows, self._columns, self.span = index.unsqueeze(1), columns, span
        self.visible = torch.arange(span, device=columns.device) <= columns.unsqueeze(-1)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store [b, n, kv heads, dim]; return all that the covered rows hold: both [b, kv heads, span, dim]."""
        if layer == len(self._keys):
            shape = (self.rows, keys.shape[2], 0, keys.shape[3])
            self._keys.append(keys.new_zeros(shape))
            self._values.append(values.new_zeros(shape))
        if self._keys[layer].shape[2] < self.span:
            self._grow(layer, -(-self.span // _BLOCK) * _BLOCK)
        all_keys, all_values = self._keys[layer], self._values[layer]
        all_keys[self._write_rows, :, self._columns] = keys
        all_values[self._write_rows, :, self._columns] = values
        if isinstance(self._subset, int):
            return all_keys[: self._subset, :, : self.span], all_values[: self._subset, :, : self.span]
        return all_keys[self._subset, :, : self.span], all_values[self._subset, :, : self.span]

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """transformers' name for `write`, with its order of dimensions [b, kv heads, n, dim]."""
        return self.write(layer_idx, key_states.transpose(1, 2), value_states.transpose(1, 2))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.span

    def copy(self, sources: list[int], targets: list[int], length: int) -> None:
        """Copy the first `length` columns of rows to other rows: a prompt to its group, or a row into a free place."""
        for store in (*self._keys, *self._values):
            store[targets, :, :length] = store[sources, :, :length]

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
