"""What a wrong configuration is told."""

import pytest

from rose_mpi.config.load import load_config
from rose_mpi.errors import ConfigError
from tests.unit.config.conftest import ACTIVE, UQ


def line_of(text, beginning):
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(beginning))


CASES = {
    "unknown table": (
        ("[engine]", "[engin]"),
        "[engin]",
        "engin",
        "unknown key 'engin'; did you mean 'engine'?",
    ),
    "unknown table that all need": (
        ("[uncertainty]", "[uncertanty]"),
        "[uncertanty]",
        "uncertanty",
        "unknown key 'uncertanty'; did you mean 'uncertainty'?",
    ),
    "unknown task that all need": (
        ("[tasks.training]", "[tasks.trainig]"),
        "[tasks.trainig]",
        "tasks.trainig",
        "unknown key 'trainig'; did you mean 'training'?",
    ),
    "unknown key": (("seed =", "sed ="), "sed", "run.sed", "unknown key 'sed'; did you mean 'seed'?"),
    "unknown key far from all": (
        ("predictions", "zzz"),
        "zzz",
        "ensemble.zzz",
        "unknown key 'zzz'; there are models, predictions",
    ),
    "unknown task": (
        ("[engine]", "[tasks.query]\n[engine]"),
        "[tasks.query]",
        "tasks.query",
        "unknown key",
    ),
    "unknown key of a learner": (
        ("training.kwargs", "training.kwarg"),
        "training.kwarg",
        "learners[0].training.kwarg",
        "mean 'kwargs'?",
    ),
    "text for a number": (("seed = 7", "seed = '7'"), "seed", "run.seed", "must be a whole number, not '7'"),
    "true for a number": (
        ("seed = 7", "seed = true"),
        "seed",
        "run.seed",
        "must be a whole number, not true",
    ),
    "number for text": (('"digits"', "3"), "name", "run.name", "must be text in quotes, not 3"),
    "list for a table": (
        ('{ MY_SETTING = "1" }', "[1]"),
        "environment",
        "tasks.simulation.environment",
        "must be a table, not a list",
    ),
    "number in the environment": (
        ('MY_SETTING = "1"', "MY_SETTING = 1"),
        "environment",
        "tasks.simulation.environment.MY_SETTING",
        "must be text in quotes, not 1",
    ),
    "negative": (
        ("retries = 1", "retries = -1"),
        "retries",
        "tasks.simulation.retries",
        "must be at least 0",
    ),
    "zero": (("count = 3", "count = 0"), "count", "tasks.simulation.count", "must be at least 1, not 0"),
    "version": (
        ("config_version = 1", "config_version = 2"),
        "config_version",
        "config_version",
        "must be 1",
    ),
    "duration": (
        ('"10m"', '"10x"'),
        "timeout",
        "tasks.simulation.timeout",
        "'90s', '10m' or '1h30m', not '10x'",
    ),
    "no duration": (('"10m"', "0"), "timeout", "tasks.simulation.timeout", "more than 0"),
    "bad name": (('"digits"', '"a b"'), "name", "run.name", "'a b' is no name"),
    "hidden name": (
        ('name = "entropy"', 'name = ".x"'),
        'name = ".x"',
        "learners[0].name",
        "'.x' is no name",
    ),
    "ranks": (("ranks = 1", "ranks = 0"), "ranks = 0", "tasks.simulation.ranks", "must be at least 1"),
    "gpus": (("ranks = 1", "gpus_per_rank = -1"), "gpus_per_rank", "tasks.simulation.gpus_per_rank", "0"),
    "gpus of several ranks": (
        ("ranks = 1", "ranks = 2\ngpus_per_rank = 1"),
        "gpus_per_rank",
        "tasks.simulation.gpus_per_rank",
        "is for tasks on one rank",
    ),
    "ranks per learner": (
        ('ranks_per_learner = "auto"', 'ranks_per_learner = "all"'),
        "ranks_per",
        "engine.ranks_per_learner",
        "'auto' or",
    ),
    "module": (
        ('ranks_per_learner = "auto"', 'warm_python = true\npreload = ["numpy", "scikit-learn"]'),
        "preload",
        "engine.preload[1]",
        "'scikit-learn' is no name of a module",
    ),
    "modules for nothing": (
        ('ranks_per_learner = "auto"', 'preload = ["numpy"]'),
        "[engine]",
        "engine",
        "preload has no effect without warm_python = true",
    ),
    "kind": (
        ('kind = "uq"', 'kind = "reinforcment"'),
        "kind",
        "learners[0].kind",
        "must be 'active', 'uq', 'reinforcement' or 'experience', not 'reinforcment'; did you mean",
    ),
    "twice a learner": (
        ('"random"\nunc', '"entropy"\nunc'),
        "",
        "learners[1].name",
        "called 'entropy' already",
    ),
    "learner without name": (('name = "entropy"\n', ""), "[[learners]]", "learners[0].name", "needs a name"),
    "model twice": (('"forest"', '"mlp"'), "models", "ensemble.models", "names 'mlp' more than once"),
    "bad model": (('"forest"', '"a/b"'), "models", "ensemble.models[1]", "'a/b' is no name"),
    "no models": (('["mlp", "forest", "logistic"]', "[]"), "models", "ensemble.models", "must not be empty"),
    "missing script": (
        ("{config_dir}/check.py", "{config_dir}/chekc.py"),
        'command = "{python} {config_dir}/chekc',
        "tasks.criterion.command",
        "chekc.py'; did you mean 'check.py'?",
    ),
    "missing script without folder": (
        ("{python} train.py", "{python} -u trian.py"),
        'command = "{python} -u',
        "tasks.training.command",
        "did you mean 'train.py'?",
    ),
    "missing program": (
        ("{python} train.py", "no-such-program train.py"),
        'command = "no-such',
        "tasks.training.command",
        "no program 'no-such-program' on PATH",
    ),
    "program that is none": (
        ("{python} train.py", "./train.py"),
        'command = "./train',
        "tasks.training.command",
        "not executable",
    ),
    "open quotation": (
        ("{python} train.py", "{python} 'train.py"),
        "command = \"{python} 't",
        "tasks.training.command",
        "no closing",
    ),
    "missing module": (
        ("mymodule:predict", "mymodul:predict"),
        "function",
        "tasks.prediction.function",
        "did you mean 'mymodule'?",
    ),
    "missing function": (
        ("mymodule:predict", "mymodule:predit"),
        "function",
        "tasks.prediction.function",
        "defines no 'predit'; did you mean 'predict'?",
    ),
    "no reference": (
        ("mymodule:predict", "mymodule.predict"),
        "function",
        "tasks.prediction.function",
        "'module:function'",
    ),
    "command and function": (
        ('function = "mymodule', 'command = "true"\nfunction = "mymodule'),
        "function",
        "tasks.prediction.function",
        "there is a command already",
    ),
    "neither command nor function": (
        ('[tasks.training]\ncommand = "{python} train.py"', "[tasks.training]\nretries = 1"),
        "[tasks.training]",
        "tasks.training",
        "needs a command or a function",
    ),
    "key without effect on a function": (
        ('function = "my', 'timeout = 3\nfunction = "my'),
        "timeout = 3",
        "tasks.prediction.timeout",
        "no effect",
    ),
    "isolated function of several ranks": (
        ('function = "my', 'isolated = true\nranks = 2\nfunction = "my'),
        "isolated = true",
        "tasks.prediction.isolated",
        "is for functions on one rank, and this one has ranks = 2",
    ),
    "isolated command": (
        ("retries = 1", "retries = 1\nisolated = true"),
        "isolated = true",
        "tasks.simulation.isolated",
        "has no effect on a command",
    ),
    "count where there is none": (
        ('function = "my', 'count = 4\nfunction = "my'),
        "count = 4",
        "tasks.prediction.count",
        "unknown key",
    ),
    "missing task": (
        ('[tasks.training]\ncommand = "{python} train.py"\n', ""),
        "[tasks.simulation]",
        "",
        "is missing: a learner",
    ),
    "skip where it cannot be": (
        ('{python} train.py"', "{python} train.py\"\non_failure = 'skip'"),
        "on_failure",
        "tasks.training.on_failure",
        "'skip' is for simulation, environment, prediction only",
    ),
    "argument that is no option": (
        ('{ "--lr" = 0.01 }', "{ lr = 0.01 }"),
        "training.kwargs",
        "learners[0].training.kwargs.lr",
        "as in '--lr'",
    ),
    "argument that is a table": (
        ('{ "--lr" = 0.01 }', '{ "--lr" = {} }'),
        "training.kwargs",
        "learners[0].training.kwargs.--lr",
        "true, false or a list of these, not a table",
    ),
    "iteration": (
        ("5 = {", "five = {"),
        "simulation.sch",
        "learners[0].simulation.schedule.five",
        "'five' is no iteration",
    ),
    "expression with another name": (
        ("0.95**i", "0.95**j"),
        "prediction.adaptive",
        "learners[0].prediction.adaptive.noise",
        "there is no 'j'",
    ),
    "expression that fails": (
        ("0.95**i", "0.95/i"),
        "prediction.adaptive",
        "learners[0].prediction.adaptive.noise",
        "fails at i = 0: ",
    ),
    "metric": (
        ('"predictive_entropy"', '"predictive_entrpy"'),
        'metric = "predictive_entrpy"',
        "uncertainty.metric",
        "did you mean 'predictive_entropy'?",
    ),
    "task type that does not fit": (
        ('"classification"', '"regression"'),
        "task_type",
        "uncertainty.task_type",
        "is for 'classification', not",
    ),
    "query size": (
        ("query_size = 20", "query_size = 1.0"),
        "query_size",
        "uncertainty.query_size",
        "a fraction",
    ),
    "no query size": (("query_size = 20\n", ""), "[uncertainty]", "uncertainty.query_size", "is missing"),
    "targets": (
        ('"predictive_entropy"', '"negative_log_likelihood"'),
        "[uncertainty]",
        "uncertainty.targets",
        "is missing",
    ),
    "targets that are not there": (
        ('"predictive_entropy"', '"negative_log_likelihood"\ntargets = "y.npy"'),
        "targets",
        "uncertainty.targets",
        "there is no file",
    ),
    "threshold of random": (
        ('uncertainty.metric = "random"', 'uncertainty = { metric = "random", threshold = 1 }'),
        "uncertainty = ",
        "learners[1].uncertainty.threshold",
        "no effect on the metric 'random'",
    ),
    "infinite threshold": (
        ("threshold = 0.05", "threshold = inf"),
        "threshold = inf",
        "uncertainty.threshold",
        "finite",
    ),
    "custom metric without operator": (
        ('"model_accuracy"', '"model_acuracy"'),
        'metric = "model_acuracy"',
        "criterion.metric",
        "needs an operator: < > = == <= >=; did you mean 'model_accuracy'?",
    ),
    "operator": (
        ("threshold = 0.93", "operator = '=>'\nthreshold = 0.93"),
        "operator",
        "criterion.operator",
        "must be one",
    ),
    "criterion without threshold": (
        ("threshold = 0.93\n", ""),
        "[criterion]",
        "criterion.threshold",
        "is missing",
    ),
    "criterion without task": (
        ('[tasks.criterion]\ncommand = "{python} {config_dir}/check.py"\n', ""),
        "",
        "tasks.criterion",
        "is missing",
    ),
    "task without criterion": (
        ('[criterion]\nmetric = "model_accuracy"\nthreshold = 0.93\n', ""),
        "",
        "criterion",
        "is missing",
    ),
    "prediction of an active learner": (
        ('kind = "uq"', 'kind = "active"\nprediction.retries = 1'),
        "prediction.retries",
        "learners[0].prediction",
        "kind 'active'",
    ),
    "output": (('"results.h5"', '"results.hdf"'), "output", "run.output", "ends in .h5"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_fault(project, case):
    (old, new), beginning, place, message = case
    assert old in UQ
    text = UQ.replace(old, new, 1)
    found = [fault for fault in project.faults(text) if message in fault[2]]
    assert found, project.faults(text)
    line, found_place, _ = found[0]
    assert place in found_place
    if beginning:
        assert line == line_of(text, beginning.split("\n")[0])


def test_one_mistake_is_told_once(project):
    for name, ((old, new), *_) in CASES.items():
        if name != "prediction of an active learner":
            faults = project.faults(UQ.replace(old, new, 1))
            assert len(faults) == 1, (name, faults)


def test_all_faults_are_told_together_in_the_order_of_the_file(project):
    text = UQ
    for old, new in [
        ("seed =", "sed ="),
        ("count = 3", "count = 'x'"),
        ("{python} train.py", "{python} trian.py"),
        ('metric = "model_accuracy"', 'metric = "mine"'),
        ('metric = "predictive_entropy"', 'metric = "entropy"'),
        ('name = "random"', 'name = "entropy"'),
        ("prediction.adaptive", "predictio.adaptive"),
    ]:
        text = text.replace(old, new, 1)
    faults = project.faults(text)
    assert [fault[1] for fault in faults] == [
        "run.sed",
        "tasks.simulation.count",
        "tasks.training.command",
        "criterion.metric",
        "uncertainty.metric",
        "learners[0].predictio",
        "learners[1].name",
    ]
    assert [fault[0] for fault in faults] == sorted(fault[0] for fault in faults)


def test_the_message_names_file_place_and_line(project):
    project.write(UQ.replace("seed = 7", "seed = -7"))
    with pytest.raises(ConfigError) as caught:
        project.load(UQ.replace("seed = 7", "seed = -7"))
    assert str(caught.value) == (
        f"{project.config} has 1 fault:\n  line 4, run.seed: must be at least 0, not -7"
    )


def test_no_way_to_stop(project):
    text = ACTIVE.replace("max_iterations = 3\n", "")
    assert project.faults(text) == [
        (1, "run", "has no way to stop: give max_iterations, a [criterion] or an uncertainty threshold")
    ]
    (fault,) = project.faults(
        text + '[[learners]]\nname = "a"\nmax_iterations = 1\n[[learners]]\nname = "b"\n'
    )
    assert fault[1] == "learners[1]"


def test_an_active_learner_must_change_something(project):
    text = '[run]\nmax_iterations = 1\n[tasks.training]\ncommand = "true"\n'
    assert [fault[1] for fault in project.faults(text)] == ["tasks"]


def test_defaults_that_no_learner_takes_up(project):
    text = ACTIVE + '[ensemble]\nmodels = ["a"]\n[tasks.prediction]\ncommand = "true"\n'
    assert [fault[1] for fault in project.faults(text)] == ["ensemble", "tasks.prediction"]


def test_repeated_names_that_collide(project):
    text = ACTIVE + '[[learners]]\nname = "a"\nrepeat = 2\n[[learners]]\nname = "a-1"\n'
    (fault,) = project.faults(text)
    assert fault[1:] == ("learners[1].name", "learners[0] is called 'a-1' already")


def test_a_faulty_default_is_told_once_for_all_learners(project):
    text = ACTIVE.replace("train.py", "trian.py") + '[[learners]]\nname = "a"\n[[learners]]\nname = "b"\n'
    assert len(project.faults(text)) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [("[run]\nseed = \n", 2), ("[run]\nseed = 1\nseed = 2\n", 3), ("[run\n", 1), ("a = " + "[" * 9000, None)],
)
def test_text_that_is_no_toml(project, text, line):
    ((found, place, message),) = project.faults(text)
    assert place == ""
    assert found == line
    assert "no TOML" in message or "nested" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[run]\nseed = = 1\n", "line 2, column 8: is no TOML: invalid value"),
        (b"[run\n", "line 1, column 5: is no TOML: expected ']' at the end of a table declaration"),
        (b"[run]\nname = '", "line 2: is no TOML: "),
        ("[run]\nname = 'é".encode() + b"\xff'\n", "line 2, column 10: is not UTF-8 text"),
        (b"\xff\xfe[", "line 1, column 1: is not UTF-8 text"),
    ],
)
def test_the_place_in_a_text_that_is_no_toml(project, content, said):
    project.config.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(project.config)
    assert str(caught.value).startswith(f"{project.config} has 1 fault:\n  {said}")


