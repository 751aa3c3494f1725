"""Finished episodes on disk while a run goes on: append-only files of checksummed lines, in a folder of their own.

A line is ``CRC32 INDEX KEY FAULT JSON``; the checksum is over what follows it, FAULT is ``-`` where there is none, and JSON is
the episode's row. Every process appends to a file of its own, each line by one write, so a process killed at any moment leaves
at most one torn line, its last; a line that is not whole counts as not written. A crash of the whole machine may take
`SYNC_SECONDS` with it.
"""

import json
import os
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from bao.errors import ConfigError
from bao.storage.atomic import sync_folder
from bao.storage.episodes import write_rows
from bao.trajectory import Fault

SYNC_SECONDS = 2.0
_NO_FAULT = b"-"


class Keys(Protocol):
    """What a log is checked against; a `bao.rollout.plan.Plan` is one."""

    def __len__(self) -> int:
        """How many episodes there are."""

    def key(self, index: int) -> str:
        """What tells the episode from any other."""

    def name(self, index: int) -> tuple[str, int]:
        """The episode's task and seed."""

    @property
    def identity(self) -> str:
        """A digest of what is the same in all keys: by what and under what settings the episodes are played."""


class Record(NamedTuple):
    """One line's head, and where its row lies."""

    number: int
    key: str
    fault: Fault | None
    part: Path
    offset: int
    """Of the line in the file."""
    length: int


class LogFile:
    """A new file of the log, which this process alone appends to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(path.stem) for path in _parts(folder)), default=0)
        while True:
            self.path = folder / f"{number:06d}.log"
            try:
                self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
                break
            except FileExistsError:  # another process was faster
                number += 1
        sync_folder(folder)
        self._synced = time.monotonic()

    def append(self, index: int, key: str, fault: Fault | None, row: dict[str, Any]) -> None:
        """Raises `OSError` where the disk does not take it; nothing may be appended after that."""
        rest = b"%d %s %s %s\n" % (
            index,
            key.encode(),
            _NO_FAULT if fault is None else str(fault).encode(),
            json.dumps(row).encode("ascii"),
        )
        line = memoryview(b"%08x %s" % (zlib.crc32(rest), rest))
        while line:
            line = line[os.write(self._file, line) :]
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        os.fsync(self._file)
        self._synced = time.monotonic()

    def close(self) -> None:
        self.sync()
        os.close(self._file)


def scan(folder: Path) -> Iterator[Record]:
    """The whole lines of all files, file by file in the order of their numbers."""
    for path in _parts(folder):
        with path.open("rb") as file:
            offset = 0
            for line in file:
                record = _record(line, path, offset)
                offset += len(line)
                if record is not None:
                    yield record


def finished(folder: Path, keys: Keys) -> dict[int, Record]:
    """For each episode that the log holds, the record that counts: its first healthy one, else its last.

    Raises `ConfigError` where the log holds an episode of another configuration.
    """
    found: dict[int, Record] = {}
    for record in scan(folder):
        if record.number >= len(keys) or record.key != keys.key(record.number):
            raise ConfigError(
                f"{record.part} holds an episode of another configuration (number {record.number}): name another --out, or "
                f"remove {folder}"
            )
        before = found.get(record.number)
        if before is None or before.fault is not None:
            found[record.number] = record
    return found


def compact(records: dict[int, Record], path: Path, *, traced: bool = False, identity: str = "") -> None:
    """Write the rows of `records`, by index, as ``episodes.parquet``; one row group is held at a time."""
    write_rows(path, _rows(records), traced=traced, identity=identity)


def _rows(records: dict[int, Record]) -> Iterator[dict[str, Any]]:
    files: dict[Path, Any] = {}
    try:
        for index in sorted(records):
            record = records[index]
            if record.part not in files:
                files[record.part] = record.part.open("rb")
            file = files[record.part]
            file.seek(record.offset)
            yield json.loads(file.read(record.length).split(b" ", 4)[4])
    finally:
        for file in files.values():
            file.close()


def _parts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.log") if path.stem.isdigit())


def _record(line: bytes, path: Path, offset: int) -> Record | None:
    checksum, _, rest = line.partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(rest):
        return None
    index, key, fault, _ = rest.split(b" ", 3)
    return Record(int(index), key.decode(), None if fault == _NO_FAULT else Fault(fault.decode()), path, offset, len(line))
