"""On a narrow terminal every number of every table that a command prints is whole; `--wide` prints one table."""

from pathlib import Path

import pytest

from bao.checks import Exploit
from bao.cli.judging import regret_sheet, sweep_sheet
from bao.cli.listing import adversaries_sheet
from bao.pareto import Candidate
from bao.pareto.worth import told_prices, worth
from tests.cli.support import Bao
from tests.support.narrow import assert_whole, numbers, on_terminal, plain, printed


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize(
    "line",
    ["compare ask_all oracle", "frontier ask_all oracle --out frontier", "prices --gym travel --tasks 4", "transfer . ."],
)
def test_numbers_are_whole(
    bao: Bao, evaluated: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, line: str, width: int
) -> None:
    monkeypatch.chdir(evaluated)
    call = [str(tmp_path) if part == "frontier" and place else part for place, part in enumerate(line.split())]
    on_terminal(monkeypatch, width)
    narrow, wide = bao(*call), bao(*call, "--wide")
    assert (narrow.status, wide.status) == (0, 0), narrow.error
    assert_whole(narrow.out, wide.out, width)
    assert plain(wide.out).count("┏") == 1
    assert numbers(wide.out)


@pytest.mark.parametrize("width", [60, 80])
def test_worth_and_regret_by_price_are_whole(width: int) -> None:
    tasks = [f"t{place:02}" for place in range(30)]

    def played(label: str, series: str, price: float | None, return_: float, effort: float) -> Candidate:
        values = {"score": [return_, return_ / 2] * 15, "user_effort": [effort, effort + 1] * 15}
        how = {"label": label, "series": series, "effort_weight": price}
        return Candidate.of_arrays(tasks, values, gym="travel", horizon=10, **how)  # type: ignore[arg-type]

    points = [
        played(f"{name} w={price:g}", name, price, 0.9 - price, 5 - 9 * price)
        for name in ("bao", "sft", "rational")
        for price in (0.0, 0.05, 0.1, 0.2, 0.4)
    ]
    found = worth([*points, played("ask_needed", "ask_needed", None, 0.8, 3.0)], told_prices(points), {"ask_needed"})
    sheet = regret_sheet(found.to_json())
    assert_whole(printed(sheet, width), printed(sheet, width, wide=True), width)


@pytest.mark.parametrize("width", [60, 80])
def test_what_adversaries_earn_is_whole(width: int) -> None:
    names = ("finish at once", "keyword list", "injected text")
    row = [Exploit(name, 0.123, solved, 40) for name, solved in zip(names, (0.0, 0.075, 1.0), strict=True)]
    sheet = adversaries_sheet(dict.fromkeys(("travel", "function", "tau", "intention", "telepathy"), row))
    assert_whole(printed(sheet, width), printed(sheet, width, wide=True), width)


@pytest.mark.parametrize("width", [60, 80])
def test_strategies_are_whole(width: int) -> None:
    value = {"mean": 12.345678, "low": 11.345678, "high": 13.456789}
    figures = {"hypervolume": value, "hull_hypervolume": value, "regret": {"mean": -0.012, "low": -0.034, "high": 0.011}}
    result = {
        "name": "quickstart",
        "intervals": "over seeds",
        "first": "conditioned",
        "means": dict.fromkeys(("warm start", "conditioned", "per-price"), figures),
        "differences": dict.fromkeys(("warm start", "per-price"), figures),
        "spent": {
            name: {"policies": 5, "trajectories": 1_234_567, "points": 5} for name in ("warm start", "conditioned", "per-price")
        },
    }
    assert_whole(printed(sweep_sheet(result), width), printed(sweep_sheet(result), width, wide=True), width)
