from rose_mpi.mpi.heartbeats import Heartbeats


def looks(heartbeats, count):
    return [heartbeats.look() for _ in range(count)]


def test_a_silent_rank_is_told_of_once_and_given_up_after_the_timeout():
    heartbeats = Heartbeats((1, 2), timeout=12)
    silent = []
    for number in range(1, 13):
        heartbeats.heard(1)
        warned, given_up = heartbeats.look()
        silent += [(number, "silent", rank) for rank in warned]
        silent += [(number, "given up", rank) for rank in given_up]
    assert silent == [(10, "silent", 2), (12, "given up", 2)]


def test_a_sign_of_life_ends_the_silence_and_tells_how_long_it_was():
    heartbeats = Heartbeats((1,), timeout=12)
    looks(heartbeats, 11)
    assert heartbeats.heard(1) == 11
    assert looks(heartbeats, 9) == [([], [])] * 9


def test_nothing_is_expected_of_ranks_that_are_forgotten_or_unknown():
    heartbeats = Heartbeats((1, 2), timeout=5)
    heartbeats.forget(1)
    assert heartbeats.heard(1) == heartbeats.heard(7) == 0
    assert looks(heartbeats, 5)[-1] == ([], [2])
