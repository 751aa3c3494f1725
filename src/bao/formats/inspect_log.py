"""Episodes as an evaluation log of Inspect (inspect_ai): one sample an episode, to read in ``inspect view`` or a data frame.

A sample holds the messages (thinking as reasoning), the scores ``score`` (R), ``success`` and ``user_effort`` (U), the turns'
rewards and involvement as metadata, and what ended it: running out of turns or tokens is a limit, a fault an error without
scores. The log's results are means over tasks of each task's mean, faults excluded, as in ``bao.measures``, with the standard
error clustered by task. The log cannot be imported.

The zip file is written member by member, since Inspect's own writer takes a whole log at once.
"""

import hashlib
import json
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bao.errors import ConfigError, DataError
from bao.formats.messages import messages_of, metadata_of
from bao.storage.atomic import atomic_write
from bao.storage.episodes import utf8
from bao.trajectory import Fault, StopReason, Trajectory

SCORES = ("score", "success", "user_effort")
SCORER = "bao"
_CONTROL = dict.fromkeys(range(0x20), 0xFFFD)
_MANY = 1 << 20
"""Bytes of sample summaries that are held in memory before they go to a temporary file."""


def write_inspect(path: Path, trajectories: Iterable[Trajectory], created: datetime | None = None) -> int:
    """Write `trajectories`, of one gym and policy, as a ``.eval`` file, whole or not at all, one in memory at a time.

    `created` is the log's date; now where not given. Returns how many episodes there were. Raises `ConfigError` where
    inspect_ai is not installed and `DataError` on episodes of several gyms, policies or effort weights, or where there is none.
    """
    try:
        from inspect_ai import log as inspect_log
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"--to inspect needs {error.name}, which is not installed: pip install 'bao-agents[formats]'"
        ) from error
    moment = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    first: Trajectory | None = None
    epochs: Counter[str] = Counter()
    values: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    count = 0
    with (
        atomic_write(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as log,
        tempfile.SpooledTemporaryFile(_MANY) as summaries,
    ):
        for count, trajectory in enumerate(trajectories, start=1):
            first = first or trajectory
            _check_alike(first, trajectory)
            name = _sample_id(trajectory)
            epochs[name] += 1
            sample = inspect_log.EvalSample.model_validate(_sample(trajectory, name, epochs[name]))
            log.writestr(f"samples/{sample.id}_epoch_{sample.epoch}.json", _json(sample))
            summaries.write((b"," if count > 1 else b"[") + _json(sample.summary()))
            if not _faulted(trajectory):
                values[trajectory.task_id].append(_scores(trajectory))
        if first is None:
            raise DataError("there is no episode to make a log of: evaluate some first")
        header = _header(first, epochs, values, count, moment)
        checked = inspect_log.EvalLog.model_validate(header)
        log.writestr("_journal/start.json", json.dumps({name: header[name] for name in ("version", "eval", "plan")}))
        summaries.write(b"]")
        summaries.seek(0)
        log.writestr("summaries.json", summaries.read())
        log.writestr("header.json", _json(checked))
    return count


def _json(model: Any) -> bytes:
    text: str = model.model_dump_json(exclude_none=True)
    return text.encode()


def _check_alike(first: Trajectory, other: Trajectory) -> None:
    for name in ("gym", "policy", "effort_weight", "budget"):
        one, another = getattr(first, name), getattr(other, name)
        if one != another:
            raise DataError(f"the episodes are of {name} {one!r} and {another!r}, and a log holds one: export them one by one")


def _told(trajectory: Trajectory) -> dict[str, float | None]:
    """The effort weight, and the budget where one was told."""
    budget = {} if trajectory.budget is None else {"budget": trajectory.budget}
    return {"effort_weight": trajectory.effort_weight, **budget}


def _scores(trajectory: Trajectory) -> tuple[float, ...]:
    return trajectory.task_return, float(trajectory.success), float(trajectory.user_effort)


def _faulted(trajectory: Trajectory) -> bool:
    return trajectory.fault is not None or trajectory.stop == StopReason.FAULT


def _sample_id(trajectory: Trajectory) -> str:
    """The task's id as a name inside a zip file, which ends at a NUL."""
    return utf8(trajectory.task_id).translate(_CONTROL) or "task"


def _sample(trajectory: Trajectory, name: str, epoch: int) -> dict[str, Any]:
    """The sample as plain values, which Inspect's own model then checks."""
    identity = json.dumps([trajectory.gym, trajectory.policy, *_told(trajectory).values(), name, epoch])
    key = hashlib.sha256(identity.encode()).hexdigest()[:22]
    messages = [_message(message, f"{key}-{index}", trajectory) for index, message in enumerate(messages_of(trajectory))]
    opening = next(message["content"] for message in messages if message["role"] == "user")
    sample: dict[str, Any] = {
        "id": name,
        "epoch": epoch,
        "uuid": key,
        "input": opening,
        "target": "",
        "messages": messages,
        "metadata": metadata_of(trajectory),
        "total_time": trajectory.seconds,
        "turn_count": len(trajectory.turns),
        "output": _output(messages, trajectory),
    }
    if _faulted(trajectory):
        fault = str(trajectory.fault or Fault.GYM_ERROR)
        message = f"{fault}: {utf8(trajectory.fault_detail)}" if trajectory.fault_detail else fault
        sample["error"] = {"message": message, "traceback": "", "traceback_ansi": ""}
    else:
        values = dict(zip(SCORES, _scores(trajectory), strict=True))
        told = f"stopped by {trajectory.stop} after {len(trajectory.turns)} of {trajectory.horizon} turns"
        sample["scores"] = {name: {"value": value, "explanation": told} for name, value in values.items()}
    if trajectory.stop == StopReason.MAX_TURNS:
        sample["limit"] = {"type": "turn", "limit": trajectory.horizon, "reason": "the episode ran out of turns"}
    if trajectory.stop == StopReason.TOKEN_BUDGET:
        sample["limit"] = {"type": "token", "limit": trajectory.tokens, "reason": "the episode ran out of tokens"}
    return sample


def _message(message: dict[str, Any], key: str, trajectory: Trajectory) -> dict[str, Any]:
    """A message of `messages_of` as Inspect has it: thinking is a part of the content, arguments are an object."""
    told = {**message, "id": key, "content": message["content"] or ""}
    if message["role"] == "assistant":
        told |= {"source": "generate", "model": utf8(trajectory.policy)}
        thinking = told.pop("reasoning_content", None)
        if thinking:
            told["content"] = [{"type": "reasoning", "reasoning": thinking}]
        if "tool_calls" in told:
            told["tool_calls"] = [
                {
                    "id": call["id"],
                    "function": call["function"]["name"],
                    "type": "function",
                    "arguments": json.loads(call["function"]["arguments"]),
                }
                for call in told["tool_calls"]
            ]
    if message["role"] == "tool":
        told["function"] = "interact"
    return told


def _output(messages: list[dict[str, Any]], trajectory: Trajectory) -> dict[str, Any]:
    last = next((message for message in reversed(messages) if message["role"] == "assistant"), None)
    choices = [] if last is None else [{"message": last, "stop_reason": "tool_calls" if "tool_calls" in last else "stop"}]
    return {"model": utf8(trajectory.policy), "choices": choices}


def _header(
    first: Trajectory, epochs: Counter[str], values: dict[str, list[tuple[float, ...]]], count: int, moment: str
) -> dict[str, Any]:
    scored = sum(map(len, values.values()))
    means = np.array([np.mean(rows, axis=0) for rows in values.values()]).reshape(-1, len(SCORES))
    identity = json.dumps([first.gym, first.policy, *_told(first).values(), count, moment])
    key = hashlib.sha256(identity.encode()).hexdigest()[:22]
    arguments = {name: value for name, value in _told(first).items() if value is not None}
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": key,
            "run_id": key,
            "task_id": key,
            "created": moment,
            "task": f"bao/{utf8(first.gym)}",
            "dataset": {"name": utf8(first.gym), "samples": len(epochs), "sample_ids": list(epochs)},
            "model": utf8(first.policy),
            "config": {"epochs": max(epochs.values())},
            "packages": {"bao-agents": version("bao-agents")},
            "task_args": arguments,
            "task_args_passed": arguments,
            "scorers": [{"name": name, "metrics": [{"name": "mean"}, {"name": "stderr"}]} for name in SCORES],
        },
        "plan": {"name": "bao", "steps": [{"solver": SCORER, "params": arguments}]},
        "results": {
            "total_samples": count,
            "completed_samples": scored,
            "scores": [
                {
                    "name": name,
                    "scorer": SCORER,
                    "scored_samples": scored,
                    "unscored_samples": count - scored,
                    "metrics": {
                        "mean": {"name": "mean", "value": float(column.mean())},
                        "stderr": {"name": "stderr", "value": _standard_error(column)},
                    },
                }
                for name, column in zip(SCORES, means.T, strict=True)
            ]
            if scored
            else [],
        },
        "stats": {"started_at": moment, "completed_at": moment},
    }


def _standard_error(task_means: Any) -> float:
    """Of the mean over tasks; 0 for a single task, which says nothing of it."""
    return float(task_means.std(ddof=1) / np.sqrt(len(task_means))) if len(task_means) > 1 else 0.0
