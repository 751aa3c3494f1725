"""A result's folder says what made it, and never mixes the results of two settings."""

import logging
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bao.errors import ConfigError
from bao.storage.folder import CONFIG, LOG, logger, open_folder

SETTINGS = {"seed": 1, "gym": {"name": "travel", "levels": None}, "grpo": {"steps": 3, "effort_weights": (0.0, 0.1)}}


def result(folder: Path) -> Path:
    path = folder / "summary.json"
    path.write_text("{}")
    return path


def test_a_folder_holds_its_resolved_settings_and_its_log(tmp_path: Path) -> None:
    open_folder(tmp_path / "deep" / "run", SETTINGS)
    logger.info("half way")
    assert 'name = "travel"' in (tmp_path / "deep" / "run" / CONFIG).read_text()
    assert "half way" in (tmp_path / "deep" / "run" / LOG).read_text()


def test_the_same_settings_go_on_in_the_same_folder_and_keep_what_is_there(tmp_path: Path) -> None:
    open_folder(tmp_path, SETTINGS)
    kept = result(tmp_path)
    before = (tmp_path / CONFIG).stat().st_mtime_ns
    open_folder(tmp_path, SETTINGS)
    assert kept.read_text() == "{}"
    assert (tmp_path / CONFIG).stat().st_mtime_ns == before
    lines = (tmp_path / LOG).read_text().splitlines()
    assert [line.split()[3] for line in lines] == ["begun", "continued"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({**SETTINGS, "seed": 2}, "seed is 1 there and 2 now"),
        ({**SETTINGS, "grpo": {"steps": 4, "effort_weights": (0.0, 0.1)}}, "grpo.steps is 3 there and 4 now"),
        ({**SETTINGS, "gym": {"name": "travel", "levels": [2]}}, r"gym.levels is not set there and \[2\] now"),
        ({"seed": 1, "gym": {"name": "travel"}}, "grpo.steps is 3 there and not set now"),
    ],
)
def test_results_of_other_settings_are_refused_by_the_name_of_the_first_that_differs(
    tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    open_folder(tmp_path, SETTINGS)
    result(tmp_path)
    before = (tmp_path / CONFIG).read_text()
    with pytest.raises(ConfigError, match=f"--out .*{message}.*name another folder"):
        open_folder(tmp_path, changed)
    assert (tmp_path / CONFIG).read_text() == before


def test_a_folder_without_a_result_takes_other_settings(tmp_path: Path) -> None:
    """A command that was refused for a wrong setting must not stand in the way of the corrected one."""
    open_folder(tmp_path, SETTINGS)
    open_folder(tmp_path / "sft", SETTINGS)
    open_folder(tmp_path, {"seed": 9})
    assert (tmp_path / CONFIG).read_text() == "seed = 9\n"
    result(tmp_path / "sft")
    with pytest.raises(ConfigError, match="seed is 9 there and 1 now"):
        open_folder(tmp_path, SETTINGS)


def test_a_run_logs_what_its_stages_do_and_a_stage_only_its_own(tmp_path: Path) -> None:
    open_folder(tmp_path / "run", SETTINGS)
    open_folder(tmp_path / "run" / "sft", SETTINGS)
    logger.info("warm start")
    open_folder(tmp_path / "run" / "bao", SETTINGS)
    logger.info("reinforcement")
    open_folder(tmp_path / "elsewhere", SETTINGS)
    logger.info("another")

    def log(name: str) -> str:
        return (tmp_path / name / LOG).read_text()

    assert "warm start" in log("run")
    assert "reinforcement" in log("run")
    assert "reinforcement" not in log("run/sft")
    assert "another" not in log("run")
    assert "another" not in log("run/bao")
    assert sum(isinstance(handler, logging.FileHandler) for handler in logger.handlers) == 1


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        with pytest.raises(ConfigError, match=r"--out .*taken.* cannot be made a folder .*name another"):
            open_folder(out, SETTINGS)


def test_damaged_settings_are_named(tmp_path: Path) -> None:
    open_folder(tmp_path, SETTINGS)
    result(tmp_path)
    (tmp_path / CONFIG).write_bytes(b"seed = \xff")
    with pytest.raises(ConfigError, match=rf"{CONFIG} is damaged .*remove --out"):
        open_folder(tmp_path, SETTINGS)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(st.text() | st.integers(0, 9), max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.text(), VALUES, max_size=4), number=st.integers(0, 10**9))
def test_any_settings_are_recognised_as_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object], number: int
) -> None:
    out = tmp_path_factory.mktemp("run")
    open_folder(out, values)
    result(out)
    open_folder(out, values)
    with pytest.raises(ConfigError, match="added later is not set there"):
        open_folder(out, {**values, "added later": number})
