from rose_mpi.mpi.farewell import Farewell


def test_rank_0_dismisses_the_others_when_all_have_said_farewell():
    first = Farewell(0, 3)
    assert first.due(idle=True) == ()
    first.came(2)
    assert (first.due(idle=True), first.awaited) == ((), (1,))
    first.came(1)
    assert (first.due(idle=False), first.over) == ((), False)
    assert (first.due(idle=True), first.over) == ((1, 2), True)
    assert first.due(idle=True) == ()


def test_another_rank_says_farewell_once_and_waits_for_its_dismissal():
    other = Farewell(2, 3)
    assert other.due(idle=False) == ()
    assert other.due(idle=True) == (0,)
    assert (other.due(idle=True), other.over) == ((), False)
    other.came(0)
    assert other.over


def test_lost_ranks_are_neither_awaited_nor_dismissed():
    first = Farewell(0, 4)
    first.forget(3)
    first.came(1)
    first.forget(2)
    assert first.due(idle=True) == (1,)


def test_the_only_rank_leaves_at_once():
    alone = Farewell(0, 1)
    assert (alone.due(idle=True), alone.over) == ((), True)
