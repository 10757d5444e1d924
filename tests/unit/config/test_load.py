"""What a right configuration comes to."""

import pytest

from rose_mpi.config.load import load_config
from rose_mpi.errors import ConfigError, UsageError
from rose_mpi.learners.spec import Criterion, Ensemble, LearnerKind, OnFailure, Uncertainty
from rose_mpi.policy import Order, Policy
from rose_mpi.schedules import merged
from rose_mpi.tasks import Function, Task
from tests.unit.config.conftest import ACTIVE, UQ


def test_the_whole_shape(project, monkeypatch):
    monkeypatch.chdir("/tmp")
    config = project.load(UQ)
    assert (config.plan.name, config.plan.seed, config.plan.text) == ("digits", 7, UQ)
    assert (str(config.plan.output), config.plan.root) == ("/tmp/results.h5", project.folder)
    assert (config.plan.ranks_per_learner, config.plan.dedicated_coordinator, config.plan.tasks_per_rank) == (
        None,
        False,
        1,
    )
    entropy, random = config.learners
    assert [entropy.name, random.name] == ["entropy", "random"]
    assert entropy.kind is random.kind is LearnerKind.UQ
    assert list(entropy.steps) == ["simulation", "training", "prediction", "criterion"]
    assert entropy.steps["simulation"].count == 3
    assert entropy.steps["simulation"].work == Task(
        "{python} {config_dir}/label.py", environment={"MY_SETTING": "1"}, timeout=600, retries=1
    )
    assert entropy.steps["prediction"].work == Function("mymodule:predict")
    assert entropy.criterion == Criterion("model_accuracy", 0.93, ">=")
    assert entropy.uncertainty == Uncertainty("predictive_entropy", "classification", 20, 0.05)
    assert entropy.ensemble == Ensemble(("mlp", "forest", "logistic"))
    assert (entropy.seed, entropy.max_iterations) == (7, 12)


def test_random_scores_do_not_inherit_a_threshold(project):
    random = project.load(UQ).learners[1]
    assert random.uncertainty == Uncertainty("random", "classification", 20, None)


def test_static_per_iteration_and_adaptive_arguments(project):
    steps = project.load(UQ).learners[0].steps
    assert merged(steps["training"].schedules, 3) == {"--lr": 0.01}
    assert [merged(steps["simulation"].schedules, i)["--n"] for i in (0, 1, 5, 6)] == [100, 500, 200, 500]
    assert merged(steps["prediction"].schedules, 2) == {"noise": pytest.approx(0.1 * 0.95**2)}


def test_a_learners_own_arguments_win_by_name_over_whatever_the_defaults_compute(project):
    text = (
        ACTIVE
        + """
kwargs = { "--epochs" = 5 }
adaptive = { "--lr" = "0.1 / (i + 1)" }
[[learners]]
name = "a"
training.kwargs = { "--lr" = 1 }
[[learners]]
name = "b"
"""
    )
    a, b = project.load(text).learners
    assert merged(a.steps["training"].schedules, 1) == {"--epochs": 5, "--lr": 1}
    assert merged(b.steps["training"].schedules, 1) == {"--epochs": 5, "--lr": 0.05}


def test_every_default_can_be_overridden(project):
    text = UQ.replace('[tasks.training]\ncommand = "{python} train.py"', "[tasks.training]\nretries = 2")
    text = text.replace(
        'uncertainty.metric = "random"',
        """\
max_iterations = 2
training = { command = "{python} select.py", retries = 0, environment = { A = "b" } }
prediction = { command = "program --x", timeout = 5 }
simulation = { count = 1, on_failure = "skip", cores_per_rank = 2, cwd = "." }
criterion = { threshold = 0.5, operator = ">", retries = 3 }
uncertainty = { metric = "margin", query_size = 0.25, threshold = 0.1, pool = "changing" }
ensemble = { models = ["one"], predictions = 4 }
""",
    ).replace('kind = "uq"', 'training.command = "{python} train.py"')
    entropy, other = project.load(text).learners
    assert (entropy.steps["training"].work.retries, other.steps["training"].work.retries) == (2, 0)
    assert other.steps["training"].work == Task("{python} select.py", environment={"A": "b"})
    assert other.steps["prediction"].work == Task("program --x", timeout=5.0)
    assert other.steps["simulation"].on_failure is OnFailure.SKIP
    assert other.steps["simulation"].work.environment == {"MY_SETTING": "1"}
    assert other.steps["simulation"].work.cwd == str(project.folder)
    assert other.steps["criterion"].work.retries == 3
    assert other.criterion == Criterion("model_accuracy", 0.5, ">")
    assert other.uncertainty == Uncertainty("margin", "classification", 0.25, 0.1, changing_pool=True)
    assert other.ensemble == Ensemble(("one",), 4)
    assert other.max_iterations == 2


