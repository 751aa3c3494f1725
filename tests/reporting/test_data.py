"""What a report makes of its episodes: rows and blocks that lose nothing, aggregates that add up, picks with their reasons."""

import base64
import gzip
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bao import Action, Fault, ParseFault, StopReason, Trajectory, Turn
from bao.measures import summarize
from bao.measures.comparison import Side, compare
from bao.reporting.aggregates import PAIRED, differences, distributions, effort_by_turn
from bao.reporting.archive import BLOCK_EPISODES, ROW_FIELDS, STORY_FIELDS, TEXT_LIMIT, TURN_FIELDS, Archive, row_of
from bao.reporting.gallery import Room, disputed, expensive, gallery, picks, worst
from tests.support.made_up_report import HOSTILE, POLICIES, made_up_episode


def episode(
    policy: str = "p", task: str = "t", asked: str = "x.x", score: float = 1.0, seed: int = 0, fault: Fault | None = None
) -> Trajectory:
    """`asked` has one sign a turn, an x where the user is involved; the last turn earns `score`."""
    turns = [Turn("", Action("action", ""), "", 0.0, sign == "x") for sign in asked]
    turns[-1] = replace(turns[-1], reward=score)
    solved = score == 1.0 and fault is None
    stop = StopReason.FAULT if fault else StopReason.SUCCESS if solved else StopReason.FAILURE
    return Trajectory("travel", task, policy, seed, "", tuple(turns), stop, solved, 12, fault=fault)


def rows(*episodes: Trajectory):
    return [row_of(each) for each in episodes]


def unpacked(block: bytes):
    return json.loads(gzip.decompress(block))


@pytest.fixture
def many() -> list[Trajectory]:
    rng = np.random.default_rng(0)
    return [
        made_up_episode(label, task, seed, weight, rng)
        for label, _, weight, _, _ in POLICIES[:4]
        for task in range(40)
        for seed in (0, 1)
    ]


