"""The report in a real browser: by pointer, by keys, on a phone, in the dark, on paper, and for whoever cannot see it."""

import itertools
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bao import Action, Turn
from bao.reporting.page import ReportData, write_report
from tests.support.made_up_report import HOSTILE, POLICIES, made_up_data

pytestmark = pytest.mark.slow

LONG = "a long thought " * 7000
CONTROL = "bell \x07 escape \x1b[2J reversed \u202etxt"
EPISODES = 30


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
    """A report with one more, hostile episode of the first policy."""
    data = made_up_data(EPISODES)
    own = list(data.episodes["bao w=0"])
    turns = (
        Turn(HOSTILE, Action("answer", HOSTILE), HOSTILE, 1.0, True),
        Turn(LONG, Action("answer", CONTROL), "\ud800 half a pair", 0.0, False),
    )
    hostile = replace(own[0], turns=turns, task_id=f"hostile {HOSTILE}", opening=HOSTILE, system=HOSTILE)
    summaries = [(*row[:2], {**row[2], "satisfaction": {"mean": 0.7, "low": 0.6, "high": 0.8}}) for row in data.summaries]
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(
        path, replace(data, episodes={**data.episodes, "bao w=0": [*own, hostile]}, notes=[HOSTILE], summaries=summaries)
    )
    return path


class Opened:
    """Opens reports; afterwards nothing may have been said in the console, asked of the network, or run by a text."""

    def __init__(self, browser: Any) -> None:
        self.browser, self.contexts, self.said = browser, [], []

    def __call__(self, path: Path, fragment: str = "", width: int = 1280, **options: Any) -> Any:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, **options)
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda sent: None if sent.url.startswith(("file:", "data:")) else self.said.append(sent.url))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        self.contexts.append((context, page))
        return page

    def close(self) -> None:
        hurt = [page.evaluate("window.pwned") for _, page in self.contexts]
        for context, _ in self.contexts:
            context.close()
        assert self.said == []
        assert set(hurt) <= {None}


@pytest.fixture
def show(browser: Any) -> Iterator[Opened]:
    opened = Opened(browser)
    yield opened
    opened.close()


@pytest.fixture
def page(show: Opened, report_file: Path) -> Any:
    return show(report_file)


def column(page: Any, key: str) -> list[str]:
    """The texts in sight of one column of the episodes' table."""
    place = page.evaluate(
        "key => [...document.querySelectorAll('.episodes thead button')].findIndex((node) => node.dataset.key === key)", key
    )
    found: list[str] = page.locator(f"#episode-rows tr > :nth-child({place + 1})").all_inner_texts()
    return found


