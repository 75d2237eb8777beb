"""Timing for benchmarks: alternating runs, medians, and the machine they ran on."""

from __future__ import annotations

import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from scipy.stats import binom


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


class Ratio(NamedTuple):
    """A median of ratios, and an interval that covers the true median in 95 of 100 benchmarks."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio(numerators: list[float], denominators: list[float]) -> Ratio:
    """Compare seconds run by run; the interval is that of the sign test, whatever the noise."""
    return median_of([a / b for a, b in zip(numerators, denominators, strict=True)])


def median_of(figures: list[float]) -> Ratio:
    """Return the median, with the interval of the sign test."""
    ordered = sorted(figures)
    edge = max(0, int(binom.ppf(0.025, len(ordered), 0.5)) - 1)
    return Ratio(statistics.median(ordered), ordered[edge], ordered[-1 - edge])


def in_turn(
    runs: dict[str, Callable[[], object]], repeats: int, clocks: dict[str, Callable[[], float]]
) -> dict[str, dict[str, list[float]]]:
    """Time every run in turn by every clock, A B, B A, A B, ...: seconds by clock and run."""
    seconds = {clock: {name: list[float]() for name in runs} for clock in clocks}
    for turn in range(repeats):
        for name in list(runs)[:: -1 if turn % 2 else 1]:
            gc.collect()
            start = {clock: now() for clock, now in clocks.items()}
            runs[name]()
            for clock, now in clocks.items():
                seconds[clock][name].append(now() - start[clock])
    return seconds


MOST_TURNS = 1000
"""Enough for a range of half a percent."""


class Against(NamedTuple):
    """Seconds of two runs, turn by turn."""

    mine: list[float]
    other: list[float]

    @property
    def theirs(self) -> float:
        """The median of the other's seconds."""
        return statistics.median(self.other)

    def __str__(self) -> str:
        """Say the medians, and what share ours takes more or less, each turn being one."""
        share = _more(ratio(self.mine, self.other))
        return (
            f"ours {1e3 * statistics.median(self.mine):9.3f} ms   "
            f"XGBoost {1e3 * self.theirs:9.3f} ms   {share} of {len(self.mine)}"
        )

    def added(self, whole: float) -> str:
        """Say the difference of the two, as a share of so many seconds."""
        differences = [1 + (a - b) / whole for a, b in zip(self.mine, self.other, strict=True)]
        return _more(median_of(differences))


def _more(share: Ratio) -> str:
    return f"{share.median - 1:+7.1%} [{share.low - 1:+.1%}, {share.high - 1:+.1%}]"


def against(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    seconds: float,
    clock: Callable[[], float],
) -> Against:
    """Time two runs in turn for so many seconds."""
    runs = {"ours": ours, "theirs": theirs}
    gc.freeze()  # so that tidying up between turns is quick, and leaves the caches as they are
    first = in_turn(runs, 2, {"": clock})[""]  # the first turn warms up
    turns = max(15, int(seconds / (first["ours"][1] + first["theirs"][1])))
    taken = in_turn(runs, min(turns, MOST_TURNS), {"": clock})[""]
    return Against(taken["ours"], taken["theirs"])


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
