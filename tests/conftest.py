"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

MPI_TESTS = Path(__file__).parent / "mpi"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Tests that need a launcher are left out of a run in one process."""
    return True if collection_path == MPI_TESTS and not config.getoption("--with-mpi") else None
