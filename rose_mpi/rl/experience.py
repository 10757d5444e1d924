"""What an agent experienced, and the bank that keeps it."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self, overload
from uuid import uuid4

import numpy as np

from rose_mpi.errors import UsageError
from rose_mpi.rl.bank_file import FIELDS, SUFFIX, StoredBank, bank_path, read_bank, write_bank


@dataclass(frozen=True, slots=True)
class Experience:
    """One step of an agent in its environment.

    Attributes
    ----------
    state, next_state:
        What the agent saw before and after the step: a number, an array, text, or lists, tuples and
        dicts of these.
    action:
        What it did, of any of these kinds.
    reward:
        What it got.
    done:
        Whether the episode ended with this step.
    info:
        Anything else worth keeping.
    """

    state: Any
    action: Any
    reward: float
    next_state: Any
    done: bool
    info: dict[str, Any] = field(default_factory=dict)


def create_experience(
    state: Any, action: Any, reward: float, next_state: Any, done: bool, info: dict[str, Any] | None = None
) -> Experience:
    """An :class:`Experience`; ``info`` is empty where none is given."""
    return Experience(state, action, reward, next_state, done, {} if info is None else info)


class ExperienceBank:
    """Experiences in the order in which they came, to draw from and to keep in a file.

    Parameters
    ----------
    max_size:
        How many are kept: with more, the oldest go. ``None``: all.
    session_id:
        Names the file where ``save`` is given no name. By default it begins with ``experience_bank_``,
        as the banks do that parallel environments leave to be merged, and is unique; within a task it
        holds the task's name, so that banks sort by task.

    Raises
    ------
    UsageError
        If ``max_size`` is no whole number from 1.
    """

    def __init__(self, max_size: int | None = None, session_id: str | None = None) -> None:
        _check_max_size(max_size)
        self.max_size = max_size
        self.session_id = session_id or _new_session_id()
        self._experiences: deque[Experience] = deque(maxlen=max_size)
        self._generator: np.random.Generator | None = None

    def add(self, experience: Experience) -> None:
        """Add one experience.

        Raises
        ------
        UsageError
            If it is none.
        """
        self.add_batch((experience,))

    def add_batch(self, experiences: Iterable[Experience]) -> None:
        """Add several experiences, or none of them if one of them is none.

        Raises
        ------
        UsageError
            If one of them is no experience.
        """
        batch = list(experiences)
        for experience in batch:
            if not isinstance(experience, Experience):
                raise UsageError(
                    f"a bank keeps experiences, not {type(experience).__name__}: "
                    f"make one with create_experience(state, action, reward, next_state, done)"
                )
        self._experiences.extend(batch)

    def sample(self, batch_size: int, replace: bool = True, *, seed: int | None = None) -> list[Experience]:
        """Draw experiences, each with the same probability.

        Parameters
        ----------
        batch_size:
            How many; from an empty bank none are drawn.
        replace:
            Whether one may be drawn several times.
        seed:
            Fixes this draw alone. Without it the draws of a bank follow from ``ROSE_SEED``, which each
            task's environment holds, so that a repeated task draws the same; elsewhere they are random.

        Raises
        ------
        UsageError
            If ``batch_size`` is negative, or larger than the bank where ``replace`` is false; if
            ``ROSE_SEED`` is no whole number from 0.
        """
        if batch_size < 0:
            raise UsageError(f"batch_size is {batch_size}; it must be a whole number from 0")
        size = len(self)
        if not size:
            return []
        if not replace and batch_size > size:
            raise UsageError(
                f"{batch_size} experiences cannot be drawn without replacement from a bank of {size}: "
                f"draw fewer, or with replace=True"
            )
        generator = self._own_generator() if seed is None else np.random.default_rng(seed)
        indices = generator.choice(size, batch_size, replace=replace)
        return [self._experiences[index] for index in indices.tolist()]

    def merge(self, other: ExperienceBank) -> ExperienceBank:
        """A new bank with the experiences of both, this one's first, and the larger ``max_size``."""
        sizes = [size for size in (self.max_size, other.max_size) if size is not None]
        merged = ExperienceBank(max(sizes, default=None))
        merged.merge_inplace(self)
        merged.merge_inplace(other)
        return merged

    def merge_inplace(self, other: ExperienceBank) -> None:
        """Add the experiences of another bank to this one."""
        self._experiences.extend(list(other))

    def clear(self) -> None:
        """Drop all experiences."""
        self._experiences.clear()

    def get_recent(self, n: int) -> list[Experience]:
        """The last ``n`` experiences, oldest first; all if there are fewer.

        Raises
        ------
        UsageError
            If ``n`` is negative.
        """
        if n < 0:
            raise UsageError(f"n is {n}; it must be a whole number from 0")
        return self[max(len(self) - n, 0) :]

    def save(self, work_dir: str | os.PathLike[str] = ".", bank_file: str | None = None) -> str:
        """Write the bank to a file, whole or not at all, and tell its path.

        Parameters
        ----------
        work_dir:
            A folder that exists.
        bank_file:
            The file's name; by default the ``session_id``. Its suffix becomes ``.npz``: a name for a
            pickle (``experience_bank.pkl``) is taken as ``experience_bank.npz``.

        Raises
        ------
        UsageError
            If an experience holds what cannot be kept; names the experience and the field.
        StoreError
            If the disk refuses; a file that was there before stays as it was.
        """
        path = bank_path(Path(work_dir, bank_file or f"{self.session_id}{SUFFIX}"))
        columns = {name: [getattr(each, name) for each in self] for name in FIELDS}
        write_bank(path, StoredBank(self.session_id, columns))
        return str(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str], max_size: int | None = None) -> Self:
        """Read a bank from a file; it gets a ``session_id`` of its own.

        Parameters
        ----------
        path:
            As ``save`` returned it, or with the name that was given to ``save``.
        max_size:
            As for a new bank; the last experiences are kept.

        Raises
        ------
        FileNotFoundError
            If there is none.
        UsageError
            If there is only a pickle of that name: pickles are not read.
        StoreError
            If it cannot be read, is damaged or is no bank.
        """
        bank = cls(max_size)
        stored = read_bank(bank_path(path))
        bank._experiences.extend(map(Experience, *(stored.columns[name] for name in FIELDS)))
        return bank

    def __len__(self) -> int:
        return len(self._experiences)

    def __iter__(self) -> Iterator[Experience]:
        return iter(self._experiences)

    @overload
    def __getitem__(self, index: int) -> Experience: ...

    @overload
    def __getitem__(self, index: slice) -> list[Experience]: ...

    def __getitem__(self, index: int | slice) -> Experience | list[Experience]:
        if isinstance(index, slice):
            return list(self._experiences)[index]
        return self._experiences[index]

    def _own_generator(self) -> np.random.Generator:
        if self._generator is None:
            self._generator = np.random.default_rng(_seed_of_task())
        return self._generator


def _check_max_size(max_size: int | None) -> None:
    """Refuse what is no size of a bank.

    Raises
    ------
    UsageError
        If it is neither ``None`` nor a whole number from 1.
    """
    if max_size is not None and (not isinstance(max_size, int) or max_size < 1):
        raise UsageError(f"max_size is {max_size!r}; it must be a whole number from 1, or None for no limit")


def _new_session_id() -> str:
    moment = datetime.now().strftime("%Y%m%d_%H%M%S_%f")
    words = ("experience_bank", os.environ.get("ROSE_TASK"), moment, uuid4().hex[:8])
    return "_".join(word for word in words if word)


def _seed_of_task() -> int | None:
    text = os.environ.get("ROSE_SEED")
    if not text:
        return None
    if not text.isdecimal():
        raise UsageError(f"ROSE_SEED is {text!r} in the environment; it must be a whole number from 0")
    return int(text)
