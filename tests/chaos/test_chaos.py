"""A few kills; `python -m tests.chaos --kills 200` for many."""

from tests.chaos.harness import Harness


def test_a_campaign_that_is_killed_again_and_again_comes_to_the_same(tmp_path):
    score = Harness(tmp_path, seed=1).run(kills=6)
    assert score.faults == []
    assert sum(score.kills.values()) == 6
    assert score.reads > 20
