"""Which token a row draws from its logits, and whether rounding could have made it another.

The same row in another batch has other roundings: products of matrices add in an order that depends on their shapes. A draw is
*doubtful* where one of its decisions is so near that such a difference could turn it; the caller then decides it by logits that
do not depend on the batch. That is dear, so doubt must be rare. An inverse CDF over a large vocabulary has a bound beside every
token, and each draw from the tail is doubtful: with the 49,152 tokens of SmolLM2, one in 40. Halving the vocabulary again and
again draws from the same distribution and has one bound in each halving: at most log2(vocabulary) * margin / 2 of the draws are
doubtful, whatever the distribution.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

VERSION = 2
"""Raised when the same noise gives other tokens, so that no evaluation goes on under another sampler. 1: inverse CDF."""
NEAR = 4e-5
"""`margin` of logits up to `_LARGE`."""
_LARGE = 8.0
_HALVINGS = 7
_BLOCK = 1 << _HALVINGS
"""Tokens. Whole blocks are weighed first and then the tokens of one, so that little is added up and leaves the device."""


class Draw(NamedTuple):
    """One token for each row."""

    tokens: Tensor
    """[rows]"""
    logprobs: Tensor
    """[rows], of the tokens."""
    doubtful: list[int]
    """Rows in which another token was within the margin."""


def margin(logits: Tensor) -> float:
    """By how much the difference of two of a row's logits may be another in another batch, at most.

    4e-5 where the logits reach 8 or less, growing with them as rounding does. Met in float32: 2.3e-5 where they reach 18, whose
    margin is 9e-5 (the embedded model); 1e-4 where they reach 37, whose margin is 1.8e-4 (SmolLM2-135M).
    """
    return NEAR * max(1.0, float(logits.abs().max()) / _LARGE)


def halvings(vocabulary: int) -> int:
    """How many uniform numbers a draw takes."""
    return (-(-vocabulary // _BLOCK) - 1).bit_length() + _HALVINGS


def draw(logits: Tensor, temperature: float, noise: npt.NDArray[np.float32], near: float) -> Draw:
    """A token for each row of `logits` [rows, vocabulary], by `noise` [rows, halvings]; the likeliest at temperature 0.

    If no difference of two logits of a row moves by more than `near`, no log-odds of two sets of tokens move by more than
    near / temperature: a row that is not doubtful draws the same token from all logits so moved.
    """
    if temperature == 0:
        tokens = logits.argmax(-1, keepdim=True)
        logprobs = torch.log_softmax(logits, -1).gather(1, tokens)
        rivals = (logits >= logits.gather(1, tokens) - near).sum(-1) > 1
        return Draw(tokens.squeeze(1), logprobs.squeeze(1), rivals.nonzero().flatten().tolist())
    logprobs = torch.log_softmax(logits if temperature == 1 else logits / temperature, -1)
    depth = noise.shape[1] - _HALVINGS
    shares = logprobs.exp()
    blocks = F.pad(shares, (0, (_BLOCK << depth) - shares.shape[1])).view(len(shares), 1 << depth, _BLOCK)
    block, unsure = _halve(blocks.sum(-1), noise[:, :depth], near / temperature)
    within = blocks[torch.arange(len(shares), device=logits.device), torch.from_numpy(block).to(logits.device)]
    place, unsure_within = _halve(within, noise[:, depth:], near / temperature)
    tokens = torch.from_numpy(block * _BLOCK + place).to(logits.device)
    doubtful = np.flatnonzero(unsure | unsure_within).tolist()
    return Draw(tokens, logprobs.gather(1, tokens.unsqueeze(1)).squeeze(1), doubtful)


def _halve(masses: Tensor, noise: npt.NDArray[np.float32], near: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """A part for each row of `masses` [rows, 2 ** depth] by `noise` [rows, depth]; whether `near` log-odds decided it."""
    rows, depth = noise.shape
    part = np.zeros(rows, np.int64)
    if depth == 0:
        return part, np.zeros(rows, np.bool_)
    # In float64, since the share of a narrow interval is a quotient of small differences.
    ends = masses.cumsum(-1, dtype=torch.float64).cpu().numpy()
    flat, at = ends.ravel(), np.arange(0, ends.size, ends.shape[1]) - 1
    low, high = np.zeros(rows), ends[:, -1]
    uniform, shares = np.ascontiguousarray(noise.T, dtype=np.float64), np.empty((depth, rows))
    for level in range(depth):
        half = 1 << (depth - 1 - level)
        middle = flat.take(at + (part + half))
        np.divide(middle - low, high - low, out=shares[level])
        right = uniform[level] >= shares[level]  # never into a half without mass: uniform numbers are below 1
        low, high = np.where(right, middle, low), np.where(right, high, middle)
        part += half * right
    # Log-odds that move by `near` move a share by at most near * e^near * share * (1 - share).
    reach = near * math.exp(near) * shares * (1 - shares)
    unsure: npt.NDArray[np.bool_] = np.logical_or.reduce(np.abs(uniform - shares) <= reach)
    return part, unsure
