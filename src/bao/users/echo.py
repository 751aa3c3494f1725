"""What an agent says that is no word of its own: whole sentences that were said to it, handed back."""

import re
from collections.abc import Collection, Iterable

from bao.task import words_of

_SENTENCE = re.compile(r"[^.!?:\n]+[.!?:\n]*")


def sentences(texts: Iterable[str]) -> frozenset[str]:
    """The sentences of some texts, in the form in which `own_words` compares them."""
    return frozenset(words_of(sentence) for text in texts for sentence in _SENTENCE.findall(text))


def own_words(text: str, said: Collection[str]) -> str:
    """`text` without its sentences that are among `said`, whatever their case and punctuation."""
    return "".join(sentence for sentence in _SENTENCE.findall(text) if words_of(sentence) not in said).strip()
