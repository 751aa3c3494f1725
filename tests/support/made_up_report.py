"""Made-up reports, as their tests want them."""

import math
from typing import Any

import numpy as np

from bao import Action, ParseFault, StopReason, Trajectory, Turn
from bao.reporting.figure import undominated
from bao.reporting.page import ReportData

HOSTILE = '</script><img src=x onerror="window.pwned=1"><script>window.pwned=1</script><!-- {{script}} <b>bold</b>'
POLICIES = [
    ("bao w=0", "bao", 0.0, 0.93, 6.1),
    ("bao w=0.02", "bao", 0.02, 0.9, 4.4),
    ("bao w=0.05", "bao", 0.05, 0.84, 3.1),
    ("bao w=0.1", "bao", 0.1, 0.74, 2.1),
    ("bao w=0.2", "bao", 0.2, 0.55, 1.3),
    ("per weight w=0", "one model per weight", 0.0, 0.86, 6.6),
    ("per weight w=0.05", "one model per weight", 0.05, 0.76, 3.6),
    ("per weight w=0.2", "one model per weight", 0.2, 0.41, 1.6),
    ("sft", "sft only", None, 0.63, 4.9),
    ("oracle", "scripted", None, 1.0, 2.9),
    ("ask_all", "scripted", None, 0.88, 9.2),
    ("never_ask", "scripted", None, 0.22, 1.0),
]


def around(mean: float, half: float, top: float = math.inf) -> dict[str, float]:
    return {"mean": mean, "low": max(mean - half, 0.0), "high": min(mean + half, top)}


def made_up_summary(label: str, score: float, effort: float) -> dict[str, Any]:
    turns = effort + 3.5
    return {
        "gym": "travel",
        "policy": label,
        "tasks": 50,
        "episodes": 200,
        "faults": {"user_timeout": 1, "gym_error": 0},
        "score": around(score, 0.05, 1),
        "best_score": around(min(score + 0.06, 1), 0.04, 1),
        "success": around(score - 0.08, 0.06, 1),
        "pass_at_u": {str(k): around((score - 0.08) * (1 - math.exp(-1.6 * k / effort)), 0.05, 1) for k in range(1, 10)},
        "user_effort": around(effort, 0.4),
        "user_involvement_rate": around(effort / turns, 0.03, 1),
        "turns": around(turns, 0.5),
        "tokens": around(41 * turns, 21.0),
        "stop": {"success": score, "max_turns": 1 - score},
        "unparsable": around(0.013, 0.006),
        "behaviors": {"memory_management": around(0.6, 0.05), "strategic_querying": around(0.4, 0.05)},
    }


def made_up_frontier() -> dict[str, Any]:
    means = [(effort, score) for *_, score, effort in POLICIES]
    best = undominated(means, (False, True))
    return {
        "version": 1,
        "gym": "travel",
        "objectives": [{"name": "score", "direction": "max"}, {"name": "user_effort", "direction": "min"}],
        "reference_point": {"score": 0.0, "user_effort": 12.0},
        "points": [
            {
                "label": label,
                "series": series,
                "effort_weight": weight,
                "tasks": 50,
                "episodes": 200,
                "values": {"score": around(score, 0.05, 1), "user_effort": around(effort, 0.4)},
                "non_dominated": (effort, score) in best,
                "non_dominated_probability": 0.9 if (effort, score) in best else 0.1,
                "dominated_by": [] if (effort, score) in best else ["oracle"],
            }
            for label, series, weight, score, effort in POLICIES
        ],
        "hypervolume": {
            "bao": around(8.31, 0.4),
            "one model per weight": around(7.12, 0.5),
            "sft only": around(4.5, 0.5),
            "scripted": around(9.2, 0.1),
        },
        "attainment": {
            "levels": [0.025, 0.5, 0.975],
            "surfaces": {
                series: [
                    [[score + up, effort - up] for _, own, _, score, effort in POLICIES if own == series]
                    for up in (0.04, 0.0, -0.04)
                ]
                for series in ("bao", "one model per weight", "sft only")
            },
        },
        "hypervolume_all": around(9.9, 0.2),
        "hypervolume_differences": [
            {"a": "bao", "b": "one model per weight", "difference": {"mean": 1.19, "low": 0.55, "high": 1.8}},
            {"a": "bao", "b": "scripted", "difference": {"mean": -0.2, "low": -0.6, "high": 0.3}},
        ],
        "hull_hypervolume": {
            "bao": around(8.7, 0.4),
            "one model per weight": around(7.6, 0.5),
            "sft only": around(4.9, 0.5),
            "scripted": around(9.4, 0.1),
        },
        "hull_hypervolume_differences": [
            {"a": "bao", "b": "one model per weight", "difference": {"mean": 1.1, "low": 0.45, "high": 1.7}}
        ],
    }


def made_up_told() -> dict[str, Any]:
    prices = [0.0, 0.1, 0.2]

    def over(*means: float) -> dict[str, Any]:
        return {"at": [between(mean) for mean in means], "mean": between(sum(means) / len(means))}

    def between(mean: float) -> dict[str, float]:
        return {"mean": mean, "low": mean - 0.03, "high": mean + 0.03}

    return {
        "prices": prices,
        "rules": ["ask_all", "ask_all", "silence"],
        "worth": {"sft": over(0.7, 0.4, 0.1), "bao": over(0.93, 0.6, 0.1), "envelope": over(0.98, 0.5, 0.0)},
        "user_effort": {"bao": over(6.1, 3.1, 1.3)},
        "regret": {
            "sft": {"envelope": over(0.28, 0.1, -0.1), "bao": over(0.23, 0.2, 0.0)},
            "bao": {"envelope": over(0.05, -0.1, -0.1), "sft": over(-0.23, -0.2, 0.0)},
        },
        "effort_drop": {"bao": between(4.8)},
    }


