"""Token traces to padded tensors, and the model's log-probabilities at the loss positions.

A batch holds whole groups. Where trajectories share a prompt, it is forwarded once, with gradient, and its keys and values are
expanded to the group's rows; rows of unlike lengths are forwarded apart, so that little is computed on padding; the LM head is
applied at loss positions only. All three are exact: gradients equal those of the plain forward pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from bao.models.local import with_cache
from bao.trajectory import TokenTrace

_PART_TOKENS = 512


@dataclass(frozen=True)
class Batch:
    """Rows of traces that belong together, padded.

    Shapes: P prompts, B rows, L prompt tokens (left-padded), C completion tokens (right-padded), N loss positions.
    """

    prompts: Tensor
    """[P, L] ids."""
    prompt_mask: Tensor
    """[P, L] bool."""
    row_prompt: Tensor
    """[B] index of each row's prompt; non-decreasing."""
    ids: Tensor
    """[B, C] completion ids."""
    lengths: Tensor
    """[B] completion lengths."""
    turn: Tensor
    """[B, C] turn index, -1 where there is no loss."""
    sampled_logprob: Tensor
    """[N] log-probabilities kept by the sampler."""

    @property
    def loss_mask(self) -> Tensor:
        return self.turn >= 0

    @property
    def tokens(self) -> int:
        return int(self.prompt_mask.sum()) + int(self.lengths.sum())


class Scored(NamedTuple):
    """What the current weights say at the loss positions, row by row: both [N]."""

    logprob: Tensor
    entropy: Tensor


def collate(traces: Sequence[TokenTrace], pad_id: int, device: torch.device | str = "cpu") -> Batch:
    """One batch of `traces`; neighbours with equal prompts share one."""
    prompts: list[np.ndarray[Any, Any]] = []
    row_prompt = []
    for trace in traces:
        if not prompts or not np.array_equal(prompts[-1], trace.prompt):
            prompts.append(trace.prompt)
        row_prompt.append(len(prompts) - 1)
    longest_prompt = max(len(p) for p in prompts)
    longest = max(len(t.ids) for t in traces)
    prompt_ids = np.full((len(prompts), longest_prompt), pad_id, dtype=np.int64)
    prompt_mask = np.zeros((len(prompts), longest_prompt), dtype=bool)
    for i, prompt in enumerate(prompts):
        prompt_ids[i, longest_prompt - len(prompt) :] = prompt
        prompt_mask[i, longest_prompt - len(prompt) :] = True
    ids = np.full((len(traces), longest), pad_id, dtype=np.int64)
    turn = np.full((len(traces), longest), -1, dtype=np.int64)
    for i, trace in enumerate(traces):
        ids[i, : len(trace.ids)] = trace.ids
        turn[i, : len(trace.turn)] = trace.turn
    sampled = np.concatenate([trace.logprob[trace.turn >= 0] for trace in traces])

    def tensor(array: np.ndarray[Any, Any]) -> Tensor:
        return torch.from_numpy(array).to(device)

    rows, lengths = (torch.tensor(each, device=device) for each in (row_prompt, [len(t.ids) for t in traces]))
    return Batch(tensor(prompt_ids), tensor(prompt_mask), rows, tensor(ids), lengths, tensor(turn), tensor(sampled))


def score(
    model: Any, batch: Batch, temperature: float = 1.0, *, share_prompt: bool = True, entropy_gradient: bool = False
) -> Scored:
    """Log-probability and entropy of the model at every loss position of `batch`, in row-major order.

    `temperature` divides the logits, as the sampler did. `share_prompt` forwards each prompt once for all of its rows.
    `entropy_gradient` lets gradients flow through the entropies (for an entropy bonus).
    """
    mask = batch.loss_mask
    prompts = forward_prompts(model, batch) if share_prompt else None
    states, places = [], []
    index = mask.flatten().cumsum(0).view_as(mask) - 1
    for rows, width in similar_rows(batch.lengths.tolist()):
        chosen_rows = torch.tensor(rows, device=mask.device)
        part = mask[chosen_rows, :width]
        hidden = (
            _plain(model, batch, chosen_rows, width) if prompts is None else _after(model, batch, prompts, chosen_rows, width)
        )
        states.append(hidden[part])
        places.append(index[chosen_rows, :width][part])
    logits = model.lm_head(torch.cat(states)[torch.cat(places).argsort()]).float() / temperature
    logprobs = torch.log_softmax(logits, dim=-1)
    chosen = logprobs.gather(1, batch.ids[mask].unsqueeze(1)).squeeze(1)
    with torch.set_grad_enabled(entropy_gradient and torch.is_grad_enabled()):
        entropy = -(logprobs.exp() * logprobs).sum(-1)
    return Scored(chosen, entropy)


