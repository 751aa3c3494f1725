"""What a run came to, said out loud: whether the policy trades off, and whether it beats where it began and what is scripted.

Verdicts are drawn from paired 95 % intervals over tasks (`bao.pareto.worth`), so on few tasks only plain failures are named;
*no trade-off learned* is the exception, which stands until the tasks show a trade-off. Training's own collapses are read from
its metrics: those that its last steps still agree on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bao.measures.intervals import Interval
from bao.pareto.worth import ENVELOPE, OverPrices, Told, Worth
from bao.storage.atomic import atomic_text
from bao.train.collapse import ADVICE, WINDOW, Collapse, Reference, collapses
from bao.train.tracking.metrics_log import read_metrics

VERDICT = "verdict.json"


class Failure(StrEnum):
    NO_TRADE_OFF = "no trade-off learned"
    """Behaviours change hands between the prices, and the policy's effort is the same at both ends."""
    BELOW_START = "below its warm start"
    BELOW_SCRIPTS = "below the best scripted rule"
    COLLAPSED = "collapsed in training"


_REMEDY: Mapping[Failure, str] = {
    Failure.NO_TRADE_OFF: "reinforcement hardly ever bends a warm start that ignores the price: give it demonstrations that go "
    "by the price, and more of them (sft.demonstrations)",
    Failure.BELOW_START: "use the warm start, or train with a lower grpo.learning_rate",
    Failure.BELOW_SCRIPTS: "use the scripted policy, or demonstrate more (sft.demonstrations)",
    Failure.COLLAPSED: "see metrics.jsonl",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One way in which a run failed."""

    failure: Failure
    policy: str
    seen: str
    """What shows it."""
    advice: str

    def __str__(self) -> str:
        return f"{self.policy}: {self.failure} ({self.seen}): {self.advice}"


def judge(worth: Worth, policy: str, start: str | None) -> list[Verdict]:
    """The failures of `policy`, whose warm start is `start`. Raises `ValueError` where no policy was told a price."""
    if (told := worth.told) is None:
        raise ValueError("a verdict is on a policy that was told prices: evaluate one at one or more")
    found = []
    if seen := _no_trade_off(told, worth.breakpoints, policy):
        found.append(Verdict(Failure.NO_TRADE_OFF, policy, seen, _REMEDY[Failure.NO_TRADE_OFF]))
    compared = [(Failure.BELOW_SCRIPTS, ENVELOPE), *([(Failure.BELOW_START, start)] if start is not None else [])]
    for failure, other in compared:
        regret = told.regret[policy][other]
        if regret.mean.low > 0:
            found.append(Verdict(failure, policy, _lack(told.prices, regret), _REMEDY[failure]))
    return found


def judge_training(out: Path, policy: str, reference: Mapping[float, Reference]) -> list[Verdict]:
    """The collapses that the last steps of the training in `out` agree on."""
    rows = read_metrics(out / "metrics.jsonl")
    return [
        Verdict(Failure.COLLAPSED, policy, f"{kind}: {seen}", ADVICE[Collapse(kind)])
        for kind, seen in collapses(rows, reference, rows[:WINDOW]).items()
    ]


def write_verdict(verdicts: Sequence[Verdict], out: Path) -> list[dict[str, Any]]:
    """Leave ``verdict.json`` in `out`, an empty list where nothing failed; its content."""
    content = [asdict(each) for each in verdicts]
    atomic_text(out / VERDICT, json.dumps({"failures": content}, indent=1))
    return content


def _no_trade_off(told: Told, breakpoints: Sequence[float], policy: str) -> str:
    """What shows that the policy does not trade off; empty where it does, or need not."""
    low, high = told.prices[0], told.prices[-1]
    between = [point for point in breakpoints if low < point <= high]
    if not between or told.effort_drop[policy].low > 0:
        return ""
    points = ", ".join(f"{point:.3g}" for point in between)
    drop = _text(told.effort_drop[policy])
    return (
        f"user turns at the price {low:g} less those at {high:g}: {drop}, though scripted behaviours change hands at {points}"
    )


def _lack(prices: Sequence[float], regret: OverPrices) -> str:
    sure = ", ".join(f"{price:g}" for price, each in zip(prices, regret.at, strict=True) if each.low > 0)
    return f"R - wU lacks {_text(regret.mean)} in the mean over prices" + (f", surely at {sure}" if sure else "")


def _text(interval: Interval) -> str:
    return f"{interval.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
