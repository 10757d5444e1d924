"""From decorated functions to tasks."""

import asyncio

import pytest

from rose_mpi.errors import TaskError, UsageError
from rose_mpi.execution.pickled import unpickled_call
from rose_mpi.learners.active import SequentialActiveLearner
from rose_mpi.learners.configs import LearnerConfig, TaskConfig
from rose_mpi.learners.task_function import task_function
from rose_mpi.tasks import Task
from tests.unit.learners.engine import FakeEngine


def work(function, args=(), kwargs=None, results=(), **options):
    return asyncio.run(task_function(function, "training", options).work(args, kwargs or {}, results))


def words(task):
    return (task.executable, *task.arguments)


def plain(*args, **kwargs):
    return "train"


async def coroutine(*args, **kwargs):
    return "train"


def test_decorators_work_with_and_without_parentheses_on_functions_and_coroutine_functions():
    learner = SequentialActiveLearner(FakeEngine())
    for stage in ("simulation", "training", "prediction", "active_learn"):
        decorate = getattr(learner, f"{stage}_task")
        for function in (plain, coroutine):
            for decorated in (decorate(function), decorate()(function), decorate(retries=2)(function)):
                assert decorated.__name__ == function.__name__
                assert learner.functions[stage].function is function
            assert learner.functions[stage].description == {"retries": 2}


@pytest.mark.parametrize("function", [plain, coroutine])
def test_a_command_line_or_a_task_may_be_returned(function):
    assert work(function) == Task("train")
    assert work(lambda: Task("train", retries=1), timeout=9) == Task("train", retries=1, timeout=9)


def test_what_the_signature_says_of_the_task_gives_way_to_the_decorator():
    def train(task_description={"shell": True, "retries": 1}):  # noqa: B006
        return "train | tee log"

    assert work(train, retries=2) == Task("train | tee log", shell=True, retries=2)


@pytest.mark.parametrize("function", [lambda **kwargs: "train", lambda: "train", lambda *args: "train"])
def test_options_are_appended_whether_or_not_the_function_takes_them(function):
    assert words(work(function, kwargs={"--lr": 0.01, "--fast": True})) == ("train", "--lr", "0.01", "--fast")


def test_a_command_that_carries_an_option_is_complete():
    def train(**kwargs):
        return f"train --lr {kwargs['--lr']}"

    assert words(work(train, kwargs={"--lr": 0.01, "--fast": True})) == ("train --lr 0.01",)


def test_functions_get_those_names_that_they_take():
    def train(rate, *, steps=1):
        return f"train {rate} {steps}"

    assert words(work(train, (0.5,), {"steps": 3, "--fast": True})) == ("train 0.5 3", "--fast")
    with pytest.raises(UsageError, match=r"train\(rate, \*, steps=1\) takes no 'step'; did you mean 'steps'"):
        work(train, (0.5,), {"step": 3})


def test_a_function_that_is_the_task_travels_with_its_arguments():
    def train(data, rate):
        return data * rate

    function = work(train, (2,), {"rate": 3, "--fast": True}, as_executable=False, retries=4, ranks=2)
    assert (function.retries, function.ranks) == (4, 2)
    called, args, kwargs = unpickled_call(function.pickled)
    assert (called(*args, **kwargs), kwargs) == (6, {"rate": 3})


def test_the_communicator_is_no_result_of_an_earlier_task():
    seen = work(lambda first, comm: None, (), None, ("first", "second"), as_executable=False, ranks=2)
    assert unpickled_call(seen.pickled)[1] == ("first",)


def test_what_came_before_is_given_as_far_as_the_function_takes_it():
    seen = []
    work(lambda *args: seen.append(args) or "train", ("own",), None, ("first", "second"))
    work(lambda one, two: seen.append((one, two)) or "train", ("own",), None, ("first", "second"))
    work(lambda one, two=0: seen.append((one, two)) or "train", ("own",), None, ("first", "second"))
    assert seen == [("own", "first", "second"), ("own", "first"), ("own", 0)]


def called_with(config=None, *, before=((), {})):
    learner = SequentialActiveLearner(FakeEngine())
    seen = []

    @learner.simulation_task
    def simulate(*args, **kwargs):
        seen.append((args, kwargs))
        return "sim"

    learner.training_task(plain)
    assert simulate(*before[0], **before[1]) is None
    learner.teach(max_iter=1, learner_config=config and LearnerConfig(simulation=config))
    return seen


