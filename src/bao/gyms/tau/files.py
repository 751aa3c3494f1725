"""Reads customer-service tasks from files: our JSON lines, and UserRL's lists of tau-bench's tasks and its parquet files.

The databases lie elsewhere, in tau-bench's own folders; a task only names its one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from bao.errors import DataError
from bao.gyms.loading import Readers, read_by_suffix
from bao.gyms.tau.domains import AIRLINE, DOMAINS, RETAIL
from bao.gyms.tau.retail.instruction import read_instruction
from bao.gyms.tau.retail.wishes import wish_to_json
from bao.gyms.tau.tasks import NAME, check
from bao.gyms.userrl import beside, read_json, read_rows
from bao.task import Split, Task, TaskSet

LISTS: Mapping[Split, str] = {Split.TRAIN: "tau_train.json", Split.TEST: "tau_test.json"}


class _Call(BaseModel):
    name: str
    kwargs: dict[str, Any]


class _Goal(BaseModel):
    user_id: str
    actions: list[_Call]
    instruction: str
    outputs: list[str] = Field(default_factory=list)


class _Info(BaseModel):
    task: _Goal


class _Record(BaseModel):
    """One entry of UserRL's ``tau_train.json`` or ``tau_test.json``."""

    id: str
    obs: str = ""
    """The customer's first message, made beforehand."""
    info: _Info


def read(path: Path, split: Split) -> TaskSet:
    """Tasks from a file, told apart by its suffix.

    ``.jsonl``: our own format. ``.json``: UserRL's list; every task gets `split`. ``.parquet``: UserRL's task rows, looked up
    by id in ``tau_train.json`` and ``tau_test.json`` in the same directory; the split is the row's own. Raises `DataError`.
    """
    readers: Readers = {
        ".jsonl": lambda: TaskSet.read(path, NAME, check),
        ".json": lambda: (
            _task(path, record, split) for record in read_json(path, list[_Record], "a list of tau-bench's tasks")
        ),
        ".parquet": lambda: _read_parquet(path, split),
    }
    return read_by_suffix(path, NAME, readers)


def _read_parquet(path: Path, split: Split) -> TaskSet:
    records: dict[Split, tuple[Path, dict[str, _Record]]] = {}
    tasks = []
    for row in read_rows(path, split):
        home = Split.TEST if row.split is Split.TEST else Split.TRAIN
        if home not in records:
            source = beside(path, LISTS[home], "names its tasks by id only")
            records[home] = source, {r.id: r for r in read_json(source, list[_Record], "a list of tau-bench's tasks")}
        source, known = records[home]
        if row.key not in known:
            raise DataError(f"{row.where}: reward_model.id={row.key!r} is not in {source}; use the file it was made from")
        tasks.append(_task(source, known[row.key], row.split))
    return TaskSet.of(tasks)


def _task(path: Path, record: _Record, split: Split) -> Task:
    """A task whose instruction is put into wishes where it is of the training users' template."""
    domain = record.id.split("-")[0]
    if domain not in DOMAINS:
        raise DataError(f"{path}, entry {record.id!r}: the id must begin with {RETAIL}- or {AIRLINE}-")
    goal = record.info.task
    read_text = read_instruction(goal.instruction) if domain == RETAIL else None
    identity, wishes = read_text if read_text is not None else ({}, ())
    data = {
        "database": domain,
        "user_id": goal.user_id,
        "identity": dict(identity),
        "wishes": [wish_to_json(w) for w in wishes],
        "actions": [{"name": action.name, "arguments": action.kwargs} for action in goal.actions],
        "outputs": goal.outputs,
        "instruction": goal.instruction,
        "opening": record.obs,
    }
    level = sum(DOMAINS[domain].toolbox.writes(action.name) for action in goal.actions)
    task = Task(record.id, NAME, data, split, level)
    try:
        check(task)
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}, entry {record.id!r}: {error}") from error
    return task
