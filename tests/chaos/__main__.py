"""`python -m tests.chaos --kills 200`: many kills, and what came of them."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.harness import Harness


def main() -> int:
    """Kill as often as the command line says; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survive", action="store_true", help="switch on Open MPI's fault tolerance")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="rose-chaos-"))
    began = time.monotonic()
    harness = Harness(folder, options.seed, lambda text: print(text, flush=True), survive=options.survive)
    score = harness.run(options.kills)
    kills = ", ".join(f"{victim} {count}" for victim, count in score.kills.most_common())
    print(f"{sum(score.kills.values())} kills ({kills}) in {time.monotonic() - began:.0f} s")
    print(f"{score.campaigns} campaigns in {score.parts} parts, {score.reads} reads while they ran")
    print("\n".join([f"{len(score.faults)} faults", *score.faults]))
    print(f"all files are in {folder}")
    return 1 if score.faults else 0


if __name__ == "__main__":
    sys.exit(main())
