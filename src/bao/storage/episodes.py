"""Episodes on disk: one Parquet file, one row per episode.

The columns are the fields of `Trajectory`, its turns as ``transcript`` (a list of structs), and ``task_return``,
``user_effort``, ``turns`` and ``tokens`` for whoever reads the file with another tool. Token traces have columns of their own
(``trace_*``), there only if some episode has one, as are ``budget``, what a policy was told of it, ``repaired``, and
``measured``, a map of the gym's own measures. The schema's metadata holds the format's version under ``bao.format``, the number
of episodes under ``bao.episodes``, and under ``bao.identity`` a digest of what they were played by and under, where known.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bao.action import Action, ActionKind, ParseFault
from bao.errors import DataError
from bao.storage.atomic import atomic_write
from bao.trajectory import Fault, StopReason, TokenTrace, Trajectory, Turn

FORMAT = "3"
"""Version of the columns' names and meaning. Raised when a file of the old version can no longer be read as the new one.

2: with ``satisfaction``, and ``user_left`` among the stop reasons.
3: with the token counts and the information of a turn, and ``model``."""
READABLE = ("1", "2", FORMAT)
"""The versions that `read_episodes` reads; to an older file's episodes it gives what they meant."""

_FORMAT_KEY = b"bao.format"
_COUNT_KEY = b"bao.episodes"
_IDENTITY_KEY = b"bao.identity"
_ROW_GROUP = 256
"""Episodes converted at a time: bounds memory, and keeps each text column of a group under Arrow's 2 GiB."""
_READ = 64
"""Episodes read at a time."""


TYPES = {
    **dict.fromkeys(("seed", "level", "horizon", "user_effort", "turns", "budget", "repaired"), pa.int64()),
    **dict.fromkeys(("tokens", "prompt_tokens", "completion_tokens"), pa.int64()),
    **dict.fromkeys(("effort_weight", "seconds", "task_return", "satisfaction", "reward", "information"), pa.float64()),
    **dict.fromkeys(("success", "involves_user"), pa.bool_()),
    "measured": pa.map_(pa.string(), pa.float64()),
}
"""The fields of episodes and turns that are no text."""


def columns(names: Iterable[str], kinds: Mapping[str, pa.DataType] = TYPES) -> list[tuple[str, pa.DataType]]:
    """Columns of these names; what `kinds` does not hold is a text."""
    return [(name, kinds.get(name, pa.string())) for name in names]


_COUNTS = ("tokens", "prompt_tokens", "completion_tokens", "information")
_TURN = pa.struct(columns(("thinking", "kind", "content", "reply", "reward", "involves_user", "parse_fault", *_COUNTS)))
_OF_TURN = tuple(field.name for field in _TURN if field.name not in ("kind", "content"))
_FIELDS = "gym task_id policy seed effort_weight level stop success fault fault_detail horizon system opening seconds model"
_OF_EPISODE = (*_FIELDS.split(), "task_return", "user_effort", "turns", "tokens", "satisfaction")
_EPISODE = [*columns(_OF_EPISODE), ("transcript", pa.list_(_TURN))]
_SINCE = {"satisfaction": 2, "model": 3}
"""The version with which a column came; the others were there from the first."""
_OPTIONAL = columns(["budget", "repaired", "measured"])
"""Columns that are there, all of them, only where a budget was told, a model played the user or the gym has measures of its
own. Files of before have the first two."""
_OPTIONS = tuple(name for name, _ in _OPTIONAL)
_TRACE = [
    ("trace_prompt", pa.list_(pa.int32())),
    ("trace_ids", pa.list_(pa.int32())),
    ("trace_turn", pa.list_(pa.int16())),
    ("trace_logprob", pa.list_(pa.float32())),
    ("trace_weights_version", pa.int64()),
]


_KINDS = {str(kind): kind for kind in ActionKind}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def write_episodes(path: Path | str, trajectories: Iterable[Trajectory]) -> None:
    """Write `trajectories`, in their order, as a Parquet file at `path`; its folder is made if missing.

    The file appears whole or not at all (`bao.storage.atomic`). `read_episodes` gives back equal trajectories, but that a
    lone UTF-16 surrogate (a model can produce one through a JSON escape; no UTF-8 file can hold it) becomes U+FFFD.
    """
    episodes = list(trajectories)
    traced, *known = (any(getattr(each, name) is not None for each in episodes) for name in ("trace", *_OPTIONS))
    _write(Path(path), (_row(episode, traced) for episode in episodes), traced, optional=any(known))


