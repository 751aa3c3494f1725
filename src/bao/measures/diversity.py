"""How unlike an episode's queries are: by words (self-BLEU) and by meaning (embeddings).

Within an episode, not between episodes: a policy that asks the same good questions in every task is as diverse here as one that
does not. An episode with fewer than two queries has no figure.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bao.errors import ConfigError
from bao.measures.intervals import Floats
from bao.measures.redundancy import queries, tokens
from bao.trajectory import Trajectory

NAN = float("nan")
_ORDERS = 4
_Counts = Counter[tuple[str, ...]]
"""How often a text has each of its n-grams of one order."""

Encode = Callable[[Sequence[str]], Floats]
"""Texts to their embeddings, [texts, width]."""


def diversity(episodes: Sequence[Trajectory], encode: Encode | None = None) -> dict[str, list[float]]:
    """By measure, one value an episode: ``self_bleu`` and, with `encode`, ``embedding_diversity``; NaN below two queries."""
    asked = [[turn.action.content for turn in queries(episode)] for episode in episodes]
    columns = {"self_bleu": [self_bleu([tokens(text) for text in texts]) for texts in asked]}
    if encode is not None:
        distinct = list(dict.fromkeys(text for texts in asked if len(texts) > 1 for text in texts))
        found = dict(zip(distinct, encode(distinct), strict=True)) if distinct else {}
        columns["embedding_diversity"] = [
            embedding_diversity(np.stack([found[text] for text in texts])) if len(texts) > 1 else NAN for texts in asked
        ]
    return columns


def self_bleu(texts: Sequence[Sequence[str]]) -> float:
    """Mean BLEU of each text against the others as references, in [0, 1]; 1: all alike; NaN below two texts.

    Zhu et al., Texygen, SIGIR 2018.
    """
    if len(texts) < 2:
        return NAN
    # Each text is counted once and not once for every other: an episode may have tens of long queries.
    counts = [[_grams(text, order) for order in range(1, _ORDERS + 1)] for text in texts]
    highest = [_two_highest([grams[order] for grams in counts]) for order in range(_ORDERS)]

    def of_others(gram: tuple[str, ...], count: int) -> int:
        first, second = highest[len(gram) - 1][gram]
        return second if count == first else first

    lengths = [len(text) for text in texts]
    return sum(
        _bleu(grams, of_others, length, [*lengths[:i], *lengths[i + 1 :]])
        for i, (grams, length) in enumerate(zip(counts, lengths, strict=True))
    ) / len(texts)


def _two_highest(counts: Sequence[_Counts]) -> dict[tuple[str, ...], tuple[int, int]]:
    """By gram its two highest counts in single texts, 0 where only one text has it."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for own in counts:
        for gram, count in own.items():
            first, second = found.get(gram, (0, 0))
            found[gram] = (count, first) if count > first else (first, max(second, count))
    return found


def bleu(text: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Sentence BLEU-4 of tokens against references, in [0, 1].

    Papineni et al., ACL 2002, with what short sentences need, as sacrebleu's ``sentence_bleu`` does it, to which the tests hold
    it: only the orders that the text is long enough for count, and the k-th order without a match has the precision
    ``1 / (2^k total)``. 0 where no word matches. sacrebleu itself counts every reference anew for each text, so an episode of
    12 queries takes it 6 times as long and one of 60 long ones 45 times, and it brings five packages along.
    """
    most = [Counter[tuple[str, ...]]() for _ in range(_ORDERS)]
    for reference in references:
        for order, highest in enumerate(most, start=1):
            highest |= _grams(reference, order)
    counts = [_grams(text, order) for order in range(1, _ORDERS + 1)]
    return _bleu(counts, lambda gram, _: most[len(gram) - 1][gram], len(text), [len(reference) for reference in references])


def _bleu(
    counts: Sequence[_Counts], of_references: Callable[[tuple[str, ...], int], int], length: int, references: Sequence[int]
) -> float:
    """`bleu` from the grams of a text by order, its length and the references' lengths; `of_references` says, of a gram and its
    count in the text, how often it occurs in the reference that has most of it."""
    if not length:
        return float(not all(references))
    logs = []
    missed = 0
    for order in range(1, min(_ORDERS, length) + 1):
        total = length - order + 1
        matched = sum(min(count, of_references(gram, count)) for gram, count in counts[order - 1].items())
        if order == 1 and not matched:
            return 0.0
        missed += not matched
        logs.append(math.log(matched / total if matched else 1 / (2**missed * total)))
    nearest = min(references, key=lambda other: (abs(other - length), other))
    brevity = min(1.0, math.exp(1 - nearest / length))
    return brevity * math.exp(sum(logs) / len(logs))


def _grams(text: Sequence[str], order: int) -> _Counts:
    return Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))


def embedding_diversity(vectors: Floats) -> float:
    """1 less the mean cosine similarity over pairs of `vectors` [texts, width]; 0: all alike. A zero vector is like nothing."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units = np.divide(vectors, norms, out=np.zeros_like(vectors, dtype=np.float64), where=norms > 0)
    count = len(units)
    similar = (units @ units.T)[np.triu_indices(count, 1)]
    return float(1 - similar.mean())


def sentence_encoder(model: str) -> Encode:
    """A sentence-transformers model by name or folder. Raises `ConfigError` where the package or the model is not to be had."""
    try:
        from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found, unused-ignore]
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--embedding {model} needs sentence-transformers, which is not installed: pip install sentence-transformers, or "
            "leave it out"
        ) from error
    try:
        loaded = SentenceTransformer(model)
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"--embedding {model} cannot be loaded ({reason}): name another model or its folder") from error

    def encode(texts: Sequence[str]) -> Floats:
        return np.asarray(loaded.encode(list(texts), show_progress_bar=False), dtype=np.float64)

    return encode
