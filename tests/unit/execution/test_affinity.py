import pytest

from rose_mpi.execution.affinity import share_of_node

ALL = frozenset(range(8))


def shares(mask, ranks):
    peers = [(rank, mask) for rank in ranks]
    return [share_of_node(mask, peers, rank) for rank in ranks]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_ranks_with_one_mask_divide_it(count):
    parts = shares(ALL, range(10, 10 + count))
    assert sorted(core for part in parts for core in part) == sorted(ALL)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for part in parts:
        assert max(part) - min(part) == len(part) - 1


def test_masks_with_gaps_are_divided_in_order():
    assert shares(frozenset({1, 3, 5, 7}), [4, 2]) == [{5, 7}, {1, 3}]


def test_more_ranks_than_cores_share_all():
    assert shares(frozenset({0, 1}), range(3)) == [{0, 1}] * 3


def test_a_mask_of_its_own_is_kept():
    peers = [(0, frozenset({0, 1})), (1, frozenset({2, 3}))]
    assert share_of_node(peers[1][1], peers, 1) == {2, 3}


def test_the_rank_itself_need_not_be_among_its_peers():
    assert share_of_node(ALL, [(0, ALL)], 1) == {4, 5, 6, 7}


def test_peers_with_other_masks_take_nothing():
    assert share_of_node(ALL, [(0, frozenset({0})), (1, ALL)], 1) == ALL
