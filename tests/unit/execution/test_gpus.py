import pytest

from rose_mpi.execution.gpus import visible_gpus


@pytest.mark.parametrize(
    ("value", "gpus"), [("0,1", ("0", "1")), ("GPU-abc", ("GPU-abc",)), ("", ()), ("-1", ())]
)
def test_the_scheduler_says_which_gpus_there_are(value, gpus):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}) == gpus


def test_else_the_driver_s_tool_lists_them(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: A'\necho 'GPU 1: B'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert visible_gpus({}) == ("0", "1")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus({}) == ()
