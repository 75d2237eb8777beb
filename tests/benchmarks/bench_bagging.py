"""Bagging beside scikit-learn's, at equal settings: time, memory, accuracy.

    python tests/benchmarks/bench_bagging.py

Every figure comes from one run of this script: alternating runs in one process on one thread,
medians of process CPU time (of wall time where two workers are compared with one), accuracy on
held-out rows beside them. Peak memory is that of a fresh process, less that of the same process
without the fit.
"""

from __future__ import annotations

import time
import warnings
from functools import partial

from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier as Theirs
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
from timing import alternate, machine, peak_memory

from ensembles import BaggingClassifier as Ours

SIZES = [(1_000, 20, 50), (10_000, 20, 20), (50_000, 30, 5)]


def problem(n_rows: int, n_columns: int):
    X, y = make_classification(
        2 * n_rows, n_columns, n_informative=n_columns // 2, flip_y=0.05, random_state=0
    )
    return train_test_split(X, y, test_size=0.5, random_state=0)


def bag(kind, n_members: int, **settings):
    return kind(DecisionTreeClassifier(), n_members, random_state=0, **settings)


def fit_times(repeats: int = 5) -> None:
    print("\nFit, one worker, CPU seconds (accuracy on held-out rows)")
    print(f"{'rows x columns, members':>28} {'scikit-learn':>18} {'ensembles':>18} {'ratio':>7}")
    for n_rows, n_columns, n_members in SIZES:
        X, held_out, y, truth = problem(n_rows, n_columns)
        theirs, ours = bag(Theirs, n_members), bag(Ours, n_members)
        taken = alternate(
            {"theirs": partial(theirs.fit, X, y), "ours": partial(ours.fit, X, y)},
            repeats,
            time.process_time,
        )
        print(
            f"{f'{n_rows} x {n_columns}, {n_members}':>28}"
            f" {taken['theirs']:>10.3f} ({theirs.score(held_out, truth):.3f})"
            f" {taken['ours']:>10.3f} ({ours.score(held_out, truth):.3f})"
            f" {taken['ours'] / taken['theirs']:>7.2f}"
        )


def small_draws(repeats: int = 5) -> None:
    print("\nmax_samples=0.1, CPU seconds: share of the cost of a full fit (a tenth is 0.10)")
    n_rows, n_columns, n_members = 20_000, 20, 10
    X, _, y, _ = problem(n_rows, n_columns)
    for name, kind in (("scikit-learn", Theirs), ("ensembles", Ours)):
        full, tenth = bag(kind, n_members), bag(kind, n_members, max_samples=0.1)
        taken = alternate(
            {"full": partial(full.fit, X, y), "tenth": partial(tenth.fit, X, y)},
            repeats,
            time.process_time,
        )
        print(
            f"{name:>28} full {taken['full']:.3f}, tenth {taken['tenth']:.3f}, "
            f"share {taken['tenth'] / taken['full']:.3f}"
        )


def predict_times(repeats: int = 9) -> None:
    print("\npredict_proba, wall seconds: one worker, two workers, and two over one")
    for n_asked, n_members in [(100, 10), (1_000, 50), (50_000, 50)]:
        X, held_out, y, _ = problem(5_000, 20)
        asked = held_out[:n_asked] if n_asked <= len(held_out) else held_out.repeat(10, axis=0)
        for name, kind in (("scikit-learn", Theirs), ("ensembles", Ours)):
            model = bag(kind, n_members).fit(X, y)

            def ask(workers: int, model=model, asked=asked):
                model.set_params(n_jobs=workers)
                model.predict_proba(asked)

            ask(2)
            taken = alternate(
                {"one": partial(ask, 1), "two": partial(ask, 2)},
                repeats,
                time.perf_counter,
            )
            print(
                f"{f'{n_asked} rows, {n_members} members':>28} {name:>14}"
                f" {taken['one']:>8.4f} {taken['two']:>8.4f} {taken['two'] / taken['one']:>7.2f}"
            )


def memory() -> None:
    print("\nPeak memory of a fit over the data's own, MiB (200 000 x 20 float64 is 31 MiB)")
    prepare = (
        "import numpy as np\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "from {module} import BaggingClassifier\n"
        "rng = np.random.default_rng(0)\n"
        "X = rng.normal(size=(200_000, 20)); y = (X[:, 0] > 0).astype(int)\n"
        "bag = BaggingClassifier(DecisionTreeClassifier(max_depth=3), 3, random_state=0)\n"
        "bag.fit(X[:100], y[:100])\n"
    )
    for name, module in (("scikit-learn", "sklearn.ensemble"), ("ensembles", "ensembles")):
        program = prepare.format(module=module)
        before, after = peak_memory(program), peak_memory(program + "bag.fit(X, y)\n")
        print(f"{name:>28} {after - before:>8.1f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(machine())
    fit_times()
    small_draws()
    predict_times()
    memory()
