"""The banks of parallel environments become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Final

from rose_mpi.errors import StoreError
from rose_mpi.rl.bank_file import FIELDS, SUFFIX, Source, StoredBank, read_bank, write_bank

MERGED: Final = f"experience_bank{SUFFIX}"
"""Name of the merged bank in a learner's working folder."""

_SOURCES: Final = f"experience_bank_*{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Merged:
    """What merging came to.

    Attributes
    ----------
    banks:
        How many banks of this iteration the merged one holds.
    added:
        How many experiences they held.
    total:
        How many experiences the merged bank holds now.
    """

    banks: int
    added: int
    total: int


def merge_folder(folder: Path, iteration: int) -> Merged:
    """Move the experiences of all ``experience_bank_*.npz`` of a folder into its ``experience_bank.npz``.

    The files are deleted once the merged bank is safe on the disk. That bank remembers for each file the
    iteration, its name and a hash of its content. So a merge that was killed can be repeated: what it had
    written already is not added again, and the numbers it returns are those of an undisturbed merge.

    Parameters
    ----------
    folder:
        Working folder of a learner.
    iteration:
        Whose environments wrote the files.

    Raises
    ------
    FileNotFoundError, StoreError
        As :func:`merge_banks`; nothing is deleted then. Or if a merged file cannot be deleted.
    """
    sources = sorted(folder.glob(_SOURCES))
    merged = merge_banks(sources, folder / MERGED, iteration=iteration)
    for source in sources:
        try:
            source.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{source} is merged but cannot be deleted, and would count again in a later iteration: "
                f"{error.strerror}"
            ) from error
    return merged


def merge_banks(sources: Sequence[Path], target: Path, *, iteration: int = 0) -> Merged:
    """Add banks to the bank in ``target``, in the order of their paths; creates it where there is none.

    A source that ``target`` holds already (same iteration, name and content) is not added again.

    Parameters
    ----------
    sources:
        Files of banks; they stay.
    target:
        File of the merged bank; replaced as a whole or not at all.
    iteration:
        To which the sources belong.

    Raises
    ------
    FileNotFoundError, StoreError
        If a source or ``target`` cannot be read, or ``target`` not be written; names it, and all files
        are as before.
    """
    bank = read_bank(target) if target.exists() else _empty_bank(target)
    held = dict.fromkeys(bank.sources)
    added = []
    for path in sorted(sources):
        part = read_bank(path)
        source = Source(iteration, path.name, _digest(path), len(part))
        if source not in held:
            held[source] = None
            added.append(part)
    if added:
        bank = _joined((bank, *added), tuple(held))
        write_bank(target, bank)
    counts = [source.experiences for source in held if source.iteration == iteration]
    return Merged(banks=len(counts), added=sum(counts), total=len(bank))


def _empty_bank(target: Path) -> StoredBank:
    return StoredBank(target.stem, {field: [] for field in FIELDS})


def _joined(parts: Sequence[StoredBank], sources: tuple[Source, ...]) -> StoredBank:
    columns = {field: [item for part in parts for item in part.columns[field]] for field in FIELDS}
    return StoredBank(parts[0].session_id, columns, sources)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
