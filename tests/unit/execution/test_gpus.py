import pytest

from rose_mpi.execution.gpus import GpuPool, Gpus, share_of_gpus, visible_gpus
from rose_mpi.execution.share import Share
from rose_mpi.tasks import Task

FOUR = Gpus(("0", "1", "2", "3"), "CUDA_VISIBLE_DEVICES")


@pytest.mark.parametrize(
    ("value", "gpus"), [("0, 1", ("0", "1")), ("GPU-abc", ("GPU-abc",)), ("", ()), ("-1", ())]
)
@pytest.mark.parametrize("variable", ["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"])
def test_the_scheduler_says_which_gpus_there_are(variable, value, gpus):
    assert visible_gpus({variable: value}) == Gpus(gpus, variable)


@pytest.mark.parametrize(
    ("value", "gpus"),
    [
        ("NoDevFiles", ()),
        ("0,-1,1", ("0",)),
        ("1,none,0", ("1",)),
        ("2,2,1", ("2", "1")),
        ("MIG-GPU-a/1/0,MIG-b", ("MIG-GPU-a/1/0", "MIG-b")),
        ("0.0,0.1", ("0.0", "0.1")),
    ],
)
def test_what_names_no_device_and_what_is_behind_it_are_none(value, gpus):
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": value}).names == gpus


@pytest.mark.parametrize(
    ("name", "variable", "said"),
    [
        ("nvidia-smi", "CUDA_VISIBLE_DEVICES", "echo 'GPU 0: A'; echo '  MIG 3g: C'; echo 'GPU 1: B'"),
        (
            "rocm-smi",
            "ROCR_VISIBLE_DEVICES",
            "echo WARNING: idle; echo 'device,id'; echo card0,x; echo card1,x",
        ),
    ],
)
def test_else_the_driver_s_tool_lists_them(tmp_path, monkeypatch, name, variable, said):
    tool = tmp_path / name
    tool.write_text(f"#!/bin/sh\n{said}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert visible_gpus({}) == Gpus(("0", "1"), variable)
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert visible_gpus({}) == Gpus()


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5])
def test_ranks_that_see_the_same_divide_them(ranks):
    peers = [(rank, FOUR) for rank in range(ranks)]
    shares = [share_of_gpus(FOUR, peers, rank).names for rank in range(ranks)]
    assert [name for names in shares for name in names] == [*FOUR.names]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_what_no_other_rank_sees_is_kept():
    one = Gpus(("7",), FOUR.variable)
    peers = [(0, FOUR), (1, one)]
    assert share_of_gpus(one, peers, 1) == one
    assert share_of_gpus(FOUR, peers, 0) == FOUR


def test_gpus_that_slurm_gave_to_each_rank_may_have_one_name():
    environ = {"CUDA_VISIBLE_DEVICES": "0", "SLURM_GPUS_PER_TASK": "1"}
    own = visible_gpus(environ)
    assert [share_of_gpus(own, [(0, own), (1, own)], rank).names for rank in (0, 1)] == [("0",), ("0",)]


def test_each_gpu_is_one_task_s_at_a_time():
    pool = GpuPool(FOUR)
    first, second = pool.take(3), pool.take(1)
    assert sorted(first + second) == [*FOUR.names]
    assert pool.take(1) is None
    pool.give_back(first)
    assert pool.take(3) == first


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (Task("x"), ""),
        (Task("x", cores_per_rank=2, gpus_per_rank=4), ""),
        (Task("x", cores_per_rank=3), "needs cores_per_rank = 3, but the rank has 2"),
        (Task("x", gpus_per_rank=5), "needs gpus_per_rank = 5, but the rank has 4"),
    ],
)
def test_a_share_must_be_enough(task, said):
    assert Share(frozenset({4, 5}), FOUR).shortage(task) == said
