"""How much each reply moved what the agent did next: its next turn, scored once more after a placeholder in the reply's place.

The sampler has noted how likely the next turn's tokens were after the true reply; only the counterfactual is computed. A trace
is forwarded once (its prompt once for the group) and its keys and values are kept; then the placeholder and the next turn of
every masked reply go on from the keys and values up to that reply. So all turns together cost about two forward passes, where
one pass for each turn would read every prefix again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import DynamicCache

from bao.models.local import with_cache
from bao.models.template import Template
from bao.train.batch import Batch, Prompts, collate, forward_prompts, similar_rows, split_by_tokens
from bao.trajectory import TokenTrace

FloatArray = npt.NDArray[np.float64]


class Masked(NamedTuple):
    """A turn's reply, to be masked."""

    row: int
    """The trace."""
    turn: int
    cut: int
    """Completion tokens before the reply."""
    placeholder: Sequence[int]
    following: range
    """Completion tokens of the next turn."""


@dataclass(frozen=True)
class MaskedFeedback:
    """A `bao.models.work.Reading`: the shift I_t [turns] of every trace (`bao.train.infopo`), NaN where no turn follows."""

    placeholder: str
    temperature: float = 1.0
    """Of sampling."""
    micro_batch_tokens: int = 4096
    """Padded tokens per forward pass; whole groups, so a large group may exceed it."""

    def __call__(
        self, model: Any, template: Template, groups: Sequence[Sequence[TokenTrace]], autocast: bool
    ) -> list[list[FloatArray]]:
        found: list[list[FloatArray]] = []
        device = next(model.parameters()).device
        for indices in split_by_tokens(groups, self.micro_batch_tokens):
            traces = [trace for i in indices for trace in groups[i]]
            masked = [each for row, trace in enumerate(traces) for each in replies(row, trace, template, self.placeholder)]
            shifts = [np.full(int(trace.turn.max(initial=-1)) + 1, np.nan) for trace in traces]
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=autocast):
                logprobs = masked_logprobs(
                    model, collate(traces, template.pad_id, device), masked, self.temperature, self.micro_batch_tokens
                )
            for each, value in zip(masked, logprobs, strict=True):
                told = traces[each.row].logprob[each.following.start : each.following.stop]
                shifts[each.row][each.turn] = float(told.mean(dtype=np.float64)) - value
            rows = iter(shifts)
            found += [[next(rows) for _ in groups[i]] for i in indices]
        return found


def replies(row: int, trace: TokenTrace, template: Template, placeholder: str) -> list[Masked]:
    """The replies of a trace that another turn follows."""
    found = []
    begins = np.flatnonzero((trace.turn >= 0) & (np.diff(trace.turn, prepend=-1) != 0)).tolist()
    for begin, following in pairwise(begins):
        turn = int(trace.turn[begin])
        cut = begin + int((trace.turn[begin:following] == turn).sum())
        ids = template.observation_ids(placeholder, int(trace.ids[cut - 1]) == template.end_id)
        length = int((trace.turn[following:] == trace.turn[following]).sum())
        found.append(Masked(row, turn, cut, ids, range(following, following + length)))
    return found


