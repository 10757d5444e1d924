"""The collective scoring at any number of ranks: ``mpirun -n N python -m pytest --with-mpi`` on this file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

import rose_mpi.uq.ensemble as ensemble_module
from rose_mpi.errors import ScoreError
from rose_mpi.uq import UQ_REGISTRY, register_uq, score_ensemble
from rose_mpi.uq.exchange import Exchange
from rose_mpi.uq.registry import METRICS
from rose_mpi.uq.validation import PredictionError

pytestmark = [pytest.mark.mpi, pytest.mark.timeout(60)]

COMM = MPI.COMM_WORLD
MEMBERS, CANDIDATES, CLASSES = 7, 2600, 5
EXCLUDED = [0, 3, 300, 1999, 2599]
CASES = [
    (metric.name, task_type)
    for metric in METRICS.values()
    for task_type in metric.task_types
    if not metric.parameters
]


@pytest.fixture(autouse=True)
def own_metrics_are_forgotten():
    yield
    for name in set(UQ_REGISTRY) - set(METRICS):
        del UQ_REGISTRY[name]


def ensemble(task_type, dtype=np.float32):
    """The same predictions and targets on all ranks."""
    rng = np.random.default_rng(9)
    if task_type == "classification":
        predictions = rng.dirichlet(np.ones(CLASSES), (MEMBERS, CANDIDATES)).astype(dtype)
        return predictions, rng.integers(CLASSES, size=CANDIDATES)
    return rng.normal(size=(MEMBERS, CANDIDATES)).astype(dtype), rng.normal(size=CANDIDATES)


def in_turn(member):
    """One rank after the other."""
    return member % COMM.size


def all_on_last(member):
    return COMM.size - 1


def uneven(member):
    """Most members on rank 0, none on some other rank where there are many."""
    return 0 if member < 4 else min(2, COMM.size - 1)


def own(predictions, place=in_turn):
    """This rank's part of the predictions, the last member first."""
    positions = [member for member in reversed(range(len(predictions))) if place(member) == COMM.rank]
    return [predictions[member] for member in positions], positions


def assert_same_bits(scores, expected):
    assert scores.indices.tobytes() == expected.indices.tobytes()
    assert scores.scores.tobytes() == expected.scores.tobytes()
    numbers = [[s.uncertainty, s.pool_uncertainty] for s in (scores, expected)]
    assert np.array(numbers[0]).tobytes() == np.array(numbers[1]).tobytes()
    assert (scores.candidates, scores.file) == (expected.candidates, "")


def assert_same_everywhere(scores):
    everybody = COMM.allgather((scores.indices.tobytes(), scores.scores.tobytes(), scores.pool_uncertainty))
    assert everybody == everybody[:1] * COMM.size


def raised_everywhere(call):
    """The error that all ranks raised alike."""
    with pytest.raises(ScoreError) as caught:
        call()
    texts = COMM.allgather(f"{type(caught.value).__name__}: {caught.value}")
    assert texts == texts[:1] * COMM.size
    return caught.value


@pytest.mark.parametrize("place", [in_turn, all_on_last, uneven])
@pytest.mark.parametrize(("metric", "task_type"), CASES)
def test_bits_are_those_of_one_rank(metric, task_type, place):
    predictions, targets = ensemble(task_type)
    asked = {"task_type": task_type, "excluded": EXCLUDED, "targets": targets, "seed": 4}
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), metric, 50, **asked)
    arrays, positions = own(predictions, place)
    scores = score_ensemble(COMM, arrays, metric, 50, positions=positions, **asked)
    assert_same_bits(scores, expected)
    assert_same_everywhere(scores)


@pytest.mark.parametrize(("block", "threads"), [(1, 1), (100, 1), (256, 2), (700, 3), (10**15, 1)])
def test_bits_do_not_depend_on_block_and_threads(block, threads):
    predictions, _ = ensemble("classification")
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), "mutual_information", 50)
    arrays, positions = own(predictions)
    scores = score_ensemble(
        COMM, arrays, "mutual_information", 50, positions=positions, block=block, threads=threads
    )
    assert_same_bits(scores, expected)


