"""The comparison of regularisers runs from end to end, in little: every arm trains from one warm start and is measured."""

from pathlib import Path

import pytest
from rich.console import Console

from bao.recipes.ablation import Reached, load_ablation, run_ablation
from bao.reporting.terminal import TerminalProgress
from bao.train.tracking.metrics_log import SECONDS, read_metrics
from tests.recipes.test_stages import TINY


@pytest.mark.slow
def test_a_tiny_comparison_trains_every_arm_from_one_warm_start_and_says_what_each_did(tmp_path: Path) -> None:
    ablation = load_ablation("regularisers").model_copy(update={"seeds": (0,)})
    progress = TerminalProgress(Console(quiet=True))
    result = run_ablation(ablation, tmp_path, progress, (*TINY, "model.device=cpu"))
    assert list(result["means"]) == ["none", "paper", "reference_code", "information_gain", "infopo", "infopo_open"]
    assert all(set(means) == set(Reached) for means in result["means"].values())
    assert [path.parent.name for path in sorted(tmp_path.glob("seed-0/*/sft"))] == ["none"]
    rows = {arm: read_metrics(tmp_path / "seed-0" / arm / "bao" / "metrics.jsonl") for arm in ablation.arms}
    assert {arm: len(found) for arm, found in rows.items()} == dict.fromkeys(ablation.arms, 2)
    assert [arm for arm, found in rows.items() if SECONDS + "infopo" in found[0]] == ["infopo", "infopo_open"]
    assert [arm for arm, found in rows.items() if SECONDS + "information" in found[0]] == ["information_gain"]
    # An untrained policy breaks off in every episode, which only the arms with OT punish.
    fired = [arm for arm, found in rows.items() if found[0]["penalty/over_thinking"] > 0]
    assert fired == ["paper", "reference_code", "information_gain"]
