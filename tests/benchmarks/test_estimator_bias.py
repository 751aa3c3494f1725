"""The picture of the estimators' bias shows what training by counting leads to."""

import sys
from pathlib import Path

import numpy as np
import pytest

from bao.train.settings import CreditSection
from benchmarks import estimator_bias
from benchmarks.estimator_bias import ESTIMATORS, Ends, figure, trained


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimator_bias, "RIGHT", np.array([0.4, 0.7]))
    monkeypatch.setattr(estimator_bias, "PRICES", np.array([0.05, 0.4, 0.65]))


def test_cells_on_the_wrong_side_are_counted_without_those_that_have_none() -> None:
    reached = np.array([[0.9, 0.9], [0.1, 0.3], [0.2, 0.9]])  # asking gains .05 .35 / -.3 0 / -.55 -.25
    assert Ends(reached, reached).wrong == pytest.approx(1 / 5)


def test_the_default_ends_where_the_objective_s_gradient_does_and_each_estimator_has_its_panel() -> None:
    right = trained(CreditSection(), 3, truly=True)
    np.testing.assert_allclose(trained(CreditSection(), 3), right, atol=1e-9)
    found = {name: Ends(right, right - right) for name in ESTIMATORS}
    titles = [axes.get_title() for axes in figure(found, 3).axes]
    assert all(any(title.startswith(name) for title in titles) for name in ESTIMATORS)


def test_the_command_writes_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["estimator_bias", str(tmp_path), "--group-size", "2"])
    estimator_bias.main()
    assert (tmp_path / "estimator_bias.png").stat().st_size > 10_000
    assert len(capsys.readouterr().out.splitlines()) == len(ESTIMATORS)