@pytest.mark.parametrize("metric", ["margin", "predictive_entropy"])
def test_the_selection_is_right(metric):
    predictions, _ = ensemble("classification", np.float64)
    mean = predictions.mean(axis=0)
    two_best = np.sort(mean, axis=1)[:, -2:]
    wanted = np.diff(two_best)[:, 0] if metric == "margin" else (mean * np.log(mean)).sum(axis=1)
    left = np.setdiff1d(np.arange(CANDIDATES), EXCLUDED)
    arrays, positions = own(predictions)
    scores = score_ensemble(COMM, arrays, metric, 20, positions=positions, excluded=EXCLUDED)
    assert scores.indices.tolist() == left[np.argsort(wanted[left], kind="stable")[:20]].tolist()
    sign = 1 if metric == "margin" else -1
    np.testing.assert_allclose(scores.pool_uncertainty, sign * wanted[left].mean(), rtol=1e-12)
    np.testing.assert_allclose(scores.uncertainty, sign * np.sort(wanted[left])[:20].mean(), rtol=1e-12)


def test_ties_go_to_the_smaller_index():
    rows = np.zeros(CANDIDATES)
    arrays = [rows + 1.0, rows] if COMM.rank == 0 else []
    scores = score_ensemble(COMM, arrays, "predictive_variance", 5, excluded=[1, 2])
    assert scores.indices.tolist() == [0, 3, 4, 5, 6]


def test_positions_are_counted_by_rank_where_none_are_given():
    """The order of summation shows in the last bits, so it is asked of a metric that looks at it."""
    register_uq("first_member")(lambda self, predictions: predictions[0])
    scores = score_ensemble(COMM, [np.full(600, float(COMM.rank + 3))] * 2, "first_member", 1)
    assert scores.scores.tolist() == [3.0]


