"""Choices of a batch at any number of ranks: ``mpirun -n N python -m pytest --with-mpi`` on this file."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from mpi4py import MPI
from scipy.spatial.distance import cdist
from scipy.special import entr

from rose_mpi.errors import ScoreError
from rose_mpi.uq import batch_bald, diverse_top_k, k_center, power_sample

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

COMM, ALONE = MPI.COMM_WORLD, MPI.COMM_SELF
CANDIDATES, WIDTH, MEMBERS, CLASSES = 1500, 7, 5, 3
EXCLUDED = [0, 3, 700, 1499]

RNG = np.random.default_rng(11)
FEATURES = RNG.normal(size=(CANDIDATES, WIDTH)).astype(np.float32)
SCORES = RNG.random(CANDIDATES)
PROBABILITIES = RNG.dirichlet(np.full(CLASSES, 0.3), (MEMBERS, CANDIDATES))


def part(array, axis=0):
    """This rank's part of a pool; the last rank has none where there are more than two."""
    parts = np.array_split(array, COMM.size - (COMM.size > 2), axis=axis)
    nothing = array[:0] if axis == 0 else array[:, :0]
    return [*parts, nothing][COMM.rank]


WAYS = {
    "k_center": lambda comm, take, **more: k_center(comm, take(FEATURES), 25, **more),
    "diverse": lambda comm, take, **more: diverse_top_k(comm, take(SCORES), take(FEATURES), 25, **more),
    "power": lambda comm, take, **more: power_sample(comm, take(SCORES), 25, seed=3, **more),
    "bald": lambda comm, take, **more: batch_bald(
        comm, take(PROBABILITIES) if take is not part else part(PROBABILITIES, 1), 12, samples=40, **more
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("excluded", [None, EXCLUDED])
def test_the_choice_is_that_of_one_rank(way, excluded):
    expected = WAYS[way](ALONE, lambda array: array, excluded=excluded)
    chosen = WAYS[way](COMM, part, excluded=excluded)
    assert chosen.indices.tobytes() == expected.indices.tobytes()
    assert chosen.scores.tobytes() == expected.scores.tobytes()
    assert len(set(chosen.indices.tolist())) == len(chosen.indices)
    assert not set(chosen.indices.tolist()) & set(excluded or [])


@pytest.mark.parametrize("way", WAYS)
def test_what_is_left_is_chosen_to_the_last(way):
    left = [5, 77, 1200]
    chosen = WAYS[way](COMM, part, excluded=np.setdiff1d(np.arange(CANDIDATES), left))
    assert sorted(chosen.indices) == left


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_left(way):
    chosen = WAYS[way](COMM, part, excluded=range(CANDIDATES))
    assert (len(chosen.indices), len(chosen.scores)) == (0, 0)


@pytest.mark.parametrize(
    "choose",
    [
        lambda k: k_center(COMM, part(FEATURES), k),
        lambda k: diverse_top_k(COMM, part(SCORES), part(FEATURES), k),
        lambda k: power_sample(COMM, part(SCORES), k),
        lambda k: batch_bald(COMM, part(PROBABILITIES, 1), k),
    ],
    ids=WAYS,
)
def test_a_fraction_is_one_of_the_whole_pool(choose):
    assert choose(0.002).indices.tolist() == choose(3).indices.tolist()


def greedy_centres(centres, k):
    """The definition, with all distances at once."""
    chosen, radii = [], []
    distances = cdist(FEATURES.astype(float), FEATURES.astype(float))
    for _ in range(k):
        nearest = distances[:, [*centres, *chosen]].min(axis=1, initial=np.inf)
        nearest[[*centres, *chosen]] = -1
        chosen.append(int(nearest.argmax()))
        radii.append(nearest.max())
    return chosen, radii


@pytest.mark.parametrize("centres", [[], EXCLUDED])
def test_k_center_is_the_greedy_one(centres):
    chosen, radii = greedy_centres(centres, 25)
    result = k_center(COMM, part(FEATURES), 25, excluded=centres)
    assert result.indices.tolist() == chosen
    np.testing.assert_allclose(result.scores, radii, rtol=1e-12)


def test_k_center_never_takes_copies_before_others():
    rows = np.repeat(np.eye(4), 5, axis=0)
    chosen = k_center(COMM, part(rows), 6).indices
    assert chosen.tolist() == [0, 5, 10, 15, 1, 2]


def test_threads_change_nothing():
    one, three = (k_center(COMM, part(FEATURES), 25, threads=threads) for threads in (1, 3))
    assert one.indices.tolist() == three.indices.tolist()


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("minimise", [False, True])
def test_diverse_top_k_weighs_score_and_distance(weight, minimise):
    goodness = (SCORES.max() - SCORES if minimise else SCORES - SCORES.min()) / np.ptp(SCORES)
    chosen = [int(goodness.argmax())]
    distances = cdist(FEATURES.astype(float), FEATURES.astype(float))
    while len(chosen) < 10:
        value = goodness ** (1 - weight) * distances[:, chosen].min(axis=1) ** weight
        value[chosen] = -1
        chosen.append(int(value.argmax()))
    result = diverse_top_k(COMM, part(SCORES), part(FEATURES), 10, weight=weight, minimise=minimise)
    assert result.indices.tolist() == chosen
    assert result.scores.tobytes() == SCORES[chosen].tobytes()


def test_power_sampling_draws_in_proportion_to_the_powers():
    scores = np.array([1.0, 2.0, 0.0, 3.0])
    first = [power_sample(COMM, part(scores), 1, beta=2.0, seed=seed).indices[0] for seed in range(2000)]
    shares = np.bincount(first, minlength=4) / 2000
    np.testing.assert_allclose(shares, scores**2 / 14, atol=0.03)
    assert shares[2] == 0.0


def test_power_sampling_without_power_takes_all_alike():
    scores = np.array([1.0, 2.0, 0.0, 3.0])
    first = [power_sample(COMM, part(scores), 1, beta=0.0, seed=seed).indices[0] for seed in range(2000)]
    np.testing.assert_allclose(np.bincount(first, minlength=4) / 2000, 0.25, atol=0.03)


def test_candidates_without_score_come_last():
    chosen = power_sample(COMM, part(np.array([0.0, 1e-300, 0.0, 5.0])), 4)
    assert set(chosen.indices[:2]) == {1, 3}
    assert chosen.indices[2:].tolist() == [0, 2]


def information(probabilities, chosen):
    """Mutual information of the members and the labels of some candidates, over all their combinations."""
    labels = itertools.product(range(CLASSES), repeat=len(chosen))
    joint = [
        np.mean(np.prod([probabilities[:, c, y] for c, y in zip(chosen, ys, strict=True)], 0))
        for ys in labels
    ]
    return entr(joint).sum() - entr(probabilities[:, chosen]).sum(axis=(1, 2)).mean()


def test_batch_bald_is_the_greedy_choice_by_joint_information():
    few = PROBABILITIES[:, :60]
    chosen, gains = [], []
    for _ in range(4):
        before = information(few, chosen) if chosen else 0.0
        found = [(information(few, [*chosen, c]) - before, -c) for c in range(60) if c not in chosen]
        gains.append(max(found)[0])
        chosen.append(-max(found)[1])
    exact = batch_bald(COMM, part(few, 1), 4)
    assert exact.indices.tolist() == chosen
    np.testing.assert_allclose(exact.scores, gains, rtol=1e-9)
    sampled = batch_bald(COMM, part(few, 1), 4, samples=25)
    assert sampled.indices[:3].tolist() == chosen[:3]


def test_batch_bald_takes_no_copies():
    """Two candidates tell the same; top-k would take both."""
    few = PROBABILITIES[:, :60].copy()
    best = batch_bald(COMM, part(few, 1), 1).indices[0]
    few[:, 59] = few[:, best]
    assert 59 not in batch_bald(COMM, part(few, 1), 3).indices


def test_batch_bald_goes_on_by_each_alone_where_nothing_is_left_to_tell():
    """The first choice tells the two members apart; later candidates disagree more."""
    sure = np.linspace(0.6, 1.0, 40)
    split = np.stack([np.stack([sure, 1 - sure], axis=1), np.stack([1 - sure, sure], axis=1)])
    chosen = batch_bald(COMM, part(split, 1), 5)
    assert chosen.indices.tolist() == [39, 38, 37, 36, 35]
    np.testing.assert_allclose(chosen.scores, [np.log(2), 0, 0, 0, 0], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: k_center(COMM, part(FEATURES)[:, 0], 3), "they must be \\[candidates, features\\]"),
        (lambda: k_center(COMM, part(np.full((9, 2), np.nan)), 3), "must be finite"),
        (lambda: k_center(COMM, part(FEATURES.astype(str)), 3), "features are of type <U32; real numbers"),
        (lambda: k_center(COMM, part(FEATURES), 0), "query_size is 0"),
        (lambda: k_center(COMM, part(FEATURES), 3, excluded=[1500]), "outside 0 to 1499"),
        (lambda: diverse_top_k(COMM, part(SCORES), part(FEATURES), 3, weight=2), "weight is 2"),
        (lambda: diverse_top_k(COMM, part(SCORES[:9]), part(FEATURES), 3), "scores have shape"),
        (lambda: diverse_top_k(COMM, part(SCORES / 0), part(FEATURES), 3), "is not finite"),
        (lambda: power_sample(COMM, part(SCORES - 0.5), 3), "needs scores from 0 on"),
        (lambda: power_sample(COMM, part(SCORES), 3, beta=-1), "beta is -1"),
        (lambda: batch_bald(COMM, part(SCORES), 3), "they must be \\[members, candidates, classes\\]"),
        (lambda: batch_bald(COMM, part(PROBABILITIES * 2, 1), 3), "probabilit"),
        (lambda: batch_bald(COMM, part(PROBABILITIES, 1), 3, samples=0), "samples is 0"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_mistakes_are_told_on_all_ranks(call, message):
    with pytest.raises(ScoreError, match=message):
        call()


@pytest.mark.skipif(COMM.size < 2, reason="needs two ranks")
def test_features_that_do_not_fit_between_ranks():
    with pytest.raises(ScoreError, match="2 features on some ranks and 3 on others"):
        k_center(COMM, np.zeros((4, 3 if COMM.rank else 2)), 3)