@pytest.mark.parametrize(
    "command",
    [
        "{python} train.py --out results/new.dat",
        "{python} -c 'import a.py/b'",
        "{python} -m http.server",
        "sh -c 'echo /nowhere/x.sh'",
        "{python} train.py {learner}/{iteration}.py",
        "program {unknown} x",
        "echo https://example.org/x.py",
    ],
)
def test_words_that_need_not_exist(project, command):
    text = ACTIVE.replace('"{python} train.py"', f'"""{command}"""')
    assert project.load(text).learners[0].steps["training"].work.executable == command


def test_a_shell_command_is_not_looked_into(project):
    text = ACTIVE.replace('"{python} train.py"', '"cd nowhere/x.py && foo | bar"\nshell = true')
    assert project.load(text).learners[0].steps["training"].work.shell


def test_modules_are_found_without_being_imported(project):
    (project.folder / "pack").mkdir()
    (project.folder / "pack" / "__init__.py").write_text("raise SystemExit")
    (project.folder / "pack" / "inner.py").write_text("from os import *\nraise SystemExit")
    text = ACTIVE.replace('command = "{python} train.py"', 'function = "pack.inner:anything"')
    project.load(text)
    assert "no module 'pack.iner'" in project.faults(text.replace("pack.inner", "pack.iner"))[0][2]
    project.load(text.replace("pack.inner:anything", "math:sqrt"))
    project.load(text.replace("pack.inner:anything", "json.decoder:JSONDecoder"))


def test_a_wrong_kind_hides_no_missing_script(project):
    text = ACTIVE.replace("train.py", "trian.py") + '[[learners]]\nname = "a"\nkind = "activ"\n'
    places = {place for _, place, _ in project.faults(text)}
    assert places == {"learners[0].kind", "tasks.training.command"}
