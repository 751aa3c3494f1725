"""The report shows what it was given, lets no text of a model become markup, and works in a browser by pointer and by keys."""

import base64
import gzip
import io
import itertools
import json
import math
import re
import shutil
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bao import Action, DataError, ParseFault, StopReason, Trajectory, Turn
from bao.report import ReportData, frontier_figure, print_transcript, write_frontier_figures, write_report
from bao.report.figure import PALETTE, undominated
from bao.report.page import CURVE_LIMIT, TEXT_LIMIT, render_report, toml_text

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
        "hypervolume_all": around(9.9, 0.2),
        "hypervolume_differences": [
            {"a": "bao", "b": "one model per weight", "difference": {"mean": 1.19, "low": 0.55, "high": 1.8}},
            {"a": "bao", "b": "scripted", "difference": {"mean": -0.2, "low": -0.6, "high": 0.3}},
        ],
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
        notes=["Evaluated on the scripted user with patience 3; trained on patience 2 to 6."],
    )


def block(page: str, name: str) -> str:
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found.group(1)


def unpacked(page: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(block(page, "report-episodes"))))


class TestFile:
    def test_is_self_contained(self) -> None:
        page = render_report(made_up_data())
        assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page
        assert "{{" not in page

    def test_inserts_no_text_as_markup(self) -> None:
        for name in ("plot.js", "figures.js", "page.js"):
            script = files("bao.report").joinpath(name).read_text(encoding="utf-8")
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)

    def test_no_given_text_ends_a_block_or_is_taken_for_a_mark_of_the_template(self) -> None:
        clean = made_up_data()
        turn = Turn(HOSTILE, Action("answer", HOSTILE), HOSTILE, 0.0, True)
        episode = replace(clean.episodes["bao w=0"][0], turns=(turn,), opening=HOSTILE, system=HOSTILE, task_id=HOSTILE)
        dirty = replace(clean, title=HOSTILE, notes=[HOSTILE], settings={HOSTILE: HOSTILE}, episodes={HOSTILE: [episode]})
        page = render_report(dirty)
        assert page.count("<script") == render_report(clean).count("<script")
        assert "<img" not in page
        data = json.loads(block(page, "report-data"))
        assert data["title"] == HOSTILE
        assert data["notes"] == [HOSTILE]
        packed = unpacked(page)
        assert HOSTILE in packed["strings"]
        assert packed["episodes"][0][0] == HOSTILE

    @settings(max_examples=30, deadline=None)
    @given(st.text(), st.floats())
    def test_any_text_and_number_survive(self, text: str, value: float) -> None:
        page = render_report(
            ReportData(title="t", frontier={"points": []}, curves={"run": [{"step": 0, text: value}]}, notes=[text])
        )
        data = json.loads(block(page, "report-data"))
        assert data["notes"] == [text]
        held = data["curves"]["run"].get(text, [None])[0]
        assert held is None if not math.isfinite(value) else held == pytest.approx(value, rel=1e-5)

    def test_lone_surrogates_can_be_written(self, tmp_path: Path) -> None:
        write_report(tmp_path / "deep" / "report.html", replace(made_up_data(), notes=["\ud800 half a pair"]))
        assert "half a pair" in (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")

    def test_twelve_policies_with_sixty_transcripts_each_stay_under_one_and_a_half_megabytes(self, tmp_path: Path) -> None:
        write_report(tmp_path / "report.html", made_up_data(episodes=60))
        assert (tmp_path / "report.html").stat().st_size < 1.5e6

    def test_transcripts_are_held_whole_up_to_the_limit_and_say_what_they_leave_out(self) -> None:
        episode = made_up_data().episodes["sft"][0]
        long = replace(episode, turns=(Turn("x" * (TEXT_LIMIT + 7), Action("answer", "a"), "reply", 0.5, True, None, 3),))
        packed = unpacked(render_report(replace(made_up_data(), episodes={"sft": [long]})))
        (row,) = packed["episodes"][0][1]
        cells = dict(zip(packed["turn_fields"], dict(zip(packed["fields"], row, strict=True))["turns"][0], strict=True))
        assert packed["strings"][cells["reply"]] == "reply"
        assert (cells["kind"], cells["reward"], cells["involves_user"], cells["tokens"]) == ("answer", 0.5, True, 3)
        assert packed["strings"][cells["thinking"]].endswith("x … (7 more characters left out)")

    def test_long_curves_keep_their_ends(self) -> None:
        rows = [{"step": i, "reward": i / 10} for i in range(CURVE_LIMIT * 4 + 3)]
        data = json.loads(block(render_report(replace(made_up_data(), curves={"run": rows})), "report-data"))
        steps = data["curves"]["run"]["step"]
        assert len(steps) <= CURVE_LIMIT + 1
        assert (steps[0], steps[-1]) == (0, len(rows) - 1)

    def test_settings_read_back_as_toml(self) -> None:
        given_settings = {
            "seed": 7,
            "name": 'a "quoted" one',
            "limit": None,
            "train": {"lr": 3e-4, "on": True, "credit": {"gamma": 0.9}},
            "w": [0, 0.1],
        }
        read = tomllib.loads(toml_text(given_settings))
        assert read == {key: value for key, value in given_settings.items() if key != "limit"}


class TestFrontierFigure:
    def test_worked_example_of_what_is_not_dominated(self) -> None:
        pairs = [(1.0, 0.2), (2.0, 0.6), (3.0, 0.5), (2.0, 0.6), (4.0, 0.9)]
        assert undominated(pairs, (False, True)) == [(1.0, 0.2), (2.0, 0.6), (2.0, 0.6), (4.0, 0.9)]
        assert undominated(pairs, (True, True)) == [(4.0, 0.9)]

    def test_names_every_series_and_point(self) -> None:
        figure = frontier_figure(made_up_frontier())
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [
            "bao",
            "one model per weight",
            "sft only",
            "scripted",
        ]
        names = {text.get_text() for text in figure.axes[0].texts}
        assert {"w 0", "w 0.02", "w 0.05", "w 0.1", "w 0.2", "sft", "oracle", "ask_all", "never_ask"} <= names

    def test_writes_both_figures(self, tmp_path: Path) -> None:
        write_frontier_figures(tmp_path / "figures", made_up_frontier())
        assert (tmp_path / "figures" / "frontier.png").read_bytes().startswith(b"\x89PNG")
        ET.parse(tmp_path / "figures" / "frontier.svg")

    def test_is_the_same_file_each_time(self, tmp_path: Path) -> None:
        for name in ("a", "b"):
            write_frontier_figures(tmp_path / name, made_up_frontier())
        assert (tmp_path / "a" / "frontier.svg").read_bytes() == (tmp_path / "b" / "frontier.svg").read_bytes()

    def test_draws_points_without_intervals(self, tmp_path: Path) -> None:
        frontier = made_up_frontier()
        for point in frontier["points"]:
            for value in point["values"].values():
                value["low"] = value["high"] = None
        write_frontier_figures(tmp_path, frontier)

    def test_says_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="2 objectives and 0 points"):
            write_frontier_figures(tmp_path, {**made_up_frontier(), "points": []})

    def test_series_have_the_page_s_colours(self) -> None:
        style = files("bao.report").joinpath("page.css").read_text(encoding="utf-8")
        assert re.findall(r"--s\d: light-dark\((#\w+),", style) == list(PALETTE)