class TestArchive:
    def test_every_episode_comes_back_word_for_word(self, many: list[Trajectory]) -> None:
        archive = Archive()
        archive.add("a", many[:100])
        archive.add("b", iter(many[100:]))
        archive.keep()
        table = archive.table()
        assert sorted(table["held"]) == list(range(len(many)))
        ends = [*table["starts"][1:], len(many)]
        for start, end, block in zip(table["starts"], ends, archive.blocks, strict=True):
            held = unpacked(block)
            for story, one in zip(held["episodes"], (many[index] for index in table["held"][start:end]), strict=True):
                cells = dict(zip(STORY_FIELDS, story, strict=True))
                assert held["strings"][cells["opening"]] == one.opening
                assert len(cells["turns"]) == len(one.turns)
                for row, turn in zip(cells["turns"], one.turns, strict=True):
                    told = dict(zip(TURN_FIELDS, row, strict=True))
                    texts = [held["strings"][told[name]] for name in ("thinking", "content", "reply")]
                    assert texts == [turn.thinking, turn.action.content, turn.reply]
                    assert (told["reward"], bool(told["involves_user"])) == (turn.reward, turn.involves_user)

    def test_the_tables_columns_hold_the_episodes_numbers(self, many: list[Trajectory]) -> None:
        archive = Archive()
        archive.add("a policy", many)
        table = archive.table()
        assert set(table["columns"]) == set(ROW_FIELDS)
        assert table["names"]["policy"] == ["a policy"]
        assert [table["names"]["task"][place] for place in table["columns"]["task"]] == [one.task_id for one in many]
        assert table["columns"]["effort"] == [one.user_effort for one in many]
        assert table["columns"]["score"] == pytest.approx([one.task_return for one in many])
        assert table["columns"]["unparsable"] == [1] * len(many)

    def test_blocks_end_by_number_and_by_size(self) -> None:
        archive = Archive()
        archive.add("short", [episode()] * (BLOCK_EPISODES + 1))
        archive.keep()
        assert archive.starts == [0, BLOCK_EPISODES]
        long = Archive()
        turns = [
            replace(episode(), turns=(Turn("x" * 150_000 + str(i), Action("answer", ""), "", 0.0, True),)) for i in range(4)
        ]
        long.add("long", turns)
        long.keep()
        assert long.starts == [0, 3]

    def test_a_limit_keeps_whole_tasks_over_all_policies_after_what_comes_first(self, many: list[Trajectory]) -> None:
        whole = self.kept(many)
        full = sum(len(base64.b64encode(block)) + 1 for block in whole.blocks)
        half = self.kept(many, first=[5, 77], limit=full / 2)
        assert sum(len(base64.b64encode(block)) + 1 for block in half.blocks) <= full / 2
        assert half.held[:2] == [5, 77]
        assert len(many) / 6 < len(half.held) < len(many) / 2
        drawn = [(many[index].task_id, many[index].seed) for index in half.held[2:]]
        cut = drawn.pop()  # the room may end within a task and seed
        together = {pair: sum((one.task_id, one.seed) == pair for one in many) for pair in drawn}
        assert all(drawn.count(pair) >= count - 2 for pair, count in together.items() if pair != cut)
        assert self.kept(many, first=[5, 77], limit=full / 2).held == half.held
        assert self.kept(many, first=[5, 77], limit=full / 2, seed=1).held != half.held

    @staticmethod
    def kept(episodes: list[Trajectory], **settings: Any) -> Archive:
        archive = Archive()
        archive.add("p", episodes)
        archive.keep(**settings)
        return archive

    def test_what_comes_first_and_has_no_room_makes_room_for_the_next(self) -> None:
        rng = np.random.default_rng(0)
        noise = "".join(map(chr, rng.integers(33, 126, 50_000)))
        huge = replace(episode(seed=1), turns=(Turn(noise, Action("answer", ""), "", 0.0, True),))
        archive = self.kept([episode(), huge, episode(seed=2)], first=[1, 2], limit=10_000)
        assert archive.held == [2, 0]
        assert self.kept([episode()], limit=0).held == []

    def test_transcripts_that_wait_on_disk_come_back_and_leave_nothing(
        self, many: list[Trajectory], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        in_memory = self.kept(many)
        monkeypatch.setattr("bao.reporting.archive._IN_MEMORY", 1000)
        with Archive(tmp_path) as archive:
            archive.add("p", many)
            archive.keep()
            assert archive.blocks == in_memory.blocks
        assert list(tmp_path.iterdir()) == []

    def test_texts_beyond_the_limit_say_what_they_leave_out(self) -> None:
        archive = Archive()
        archive.add("p", [replace(episode(), turns=(Turn("x" * (TEXT_LIMIT + 7), Action("answer", "a"), "r", 0.5, True),))])
        archive.keep()
        (long,) = (text for text in unpacked(archive.blocks[0])["strings"] if len(text) > 1)
        assert long == "x" * TEXT_LIMIT + " … (7 more characters left out)"

    def test_hostile_texts_and_numbers_can_be_packed(self) -> None:
        turn = Turn("\ud800 half", Action("answer", HOSTILE + "\x00\x1b"), "\u202e", float("nan"), True, ParseFault.NO_ACTION)
        archive = Archive()
        archive.add("\udfff", [replace(episode(), turns=(turn,), task_id="\ud800")])
        archive.keep()
        held = unpacked(archive.blocks[0])
        assert "\ufffd half" in held["strings"]
        assert HOSTILE + "\x00\x1b" in held["strings"]
        assert held["episodes"][0][STORY_FIELDS.index("turns")][0][TURN_FIELDS.index("reward")] is None
        assert archive.table()["columns"]["score"] == [None]

    def test_further_numbers_of_an_episode_become_columns(self) -> None:
        @dataclass(frozen=True)
        class Rated(Trajectory):
            spent: float = 0.0

        plain = {name: getattr(episode(), name) for name in Trajectory.__dataclass_fields__}
        archive = Archive()
        archive.add("p", [Rated(**plain | {"satisfaction": 0.5}, spent=3.0), Rated(**plain)])
        assert archive.table()["more"] == {"satisfaction": [0.5, None], "spent": [3.0, 0.0]}
        assert distributions(archive.rows)["satisfaction"]["policies"]["p"]["mean"] == 0.5


class TestAggregates:
    def test_worked_shares_by_turn(self) -> None:
        """Task t's two episodes count half each, task s's one counts whole; the fault counts nothing."""
        found = effort_by_turn(
            rows(
                episode(task="t", asked="x.x"),
                episode(task="t", asked=".", seed=1),
                episode(task="s", asked=".xx"),
                episode(task="u", asked="xxxxxx", fault=Fault.USER_TIMEOUT),
            )
        )["p"]
        assert [mean for mean, _, _ in found["asked"]] == [0.25, 0.5, 0.75]
        assert found["running"] == [1.0, 0.75, 0.75]
        assert all(low <= mean <= high for mean, low, high in found["asked"])

    def test_shares_by_turn_sum_up_to_the_user_effort_of_the_summary(self, many: list[Trajectory]) -> None:
        own = [one for one in many if one.policy == "bao w=0"]
        found = effort_by_turn([row_of(one, "bao w=0") for one in own])["bao w=0"]["asked"]
        assert sum(mean for mean, _, _ in found) == pytest.approx(summarize(own)["user_effort"]["mean"], abs=1e-3)

    def test_worked_differences(self) -> None:
        """In task t A has 0.5 and 1, B 0; in u A has 0, B 1. Only B plays v, and its fault counts nothing."""
        (pair,) = differences(
            rows(
                episode("A", "t", score=0.5),
                episode("A", "t", score=1.0, seed=1),
                episode("A", "u", score=0.0, asked="x"),
                episode("B", "t", score=0.0, asked="xxx"),
                episode("B", "u"),
                episode("B", "v"),
                episode("B", "u", score=0.0, seed=1, fault=Fault.GYM_ERROR),
            )
        )
        assert (pair["a"], pair["b"], pair["tasks"]) == ("A", "B", 2)
        assert pair["score"][0] == pytest.approx(((0 - 0.75) + (1 - 0)) / 2)
        assert pair["success"][0] == pytest.approx(((0 - 0.5) + (1 - 0)) / 2)
        assert pair["effort"][0] == pytest.approx(((3 - 2) + (2 - 1)) / 2)
        assert all(low <= mean <= high for mean, low, high in (pair[name] for name in PAIRED))

    def test_differences_are_those_that_bao_compare_tells(self, many: list[Trajectory]) -> None:
        own = {label: [one for one in many if one.policy == label] for label in ("bao w=0", "bao w=0.1")}
        (pair,) = differences([row_of(one, label) for label, played in own.items() for one in played])
        (told,) = compare([Side(label, played, {}) for label, played in own.items()], ["score", "success", "user_effort"])
        for difference, name in zip(told.differences, PAIRED, strict=True):
            interval = difference.difference
            assert pair[name] == pytest.approx([interval.mean, interval.low, interval.high], abs=1e-4)

    def test_policies_without_a_common_task_are_not_compared(self) -> None:
        assert differences(rows(episode("A", "t"), episode("B", "u"))) == []

    def test_histograms_count_every_healthy_episode_once(self, many: list[Trajectory]) -> None:
        found = distributions(rows(*many, episode(fault=Fault.GYM_ERROR)))
        for name in ("score", "effort", "turns", "tokens"):
            assert sum(sum(own["counts"]) for own in found[name]["policies"].values()) == len(many)
            assert all(len(own["counts"]) == len(found[name]["centres"]) for own in found[name]["policies"].values())

    def test_worked_histograms(self) -> None:
        found = distributions(
            rows(episode(asked="x", score=1.0), episode(asked="xxx", score=0.0), episode(asked="xxx", score=0.5))
        )
        assert found["effort"]["centres"] == [1, 2, 3]
        assert found["effort"]["policies"]["p"]["counts"] == [1, 0, 2]
        assert found["score"]["centres"][:2] == [0.0, 0.05]
        assert np.flatnonzero(found["score"]["policies"]["p"]["counts"]).tolist() == [0, 10, 20]
        assert found["effort"]["policies"]["p"]["quantiles"][2] == 3

    def test_no_episode_gives_nothing(self) -> None:
        assert effort_by_turn([]) == distributions([]) == {}


class TestGallery:
    def test_the_worst_come_by_return_then_by_how_many_others_solve_the_task(self) -> None:
        found = rows(
            episode("a", "hard", score=0.0),
            episode("a", "easy", score=0.0),
            episode("a", "fair", score=0.5),
            episode("b", "hard", score=0.0),
            episode("b", "easy", score=1.0),
            episode("b", "fair", score=1.0),
        )
        first, second, third = worst(found, [0, 1, 2])
        assert (first.episodes, second.episodes, third.episodes) == ((1,), (0,), (2,))
        assert first.why == "Return 0.00, where a has 0.17 on average; 1 of 1 other episodes of this task solved it."

    def test_a_policy_that_fails_in_nothing_has_no_worst_episode(self) -> None:
        found = rows(episode("good"), episode("good", seed=1), episode("bad", score=0.0), episode("bad", score=0.0, seed=1))
        assert {found[pick.episodes[0]].policy for pick in gallery(found)[Room.WORST]} == {"bad"}

    def test_the_most_expensive_come_by_effort_then_by_what_it_bought(self) -> None:
        found = rows(episode(asked="x"), episode(asked="xxx", score=1.0), episode(asked="xxx", score=0.2))
        assert [pick.episodes[0] for pick in expensive(found, [0, 1, 2])] == [2, 1, 0]
        assert expensive(found, [0, 1, 2])[0].why == "3 user turns, where p takes 2.3 on average; not solved, return 0.20."

    def test_a_dispute_sets_the_likeliest_solver_who_failed_against_the_unlikeliest_who_did_not(self) -> None:
        found = rows(
            episode("good", "one"),
            episode("good", "two"),
            episode("good", "split", score=0.0, asked="x"),
            episode("bad", "one", score=0.0),
            episode("bad", "split", asked="xx"),
            episode("bad", "two"),
            episode("bad", "three", score=0.0),
        )
        first = disputed(found)[0]
        assert {found[index].task for pick in disputed(found) for index in pick.episodes} == {"one", "split"}
        assert first.episodes == (2, 4)
        assert first.why == (
            "1 of 2 episodes of this task are solved. good, which solves 67% of all, fails after 1 user turn; "
            "bad, which solves 50%, solves it with 2."
        )

    def test_seeds_of_one_policy_can_disagree(self) -> None:
        (pick,) = disputed(rows(episode(seed=3, score=0.0, asked="x"), episode(seed=4, asked="xx")))
        assert pick.why.endswith("p fails under seed 3 after 1 user turn and solves it under seed 4 with 2.")

    def test_faults_are_never_picked(self) -> None:
        found = rows(episode(score=0.0, fault=Fault.USER_TIMEOUT, asked="xxxxx"), episode(seed=1))
        assert {index for room in Room for pick in picks(found, room) for index in pick.episodes} == {1}

    def test_each_policy_has_its_picks_the_most_surprising_first(self, many: list[Trajectory]) -> None:
        found = gallery(rows(*many), each=2, disputes=5)
        for room in (Room.WORST, Room.EXPENSIVE):
            assert len(found[room]) == 2 * 4
            assert [pick.surprise for pick in found[room]] == sorted((pick.surprise for pick in found[room]), reverse=True)
        assert len(found[Room.DISPUTED]) == 5
        for pick in found[Room.DISPUTED]:
            failed, solver = pick.episodes
            assert (many[failed].success, many[solver].success) == (False, True)
            assert many[failed].task_id == many[solver].task_id
