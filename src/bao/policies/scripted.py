"""Scripted policies that need no knowledge of a gym."""

from collections.abc import Mapping, Sequence

import numpy as np

from bao.action import Action, ActionKind, Parsed


class RandomPolicy:
    """A kind at random, with a content at random from those given for it; ``finish`` one time in twenty."""

    name = "random"

    def __init__(self, contents: Mapping[ActionKind, Sequence[str]], seed: int, finish: float = 0.05) -> None:
        self._contents = {kind: list(texts) for kind, texts in contents.items() if kind != ActionKind.FINISH}
        self._finish = finish if ActionKind.FINISH in contents else 0.0
        self._rng = np.random.default_rng(seed)

    def begin(self, system: str, opening: str) -> None:
        pass

    def act(self, observation: str) -> Parsed:
        if self._rng.random() < self._finish:
            return Parsed("", Action(ActionKind.FINISH), None)
        kinds = list(self._contents)
        kind = kinds[int(self._rng.integers(len(kinds)))]
        texts = self._contents[kind]
        return Parsed("", Action(kind, texts[int(self._rng.integers(len(texts)))]), None)