class TestFigures:
    def test_pointing_at_a_mark_shows_its_numbers(self, page: Any) -> None:
        page.hover('.point[data-label="bao w=0.05"] .mark')
        told = page.inner_text("#frontier-plot .tip")
        for part in ("bao w=0.05", "effort weight w = 0.05", "0.84 [0.79, 0.89]", "3.10 [2.70, 3.50]"):
            assert part in told
        page.mouse.move(5, 5)
        assert not page.is_visible("#frontier-plot .tip")

    def test_tapping_a_mark_shows_its_numbers(self, show: Opened, report_file: Path) -> None:
        page = show(report_file, width=390, has_touch=True)
        page.tap('.point[data-label="oracle"] .mark')
        assert "oracle" in page.inner_text("#frontier-plot .tip")

    def test_the_marks_are_reached_with_keys(self, page: Any) -> None:
        assert page.locator('.point[tabindex="0"]').count() == 1
        page.focus('.point[tabindex="0"]')
        assert "never_ask" in page.inner_text("#frontier-plot .tip")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.dataset.label") == "bao w=0.2"
        assert "bao w=0.2" in page.inner_text("#frontier-plot .tip")

    def test_bands_belong_to_series_of_several_policies_and_to_the_objectives_alone(self, page: Any) -> None:
        bands = page.locator(".attained-band")
        assert bands.count() == 2
        page.click("#frontier .chip >> text=one model per weight")
        assert bands.count() == 1
        page.click("#frontier .chip >> text=Attainment bands")
        assert bands.count() == 0
        page.click("#frontier .chip >> text=Attainment bands")
        page.select_option("#axis-x", "tokens")
        assert bands.count() == 0

    def test_a_band_holds_its_series_own_points(self, page: Any) -> None:
        """The made-up bands lie around the policies' means, whichever way the axes are put."""
        inside = """() => [...document.querySelectorAll('.point[data-label^="bao"]')].map((node) => {
            const [, x, y] = /translate\\(([^,]+),([^)]+)\\)/.exec(node.querySelector('[transform]').getAttribute('transform'));
            const band = document.querySelector('.attained[data-series="bao"] .attained-band');
            const place = new DOMPoint(Number(x), Number(y));
            return band.isPointInFill(place);
        })"""
        assert page.evaluate(inside) == [True] * 5
        page.select_option("#axis-x", "score")
        page.select_option("#axis-y", "user_effort")
        assert page.evaluate(inside) == [True] * 5

    def test_the_axes_can_be_chosen_and_series_hidden(self, page: Any) -> None:
        page.select_option("#axis-x", "tokens")
        assert "tokens, per episode (lower is better)" in page.text_content("#frontier-plot svg")
        page.click("#frontier .chip >> text=scripted")
        assert page.locator(".point").count() == len(POLICIES) - 3

    def test_every_curve_and_histogram_can_be_read_with_keys(self, page: Any) -> None:
        for section, key, part in (
            ("learning", "End", "step 238"),
            ("pass", "End", "k = 9"),
            ("turn-by-turn", "Home", "turn 1"),
            ("spread", "Home", "median"),
        ):
            page.focus(f"#{section} .plot svg >> nth=0")
            page.keyboard.press(key)
            assert part in page.inner_text(f"#{section} .tip >> nth=0")

    def test_effort_is_drawn_by_effort_weight_for_the_runs_that_log_it(self, page: Any) -> None:
        assert page.locator(".by-weight").count() == 4
        assert page.locator(".by-weight >> nth=0").locator(".line").count() == 2
        assert "w 0.1 from" in page.get_attribute(".by-weight svg[role=img] >> nth=0", "aria-label")

    def test_a_metric_can_be_added_to_the_learning_curves(self, page: Any) -> None:
        before = page.locator("#learning .plot svg").count()
        page.click("#metric-chooser >> text=penalty/over thinking")
        page.wait_for_selector(f"#learning .plot svg >> nth={before}")
        assert page.locator("#learning .plot svg").count() == before + 1

    def test_every_figure_has_its_numbers_as_a_table(self, page: Any) -> None:
        for section in ("frontier", "learning", "pass", "turn-by-turn", "spread"):
            page.click(f"#{section} details.numbers > summary >> nth=-1")
            page.wait_for_selector(f"#{section} details.numbers table tbody tr >> nth=1")
        row = page.inner_text("#frontier .numbers tr:has(th:text('bao w=0.05'))")
        assert "0.84 [0.79, 0.89]" in row

    def test_the_table_of_measures_sorts_both_ways_and_shows_measures_it_does_not_know(self, page: Any) -> None:
        def efforts() -> list[float]:
            titles = page.locator("#measures thead button").all_inner_texts()
            place = titles.index(head.inner_text())
            return [
                float(text.split()[0])
                for text in page.locator(f"#measures tbody tr > :nth-child({place + 1})").all_inner_texts()
            ]

        head = page.locator('#measures button[data-key="user_effort"]')
        head.click()
        assert page.get_attribute("#measures th:has([data-key=user_effort])", "aria-sort") == "descending"
        assert efforts() == sorted((effort for *_, effort in POLICIES), reverse=True)
        head.press("Enter")
        assert page.get_attribute("#measures th:has([data-key=user_effort])", "aria-sort") == "ascending"
        assert efforts() == sorted(effort for *_, effort in POLICIES)
        assert page.locator('#measures button[data-key="satisfaction"]').count() == 1

    def test_policies_are_told_apart_by_their_differences_from_a_chosen_one(self, page: Any) -> None:
        assert page.locator("#pairs-table tbody tr").count() == len(POLICIES) - 1
        page.select_option("#pair-reference", "sft")
        there = page.inner_text("#pairs-table tr:has(th:has-text('ask_all')) td >> nth=1").split()[0]
        page.select_option("#pair-reference", "ask_all")
        back = page.inner_text("#pairs-table tr:has(th:has-text('sft')) td >> nth=1").split()[0]
        flipped = {"+": "−", "−": "+"}
        assert there == flipped[back[0]] + back[1:]

    def test_worth_and_regret_stand_by_price_with_their_intervals(self, page: Any) -> None:
        heads = page.locator(".regrets thead th").all_inner_texts()
        assert [head.lower() for head in heads] == [
            "price w",
            "sft",
            "bao",
            "best script",
            "regret of bao to the best script",
            "regret of bao to sft",
        ]
        dear = page.inner_text(".regrets tbody tr >> nth=1")
        for part in ("0.1", "0.600", "ask_all", "−0.10", "[−0.13, −0.07]"):
            assert part in dear
        assert page.locator(".regrets tbody tr").count() == 4
        worse = page.locator(".regrets .verdict-bad").all_inner_texts()
        assert len(worse) == 1
        assert worse[0].startswith("+0.05")
        assert "change hands at the prices 0.120, 0.170" in page.inner_text("#regret figcaption")

    def test_the_page_begins_with_the_policy_to_take_at_each_price(self, page: Any) -> None:
        assert page.locator("main > section").first.get_attribute("id") == "answer"
        items = page.locator(".answer-list li")
        first, last = (items.nth(place).inner_text() for place in (0, 1))
        for part in ("w = 0", "bao w=0", "0.800 [0.700, 0.900]", "97 % of resamples", "+0.10 [+0.02, +0.18] over bao w=0.1"):
            assert part in " ".join(first.split())
        for part in ("w = 0.2", "finishing at once", "not told apart from bao w=0.1"):
            assert part in " ".join(last.split())

    def test_a_sentence_names_the_best_and_how_sure_that_is(self, page: Any) -> None:
        told = page.inner_text("#frontier .answer")
        assert "oracle (in 90 % of resamples)" in told
        assert "ask_all" not in told