def similar_rows(lengths: Sequence[int]) -> list[tuple[list[int], int]]:
    """Rows in parts of similar length, the longest first, each with its longest length.

    A part is closed where the next row would be padded by more than a quarter, unless the part holds too few tokens to keep
    the machine busy.
    """
    parts: list[tuple[list[int], int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if parts:
            rows, width = parts[-1]
            if lengths[row] >= 0.8 * width or len(rows) * width < _PART_TOKENS:
                rows.append(row)
                continue
        parts.append(([row], lengths[row]))
    return parts


def _plain(model: Any, batch: Batch, rows: Tensor, width: int) -> Tensor:
    """[b, width, hidden]: states that predict the completion tokens of `rows` [b], forwarded whole and right-padded.

    Without holes in a row the causal mask alone is right, which keeps attention on its fast path.
    """
    prompts = batch.row_prompt[rows]
    lengths = batch.prompt_mask.sum(1)[prompts]
    ids = torch.cat([batch.prompts[prompts], batch.ids[rows, :width]], 1)
    shift = (batch.prompts.shape[1] - lengths).unsqueeze(1)
    columns = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
    ids = ids.gather(1, (columns + shift).clamp(max=ids.shape[1] - 1))
    states = model.model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = torch.arange(width, device=ids.device).unsqueeze(0) + lengths.unsqueeze(1) - 1
    picked: Tensor = states.gather(1, wanted.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
    return picked


class Prompts(NamedTuple):
    """What forwarding the prompts once left, with gradient where that is on."""

    last: Tensor
    """[P, 1, hidden] state after each prompt."""
    keys_values: list[tuple[Tensor, Tensor]]
    """Of every layer: both [P, kv heads, L, head dim]."""


def forward_prompts(model: Any, batch: Batch) -> Prompts:
    """The prompts of `batch`, each forwarded once for all of its rows."""
    cache: Any = DynamicCache(config=model.config)
    positions = (batch.prompt_mask.cumsum(1) - 1).clamp(min=0)
    states = with_cache(model.model, batch.prompts, batch.prompt_mask.long(), positions, cache)
    return Prompts(states[:, -1:], [(layer.keys, layer.values) for layer in cache.layers])


def _after(model: Any, batch: Batch, prompts: Prompts, rows: Tensor, width: int) -> Tensor:
    """[b, width, hidden] as `_plain`, going on from the prompts' keys and values, expanded to `rows` [b]."""
    owners = batch.row_prompt[rows]
    first = prompts.last[owners]
    if width == 1:
        return first
    cache = DynamicCache(config=model.config)
    for layer, (keys, values) in enumerate(prompts.keys_values):
        cache.update(keys[owners], values[owners], layer)
    prompt_mask = batch.prompt_mask[owners]
    ids = batch.ids[rows, : width - 1]
    steps = torch.arange(width - 1, device=ids.device)
    # Padding at a row's end needs no mask: nothing after it carries loss.
    mask = torch.cat([prompt_mask, torch.ones_like(ids, dtype=torch.bool)], 1).long()
    rest = with_cache(model.model, ids, mask, prompt_mask.sum(1, keepdim=True) + steps, cache)
    return torch.cat([first, rest], 1)


def split_by_tokens(groups: Sequence[Sequence[TokenTrace]], budget: int) -> Iterator[list[int]]:
    """Indices of groups in micro-batches of at most `budget` padded tokens each; a larger group stands alone."""
    current: list[int] = []
    rows, width = 0, 0
    for i, group in enumerate(groups):
        group_width = max(len(t.prompt) + len(t.ids) for t in group)
        if current and (rows + len(group)) * max(width, group_width) > budget:
            yield current
            current, rows, width = [], 0, 0
        current.append(i)
        rows += len(group)
        width = max(width, group_width)
    if current:
        yield current