def test_a_command_in_place_of_a_function_and_the_other_way_round(project):
    text = ACTIVE + 'timeout = 5\n[[learners]]\nname = "a"\ntraining.function = "mymodule:predict"\n'
    assert project.load(text).learners[0].steps["training"].work == Function("mymodule:predict")


def test_a_function_in_a_process_of_its_own_may_have_a_timeout(project):
    text = ACTIVE + '[[learners]]\nname = "a"\ntraining = { function = "mymodule:predict", timeout = 5, '
    work = project.load(text + "isolated = true }\n").learners[0].steps["training"].work
    assert work == Function("mymodule:predict", isolated=True, timeout=5.0)


def test_repeat_makes_equal_learners(project):
    learners = project.load(ACTIVE + '[[learners]]\nname = "w"\nrepeat = 3\n').learners
    assert [learner.name for learner in learners] == ["w-0", "w-1", "w-2"]
    assert len({learner.kind for learner in learners}) == 1


def test_without_learners_there_is_one_active_learner(project):
    (learner,) = project.load(ACTIVE).learners
    assert (learner.name, learner.kind, learner.seed) == ("learner", LearnerKind.ACTIVE, 0)
    assert learner.ensemble == Ensemble(("",))


def test_task_type_follows_from_the_metric(project):
    text = UQ.replace('task_type = "classification"\n', "")
    assert [learner.uncertainty.task_type for learner in project.load(text).learners] == [
        "classification"
    ] * 2


def test_targets(project):
    (project.folder / "truth.npy").write_bytes(b"")
    overrides = ("uncertainty.metric=negative_log_likelihood", "uncertainty.targets=truth.npy")
    nll, random = project.load(UQ, *overrides).learners
    assert nll.uncertainty.targets == str(project.folder / "truth.npy")
    assert random.uncertainty.targets == nll.uncertainty.targets


def test_a_custom_metric_with_an_operator(project):
    config = project.load(UQ, "criterion.metric=my_metric", "criterion.operator='='")
    assert config.learners[0].criterion == Criterion("my_metric", 0.93, "=")


def test_a_stated_operator_wins_over_the_metrics_own(project):
    assert project.load(UQ, "criterion.operator='<'").learners[0].criterion.operator == "<"


@pytest.mark.parametrize(
    ("text", "seconds"), [("'90s'", 90), ("'10m'", 600), ("'1h30m'", 5400), ("'0.5h'", 1800), ("7", 7)]
)
def test_durations(project, text, seconds):
    config = project.load(ACTIVE, f"tasks.training.timeout={text}")
    assert config.learners[0].steps["training"].work.timeout == seconds


def test_settings_of_the_command_line_win(project, monkeypatch):
    monkeypatch.chdir(project.folder)
    config = project.load(
        UQ,
        "run.seed=3",
        "tasks.training.timeout=5m",
        "tasks.training.kwargs.--depth=4",
        "learners.random.uncertainty.query_size=5",
        "learners.0.name=first",
        output="out/other.h5",
        max_iterations=1,
    )
    first, random = config.learners
    assert (config.plan.seed, config.plan.output) == (3, project.folder / "out/other.h5")
    assert first.steps["training"].work.timeout == 300
    assert merged(first.steps["training"].schedules, 0) == {"--depth": 4, "--lr": 0.01}
    assert (first.name, first.max_iterations, random.uncertainty.query_size) == ("first", 1, 5)