class TestEpisodes:
    total = len(POLICIES) * EPISODES + 1

    def test_filters_narrow_the_table_and_are_cleared(self, page: Any) -> None:
        assert page.inner_text("#episode-count") == f"{self.total} episodes"
        page.select_option("#filter-policy", label="never_ask")
        page.select_option("#filter-policy", label="sft")
        page.select_option("#filter-outcome", "solved")
        assert set(column(page, "policy")) == {"sft"}
        assert all("success" in text for text in column(page, "stop"))
        count = int(page.inner_text("#episode-count").split()[0])
        assert 0 < count < EPISODES
        page.fill("[aria-label='User effort, at least']", "4")
        assert all(int(text) >= 4 for text in column(page, "effort"))
        assert int(page.inner_text("#episode-count").split()[0]) < count
        page.click(".filters button[type=reset]")
        assert page.inner_text("#episode-count") == f"{self.total} episodes"

    def test_it_sorts_both_ways(self, page: Any) -> None:
        for key in ("effort", "task"):
            page.click(f'.episodes [data-key="{key}"]')
            first = column(page, key)
            page.click(f'.episodes [data-key="{key}"]')
            assert first != column(page, key)
        page.click('.episodes [data-key="effort"]')
        efforts = [int(text) for text in column(page, "effort")]
        assert efforts == sorted(efforts, reverse=True)
        assert page.get_attribute(".episodes th:has([data-key=effort])", "aria-sort") == "descending"

    def test_search_goes_by_names_and_on_request_through_the_transcripts(self, page: Any) -> None:
        page.fill("#search-text", "ORACLE test-3")
        page.wait_for_selector("#episode-count:text('2 of')")
        assert set(column(page, "policy")) == {"oracle"}
        page.fill("#search-text", "Half A Pair")
        page.wait_for_selector("#episode-count:text('0 of')")
        page.check("#search-deep")
        page.wait_for_selector("#episode-count:text('1 of')")
        assert column(page, "task")[0].startswith("hostile")

    def test_only_rows_in_sight_are_there_and_scrolling_brings_the_others(self, page: Any) -> None:
        assert page.locator("#episode-rows tr").count() < 60
        page.evaluate("document.querySelector('.rows').scrollTop = 1e9")
        page.wait_for_selector(f"#episode-rows tr[aria-rowindex='{self.total + 1}']")
        assert page.locator("#episode-rows tr").count() < 60
        assert page.get_attribute(".episodes", "aria-rowcount") == str(self.total + 1)

    def test_rows_are_walked_and_opened_with_keys(self, page: Any) -> None:
        page.focus("#episode-rows a >> nth=0")
        for _ in range(40):
            page.keyboard.press("ArrowDown")
        page.wait_for_timeout(100)
        place = page.evaluate("Number(document.activeElement.dataset.index)")
        assert place > 20
        page.keyboard.press("Enter")
        page.wait_for_selector(".turn")
        assert page.evaluate("document.activeElement.id") == "transcript-title"
        assert page.get_attribute(f"#episode-rows tr[data-index='{place}']", "aria-current") == "true"

    def test_a_transcript_marks_user_turns_and_folds_thinking(self, page: Any) -> None:
        page.select_option("#filter-policy", label="sft")
        effort = column(page, "effort")[0]
        page.click("#episode-rows tr >> nth=0")
        page.wait_for_selector(".turn")
        assert page.locator(".turn.user").count() == page.locator(".turn .badge.user").count() == int(effort)
        assert page.locator(".thinking[open]").count() == 0
        page.click("details.thinking >> nth=0")
        assert page.locator(".thinking[open]").count() == 1
        page.check("#unfold")
        assert page.locator(".thinking[open]").count() == page.locator(".thinking").count() > 1

    def test_a_link_opens_its_episode_and_the_back_button_the_one_before(self, show: Opened, report_file: Path) -> None:
        page = show(report_file)
        page.select_option("#filter-policy", label="bao w=0.05")
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".turn")
        first = page.evaluate("location.hash")
        assert first == "#episode=bao%20w%3D0.05/travel-test-0/0"
        page.click("[aria-label='Next episode of the table']")
        page.wait_for_function("hash => location.hash !== hash", arg=first)
        page.go_back()
        page.wait_for_selector(".outcome:has-text('seed 0')")
        again = show(report_file, first)
        again.wait_for_selector(".turn")
        assert again.inner_text(".columns h3") == "bao w=0.05"
        assert "travel-test-0" in again.inner_text(".columns .outcome >> nth=0")

    def test_a_link_to_what_is_not_there_says_so(self, show: Opened, report_file: Path) -> None:
        for fragment in ("#episode=nobody/travel-test-0/0", "#episode=%E0%A4%A", "#episode=999999"):
            assert "does not hold" in show(report_file, fragment).inner_text("#transcript")

    def test_two_episodes_of_a_task_stand_side_by_side(self, page: Any) -> None:
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".turn")
        page.select_option("#beside", index=3)
        page.wait_for_selector(".columns article:nth-child(2)")
        tasks = page.locator(".columns .who + .outcome span:first-child b").all_inner_texts()
        assert "&beside=" in page.evaluate("location.hash")
        assert len(page.locator(".columns article").all()) == 2
        assert len(set(tasks)) == 1

    def test_the_gallery_says_why_and_opens_both_sides_of_a_dispute(self, page: Any) -> None:
        assert page.locator(".room").count() == 3
        assert page.locator(".card").count() == page.locator(".card .why").count() > 6
        page.click(".card[data-room=disputed] a >> nth=0")
        page.wait_for_selector(".columns article:nth-child(2)")
        verdicts = page.locator(".columns .outcome span:first-child").all_inner_texts()
        assert [text for text in verdicts if "solved" in text] == ["✗ not solved", "✓ solved"]
        page.select_option("#gallery-policy", label="sft")
        assert all("sft" in text for text in page.locator(".card .actors").all_inner_texts())

    def test_a_transcript_without_room_is_named_by_the_command_that_prints_it(self, show: Opened, tmp_path: Path) -> None:
        data = replace(made_up_data(EPISODES), transcript_mb=0.1, folders={"sft": "runs/'my eval'"})
        write_report(tmp_path / "part.html", data)
        page = show(tmp_path / "part.html")
        held, of = (int(part) for part in re.findall(r"\d+", page.inner_text("#held"))[:2])
        assert 0 < held < of == len(POLICIES) * EPISODES
        page.select_option("#filter-held", "yes")
        assert page.inner_text("#episode-count") == f"{held} of {of} episodes"
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".turn")
        page.select_option("#filter-held", "no")
        page.select_option("#filter-policy", label="sft")
        place = int(page.get_attribute("#episode-rows tr >> nth=0", "data-index")) - 8 * EPISODES
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".left-out")
        assert page.inner_text(".left-out pre") == f"bao show transcript runs/'my eval' --index {place}"
        assert page.locator(".turn").count() == 0
        page.check("#search-deep")
        page.fill("#search-text", "breakfast")
        page.wait_for_selector("#episode-count:text('0 of')")
        page.select_option("#filter-held", "yes")
        page.select_option("#filter-policy", "")
        assert page.inner_text("#episode-count") == f"{held} of {of} episodes"

    def test_a_hostile_transcript_is_shown_as_text(self, page: Any) -> None:
        page.fill("#search-text", "hostile")
        page.wait_for_selector("#episode-count:text('1 of')")
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".turn")
        assert page.inner_text(".columns .said >> nth=0") == HOSTILE
        assert page.inner_text("#notes li") == HOSTILE
        assert page.locator("img").count() == 0
        said = page.inner_text(".columns .said >> nth=1")
        assert "␇" in said
        assert "␛[2J" in said
        assert "\u202e" not in said

    def test_a_very_long_text_is_shown_on_request(self, page: Any) -> None:
        page.evaluate(f"location.hash = '#episode={EPISODES}'")
        page.wait_for_selector("button >> text=Show all 105,000 characters", state="attached")
        page.check("#unfold")
        page.click("button >> text=Show all 105,000 characters")
        assert len(page.text_content("details.thinking:has-text('a long thought') .words")) == len(LONG)