@pytest.mark.parametrize("candidates", [1, 255, 256, 257, 1025])
def test_pools_of_any_size(candidates):
    predictions = np.random.default_rng(0).normal(size=(3, candidates))
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), "predictive_variance", 0.3)
    arrays, positions = own(predictions)
    scores = score_ensemble(COMM, arrays, "predictive_variance", 0.3, positions=positions)
    assert_same_bits(scores, expected)
    assert len(scores.indices) == -(-candidates * 3 // 10)


def test_more_is_asked_than_is_left():
    predictions, _ = ensemble("regression")
    arrays, positions = own(predictions)
    left = [5, 77, 1200]
    scores = score_ensemble(
        COMM,
        arrays,
        "predictive_variance",
        10,
        positions=positions,
        excluded=np.setdiff1d(np.arange(CANDIDATES), left),
    )
    assert sorted(scores.indices) == left


@pytest.mark.parametrize(
    ("candidates", "excluded"), [(0, []), (300, range(300))], ids=["empty", "all excluded"]
)
def test_nothing_to_choose_from(candidates, excluded):
    arrays = [np.zeros(candidates)] if COMM.rank == 0 else []
    scores = score_ensemble(COMM, arrays, "predictive_variance", 3, excluded=list(excluded))
    assert (len(scores.indices), len(scores.scores), scores.candidates) == (0, 0, candidates)
    assert np.isnan(scores.uncertainty)
    assert np.isnan(scores.pool_uncertainty)


@pytest.mark.parametrize(("metric", "task_type"), CASES)
def test_every_metric_takes_a_pool_without_candidates(metric, task_type):
    predictions, targets = ensemble(task_type)
    arrays, positions = own(predictions[:, :0])
    asked = {"task_type": task_type, "targets": targets[:0], "positions": positions}
    scores = score_ensemble(COMM, arrays, metric, 0.1, **asked)
    assert (len(scores.indices), scores.candidates, dict(scores.calibration)) == (0, 0, {})


def test_mapped_files_columns_and_mixed_types(tmp_path):
    """A read-only map, a column of a larger array, a column vector, a list; each is what its values are."""
    values = np.round(np.random.default_rng(5).normal(size=(4, 900)), 2)
    np.save(tmp_path / "mapped.npy", values[0])
    mixed = [
        np.load(tmp_path / "mapped.npy", mmap_mode="r"),
        np.asfortranarray(np.stack([values[1], values[0]]))[0],
        values[2].astype(np.float32)[:, None],
        values[3].tolist(),
    ]
    plain = [values[0], values[1], values[2].astype(np.float32).astype(np.float64), values[3]]
    expected = score_ensemble(MPI.COMM_SELF, plain, "predictive_variance", 9)
    arrays, positions = own(mixed)
    assert_same_bits(score_ensemble(COMM, arrays, "predictive_variance", 9, positions=positions), expected)


@pytest.fixture
def folder(tmp_path):
    """The same folder on all ranks."""
    yield Path(COMM.bcast(str(tmp_path)))
    COMM.Barrier()


@pytest.fixture
def sent(monkeypatch):
    """Fills with the positions of the predictions that this rank sends."""
    positions = []

    def watched(comm, plan, readable, on_ranks):
        positions.extend(on_ranks[comm.rank])
        return Exchange(comm, plan, readable, on_ranks)

    monkeypatch.setattr(ensemble_module, "Exchange", watched)
    return positions


def saved(folder, predictions, positions):
    """This rank's predictions as mapped files."""
    for position, rows in zip(positions, predictions, strict=True):
        np.save(folder / f"{position}.npy", rows)
    return [np.load(folder / f"{position}.npy", mmap_mode="r") for position in positions]


@pytest.mark.parametrize(("metric", "task_type"), CASES)
def test_files_are_mapped_and_not_sent(folder, sent, metric, task_type):
    predictions, targets = ensemble(task_type)
    asked = {"task_type": task_type, "targets": targets}
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), metric, 50, **asked)
    sent.clear()
    arrays, positions = own(predictions)
    files = saved(folder, arrays, positions)
    assert_same_bits(score_ensemble(COMM, files, metric, 50, positions=positions, **asked), expected)
    assert sent == []


def test_files_beside_arrays_in_memory(folder, sent):
    predictions, _ = ensemble("classification")
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), "predictive_entropy", 50)
    sent.clear()
    arrays, positions = own(predictions)
    for n, (position, rows) in enumerate(zip(positions, arrays, strict=True)):
        if position % 2:
            arrays[n] = saved(folder, [rows], [position])[0]
    scores = score_ensemble(COMM, arrays, "predictive_entropy", 50, positions=positions)
    assert_same_bits(scores, expected)
    assert sent == [position for position in positions if position % 2 == 0]


def test_files_that_one_rank_does_not_find_are_sent(folder, sent, monkeypatch):
    predictions, _ = ensemble("classification")
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), "predictive_entropy", 50)
    sent.clear()
    if COMM.rank == COMM.size - 1:
        monkeypatch.setattr(ensemble_module, "map_again", lambda *file: None)
    arrays, positions = own(predictions)
    files = saved(folder, arrays, positions)
    scores = score_ensemble(COMM, files, "predictive_entropy", 50, positions=positions)
    assert_same_bits(scores, expected)
    assert sent == ([] if COMM.rank == COMM.size - 1 else positions)


@pytest.mark.parametrize("where", ["files", "memory"])
def test_a_bad_value_has_the_same_name_wherever_it_is(folder, where):
    predictions, _ = ensemble("classification")
    predictions[[6, 1, 6], [5, 2400, 10]] = 0.0
    arrays, positions = own(predictions)
    if where == "files":
        arrays = saved(folder, arrays, positions)
    error = raised_everywhere(lambda: score_ensemble(COMM, arrays, "margin", 3, positions=positions))
    assert str(error) == "prediction 1, candidate 2400: the probabilities sum to 0 instead of 1"


