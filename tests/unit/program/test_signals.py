import signal
from types import SimpleNamespace

import pytest

from rose_mpi.program import signals
from rose_mpi.program.signals import Insistence


@pytest.mark.parametrize(
    ("times", "first", "codes"),
    [
        ([5.0], [True], []),
        ([5.0, 5.4], [True, False], []),
        ([5.0, 5.6], [True, False], [128 + 15]),
        ([5.0, 5.4, 5.6], [True, False, False], [128 + 15]),
    ],
)
def test_what_comes_some_time_after_the_first_signal_ends_the_job(monkeypatch, times, first, codes):
    ended, clock = [], iter(times)
    monkeypatch.setattr(signals, "end_job", ended.append)
    monkeypatch.setattr(signals, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    insistence = Insistence()
    assert [insistence.is_first(signal.SIGTERM) for _ in times] == first
    assert ended == codes
