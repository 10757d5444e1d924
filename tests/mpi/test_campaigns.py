import asyncio
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rose_mpi.errors import UsageError
from rose_mpi.events import StopReason
from rose_mpi.learners.seeds import seed_of
from rose_mpi.learners.spec import Step
from rose_mpi.mpi.session import HELPING_SIZE
from rose_mpi.tasks import Function, RankArray, Task, TaskId, TaskStatus
from rose_mpi.uq.uniform import uniform
from tests.mpi.campaigns import ACCURACY, COMM, active, command, run_campaign, uq
from tests.mpi.user_functions import CANDIDATES, probabilities

LEARNERS_RANKS = set(range(1, COMM.size)) or {0}
RANKS = set(range(COMM.size)) if COMM.size <= HELPING_SIZE else LEARNERS_RANKS

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

MODELS = ("mlp", "forest", "logistic")


def expected_selection(iteration, excluded, count):
    mean = np.mean(
        [probabilities(model, index, iteration) for model in MODELS for index in range(2)],
        axis=0,
        dtype=np.float64,
    )
    entropy = -(mean * np.log(mean)).sum(axis=1)
    entropy[list(excluded)] = -1
    return np.argsort(-entropy, kind="stable")[:count].tolist()


def test_every_task_runs_once_and_every_rank_works(tmp_path):
    outcome = run_campaign(tmp_path, [active(count=12, simulation=command("sleep 0.2"))])
    results = outcome.results("a")
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)
    assert sorted(result.id.index for result in results) == list(range(12))
    assert all(result.done for result in results)
    assert {result.rank for result in results} == RANKS
    assert outcome.under_way == ""


def test_a_dedicated_coordinator_runs_no_task(tmp_path):
    outcome = run_campaign(tmp_path, [active(count=8, simulation=command("sleep 0.1"))], dedicated=True)
    ranks = {result.rank for result in outcome.results("a")}
    assert ranks == LEARNERS_RANKS


def test_tasks_see_where_they_stand(tmp_path):
    outcome = run_campaign(
        tmp_path, [active("a", simulation=command("environment"), count=2, max_iterations=2)]
    )
    for result in outcome.results("a"):
        value = result.value
        assert value["ROSE_LEARNER"] == "a"
        assert int(value["ROSE_ITERATION"]) == result.id.iteration
        assert int(value["ROSE_INDEX"]) == result.id.index
        assert value["OMP_NUM_THREADS"] == value["MARK"] == "1"
        assert Path(value["cwd"]) == outcome.layout.workdir("a").resolve()
    assert len({result.value["ROSE_SEED"] for result in outcome.results("a")}) == 4


def test_each_learner_has_a_group_of_its_own_while_there_are_ranks(tmp_path):
    outcome = run_campaign(tmp_path, [active("a"), active("b")])
    a, b = set(outcome.group("a")), set(outcome.group("b"))
    assert a | b == LEARNERS_RANKS
    assert (a & b == set()) == (COMM.size > 2)


def test_many_learners_share_few_ranks(tmp_path):
    specs = [active(f"learner-{number}", count=2, max_iterations=2) for number in range(9)]
    outcome = run_campaign(tmp_path, specs)
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,) * 9
    assert all(len(outcome.results(spec.name)) == 4 for spec in specs)


def test_an_idle_group_helps_the_busy_one(tmp_path):
    specs = [active("idle"), active("busy", count=10, simulation=command("sleep 0.3"))]
    outcome = run_campaign(tmp_path, specs)
    assert {result.rank for result in outcome.results("busy")} == RANKS


def test_groups_of_a_fixed_size(tmp_path):
    ranks = max(1, COMM.size - 1)
    outcome = run_campaign(tmp_path, [active("a"), active("b")], ranks_per_learner=ranks)
    assert len(outcome.group("a")) == len(outcome.group("b")) == ranks


def test_a_failed_task_is_repeated_and_each_attempt_recorded(tmp_path):
    outcome = run_campaign(tmp_path, [active(simulation=command("flaky 2", retries=3))])
    assert [(result.attempt, result.exit_code) for result in outcome.results("a")] == [(0, 1), (1, 1), (2, 0)]
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,)


def test_one_learner_s_failure_leaves_the_other_running(tmp_path):
    outcome = run_campaign(
        tmp_path, [active("bad", simulation=command("fail")), active("good", max_iterations=3)]
    )
    assert outcome.reasons == (StopReason.ERROR, StopReason.MAX_ITER_REACHED)
    assert "the reason is written here" in outcome.error("bad")
    assert "bad.0.simulation.0" in outcome.error("bad")
    assert len(outcome.states("good")) == 3


def test_a_task_that_takes_too_long_is_ended(tmp_path):
    outcome = run_campaign(tmp_path, [active(simulation=command("sleep 60", timeout=0.5))])
    (result,) = outcome.results("a")
    assert result.status is TaskStatus.TIMEOUT
    assert result.finished - result.started < 30