def printed(trajectory: Trajectory, width: int = 90) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    print_transcript(console, trajectory)
    return console.file.getvalue()  # type: ignore[attr-defined]


class TestTranscriptInTheTerminal:
    episode = made_up_data(1).episodes["bao w=0"][0]

    def test_marks_exactly_the_turns_that_involve_the_user(self) -> None:
        text = printed(self.episode)
        heads = [line for line in text.splitlines() if line.startswith("turn ")]
        assert len(heads) == len(self.episode.turns)
        assert ["● USER" in head for head in heads] == [turn.involves_user for turn in self.episode.turns]

    def test_shows_rewards_faults_and_the_outcome(self) -> None:
        text = printed(self.episode)
        assert "reward +0.20" in text
        assert "unreadable: no_action" in text
        assert f"stop {self.episode.stop}" in text
        assert f"U {self.episode.user_effort}" in text

    def test_keeps_markup_and_control_characters_inert(self) -> None:
        turn = Turn("[red]\x1b[2J", Action("answer", "[/bold] [link=x]"), "\x07\u202e", 0.0, True)
        text = printed(replace(self.episode, turns=(turn,), opening="[bold]o[/bold]\x1b]0;x\x07", task_id="[blink]"))
        assert not set(text) & {"\x1b", "\x07", "\u202e"}
        assert "[red]␛[2J" in text
        assert "[/bold] [link=x]" in text
        assert "[bold]o[/bold]␛" in text

    @pytest.mark.parametrize("width", [30, 200])
    def test_fits_the_width(self, width: int) -> None:
        assert max(map(len, printed(self.episode, width).splitlines())) <= width


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser tests need the package playwright")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if binary is None:
        pytest.skip("no chromium or chrome is on the PATH: the browser tests need one")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = made_up_data()
    hostile = Turn(HOSTILE, Action("answer", HOSTILE), HOSTILE, 1.0, True)
    episodes = {**data.episodes, "bao w=0": [replace(data.episodes["bao w=0"][0], turns=(hostile,), task_id="a hostile task")]}
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(
        path,
        replace(
            data, episodes={**data.episodes, "bao w=0": [*data.episodes["bao w=0"], *episodes["bao w=0"]]}, notes=[HOSTILE]
        ),
    )
    return path


