"""What the estimator costs on top of XGBoost: time to fit, time to predict, memory.

    python tests/benchmarks/bench_gradient_boosting.py [--rows 2000 10000 100000]
    [--tasks regression binary 5-classes] [--kinds float64 float32 frame categories cupy]
    [--rounds 100] [--seconds 20] [--threads 1] [--device cpu] [--memory]

The same parameters on both sides, the conversion counted on both. Runs alternate, and each of ours
is divided by the one of XGBoost's beside it: the median of these shares, with a 95 % range from
their order (no matter how they are distributed); a line takes `--seconds` or less. On a machine
that others use too, whole fits tell a percent only after minutes. So fits of one round are compared
as well: their difference is what we add, however many rounds there are, which are one and the same
call on both sides; it is said as a share of XGBoost's whole fit. Process CPU time on one thread,
wall-clock time on more and on a GPU, where both sides are asked about a table of the host on the
host, and about one of cupy on the GPU. `--memory` measures peak memory of fresh processes instead.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import xgboost
from sklearn.datasets import make_classification
from timing import against, machine, peak_memory

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor

warnings.simplefilter("ignore")

SAME = {"learning_rate": 0.1, "max_depth": 6, "colsample_bynode": 0.5, "max_bin": 256}
COLUMNS = {1000: 20, 2000: 10, 10_000: 20}
ROUNDS = {100_000: 20}
"""Fewer rounds where a fit is long, so that many fits are compared; what we add weighs more."""
OBJECTIVES = {
    "regression": {"objective": "reg:squarederror"},
    "binary": {"objective": "binary:logistic"},
    "5-classes": {"objective": "multi:softprob", "num_class": 5},
}

PROGRAM = """
import numpy as np, pandas as pd, polars as pl, xgboost, ensembles
X = np.random.default_rng(0).random(size=({rows}, 30), dtype=np.float{width})
y = (X[:, 0] > 0.5).astype(np.int64)
X = {table}
parameters = {parameters}
try:
    open("/proc/self/clear_refs", "w").write("5")  # what making the data took is not asked about
except OSError:
    pass
"""
TABLES = {
    "float32": (32, "X"),
    "float64": (64, "X"),
    "frame": (64, "pd.DataFrame(X)"),
    "categories": (
        64,
        "pd.DataFrame({str(i): X[:, i].copy() if i % 3 else "
        "pd.Categorical((9 * X[:, i]).astype('i1'))"
        " for i in range(30)})",
    ),
    "nullable": (64, "pd.DataFrame(X).astype('Float64')"),
    "polars": (64, "pl.DataFrame({str(i): X[:, i].copy() for i in range(30)})"),
}
"""Tables by name: the width of their floats, and how they are made of them."""

OURS = """
model = ensembles.GradientBoostingClassifier(
    10, early_stopping=False, device={device!r}, n_jobs={threads}, random_state=0, **parameters
).fit(X, y)
model.predict_proba(X)
"""
THEIRS = """
matrix = xgboost.QuantileDMatrix(X, y, max_bin=256, nthread={threads}, enable_categorical=True)
more = dict(objective="binary:logistic", device={device!r}, nthread={threads}, seed=0)
model = xgboost.train(parameters | more, matrix, 10)
chance = model.inplace_predict(X)
np.vstack((1 - chance, chance)).T
"""


def table_of(kind, X):
    """Return the numbers as an array or as users of pandas have them."""
    if kind == "cupy":
        import cupy

        return cupy.asarray(X)
    if kind not in ("frame", "categories"):
        return X.astype(kind)
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    if kind == "categories":
        for i in range(0, X.shape[1], 3):
            levels = pd.cut(X[:, i], 12, labels=[f"level {k:02}" for k in range(12)])
            frame[f"column {i}"] = pd.Categorical(levels.astype(str))
    return frame


def targets(task, X, y):
    """Return the targets of a task."""
    return {"regression": X[:, 0] + y, "binary": (y > 1).astype(int), "5-classes": y}[task]


def compare(task, kind, X, y, given, clock):
    """Print the times of fitting and predicting beside XGBoost's own, and whether they agree."""
    make = GradientBoostingRegressor if task == "regression" else GradientBoostingClassifier
    threads = {"device": given.device, "n_jobs": given.threads}
    rounds = given.rounds or ROUNDS.get(len(X), 100)
    model = make(rounds, early_stopping=False, random_state=0, **threads, **SAME)
    more = OBJECTIVES[task] | {"device": given.device, "nthread": given.threads, "seed": 0}
    table = table_of(kind, X)

    def train(rounds=rounds):
        matrix = xgboost.QuantileDMatrix(
            table, y, max_bin=256, nthread=given.threads, enable_categorical=True
        )
        return xgboost.train(SAME | more, matrix, rounds)

    title = f"{task:10} {kind:10} {X.shape[0]:7} x {X.shape[1]}"
    whole = against(lambda: model.fit(table, y), train, given.seconds, clock)
    one = make(1, early_stopping=False, random_state=0, **threads, **SAME)
    begun = against(lambda: one.fit(table, y), lambda: train(1), given.seconds / 2, clock)
    print(title, "fit           ", whole, flush=True)
    print(title, "fit, 1 round  ", begun, f"  added {begun.added(whole.theirs)}", flush=True)
    booster = train()
    booster.set_param({"device": given.device if kind == "cupy" else "cpu"})
    ask = model.predict if task == "regression" else model.predict_proba
    ours, theirs = np.squeeze(_positive(ask(table), task)), booster.inplace_predict(table)
    same = bool((ours == theirs).all())
    for n in sorted({1, 1000, len(X)}):
        some = table[:n]
        taken = against(
            lambda some=some: ask(some),
            lambda some=some: booster.inplace_predict(some),
            given.seconds / 4,
            clock,
        )
        print(title, f"predict {n:6}", taken, flush=True)
    print(title, f"identical to the last bit: {same}", flush=True)


def _positive(answers, task):
    return answers[:, 1] if task == "binary" else answers


def memory(given):
    """Print the peak memory of fresh processes."""
    for kind, (width, table) in TABLES.items():
        filled = vars(given) | {"rows": 1_000_000, "parameters": SAME}
        filled |= {"width": width, "table": table}
        ours, theirs = (
            peak_memory((PROGRAM + program).format(**filled)) for program in (OURS, THEIRS)
        )
        print(
            f"peak memory, 1,000,000 rows x 30 columns of {kind}: ours {ours:,.0f} MiB, XGBoost "
            f"{theirs:,.0f} MiB ({ours / theirs:.2f}x)"
        )


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[2000, 10_000, 100_000])
    parser.add_argument("--tasks", nargs="*", default=list(OBJECTIVES))
    parser.add_argument("--kinds", nargs="*", help="the kinds of tables; cupy on a GPU")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", action="store_true")
    given = parser.parse_args()
    if given.kinds is None:
        given.kinds = ["float64", "float32", "frame", "categories"] + ["cupy"] * (
            given.device != "cpu"
        )
    print(machine())
    if given.memory:
        memory(given)
        return
    alone = given.device == "cpu" and given.threads == 1
    clock = time.process_time if alone else time.perf_counter
    for rows in given.rows:
        X, y = make_classification(
            rows, COLUMNS.get(rows, 30), n_informative=8, n_classes=5, random_state=0
        )
        for task in given.tasks:
            for kind in given.kinds:
                compare(task, kind, X, targets(task, X, y), given, clock)


if __name__ == "__main__":
    main()
