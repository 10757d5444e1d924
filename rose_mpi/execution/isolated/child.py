"""What a process for one function does."""

from __future__ import annotations

import faulthandler
import pickle
from functools import partial
from pathlib import Path
from typing import BinaryIO

from rose_mpi.execution.functions import call_function, function_result


def run(file: BinaryIO, answer: Path) -> None:
    """Read a call, and write what came of it."""
    faulthandler.enable()
    call, attempt, queued, context = pickle.load(file)
    result = function_result(partial(call_function, call, context), call, attempt, queued, context)
    with answer.open("wb") as out:
        pickle.dump(result, out, protocol=pickle.HIGHEST_PROTOCOL)
