"""The report's file shows what it was given and lets no text of a model become markup; the figure and the terminal likewise."""

import base64
import gzip
import io
import itertools
import json
import math
import re
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bao import Action, DataError, Trajectory, Turn
from bao.reporting.figure import PALETTE, frontier_figure, shortened, undominated, write_frontier_figures
from bao.reporting.page import CURVE_LIMIT, SCRIPTS, ReportData, render_report, toml_text, write_report
from bao.reporting.transcript import print_transcript
from tests.support.made_up_report import HOSTILE, made_up_data, made_up_frontier


def block(page: str, name: str) -> str:
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found.group(1)


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


class TestFile:
    def test_is_self_contained(self) -> None:
        page = render_report(made_up_data())
        assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
        assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in page
        assert "{{" not in page

    def test_inserts_no_text_as_markup(self) -> None:
        for name in SCRIPTS:
            script = files("bao.web").joinpath(name).read_text(encoding="utf-8")
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
        assert HOSTILE in unpacked(block(page, "report-blocks"))["strings"]
        assert unpacked(block(page, "report-table"))["names"] == {
            "policy": [HOSTILE],
            "task": [HOSTILE],
            "stop": [str(episode.stop)],
            "fault": [],
        }

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

    def test_twelve_policies_with_sixty_transcripts_each_stay_under_one_megabyte(self, tmp_path: Path) -> None:
        write_report(tmp_path / "report.html", made_up_data(episodes=60))
        assert (tmp_path / "report.html").stat().st_size < 1e6

    def test_transcripts_take_no_more_room_than_they_are_given(self) -> None:
        data = made_up_data(episodes=20)
        whole = block(render_report(data), "report-blocks")
        part = block(render_report(replace(data, transcript_mb=0.02)), "report-blocks")
        assert len(part) <= 20_000 < len(whole)
        table = unpacked(block(render_report(replace(data, transcript_mb=0)), "report-table"))
        assert (table["held"], table["count"]) == ([], 12 * 20)

    def test_the_gallery_s_transcripts_come_first(self) -> None:
        page = render_report(replace(made_up_data(episodes=40), transcript_mb=0.15))
        rooms = json.loads(block(page, "report-data"))["gallery"].values()
        held = unpacked(block(page, "report-table"))["held"]
        assert {index for room in rooms for pick in room for index in pick["episodes"]} <= set(held)
        assert len(held) < 12 * 40

    def test_episodes_are_taken_one_by_one_and_each_once(self, tmp_path: Path) -> None:
        data = made_up_data()
        taken = []

        def stream(label: str) -> Iterator[Trajectory]:
            for one in data.episodes[label]:
                taken.append(one)
                yield one

        write_report(tmp_path / "streamed.html", replace(data, episodes={label: stream(label) for label in data.episodes}))
        assert taken == [one for own in data.episodes.values() for one in own]
        write_report(tmp_path / "held.html", data)
        assert (tmp_path / "streamed.html").read_bytes() == (tmp_path / "held.html").read_bytes()

    def test_a_report_that_cannot_be_finished_leaves_the_old_one(self, tmp_path: Path) -> None:
        def broken() -> Iterator[Trajectory]:
            yield made_up_data().episodes["sft"][0]
            raise DataError("damaged")

        write_report(tmp_path / "report.html", made_up_data())
        before = (tmp_path / "report.html").read_bytes()
        with pytest.raises(DataError, match="damaged"):
            write_report(tmp_path / "report.html", replace(made_up_data(), episodes={"sft": broken()}))
        assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
        assert (tmp_path / "report.html").read_bytes() == before

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
            "bao w=0.1": {"gym": {"name": "travel"}},
        }
        read = tomllib.loads(toml_text(given_settings))
        assert read == {key: value for key, value in given_settings.items() if key != "limit"}


SIGHTS = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What linear RGB looks like: Machado, Oliveira and Fernandes, IEEE TVCG 15(6), 2009, severity 1."""


def lab(colour: str, sight: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """CIE L*a*b* of an sRGB colour, as seen."""
    coded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(sight) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.asarray(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


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

    def test_long_names_are_shortened_so_that_the_legend_fits(self) -> None:
        frontier = made_up_frontier()
        for point in frontier["points"]:
            point.update(label=f"{'long ' * 15}{point['label']}", series=f"{'long ' * 15}{point['series']}", effort_weight=None)
        figure = frontier_figure(frontier)
        legend = figure.legends[0]
        assert legend.get_window_extent().x1 <= figure.bbox.x1
        texts = [text.get_text() for text in legend.get_texts()]
        assert len(set(texts)) == 4
        assert max(map(len, texts)) <= 60

    def test_of_many_points_the_best_are_named(self) -> None:
        frontier = made_up_frontier()
        best = {
            f"w {p['effort_weight']:g}" if p["effort_weight"] is not None else p["label"]
            for p in frontier["points"]
            if p["non_dominated"]
        }
        frontier["points"] *= 3
        assert {text.get_text() for text in frontier_figure(frontier).axes[0].texts[1:]} == best

    @pytest.mark.parametrize(
        ("text", "most", "short"), [("abc", 3, "abc"), ("0123456789", 5, "01…89"), ("0123456789", 9, "0123…6789")]
    )
    def test_worked_short_names(self, text: str, most: int, short: str) -> None:
        assert shortened(text, most) == short

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

    @pytest.mark.parametrize("ground", [0, 1])
    @pytest.mark.parametrize("sight", SIGHTS)
    def test_colours_are_told_apart_whatever_the_eye(self, sight: str, ground: int) -> None:
        style = files("bao.web").joinpath("page.css").read_text(encoding="utf-8")
        pairs = re.findall(r"--s\d: light-dark\((#\w+), (#\w+)\)", style)
        colours = [lab(pair[ground], SIGHTS[sight]) for pair in pairs]
        least = min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(colours, 2))
        assert len(colours) == 8
        assert least >= (40 if sight == "usual" else 20)

    def test_series_have_the_page_s_colours(self) -> None:
        style = files("bao.web").joinpath("page.css").read_text(encoding="utf-8")
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
