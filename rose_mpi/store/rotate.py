"""Setting the files of an earlier run aside."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from rose_mpi.errors import StoreError
from rose_mpi.layout import Layout


def set_aside(layout: Layout) -> Layout | None:
    """Move what an earlier run left to the next free number (``results.1.h5`` and so on).

    Returns where it went; ``None`` if there was nothing.

    Raises
    ------
    StoreError
        If something cannot be moved.
    """
    if not any(path.exists() for path in _parts(layout)):
        return None
    aside = next(place for number in count(1) if _is_free(place := layout.numbered(number), layout))
    for old, new in zip(_parts(layout), _parts(aside), strict=True):
        if old.exists():
            _move(old, new)
    return aside


def _parts(layout: Layout) -> tuple[Path, ...]:
    """All that belongs to a run, the results file last: moving can be taken up again after a kill."""
    return layout.work, layout.arrays, layout.log, layout.results


def _is_free(place: Layout, layout: Layout) -> bool:
    taken = any(new.exists() for old, new in zip(_parts(layout), _parts(place), strict=True) if old.exists())
    return not taken and not place.results.exists()


def _move(old: Path, new: Path) -> None:
    try:
        old.rename(new)
    except OSError as error:
        raise StoreError(f"{old} cannot be moved to {new.name}: {error.strerror}") from error
