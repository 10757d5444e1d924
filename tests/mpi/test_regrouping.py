"""Learners that open and close while others run, on real ranks."""

import asyncio
from unittest.mock import Mock

import numpy as np
import pytest

from rose_mpi.errors import ScoreError, UsageError
from rose_mpi.events import GroupChanged, LearnerStarted, RunStarted, StopReason
from rose_mpi.learners.campaign import Campaign
from rose_mpi.store.records import decode, encode, record_of
from rose_mpi.store.state import RunRecord
from rose_mpi.tasks import Expects, FileArray, Function, RankArray, TaskCall, TaskId
from rose_mpi.uq.scores import Member, ScoreRequest
from tests.mpi.campaigns import COMM, active, command, run_program, uq
from tests.mpi.test_campaigns import LEARNERS_RANKS, MODELS, expected_selection
from tests.mpi.user_functions import probabilities

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

WHERE = Function("user_functions:where")
PREDICT = Function("user_functions:predict")
DONE = StopReason.MAX_ITER_REACHED


async def learn(executor, events, spec):
    """Open a learner, run it and close it."""
    (reason,) = await Campaign([spec], executor, events.append).run()
    return reason


def calls(learner, work, count=1, stage="simulation", iteration=0, **options):
    return [TaskCall(TaskId(learner, iteration, stage, index), work, 0, **options) for index in range(count)]


def predictions(learner, work=PREDICT, count=2):
    return [
        TaskCall(TaskId(learner, 0, "prediction", index, model), work, 0, Expects.PREDICTION)
        for model in MODELS
        for index in range(count)
    ]


def request(learner, members, metric="predictive_entropy"):
    nothing = np.empty(0, np.int64)
    return ScoreRequest(learner, 0, metric, "classification", 7, tuple(members), nothing, 5)


def members_of(results):
    return [Member(result.id.model, result.id.index, result.value) for result in results]


def last_groups(events):
    """The group of each learner as the store keeps it."""
    record = RunRecord(RunStarted("test", 0.0, 0, COMM.size, ("host",), ""))
    for event in events:
        record.add(decode(encode(record_of(event))))
    return {name: learner.started.group for name, learner in record.learners.items()}


def test_a_learner_that_opens_later_works_beside_one_that_runs(tmp_path):
    async def main(executor, events, layout):
        long = asyncio.create_task(learn(executor, events, active("long", count=12, simulation=slow)))
        await asyncio.sleep(0.3)
        reason = await learn(executor, events, active("late", count=2))
        return reason, long.done(), await long

    slow = command("sleep 0.2")
    outcome = run_program(tmp_path, main)
    assert outcome.value == (DONE, False, DONE)
    assert len(outcome.results("late")) == 2
    assert sorted(result.id.index for result in outcome.results("long")) == list(range(12))
    changed = outcome.of(GroupChanged, "long")
    assert len(changed) == (len(LEARNERS_RANKS) > 1)


def test_learners_one_by_one_end_with_a_group_each_while_there_are_ranks(tmp_path):
    async def main(executor, events, layout):
        together = []
        for number in range(5):
            together.append(
                asyncio.create_task(learn(executor, events, active(f"l{number}", count=3, simulation=slow)))
            )
            await asyncio.sleep(0.05)
        return await asyncio.gather(*together)

    slow = command("sleep 0.4")
    outcome = run_program(tmp_path, main)
    assert outcome.value == [DONE] * 5
    groups = last_groups(outcome.events)
    assert len(groups) == 5
    different = set(groups.values())
    assert len(different) == min(5, len(LEARNERS_RANKS))
    assert sorted(rank for group in different for rank in group) == sorted(LEARNERS_RANKS)


def test_an_ensemble_stays_right_while_others_open_and_close(tmp_path):
    async def main(executor, events, layout):
        ensemble = asyncio.create_task(learn(executor, events, uq("u", max_iterations=5)))
        number = 0
        while not ensemble.done():
            specs = [active(f"a{number}", count=2, simulation=WHERE), uq(f"b{number}", max_iterations=1)]
            await asyncio.gather(*(learn(executor, events, spec) for spec in specs))
            number += 1
        return await ensemble, number

    reason, others = run_program(tmp_path, main).value
    assert reason is DONE
    assert others > 0


def test_selections_do_not_depend_on_who_comes_and_goes(tmp_path):
    async def main(executor, events, layout):
        return await asyncio.gather(
            *(later(executor, events, number) for number in range(6)),
            *(learn(executor, events, uq(f"u{number}", max_iterations=3)) for number in range(3)),
        )

    async def later(executor, events, number):
        await asyncio.sleep(number * 0.02)
        return await learn(executor, events, active(f"a{number}", simulation=WHERE))

    outcome = run_program(tmp_path, main)
    assert outcome.value == [DONE] * 9
    for number in range(3):
        queried = []
        for iteration, state in enumerate(outcome.states(f"u{number}")):
            assert list(state.selected) == expected_selection(iteration, queried, 7)
            queried += state.selected


def test_a_score_follows_a_split_at_once(tmp_path):
    async def main(executor, events, layout):
        await executor.open(["u"])
        results = await executor.run_stage(predictions("u"))
        groups = await executor.open(["v", "w"])
        files = []
        for position, (model, index) in enumerate((model, index) for model in MODELS for index in range(2)):
            path = tmp_path / f"{position}.npy"
            np.save(path, probabilities(model, index, 0))
            files.append(Member(model, index, FileArray(str(path))))
        scores = await asyncio.gather(
            executor.score(request("u", members_of(results))),
            executor.score(request("v", files)),
            executor.score(request("w", files)),
        )
        for learner in "uvw":
            executor.close(learner)
        kept = {result.value.rank for result in results if isinstance(result.value, RankArray)}
        return kept, groups, [score.indices.tolist() for score in scores]

    outcome = run_program(tmp_path, main)
    kept, groups, selections = outcome.value
    assert selections == [expected_selection(0, [], 7)] * 3
    assert kept
    if len(LEARNERS_RANKS) > 2:
        assert not set(groups["v"]) & set(groups["w"])


