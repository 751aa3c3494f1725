"""How often the intervals of `bao.measures` and `bao.pareto` hold the truth, and how often `bao compare` raises a false alarm.

``python -m benchmarks.coverage`` (minutes; ``--every`` lists all cases) simulates clustered data and prints, for each kind
of interval, a table by how many tasks there are to go by. Seeded: each case by its place in its list.

* rates: beta-binomial and logit-normal chances, and a few hard tasks among certain ones;
* differences: of two such policies, with chances correlated between them and episodes that share their luck;
* counts: differences of a measure without bounds, of which a share of the tasks has none;
* alarms: `sign_flip_p` below .05 where policies are equal, and how often it and the interval disagree;
* clusters: all of that where tasks share strong effects (`benchmarks.shared_effects`);
* ratios, ranks, volumes: Fieller's interval, Kendall's tau, the hypervolume (of the convex hull too).
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np
from scipy.special import betaincinv, expit, ndtr, ndtri
from scipy.stats import binom

from bao.measures.intervals import Floats, Interval, difference_interval, rate_interval
from bao.measures.permutation import sign_flip_p
from bao.measures.transfer import kendall_tau, rank_agreement, reward_translation_rate
from bao.pareto import Candidate, frontier, hull_hypervolumes, hypervolumes
from benchmarks import shared_effects

STEPS = 2048
"""Equally likely values that a distribution of chances is cut into, so that its mean is known exactly."""

UNEQUAL = 0
"""In place of episodes per task: 1 to 8, each as likely."""

BANDS = (0, 1, 3, 5, 10, 20, np.inf)
_LEVEL, _EDGE = 0.05, 1e-12


@dataclass(frozen=True)
class Chances:
    """How chances vary between tasks: beta by its correlation, logit-normal by its sd, hard by a hard task's chance."""

    kind: str
    spread: float

    def quantiles(self, rate: float) -> Floats:
        """[STEPS] equally likely chances of the mean `rate`, ascending."""
        levels = (np.arange(STEPS) + 0.5) / STEPS
        if self.kind == "beta" and not self.spread:
            return np.full(STEPS, rate)
        if self.kind == "beta":
            scale = (1 - self.spread) / self.spread
            return np.asarray(betaincinv(rate * scale, (1 - rate) * scale, levels))
        if self.kind == "logit":
            low, high, noise = -60.0, 60.0, self.spread * ndtri(levels)
            for _ in range(60):
                middle = (low + high) / 2
                low, high = (middle, high) if expit(noise + middle).mean() < rate else (low, middle)
            return np.asarray(expit(noise + low))
        rare = min(rate, 1 - rate) / (1 - self.spread)
        found = np.where(levels > 1 - rare, 1 - self.spread, 0.0)
        return found if rate <= 0.5 else 1 - found[::-1]


ALIKE = Chances("beta", 0.0)
CHANCES = (
    ALIKE,
    *(Chances("beta", c) for c in (0.1, 0.3, 0.6, 0.95)),
    Chances("logit", 1),
    Chances("logit", 3),
    Chances("hard", 0.3),
)


@dataclass(frozen=True)
class Row:
    """One simulated case."""

    name: str
    band: float
    """Expected tasks to go by: off the boundary, or differing."""
    coverage: float
    forced: bool = False
    """Whether so few outcomes are possible that no interval of this kind comes within .93 and .97."""


def played(rng: np.random.Generator, episodes: int, shape: tuple[int, int]) -> np.ndarray:
    return rng.integers(1, 9, shape) if episodes == UNEQUAL else np.full(shape, episodes)


def held(intervals: Sequence[Interval], truth: float) -> float:
    return float(np.mean([i.low - _EDGE <= truth <= i.high + _EDGE for i in intervals]))


def attainable(means: Floats) -> float:
    """The share of draws nearest to .95 of those whose mean lies in some range that leaves out 5 % at most below it."""
    counts = np.unique(np.round(means, 9), return_counts=True)[1]
    below = np.concatenate([[0], np.cumsum(counts)]) / len(means)
    spans = [below - start for start in below[below <= _LEVEL]]
    return float(min((s[np.abs(s - 0.95).argmin()] for s in spans), key=lambda share: abs(share - 0.95)))


