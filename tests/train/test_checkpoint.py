"""A checkpoint is whole or not there, and only fits the architecture it is of."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bao.errors import DataError
from bao.models.tiny import TinySize
from bao.train.backends.local import OPTIMIZER, WEIGHTS, LocalBackend
from bao.train.checkpoint import STATE, Checkpoints
from bao.train.muon import Muon, optimizers, orthogonalise
from bao.train.settings import SFTSection
from tests.support.small_model import SIZE, small_local, supervised


def trained(seed: int = 0, size: TinySize = SIZE, steps: int = 1) -> LocalBackend:
    backend = supervised(small_local(seed, size), SFTSection(optimizer="adamw"))
    for _ in range(steps):
        train(backend, 20)
    return backend


def train(backend: LocalBackend, tokens: int) -> None:
    ids = torch.arange(tokens).unsqueeze(0)
    backend.model(input_ids=ids, labels=ids).loss.backward()
    backend.step(1e-2, 1.0)


def test_restored_weights_and_optimiser_continue_identically(tmp_path: Path) -> None:
    saved, other = trained(), trained(5, steps=0)
    Checkpoints(tmp_path).save(1, saved, {"note": 3})
    assert Checkpoints(tmp_path).restore(other) == {"step": 1, "version": 1, "note": 3}
    for backend in (saved, other):
        train(backend, 9)
    assert saved.version == other.version == 2
    assert all(torch.equal(a, b) for a, b in zip(saved.model.parameters(), other.model.parameters(), strict=True))


def test_only_the_newest_are_kept_and_a_partial_one_is_ignored(tmp_path: Path) -> None:
    backend = trained()
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, backend, {})
    (tmp_path / ".partial-000004").mkdir()
    (tmp_path / "step-000005").mkdir()  # renamed folders always hold a state file; this one does not
    assert checkpoints.steps() == [2, 3]


def test_another_architecture_is_refused_by_the_name_of_a_tensor(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(1, trained(), {})
    wide = trained(size=TinySize(hidden=64, layers=2, heads=4, kv_heads=2, feedforward=64, vocabulary=700))
    with pytest.raises(DataError, match=r"another architecture.*\[model\]"):
        Checkpoints(tmp_path).restore(wide)
    deep = trained(size=TinySize(hidden=32, layers=3, heads=4, kv_heads=2, feedforward=64, vocabulary=700))
    with pytest.raises(DataError, match="another architecture"):
        Checkpoints(tmp_path).restore(deep)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER, STATE])
@pytest.mark.parametrize("content", [b"", b"\x80\x04garbage" * 40, None])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    backend = trained()
    path = Checkpoints(tmp_path).save(1, backend, {})
    whole = (path / name).read_bytes()
    (path / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(DataError, match=r"step-000001.*remove"):
        Checkpoints(tmp_path).restore(backend)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    for shape in ((32, 64), (64, 32), (48, 48)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        values = torch.linalg.svdvals(orthogonalise(matrix))
        assert float(values.min()) > 0.3
        assert float(values.max()) < 1.3


def test_muon_takes_the_hidden_matrices_and_leaves_the_rest_to_adamw() -> None:
    model = small_local().model
    muon, adamw = optimizers("muon", model, 1e-2, 0.0)
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
        "backend = trained(); checkpoints = Checkpoints(Path(sys.argv[1]))\n"
        "checkpoints.save(1, backend, {})\n"
        "for limit in (2_000, 200_000):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))\n"
        "    try: checkpoints.save(2, backend, {})\n"
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
    assert Checkpoints(tmp_path).restore(trained(1)) == {"step": 1, "version": 1}