WORDS = ["hotel", "beach", "area", "price", "nights", "breakfast", "quiet", "airport", "budget", "pool", "view", "late"]


def made_up_episode(label: str, task: int, seed: int, weight: float | None, rng: np.random.Generator) -> Trajectory:
    def text(count: int) -> str:
        return " ".join(rng.choice(WORDS, size=count))

    success = bool(rng.random() < 0.6)
    turns = [
        Turn(
            f"Known so far: {text(24)}. Open: {text(8)}. Turns left: {9 - i}.",
            Action("search", f"hotel {text(4)}"),
            f"3 found: {text(18)}.",
            0.0,
            False,
            None,
            38,
        )
        if i % 3
        else Turn(
            f"The question that tells most: {text(14)}.",
            Action("action", f"Do you prefer {text(6)}?"),
            f"I would like {text(9)}.",
            0.2,
            True,
            None,
            24,
        )
        for i in range(int(rng.integers(4, 8)))
    ]
    turns.insert(
        2, Turn("", Action("none", "no_action"), "No action could be read (no_action).", 0.0, False, ParseFault.NO_ACTION, 7)
    )
    turns.append(
        Turn(
            f"All aspects are settled: {text(10)}.",
            Action("answer", f"H{task}"),
            "Yes, perfect." if success else "No.",
            0.4 if success else -0.1,
            True,
            None,
            12,
        )
    )
    return Trajectory(
        gym="travel",
        task_id=f"travel-test-{task}",
        policy=label,
        seed=seed,
        opening=f"I am looking for a hotel. {text(12)}.",
        turns=tuple(turns),
        stop=StopReason.SUCCESS if success else StopReason.FAILURE,
        success=success,
        horizon=12,
        effort_weight=weight,
        system="You help a traveller. Use [search] for the catalogue, [action] to ask, [answer] to propose.",
    )


def made_up_worth() -> dict[str, Any]:
    def value(mean: float, reach: float) -> dict[str, float]:
        return {"mean": mean, "low": mean - reach, "high": mean + reach}

    sure = {"best": "bao w=0", "worth": value(0.8, 0.1), "sure": 0.97, "runner_up": "bao w=0.1", "lead": value(0.1, 0.08)}
    unsure = {"best": "silence", "worth": value(0.0, 0.0), "sure": 0.6, "runner_up": "bao w=0.1", "lead": value(0.01, 0.04)}
    answers = [{"price": 0.0, **sure, "not_told_apart": []}, {"price": 0.2, **unsure, "not_told_apart": ["bao w=0.1"]}]
    return {
        "user": "scripted",
        "prices": [0.0, 0.2],
        "tasks": 60,
        "clusters": 40,
        "breakpoints": [0.12, 0.17],
        "largest": 0.17,
        "answers": answers,
        "standings": [],
        "told": made_up_told(),
    }


def made_up_data(episodes: int = 6) -> ReportData:
    rng = np.random.default_rng(0)
    steps = np.arange(0, 240, 2)

    def run(top: float) -> list[dict[str, Any]]:
        rise = top * (1 - np.exp(-steps / 60))
        return [
            {
                "step": int(step),
                "reward": float(up + rng.normal(0, 0.05)),
                "score": float(up + 0.08 + rng.normal(0, 0.04)),
                "user_effort": float(6 - 4 * up + rng.normal(0, 0.3)),
                "entropy": float(1.4 - 0.9 * up + rng.normal(0, 0.03)),
                "kl": float(0.02 * up + abs(rng.normal(0, 0.002))),
                "zero_variance": float(0.3 * up + rng.uniform(0, 0.1)),
                "penalty/information_seeking": float(0.2 - 0.18 * up),
                "penalty/over_thinking": float(0.05 * (1 - up)),
                "tokens": float(300 + 100 * up),
                "user_effort/w=0": float(6 - up),
                "user_effort/w=0.1": float(6 - 5 * up),
                "note": "not a number",
            }
            for step, up in zip(steps, rise, strict=True)
        ]

    return ReportData(
        title="Travel: one conditioned policy against one model per weight",
        frontier=made_up_frontier(),
        summaries=[(label, series, made_up_summary(label, score, effort)) for label, series, _, score, effort in POLICIES],
        curves={"bao": run(0.8), "per weight w=0": run(0.7), "per weight w=0.05": run(0.62), "per weight w=0.2": run(0.4)},
        episodes={
            label: [made_up_episode(label, i // 2, i % 2, weight, rng) for i in range(episodes)]
            for label, _, weight, _, _ in POLICIES
        },
        settings={
            "gym": "travel",
            "seed": 7,
            "train": {"steps": 240, "lr": 3e-4, "credit": {"name": "reward_to_go"}},
            "limit": None,
        },
        worth=[made_up_worth()],
        notes=["Evaluated on the scripted user with patience 3; trained on patience 2 to 6."],
    )
