"""A model's context as it is known so far, and what was sent counted against it."""

from collections.abc import Callable, Mapping
from typing import Any

from bao.endpoint.nature import Nature
from bao.endpoint.problem import Problem
from bao.endpoint.reply import Completion
from bao.endpoint.room import is_too_short, listed_context, told_reply_limit, told_size

_FEW = 256
"""Tokens: the reply that is asked for where a refusal gives no number to go by."""
_SLACK = 0.05
"""The share by which an estimate of a prompt may be too small."""
_CHARACTERS = 4.0
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
        self._characters_a_token = _CHARACTERS
        self.most: int | None = None
        """The longest reply that may be asked for, where a refusal has shown that there is one."""

    def answered(self, sent: Mapping[str, Any], completion: Completion) -> None:
        """Learn from an answered request how many characters a token has."""
        if completion.tokens_in and completion.tokens_in > 32:
            self._characters_a_token = min(8.0, max(0.5, _size(sent) / completion.tokens_in))

    def is_full(self, completion: Completion) -> bool:
        """Whether a reply that was cut off ended at the context's end, and not at its own limit."""
        read, wrote = completion.tokens_in, completion.tokens_out
        if wrote == 0:
            return True  # there was no room for a single token
        return self._length is not None and read is not None and wrote is not None and read + wrote >= self._length

    def is_beyond(self, sent: Mapping[str, Any], models: ListModels) -> bool:
        """Whether a prompt alone is longer than the context by count, whatever the endpoint says of it."""
        estimate = self._estimate(sent)
        length = self._known(models) if estimate > _SHORT else self._length
        return length is not None and estimate > length * (1 + _SLACK)

    def room(self, problem: Problem, sent: Mapping[str, Any], limit: int, models: ListModels) -> int | None:
        """The tokens of a reply that may fit where one of `limit` was refused: fewer than `limit`, 0 where none does, None
        where the refusal was about something else."""
        nature = problem.nature
        if nature == Nature.REPLY_LIMIT:
            if is_too_short(problem.text):
                return None
            return _fewer(told_reply_limit(problem.text, limit), limit) or _fewer(limit // 2, limit)
        if nature == Nature.OVERFLOW:
            size = told_size(problem.text, limit)
            self._length = size.context or self._length
            if size.context is not None and size.prompt is not None:
                return _fewer(size.context - size.prompt, limit) or 0
            if self._length is not None and self._estimate(sent) > _SHORT:
                room = int(self._length - self._estimate(sent) * (1 + _SLACK))
                if room >= 1:
                    return min(room, max(1, limit // 2))
            return _FEW if limit > _FEW else 0
        if nature != Nature.REFUSED or problem.status not in (400, 422):
            return None
        estimate = self._estimate(sent)
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

    def _estimate(self, sent: Mapping[str, Any]) -> float:
        """The tokens of a request's prompt."""
        return _size(sent) / self._characters_a_token


def _size(sent: Mapping[str, Any]) -> int:
    """Characters, of which a token has about as many in every request of a model."""
    said = sent.get("messages", sent.get("input", ()))
    calls = sum(len(str(each.get("tool_calls") or each.get("arguments") or "")) for each in said)
    return (
        sum(len(str(each.get("content") or each.get("output") or "")) for each in said)
        + calls
        + len(str(sent.get("tools", "")))
    )


def _fewer(found: int | None, limit: int) -> int | None:
    return found if found is not None and 1 <= found < limit else None
