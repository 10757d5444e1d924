"""Functions that several ranks run together."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from rose_mpi.errors import TaskError
from rose_mpi.events import StopReason
from rose_mpi.execution.pickled import python_value
from rose_mpi.learners.spec import Step
from rose_mpi.tasks import Expects, Function, RankArray, Task, TaskCall, TaskId, TaskStatus
from tests.mpi.campaigns import COMM, HERE, active, run_campaign, run_program, uq
from tests.mpi.test_campaigns import expected_selection

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

LEARNERS_RANKS = sorted(set(range(1, COMM.size)) or {0})
ALL = len(LEARNERS_RANKS)
wide = pytest.mark.skipif(ALL < 2, reason="needs two ranks for tasks")


def left_running(words):
    lines = (path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists())
    return [line for line in lines if f"wide_command.py {words}" in line.replace(b"\0", b" ").decode()]


def function(name, ranks=ALL, *, retries=0, **kwargs):
    return Function(f"wide_functions:{name}", kwargs, retries=retries, ranks=ranks)


def calls(learner, works, stage="simulation"):
    return [TaskCall(TaskId(learner, 0, stage, index), work, seed=0) for index, work in enumerate(works)]


def run_stage(tmp_path, works, **options):
    async def main(executor, events, layout):
        await executor.open(["a"])
        results = await executor.run_stage(calls("a", works))
        executor.close("a")
        return results

    return run_program(tmp_path, main, **options).value


@wide
def test_all_ranks_call_it_at_the_same_time_and_the_lowest_answers(tmp_path):
    (result,) = run_stage(tmp_path, [function("together")])
    assert result.value == {"ranks": LEARNERS_RANKS, "main": True, "rank": 0}
    assert result.rank == LEARNERS_RANKS[0]


@wide
def test_tasks_of_one_and_several_ranks_take_turns(tmp_path):
    works = [
        *[function("together", seconds=0.01)] * 6,
        *[function("alone", 1, seconds=0.01)] * 12,
        *[function("together", 2, seconds=0.01)] * 6,
        *[Task("/bin/true")] * 6,
    ]
    results = run_stage(tmp_path, works)
    assert all(result.done for result in results)
    sizes = Counter(len(result.value["ranks"]) for result in results if result.value)
    assert sizes == Counter([ALL] * 6 + [1] * 12 + [2] * 6)


@wide
@pytest.mark.parametrize("slots", [1, 3])
def test_one_hundred_random_tasks(tmp_path, slots):
    rng = random.Random(slots)
    works = []
    for _ in range(100):
        ranks, seconds = rng.randint(1, ALL), rng.choice((0.0, 0.002))
        name = "together" if ranks > 1 else "alone"
        works.append(rng.choice((function(name, ranks, seconds=seconds), Task("/bin/true"))))
    results = run_stage(tmp_path, works, tasks_per_rank=slots)
    assert [result.status for result in results] == [TaskStatus.DONE] * 100
    for work, result in zip(works, results, strict=True):
        assert isinstance(work, Task) or len(result.value["ranks"]) == work.ranks


@wide
def test_an_array_of_the_lowest_rank_comes_back_and_what_others_return_is_dropped(tmp_path):
    (result,) = run_stage(tmp_path, [function("array")])
    assert python_value(result.value).tolist() == [ALL * (ALL + 1) / 2] * 3


@wide
@pytest.mark.parametrize("rank", sorted({0, ALL - 1}))
def test_an_exception_is_told_with_its_rank_and_traceback(tmp_path, rank):
    (result,) = run_stage(tmp_path, [function("fail", rank=rank)])
    assert result.status is TaskStatus.FAILED
    assert f"(on rank {LEARNERS_RANKS[rank]}, " in result.error
    assert "wide_functions.py" in result.error
    assert f"KeyError: 'no such thing on {rank}'" in result.error


@wide
def test_ranks_that_come_back_late_are_waited_for(tmp_path):
    (result,) = run_stage(tmp_path, [function("last_but_late")])
    assert "KeyError: 'no such thing'" in result.error
    assert result.finished - result.started >= 1.0
    more = f"(and {ALL - 2} more of the ranks that run it together)"
    assert (more in result.error) == (ALL > 2)


@wide
def test_a_failed_attempt_is_repeated(tmp_path):
    outcome = run_campaign(tmp_path, [active(simulation=function("fail_at_first", retries=1))])
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)
    assert [(each.attempt, each.status, each.value) for each in outcome.results("a")] == [
        (0, TaskStatus.FAILED, None),
        (1, TaskStatus.DONE, ALL),
    ]


@wide
def test_a_communicator_may_be_freed_by_the_function(tmp_path):
    results = run_stage(tmp_path, [function("frees")] * 3)
    assert [result.value for result in results] == [True] * 3


@wide
def test_a_function_without_comm_is_told(tmp_path):
    (result,) = run_stage(tmp_path, [function("ignores")])
    assert "takes no argument 'comm'" in result.error


def test_more_ranks_than_the_group_has_are_refused_before_anything_runs(tmp_path):
    async def main(executor, events, layout):
        await executor.open(["a"])
        with pytest.raises(TaskError) as caught:
            await executor.run_stage(calls("a", [function("alone", 1), function("together", ALL + 1)]))
        return str(caught.value), events

    error, events = run_program(tmp_path, main).value
    assert f"task a.0.simulation.1 needs ranks = {ALL + 1}" in error
    assert f"group has {ALL} rank" in error
    assert f"mpirun -n {ALL + 2}" in error
    assert events == []


@wide
def test_a_learner_with_too_small_a_group_ends_and_the_other_goes_on(tmp_path):
    specs = [active("wide", simulation=function("together", ALL)), active("narrow")]
    outcome = run_campaign(tmp_path, specs)
    assert outcome.reasons == (StopReason.ERROR, StopReason.MAX_ITER_REACHED)
    assert f"set ranks_per_learner = {ALL}" in outcome.error("wide")


@wide
def test_a_learner_that_opens_takes_no_rank_that_a_task_needs(tmp_path):
    async def main(executor, events, layout):
        groups = await executor.open(["a"])
        long = asyncio.create_task(executor.run_stage(calls("a", [function("together", seconds=0.2)] * 3)))
        await asyncio.sleep(0.1)
        groups |= await executor.open(["b"])
        narrow = await executor.run_stage(calls("b", [function("alone", 1)] * 4))
        return groups, [result.done for result in [*await long, *narrow]]

    groups, done = run_program(tmp_path, main).value
    assert sorted(groups["a"]) == sorted(groups["b"]) == LEARNERS_RANKS
    assert all(done)


@wide
def test_predictions_of_several_ranks_stay_on_the_lowest_and_are_scored_there(tmp_path):
    outcome = run_campaign(tmp_path, [uq(prediction=function("predict", 2))])
    values = [result.value for result in outcome.results("u") if result.id.stage == "prediction"]
    assert len(values) == 12
    assert all(isinstance(value, RankArray) for value in values)
    first, second = outcome.states("u")
    assert list(first.selected) == expected_selection(0, [], 7)
    assert list(second.selected) == expected_selection(1, first.selected, 7)


@wide
def test_ensembles_are_scored_while_others_run_on_several_ranks(tmp_path):
    """Tasks and scorings of one group: no two ranks wait for each other's collectives."""
    simulation = {"simulation": Step(function("together", 2), count=3)}
    specs = [
        *[uq(f"u{number}", prediction=function("predict", 2), steps=simulation) for number in range(3)],
        active("a", simulation=function("together", 2), count=20, max_iterations=3),
    ]
    outcome = run_campaign(tmp_path, specs, ranks_per_learner=ALL)
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,) * 4
    for number in range(3):
        assert list(outcome.states(f"u{number}")[0].selected) == expected_selection(0, [], 7)