def rates(draws: int) -> Iterator[Row]:
    shares = (0.01, 0.05, 0.1, 0.3, 0.5, 0.97)
    cases = product((10, 20, 50, 100, 500), (1, 4, 16, UNEQUAL), CHANCES, shares)
    for seed, (tasks, episodes, chances, rate) in enumerate(cases):
        if (episodes == 1 and chances != ALIKE) or (chances.kind == "hard" and 0.25 < rate < 0.75):
            continue
        rng = np.random.default_rng([1, seed])
        quantiles = chances.quantiles(rate)
        sizes = played(rng, episodes, (draws, tasks))
        values = rng.binomial(sizes, rng.choice(quantiles, (draws, tasks))) / sizes
        band = tasks * min((values > 0).mean(), (values < 1).mean())
        yield Row(
            f"{tasks} x {episodes or '1-8'}, {chances.kind} {chances.spread}, rate {rate}",
            float(band),
            held([rate_interval(row) for row in values], float(quantiles.mean())),
            forced=abs(attainable(values.mean(axis=1)) - 0.95) > 0.02,
        )


@dataclass(frozen=True)
class Pair:
    """Two policies on the same tasks."""

    tasks: int
    episodes: int
    chances: Chances
    a: float
    b: float
    between: float
    """Correlation of their chances between tasks (of the normal scores)."""
    within: float
    """Share of the episode pairs that share their luck."""

    def draw(self, rng: np.random.Generator, draws: int) -> tuple[Floats, float]:
        """Differences of task means [draws, tasks], and the truth."""
        shape = (draws, self.tasks)
        first, second = self.chances.quantiles(self.a), self.chances.quantiles(self.b)
        score = rng.normal(size=shape)
        other = self.between * score + np.sqrt(1 - self.between**2) * rng.normal(size=shape)
        a, b = (q[(ndtr(z) * STEPS).astype(int).clip(0, STEPS - 1)] for q, z in ((first, score), (second, other)))
        sizes = played(rng, self.episodes, shape)
        shared = rng.binomial(sizes, self.within)
        apart = sizes - shared
        # With shared luck only the better of the two can succeed alone.
        alone = rng.binomial(shared, np.abs(b - a)) * np.sign(b - a)
        return (alone + rng.binomial(apart, b) - rng.binomial(apart, a)) / sizes, float(second.mean() - first.mean())

    def __str__(self) -> str:
        return (
            f"{self.tasks} x {self.episodes or '1-8'}, {self.chances.kind} {self.chances.spread}, {self.a:.3g} to {self.b:.3g}"
            f", between {self.between:g}, within {self.within:g}"
        )


HARDEST = (Pair(20, 16, Chances("hard", 0.3), 0.2, 0.18, 1.0, 0.9), Pair(10, 16, Chances("logit", 3), 0.9, 0.99, 1.0, 0.5))
"""Cases whose difference comes from tasks that many samples do not hold: the worst of several hundred that were tried."""


