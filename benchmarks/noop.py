"""The function that benchmarks hand out."""


def noop() -> int:
    """Do nothing."""
    return 1
