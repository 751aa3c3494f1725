"""A model's context as it is known so far, and what was sent counted against it.

A token has about as many bytes of JSON in every request of a model.
"""

from collections.abc import Callable
from typing import Any

from bao.endpoint.nature import Nature
from bao.endpoint.problem import Problem
from bao.endpoint.reply import Completion, says
from bao.endpoint.room import is_too_short, listed_context, told_reply_limit, told_size

_FEW = 256
"""Tokens: the reply that is asked for where a refusal gives no number to go by."""
_SLACK = 0.05
"""The share by which an estimate of a prompt may be too small."""
_BYTES = 4.0
"""Of a token, before an answer has told it better."""
_SHORT = 400
"""Tokens; a prompt that is shorter fits every model."""

ListModels = Callable[[], Any]


class Context:
    """Of one model behind one endpoint. Its numbers are replaced whole, so that threads may share it."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._length: int | None = None
        self._asked = False
        self._bytes_a_token = _BYTES
        self.most: int | None = None
        """The longest reply that may be asked for, where a refusal has shown that there is one."""

    def answered(self, size: int, completion: Completion) -> None:
        """Learn from an answered request of `size` bytes how many of them a token has."""
        if completion.tokens_in and completion.tokens_in > 32:
            self._bytes_a_token = min(8.0, max(0.5, size / completion.tokens_in))

    def is_full(self, completion: Completion) -> bool:
        """Whether a reply that was cut off ended at the context's end, and not at its own limit."""
        read, wrote = completion.tokens_in, completion.tokens_out
        if wrote == 0 and not says(completion.message):
            return True  # there was no room for a single token
        return self._length is not None and read is not None and wrote is not None and read + wrote >= self._length

    def is_beyond(self, size: int, models: ListModels) -> bool:
        """Whether a prompt alone is longer than the context by count, whatever the endpoint says of it."""
        estimate = self._estimate(size)
        length = self._known(models) if estimate > _SHORT else self._length
        return length is not None and estimate > length * (1 + _SLACK)

    def room(self, problem: Problem, size: int, limit: int, models: ListModels) -> int | None:
        """The tokens of a reply that may fit where one of `limit` was refused: fewer than `limit`, 0 where none does, None
        where the refusal was about something else."""
        nature = problem.nature
        if nature == Nature.REPLY_LIMIT:
            if is_too_short(problem.text):
                return None
            return _fewer(told_reply_limit(problem.text, limit), limit) or _fewer(limit // 2, limit)
        if nature == Nature.OVERFLOW:
            told = told_size(problem.text, limit)
            self._length = told.context or self._length
            if told.context is not None and told.prompt is not None:
                return _fewer(told.context - told.prompt, limit) or 0
            if self._length is not None and self._estimate(size) > _SHORT:
                room = int(self._length - self._estimate(size) * (1 + _SLACK))
                if room >= 1:
                    return min(room, max(1, limit // 2))
            return _FEW if limit > _FEW else 0
        if nature != Nature.REFUSED or problem.status not in (400, 422):
            return None
        estimate = self._estimate(size)
        length = self._known(models) if estimate > _SHORT else self._length
        if length is None or estimate * (1 + _SLACK) + limit <= length:
            return None
        if estimate > length * (1 - _SLACK):
            return 0
        return _fewer(int(length - estimate * (1 + _SLACK)), limit)

    def _known(self, models: ListModels) -> int | None:
        if self._length is None and not self._asked:
            self._asked = True
            self._length = listed_context(models(), self._model)
        return self._length

    def _estimate(self, size: int) -> float:
        """The tokens of the prompt in a request of so many bytes."""
        return size / self._bytes_a_token


def _fewer(found: int | None, limit: int) -> int | None:
    return found if found is not None and 1 <= found < limit else None