def pairs(count: int, seed: int, effects: Sequence[float]) -> list[Pair]:
    """`count` cases at random; `effects` are shares of the room that there is upwards or downwards."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        chances = CHANCES[rng.integers(len(CHANCES))]
        a = float(rng.choice([0.02, 0.05, 0.1, 0.2, 0.8, 0.9, 0.95, 0.99] + [0.3, 0.5, 0.7] * (chances.kind != "hard")))
        effect, up = float(rng.choice(effects)), a >= 0.5 if chances.kind == "hard" else rng.random() < 0.5
        pair = Pair(
            int(rng.choice([10, 20, 30, 50, 100, 200, 500])),
            int(rng.choice([1, 2, 4, 8, 16, UNEQUAL])),
            chances,
            a,
            a + effect * (1 - a) if up else a * (1 - effect),
            float(rng.choice([0.0, 0.8, 1.0])),
            float(rng.choice([0.0, 0.5, 0.9])),
        )
        found.append(replace(pair, chances=ALIKE) if pair.episodes == 1 and chances.kind != "hard" else pair)
    return found


def attainable_null(differing: np.ndarray) -> float:
    """Coverage of 0 by the mid-p sign test, given the number of tasks that differ in each draw: what signs alone allow."""
    alarms = []
    for k in range(int(differing.max()) + 1):
        ups = np.arange(k + 1)
        extreme = np.minimum(ups, k - ups)
        p = np.where(2 * extreme == k, 1.0, 2 * binom.cdf(extreme - 1, k, 0.5) + binom.pmf(extreme, k, 0.5))
        alarms.append(float(binom.pmf(ups, k, 0.5)[p < _LEVEL].sum()))
    return 1 - float(np.array(alarms)[differing].mean())


def differences(draws: int) -> Iterator[Row]:
    for seed, pair in enumerate([*pairs(200, 7, (0.0, 0.0, 0.05, 0.1, 0.3, 0.9)), *HARDEST]):
        drawn, truth = pair.draw(np.random.default_rng([2, seed]), draws)
        differing = (drawn != 0).sum(axis=1)
        forced = attainable_null(differing) > 0.97 if abs(truth) < _EDGE else abs(attainable(drawn.mean(axis=1)) - 0.95) > 0.02
        found = held([difference_interval(row, bounded=True) for row in drawn], truth)
        yield Row(str(pair), float(differing.mean()), found, forced)


def counts(draws: int) -> Iterator[Row]:
    """Turns: log-normal lengths of tasks, Poisson turns, of which B takes `effect` more where a task is one that differs."""
    cases = product((15, 40, 120, 400), (1, 4), (0.1, 0.3, 1.0), (0.0, 0.2, 1.0))
    for seed, (tasks, episodes, share, effect) in enumerate(cases):
        rng = np.random.default_rng([3, seed])
        level = 4 * rng.lognormal(0, 0.5, (draws, tasks))
        differs = rng.random((draws, tasks)) < share
        b, a = (rng.poisson(episodes * level * factor) / episodes for factor in (1 + effect, 1.0))
        drawn = np.where(differs, b - a, 0.0)
        found = held([difference_interval(row) for row in drawn], share * effect * 4 * float(np.exp(0.125)))
        band = float((drawn != 0).sum(axis=1).mean())
        yield Row(f"{tasks} x {episodes}, {share:g} differ, {effect:+.0%} there", band, found)


def ratios(draws: int) -> Iterator[Row]:
    for seed, (tasks, episodes, score, rate) in enumerate(product((10, 20, 50, 200), (1, 4), (0.1, 0.5, 0.9), (0.3, 0.8, 1.0))):
        rng = np.random.default_rng([4, seed])
        chance = rng.beta(3 * score, 3 * (1 - score), (draws, tasks))
        x, y = (rng.binomial(episodes, factor * chance) / episodes for factor in (1.0, rate))
        found = [reward_translation_rate(*row) for row in zip(x, y, strict=True)]
        hits = [(r.low or 0.0) <= rate <= (np.inf if r.high is None else r.high) for r in found]
        yield Row(f"{tasks} x {episodes}, score {score}, rate {rate}", float(tasks * score), float(np.mean(hits)))


def ranks(draws: int) -> Iterator[Row]:
    """Five policies `gap` apart, under the other user in the same order, with one neighbouring pair swapped, or reversed."""
    orders = {"same": [0, 1, 2, 3, 4], "one swap": [1, 0, 2, 3, 4], "reversed": [4, 3, 2, 1, 0]}
    for seed, (tasks, gap, order) in enumerate(product((20, 100, 400), (0.02, 0.05, 0.15), orders)):
        rng = np.random.default_rng([5, seed])
        levels = 0.5 + gap * (np.arange(5) - 2)
        other = levels[orders[order]]
        truth, hits = float(kendall_tau(levels, other)), []
        for draw in range(max(draws // 4, 1)):
            ease = rng.normal(0, 0.15, (tasks, 1))
            x, y = (rng.binomial(2, np.clip(means + ease, 0, 1)) / 2 for means in (levels, other))
            found = rank_agreement(x, y, seed=draw, resamples=400)
            hits.append(found is not None and found.low - _EDGE <= truth <= found.high + _EDGE)
        yield Row(f"{tasks} tasks, gap {gap}, {order} (tau {truth:+.1f})", float(tasks), float(np.mean(hits)))


def volumes(draws: int) -> Iterator[Row]:
    """Hypervolumes, and their difference to a single policy's, of policies with these true (score, effort / 10)."""
    sets = {
        "one": [(0.6, 0.4)],
        "three apart": [(0.3, 0.1), (0.6, 0.4), (0.9, 0.7)],
        "three close": [(0.55, 0.35), (0.6, 0.4), (0.65, 0.45)],
        "five equal": [(0.5, 0.3)] * 5,
        "twelve equal": [(0.5, 0.3)] * 12,
    }
    base = (0.4, 0.5)
    for seed, (tasks, (name, truths)) in enumerate(product((20, 60, 200), sets.items())):
        rng = np.random.default_rng([6, seed])
        points = np.array([(score, 1 - effort) for score, effort in truths])
        volume = float(hypervolumes(points[None])[0])
        gap = volume - base[0] * (1 - base[1])
        mixed = float(hull_hypervolumes(points[None])[0])
        mixed_gap = mixed - base[0] * (1 - base[1])
        whole, less, hull, hull_less = 0, 0, 0, 0
        runs = max(draws // 4, 1)
        for draw in range(runs):
            chance = rng.beta(1, 1, tasks)  # what makes a task easy, shared by all policies
            made = []
            for i, (score, effort) in enumerate([*truths, base]):
                hit = rng.random(tasks) < chance ** ((1 - score) / score)  # of mean `score`
                turns = 10 * np.clip(effort + rng.normal(0, 0.15, tasks), effort - 0.3, effort + 0.3)
                made.append(
                    Candidate.of_arrays(
                        [f"{t}" for t in range(tasks)],
                        {"score": hit, "user_effort": turns},
                        label=f"{i}",
                        series="base" if i == len(truths) else "set",
                        gym="travel",
                        horizon=10,
                    )
                )
            found = frontier(made, seed=draw, resamples=200)
            own, (difference,) = found.hypervolume["set"], found.hypervolume_differences
            whole += own.low <= volume <= own.high
            less += difference.difference.low <= gap <= difference.difference.high
            own, (difference,) = found.hull_hypervolume["set"], found.hull_hypervolume_differences
            hull += own.low <= mixed <= own.high
            hull_less += difference.difference.low <= mixed_gap <= difference.difference.high
        yield Row(f"{name}, {tasks} tasks", float(tasks), whole / runs)
        yield Row(f"{name} less one policy, {tasks} tasks", float(tasks), less / runs)
        yield Row(f"{name}, convex hull, {tasks} tasks", float(tasks), hull / runs)
        yield Row(f"{name} less one policy, convex hull, {tasks} tasks", float(tasks), hull_less / runs)


def bands(title: str, rows: Sequence[Row], edges: Sequence[float], every: bool) -> str:
    """The table of `rows` by band, and the cases below .93 (all with `every`)."""
    lines = [
        f"\n## {title}",
        "| to go by | cases | mean distance from .95 | least | greatest | < .92 | < .93 | > .97 | of those outside, forced |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for low, high in [*pairwise(edges), (edges[0], edges[-1])]:
        c = np.array([row.coverage for row in rows if low <= row.band < high])
        if len(c):
            forced = sum(row.forced and abs(row.coverage - 0.95) > 0.02 for row in rows if low <= row.band < high)
            name = "all" if (low, high) == (edges[0], edges[-1]) else f"{low:g} to {high:g}"
            lines.append(
                f"| {name} | {len(c)} | {np.abs(c - 0.95).mean():.4f} | {c.min():.3f} | {c.max():.3f} | {(c < 0.92).sum()} | "
                f"{(c < 0.93).sum()} | {(c > 0.97).sum()} | {forced} |"
            )
    listed = (
        sorted(rows, key=lambda row: row.coverage)
        if every
        else sorted((r for r in rows if r.coverage < 0.93), key=lambda r: r.coverage)
    )
    lines += [f"{row.coverage:.3f}  {row.name} ({row.band:.1f} to go by)" for row in (listed if every else listed[:30])]
    return "\n".join(lines)


def alarms(draws: int) -> str:
    """False alarms of equal policies by the tasks that are expected to differ, and how often interval and p-value disagree."""
    lines = [
        "\n## False alarms, and where interval and p-value disagree",
        "| differing | cases | alarms at .05 | least | greatest | most that signs allow |",
    ]
    lines.append("|---|---|---|---|---|---|")
    found: list[tuple[float, float, float]] = []
    clash: list[tuple[float, float, bool]] = []
    for seed, pair in enumerate([*pairs(60, 8, (0.0,)), *pairs(60, 9, (0.05, 0.1, 0.3))]):
        pair = replace(pair, tasks=min(pair.tasks, 200))
        drawn, truth = pair.draw(np.random.default_rng([7, seed]), draws)
        p = sign_flip_p(drawn.T, permutations=1999, seed=seed)
        intervals = [difference_interval(row, bounded=True) for row in drawn]
        excludes = np.array([i.low > 0 or i.high < 0 for i in intervals])
        differing = (drawn != 0).sum(axis=1)
        if abs(truth) < _EDGE:
            found.append((float(differing.mean()), float((p < _LEVEL).mean()), 1 - attainable_null(differing)))
        clash.append((float((excludes & (p >= _LEVEL)).mean()), float((~excludes & (p < _LEVEL)).mean()), abs(truth) < _EDGE))
    for low, high in pairwise(BANDS):
        rows = np.array([row for row in found if low <= row[0] < high])
        if len(rows):
            rate = rows[:, 1]
            lines.append(
                f"| {low:g} to {high:g} | {len(rows)} | {rate.mean():.3f} | {rate.min():.3f} | {rate.max():.3f} | "
                f"{rows[:, 2].mean():.3f} |"
            )
    lines += [
        "",
        "| policies | interval excludes 0, p >= .05: mean, most | interval holds 0, p < .05: mean, most |",
        "|---|---|---|",
    ]
    for name, equal in (("equal", True), ("different", False)):
        a, b = (np.array([row[i] for row in clash if row[2] == equal]) for i in (0, 1))
        lines.append(f"| {name} | {a.mean():.4f}, {a.max():.3f} | {b.mean():.4f}, {b.max():.3f} |")
    return "\n".join(lines)


PARTS: dict[str, tuple[str, Callable[[int], Iterator[Row]], Sequence[float]]] = {
    "rates": ("Rates (by expected tasks off the boundary)", rates, BANDS),
    "differences": ("Differences of rates (by expected tasks that differ)", differences, BANDS),
    "counts": ("Differences of counts (by expected tasks that differ)", counts, BANDS),
    "ratios": ("Reward translation rates, Fieller (by tasks x score)", ratios, (0, 5, 10, 20, 50, np.inf)),
    "ranks": ("Rank agreement, Kendall's tau (by tasks)", ranks, (0, 50, 200, np.inf)),
    "volumes": ("Hypervolumes and their differences (by tasks)", volumes, (0, 50, 100, np.inf)),
}


TABLES: dict[str, Callable[[int], str]] = {"alarms": alarms, "clusters": shared_effects.table}


def main() -> None:
    parser = argparse.ArgumentParser(description="Simulated coverage of the intervals.")
    parser.add_argument("--draws", type=int, default=1000, help="data sets a case; a fourth of that where each is resampled")
    parser.add_argument("--every", action="store_true", help="list every case, not only those below .93")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS, *TABLES], default=[*PARTS, *TABLES])
    chosen = parser.parse_args()
    for part in chosen.parts:
        if part in TABLES:
            print(TABLES[part](chosen.draws), flush=True)
        else:
            title, simulate, edges = PARTS[part]
            print(bands(title, list(simulate(chosen.draws)), edges, chosen.every), flush=True)


if __name__ == "__main__":
    main()
