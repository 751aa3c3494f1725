"""A checkpoint is whole or not there, and only fits the architecture it is of."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bao.errors import DataError
from bao.models.tiny import TinySize
from bao.train.checkpoint import OPTIMIZER, STATE, WEIGHTS, Checkpoints
from bao.train.muon import Muon, optimizers, orthogonalise
from tests.small_model import SIZE, small_local


def trained(seed: int = 0, size: TinySize = SIZE) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = small_local(seed, size).model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    model(input_ids=torch.arange(20).unsqueeze(0), labels=torch.arange(20).unsqueeze(0)).loss.backward()
    optimizer.step()
    return model, optimizer


def test_restored_weights_and_optimiser_continue_identically(tmp_path: Path) -> None:
    model, optimizer = trained()
    Checkpoints(tmp_path).save(1, model, [optimizer], {"note": 3})
    other = small_local(5).model
    other_optimizer = torch.optim.AdamW(other.parameters(), lr=1e-2)
    assert Checkpoints(tmp_path).restore(other, [other_optimizer]) == {"step": 1, "note": 3}
    for net, opt in ((model, optimizer), (other, other_optimizer)):
        opt.zero_grad()
        net(input_ids=torch.arange(9).unsqueeze(0), labels=torch.arange(9).unsqueeze(0)).loss.backward()
        opt.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_only_the_newest_are_kept_and_a_partial_one_is_ignored(tmp_path: Path) -> None:
    model, optimizer = trained()
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, model, [optimizer], {})
    (tmp_path / ".partial-000004").mkdir()
    (tmp_path / "step-000005").mkdir()  # renamed folders always hold a state file; this one does not
    assert checkpoints.steps() == [2, 3]


def test_another_architecture_is_refused_by_the_name_of_a_tensor(tmp_path: Path) -> None:
    model, optimizer = trained()
    Checkpoints(tmp_path).save(1, model, [optimizer], {})
    wide, wide_optimizer = trained(size=TinySize(hidden=64, layers=2, heads=4, kv_heads=2, feedforward=64, vocabulary=700))
    with pytest.raises(DataError, match=r"another architecture.*\[model\]"):
        Checkpoints(tmp_path).restore(wide, [wide_optimizer])
    deep, deep_optimizer = trained(size=TinySize(hidden=32, layers=3, heads=4, kv_heads=2, feedforward=64, vocabulary=700))
    with pytest.raises(DataError, match="another architecture"):
        Checkpoints(tmp_path).restore(deep, [deep_optimizer])


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER, STATE])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage" * 40, None])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    model, optimizer = trained()
    path = Checkpoints(tmp_path).save(1, model, [optimizer], {})
    whole = (path / name).read_bytes()
    (path / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(DataError, match=r"step-000001.*remove"):
        Checkpoints(tmp_path).restore(model, [optimizer])


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    for shape in ((32, 64), (64, 32), (48, 48)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        values = torch.linalg.svdvals(orthogonalise(matrix))
        assert float(values.min()) > 0.3
        assert float(values.max()) < 1.3


def test_muon_takes_the_hidden_matrices_and_leaves_the_rest_to_adamw() -> None:
    model = small_local().model
    muon, adamw = optimizers(model, 1e-2, 0.0)
    assert isinstance(muon, Muon)
    count = sum(len(group["params"]) for optimizer in (muon, adamw) for group in optimizer.param_groups)
    assert count == len(list(model.parameters()))
    taken = {id(p) for group in muon.param_groups for p in group["params"]}
    assert id(model.get_input_embeddings().weight) not in taken
    assert len(taken) == 2 * 7


def test_a_full_disk_leaves_the_checkpoint_before_whole_and_says_what_it_was(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: the weights meet the lower one, the optimiser the higher one."""
    code = (
        "import resource, sys; from pathlib import Path; from tests.train.test_checkpoint import Checkpoints, trained\n"
        "model, optimizer = trained(); checkpoints = Checkpoints(Path(sys.argv[1]))\n"
        "checkpoints.save(1, model, [optimizer], {})\n"
        "for limit in (2_000, 200_000):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))\n"
        "    try: checkpoints.save(2, model, [optimizer], {})\n"
        "    except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all("step-000002 cannot be written" in line and "is the disk full?" in line for line in lines)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
    model, optimizer = trained(1)
    assert Checkpoints(tmp_path).restore(model, [optimizer]) == {"step": 1}
