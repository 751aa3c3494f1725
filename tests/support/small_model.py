"""A model small enough for tests, with the travel gym's own words in its tokenizer."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from bao.gyms.registry import make
from bao.models.local import LocalModel, Profile
from bao.models.template import Template
from bao.models.tiny import TinySize, make_model, train_tokenizer
from bao.models.workers import Workers
from bao.policies.prompt import PromptForm
from bao.train.backends.local import LocalBackend
from bao.train.demonstrations import Demonstration, demonstrations
from bao.train.examples import encode
from bao.train.settings import SFTSection
from bao.train.sft import train_sft

SIZE = TinySize(hidden=32, layers=2, heads=4, kv_heads=2, feedforward=64, vocabulary=700, positions=2048)
WEIGHTS = (0.0, 0.1)


def travel_demonstrations(count: int, seed: int = 0) -> list[Demonstration]:
    gym = make("travel")
    tasks = type(gym).task_set("train", 40, (2,))
    return list(
        demonstrations(
            gym,
            gym.scripted_policies()["teacher"],
            tasks,
            count,
            np.random.default_rng(seed),
            effort_weights=WEIGHTS,
            form=PromptForm.BRIEF,
        )
    )


def small_local(seed: int = 0, size: TinySize = SIZE) -> LocalModel:
    """An untrained model: its turns are nearly all unreadable, which is what many tests want."""
    texts = ["\n".join([d.system, d.opening, *(p for t in d.turns for p in t[:2])]) for d in travel_demonstrations(60)]
    tokenizer = train_tokenizer(texts, size.vocabulary)
    return LocalModel(make_model(tokenizer, size, seed), Template(tokenizer), Profile(PromptForm.BRIEF, WEIGHTS))


def supervised(local: LocalModel, settings: SFTSection) -> LocalBackend:
    return LocalBackend(Workers(local.model, local.template, None), settings)


def asking_local(text: str = "[action] Which area?") -> LocalModel:
    """A model that has learned to write `text` in every turn: greedily always, at temperature 1 now and then."""
    local = small_local()
    traces = [
        encode(replace(each, turns=tuple((text, reply, True) for _, reply, _ in each.turns)), local.template)
        for each in travel_demonstrations(60)
    ]
    with TemporaryDirectory() as folder:
        settings = SFTSection(epochs=6, warmup=5, learning_rate=1e-2)
        train_sft(supervised(local, settings), traces, settings, 0, Path(folder))
    return local
