"""Messages with large data between all pairs of ranks."""

import pickle
import select
import time

import pytest
from mpi4py import MPI

from rose_mpi.buffers import LARGE
from rose_mpi.mpi.channel import Channel
from rose_mpi.mpi.doorbell import Doorbell
from rose_mpi.mpi.messages import RunStage, TaskDropped
from rose_mpi.mpi.progress import LOOKS_AFTER_SLEEP
from rose_mpi.tasks import Function, Pickled, TaskCall, TaskId

SECONDS = 30.0


@pytest.fixture
def channel():
    comm = MPI.COMM_WORLD.Dup()
    yield Channel(comm)
    comm.Free()


def exchanged(channel, send):
    """What arrives from each rank when all have sent, until all have left."""
    comm = MPI.COMM_WORLD
    others = [rank for rank in range(comm.size) if rank != comm.rank]
    for rank in others:
        send(rank)
    arrived = {rank: [] for rank in others}
    deadline = time.monotonic() + SECONDS
    while not channel.left():
        assert time.monotonic() < deadline
        channel.flush()
        for rank, message in channel.receive():
            arrived[rank].append(message)
    return arrived


def stage(sender, size, number):
    work = Function("f", pickled=bytes([sender, number]) * (size // 2))
    return RunStage((TaskCall(TaskId("a", 0, "s", number), work, seed=0),))


@pytest.mark.mpi
@pytest.mark.parametrize("size", [LARGE - 2, LARGE, 30_000_000])
def test_large_data_arrives_whole_and_in_order(channel, size):
    def send(rank):
        for number in range(3):
            channel.send(rank, TaskDropped(TaskId("a", 0, "before", number)))
            channel.send(rank, stage(channel.rank, size, number))
            channel.flush()

    for sender, messages in exchanged(channel, send).items():
        assert [type(message) for message in messages] == [TaskDropped, RunStage] * 3
        for number, message in enumerate(messages[1::2]):
            assert message.calls[0].id.index == number
            assert bytes(message.calls[0].work.pickled) == stage(sender, size, number).calls[0].work.pickled


class Limited:
    """A communicator that refuses messages beyond a size, as MPI libraries do from 2 GiB on."""

    LIMIT = 100_000

    def __init__(self, comm):
        self._comm = comm

    def __getattr__(self, name):
        return getattr(self._comm, name)

    def Issend(self, message, *words):
        assert len(message[0]) <= self.LIMIT
        return self._comm.Issend(message, *words)


@pytest.mark.mpi
def test_what_is_too_large_for_mpi_travels_in_pieces(channel, monkeypatch):
    monkeypatch.setattr("rose_mpi.mpi.channel.LARGEST_PIECE", Limited.LIMIT, raising=False)
    monkeypatch.setattr(channel, "_comm", Limited(channel._comm))
    one = stage(channel.rank, 450_000, 0)
    many = RunStage(tuple(call for number in range(200) for call in stage(0, 1000, number).calls))

    def send(rank):
        channel.send(rank, one)
        channel.flush()
        channel.send(rank, many)
        channel.send(rank, one)

    for sender, messages in exchanged(channel, send).items():
        expected = [stage(sender, 450_000, 0), many, stage(sender, 450_000, 0)]
        for message, sent in zip(messages, expected, strict=True):
            arrived = [bytes(call.work.pickled) for call in message.calls]
            assert arrived == [call.work.pickled for call in sent.calls]


@pytest.mark.mpi(min_size=2)
def test_a_rank_that_was_woken_finds_the_message(channel):
    """One look is not enough: a message is taken in by it, and told of by a later one."""
    doorbell = Doorbell("test", channel.rank, range(MPI.COMM_WORLD.size))
    channel.ring = doorbell.ring
    MPI.COMM_WORLD.Barrier()
    if channel.rank == 0:
        channel.send(1, TaskDropped(TaskId("a", 0, "s", 0)))
        channel.flush()
        time.sleep(0.2)
    elif channel.rank == 1:
        assert select.select([doorbell], [], [], SECONDS)[0]
        assert [rank for rank, _ in channel.receive(LOOKS_AFTER_SLEEP)] == [0]
    deadline = time.monotonic() + SECONDS
    while not channel.left():
        assert time.monotonic() < deadline
        channel.flush()
    doorbell.close()


def test_large_data_is_not_copied_into_messages():
    work = Function("f", pickled=bytes(10 * LARGE))
    buffers = []
    data = pickle.dumps([work, Pickled(bytes(LARGE))], protocol=5, buffer_callback=buffers.append)
    assert len(data) < 200
    assert [buffer.raw().nbytes for buffer in buffers] == [10 * LARGE, LARGE]
    assert bytes(pickle.loads(data, buffers=buffers)[0].pickled) == work.pickled