def test_a_pool_of_more_numbers_than_fit_into_32_bits():
    """They are rows of one and the same memory, so that no rank needs all of them."""
    candidates, classes = 40_000, 60_000
    row = np.full(classes, 1 / classes, np.float32)
    rows = np.broadcast_to(row, (candidates, classes))
    arrays = [rows] if COMM.rank == COMM.size - 1 else []
    scores = score_ensemble(COMM, arrays, "least_confidence", 2)
    assert scores.indices.tolist() == [0, 1]
    assert rows.size > 2**31
    np.testing.assert_allclose(scores.pool_uncertainty, 1 - 1 / classes, rtol=1e-6)


def test_own_metric_is_called_on_every_share():
    called = []

    @register_uq("confidence")
    def confidence(self, mc_preds):
        mc_preds, _ = self._validate_inputs(mc_preds)
        called.append(mc_preds.shape[1])
        return 1.0 - np.max(np.mean(mc_preds, axis=0), axis=1)

    predictions, _ = ensemble("classification")
    expected = score_ensemble(MPI.COMM_SELF, list(predictions), "confidence", 30)
    called.clear()
    arrays, positions = own(predictions)
    assert_same_bits(score_ensemble(COMM, arrays, "confidence", 30, positions=positions), expected)
    assert sum(COMM.allgather(sum(called))) == CANDIDATES


@pytest.mark.parametrize("whole_pool", [False, True])
def test_own_metric_gets_the_targets_of_its_candidates(whole_pool):
    @register_uq("error", task_types=("regression",), needs_targets=True, whole_pool=whole_pool)
    def error(self, predictions, targets):
        return np.abs(predictions.astype(float).mean(axis=0) - targets)

    predictions, targets = ensemble("regression")
    expected = np.abs(predictions.astype(float).mean(axis=0) - targets)
    arrays, positions = own(predictions)
    scores = score_ensemble(COMM, arrays, "error", 30, positions=positions, targets=targets)
    assert scores.indices.tolist() == np.argsort(-expected, kind="stable")[:30].tolist()
    assert np.array_equal(scores.scores, expected[scores.indices])


@pytest.mark.parametrize("whole_pool", [False, True])
def test_own_metric_may_change_what_it_is_given(whole_pool):
    @register_uq("careless", task_types=("regression",), whole_pool=whole_pool)
    def careless(self, predictions):
        predictions *= 0
        return predictions[0]

    predictions, _ = ensemble("regression")
    arrays, positions = own(predictions)
    assert score_ensemble(COMM, arrays, "careless", 2, positions=positions).scores.tolist() == [0.0, 0.0]
    assert np.array_equal(predictions, ensemble("regression")[0])


@pytest.mark.parametrize("bad_rank", [0, COMM.size - 1])
def test_own_metric_that_fails_on_one_rank(bad_rank):
    @register_uq("fragile")
    def fragile(self, mc_preds):
        if COMM.rank == bad_rank:
            raise ZeroDivisionError("by zero")
        return mc_preds[0]

    arrays, positions = own(ensemble("regression")[0])
    error = raised_everywhere(lambda: score_ensemble(COMM, arrays, "fragile", 3, positions=positions))
    assert str(error) == f"rank {bad_rank}: ZeroDivisionError: by zero"
    cause = COMM.allgather(type(error.__cause__))
    assert [rank for rank in range(COMM.size) if cause[rank] is ZeroDivisionError] == [bad_rank]


def test_own_metric_that_only_one_rank_knows():
    if COMM.rank == 0:
        register_uq("known_to_one")(lambda self, predictions: predictions[0])
    call = lambda: score_ensemble(COMM, [np.zeros(9)], "known_to_one", 3)  # noqa: E731
    if COMM.size == 1:
        assert call().candidates == 9
    else:
        assert "no metric is called 'known_to_one'" in str(raised_everywhere(call))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("metric", "task_type"), CASES)
