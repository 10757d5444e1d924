"""Learning curves of a run: python report.py results.h5 [--plot curves.png]."""

import argparse
from pathlib import Path

import h5py
import numpy as np

Curves = dict[str, np.ndarray]


def read_curves(path: Path) -> tuple[Curves, Curves]:
    """Labels and error of every way to choose, by its name: each ``[seeds, iterations]``."""
    labels: dict[str, list[np.ndarray]] = {}
    errors: dict[str, list[np.ndarray]] = {}
    with h5py.File(path) as file:
        for name, learner in file["learners"].items():
            way = name.rpartition("-")[0]
            labels.setdefault(way, []).append(learner["state/labels"][:])
            errors.setdefault(way, []).append(learner["metric"][:])
    return {way: np.array(rows) for way, rows in labels.items()}, {
        way: np.array(rows) for way, rows in errors.items()
    }


def band(errors: np.ndarray) -> np.ndarray:
    """Lower quartile, median and upper quartile over the seeds, ``[3, iterations]``."""
    return np.quantile(errors, [0.25, 0.5, 0.75], axis=0)


def wins(errors: np.ndarray, others: np.ndarray) -> str:
    """Of how many seeds the mean over all iterations is lower than that of others that began alike."""
    own, theirs = errors.mean(axis=1), others.mean(axis=1)
    return f"{(own < theirs).sum()} of {len(own)}"


def print_table(problem: str, labels: Curves, errors: Curves) -> None:
    """Medians and quartiles at the beginning, in the middle and at the end, best first."""
    ways = sorted(
        (way for way in errors if way.startswith(f"{problem}-")), key=lambda way: errors[way].mean()
    )
    iterations = errors[ways[0]].shape[1]
    shown = sorted({0, iterations // 4, iterations // 2, iterations - 1})
    counts = labels[ways[0]][0][shown].astype(int)
    print(f"\n{problem}: median error and quartiles of {len(errors[ways[0]])} seeds, by number of labels")
    print(f"{'':14}" + "".join(f"{count:>26}" for count in counts) + "     mean  below random")
    for way in ways:
        low, middle, high = band(errors[way])[:, shown]
        cells = "".join(
            f"{m:10.4f} ({a:.4f}-{b:.4f})".rjust(26) for a, m, b in zip(low, middle, high, strict=True)
        )
        won = wins(errors[way], errors[f"{problem}-random"])
        print(f"{way.partition('-')[2]:14}{cells} {errors[way].mean():8.4f}  {won}")


def plot(path: Path, problems: list[str], labels: Curves, errors: Curves) -> None:
    """Draw medians with the bands between the quartiles."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(problems), figsize=(6 * len(problems), 5), squeeze=False)
    for axis, problem in zip(axes[0], problems, strict=True):
        for way in (way for way in errors if way.startswith(f"{problem}-")):
            low, middle, high = band(errors[way])
            axis.plot(labels[way][0], middle, label=way.partition("-")[2])
            axis.fill_between(labels[way][0], low, high, alpha=0.15)
        axis.set(title=problem, xlabel="labels", ylabel="error", yscale="log")
        axis.legend()
    figure.savefig(path, bbox_inches="tight")


def main() -> None:
    """Print the tables, and draw the curves if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="?", default=Path("results.h5"))
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves (needs matplotlib)")
    arguments = parser.parse_args()
    labels, errors = read_curves(arguments.results)
    problems = list(dict.fromkeys(way.partition("-")[0] for way in errors))
    for problem in problems:
        print_table(problem, labels, errors)
    if arguments.plot:
        plot(arguments.plot, problems, labels, errors)


if __name__ == "__main__":
    main()
