import random
import time

import pytest

from rose_mpi.errors import UsageError
from rose_mpi.scheduling.placement import Move, Placement


class Ledger:
    """Follows the moves, and knows which leader has which ranks."""

    def __init__(self, ranks, size=None):
        self.placement = Placement(ranks, size)
        self.owner = dict.fromkeys(ranks, ranks[0])
        self.groups = {}

    def open(self, *learners):
        placed = self.placement.open(learners)
        for move in placed.moves:
            assert {self.owner[rank] for rank in move.ranks} == {move.owner}
            self.owner.update(dict.fromkeys(move.ranks, move.to))
        assert tuple(placed.groups) == learners
        assert not set(placed.changed) & set(learners)
        self.groups |= placed.groups | placed.changed
        self.check()
        return placed

    def close(self, learner):
        self.placement.close(learner)
        del self.groups[learner]

    def check(self):
        for learner, ranks in self.groups.items():
            assert self.placement.leader(learner) == ranks[0]
            assert {rank for rank, owner in self.owner.items() if owner == ranks[0]} == set(ranks)


def test_the_first_learner_has_all_ranks_and_gives_half_of_them_to_the_second():
    ledger = Ledger((1, 2, 3, 4, 5))
    assert ledger.open("a").groups == {"a": (1, 2, 3, 4, 5)}
    placed = ledger.open("b")
    assert placed.groups == {"b": (4, 5)}
    assert placed.changed == {"a": (1, 2, 3)}
    assert placed.moves == (Move(1, (4, 5), 4),)


def test_ranks_are_divided_evenly_among_learners_that_open_together():
    placed = Ledger((1, 2, 3, 4, 5)).open("a", "b")
    assert placed.groups == {"a": (1, 2, 3), "b": (4, 5)}
    assert placed.changed == {}


def test_a_group_keeps_the_ranks_that_its_widest_task_needs():
    ledger = Ledger((1, 2, 3, 4, 5, 6, 7))
    ledger.open("a")
    assert ledger.placement.secure("a", 6) == 7
    assert ledger.placement.secure("a", 3) == 7
    assert ledger.open("b").groups == {"b": (7,)}
    assert ledger.open("c").groups == {"c": (1, 2, 3, 4, 5, 6)}
    ledger.close("a")
    assert ledger.open("d").groups["d"] == (4, 5, 6)


def test_what_a_group_cannot_give_is_not_secured():
    ledger = Ledger((1, 2, 3, 4))
    ledger.open("a")
    assert ledger.placement.secure("a", 5) == 4
    assert ledger.open("b").groups == {"b": (3, 4)}


def test_a_group_that_gives_nothing_leaves_it_to_the_others():
    ledger = Ledger((1, 2, 3, 4, 5, 6, 7))
    ledger.open("a", "b")
    assert ledger.placement.secure("a", 4) == 4
    assert ledger.open("c").changed == {"b": (5, 6)}
    ledger.close("c")
    assert ledger.open("c").groups["c"] == (7,)


def test_learners_one_by_one_end_with_a_group_each_while_there_are_ranks():
    ledger = Ledger(tuple(range(1, 9)))
    for learner in "abcdefgh":
        ledger.open(learner)
    assert sorted(ledger.groups.values()) == [(rank,) for rank in range(1, 9)]


def test_more_learners_than_ranks_share_them_evenly():
    ledger = Ledger((1, 2, 3))
    ledger.open("a", "b", "c", "d")
    for learner in "efg":
        ledger.open(learner)
    shared = sorted(ledger.groups.values())
    assert shared == [(1,)] * 3 + [(2,)] * 2 + [(3,)] * 2


def test_the_ranks_of_learners_that_ended_go_to_those_that_open():
    ledger = Ledger((1, 2, 3, 4, 5, 6))
    ledger.open("a", "b", "c")
    ledger.close("a")
    ledger.close("c")
    placed = ledger.open("d")
    assert placed.groups == {"d": (1, 2, 5, 6)}
    assert placed.moves == (Move(5, (5, 6), 1),)
    assert placed.changed == {}


