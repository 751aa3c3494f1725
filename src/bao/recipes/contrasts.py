"""Values of arms by seed as means, differences and effects of factors, with intervals and tests over the seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from bao.measures.intervals import Floats
from bao.measures.permutation import holm

Runs = Mapping[str, Sequence[Mapping[str, float]]]
"""For each arm its measures under each seed, the seeds in one order."""
Figures = dict[str, float]
"""``mean``, ``low``, ``high``; of a difference also ``p``, ``p_holm`` and, where a margin was given, ``equivalent``."""


def over_seeds(values: Sequence[float] | Floats) -> Figures:
    """Mean over seeds with a 95 % t interval; without one (equal to the mean) for a single seed."""
    mean, half = float(np.mean(values)), _half(values, 0.95)
    return {"mean": mean, "low": mean - half, "high": mean + half}


def means(runs: Runs, names: Sequence[str]) -> dict[str, dict[str, Figures]]:
    """What each arm reaches, `over_seeds`."""
    return {arm: {name: over_seeds([run[name] for run in rows]) for name in names} for arm, rows in runs.items()}


def contrast(values: Sequence[float] | Floats, margin: float | None = None) -> Figures:
    """A difference by seed: its mean and interval, the p-value of Student's two-sided test, and whether it is shown to be none.

    ``equivalent`` is 1 where two one-sided tests at 5 % reject that the difference is `margin` or more, up or down (the 90 %
    interval lies within the margin); 0 where they do not, which does not show a difference. A single seed has neither.
    """
    found = over_seeds(values)
    if len(values) < 2:
        return found
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    if error > 0:
        found["p"] = float(2 * stats.t.sf(abs(found["mean"]) / error, len(values) - 1))
    else:
        found["p"] = 1.0 if found["mean"] == 0 else 0.0
    if margin is not None:
        found["equivalent"] = float(abs(found["mean"]) + _half(values, 0.9) < margin)
    return found


def differences(runs: Runs, names: Sequence[str], margins: Mapping[str, float]) -> dict[str, dict[str, Figures]]:
    """How much more the first arm has than each other one, seed by seed; p-values of a measure adjusted over the arms."""
    first, *others = runs
    return _adjusted(
        {
            arm: {
                name: contrast([a[name] - b[name] for a, b in zip(runs[first], runs[arm], strict=True)], margins.get(name))
                for name in names
            }
            for arm in others
        }
    )


def effects(
    runs: Runs, levels: Mapping[str, Mapping[str, bool]], names: Sequence[str], margins: Mapping[str, float]
) -> dict[str, dict[str, Figures]]:
    """What each factor adds, in the mean over the levels of the others; p-values of a measure adjusted over the factors.

    `levels` says for each arm which factors are on; every combination has one arm.
    """
    factors = next(iter(levels.values()))
    return _adjusted(
        {
            factor: {
                name: contrast(
                    _level(runs, [arm for arm, on in levels.items() if on[factor]], name)
                    - _level(runs, [arm for arm, on in levels.items() if not on[factor]], name),
                    margins.get(name),
                )
                for name in names
            }
            for factor in factors
        }
    )


def _level(runs: Runs, arms: Sequence[str], name: str) -> Floats:
    table: Floats = np.array([[run[name] for run in runs[arm]] for arm in arms])
    return np.asarray(table.mean(axis=0))


def _half(values: Sequence[float] | Floats, level: float) -> float:
    if len(values) < 2:
        return 0.0
    return float(stats.t.ppf((1 + level) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def _adjusted(found: dict[str, dict[str, Figures]]) -> dict[str, dict[str, Figures]]:
    rows = list(found.values())
    for name in rows[0] if rows else ():
        tested = [row[name] for row in rows if "p" in row[name]]
        for figures, p in zip(tested, holm([each["p"] for each in tested]), strict=True):
            figures["p_holm"] = p
    return found