@wide
def test_a_stop_leaves_nothing_under_way(tmp_path):
    async def stop_soon(campaign, events):
        await asyncio.sleep(rng.random() * 0.05)
        campaign.stop(StopReason.STOPPED)

    rng = random.Random(COMM.size)
    for _ in range(10):
        work = function("together", seconds=0.02)
        outcome = run_campaign(tmp_path, [active(count=20, simulation=work)], act=stop_soon)
        assert outcome.reasons == (StopReason.STOPPED,)
        assert outcome.under_way == ""


@wide
def test_a_prediction_whose_other_part_fails_is_not_kept(tmp_path):
    call = TaskCall(TaskId("a", 0, "prediction"), function("fail_but_the_first"), 0, Expects.PREDICTION)

    async def main(executor, events, layout):
        await executor.open(["a"])
        (failed,) = await executor.run_stage([call])
        (kept,) = await executor.run_stage(calls("a", [function("kept")]))
        return failed, kept.value

    failed, kept = run_program(tmp_path, main).value
    assert failed.status is TaskStatus.FAILED
    assert kept == 0


def command(words, ranks=ALL, **options):
    return Task(f"{{python}} {HERE}/wide_command.py {words}", ranks=ranks, **options)


@wide
def test_a_command_runs_as_several_processes_with_its_ranks_kept_free(tmp_path):
    works = [*[command("together 0.3")] * 2, *[function("alone", 1, seconds=0.05)] * 6]
    results = run_stage(tmp_path, works)
    assert [result.error for result in results] == [""] * 8
    assert [result.value["ranks"] for result in results[:2]] == [list(range(ALL))] * 2
    assert {result.rank for result in results[:2]} == {LEARNERS_RANKS[0]}
    for result in results[:2]:
        busy = [other for other in results[2:] if other.rank in LEARNERS_RANKS]
        assert not any(
            other.started < result.finished - 0.1 and result.started < other.finished - 0.1 for other in busy
        )


@wide
def test_a_command_that_fails_is_told_with_what_it_wrote(tmp_path):
    (result,) = run_stage(tmp_path, [command("fail")])
    assert result.status is TaskStatus.FAILED
    assert "the reason is written here" in result.error


@wide
def test_a_command_that_takes_too_long_is_ended_with_all_its_processes(tmp_path):
    (result,) = run_stage(tmp_path, [command("together 77.5", timeout=2.0)])
    assert result.status is TaskStatus.TIMEOUT
    assert not left_running("together 77.5")


@wide
def test_a_stop_ends_commands_of_several_ranks(tmp_path):
    async def stop_soon(campaign, events):
        await asyncio.sleep(1.0)
        campaign.stop(StopReason.STOPPED)

    specs = [active(count=3, simulation=command("together 77.6"))]
    outcome = run_campaign(tmp_path, specs, act=stop_soon)
    assert outcome.under_way == ""
    assert [result.status for result in outcome.results("a")] == [TaskStatus.CANCELLED]
    assert not left_running("together 77.6")


@wide
@pytest.mark.parametrize("delay", [0.0, 0.001, 0.01])
def test_a_command_may_be_cancelled_while_its_ranks_come_together(tmp_path, delay):
    async def stop_soon(campaign, events):
        await asyncio.sleep(delay)
        campaign.stop(StopReason.STOPPED)

    outcome = run_campaign(tmp_path, [active(simulation=command("together 77.7"))], act=stop_soon)
    assert outcome.under_way == ""
    assert {result.status for result in outcome.results("a")} <= {TaskStatus.CANCELLED}
