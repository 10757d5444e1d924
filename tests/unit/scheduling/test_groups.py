import pytest

from rose_mpi.errors import UsageError
from rose_mpi.scheduling.groups import plan_groups


def test_ranks_are_divided_evenly_among_learners():
    groups = plan_groups((1, 2, 3), ("a", "b"))
    assert [group.ranks for group in groups] == [(1, 2), (3,)]
    assert [group.learners for group in groups] == [("a",), ("b",)]
    assert [group.leader for group in groups] == [1, 3]


def test_several_learners_share_a_group_when_ranks_are_few():
    groups = plan_groups((1, 2), ("a", "b", "c", "d", "e"))
    assert [group.ranks for group in groups] == [(1,), (2,)]
    assert [group.learners for group in groups] == [("a", "c", "e"), ("b", "d")]


def test_one_rank_serves_everyone():
    (group,) = plan_groups((0,), ("a", "b"))
    assert group.ranks == (0,)
    assert group.learners == ("a", "b")


def test_ranks_left_over_by_a_fixed_size_form_a_group_that_only_lends():
    groups = plan_groups((1, 2, 3, 4, 5), ("a", "b"), ranks_per_learner=2)
    assert [group.ranks for group in groups] == [(1, 2), (3, 4), (5,)]
    assert groups[2].learners == ()


def test_a_size_that_the_job_cannot_give_is_refused():
    with pytest.raises(UsageError, match=r"ranks_per_learner is 4.* only 3 ranks"):
        plan_groups((1, 2, 3), ("a",), ranks_per_learner=4)


@pytest.mark.parametrize("ranks", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("learners", [1, 2, 5, 100])
@pytest.mark.parametrize("size", [None, 1])
def test_every_rank_and_every_learner_has_exactly_one_group(ranks, learners, size):
    names = tuple(f"learner-{i}" for i in range(learners))
    groups = plan_groups(tuple(range(ranks)), names, size)
    assert sorted(rank for group in groups for rank in group.ranks) == list(range(ranks))
    assert sorted(name for group in groups for name in group.learners) == sorted(names)