@pytest.fixture
def page(browser: Any, report_file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The report, opened at the width of the test's `width` mark; fails the test on any message in the console."""
    context = browser.new_context(viewport={"width": getattr(request, "param", 1280), "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else said.append(sent.url))
    opened.goto(report_file.as_uri())
    opened.wait_for_selector(".turn")
    yield opened
    hurt = opened.evaluate("window.pwned")
    context.close()
    assert said == []
    assert hurt is None


@pytest.mark.slow
class TestInABrowser:
    def test_pointing_at_a_mark_shows_its_numbers(self, page: Any) -> None:
        page.hover('.point[data-label="bao w=0.05"] .mark')
        told = page.inner_text("#frontier-plot .tip")
        for part in ("bao w=0.05", "effort weight w = 0.05", "0.84 [0.79, 0.89]", "3.10 [2.70, 3.50]"):
            assert part in told
        page.mouse.move(5, 5)
        assert not page.is_visible("#frontier-plot .tip")

    def test_the_marks_are_reached_with_keys(self, page: Any) -> None:
        assert page.locator('.point[tabindex="0"]').count() == 1
        page.focus('.point[tabindex="0"]')
        assert "never_ask" in page.inner_text("#frontier-plot .tip")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.dataset.label") == "bao w=0.2"
        assert "bao w=0.2" in page.inner_text("#frontier-plot .tip")

    def test_the_axes_can_be_chosen_and_series_hidden(self, page: Any) -> None:
        page.select_option("#axis-x", "tokens")
        assert "tokens (lower is better)" in page.text_content("#frontier-plot svg")
        page.click("#frontier .chip >> text=scripted")
        assert page.locator(".point").count() == len(POLICIES) - 3

    def test_the_table_sorts_both_ways(self, page: Any) -> None:
        def efforts() -> list[float]:
            column = page.locator("table.measures thead button").all_inner_texts().index(head.inner_text())
            return [
                float(text.split()[0])
                for text in page.locator(f"table.measures tbody tr > :nth-child({column + 1})").all_inner_texts()
            ]

        head = page.locator('button[data-key="user_effort"]')
        head.click()
        assert page.get_attribute("th:has([data-key=user_effort])", "aria-sort") == "descending"
        assert efforts() == sorted((effort for *_, effort in POLICIES), reverse=True)
        head.press("Enter")
        assert page.get_attribute("th:has([data-key=user_effort])", "aria-sort") == "ascending"
        assert efforts() == sorted(effort for *_, effort in POLICIES)

    def test_transcripts_open_side_by_side_and_filter_by_outcome(self, page: Any) -> None:
        page.select_option("#policy-a", "sft")
        page.select_option("#policy-b", "oracle")
        assert page.locator(".columns article h3").all_inner_texts() == ["sft", "oracle"]
        assert page.locator(".columns .turn.user").count() == page.locator(".turn .badge.user").count() > 0
        page.select_option("#outcome", "a0")
        assert "not solved" in page.inner_text(".columns article:first-child .outcome")
        page.check("#fold")
        assert page.locator(".thinking[open]").count() == 0
        page.click(".columns details.thinking >> nth=0")
        assert page.locator(".thinking[open]").count() == 1

    def test_a_hostile_transcript_is_shown_as_text(self, page: Any) -> None:
        page.select_option("#task", "a hostile task")
        assert page.inner_text(".columns .said") == HOSTILE
        assert page.inner_text("#notes li") == HOSTILE
        assert page.locator("img").count() == 0

    def test_a_metric_can_be_added_to_the_learning_curves(self, page: Any) -> None:
        before = page.locator("#learning .plot svg").count()
        page.click("#metric-chooser >> text=penalty/over thinking")
        assert page.locator("#learning .plot svg").count() == before + 1
        page.focus("#learning .plot svg >> nth=0")
        page.keyboard.press("End")
        assert "step 238" in page.inner_text("#learning .tip >> nth=0")

    @pytest.mark.parametrize("page", [390], indirect=True)
    def test_a_phone_needs_no_sideways_scroll(self, page: Any) -> None:
        page.select_option("#policy-b", "ask_all")
        page.click("#measures .chip >> text=Pass@U-k")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click('.point[data-label="sft"] .mark', force=True)
        tip = page.locator("#frontier-plot .tip").bounding_box()
        assert tip["x"] >= 0
        assert tip["x"] + tip["width"] <= 390

    def test_a_report_of_nothing_says_so(self, browser: Any, tmp_path: Path) -> None:
        write_report(tmp_path / "empty.html", ReportData(title="empty", frontier={}))
        opened = browser.new_page()
        said: list[str] = []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.goto((tmp_path / "empty.html").as_uri())
        opened.wait_for_selector("#transcripts .empty")
        assert opened.locator(".empty").count() == 6
        assert said == []
        opened.close()

    def test_every_control_and_figure_has_a_name(self, page: Any) -> None:
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, select, input, [role=img], [role=group], [role=region]')].filter(
                (node) => !node.getAttribute('aria-label') && !node.getAttribute('aria-labelledby')
                    && !(node.labels && node.labels.length) && !(node.tagName === 'BUTTON' && node.textContent.trim())
            ).map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert nameless == []
        levels = [
            int(tag[1]) for tag in page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((node) => node.tagName)")
        ]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
