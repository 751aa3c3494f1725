"""`bao frontier`, `report`, `compare`, `measure` and `transfer`: evaluations side by side."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bao.storage.episodes import read_episodes
from tests.cli.support import Bao, refused


def test_frontier_leaves_its_numbers_and_figures(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    done = bao("frontier", evaluated / "ask_all", evaluated / "oracle", "--out", tmp_path)
    assert done.status == 0, done.error
    files = {"config.toml", "frontier.json", "frontier.png", "frontier.svg", "worth.json", "log.txt"}
    assert files == {path.name for path in tmp_path.iterdir()}
    points = {point["label"]: point for point in json.loads((tmp_path / "frontier.json").read_text())["points"]}
    assert set(points) == {"ask_all"}, "the oracle is a bound"
    assert points["ask_all"]["non_dominated"]
    assert "hypervolume" in done.out
    assert re.search(r"oracle .* a bound: knows the task", done.out)
    done = bao("frontier", evaluated, "--bounds", "none", "--out", tmp_path / "unbound")
    assert re.search(r"ask_all .* no .* oracle", done.out)
    assert (
        "--bounds nobody is none of these policies"
        in bao("frontier", evaluated, "--bounds", "nobody", "--out", tmp_path / "nobody").error
    )


def test_frontier_takes_any_two_measures(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    out = tmp_path / "turns"
    done = bao("frontier", evaluated, "--out", out, "--objectives", "success", "--objectives", "turns")
    assert done.status == 0, done.error
    objectives = json.loads((out / "frontier.json").read_text())["objectives"]
    assert [objective["name"] for objective in objectives] == ["success", "turns"]


def test_report_is_one_page_with_every_label(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    done = bao("report", evaluated, "--out", tmp_path / "report", "--title", "Two policies")
    page = (tmp_path / "report" / "report.html").read_text()
    assert done.out.strip() == f"report: {tmp_path / 'report' / 'report.html'}"
    for text in ("ask_all", "oracle", "Two policies"):
        assert text in page


def test_one_policy_under_two_names_makes_two_points(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    """A name in brackets is text, not a style of the terminal."""
    again = tmp_path / "again"
    done = bao("eval", "scripted:ask_all", "--tasks", "10", "--horizon", "6", "--name", "[short]", "--out", again)
    assert "[short]" in done.out
    done = bao("frontier", evaluated, again, "--out", tmp_path / "frontier")
    assert "[short]" in done.out
    refused(
        bao("frontier", evaluated, evaluated / "oracle", "--out", tmp_path / "twice"),
        str(evaluated / "oracle"),
        "'oracle'",
        "--name",
    )


def test_frontier_and_report_take_what_compare_played_under_other_users(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    guard = tmp_path / "guard"
    assert bao("compare", evaluated / "ask_all", evaluated / "oracle", "--users", "busy", "vague", "--out", guard).status == 0
    for command, out in (("frontier", tmp_path / "frontier"), ("report", tmp_path / "report")):
        done = bao(command, evaluated, guard, "--out", out)
        assert done.status == 0, done.error
        users = json.loads((out / "worth.json").read_text())["users"]
        assert [each["user"] for each in users] == ["scripted", "scripted, persona busy", "scripted, persona vague"]
        for each in users:
            assert each["answers"][0]["best"] == f"ask_all ({each['user']})"
        drawn = json.loads((out / "frontier.json").read_text())
        assert len(drawn["points"]) == len(drawn["bounds"]) == 3


def test_what_was_not_finished_says_so(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    (tmp_path / "begun" / "episodes.log").mkdir(parents=True)
    refused(bao("compare", tmp_path / "begun", evaluated / "oracle"), "no finished evaluation", "the same `bao eval` again")


def test_compare_prints_differences_and_gives_them_as_json(bao: Bao, tmp_path: Path) -> None:
    for name in ("ask_all", "oracle"):
        bao("eval", f"scripted:{name}", "--gym", "telepathy", "--tasks", "10", "--out", tmp_path / name)
    done = bao("compare", tmp_path / "ask_all", tmp_path / "oracle")
    assert done.status == 0, done.error
    for part in ("B = oracle", "A = ask_all", "10 tasks in 10 clusters, 10 tasks paired by seed", "user_effort", "settled"):
        assert part in done.out
    told = json.loads(bao("compare", tmp_path / "ask_all", tmp_path / "oracle", "--measure", "user_effort", "--json").out)
    ((row,),) = [pair["differences"] for pair in told["comparisons"]]
    assert (row["measure"], row["better"], row["tasks"]) == ("user_effort", "oracle", 10)
    assert row["difference"]["high"] < 0
    assert row["p"] == 1 / 2**10


def test_a_folder_of_evaluations_gives_all_pairs_and_one_policy_may_occur_twice(
    bao: Bao, evaluated: Path, tmp_path: Path
) -> None:
    again = shutil.copytree(evaluated / "oracle", tmp_path / "again")
    pairs = json.loads(bao("compare", evaluated, again, evaluated / "oracle", "--measure", "score", "--json").out)[
        "comparisons"
    ]
    oracle, other = f"oracle ({evaluated / 'oracle'})", f"oracle ({again})"
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("ask_all", oracle), ("ask_all", other), (oracle, other)]


def test_compare_warns_of_another_horizon(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    assert bao("eval", "scripted:oracle", "--tasks", "8", "--horizon", "9", "--out", tmp_path / "short").status == 0
    done = bao("compare", evaluated / "ask_all", tmp_path / "short")
    assert "horizon differs (16 in ask_all, 9 in oracle)" in done.error
    assert "the tasks differ (10 in ask_all, 8 in oracle)" in done.error


def test_measure_reckons_money_by_a_table(bao: Bao, evaluated: Path, tmp_path: Path) -> None:
    from bao.storage.episodes import write_episodes

    for name in ("config.toml", "summary.json"):
        (tmp_path / name).write_bytes((evaluated / "oracle" / name).read_bytes())
    episodes = [
        replace(episode, turns=tuple(replace(turn, prompt_tokens=500, completion_tokens=20) for turn in episode.turns))
        for episode in read_episodes(evaluated / "oracle" / "episodes.parquet")
    ]
    write_episodes(tmp_path / "episodes.parquet", episodes)
    (tmp_path / "prices.toml").write_text("[prices.oracle]\ninput = 2\noutput = 10\n")
    done = bao("measure", tmp_path, "--prices", tmp_path / "prices.toml")
    assert (done.status, "Money" in done.out) == (0, True)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["money"]["mean"] == pytest.approx(summary["turns"]["mean"] * (500 * 2 + 20 * 10) / 1e6)
    assert summary["prices"] == {"oracle": {"input": 2, "output": 10}}
    assert summary["setting"]["user"] == "scripted"
    assert bao("measure", tmp_path).status == 0
    assert json.loads((tmp_path / "summary.json").read_text()) == summary, "what was measured is not lost"
    (tmp_path / "prices.toml").write_text("[prices.other]\ninput = 2\noutput = 10\n")
    told = bao("measure", tmp_path, "--prices", tmp_path / "prices.toml").error
    assert "no money for oracle: it takes token counts and a price for oracle (the table names other)" in told
    told = bao("compare", evaluated / "ask_all", tmp_path, "--prices", tmp_path / "prices.toml").error
    assert "warning: money: no episode of ask_all and oracle has a figure" in told


def test_measuring_again_changes_nothing_else(bao: Bao, evaluated: Path) -> None:
    summary = evaluated / "ask_all" / "summary.json"
    before = json.loads(summary.read_text())
    assert bao("measure", evaluated / "ask_all").status == 0
    after = json.loads(summary.read_text())
    assert after == before


def test_transfer_prints_how_much_of_the_score_survives(bao: Bao, evaluated: Path) -> None:
    done = bao("transfer", evaluated, evaluated)
    assert done.status == 0, done.error
    assert "1.00 [1.00, 1.00]" in done.out
    told = json.loads(bao("transfer", evaluated, evaluated, "--json").out)["transfers"]
    assert told[0]["reward_translation_rate"]["oracle"] == {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("compare ask_all", ("needs two evaluations", "name another")),
        ("compare ask_all nowhere", ("nowhere holds no evaluation", "bao eval")),
        ("compare ask_all oracle --measure scor", ("--measure scor", "did you mean 'score'")),
        ("compare ask_all oracle --measure money", ("--measure money", "leave it out")),
        ("compare ask_all oracle --prices none.toml", ("no price table at none.toml", "prices")),
        ("transfer ask_all", ("another user", "folder")),
        ("transfer ask_all oracle", ("no policy in common", "--name")),
    ],
)
def test_what_cannot_be_judged_is_one_line_with_the_fix(
    bao: Bao, evaluated: Path, monkeypatch: pytest.MonkeyPatch, line: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(evaluated)
    refused(bao(*line.split()), *parts)


def test_results_are_told_by_level_and_at_a_price(evaluated: Path, bao: Bao) -> None:
    done = bao("measure", evaluated / "ask_all", "--by", "level", "--measure", "score", "--measure", "worth@0.1", "--json")
    rows = json.loads(done.out)
    assert [row["level"] for row in rows] == sorted({row["level"] for row in rows})
    assert len(rows) > 1
    done = bao("measure", evaluated / "ask_all", "--by", "level", "--measure", "score", "--measure", "worth@0.1")
    assert re.search(r"Policy .* Level .* Score .* R - 0.1 U", done.out)
    done = bao(
        "eval", "scripted:ask_all", "--tasks", "10", "--out", evaluated / "ask_all", "--by", "level", "--measure", "turns"
    )
    assert re.search(r"Policy .* Level .* Turns", done.out)
    refused(bao("measure", evaluated / "ask_all", "--measure", "worth"), "needs the price", "worth@0.1")


def test_a_comparison_and_a_frontier_take_prices_and_levels(evaluated: Path, tmp_path: Path, bao: Bao) -> None:
    done = bao("compare", evaluated, "--measure", "regret@0.1", "--measure", "score@level=2", "--json")
    assert done.status == 0, done.error
    (pair,) = json.loads(done.out)["comparisons"]
    assert [each["measure"] for each in pair["differences"]] == ["regret@0.1", "score@level=2"]
    out = tmp_path / "prices"
    done = bao("frontier", evaluated, "--out", out, "--objectives", "worth@0", "--objectives", "worth@0.2")
    assert done.status == 0, done.error
    labels = {each["name"]: each["label"] for each in json.loads((out / "frontier.json").read_text())["objectives"]}
    assert labels == {"worth@0": "R - 0 U", "worth@0.2": "R - 0.2 U"}