def test_a_program_that_does_not_exist_is_told(tmp_path):
    outcome = run_campaign(tmp_path, [active(simulation=Task("no-such-program-here --n 3"))])
    assert outcome.reasons == (StopReason.ERROR,)
    assert "no-such-program-here" in outcome.error("a")


def test_stopping_ends_the_tasks_that_run(tmp_path):
    async def stop_soon(campaign, events):
        await asyncio.sleep(1.0)
        campaign.stop(StopReason.WALLTIME)

    outcome = run_campaign(tmp_path, [active(count=6, simulation=command("sleep 50"))], act=stop_soon)
    assert outcome.reasons == (StopReason.WALLTIME,)
    assert outcome.under_way == ""
    statuses = Counter(result.status for result in outcome.results("a"))
    assert statuses == {TaskStatus.CANCELLED: min(6, len(RANKS))}
    assert not left_running("sleep 50")


@pytest.mark.parametrize("work", [Task("/bin/true"), Function("user_functions:where")])
def test_a_stop_in_the_very_moment_of_submission_ends_in_order(tmp_path, work):
    async def stop_at_once(campaign, events):
        campaign.stop(StopReason.STOPPED)

    for _ in range(5):
        outcome = run_campaign(tmp_path, [active(count=30, simulation=work)], act=stop_at_once)
        assert outcome.reasons == (StopReason.STOPPED,)
        assert outcome.under_way == ""


def test_large_tasks_do_not_hold_up_a_stop(tmp_path):
    async def stop_at_once(campaign, events):
        campaign.stop(StopReason.STOPPED)

    work = Function("user_functions:where", {"seed": 1, "workdir": "x" * 20_000_000})
    outcome = run_campaign(tmp_path, [active(count=6, simulation=work)], act=stop_at_once)
    assert outcome.reasons == (StopReason.STOPPED,)
    assert outcome.under_way == ""


def test_sessions_follow_one_another(tmp_path):
    for _ in range(12):
        outcome = run_campaign(tmp_path, [active("a", count=6), active("b"), uq(max_iterations=1)])
        assert outcome.reasons == (StopReason.MAX_ITER_REACHED,) * 3


def left_running(words):
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "user_task.py" in line and words in line and process.parent.name != str(os.getpid()):
            found.append(line)
    return found


@pytest.mark.parametrize("prediction", [Function("user_functions:predict"), command("predict")])
def test_the_ensemble_s_selection_is_the_same_on_any_number_of_ranks(tmp_path, prediction):
    outcome = run_campaign(tmp_path, [uq(prediction=prediction)], metrics=["predictive_entropy"])
    first, second = outcome.states("u")
    assert list(first.selected) == expected_selection(0, [], 7)
    assert list(second.selected) == expected_selection(1, first.selected, 7)
    assert first.uncertainty == pytest.approx(np.mean(first.selected_score))
    assert first.pool_uncertainty < first.uncertainty


def test_predictions_of_functions_stay_on_the_ranks_of_the_group(tmp_path):
    outcome = run_campaign(tmp_path, [uq(max_iterations=1)])
    values = [result.value for result in outcome.results("u") if result.id.stage == "prediction"]
    assert len(values) == 6
    kept = [value for value in values if isinstance(value, RankArray)]
    assert kept
    assert {value.rank for value in kept} <= set(outcome.group("u"))


def test_two_ensembles_in_one_group_are_scored_one_after_the_other(tmp_path):
    specs = [uq(f"u{number}", max_iterations=3) for number in range(5)]
    outcome = run_campaign(tmp_path, specs)
    assert outcome.reasons == (StopReason.MAX_ITER_REACHED,) * 5
    assert all(list(outcome.states(spec.name)[0].selected) == expected_selection(0, [], 7) for spec in specs)


def test_the_selection_reaches_the_tasks_of_the_next_iteration(tmp_path):
    spec = uq(steps={"simulation": Step(command("selection"))}, max_iterations=2)
    outcome = run_campaign(tmp_path, [spec])
    told = [result.value for result in outcome.results("u") if result.id.stage == "simulation"]
    assert told == [None, list(outcome.states("u")[0].selected)]


def test_the_user_s_own_uncertainty_task_chooses_for_the_tasks_that_follow(tmp_path):
    steps = {"simulation": Step(command("selection")), "uncertainty": Step(command("uncertain"))}
    outcome = run_campaign(tmp_path, [uq(steps=steps, metric="doubt", max_iterations=3)])
    told = [result.value for result in outcome.results("u") if result.id.stage == "simulation"]
    assert told == [None, [4, 1], [4, 2]]
    assert [state.uncertainty for state in outcome.states("u")] == [0.5] * 3