def test_what_tasks_are_subject_to(project):
    assert project.load(ACTIVE).plan.policy == Policy()
    config = project.load(
        ACTIVE,
        "engine.order=arrival",
        "engine.retry_delay=0",
        "run.max_failures=9",
        "run.max_failures_per_learner=3",
    )
    assert config.plan.policy == Policy(Order.ARRIVAL, 0.0, 9, 3)
    assert "must be 0 or more" in project.faults(ACTIVE, "engine.retry_delay=-1")[0][2]
    assert project.load(ACTIVE, "engine.retry_delay=0s").plan.policy.retry_delay == 0.0


def test_engine_settings(project):
    config = project.load(
        ACTIVE, "engine.ranks_per_learner=3", "engine.coordinator=dedicated", "engine.tasks_per_rank=2"
    )
    assert (config.plan.ranks_per_learner, config.plan.dedicated_coordinator, config.plan.tasks_per_rank) == (
        3,
        True,
        2,
    )


def test_functions_and_commands_may_run_on_several_ranks(project):
    ranks = ("tasks.prediction.ranks=2", "tasks.simulation.ranks=3", "engine.ranks_per_learner=3")
    steps = project.load(UQ, *ranks).learners[0].steps
    assert (steps["prediction"].work.ranks, steps["simulation"].work.ranks) == (2, 3)


def test_the_user_s_own_launcher(project):
    words = "jsrun -n {ranks} {command}"
    assert project.load(ACTIVE, f'engine.launcher="{words}"').plan.launcher == words
    assert project.load(ACTIVE).plan.launcher == ""
    for wrong in ("jsrun -n 2", "x {command}s"):
        assert "{command}" in project.faults(ACTIVE, f'engine.launcher="{wrong}"')[0][2]
    (fault,) = project.faults(ACTIVE, 'engine.launcher="jsrun -n {rank} {command}"')
    assert "{rank} stands for nothing; did you mean 'ranks'?" in fault[2]
    ours = "jsrun --env ${HOME} {command}"
    assert project.load(ACTIVE, f'engine.launcher="{ours}"').plan.launcher == ours


def test_a_task_must_fit_into_the_group(project):
    text = UQ.replace('function = "mymodule:predict"', 'function = "mymodule:predict"\nranks = 3')
    faults = project.faults(text, "engine.ranks_per_learner=2")
    assert [fault[1:] for fault in faults] == [
        ("tasks.prediction.ranks", "a task of 3 ranks does not fit into a group of 2")
    ]


def test_a_python_is_kept_ready_where_that_is_wanted(project):
    assert project.load(ACTIVE).plan.preload is None
    assert project.load(ACTIVE, "engine.warm_python=true").plan.preload == ()
    wanted = project.load(ACTIVE, "engine.warm_python=true", 'engine.preload=["numpy", "sklearn.svm"]')
    assert wanted.plan.preload == ("numpy", "sklearn.svm")


def test_run_wide_failure_rule_and_environment(project):
    text = ACTIVE.replace("[run]", '[run]\non_failure = "abort"\nenvironment = { A = "1" }')
    config = project.load(text)
    assert config.plan.environment == {"A": "1"}
    assert {step.on_failure for step in config.learners[0].steps.values()} == {OnFailure.ABORT}


def test_a_missing_file_is_told_with_the_nearest_name(project):
    project.write(ACTIVE)
    with pytest.raises(UsageError, match=r"confg\.toml'; did you mean 'config\.toml'\?"):
        load_config(project.folder / "confg.toml")


def test_a_folder_is_no_configuration(project):
    with pytest.raises(UsageError, match="cannot read"):
        load_config(project.folder)


def test_bytes_that_are_no_text(project):
    project.config.write_bytes(b"[run]\nname = '\xff'\n")
    with pytest.raises(ConfigError, match=r"line 2.*UTF-8"):
        load_config(project.config)


def test_a_byte_order_mark_is_no_part_of_the_text(project):
    project.config.write_bytes(b"\xef\xbb\xbf" + ACTIVE.encode())
    assert load_config(project.config).plan.text == ACTIVE


