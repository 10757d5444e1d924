"""Numbers and stop reasons as the display and the summary write them."""

from __future__ import annotations

import math
from typing import Final

from rose_mpi.events import StopReason

NOTHING: Final = "-"
_REASONS: Final[dict[StopReason, str]] = {
    StopReason.CRITERION_MET: "criterion met",
    StopReason.MAX_ITER_REACHED: "max_iterations reached",
    StopReason.STOPPED: "stopped",
    StopReason.WALLTIME: "walltime used up",
    StopReason.ERROR: "failed",
}


def number(value: float) -> str:
    """A number in four digits, more for whole ones; a dash for NaN."""
    if math.isnan(value):
        return NOTHING
    return f"{value:.0f}" if value == round(value, 0) and abs(value) < 1e15 else f"{value:.4g}"


def reason(stop_reason: StopReason) -> str:
    """Why a learner stopped."""
    return _REASONS[stop_reason]


def counted(count: int, thing: str) -> str:
    """``"1 iteration"``, ``"2 iterations"``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def duration(seconds: float) -> str:
    """``"12 s"``, ``"3 min"``, ``"5.2 h"``, ``"3.1 days"``."""
    for unit, size, digits in (("days", 86_400, 1), ("h", 3_600, 1), ("min", 60, 0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{digits}f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def first_line(text: str) -> str:
    """The first line of a text that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def shortened(text: str, most: int) -> str:
    """A text of many lines without its middle: where it begins and, mostly, where it ends."""
    lines = text.strip().splitlines()
    if len(lines) <= most:
        return "\n".join(lines)
    return "\n".join([lines[0], f"  … {len(lines) - most + 1} lines …", *lines[2 - most :]])