def test_a_metric_of_the_user_s_own_is_called_on_every_rank_s_share(tmp_path):
    metric = "user_functions:least_confidence"
    outcome = run_campaign(tmp_path, [uq(metric=metric, max_iterations=1)], metrics=[metric])
    mean = np.mean([probabilities(model, index, 0) for model in MODELS for index in range(2)], axis=0)
    (state,) = outcome.states("u")
    assert list(state.selected) == np.argsort(mean.max(axis=1), kind="stable")[:7].tolist()


@pytest.mark.parametrize("name", ["broken_metric", "no_such_metric"])
def test_a_fault_of_the_user_s_own_metric_ends_its_learner(tmp_path, name):
    metric = f"user_functions:{name}"
    outcome = run_campaign(tmp_path, [uq(metric=metric), active("other")], metrics=[metric])
    assert outcome.reasons == (StopReason.ERROR, StopReason.MAX_ITER_REACHED)
    assert "a fault of the metric" in outcome.error("u") or "no_such_metric" in outcome.error("u")


def test_the_random_baseline_is_the_same_on_any_number_of_ranks(tmp_path):
    outcome = run_campaign(tmp_path, [uq(metric="random", query_size=5)])
    for state in outcome.states("u"):
        drawn = uniform(seed_of(5, TaskId("u", state.iteration, "score")), 0, CANDIDATES)
        drawn[list(outcome.states("u")[0].selected) if state.iteration else []] = -1
        assert list(state.selected) == np.argsort(-drawn, kind="stable")[:5].tolist()


def test_queries_end_when_the_pool_is_used_up(tmp_path):
    outcome = run_campaign(tmp_path, [uq(query_size=CANDIDATES, max_iterations=5)])
    assert outcome.reasons == (StopReason.STOPPED,)
    assert len(outcome.states("u")[0].selected) == CANDIDATES
    assert outcome.states("u")[1].selected == ()


def test_models_meet_their_criterion(tmp_path):
    criterion = {"criterion": Step(command("accuracy 0.75"))}
    outcome = run_campaign(tmp_path, [uq(steps=criterion, criterion=ACCURACY, max_iterations=9)])
    assert outcome.reasons == (StopReason.CRITERION_MET,)
    assert [state.metric for state in outcome.states("u")] == pytest.approx([0.75, 0.85, 0.95])


def test_a_nan_is_told_with_model_and_candidate_and_spares_the_others(tmp_path):
    bad = uq("bad", prediction=Function("user_functions:predict_nan"))
    outcome = run_campaign(tmp_path, [bad, uq("good", max_iterations=2)])
    assert outcome.reasons == (StopReason.ERROR, StopReason.MAX_ITER_REACHED)
    assert "'forest'" in outcome.error("bad")
    assert "candidate 123" in outcome.error("bad")
    assert len(outcome.states("good")) == 2


def test_predictions_that_do_not_fit_are_told_by_their_models(tmp_path):
    outcome = run_campaign(tmp_path, [uq(prediction=Function("user_functions:predict_misfit"))])
    assert outcome.reasons == (StopReason.ERROR,)
    assert "'logistic'" in outcome.error("u")
    assert "[699, 4]" in outcome.error("u")


def test_a_function_s_exception_comes_with_its_traceback_and_rank(tmp_path):
    outcome = run_campaign(tmp_path, [active(simulation=Function("user_functions:fail"))])
    assert outcome.reasons == (StopReason.ERROR,)
    (result,) = outcome.results("a")
    assert "KeyError: 'no such thing 0'" in result.error
    assert "user_functions.py" in result.error
    assert f"rank {result.rank}" in result.error


def test_functions_run_in_the_ranks_of_their_group(tmp_path):
    outcome = run_campaign(tmp_path, [active(count=9, simulation=Function("user_functions:where"))])
    pids = dict(COMM.allgather((COMM.rank, os.getpid())))
    results = outcome.results("a")
    assert all(result.value["pid"] == pids[result.rank] for result in results)
    assert {result.rank for result in results} <= LEARNERS_RANKS


@pytest.mark.parametrize("name", ["return_object", "no_such_function", "interrupt"])
def test_what_a_function_must_not_do_is_told(tmp_path, name):
    outcome = run_campaign(tmp_path, [active(simulation=Function(f"user_functions:{name}"))])
    assert outcome.reasons == (StopReason.ERROR,)
    assert "user_functions" in outcome.error("a") or "object" in outcome.error("a")


def test_a_group_larger_than_the_job_is_refused(tmp_path):
    with pytest.raises(UsageError, match="ranks_per_learner"):
        run_campaign(tmp_path, [active()], ranks_per_learner=COMM.size + 1)


def test_several_tasks_at_a_time_on_each_rank(tmp_path):
    outcome = run_campaign(tmp_path, [active(count=8, simulation=command("sleep 0.5"))], tasks_per_rank=4)
    results = outcome.results("a")
    spans = [(result.started, result.finished, result.rank) for result in results]
    together = max(sum(s <= start < f and rank == r for s, f, r in spans) for start, _, rank in spans)
    assert 1 < together <= 4
    assert len(results) == 8
