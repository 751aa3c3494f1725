"""A model small enough for tests, with the travel gym's own words in its tokenizer."""

import numpy as np

from bao.behavior.synthesize import Demonstration, demonstrations
from bao.gym import make
from bao.policies.local import LocalModel, Profile
from bao.policies.template import Template
from bao.policies.tiny import TinySize, make_model, train_tokenizer
from bao.prompt import PromptForm

SIZE = TinySize(hidden=32, layers=2, heads=4, kv_heads=2, feedforward=64, vocabulary=700, positions=2048)
WEIGHTS = (0.0, 0.1)


def travel_demonstrations(count: int, seed: int = 0) -> list[Demonstration]:
    gym = make("travel")
    tasks = type(gym).task_set("train", 40, (2,))
    return list(
        demonstrations(
            gym, gym.scripted_policies()["teacher"], tasks, count, np.random.default_rng(seed), effort_weights=WEIGHTS,
            form=PromptForm.BRIEF,
        )
    )  # fmt: skip


def small_local(seed: int = 0, size: TinySize = SIZE) -> LocalModel:
    """An untrained model: its turns are nearly all unreadable, which is what many tests want."""
    texts = ["\n".join([d.system, d.opening, *(p for t in d.turns for p in t[:2])]) for d in travel_demonstrations(60)]
    tokenizer = train_tokenizer(texts, size.vocabulary)
    return LocalModel(make_model(tokenizer, size, seed), Template(tokenizer), Profile(PromptForm.BRIEF, WEIGHTS))
