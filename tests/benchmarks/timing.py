"""Timing for benchmarks: alternating runs, medians, and the machine they ran on."""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def alternate(
    runs: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Time every run in turn, A B A B ..., and return the median of each."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = clock()
            run()
            seconds[name].append(clock() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def against(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    repeats: int,
    clock: Callable[[], float],
) -> str:
    """Time two runs in turn and say the medians and the share, with a range of 95 %.

    The share is the median of ours over theirs in neighbouring runs, so that what slows the machine
    for a while slows both; the range is that of a median (its order statistics are binomial).
    """
    taken = []
    for i in range(repeats + 1):
        pair = {}
        for run in (ours, theirs) if i % 2 else (theirs, ours):
            start = clock()
            run()
            pair[run] = clock() - start
        taken.append((pair[ours], pair[theirs]))
    mine, other = zip(*taken[1:], strict=True)
    shares = sorted(a / b - 1 for a, b in zip(mine, other, strict=True))
    reach = 0.98 * repeats**0.5
    low = shares[max(0, int(repeats / 2 - reach))]
    high = shares[min(repeats - 1, int(repeats / 2 + reach))]
    return (
        f"ours {1e3 * statistics.median(mine):9.3f} ms   "
        f"XGBoost {1e3 * statistics.median(other):9.3f} ms   "
        f"{statistics.median(shares):+7.1%} [{low:+.1%}, {high:+.1%}]"
    )


def peak_memory(program: str) -> float:
    """Run a program in a fresh process and return its peak resident memory in MiB (Linux only)."""
    measured = program + (
        "\nlines = open('/proc/self/status').read().splitlines()"
        "\nprint(next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", measured],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return float(done.stdout.split()[-1])


def machine() -> str:
    """Say what this ran on: processor, cores, Python, library versions, date."""
    import joblib

    libraries = ["ensembles", "numpy", "scikit-learn", "joblib", "xgboost", "numba", "lightgbm"]
    found = []
    for library in libraries:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return (
        f"{_processor()}, {joblib.cpu_count()} cores, Python {platform.python_version()}, "
        f"{', '.join(found)}, {time.strftime('%Y-%m-%d')}"
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
