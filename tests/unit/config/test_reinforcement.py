"""Learners that collect experience."""

import pytest

from rose_mpi.cli.check import check
from rose_mpi.learners.spec import Criterion, LearnerKind, OnFailure
from rose_mpi.tasks import Function
from tests.unit.config.conftest import ACTIVE, UQ

RL = """\
[run]
max_iterations = 3
[tasks.environment]
command = "{python} play.py"
count = 4
on_failure = "skip"
[tasks.update]
function = "policy:update"
[tasks.criterion]
command = "{python} test.py"
[criterion]
metric = "reward"
threshold = 200
operator = ">"
"""


@pytest.fixture
def rl(project):
    for name in ("play.py", "test.py"):
        (project.folder / name).write_text("print(1)\n")
    (project.folder / "policy.py").write_text("def update(): ...\ndef play(index): ...\n")
    return project


def kinds(config):
    return [spec.kind for spec in config.learners]


def test_an_environment_makes_a_reinforcement_learner(rl):
    (spec,) = rl.load(RL).learners
    assert spec.kind is LearnerKind.REINFORCEMENT
    assert list(spec.steps) == ["environment", "update", "criterion"]
    assert spec.steps["environment"].count == 4
    assert spec.steps["environment"].on_failure is OnFailure.SKIP
    assert spec.steps["update"].work == Function("policy:update")
    assert spec.criterion == Criterion("reward", 200.0, ">")
    assert spec.uncertainty is None


def test_a_learner_that_says_so_merges_experience(rl):
    text = (
        RL
        + """
[[learners]]
name = "merged"
kind = "experience"
environment.kwargs = { "--epsilon" = 0.1 }
[[learners]]
name = "apart"
environment.function = "policy:play"
update.retries = 2
"""
    )
    merged, apart = rl.load(text).learners
    assert (merged.kind, apart.kind) == (LearnerKind.EXPERIENCE, LearnerKind.REINFORCEMENT)
    assert merged.steps["environment"].count == apart.steps["environment"].count == 4
    assert merged.steps["environment"].schedules[0].at(0) == {"--epsilon": 0.1}
    assert apart.steps["environment"].work == Function("policy:play")
    assert apart.steps["update"].work.retries == 2


def test_a_learner_s_own_tables_say_what_it_is_before_the_defaults(rl):
    own = """
[[learners]]
name = "agent"
max_iterations = 2
environment.function = "policy:play"
update.function = "policy:update"
"""
    config = rl.load(ACTIVE + '[[learners]]\nname = "active"\n' + own)
    assert kinds(config) == [LearnerKind.ACTIVE, LearnerKind.REINFORCEMENT]
    config = rl.load(UQ + own + 'criterion.function = "policy:play"\n')
    assert kinds(config) == [LearnerKind.UQ, LearnerKind.UQ, LearnerKind.REINFORCEMENT]


def test_check_prints_them(rl, capsys):
    check(rl.write(RL + '[[learners]]\nname = "agent"\nkind = "experience"\n'))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["agent", "(experience)"] in lines
    assert ["environment", "×", "4", "{python}", "play.py"] in lines
    assert ["update", "×", "1", "function", "policy:update"] in lines
    assert ["stops", "when", "reward", ">", "200", "or", "3", "iterations", "are", "done"] in lines


NO_LEARNER = "has no effect: no learner is of kind"


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (
            ('[tasks.update]\nfunction = "policy:update"\n', ""),
            [(3, "tasks.update", "is missing: a learner of kind 'reinforcement' needs it")],
        ),
        (
            ('[tasks.environment]\ncommand = "{python} play.py"\ncount = 4\non_failure = "skip"\n', ""),
            [(3, "tasks.environment", "is missing: a learner of kind 'reinforcement' needs it")],
        ),
        (("play.py", "plya.py"), [(4, "tasks.environment.command", "mean 'play.py'?")]),
        (("policy:update", "policy:updat"), [(8, "tasks.update.function", "mean 'update'?")]),
        (("[tasks.environment]", "[tasks.enviroment]"), [(3, "tasks.enviroment", "mean 'environment'?")]),
        (("[tasks.update]", "[tasks.updte]"), [(7, "tasks.updte", "mean 'update'?")]),
        (("function = ", "count = 2\nfunction = "), [(8, "tasks.update.count", "unknown key 'count'")]),
        (
            ("function = ", "on_failure = 'skip'\nfunction = "),
            [(8, "tasks.update.on_failure", "'skip' is for simulation, environment, prediction only")],
        ),
        (
            ("[criterion]", "[tasks.training]\ncommand = 'true'\n[criterion]"),
            [(11, "tasks.training", f"{NO_LEARNER} 'active' or 'uq'")],
        ),
        (
            ("[criterion]", "[ensemble]\nmodels = ['a']\n[criterion]"),
            [(11, "ensemble", f"{NO_LEARNER} 'uq'")],
        ),
    ],
)
def test_faults_are_told_once_with_their_line(rl, change, faults):
    old, new = change
    assert old in RL
    found = rl.faults(RL.replace(old, new, 1))
    assert [(line, place) for line, place, _ in found] == [(line, place) for line, place, _ in faults]
    assert faults[0][2] in found[0][2]


def test_tables_of_another_kind_have_no_effect_on_a_learner(rl):
    text = (
        RL + '[[learners]]\nname = "a"\nkind = "experience"\ntraining.retries = 1\nensemble.predictions = 2\n'
    )
    found = [(place, message) for _, place, message in rl.faults(text)]
    assert found == [
        ("learners[0].training", "has no effect on a learner of kind 'experience'"),
        ("learners[0].ensemble", "has no effect on a learner of kind 'experience'"),
    ]
    text = ACTIVE + '[[learners]]\nname = "a"\nkind = "active"\nupdate.retries = 1\n'
    assert rl.faults(text)[0][1:] == ("learners[0].update", "has no effect on a learner of kind 'active'")


def test_an_update_that_no_learner_takes_up(rl):
    text = ACTIVE + '[tasks.update]\ncommand = "true"\n[[learners]]\nname = "a"\nkind = "active"\n'
    message = "has no effect: no learner is of kind 'reinforcement' or 'experience'"
    assert rl.faults(text) == [(7, "tasks.update", message)]


def test_it_needs_a_way_to_stop(rl):
    text = RL.replace("max_iterations = 3\n", "").partition("[tasks.criterion]")[0]
    assert rl.faults(text) == [(1, "run", "has no way to stop: give max_iterations or a [criterion]")]


@pytest.mark.parametrize("kind", ["reinforcement", "experience"])
@pytest.mark.parametrize("task", ["environment", "update"])
def test_environment_and_update_are_needed(rl, kind, task):
    learner = f'[[learners]]\nname = "a"\nkind = "{kind}"\n'
    text = f'[run]\nmax_iterations = 1\n[tasks.{task}]\ncommand = "true"\n{learner}'
    other = {"environment": "update", "update": "environment"}[task]
    assert rl.faults(text) == [(3, f"tasks.{other}", f"is missing: a learner of kind '{kind}' needs it")]