def stream_episodes(path: Path | str, trajectories: Iterable[Trajectory]) -> int:
    """As `write_episodes` without token traces, holding one row group in memory; how many episodes there were."""
    return write_rows(path, map(episode_row, trajectories))


def episode_row(episode: Trajectory, *, traced: bool = False) -> dict[str, Any]:
    """An episode, with its token trace where `traced`, as plain values, as `write_rows` takes it; JSON holds it exactly."""
    row = _row(episode, traced)
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}


def write_rows(path: Path | str, rows: Iterable[dict[str, Any]], *, traced: bool = False, identity: str = "") -> int:
    """As `stream_episodes`, from what `episode_row` gives; `identity` is kept beside them (`identity_of`)."""
    return _write(Path(path), rows, traced, identity=identity)


def _write(path: Path, rows: Iterable[dict[str, Any]], traced: bool, optional: bool = False, identity: str = "") -> int:
    """`optional`: with the columns that are not always there. Without, the file is begun anew where one of them comes."""
    columns = _EPISODE + (_OPTIONAL if optional else []) + (_TRACE if traced else [])
    schema = pa.schema(columns, metadata={_FORMAT_KEY: FORMAT.encode(), _IDENTITY_KEY: identity.encode()})
    remaining, group, count = iter(rows), [], 0
    with atomic_write(path) as file, pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        while group := list(islice(remaining, _ROW_GROUP)):
            if not optional and any(name in row for row in group for name in _OPTIONS):
                break
            writer.write_table(pa.Table.from_pylist([_with_pairs(row) for row in group], schema=schema))
            count += len(group)
        else:
            writer.add_key_value_metadata({_COUNT_KEY.decode(): str(count)})
    if not group:
        return count
    with _opened(path) as source, pq.ParquetFile(source) as before:  # without a count: no reader takes it for whole
        written = (row for batch in before.iter_batches(batch_size=_READ) for row in batch.to_pylist())
        return _write(path, chain(written, group, remaining), traced, optional=True, identity=identity)


