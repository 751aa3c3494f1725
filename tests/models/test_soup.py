"""Weights between two models: the ends are the models themselves, and what does not fit together is refused."""

from pathlib import Path

import pytest
import torch

from bao.errors import ConfigError, DataError
from bao.models.local import load_local, read_profile, save_local
from bao.models.soup import interpolate
from bao.models.tiny import TinySize
from tests.support.small_model import WEIGHTS, small_local


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("ends")
    for seed in (0, 1):
        save_local(folder / str(seed), small_local(seed))
    return folder / "0", folder / "1"


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_local(path).model.state_dict()  # type: ignore[no-any-return]


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_lies_at_its_share_between_the_two(ends: tuple[Path, Path], tmp_path: Path, share: float) -> None:
    first, second = map(weights, ends)
    mixed = weights(interpolate(*ends, share, tmp_path / "soup", 0.07))
    for name, value in mixed.items():
        torch.testing.assert_close(value, (1 - share) * first[name] + share * second[name])
    assert read_profile(tmp_path / "soup").effort_weights == (0.07,)
    assert read_profile(tmp_path / "soup").prompt == read_profile(ends[0]).prompt


def test_without_a_price_it_is_told_those_of_the_first(ends: tuple[Path, Path], tmp_path: Path) -> None:
    assert read_profile(interpolate(*ends, 0.5, tmp_path / "soup")).effort_weights == WEIGHTS


def test_what_does_not_fit_together_is_refused(ends: tuple[Path, Path], tmp_path: Path) -> None:
    wide = TinySize(hidden=48, layers=2, heads=4, kv_heads=2, feedforward=64, vocabulary=700, positions=2048)
    save_local(tmp_path / "wide", small_local(size=wide))
    with pytest.raises(DataError, match="differ in the shapes of their weights"):
        interpolate(ends[0], tmp_path / "wide", 0.5, tmp_path / "soup")
    with pytest.raises(ConfigError, match=r"share=1\.5"):
        interpolate(*ends, 1.5, tmp_path / "soup")
    with pytest.raises(DataError, match="is no model folder"):
        interpolate(ends[0], tmp_path / "nowhere", 0.5, tmp_path / "soup")
    assert not (tmp_path / "soup").exists()
