"""Episodes as JSON lines of OpenAI messages: ``{"messages": [..], "tools": [..], "metadata": {..}}``, one episode a line.

Written in ASCII, so that readers that split lines at other signs than ``\\n`` read it too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bao.action import tool_schema
from bao.errors import DataError
from bao.formats.foreign import Rules, foreign_trajectory
from bao.formats.messages import messages_of, metadata_of, trajectory_of
from bao.storage.atomic import atomic_write
from bao.trajectory import Trajectory


def write_openai(path: Path, trajectories: Iterable[Trajectory]) -> int:
    """Write `trajectories` at `path`, whole or not at all, one in memory at a time; how many there were.

    Token traces are left out. Raises `DataError` on a number that JSON does not have (infinity, NaN).
    """
    tools, count = [tool_schema()], 0
    with atomic_write(path) as file:
        for count, trajectory in enumerate(trajectories, start=1):
            record = {"messages": messages_of(trajectory), "tools": tools, "metadata": metadata_of(trajectory)}
            try:
                file.write(json.dumps(record, allow_nan=False).encode() + b"\n")
            except ValueError as error:
                raise DataError(
                    f"episode {count} (task {trajectory.task_id!r}) holds a number that JSON does not have ({error}): export "
                    "it --to datasets, which does"
                ) from error
    return count


def read_openai(path: Path, under: Rules | None = None) -> Iterator[Trajectory]:
    """The episodes of a JSON lines file, one in memory at a time; blank lines are skipped.

    Lines with bao's metadata come back exactly. Others are read under the rules of the gym `under` (`bao.formats.foreign`).
    Raises `DataError` naming the file, the line and what is wrong.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number} is no JSON ({error}): one object a line is expected") from error
            try:
                yield _trajectory(record, f"{path.stem}-{number}", under)
            except DataError as error:
                raise DataError(f"{path}, line {number}: {error}") from error


def _trajectory(record: Any, task_id: str, under: Rules | None) -> Trajectory:
    if not isinstance(record, Mapping) or not isinstance(record.get("messages"), list):
        raise DataError("an object with a list of messages is expected")
    metadata = record.get("metadata")
    if isinstance(metadata, Mapping) and "bao_format" in metadata:
        return trajectory_of(record["messages"], metadata)
    if under is None:
        raise DataError("it has no metadata of bao's: name the gym whose rules it is to be read under (--gym)")
    return foreign_trajectory(record["messages"], task_id, under)
