"""Export a folder of evaluations to another tool's format, and import such a file as one."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from bao.errors import ConfigError, DataError
from bao.evaluation.results import EPISODES, SUMMARY, write_summary
from bao.evaluation.settings import EvaluationSection
from bao.formats.datasets import read_datasets, write_datasets
from bao.formats.foreign import POLICY, Rules, rules
from bao.formats.inspect_log import write_inspect
from bao.formats.openai import read_openai, write_openai
from bao.measures import summarize
from bao.progress import Progress, Update
from bao.storage.episodes import count_episodes, iterate_episodes, stream_episodes
from bao.storage.folder import logger, open_folder
from bao.trajectory import Trajectory


class Source(StrEnum):
    """What can be imported."""

    OPENAI = "openai"
    DATASETS = "datasets"


class Target(StrEnum):
    """What can be exported to."""

    OPENAI = "openai"
    DATASETS = "datasets"
    INSPECT = "inspect"


SUFFIX = {Target.OPENAI: ".jsonl", Target.DATASETS: ".parquet", Target.INSPECT: ".eval"}
"""How a file of each format must be called for its tools to know it."""


def export_episodes(folder: Path, to: Target, out: Path, progress: Progress, *, force: bool = False) -> int:
    """Write the episodes of `folder` (of ``bao eval``, a folder of such folders, or an episodes.parquet) to `out`.

    They are read and written piece by piece; `out` appears whole or not at all. Returns how many there were. Raises
    `ConfigError` where `out` exists and `force` is not set, where its name does not end as the format's tools expect, or where
    the format needs a package that is not installed; `DataError` where there is no episode, or the format cannot hold them.
    """
    if out.suffix != SUFFIX[to]:
        raise ConfigError(f"--out {out}: a file for {to} is called something{SUFFIX[to]}")
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder: name a file in it")
    if out.exists() and not force:
        raise ConfigError(f"--out {out} exists: name another file, or give --force to replace it")
    files = _episode_files(folder)
    total = sum(map(count_episodes, files))
    with progress.task(f"export to {to}", total, quiet=True) as update:
        episodes = _counted((row for file in files for row in iterate_episodes(file, traces=False)), total, update)
        count = _writer(to, files)(out, episodes)
    return count


def import_episodes(
    file: Path, source: Source, out: Path, progress: Progress, *, gym: str | None = None, convention: str | None = None
) -> int:
    """Read `file` into the folder `out` as if ``bao eval`` had played it: ``episodes.parquet``, and ``summary.json`` where the
    episodes have rewards and are of one policy and gym.

    The same file over the same folder changes nothing. `gym` names the rules for conversations without bao's metadata. Returns
    how many episodes there were. Raises `ConfigError` on a missing file, an unknown gym, or a folder of other results, and
    `DataError` naming the line that cannot be read.
    """
    if not file.is_file():
        raise ConfigError(f"no file at {file}: give the path of a {SUFFIX[Target(source)]} file")
    if convention is not None and gym is None:
        raise ConfigError(f"--convention {convention} is a gym's: name the gym too (--gym)")
    under = None if gym is None else rules(gym, convention)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    open_folder(out, {"from": source.value, "file": file.name, "sha256": digest, "gym": gym, "convention": convention})
    episodes = out / EPISODES
    if not episodes.is_file():
        with progress.task(f"import from {source}", None, quiet=True) as update:
            count = stream_episodes(episodes, _counted(_some(_reader(source)(file, under), file), None, update))
        logger.info("%s: %d episodes", out, count)
    if not (out / SUMMARY).is_file():
        _summarize(out, progress)
    return count_episodes(episodes)


def _episode_files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    files = sorted(folder.rglob(EPISODES)) if folder.is_dir() else []
    if not files:
        raise DataError(f"{folder} holds no episodes (no {EPISODES}): give a folder of `bao eval`")
    return files


def _writer(to: Target, files: list[Path]) -> Callable[[Path, Iterable[Trajectory]], int]:
    if to is Target.OPENAI:
        return write_openai
    if to is Target.DATASETS:
        return write_datasets
    newest = max(file.stat().st_mtime for file in files)
    return partial(write_inspect, created=datetime.fromtimestamp(newest, UTC))


def _reader(source: Source) -> Callable[[Path, Rules | None], Iterator[Trajectory]]:
    return read_openai if source is Source.OPENAI else read_datasets


def _some(episodes: Iterator[Trajectory], file: Path) -> Iterator[Trajectory]:
    first = next(episodes, None)
    if first is None:
        raise DataError(f"{file} holds no episode: give a file that holds conversations")
    yield first
    yield from episodes


def _counted(episodes: Iterable[Trajectory], total: int | None, update: Update) -> Iterator[Trajectory]:
    for count, episode in enumerate(episodes, start=1):
        yield episode
        if count % 100 == 0 or count == total:
            update(count, total or count, {})


def _summarize(out: Path, progress: Progress) -> None:
    """``summary.json``, as ``bao eval`` would leave it, or a word on why there is none."""
    if any(row.policy == POLICY for row in iterate_episodes(out / EPISODES, traces=False)):
        progress.say(f"{out} gets no {SUMMARY}: conversations that bao did not play have no rewards to measure")
        return
    try:
        summary = summarize(iterate_episodes(out / EPISODES, traces=False), resamples=EvaluationSection().resamples)
    except DataError as error:
        progress.say(f"{out} gets no {SUMMARY}: {error}")
        return
    write_summary(out, summary)