def _with_pairs(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its map as Arrow takes it."""
    measured = row.get("measured")
    return {**row, "measured": list(measured.items())} if isinstance(measured, dict) else row


def identity_of(path: Path | str) -> str:
    """A digest of what the episodes of a file were played by and under; empty where it was written without. Raises `DataError`
    as `read_episodes` does."""
    with _reading(Path(path)), pq.ParquetFile(path) as file:
        return str((file.schema_arrow.metadata or {}).get(_IDENTITY_KEY, b"").decode())


def count_episodes(path: Path | str) -> int:
    """How many episodes a file holds, from its footer alone. Raises `DataError` as `read_episodes` does."""
    with _reading(Path(path)), _opened(path) as source, pq.ParquetFile(source) as file:
        _check_schema(Path(path), file.schema_arrow)
        return int(file.metadata.num_rows)


def read_episodes(path: Path | str) -> list[Trajectory]:
    """The trajectories of a file that `write_episodes` wrote, in its order; raises as `iterate_episodes`."""
    return list(iterate_episodes(path))


def iterate_episodes(path: Path | str, *, traces: bool = True) -> Iterator[Trajectory]:
    """As `read_episodes`, holding a few in memory; without `traces` token traces are left unread.

    Raises `DataError` naming the file and the fix where it is missing, damaged (its pages carry checksums), of another origin,
    or of another version of the format.
    """
    path = Path(path)
    with _reading(path), _opened(path) as source, pq.ParquetFile(source, page_checksum_verification=True) as file:
        traced = _check_schema(path, file.schema_arrow) and traces
        known = _EPISODE + _OPTIONAL + (_TRACE if traced else [])
        columns = [name for name, _ in known if name in file.schema_arrow.names]
        count = 0
        for batch in file.iter_batches(batch_size=_READ, columns=columns):
            count += batch.num_rows
            yield from _trajectories(batch, traced)
        if b"%d" % count != (file.metadata.metadata or {}).get(_COUNT_KEY):
            raise DataError(f"{path} gives {count} episodes, not as many as were written: restore it or evaluate again")


def _opened(path: Path | str) -> AbstractContextManager[Any]:
    """What Arrow reads `path` from: an open file where its name is not UTF-8, for Arrow finds no such file."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return Path(path).open("rb")
    return nullcontext(path)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turns what goes wrong while a file is read into a `DataError` that names it."""
    if not path.is_file():
        raise DataError(f"no episodes at {path}: give the path of an episodes.parquet that `bao eval` wrote")
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as Parquet ({str(error).splitlines()[0]}): it is damaged or another kind of file; "
            "restore it or evaluate again"
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(f"{path} holds an episode that this bao cannot read ({error}): evaluate again") from error


def _columns(version: str) -> list[tuple[str, pa.DataType]]:
    """The columns of an episode in files of a readable version."""
    found = [(name, kind) for name, kind in _EPISODE if _SINCE.get(name, 1) <= int(version)]
    if int(version) < 3:
        found[-1] = ("transcript", pa.list_(pa.struct(list(_TURN)[:8])))
    return found


def _check_schema(path: Path, schema: pa.Schema) -> bool:
    """Raise `DataError` unless the file is of this format; return whether it has token traces."""
    version = (schema.metadata or {}).get(_FORMAT_KEY)
    if version is None:
        raise DataError(
            f"{path} is a Parquet file but holds no episodes (its metadata lacks 'bao.format'): "
            "give an episodes.parquet that `bao eval` wrote"
        )
    if version.decode(errors="replace") not in READABLE:
        raise DataError(
            f"{path} is of the episode format {version.decode(errors='replace')!r}, this bao reads "
            f"{', '.join(map(repr, READABLE))}: use the bao that wrote it, or evaluate again"
        )
    traced = "trace_ids" in schema.names
    there = [column for column in _OPTIONAL if column[0] in schema.names]
    for name, kind in _columns(version.decode()) + there + (_TRACE if traced else []):
        if name not in schema.names or schema.field(name).type != kind:
            raise DataError(f"{path} lacks the column {name!r} of type {kind}: another tool changed it; evaluate again")
    return traced


def utf8(text: str) -> str:
    """`text` as UTF-8 can hold it: a lone surrogate becomes U+FFFD."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def plain(of: Trajectory | Turn, names: Sequence[str]) -> dict[str, Any]:
    """These attributes as plain values: texts as UTF-8 can hold them, reasons and faults as their words."""
    values = zip(names, attrgetter(*names)(of), strict=True)
    return {name: utf8(str(value)) if isinstance(value, str) else value for name, value in values}


def _row(episode: Trajectory, traced: bool) -> dict[str, Any]:
    row = plain(episode, _OF_EPISODE) | {"turns": len(episode.turns)}
    row["transcript"] = [
        {"kind": utf8(str(turn.action.kind)), "content": utf8(turn.action.content), **plain(turn, _OF_TURN)}
        for turn in episode.turns
    ]
    row |= {name: value for name in _OPTIONS if (value := getattr(episode, name)) is not None}
    if traced and episode.trace is not None:
        row |= {name: getattr(episode.trace, name.removeprefix("trace_")) for name, _ in _TRACE}
    return row


def _trajectories(batch: pa.RecordBatch, traced: bool) -> Iterator[Trajectory]:
    transcript = batch.column("transcript")
    turns = _turns(transcript.flatten())
    lengths = pc.list_value_length(transcript).to_pylist()
    names = [name for name in (*_FIELDS.split(), "satisfaction", *_OPTIONS) if name in batch.schema.names]
    for index, values in enumerate(zip(*(batch.column(name).to_pylist() for name in names), strict=True)):
        row = dict(zip(names, values, strict=True))
        row["stop"] = StopReason(row["stop"])
        row["fault"] = None if row["fault"] is None else Fault(row["fault"])
        row["turns"] = tuple(next(turns) for _ in range(lengths[index]))
        if row.get("measured") is not None:
            row["measured"] = dict(row["measured"])
        yield Trajectory(**row, trace=_trace(batch, index) if traced else None)


def _turns(structs: pa.StructArray) -> Iterator[Turn]:
    rows = zip(*(structs.field(field.name).to_pylist() for field in structs.type), strict=True)
    for thinking, kind, content, reply, reward, involves_user, fault, *others in rows:
        action, parse_fault = Action(_KINDS.get(kind, kind), content), None if fault is None else ParseFault(fault)
        yield Turn(thinking, action, reply, reward, involves_user, parse_fault, *others)


def _trace(batch: pa.RecordBatch, index: int) -> TokenTrace | None:
    *scalars, version = (batch.column(name)[index] for name, _ in _TRACE)
    if not scalars[1].is_valid:
        return None
    # Copies: Arrow's own buffers are read-only.
    prompt, ids, turn, logprob = (np.array(each.values.to_numpy(zero_copy_only=False)) for each in scalars)
    return TokenTrace(prompt, ids, turn, logprob, version.as_py())
