"""Random numbers by index."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from rose_mpi.uq.uniform import uniform


def test_parts_are_parts_of_the_whole():
    whole = uniform(11, 0, 1000)
    assert np.array_equal(np.concatenate([uniform(11, 0, 300), uniform(11, 300, 700)]), whole)


@pytest.mark.parametrize("seed", [0, 1, 2, -1, 2**64 + 5, 2**63])
def test_numbers_are_uniform(seed):
    numbers = uniform(seed, 0, 20_000)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert scipy.stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.03


def test_neighbouring_seeds_have_nothing_in_common():
    assert abs(np.corrcoef(uniform(7, 0, 20_000), uniform(8, 0, 20_000))[0, 1]) < 0.03
    assert len(np.intersect1d(uniform(7, 0, 20_000), uniform(8, 0, 20_000))) == 0


@pytest.mark.parametrize("seed", [np.int64(7), np.int64(-7), np.uint64(7), np.int32(7)])
def test_integers_of_numpy_are_seeds(seed):
    assert np.array_equal(uniform(seed, 0, 9), uniform(int(seed), 0, 9))