def test_a_value_that_is_not_finite(metric, task_type, value):
    predictions, targets = ensemble(task_type)
    predictions[5, 2100] = predictions[2, 1234] = value
    arrays, positions = own(predictions)
    error = raised_everywhere(
        lambda: score_ensemble(
            COMM, arrays, metric, 3, positions=positions, task_type=task_type, targets=targets
        )
    )
    assert isinstance(error, PredictionError)
    assert (error.position, error.candidate) == (2, 1234)


@pytest.mark.parametrize(
    ("spoil", "position", "reason"),
    [
        (lambda rows: rows * 2, 3, "the probabilities sum to 2|the probability for class"),
        (lambda rows: rows[:-1], 3, "shape is"),
        (lambda rows: rows.astype(str), 3, "real numbers are needed"),
        (lambda rows: rows[0], 3, "shape is"),
    ],
)
def test_one_prediction_that_does_not_fit(spoil, position, reason):
    predictions = list(ensemble("classification")[0])
    predictions[position] = spoil(predictions[position])
    arrays, positions = own(predictions)
    error = raised_everywhere(
        lambda: score_ensemble(COMM, arrays, "predictive_entropy", 3, positions=positions)
    )
    assert isinstance(error, PredictionError)
    assert error.position == position
    assert any(text in error.reason for text in reason.split("|"))


def test_a_ragged_list_on_one_rank():
    bad_rank = COMM.size - 1
    arrays = [[[1.0], [1.0, 2.0]]] if COMM.rank == bad_rank else [np.zeros(3)]
    error = raised_everywhere(lambda: score_ensemble(COMM, arrays, "predictive_variance", 3))
    assert str(error).startswith(f"rank {bad_rank}: ValueError")


@pytest.mark.parametrize("argument", ["k", "seed", "excluded", "block"])
def test_arguments_that_differ_between_ranks(argument):
    asked = {"k": 3, "seed": 0, "excluded": [], "block": None}
    other = {"k": 4, "seed": 1, "excluded": [2], "block": 512}
    if COMM.rank == 1:
        asked[argument] = other[argument]
    call = lambda: score_ensemble(COMM, [np.zeros(9)], "random", **asked)  # noqa: E731
    if COMM.size == 1:
        assert call().candidates == 9
    else:
        assert str(raised_everywhere(call)).startswith(f"{argument} is not the same on ranks 0 and 1")


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (None, "needs targets"),
        (np.zeros(CANDIDATES - 1), "targets have shape"),
        (np.full(CANDIDATES, CLASSES), "classes are 0 to 4"),
        (np.full(CANDIDATES, np.nan), "the target of candidate 0 is not finite"),
    ],
)
def test_targets_that_do_not_fit(targets, message):
    arrays, positions = own(ensemble("classification")[0])
    error = raised_everywhere(
        lambda: score_ensemble(
            COMM,
            arrays,
            "negative_log_likelihood",
            3,
            task_type="classification",
            positions=positions,
            targets=targets,
        )
    )
    assert message in str(error)


def test_threads_that_one_rank_cannot_have():
    threads = 0 if COMM.rank == COMM.size - 1 else 1
    error = raised_everywhere(
        lambda: score_ensemble(COMM, [np.zeros(2560)], "predictive_std", 3, threads=threads)
    )
    assert str(error) == "threads is 0; it must be a whole number from 1 on"


def test_no_predictions_anywhere():
    assert "no predictions" in str(raised_everywhere(lambda: score_ensemble(COMM, [], "margin", 3)))


def test_a_rank_that_lacks_memory_for_the_exchange_ends_the_scoring_on_all(monkeypatch):
    if COMM.rank == 0:

        def refuse(*_):
            raise MemoryError("no room")

        monkeypatch.setattr(ensemble_module, "Exchange", refuse)
    predictions, _ = ensemble("classification")
    arrays, positions = own(predictions)
    with pytest.raises(ScoreError, match="rank 0: MemoryError: no room"):
        score_ensemble(COMM, arrays, "margin", 5, positions=positions)
