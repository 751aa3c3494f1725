"""Put a gym's labelled questions to a model that is to play its user or to judge, and keep what it made of them.

Each reply is kept as it comes (``replies.jsonl``), so that a check that was stopped goes on where it stopped.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bao.checks.verdict import ModelVerdict, Outcome, judge_outcomes
from bao.errors import ConfigError, RunError
from bao.gyms.probe import Probe, Role, probes
from bao.gyms.registry import gym_class
from bao.measures.frame import data_frame
from bao.progress import Progress
from bao.storage.folder import open_folder
from bao.trajectory import Fault, FaultError
from bao.users.checked import Checked, write_record
from bao.users.leaks import LeakProblem
from bao.users.llm import Check, Prompt, Reply, Simulator
from bao.users.settings import LLMSettings

if TYPE_CHECKING:
    import pandas as pd

REPLIES = "replies.jsonl"
_LEAST_OF_A_CLASS = 8
_OUTAGES = (Fault.USER_UNAVAILABLE,)
"""Faults that say nothing about the model."""

MakeSimulator = Callable[[Callable[[str], None]], Simulator]
"""Makes the model's simulator, which tells what is wrong with each reply that does not serve."""


@dataclass(frozen=True)
class ModelCheck:
    """A checked model, and where its replies lie."""

    of: Checked
    settings: Mapping[str, Any]
    """What can change a reply."""
    verdict: ModelVerdict
    folder: Path
    when: str
    """UTC, in ISO format."""

    @property
    def fit(self) -> bool:
        return self.verdict.fit

    def to_json(self) -> dict[str, Any]:
        """The content of ``check.json``."""
        return {**vars(self.of), "checked": self.when, "settings": dict(self.settings), **self.verdict.to_json()}

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each class of questions."""
        return data_frame({"label": label, **values} for label, values in self.verdict.classes.items())


def check_model(
    gym: str,
    role: Role,
    settings: LLMSettings,
    progress: Progress,
    *,
    out: Path | None = None,
    questions: int = 120,
    concurrency: int = 4,
) -> ModelCheck:
    """Measure the model of `settings` in a role of `gym`, by about so many `questions`, spread over the classes.

    Replies and ``check.json`` are left in `out`, or in the state folder (`bao.users.checked`), which holds the record in any
    case. There, a check that was finished is begun anew. Raises `ConfigError` on a gym without labelled questions for the role
    and on settings that the endpoint refuses, `RunError` where the endpoint cannot be reached.
    """
    for name, value in (("questions", questions), ("concurrency", concurrency)):
        if value < 1:
            raise ConfigError(f"{name}={value} must be at least 1")
    asked = sample(probes(gym, role), questions)
    of = Checked(str(role), gym, gym_class(gym).version, settings.model, settings.base_url)
    identity = settings.identity()
    if out is not None:
        open_folder(out, {**vars(of), "settings": identity, "questions": len(asked)})
    folder = of.folder if out is None else out
    told = {**vars(of), "settings": identity}
    outcomes = _outcomes(asked, _maker(settings), folder, told, concurrency, progress, again=out is None)
    found = ModelCheck(of, identity, judge_outcomes(outcomes), folder, datetime.now(UTC).isoformat(timespec="seconds"))
    write_record(folder, found.to_json())
    if out is not None:
        try:
            write_record(of.folder, found.to_json())
        except OSError as error:
            progress.warn(f"{of.folder} cannot be written ({error.strerror}): `bao eval` will not know of this check")
    return found


def sample(all_of: Sequence[Probe], count: int) -> list[Probe]:
    """About `count` probes, always the same: each class in its share, of a small one what there is up to a few."""
    classes: dict[str, list[Probe]] = {}
    for probe in all_of:
        classes.setdefault(probe.label, []).append(probe)
    chosen = []
    for each in classes.values():
        wanted = max(round(count * len(each) / len(all_of)), min(_LEAST_OF_A_CLASS, count))
        chosen += [each[place * len(each) // wanted] for place in range(wanted)] if wanted < len(each) else each
    return chosen


def ask(probe: Probe, make: MakeSimulator) -> Outcome:
    """Put one probe to a model. Raises `FaultError` where the endpoint cannot be reached."""
    watched = _Watched(make)
    same: dict[str, Any] = {"name": probe.name, "label": probe.label, "wanted_yes": probe.yes, "worded": probe.worded}
    try:
        heard = probe.put(watched)
    except FaultError as error:
        if error.fault in _OUTAGES:
            raise
        return Outcome(said=error.detail, right=False, fault=str(error.fault), **same, **watched.counts())
    return Outcome(said=heard.said, right=heard.right, yes=heard.yes, repaired=heard.repaired, **same, **watched.counts())


class _Watched(Simulator):
    """Counts and times what a model is asked."""

    def __init__(self, make: MakeSimulator) -> None:
        self._problems: list[str] = []
        self._model = make(self._problems.append)
        self._served = 0
        self._seconds = 0.0

    def ask(self, prompt: Prompt, schema: type[Reply], check: Check[Reply] | None = None) -> Reply:
        start = time.perf_counter()
        try:
            reply = self._model.ask(prompt, schema, check)
        finally:
            self._seconds += time.perf_counter() - start
        self._served += 1
        return reply

    def counts(self) -> dict[str, Any]:
        leaks = sum(isinstance(problem, LeakProblem) for problem in self._problems)
        counts = {"leaks": leaks, "malformed": len(self._problems) - leaks, "replies": self._served + len(self._problems)}
        return {**counts, "seconds": round(self._seconds, 4)}


def _maker(settings: LLMSettings) -> MakeSimulator:
    from bao.users.simulator import LLMSimulator  # HTTP and TLS take long to import

    alone = settings.model_copy(update={"cache": None})  # a kept reply has no time
    return lambda notice: LLMSimulator(alone, "model", notice)


def _outcomes(
    asked: Sequence[Probe],
    make: MakeSimulator,
    folder: Path,
    of: Mapping[str, Any],
    concurrency: int,
    progress: Progress,
    *,
    again: bool,
) -> list[Outcome]:
    """What came of each probe, in their order. `again`: ask all of them anew where none is missing."""
    file = folder / REPLIES
    keys = {probe.name: _key(of, probe) for probe in asked}
    known = {outcome.name: outcome for key, outcome in _kept(file) if keys.get(outcome.name) == key}
    if again and len(known) == len(keys):
        known = {}
        file.unlink()
    missing = [probe for probe in asked if probe.name not in known]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        progress.task(f"checking {of['model']} as {of['role']} of {of['gym']}", len(asked)) as update,
        ThreadPoolExecutor(concurrency) as pool,
        file.open("a", encoding="utf-8") as log,
    ):
        futures = [pool.submit(ask, probe, make) for probe in missing]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                known[outcome.name] = outcome
                log.write(json.dumps({"key": keys[outcome.name], **asdict(outcome)}) + "\n")
                log.flush()
                update(len(known), len(asked), {"right": sum(each.right for each in known.values()) / len(known)})
        except FaultError as error:
            raise RunError(
                f"{of['base_url']} cannot be reached ({error.detail}): {len(known)} of {len(asked)} replies are kept; mend it "
                "and run the same command again, which goes on from there"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return [known[probe.name] for probe in asked]


def _key(of: Mapping[str, Any], probe: Probe) -> str:
    """What tells a reply from that of another model, under other settings, or to another question."""
    text = json.dumps([of, probe.name, probe.label, probe.yes], sort_keys=True, default=str)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _kept(file: Path) -> Iterator[tuple[str, Outcome]]:
    """The replies of a file; a torn line is none."""
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError, TypeError, KeyError):
            row = json.loads(line)
            yield row.pop("key"), Outcome(**row)