def test_a_call_before_the_start_sets_the_arguments():
    assert called_with(before=((1, 2), {"seed": 3})) == [((1, 2), {"seed": 3})]


def test_keyword_arguments_of_a_configuration_leave_the_positional_ones():
    config = TaskConfig(kwargs={"--n": 5, "seed": 4})
    assert called_with(config, before=((1,), {"seed": 3, "mode": "x"})) == [
        ((1,), {"seed": 4, "mode": "x", "--n": 5})
    ]


def test_positional_arguments_of_a_configuration_replace_those_of_the_call():
    assert called_with(TaskConfig(args=(9,)), before=((1, 2), {"seed": 3})) == [((9,), {"seed": 3})]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (3, {}, "is for functions, not for 3"),
        (plain, {"timout": 3}, "option 'timout' is unknown; did you mean 'timeout'"),
        (plain, {"as_executable": False, "shell": True}, "'shell' has no effect on a Python function"),
        (plain, {"on_failure": "skp"}, "on_failure 'skp' is unknown; did you mean 'skip'"),
        (
            plain,
            {"on_failure": "skip"},
            "'skip' is for simulation, environment, prediction only, not for training",
        ),
        (
            plain,
            {"as_executable": False, "timeout": 3},
            "timeout of a training task is for functions with isolated",
        ),
        (
            plain,
            {"as_executable": False, "ranks": 2, "timeout": 3},
            "timeout of a training task is for functions with isolated",
        ),
        (
            plain,
            {"as_executable": False, "isolated": True, "timeout": 0},
            "must be a number of seconds above 0",
        ),
        (plain, {"as_executable": False, "isolated": 1}, "isolated of a training task must be True or False"),
        (
            plain,
            {"as_executable": False, "isolated": True, "ranks": 2},
            "isolated of a training task is for functions on one rank, and this one has ranks = 2",
        ),
        (plain, {"isolated": True}, "'isolated' is for Python functions"),
        (plain, {"as_executable": False, "ranks": 0}, "ranks of a training task must be a whole number"),
        (plain, {"count": 0}, "count of a training task must be a whole number from 1 on, not 0"),
        (plain, {"ranks": 0}, "ranks of a training task must be a whole number from 1 on, not 0"),
        (plain, {"gpus_per_rank": 1, "ranks": 2}, "gpus_per_rank is for tasks on one rank"),
        (plain, {"gpus_per_rank": -1}, "gpus_per_rank of a training task must be a whole number from 0 on"),
        (plain, {"as_executable": False, "retries": "2"}, "retries of a training task .*, not '2'"),
        (
            lambda: Task("x", timeout="10m"),
            {},
            "timeout of <lambda>'s task must be a number of seconds above 0, not '10m'",
        ),
        (lambda: Task("x", timeout=float("inf")), {}, "timeout of .* not inf"),
        (lambda: Task("x", timeout=0), {}, "timeout of .* not 0"),
        (lambda: Task("x", retries=-1), {}, "retries of .* not -1"),
        (lambda: Task("x", cores_per_rank="2"), {}, "cores_per_rank of .* not '2'"),
        (lambda: Task("x", environment="A=1"), {}, "environment of .* must be a dictionary"),
        (lambda: Task("x", "--n 3"), {}, "arguments of .* must be a list, not '--n 3'"),
        (lambda: Task(""), {}, "executable of .* must be a command line"),
        (lambda: None, {}, "must return a command line or a Task, not None.*as_executable=False"),
        (lambda: " ", {}, "must return a command line or a Task"),
        (lambda task_description=3: "x", {}, "task_description must be a dictionary, not 3"),
    ],
)
def test_what_is_wrong_is_told(function, options, message):
    with pytest.raises(UsageError, match=message):
        work(function, **options)


def test_several_tasks_are_for_some_stages_only():
    with pytest.raises(UsageError, match="count is for simulation, training, active_learn, environment only"):
        task_function(plain, "criterion", {"count": 2})
    assert task_function(plain, "environment.second", {"count": 2, "on_failure": "skip"}).count == 2


def test_an_option_that_no_command_can_hold_is_told():
    with pytest.raises(TaskError, match=r"option --n: \{\} is no number, text or path"):
        work(plain, kwargs={"--n": {}})


def test_a_learner_needs_an_engine():
    with pytest.raises(UsageError, match=r"SequentialActiveLearner needs an engine, .*, not None"):
        SequentialActiveLearner(None)
