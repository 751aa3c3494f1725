"""A corpus: passages, the index over them, and what a search in it replies. Also reads a corpus from files.

On disk a corpus is a file of JSON lines, each ``{"title": .., "text": ..}``, or a folder of such ``.jsonl`` files and of plain
``.txt`` files, whose title is their name. A corpus never changes once it is made, so gyms and threads may share one.
"""

import json
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from bao.errors import ConfigError, DataError
from bao.gyms.search.bm25 import BM25

SHOWN = 5
"""Passages that a search shows, best first."""
LONGEST_PASSAGE = 600
"""Characters of a passage; a longer text is cut at sentence ends into passages of the same title."""
NOTHING = "Nothing was found. Search for names and for words that the passages may hold."

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class Passage(NamedTuple):
    title: str
    text: str


class Corpus:
    """Passages and the index over their titles and texts."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        self._lines = [f"{passage.title}: {passage.text}" for passage in self.passages]
        # The title twice, so that the passage on something comes before those that mention it.
        self._index = BM25([f"{passage.title} {passage.title} {passage.text}" for passage in self.passages])

    def find(self, query: str) -> list[Passage]:
        """The best passages for `query`, at most `SHOWN`."""
        return [self.passages[index] for index in self._index.top(query, SHOWN)]

    def reply(self, query: str) -> str:
        """What the agent reads: numbered passages with their titles, best first."""
        found = self._index.top(query, SHOWN)
        if not found:
            return NOTHING
        return "\n".join([f"{number}. {self._lines[index]}" for number, index in enumerate(found, start=1)])


def read_corpus(path: Path) -> Corpus:
    """The corpus at `path`, read once for as long as its files stay as they are.

    Raises `ConfigError` if there is nothing at `path`, and `DataError` naming file and line of a passage that cannot be read.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in (".jsonl", ".txt") and file.is_file())
        if not files:
            raise ConfigError(f"corpus={path} holds no .jsonl and no .txt file: put passages there")
    elif path.is_file():
        files = [path]
    else:
        raise ConfigError(f"corpus={path} does not exist: give a .jsonl file of passages or a folder of them")
    return _read(tuple((file.resolve(), file.stat().st_mtime_ns, file.stat().st_size) for file in files))


@lru_cache(maxsize=8)
def _read(files: tuple[tuple[Path, int, int], ...]) -> Corpus:
    passages = [piece for file, _, _ in files for passage in _passages(file) for piece in pieces(passage)]
    if not passages:
        raise DataError(f"{files[0][0]} holds no passage: each line is an object with the fields title and text")
    return Corpus(passages)


def _passages(file: Path) -> Iterator[Passage]:
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8") from error
    if file.suffix == ".txt":
        yield Passage(file.stem.replace("_", " "), text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file}, line {number} is no JSON ({error})") from error
        for field in ("title", "text"):
            if not isinstance(row, dict) or not isinstance(row.get(field), str):
                raise DataError(f"{file}, line {number}: the field {field!r} is missing or no text")
        yield Passage(row["title"], row["text"])


def pieces(passage: Passage) -> Iterator[Passage]:
    """The passage on one line, cut at sentence ends where longer than `LONGEST_PASSAGE` (mid-sentence only if it must)."""
    title = " ".join(passage.title.split())
    piece = ""
    for sentence in _SENTENCE_END.split(" ".join(passage.text.split())):
        for start in range(0, len(sentence), LONGEST_PASSAGE):
            part = sentence[start : start + LONGEST_PASSAGE]
            if piece and len(piece) + 1 + len(part) > LONGEST_PASSAGE:
                yield Passage(title, piece)
                piece = ""
            piece = f"{piece} {part}".strip()
    if piece:
        yield Passage(title, piece)
