import zlib

import pytest

from rose_mpi.errors import StoreError
from rose_mpi.store.log import LogHeader, LogWriter, framed, read_log
from rose_mpi.store.records import decode, encode, record_of
from tests.unit.store.sample import campaign, task

HEADER = LogHeader("run-1", 5)


def written_log(path, payloads):
    log = LogWriter(path, path.with_suffix(".new"), HEADER)
    for payload in payloads:
        log.append(framed(payload))
    log.write()
    log.close()
    return path.read_bytes()


@pytest.fixture
def payloads():
    return [encode(record_of(event)) for event in campaign()]


def test_every_record_comes_back(tmp_path, payloads):
    written_log(tmp_path / "log", payloads)
    log = read_log(tmp_path / "log")
    assert log.header == HEADER
    assert log.payloads == tuple(payloads)
    records = [decode(payload) for payload in log.payloads]
    assert repr(records) == repr([record_of(event) for event in campaign()])


def test_a_torn_tail_is_cut_at_every_byte_of_the_last_records(tmp_path, payloads):
    path = tmp_path / "log"
    data = written_log(path, payloads)
    start = len(data) - sum(len(framed(payload)) for payload in payloads[-3:])
    ends = [start]
    for payload in payloads[-3:]:
        ends.append(ends[-1] + len(framed(payload)))
    for length in range(start, len(data)):
        path.write_bytes(data[:length])
        whole = len(payloads) - 3 + sum(end <= length for end in ends[1:])
        assert read_log(path).payloads == tuple(payloads[:whole])


def test_a_flipped_bit_ends_the_log_before_its_record(tmp_path, payloads):
    path = tmp_path / "log"
    data = written_log(path, payloads)
    start = len(data) - len(framed(payloads[-1]))
    for position in range(start, len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            path.write_bytes(damaged)
            assert read_log(path).payloads == tuple(payloads[:-1])


@pytest.mark.parametrize("tail", [bytes(100), b"\xff" * 100, zlib.crc32(b"").to_bytes(8, "big")])
def test_a_tail_of_other_bytes_is_cut_off(tmp_path, payloads, tail):
    path = tmp_path / "log"
    path.write_bytes(written_log(path, payloads) + tail)
    assert read_log(path).payloads == tuple(payloads)


def test_no_log_is_none(tmp_path):
    assert read_log(tmp_path / "log") is None


@pytest.mark.parametrize(
    "data", [b"", b"rose-lo", b"something else that is long enough", b"rose-log\1\0\0\0"]
)
def test_another_file_is_no_log(tmp_path, data):
    path = tmp_path / "log"
    path.write_bytes(data)
    with pytest.raises(StoreError, match="no log of rose-mpi"):
        read_log(path)


def test_a_newer_format_is_named(tmp_path, payloads):
    path = tmp_path / "log"
    data = bytearray(written_log(path, payloads))
    data[8] = 2
    path.write_bytes(data)
    with pytest.raises(StoreError, match="format 2, this rose-mpi reads up to 1"):
        read_log(path)


@pytest.mark.parametrize("payload", [b"", b"\xff123", encode(record_of(task()))[:-1], b"\2\x90"])
def test_bytes_that_are_no_record_are_refused(payload):
    with pytest.raises(ValueError):
        decode(payload)
