"""The embedded default model: a small Qwen3 with a byte-level BPE learned from demonstrations.

Tags of the turn format and the chat template's fixed pieces are single tokens, so that a turn of this model costs about as
many tokens as it has words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from bao.action import CHOICES
from bao.models.settings import EMBEDDED_POSITIONS, ModelSection
from bao.models.template import CHATML

PAD, END = "<|endoftext|>", "<|im_end|>"
_BEGINS = ("<|im_start|>system\n", "\n<|im_start|>user\n", "\n<|im_start|>assistant\n", "<|im_start|>")
_FIXED = (PAD, END, *_BEGINS, "<think>", "</think>", *(f"[{kind}]" for kind in CHOICES))

_WORDS = r" ?[A-Za-z0-9]+| ?[^\sA-Za-z0-9]+|\s+"
"""Letters and digits stay together, so that an id such as H22 is one token: a small model copies one token from after a mark
long before it learns to follow an id of two through a list of others that begin alike."""


@dataclass(frozen=True)
class TinySize:
    """Dimensions of the small model."""

    hidden: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    feedforward: int = 384
    vocabulary: int = 1024
    positions: int = EMBEDDED_POSITIONS


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE over `texts`: any text can be encoded, those seen cost about one token a word."""
    tokenizer = Tokenizer(models.BPE())
    to_bytes = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_WORDS), behavior="isolated"), to_bytes])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        special_tokens=[AddedToken(text, normalized=False, special=True) for text in _FIXED],
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast: PreTrainedTokenizerFast = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token=END, pad_token=PAD, padding_side="left"
    )
    fast.chat_template = CHATML
    return fast


def config_of(size: TinySize | ModelSection, vocabulary: int, **others: Any) -> Qwen3Config:
    """The configuration of a model of this size."""
    return Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        intermediate_size=size.feedforward,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        head_dim=size.hidden // size.heads,
        **others,
    )


def make_model(tokenizer: Any, size: TinySize, seed: int) -> Qwen3ForCausalLM:
    """A freshly initialised model; the same one for the same seed."""
    ends = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = config_of(size, len(tokenizer), max_position_embeddings=size.positions, tie_word_embeddings=True, **ends)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Qwen3ForCausalLM(config)