class TestEverywhere:
    def test_a_phone_needs_no_sideways_scroll(self, show: Opened, report_file: Path) -> None:
        page = show(report_file, width=390)
        page.click("#measures .chip >> text=Pass@U-k")
        page.click(".card[data-room=disputed] a >> nth=0")
        page.wait_for_selector(".columns article:nth-child(2)")
        for summary in page.locator("details.numbers > summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.click('.point[data-label="sft"] .mark', force=True)
        tip = page.locator("#frontier-plot .tip").bounding_box()
        assert tip["x"] >= 0
        assert tip["x"] + tip["width"] <= 390

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 390])
    def test_no_accessibility_rule_is_broken(self, show: Opened, report_file: Path, scheme: str, width: int) -> None:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the package axe-playwright-python")
        page = show(report_file, width=width, color_scheme=scheme, reduced_motion="reduce")
        page.click(".card[data-room=disputed] a >> nth=0")
        page.wait_for_selector(".columns article:nth-child(2)")
        for summary in page.locator("details.numbers > summary").all():
            summary.click()
        page.focus('.point[tabindex="0"]')
        found = axe.Axe().run(page).response["violations"]
        told = [(each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found]
        assert told == []

    def test_every_control_and_figure_has_a_name_and_headings_skip_no_level(self, page: Any) -> None:
        page.click("#episode-rows a >> nth=0")
        page.wait_for_selector(".turn")
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

    def test_paper_gets_the_figures_in_the_light_and_no_controls(self, show: Opened, report_file: Path) -> None:
        page = show(report_file, color_scheme="dark")
        page.emulate_media(media="print", color_scheme="dark")
        assert not page.is_visible(".contents")
        assert not page.is_visible(".filters")
        assert page.is_visible("#frontier-plot svg")
        assert page.is_visible("#spread svg >> nth=0")
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"

    def test_a_report_of_nothing_says_so(self, show: Opened, tmp_path: Path) -> None:
        write_report(tmp_path / "empty.html", ReportData(title="empty", frontier={}))
        page = show(tmp_path / "empty.html")
        sections = page.locator("main > section").count()
        assert page.locator("main > section:has(.empty)").count() == sections == 13

    def test_parts_with_nothing_to_say_are_left_out_beside_others(self, show: Opened, tmp_path: Path) -> None:
        write_report(tmp_path / "some.html", replace(made_up_data(1), curves={}, settings={}, worth=[]))
        page = show(tmp_path / "some.html")
        for part in ("learning", "settings", "regret"):
            assert not page.is_visible(f"#{part}")
            assert not page.is_visible(f".contents a[href='#{part}']")
        assert page.is_visible("#spread")
