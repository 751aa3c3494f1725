"""A mistake on the command line is one line that names the setting and the fix."""

import shutil
from pathlib import Path

import pytest

from tests.cli.support import Bao, refused, run


@pytest.fixture(scope="module")
def spoiled(evaluated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two evaluations beside a file, a summary of another tool, half a summary, and an evaluation of damaged episodes."""
    folder = shutil.copytree(evaluated, tmp_path_factory.mktemp("spoiled") / "here")
    (folder / "file").write_text("")
    for name, content in (("foreign", "{}"), ("torn", '{"policy": ')):
        (folder / name).mkdir()
        (folder / name / "summary.json").write_text(content)
    broken = folder / "broken"
    broken.mkdir()
    (broken / "summary.json").write_bytes((folder / "oracle" / "summary.json").read_bytes().replace(b"oracle", b"broken"))
    (broken / "episodes.parquet").write_bytes((folder / "oracle" / "episodes.parquet").read_bytes()[:3000])
    return folder


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("check recipe quickstart --set grpo.stepz=3", ("grpo.stepz is no setting", "did you mean 'steps'")),
        ("check recipe quickstart --set grpo.steps=0", ("grpo.steps=0", "greater than or equal to 1")),
        ("check recipe quikstart", ("'quikstart'", "did you mean 'quickstart'")),
        ("run absent.toml", ("absent.toml", "give a TOML file or one of", "quickstart")),
        ("run quickstart --set model=[3]", ("model=[3]",)),
        ("eval ask_all --out x", ("policy='ask_all'", "scripted:NAME", "local:PATH")),
        ("eval scripted: --out x", ("policy='scripted:'", "scripted:NAME")),
        ("eval scripted:ask_al --out x", ("scripted:ask_al", "did you mean 'ask_all'")),
        ("eval scripted:ask_all --gym travle --out x", ("gym='travle'", "did you mean 'travel'")),
        ("eval scripted:ask_all --convention none --out x", ("convention='none'", "everyday, paper")),
        ("eval scripted:ask_all --horizon 0 --out x", ("horizon=0", "at least 1")),
        ("eval scripted:ask_all --levels 9 --out x", ("levels", "2, 3, 4, 5")),
        ("eval scripted:ask_all --tasks 0 --out x", ("tasks=0", "at least")),
        ("eval scripted:ask_all --tasks absent.jsonl --out x", ("absent.jsonl", "neither a number nor a file")),
        ("eval scripted:ask_all --tasks -5 --out x", ("--tasks -5", "neither a number nor a file")),
        ("eval scripted:ask_all --tasks 99999999999 --out x", ("tasks=99999999999", "at most 1,000,000")),
        ("eval scripted:ask_all --horizon 99999999999999999999999 --out x", ("horizon=9999", "at most 32767 turns")),
        ("eval scripted:ask_all --seed 99999999999999999999999 --out x", ("seed=9999", "less than")),
        ("eval scripted:ask_all --levels --out x", ("--levels names no level", "leave it out")),
        ("eval scripted:ask_all --temperature 0.5 --out x", ("--temperature 0.5", "leave it out")),
        ("eval scripted:ask_all --turn-tokens 9 --out x", ("--turn-tokens 9", "leave it out")),
        ("eval openai:m@http://h/v1 --device cuda --out x", ("--device cuda", "a local model", "leave it out")),
        ("eval scripted:ask_all --api-key-env KEY --out x", ("--api-key-env KEY", "leave it out")),
        ("eval scripted:ask_all --user llm --out x", ("user='llm' needs a model", "--user-model")),
        ("eval scripted:ask_all --set grpo.steps=3 --out x", ("--set grpo..", "known: agent, evaluation, gym, model, seed")),
        ("eval scripted:ask_all --set evaluation.tasks=3 --out x", ("--set evaluation.tasks", "give --tasks")),
        ("eval scripted:ask_all --set gym.settings.hrizon=3 --out x", ("gym.settings.hrizon", "did you mean 'horizon'")),
        ("eval scripted:ask_all --rollouts 0 --out x", ("rollouts=0", "greater than or equal to 1")),
        ("eval scripted:ask_all --effort-weight 0.1 --out x", ("effort_weight=0.1", "leave it out")),
        ("eval scripted:ask_all --tasks 3 --out file", ("--out file", "name another")),
        ("eval scripted:ask_all --tasks 3 --out file/below", ("--out file", "name another")),
        ("frontier nothing --out x", ("nothing holds no evaluation", "bao eval")),
        ("frontier ask_all oracle --out x --objectives score", ("objectives", "at least two")),
        ("frontier ask_all --out x --objectives scor --objectives turns", ("'scor'", "did you mean 'score'")),
        ("frontier broken oracle --out x", ("broken/episodes.parquet", "damaged", "evaluate again")),
        ("frontier foreign --out x", ("foreign/summary.json", "no summary", "bao eval")),
        ("frontier torn --out x", ("torn/summary.json", "remove torn", "bao eval")),
        ("report ask_all --curves absent.jsonl --out x", ("--curves absent.jsonl", "metrics.jsonl")),
        ("show transcript broken/episodes.parquet", ("broken/episodes.parquet", "damaged", "evaluate again")),
        ("show transcript absent.parquet", ("absent.parquet", "bao eval")),
        ("show transcript ask_all --index 10", ("--index 10", "10 episodes", "from 0")),
        ("show transcript ask_all --task nothing", ("--task nothing", "no episode of it", "known: ")),
        ("check gym nothing", ("gym='nothing'", "function, intention, persuade")),
    ],
)
def test_a_mistake_is_one_line_with_the_setting_and_the_fix(
    spoiled: Path, bao: Bao, monkeypatch: pytest.MonkeyPatch, line: str, parts: tuple[str, ...]
) -> None:
    monkeypatch.chdir(spoiled)
    refused(bao(*line.split()), *parts)


def test_a_mistake_has_no_traceback_in_a_process_of_its_own(tmp_path: Path) -> None:
    refused(run("check", "recipe", "quickstart", "-s", "grpo.stepz=3", cwd=tmp_path), "did you mean 'steps'")


def test_an_unknown_option_is_named_with_the_nearest_one(bao: Bao) -> None:
    done = bao("eval", "scripted:ask_all", "--out", "x", "--task", "3")
    assert done.status == 2
    assert "--task" in done.error
    assert "--tasks" in done.error
