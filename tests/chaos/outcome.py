"""What a run came to: all that must not depend on its interruptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rose_mpi.iteration import IterationState
from rose_mpi.store.reader import read_results
from rose_mpi.store.state import RunRecord
from rose_mpi.tasks import TaskStatus


def differences(folder: Path, whole: Path) -> Iterator[str]:
    """In what a run differs from one that was never interrupted."""
    found, expected = (read_results(each / "results.h5") for each in (folder, whole))
    if found.status is not expected.status:
        yield f"status {found.status}"
    if found.learners.keys() != expected.learners.keys():
        yield f"learners {sorted(found.learners)}"
        return
    for name, learner in expected.learners.items():
        other = found.learners[name]
        if (other.stop_reason, other.error) != (learner.stop_reason, learner.error):
            yield f"{name}: {other.stop_reason} {other.error}"
        if list(map(_outcome, other.iterations)) != list(map(_outcome, learner.iterations)):
            yield f"{name}: other iterations"
    for task, count in Counter(task for task, _ in _done(found)).items():
        if count > 1:
            yield f"{task} is recorded {count} times"
    done, wanted = set(_done(found)), set(_done(expected))
    yield from (f"missing or another result: {row}" for row in wanted - done)
    yield from (f"unknown: {row}" for row in done - wanted)


def finished(run: RunRecord) -> set[str]:
    """The tasks that must never begin again."""
    return {
        str(run.tasks.task(number))
        for number, row in enumerate(run.tasks)
        if row.status == TaskStatus.DONE
        and not (_lives_in_memory(row.result) and _is_pending(run, row.learner, row.iteration))
    }


def _lives_in_memory(result: str) -> bool:
    """Whether it is an array that dies with its rank."""
    return result.startswith('{"rank":')


def _is_pending(run: RunRecord, learner: str, iteration: int) -> bool:
    """Whether an ensemble is still to be scored."""
    known = run.learners[learner]
    scored = known.scored is not None and known.scored.iteration == iteration
    return not scored and iteration not in [state.iteration for state in known.iterations]


def _done(run: RunRecord) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(run.tasks):
        if row.status == TaskStatus.DONE:
            is_array = row.result.startswith(('{"file":', '{"rank":'))
            yield str(run.tasks.task(number)), "array" if is_array else row.result


def _outcome(state: IterationState) -> tuple[str, ...]:
    values = (state.iteration, state.metric, dict(state.model_metric), state.uncertainty, state.selected)
    more = (state.selected_score, state.pool_uncertainty, state.candidates, dict(sorted(state.state.items())))
    return tuple(map(repr, (*values, *more)))
