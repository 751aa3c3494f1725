"""What a model's replies to labelled questions come to: accuracy by class, leanings, what broke, and whether it is fit.

Each limit and its reason (docs/gyms.md):

* `RIGHT_LEAST`: of questions answered at .75, three in a row are all answered rightly in .42 of the episodes. Below that the
  user's errors, not the agent's, decide most episodes. It is the mean over classes, so that the commoner class cannot hide the
  other: whoever says yes to everything gets .5.
* `YES_BIAS_MOST`: how much oftener a model may say yes than yes is right. An agent learns to use a leaning; an error that falls
  either way only costs it.
* `FAULTS_MOST`: replies of which nothing can be made end an episode, and the episodes that are left are chosen by the model.
* `LEAKS_MOST`: what is leaked in plain words is caught; whoever does it often will leak in other words as well, which is not.
* `OWN_WORDS_LEAST`: where rules say most of the replies, the user is those rules: play with ``--user scripted``.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

RIGHT_LEAST = 0.75
YES_BIAS_MOST = 0.15
FAULTS_MOST = 0.05
LEAKS_MOST = 0.10
OWN_WORDS_LEAST = 0.50
SMALL = 5
"""A class of fewer questions is shown, and not in the mean."""
_Z = 1.959964


@dataclass(frozen=True)
class Outcome:
    """What came of one labelled question."""

    name: str
    label: str
    said: str
    right: bool
    wanted_yes: bool | None = None
    yes: bool | None = None
    worded: bool = False
    repaired: int = 0
    leaks: int = 0
    """Replies that gave something away."""
    malformed: int = 0
    """Other replies that did not serve."""
    fault: str | None = None
    replies: int = 1
    seconds: float = 0.0


@dataclass(frozen=True)
class ModelVerdict:
    """The measures of `judge_outcomes`."""

    questions: int
    replies: int
    accuracy: float | None
    """Mean over classes of the share that was right; None where rules see to what is said."""
    own_words: float | None
    """Share of the replies in the model's own words, of those whose content rules see to; None where there are none."""
    classes: Mapping[str, Mapping[str, float]]
    yes: Mapping[str, float] | None
    """``said`` and ``right``: shares of yes; ``bias``: their difference; ``of_wrong``: share of yes among the wrong answers."""
    leaks: int
    malformed: int
    repaired: int
    faults: Mapping[str, int]
    seconds: Mapping[str, float]
    """A reply's, ``median`` and ``most``."""
    reasons: tuple[str, ...]
    """Why the model is unfit; none: it is fit."""
    mistakes: tuple[Mapping[str, str], ...]
    """The first of what it got wrong."""

    @property
    def fit(self) -> bool:
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        return {"fit": self.fit, **asdict(self), "reasons": list(self.reasons), "mistakes": list(self.mistakes)}


def wilson(right: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, of `count` independent questions, at least one."""
    share, z2 = right / count, _Z**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def judge_outcomes(outcomes: Sequence[Outcome], shown: int = 10) -> ModelVerdict:
    """The verdict on a model. `shown` of its mistakes are kept. Raises `ValueError` where there is no outcome."""
    if not outcomes:
        raise ValueError("there is no outcome to judge")
    read, worded = [each for each in outcomes if not each.worded], [each for each in outcomes if each.worded]
    faults = Counter(each.fault for each in outcomes if each.fault is not None)
    wrong = [each for each in outcomes if not each.right]
    paces = [each.seconds / each.replies for each in outcomes if each.replies]
    found = ModelVerdict(
        questions=len(outcomes),
        replies=sum(each.replies for each in outcomes),
        accuracy=_mean_of_classes(read),
        own_words=sum(each.right for each in worded) / len(worded) if worded else None,
        classes=_classes(outcomes),
        yes=_yes(outcomes),
        leaks=sum(each.leaks for each in outcomes),
        malformed=sum(each.malformed for each in outcomes),
        repaired=sum(each.repaired for each in outcomes),
        faults=dict(sorted(faults.items())),
        seconds={"median": median(paces), "most": max(paces)} if paces else {},
        reasons=(),
        mistakes=tuple({"question": each.name, "wanted": each.label, "said": each.said} for each in wrong[:shown]),
    )
    leaky = sum(each.leaks > 0 for each in outcomes) / len(outcomes)
    return ModelVerdict(**{**vars(found), "reasons": tuple(_reasons(found, leaky))})


def _reasons(found: ModelVerdict, leaky: float) -> list[str]:
    broken, reasons = sum(found.faults.values()) / found.questions, []
    if found.accuracy is not None and found.accuracy < RIGHT_LEAST:
        reasons.append(f"accuracy {found.accuracy:.2f} is below {RIGHT_LEAST:.2f}")
    if found.own_words is not None and found.own_words < OWN_WORDS_LEAST:
        reasons.append(
            f"only {found.own_words:.0%} of its replies serve, less than {OWN_WORDS_LEAST:.0%}: rules say the others"
        )
    if found.yes is not None and round(abs(found.yes["bias"]), 6) > YES_BIAS_MOST:
        word = "oftener" if found.yes["bias"] > 0 else "more seldom"
        reasons.append(
            f"it says yes in {found.yes['said']:.0%}, {word} than is right ({found.yes['right']:.0%}) by more than "
            f"{YES_BIAS_MOST:.0%}"
        )
    if broken > FAULTS_MOST:
        reasons.append(f"{broken:.0%} of the questions end in a fault, more than {FAULTS_MOST:.0%}")
    if leaky > LEAKS_MOST:
        reasons.append(f"it leaks at {leaky:.0%} of the questions, more than {LEAKS_MOST:.0%}")
    return reasons


def _by_class(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for each in outcomes:
        found.setdefault(each.label, []).append(each)
    return found


def _mean_of_classes(outcomes: Sequence[Outcome]) -> float | None:
    classes = list(_by_class(outcomes).values())
    counted = [each for each in classes if len(each) >= SMALL] or classes
    shares = [sum(one.right for one in each) / len(each) for each in counted]
    return sum(shares) / len(shares) if shares else None


def _classes(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    rows = {}
    for label, each in _by_class(outcomes).items():
        right = sum(one.right for one in each)
        low, high = wilson(right, len(each))
        rows[label] = {"questions": len(each), "right": right, "mean": right / len(each), "low": low, "high": high}
    return rows


def _yes(outcomes: Sequence[Outcome]) -> dict[str, float] | None:
    """Over the questions of yes or no. What ended in a fault said neither."""
    asked = [each for each in outcomes if each.wanted_yes is not None and each.fault is None]
    if not asked:
        return None
    said, right = (sum(bool(value) for value in values) / len(asked) for values in _columns(asked))
    wrong = [each for each in asked if not each.right]
    return {
        "said": said,
        "right": right,
        "bias": said - right,
        "of_wrong": sum(bool(each.yes) for each in wrong) / len(wrong) if wrong else 0.0,
    }


def _columns(asked: Sequence[Outcome]) -> tuple[list[bool | None], list[bool | None]]:
    return [each.yes for each in asked], [each.wanted_yes for each in asked]
