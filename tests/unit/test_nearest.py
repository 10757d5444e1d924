import pytest

from rose_mpi.nearest import did_you_mean, nearest, suggested

CHOICES = ["training", "simulation"]


@pytest.mark.parametrize(
    ("word", "near", "hint", "all_or_near"),
    [
        ("trainig", "training", "; did you mean 'training'?", "; did you mean 'training'?"),
        ("xyz", None, "", "; there are training, simulation"),
        (7, None, "", "; there are training, simulation"),
    ],
)
def test_the_nearest_name_or_all_of_them(word, near, hint, all_or_near):
    assert nearest(word, iter(CHOICES)) == near
    assert did_you_mean(word, iter(CHOICES)) == hint
    assert suggested(word, iter(CHOICES)) == all_or_near


def test_without_choices_nothing_is_suggested():
    assert suggested("training", []) == ""
