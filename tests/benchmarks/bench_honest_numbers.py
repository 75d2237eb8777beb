"""Do the honest numbers keep their papers' promises? Every promise simulated, the papers beside.

    python tests/benchmarks/bench_honest_numbers.py [--only NAME ...] [--scale 1.0]

Prints the tables; `--scale` multiplies the number of simulations. The functions are used by the
tests too, with few simulations.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from ensembles.validation.intervals import (
    basic_interval,
    bca_interval,
    drawn_counts,
    percentile_interval,
    studentized_interval,
)
from ensembles.validation.metrics import Rows, statistic_of

SEPARATION = 1.5
"""Distance of the two classes' scores, in standard deviations."""


# ---------------------------------------------------------------------------------------------
# 95 % intervals


def classes_and_scores(rng, n):
    """Two normal classes and the true log-odds of the second."""
    y = rng.integers(0, 2, n)
    x = rng.normal(SEPARATION * (y - 0.5), 1.0)
    return y, SEPARATION * x


def truths() -> dict[str, float]:
    """What the metrics are on infinitely many rows."""
    x = np.linspace(-12, 12, 200_001)
    density = norm.pdf(x - SEPARATION / 2)
    log_loss = float(np.sum(density * np.logaddexp(0, -SEPARATION * x)) * (x[1] - x[0]))
    return {
        "accuracy": float(norm.cdf(SEPARATION / 2)),
        "roc_auc": float(norm.cdf(SEPARATION / np.sqrt(2))),
        "log_loss": log_loss,
        "rmse": 1.0,
        "r2": 0.5,
    }


def predictions(rng, metric, n):
    """A sample of n rows: truth and predictions."""
    if metric in ("rmse", "r2"):
        signal = rng.normal(size=n)
        return signal + rng.normal(size=n), signal
    while True:
        y, odds = classes_and_scores(rng, n)
        if 1 < y.sum() < n - 1:
            break
    if metric == "accuracy":
        return y, (odds > 0).astype(int)
    return y, expit(odds)


def intervals(statistic, counts, level=0.95):
    """All four intervals from the same resamples."""
    values, errors = statistic.values(counts), statistic.errors(counts)
    defined = np.isfinite(values)
    values, errors = values[defined], errors[defined]
    ones = np.ones((1, statistic.n_units))
    estimate, error = float(statistic.values(ones)[0]), float(statistic.errors(ones)[0])
    found = {
        "bca": bca_interval(estimate, values, statistic.influence(), level),
        "percentile": percentile_interval(values, level),
        "basic": basic_interval(estimate, values, level),
        "studentized": studentized_interval(estimate, error, values, errors, level),
    }
    return {
        name: (max(low, statistic.low), min(high, statistic.high))
        for name, (low, high) in found.items()
    }


def interval_coverage(metric, n, n_simulations, n_resamples=1000):
    """Share of samples whose interval holds the truth, for every method."""
    truth = truths()[metric]
    counts = drawn_counts(1, 0, n_resamples, n)
    held = dict.fromkeys(("bca", "percentile", "basic", "studentized"), 0)
    rng = np.random.default_rng((7, n))
    for _ in range(n_simulations):
        y_true, y_pred = predictions(rng, metric, n)
        rows = Rows(y_true, None, None, n, None, None)
        statistic = statistic_of(metric, rows, y_pred)
        for method, (low, high) in intervals(statistic, counts).items():
            held[method] += low <= truth <= high
    return {method: count / n_simulations for method, count in held.items()}


def table_of_intervals(scale):
    """95 % intervals: how often they hold the truth, in percent."""
    print("\n95 % intervals: coverage in % (simulation error about 0.5)")
    print(f"{'metric':>10} {'n':>6} {'bca':>8} {'percentile':>11} {'basic':>8} {'studentized':>12}")
    for metric in truths():
        for n in (50, 200, 1000):
            covered = interval_coverage(metric, n, round(2000 * scale))
            print(
                f"{metric:>10} {n:>6} {100 * covered['bca']:>8.1f}"
                f" {100 * covered['percentile']:>11.1f} {100 * covered['basic']:>8.1f}"
                f" {100 * covered['studentized']:>12.1f}",
                flush=True,
            )


TABLES: dict[str, Callable[[float], None]] = {"intervals": table_of_intervals}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", choices=list(TABLES))
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.only or TABLES:
        start = time.perf_counter()
        TABLES[name](options.scale)
        print(f"({time.perf_counter() - start:.0f} s)")
