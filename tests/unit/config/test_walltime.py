import pytest

from rose_mpi.config.load import load_config
from rose_mpi.errors import ConfigError
from tests.unit.config.conftest import ACTIVE, Project


@pytest.fixture
def stops_after(tmp_path):
    """When a run with such settings stops by itself."""
    project = Project(tmp_path)
    project.write(ACTIVE)
    return lambda *settings: load_config(project.folder / "config.toml", settings).walltime


@pytest.mark.parametrize(
    ("settings", "seconds"),
    [
        ([], None),
        (["run.walltime=2h"], 7200 - 60),
        (["run.walltime=10m"], 570),
        (["run.walltime=2"], 1.9),
        (["run.walltime=2h", "run.walltime_margin=5m"], 6900),
    ],
)
def test_a_run_stops_some_time_before_its_walltime(stops_after, settings, seconds):
    assert stops_after(*settings) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["run.walltime_margin=5"], "walltime_margin has no effect without walltime"),
        (["run.walltime=5", "run.walltime_margin=5"], "walltime_margin must be shorter than walltime"),
        (["run.walltime=5", "run.walltime_margin=soon"], "walltime_margin"),
    ],
)
def test_a_margin_that_leaves_no_time_is_refused(stops_after, settings, message):
    with pytest.raises(ConfigError, match=message):
        stops_after(*settings)