def masked_logprobs(model: Any, batch: Batch, masked: Sequence[Masked], temperature: float, budget: int) -> list[float]:
    """Mean log-probability a token of the turn after each reply of `masked`, a placeholder in the reply's place."""
    if not masked:
        return []
    prompts = forward_prompts(model, batch)
    of_row: dict[int, list[int]] = {}
    for index, each in enumerate(masked):
        of_row.setdefault(each.row, []).append(index)
    rows = list(of_row)
    found: dict[int, float] = {}
    for part, width in similar_rows([max(masked[i].cut for i in of_row[row]) for row in rows]):
        chosen = [rows[i] for i in part]
        kept = _keys_values(model, batch, prompts, chosen, width)
        place = {row: i for i, row in enumerate(chosen)}
        longest_first = sorted((i for row in chosen for i in of_row[row]), key=lambda i: -masked[i].cut)
        tokens = (
            batch.prompts.shape[1] + width + max(len(masked[i].placeholder) + len(masked[i].following) for i in longest_first)
        )
        size = max(1, budget // tokens)
        for begin in range(0, len(longest_first), size):
            some = longest_first[begin : begin + size]
            replies = [masked[i] for i in some]
            found |= zip(
                some, _go_on(model, batch, kept, [place[each.row] for each in replies], replies, temperature), strict=True
            )
    return [found[i] for i in range(len(masked))]


def _keys_values(model: Any, batch: Batch, prompts: Prompts, rows: list[int], width: int) -> list[tuple[Tensor, Tensor]]:
    """Keys and values of every layer for the prompts and the first `width` completion tokens of `rows`."""
    chosen = torch.tensor(rows, device=batch.ids.device)
    owners = batch.row_prompt[chosen]
    cache: Any = DynamicCache(config=model.config)
    for layer, (keys, values) in enumerate(prompts.keys_values):
        cache.update(keys[owners], values[owners], layer)
    prompt_mask, ids = batch.prompt_mask[owners], batch.ids[chosen, :width]
    mask = torch.cat([prompt_mask, torch.ones_like(ids, dtype=torch.bool)], 1).long()
    positions = prompt_mask.sum(1, keepdim=True) + torch.arange(width, device=ids.device)
    with_cache(model.model, ids, mask, positions, cache)
    return [(layer.keys, layer.values) for layer in cache.layers]


def _go_on(
    model: Any,
    batch: Batch,
    kept: Sequence[tuple[Tensor, Tensor]],
    places: list[int],
    masked: Sequence[Masked],
    temperature: float,
) -> list[float]:
    """The mean log-probability of each next turn, going on from the rows `places` of `kept`, cut before the reply."""
    device, prompt_width = batch.ids.device, batch.prompts.shape[1]
    cuts = torch.tensor([each.cut for each in masked], device=device)
    owners = batch.row_prompt[torch.tensor([each.row for each in masked], device=device)]
    lengths = [len(each.placeholder) + len(each.following) for each in masked]
    deepest, width = max(each.cut for each in masked), max(lengths)
    ids = torch.zeros((len(masked), width), dtype=torch.long, device=device)
    wanted = torch.zeros((len(masked), width), dtype=torch.bool, device=device)
    for i, each in enumerate(masked):
        ids[i, : len(each.placeholder)] = torch.tensor(list(each.placeholder), device=device)
        ids[i, len(each.placeholder) : lengths[i]] = batch.ids[each.row, each.following.start : each.following.stop]
        wanted[i, len(each.placeholder) : lengths[i]] = True
    cache: Any = DynamicCache(config=model.config)
    at = torch.tensor(places, device=device)
    for layer, (keys, values) in enumerate(kept):
        cache.update(keys[at, :, : prompt_width + deepest], values[at, :, : prompt_width + deepest], layer)
    # The cut leaves a hole between a row's last token before the reply and the placeholder; what lies there is masked.
    before = torch.arange(deepest, device=device) < cuts.unsqueeze(1)
    prompt_mask = batch.prompt_mask[owners]
    mask = torch.cat([prompt_mask, before, torch.ones_like(wanted[:, :-1])], 1).long()
    positions = (prompt_mask.sum(1) + cuts).unsqueeze(1) + torch.arange(width - 1, device=device)
    states = with_cache(model.model, ids[:, :-1], mask, positions, cache)
    logits = model.lm_head(states[wanted[:, 1:]]).float() / temperature
    logprobs = torch.log_softmax(logits, dim=-1).gather(1, ids[wanted].unsqueeze(1)).squeeze(1)
    return [float(part.mean()) for part in torch.split(logprobs, [len(each.following) for each in masked])]
