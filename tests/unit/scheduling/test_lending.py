from rose_mpi.scheduling.lending import AskToLend, Lending


def test_a_leader_that_had_nothing_to_lend_is_asked_again_when_ranks_have_come_to_it():
    lending = Lending(slots=1)
    lending.add(1, 2)
    lending.add(2, 2)
    assert lending.sent(1, 4, 0) == [AskToLend(2, 1), AskToLend(2, 1)]
    assert lending.refused(2, 1) == []
    assert lending.moved(1, 2, 1) == [AskToLend(2, 1), AskToLend(2, 1)]


def test_ranks_count_where_they_are():
    lending = Lending(slots=1)
    lending.add(1, 2)
    lending.add(2, 0)
    lending.add(3, 1)
    assert lending.sent(1, 2, 0) == []
    assert lending.moved(1, 2, 1) == [AskToLend(3, 1)]
    assert lending.sent(2, 1, 0) == []


def test_a_leader_without_ranks_borrows_but_never_lends():
    lending = Lending(slots=1)
    lending.add(1, 1)
    lending.add(2, 0)
    assert lending.sent(1, 2, 0) == []
    assert lending.ended(1, 2, 0) == []
    assert lending.sent(2, 1, 0) == [AskToLend(1, 2)]
