"""The GPUs that a process may use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from typing import Final

_VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
_TOOLS: Final = (("nvidia-smi", "-L"), ("rocm-smi", "--showid", "--csv"))
_TOOL_SECONDS: Final = 10.0


def visible_gpus(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Names of the GPUs: what the scheduler's variables say, else what the driver's tools list."""
    for variable in _VARIABLES:
        if variable in environ:
            return tuple(name for name in environ[variable].split(",") if name.strip() not in ("", "-1"))
    return next((found for tool in _TOOLS if (found := _listed(tool))), ())


def _listed(command: tuple[str, ...]) -> tuple[str, ...]:
    if shutil.which(command[0]) is None:
        return ()
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    lines = [line for line in answer.stdout.splitlines() if line.strip() and not line.startswith("device")]
    return tuple(str(number) for number, _ in enumerate(lines))