def test_a_prediction_is_scored_once_and_only_while_its_learner_is_open(tmp_path):
    async def main(executor, events, layout):
        await executor.open(["u"])
        members = members_of(await executor.run_stage(predictions("u")))
        await executor.score(request("u", members))
        told = []
        for metric in ("predictive_entropy", "no_such_metric"):
            try:
                again = (
                    members
                    if metric == "predictive_entropy"
                    else members_of(await executor.run_stage(predictions("u")))
                )
                await executor.score(request("u", again, metric))
            except ScoreError as error:
                told.append(str(error))
        executor.close("u")
        for refused in (executor.run_stage(calls("u", WHERE)), executor.score(request("u", members))):
            try:
                await refused
            except UsageError as error:
                told.append(str(error))
        await executor.open(["u"])
        try:
            await executor.open(["v", "u"])
        except UsageError as error:
            told.append(str(error))
        executor.close("u")
        return told

    again, unknown, *closed, twin = run_program(tmp_path, main).value
    assert "scored before" in again
    assert "'no_such_metric'" in unknown
    assert "on every rank" in unknown
    assert len(closed) == 2
    assert all("'u' is not open" in text for text in closed)
    assert "two learners are called 'u'" in twin


def test_what_a_learner_kept_is_dropped_when_it_closes(tmp_path):
    async def main(executor, events, layout):
        await executor.open(["u"])
        await executor.run_stage(predictions("u", Function("user_functions:predict_watched")))
        before = await alive(executor, "u", 1)
        executor.close("u")
        await executor.open(["next"])
        after, attempts = before, 1
        while after and attempts < 100:
            attempts += 1
            after = await alive(executor, "next", attempts)
        executor.close("next")
        return before, after

    async def alive(executor, learner, iteration):
        """How many predictions live on the ranks that answer."""
        stage = calls(learner, Function("user_functions:alive"), 12, iteration=iteration)
        found = {result.rank: result.value for result in await executor.run_stage(stage)}
        return sum(found.values())

    before, after = run_program(tmp_path, main).value
    assert before > 0
    assert after == 0


def test_all_ranks_are_used_again_after_all_have_closed(tmp_path):
    async def main(executor, events, layout):
        groups = []
        for turn in range(3):
            names = [f"{turn}-{number}" for number in range(4)]
            opened = await executor.open(names)
            await asyncio.gather(*(executor.run_stage(calls(name, WHERE, 3)) for name in names))
            groups.append(opened)
            for name in names:
                executor.close(name)
        last = await executor.open(["last"])
        results = await executor.run_stage(calls("last", command("sleep 0.2"), 12))
        executor.close("last")
        return groups, last["last"], {result.rank for result in results}

    groups, last, ranks = run_program(tmp_path, main, dedicated=True).value
    assert set(last) == ranks == LEARNERS_RANKS
    assert all({rank for group in opened.values() for rank in group} == LEARNERS_RANKS for opened in groups)


@pytest.mark.parametrize("together", [False, True])
def test_two_hundred_short_learners(tmp_path, together):
    async def main(executor, events, layout):
        specs = [active(f"l{number}", simulation=WHERE, count=2) for number in range(200)]
        if together:
            return await asyncio.gather(*(learn(executor, events, spec) for spec in specs))
        return [await learn(executor, events, spec) for spec in specs]

    outcome = run_program(tmp_path, main)
    assert outcome.value == [DONE] * 200
    results = [event.result.id for event in outcome.events if hasattr(event, "result")]
    assert len(results) == len(set(results)) == 400
    assert len(last_groups(outcome.events)) == 200
    assert outcome.under_way == ""


def test_an_opening_that_is_cancelled_leaves_no_trace(tmp_path):
    async def main(executor, events, layout):
        names = [f"l{number}" for number in range(40)]
        for number, name in enumerate(names):
            opening = asyncio.create_task(executor.open([name]))
            await asyncio.sleep(number * 1e-4)
            if not opening.cancel():
                executor.close(name)
            await asyncio.wait([opening])
        groups = await executor.open(names)
        return set(groups.values())

    groups = run_program(tmp_path, main).value
    assert len(groups) == len(LEARNERS_RANKS)
    assert {rank for group in groups for rank in group} == LEARNERS_RANKS


def test_no_rank_is_lent_in_vain_while_tasks_outlast_a_move(tmp_path):
    async def main(executor, events, layout):
        lending = executor._coordinator._lending
        returned = lending.returned = Mock(wraps=lending.returned)
        await executor.open(["a"])
        stage = calls("a", command("sleep 1.5"), len(LEARNERS_RANKS))
        long = asyncio.create_task(executor.run_stage(stage))
        await asyncio.sleep(0.5)
        await executor.open(["b", "c"])
        await long
        for learner in "abc":
            executor.close(learner)
        return returned.call_count

    assert run_program(tmp_path, main).value < 10


def test_the_store_is_told_of_a_group_even_before_its_learner():
    first = LearnerStarted("a", "active", (1, 2), ("",), "", 0.0, "", 1)
    assert last_groups([GroupChanged("a", (1,)), first]) == {"a": (1,)}
    assert last_groups([first, GroupChanged("a", (1,))]) == {"a": (1,)}