def test_a_learner_alone_in_a_group_that_was_shared_goes_on_there():
    ledger = Ledger((1, 2))
    ledger.open("a", "b", "c", "d")
    ledger.close("a")
    assert ledger.open("e").groups == {"e": (1,)}
    ledger.close("c")
    ledger.close("e")
    assert ledger.open("f").groups == {"f": (1,)}
    assert ledger.groups["b"] == ledger.groups["d"] == (2,)


def test_groups_of_a_fixed_size_are_formed_while_there_are_ranks_and_never_divided():
    ledger = Ledger((1, 2, 3, 4, 5), 2)
    assert [len(ledger.open(learner).groups[learner]) for learner in "abcde"] == [2] * 5
    assert len(set(ledger.groups.values())) == 2
    assert [list(ledger.groups.values()).count(group) for group in set(ledger.groups.values())] in (
        [3, 2],
        [2, 3],
    )
    for learner in "abcd":
        ledger.close(learner)
    assert ledger.open("f").moves == ()
    assert not set(ledger.groups["e"]) & set(ledger.groups["f"])


def test_ranks_follow_the_order_of_their_nodes():
    ledger = Ledger((2, 7, 1, 5))
    assert ledger.open("a", "b").groups == {"a": (2, 7), "b": (1, 5)}
    ledger.close("b")
    ledger.close("a")
    assert ledger.open("c").groups == {"c": (2, 7, 1, 5)}


def test_two_learners_of_one_name_are_refused_and_nothing_has_changed():
    ledger = Ledger((1, 2))
    ledger.open("a")
    for learners in (("b", "a"), ("c", "c")):
        with pytest.raises(UsageError, match=r"two learners are called '[ac]'"):
            ledger.placement.open(learners)
    assert ledger.open("b", "c").groups == {"b": (2,), "c": (1,)}


def test_what_is_not_open_has_no_leader():
    ledger = Ledger((1,))
    ledger.open("a")
    ledger.close("a")
    with pytest.raises(UsageError, match="'a' is not open"):
        ledger.placement.leader("a")


def test_a_size_that_the_job_cannot_give_is_refused():
    with pytest.raises(UsageError, match=r"ranks_per_learner is 4.* only 3 ranks"):
        Placement((1, 2, 3), 4)


@pytest.mark.parametrize("size", [None, 1, 3])
@pytest.mark.parametrize("seed", range(10))
def test_every_learner_keeps_its_leader_and_every_rank_has_one(seed, size):
    rng = random.Random(seed)
    ranks = list(range(1, rng.randint(3, 12) + 1))
    rng.shuffle(ranks)
    ledger, leaders = Ledger(tuple(ranks), size), {}
    for number in range(300):
        if leaders and rng.random() < 0.45:
            learner = rng.choice(sorted(leaders))
            ledger.close(learner)
            del leaders[learner]
        else:
            names = [f"{number}-{twin}" for twin in range(rng.choice((1, 1, 2, 5)))]
            ledger.open(*names)
            leaders |= {name: ledger.placement.leader(name) for name in names}
        assert all(ledger.placement.leader(name) == leader for name, leader in leaders.items())
        if size is not None:
            assert all(len(group) == size for group in ledger.groups.values())


def test_what_an_opening_costs_does_not_grow_with_the_learners():
    placement = Placement(range(1, 4001))
    seconds = []
    for number in range(10_000):
        start = time.perf_counter()
        placement.open((f"learner-{number}",))
        seconds.append(time.perf_counter() - start)
    assert sorted(seconds)[5_000] < 2e-4
    start = time.perf_counter()
    for number in range(10_000):
        placement.close(f"learner-{number}")
        placement.open((f"next-{number}",))
    assert time.perf_counter() - start < 10
