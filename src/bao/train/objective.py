"""What an update minimises, as values that any process can apply (`bao.models.work.Loss`): examples in, gradients out."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bao.errors import ConfigError
from bao.train.batch import Batch, collate, score, split_by_tokens
from bao.train.examples import Example
from bao.train.loss import clipped_policy_loss, k3
from bao.train.settings import GRPOSection

Groups = Sequence[Sequence[Example]]
Logged = dict[str, float]
LossOf = Callable[[list[Example], Batch], tuple[Tensor, Logged]]
"""The loss of examples that stand in a batch, and what is logged of it."""


@dataclass(frozen=True)
class Likelihood:
    """Cross-entropy at the loss positions: the warm start."""

    micro_batch_tokens: int = 4096

    def __call__(
        self, model: Any, reference: Any, groups: Groups, count: float, pad_id: int, autocast: bool
    ) -> dict[str, float]:
        def loss(examples: list[Example], batch: Batch) -> tuple[Tensor, Logged]:
            scored = score(model, batch, share_prompt=False)
            return -scored.logprob.sum(), {"entropy": float(scored.entropy.sum()), "tokens": batch.tokens}

        return _accumulate(model, groups, count, pad_id, self.micro_batch_tokens, loss)


@dataclass(frozen=True)
class PolicyGradient:
    """The clipped turn-level objective, with a KL term to a reference and an entropy bonus where they are given a weight."""

    settings: GRPOSection

    def __call__(
        self, model: Any, reference: Any, groups: Groups, count: float, pad_id: int, autocast: bool
    ) -> dict[str, float]:
        settings = self.settings

        def precision(batch: Batch) -> AbstractContextManager[Any]:
            return torch.autocast(batch.ids.device.type, dtype=torch.bfloat16) if autocast else nullcontext()

        def loss(examples: list[Example], batch: Batch) -> tuple[Tensor, Logged]:
            table = np.zeros((len(examples), max(len(example.advantages) for example in examples)), dtype=np.float32)
            for i, example in enumerate(examples):
                table[i, : len(example.advantages)] = example.advantages
            turns = batch.turn.clamp(min=0)
            advantage = torch.from_numpy(table).to(turns.device).gather(1, turns)[batch.loss_mask]
            share = settings.share_prompt
            with precision(batch):
                scored = score(model, batch, settings.temperature, share_prompt=share, entropy_gradient=settings.entropy > 0)
            policy = clipped_policy_loss(scored.logprob, batch.sampled_logprob, advantage, settings.clip)
            total = policy.total - settings.entropy * scored.entropy.sum()
            kl = 0.0
            if settings.kl:
                if reference is None:
                    raise ConfigError(f"grpo.kl={settings.kl} needs a reference: give the workers a copy of the starting model")
                with torch.no_grad(), precision(batch):
                    other = score(reference, batch, settings.temperature, share_prompt=share)
                divergence = k3(scored.logprob, other.logprob).sum()
                total = total + settings.kl * divergence
                kl = divergence.item()
            logged = {"clipped": float(policy.clipped), "kl_to_sampler": float(policy.kl_to_sampler), "kl": kl}
            return total, {**logged, "entropy": scored.entropy.sum().item()}

        return _accumulate(model, groups, count, pad_id, settings.micro_batch_tokens, loss)


def _accumulate(model: Any, groups: Groups, count: float, pad_id: int, budget: int, loss: LossOf) -> Logged:
    """Backpropagate ``loss / count`` over micro-batches of whole groups of about `budget` tokens; the sums of what it logs."""
    sums: Logged = {}
    device = next(model.parameters()).device
    for indices in split_by_tokens([[example.trace for example in group] for group in groups], budget):
        examples = [example for i in indices for example in groups[i]]
        batch = collate([example.trace for example in examples], pad_id, device)
        total, logged = loss(examples, batch)
        (total / count).backward()  # type: ignore[no-untyped-call]
        for name, value in {"loss": total.item(), **logged}.items():
            sums[name] = sums.get(name, 0.0) + value
    return sums
