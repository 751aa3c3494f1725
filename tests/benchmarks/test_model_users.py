"""The table of models as users, against a server that nods."""

from pathlib import Path

import pytest

from benchmarks.model_users import HEAD, main
from tests.support.stub_endpoint import StubEndpoint


def test_the_table_has_a_row_for_each_gym_and_role(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with StubEndpoint(lambda messages: {"answer": "yes", "same": True}) as stub:
        options = ("--gyms", "telepathy", "--questions", "20", "--tasks", "2", "--out", str(tmp_path))
        main((f"nods@{stub.base_url}", *options))
    head, rule, user, judge = capsys.readouterr().out.splitlines()
    assert f"{head}\n{rule}" == HEAD
    assert len({line.count("|") for line in (head, rule, user, judge)}) == 1
    assert user.startswith("| nods | telepathy | user | unfit | 0.50 | - | ")
    assert judge.startswith("| nods | telepathy | judge | unfit | ")
    assert user.endswith(" | 0.00 |")
