"""What an evaluation leaves in its folder, and finding such folders again."""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, overload

from bao.errors import DataError
from bao.evaluation.settings import EvaluationSection
from bao.evaluation.tasks import read_records
from bao.measure import Own
from bao.measures import MEASURES, PASS_AT_U, summarize
from bao.measures.catalogue import BEHAVIORS, PASS_HAT
from bao.measures.clusters import Records
from bao.measures.comparison import Side
from bao.measures.cost import Price, Prices
from bao.measures.diversity import Encode
from bao.measures.frame import data_frame
from bao.measures.named import BestRules
from bao.measures.summary import own_of
from bao.pareto import Candidate
from bao.policies.scripted import ORACLE, fixed_behaviours
from bao.policy import PolicyKind
from bao.rollout.runner import LOG as UNFINISHED
from bao.storage.atomic import atomic_text
from bao.storage.episodes import count_episodes, episode_row, iterate_episodes
from bao.storage.folder import CONFIG
from bao.trajectory import Trajectory, point_label

if TYPE_CHECKING:
    import pandas as pd

EPISODES, SUMMARY = "episodes.parquet", "summary.json"


class Episodes(Sequence[Trajectory]):
    """The episodes of a file, in its order. Going through them holds a few in memory; asking for one by its place holds all."""

    def __init__(self, path: Path, *, traces: bool = True) -> None:
        """Without `traces` token traces are left unread, which is faster."""
        self._path, self._traces = path, traces

    def __len__(self) -> int:
        return count_episodes(self._path)

    def __iter__(self) -> Iterator[Trajectory]:
        return iterate_episodes(self._path, traces=self._traces)

    @overload
    def __getitem__(self, place: int) -> Trajectory: ...
    @overload
    def __getitem__(self, place: slice) -> list[Trajectory]: ...
    def __getitem__(self, place: int | slice) -> Trajectory | list[Trajectory]:
        return self._all[place]

    @cached_property
    def _all(self) -> list[Trajectory]:
        return list(self)

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each episode, with the columns of ``episodes.parquet`` but token traces (docs/formats.md)."""
        return data_frame(map(episode_row, Episodes(self._path, traces=False)))


Source = Union[str, "os.PathLike[str]", "EvaluationResult"]
"""An evaluation, a folder of one, or a folder of such folders."""


@dataclass(frozen=True)
class EvaluationResult:
    """One evaluated policy at one effort weight, as it lies in a folder."""

    folder: Path
    alias: str | None = None
    """What a comparison calls it where another has the same label."""
    under: str = ""
    """Under which user it was played, where another one of the same label was played under another."""

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """The content of ``summary.json``, read once. Raises `DataError` where it is damaged or of another origin."""
        path = self.folder / SUMMARY
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{path} is no readable summary ({error}): remove {self.folder} and run `bao eval` again into it"
            ) from error
        if not isinstance(values, dict) or not {"policy", "effort_weight", "score"} <= set(values):
            raise DataError(f"{path} is no summary of an evaluation: name folders that `bao eval` wrote")
        return values

    @property
    def series(self) -> str:
        """What tables call the policy."""
        return f"{self.summary['policy']}{self.under}"

    @property
    def label(self) -> str:
        """The policy with its effort weight and its budget, where it was told one."""
        told = point_label(str(self.summary["policy"]), self.summary["effort_weight"], self.summary.get("budget"))
        return self.alias or f"{told}{self.under}"

    def episodes(self, *, traces: bool = True) -> Episodes:
        """Its episodes. Without `traces` token traces are left unread."""
        return Episodes(self.folder / EPISODES, traces=traces)

    def to_pandas(self) -> "pd.DataFrame":
        """A row for each measure that has a figure: its mean and its 95 % interval."""
        nested = {f"pass_at_u_{k}": self.summary.get("pass_at_u", {}).get(str(k)) for k in PASS_AT_U}
        nested |= {f"pass_hat_{k}": self.summary.get("pass_hat", {}).get(str(k)) for k in PASS_HAT}
        nested |= {name: value for name, value in self.summary.get("own", {}).items() if value}
        nested |= {name: self.summary.get("behaviors", {}).get(str(behavior)) for behavior, name in BEHAVIORS.items()}
        found = {name: nested.get(name) or self.summary.get(name) for name in (*MEASURES, *self.own)}
        return data_frame({"measure": name, **value} for name, value in found.items() if value)

    @cached_property
    def settings(self) -> Mapping[str, Any]:
        """What its ``config.toml`` holds; empty where there is none."""
        try:
            return tomllib.loads((self.folder / CONFIG).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            return {}

    @property
    def is_bound(self) -> bool:
        """Whether it is a scripted policy that knows the task; of an older folder, whether it is the oracle."""
        older = self.settings.get("policy", f"scripted:{self.series}") == f"scripted:{ORACLE}"
        return bool(self.summary.get("bound", older))

    @property
    def is_rule(self) -> bool:
        """Whether it is a scripted policy that goes by what an agent sees, and by no price: what learning has to beat."""
        kind, _, name = str(self.settings.get("policy", "")).partition(":")
        return kind == PolicyKind.SCRIPTED and name in fixed_behaviours([name]) and not self.is_bound

    @cached_property
    def own(self) -> Own:
        """The measures that its gym states (`bao.gym.Gym.measures`), as it stated them when it was played."""
        return own_of(self.summary)

    @cached_property
    def records(self) -> Records:
        """What its tasks were and what they share; empty where that was not recorded."""
        return read_records(self.folder)

    @cached_property
    def setting(self) -> Mapping[str, Any]:
        """Under what it was played; an older summary's is taken from its folder's settings as far as they tell."""
        known = self.settings.get("gym", {}).get("settings", {})
        older = {key: known[key] for key in ("convention", "user") if key in known}
        return {**older, **self.summary.get("setting", {})}

    @property
    def model(self) -> str:
        """The name by which it has a price: its model's, or its policy's."""
        return str(self.settings.get("agent", {}).get("model") or self.series)

    def side(self, rules: BestRules | None = None) -> Side:
        """As a side of a comparison; `rules` are what regrets are reckoned from (`bao.evaluation.rules`)."""
        episodes = list(self.episodes())
        horizon = {"horizon": max(episode.horizon for episode in episodes)} if episodes else {}
        return Side(self.label, episodes, {**horizon, **self.setting}, self.records, self.own, rules)

    def candidate(
        self, only: Collection[str] | None = None, *, bound: bool | None = None, rules: BestRules | None = None
    ) -> Candidate:
        """As a point of a frontier, or as a `bound` (`is_bound` where not given); of the measures named in `only` at least.
        `rules` as for `side`."""
        return Candidate.of(
            self.episodes(traces=False),
            label=self.label,
            series=self.series,
            only=only,
            records=self.records,
            setting=self.setting,
            bound=self.is_bound if bound is None else bound,
            own=self.own,
            rules=rules,
        )


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Leave `summary` in `folder`, whole or not at all."""
    atomic_text(folder / SUMMARY, json.dumps(summary, indent=1))


