"""Which wishes an agent has been told, from the opening, the booking history and the user's replies."""

import re
from collections.abc import Sequence
from math import log2

from bao.action import Action, ActionKind
from bao.gyms.travel.catalogue import LETTER_ASPECT, VALUES_PER_ATTRIBUTE
from bao.gyms.travel.tasks import Booking, Source

_WORD = re.compile(r"[a-z]+")
_DECIDED = re.compile(r"^([ACFHR])\d+ is (?:perfect|fine|not)")


class WishBelief:
    """The wishes that are still open: not told, and of an aspect that is not decided.

    A reply tells ``log2(values per attribute)`` bits for each open wish that it names. A catalogue search tells of options, not
    of wishes, and is not measured; asking the history or the catalogue the same again tells nothing.
    """

    def __init__(self, bookings: Sequence[Booking]) -> None:
        self._open = {
            (booking.aspect, wish.value) for booking in bookings for wish in booking.wishes if wish.source != Source.STATED
        }
        self._searched: set[tuple[str, ...]] = set()

    def observe(self, action: Action, reply: str) -> float | None:
        if action.kind == ActionKind.ANSWER:
            decided = _DECIDED.match(reply)
            if decided:
                aspect = LETTER_ASPECT[decided.group(1)]
                self._open = {wish for wish in self._open if wish[0] != aspect}
            return None
        if action.kind == ActionKind.SEARCH:
            words = tuple(_WORD.findall(action.content.lower()))
            if words[:1] != ("history",):
                repeated = words in self._searched
                self._searched.add(words)
                return 0.0 if repeated else None
        elif action.kind != ActionKind.ACTION:
            return None
        told = {wish for wish in self._open if wish[1] in _WORD.findall(reply.lower())}
        self._open -= told
        return len(told) * log2(VALUES_PER_ATTRIBUTE)