def test_max_iter_must_be_positive(project):
    with pytest.raises(UsageError, match="--max-iter"):
        project.load(ACTIVE, max_iterations=0)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("run.seed", "key=value"),
        ("run..seed=1", "no key"),
        ("a=1\nb=2", "unknown key 'a'"),
        ("run.seed.deep=1", "no table"),
        ("learners.nobody.repeat=2", "no learner 'nobody'; there are entropy, random"),
        ("learners.2.repeat=2", "no learner '2'"),
        ("run.seed=x", "--set run.seed: must be a whole number"),
    ],
)
def test_wrong_settings_of_the_command_line(project, override, message):
    with pytest.raises(UsageError) as caught:
        project.load(UQ, override)
    assert message in str(caught.value)


OWN_UNCERTAINTY = UQ.replace("[ensemble]", '[tasks.uncertainty]\ncommand = "{python} check.py"\n[ensemble]')


def test_an_own_uncertainty_task_takes_the_place_of_the_metric(project):
    text = OWN_UNCERTAINTY.replace('task_type = "classification"\n', "")
    text = text.replace('metric = "predictive_entropy"', 'metric = "my_own"')
    entropy = project.load(text).learners[0]
    assert list(entropy.steps)[2:4] == ["prediction", "uncertainty"]
    assert entropy.uncertainty == Uncertainty("my_own", "", 20, 0.05)


def test_an_own_uncertainty_task_needs_no_query_size(project):
    text = OWN_UNCERTAINTY.replace('task_type = "classification"\n', "").replace("query_size = 20\n", "")
    assert project.load(text).learners[0].uncertainty == Uncertainty("predictive_entropy", "", 0, 0.05)


def test_what_an_own_uncertainty_task_leaves_without_effect_is_told(project):
    faults = project.faults(OWN_UNCERTAINTY.replace("query_size = 20", "query_size = 0.1"))
    places = {place for _, place, _ in faults}
    assert places == {"uncertainty.task_type", "uncertainty.query_size"}


def test_a_learner_s_own_uncertainty_task(project):
    text = UQ + 'uncertainty.command = "{python} check.py"\nuncertainty.query_size = 3\n'
    faults = project.faults(text)
    assert [place for _, place, _ in faults] == ["uncertainty.task_type"]
    learners = project.load(text.replace('task_type = "classification"\n', "")).learners
    assert learners[1].uncertainty == Uncertainty("random", "", 3, 0.05)
    assert learners[0].uncertainty.task_type == "classification"


def test_the_recorded_text_tells_what_the_command_line_changed(project):
    config = project.load(UQ, "run.seed=3", "engine.tasks_per_rank=2", output="x.h5", max_iterations=4)
    assert config.plan.text == (
        f"{UQ.rstrip()}\n\n# On the command line:\n#   --set run.seed=3\n#   --set engine.tasks_per_rank=2\n"
        "#   --output x.h5\n#   --max-iter 4\n"
    )


OWN_METRIC = UQ.replace('metric = "predictive_entropy"', 'metric = "mymodule:predict"')


def test_a_metric_of_the_user_s_own(project):
    entropy, random = project.load(OWN_METRIC).learners
    assert entropy.uncertainty == Uncertainty("mymodule:predict", "classification", 20, 0.05)
    assert random.uncertainty == Uncertainty("random", "classification", 20, None)


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("mymodule:predikt", "did you mean 'predict'?"),
        ("mymodul:predict", "did you mean 'mymodule'?"),
        ("my module:x", "module:function"),
    ],
)
def test_a_metric_that_does_not_exist_is_told(project, metric, said):
    faults = project.faults(UQ.replace('metric = "predictive_entropy"', f'metric = "{metric}"'))
    assert [place for _, place, _ in faults] == ["uncertainty.metric"]
    assert said in faults[0][2]


def test_a_metric_of_the_user_s_own_needs_a_task_type(project):
    faults = project.faults(OWN_METRIC.replace('task_type = "classification"\n', ""))
    assert {place for _, place, _ in faults} == {"uncertainty.task_type"}
