"""What an update minimises, as objects that any process can apply: examples in, gradients and sums out.

Each adds the gradient of its share of an update to the model's ``.grad`` and returns sums to log. `count`, the number of loss
positions of the whole update, normalises every share alike, so that shares add up to the gradient of the whole.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from bao.train.batch import collate, score, split_by_tokens
from bao.train.loss import clipped_policy_loss, k3
from bao.trajectory import TokenTrace


@dataclass(frozen=True)
class Example:
    """A trace to learn from; ``advantages`` [turns] where the objective credits turns."""

    trace: TokenTrace
    advantages: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))


class Objective(Protocol):
    """Adds gradients to `model` for groups of examples (a group's prompt is forwarded once)."""

    def __call__(
        self, model: Any, reference: Any, groups: Sequence[Sequence[Example]], count: int, pad_id: int
    ) -> dict[str, float]: ...


@dataclass(frozen=True)
class Likelihood:
    """Cross-entropy at the loss positions: the warm start."""

    micro_batch_tokens: int = 4096

    def __call__(
        self, model: Any, reference: Any, groups: Sequence[Sequence[Example]], count: int, pad_id: int
    ) -> dict[str, float]:
        sums = {"loss": 0.0, "entropy": 0.0, "tokens": 0.0}
        device = next(model.parameters()).device
        traces = [[example.trace for example in group] for group in groups]
        for indices in split_by_tokens(traces, self.micro_batch_tokens):
            batch = collate([trace for i in indices for trace in traces[i]], pad_id, device)
            scored = score(model, batch, share_prompt=False)
            loss = -scored.logprob.sum()
            (loss / count).backward()  # type: ignore[no-untyped-call]
            sums["loss"] += loss.item()
            sums["entropy"] += float(scored.entropy.sum())
            sums["tokens"] += batch.tokens
        return sums


@dataclass(frozen=True)
class PolicyGradient:
    """The clipped turn-level objective, with a KL term to a reference and an entropy bonus where they are given a weight."""

    clip: float
    kl: float
    entropy: float
    temperature: float
    micro_batch_tokens: int
    share_prompt: bool
    autocast: bool = False

    def __call__(
        self, model: Any, reference: Any, groups: Sequence[Sequence[Example]], count: int, pad_id: int
    ) -> dict[str, float]:
        sums = {"loss": 0.0, "clipped": 0.0, "kl_to_sampler": 0.0, "kl": 0.0, "entropy": 0.0}
        device = next(model.parameters()).device
        traces = [[example.trace for example in group] for group in groups]
        for indices in split_by_tokens(traces, self.micro_batch_tokens):
            examples = [example for i in indices for example in groups[i]]
            batch = collate([example.trace for example in examples], pad_id, device)
            table = np.zeros((len(examples), max(len(example.advantages) for example in examples)), dtype=np.float32)
            for i, example in enumerate(examples):
                table[i, : len(example.advantages)] = example.advantages
            advantage = torch.from_numpy(table).to(device).gather(1, batch.turn.clamp(min=0))[batch.loss_mask]
            with self._precision(device):
                scored = score(
                    model, batch, self.temperature, share_prompt=self.share_prompt, entropy_gradient=self.entropy > 0
                )
            policy = clipped_policy_loss(scored.logprob, batch.sampled_logprob, advantage, self.clip)
            loss = policy.total - self.entropy * scored.entropy.sum()
            if self.kl:
                with torch.no_grad(), self._precision(device):
                    other = score(reference, batch, self.temperature, share_prompt=self.share_prompt)
                divergence = k3(scored.logprob, other.logprob).sum()
                loss = loss + self.kl * divergence
                sums["kl"] += divergence.item()
            (loss / count).backward()  # type: ignore[no-untyped-call]
            sums["loss"] += loss.item()
            sums["clipped"] += float(policy.clipped)
            sums["kl_to_sampler"] += float(policy.kl_to_sampler)
            sums["entropy"] += float(scored.entropy.detach().sum())
        return sums

    def _precision(self, device: torch.device) -> AbstractContextManager[Any]:
        return torch.autocast(device.type, dtype=torch.bfloat16) if self.autocast else nullcontext()
