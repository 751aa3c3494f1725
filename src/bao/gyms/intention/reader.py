"""Reads a question: which of a request's details is it about?

Each word of the question points to the details that hold it or a word of the same meaning, in their description, their key
words, the example question or the options; a word that points to many details, or that the request itself holds, counts
little. A detail's *evidence* is the sum of what points to it, and its *share* the evidence relative to all that the question
says. The detail with the most evidence is meant if its share passes a threshold. What it explains is taken away, and the
next detail has to pass with the words that are left: so a question can be about two things, and the options named as examples
do not make it about their look-alikes.
"""

from collections.abc import Mapping, Sequence

from bao.gyms.intention.detail import Detail
from bao.gyms.intention.words import is_concept, is_faint, marks, words

SHARE_FIRST, SHARE_NEXT = 0.30, 0.25
"""Share of what a question says that must point to a detail, for the first one and for every further one."""
EVIDENCE_FIRST, EVIDENCE_NEXT = 0.3, 0.5
"""Least evidence for a detail, in words that point to it alone."""
_NAMED, _INQUIRY, _OPTION = 1.0, 0.8, 0.8
"""What a word counts that the description or the key words hold, the example question, an option."""
_CONCEPT = 0.6
"""What a word of the same meaning counts, relative to the word itself."""
_OPTION_CONCEPT = 0.4
"""What it counts where only an option has that meaning: a day may be an option of anything."""
_FAINT = 0.3
_IN_REQUEST = 0.25
_UNKNOWN = 0.5
"""What a word that points nowhere adds to all that a question says."""
_SLACK = 0.5
"""Added to all that a question says, so that one faint word alone is not enough."""
_REMEMBERED_MOST = 1_000
"""Words of questions whose pointers are kept."""


class Reader:
    """Reads questions about one request: ``details`` in the order by which `read` names them."""

    def __init__(self, request: str, details: Sequence[Detail], *, inquiries: bool = True) -> None:
        """`inquiries` False leaves the example questions out, to measure how well they are understood by the rest."""
        self._count = len(details)
        strengths = [_strengths(detail, inquiries) for detail in details]
        held: dict[str, float] = {}
        for strength in strengths:
            for mark, weight in strength.items():
                held[mark] = held.get(mark, 0.0) + weight
        said = {mark for word in words(request) for mark in marks(word) if not is_concept(mark)}
        self._pointers: dict[str, tuple[tuple[int, float], ...]] = {}
        for mark, sum_ in held.items():
            most = max(s.get(mark, 0.0) for s in strengths)
            factor = (_CONCEPT if is_concept(mark) else 1.0) * most / sum_
            factor *= _IN_REQUEST if mark in said else _FAINT if is_faint(mark) else 1.0
            self._pointers[mark] = tuple((i, s[mark] * factor) for i, s in enumerate(strengths) if mark in s)
        self._said = said
        self._remembered: dict[str, tuple[float, tuple[tuple[int, float], ...]]] = {}

    def read(self, question: str) -> tuple[int, ...]:
        """Indices of the details that the question is about, the plainest first; empty where it is about none.

        Of several questions in a row each is read by itself; remarks after the last one are passed over.
        """
        parts = question.split("?")
        if len(parts) <= 2:
            return self._read(parts[0] or question)
        return tuple(dict.fromkeys(index for part in parts[:-1] for index in self._read(part)))

    def _read(self, question: str) -> tuple[int, ...]:
        remembered = self._remembered
        total = _SLACK
        pointing: list[tuple[tuple[int, float], ...]] = []
        evidence = [0.0] * self._count
        content: list[tuple[str, ...]] = []
        for word in dict.fromkeys(words(question)):
            if word.isdecimal():  # an option may hold it, and says nothing by it
                continue
            known = remembered.get(word)
            if known is None:
                known = self._remember(word)
            total += known[0]
            if said := marks(word):
                content.append(said)
            if known[1]:
                pointing.append(known[1])
                for index, weight in known[1]:
                    evidence[index] += weight
        if not pointing or (len(content) == 1 and content[0][0] in self._said):  # a word of the request, handed back
            return ()
        best = max(evidence)
        if best < EVIDENCE_FIRST or best < SHARE_FIRST * total:
            return ()
        found = [evidence.index(best)]
        while True:
            left = _unexplained(pointing, found, self._count)
            best = max(left)
            if best < EVIDENCE_NEXT or best < SHARE_NEXT * total:
                return tuple(found)
            found.append(left.index(best))

    def _remember(self, word: str) -> tuple[float, tuple[tuple[int, float], ...]]:
        """What the word adds to all that a question says, and the details it points to with their weights."""
        most: dict[int, float] = {}
        for mark in marks(word):
            for index, weight in self._pointers.get(mark, ()):
                most[index] = max(weight, most.get(index, 0.0))
        pointing = tuple(most.items())
        says = max(most.values()) if pointing else _UNKNOWN * self._weight(word)
        if len(self._remembered) >= _REMEMBERED_MOST:
            self._remembered.clear()
        self._remembered[word] = says, pointing
        return says, pointing

    def _weight(self, word: str) -> float:
        found = marks(word)
        if not found or is_concept(found[0]) or found[0] in self._said:
            return 0.0
        return _FAINT if is_faint(found[0]) else 1.0


def _strengths(detail: Detail, inquiries: bool) -> Mapping[str, float]:
    """How strongly each mark belongs to a detail."""
    fields = [(detail.description, _NAMED, _NAMED), (detail.words, _NAMED, _NAMED)]
    fields += [(option, _OPTION, _OPTION_CONCEPT) for option in detail.options]
    if inquiries:
        fields.append((detail.inquiry, _INQUIRY, _INQUIRY))
    found: dict[str, float] = {}
    for text, as_word, as_concept in fields:
        for word in words(text):
            for mark in marks(word):
                found[mark] = max(as_concept if is_concept(mark) else as_word, found.get(mark, 0.0))
    return found


def _unexplained(pointing: Sequence[tuple[tuple[int, float], ...]], found: Sequence[int], count: int) -> list[float]:
    """Evidence for each detail from what the details already found do not explain."""
    left = [0.0] * count
    for pointers in pointing:
        explained = max((weight for index, weight in pointers if index in found), default=0.0)
        for index, weight in pointers:
            if weight > explained and index not in found:
                left[index] += weight - explained
    return left
