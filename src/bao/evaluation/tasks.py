"""What an evaluation remembers of its tasks, so that others can cluster and pair them without the gym."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from bao.errors import DataError
from bao.gym import Gym
from bao.measures.clusters import Records, TaskRecord
from bao.rollout.plan import digest_of
from bao.storage.atomic import atomic_text
from bao.task import Task

TASKS = "tasks.json"
VERSION = 1
_LONGEST = 24
"""Components of more characters are written as their digests."""


def records_of(gym: type[Gym], tasks: Iterable[Task]) -> dict[str, TaskRecord]:
    """By task id."""
    return {task.id: TaskRecord(digest_of(task.to_json()), tuple(sorted(map(_short, gym.components(task))))) for task in tasks}


def _short(component: str) -> str:
    return component if len(component) <= _LONGEST else digest_of(component)


def write_records(records: Records, folder: Path) -> None:
    content = {task: {"digest": each.digest, "components": list(each.components)} for task, each in records.items()}
    atomic_text(folder / TASKS, json.dumps({"version": VERSION, "tasks": content}, indent=0))


def read_records(folder: Path) -> Records:
    """Those that lie in `folder`; none in a folder of an earlier version. Raises `DataError` where they are damaged."""
    path = folder / TASKS
    if not path.is_file():
        return {}
    try:
        found: Mapping[str, Mapping[str, object]] = json.loads(path.read_text(encoding="utf-8"))["tasks"]
        return {task: TaskRecord(str(each["digest"]), tuple(each["components"])) for task, each in found.items()}  # type: ignore[arg-type]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): remove {folder} and run `bao eval` again into it") from error