def remeasure(result: EvaluationResult, *, prices: Prices | None = None, encode: Encode | None = None) -> EvaluationResult:
    """Summarize an evaluation's stored episodes again, with a price table or an embedding; rewrites its summary.

    What the one that is not given was given for before, stays.
    """
    before, summary = result.summary, _summarized(result, result.episodes(), prices=prices, encode=encode)
    if prices is None:
        summary |= {name: before[name] for name in ("money", "prices") if name in before}
    if encode is None:
        summary["embedding_diversity"] = before.get("embedding_diversity")
    if "bound" in before:
        summary["bound"] = before["bound"]
    if "checks" in before:
        summary["checks"] = before["checks"]
    write_summary(result.folder, summary)
    return replace(result)


def summarized_again(
    result: EvaluationResult, episodes: Iterable[Trajectory], *, named: Collection[str], rules: BestRules | None
) -> dict[str, Any]:
    """The summary of some of an evaluation's `episodes`, as its own was made; `named` and `rules` as for `summarize`.

    Money is reckoned with the prices of the summary that is there; embeddings are not made again.
    """
    prices = {model: Price(**price) for model, price in result.summary.get("prices", {}).items()}
    return _summarized(result, episodes, prices=prices, named=named, rules=rules)


def _summarized(result: EvaluationResult, episodes: Iterable[Trajectory], **more: Any) -> dict[str, Any]:
    """Under the settings that its own summary was made under."""
    return summarize(
        episodes,
        setting=result.summary.get("setting", {}),
        records=result.records,
        own=result.own,
        resamples=result.settings.get("evaluation", {}).get("resamples", EvaluationSection().resamples),
        seed=int(result.settings.get("seed", 0)),
        **more,
    )


def load_result(folder: "str | os.PathLike[str]") -> EvaluationResult:
    """The evaluation in `folder`. Raises `DataError` where there is none, or there are several below it."""
    found = _below(folder)
    if len(found) > 1:
        names = ", ".join(str(each.folder) for each in found)
        raise DataError(f"{folder} holds {len(found)} evaluations: name one of {names}")
    return found[0]


def find_results(sources: Iterable[Source]) -> list[EvaluationResult]:
    """The evaluations in these folders and below them, in the order of their names.

    Those of one label that were played under other users are told apart by the user. Raises `DataError` on two of one label
    else.
    """
    listed = [result for source in sources for result in _below(source)]
    users: dict[str, set[str]] = {}
    for each in listed:
        users.setdefault(each.label, set()).add(str(each.setting.get("user")))
    found: dict[str, EvaluationResult] = {}
    for each in listed:
        if len(users[each.label]) > 1:
            each = replace(each, under=f" ({each.setting.get('user', 'user not recorded')})")
        if each.label in found:
            raise DataError(
                f"{found[each.label].folder} and {each.folder} both hold {each.label!r}: leave one out, or evaluate with "
                "another --name"
            )
        found[each.label] = each
    return list(found.values())


def find_each(sources: Iterable[Source]) -> list[EvaluationResult]:
    """The evaluations of all `sources`, for a comparison: unlike in `find_results`, one label may occur again.

    Where it does, the folder is put to it; a folder named twice counts once. Raises `DataError` on a folder without an
    evaluation.
    """
    found = list({each.folder.resolve(): each for source in sources for each in find_results([source])}.values())
    labels = Counter(each.label for each in found)
    return [replace(each, alias=f"{each.label} ({each.folder})") if labels[each.label] > 1 else each for each in found]


def source_names(sources: Iterable[Source]) -> list[str]:
    """The names of the folders."""
    return [(each.folder if isinstance(each, EvaluationResult) else Path(each)).name for each in sources]


def _below(source: Source) -> list[EvaluationResult]:
    if isinstance(source, EvaluationResult):
        return [source]
    folder = Path(source)
    found = [EvaluationResult(path.parent) for path in sorted(folder.rglob(SUMMARY))] if folder.is_dir() else []
    if not found:
        if folder.is_dir() and any(folder.rglob(UNFINISHED)):
            raise DataError(f"{folder} holds no finished evaluation: run the same `bao eval` again, which goes on from there")
        raise DataError(f"{folder} holds no evaluation (no {SUMMARY}): run `bao eval --out {folder}` first")
    return found
