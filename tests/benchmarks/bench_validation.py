"""The k-fold harness beside the loop that notebooks write by hand: time, workers, memory, resuming.

    python tests/benchmarks/bench_validation.py

Both sides clone, fit, predict the held-out rows and the test rows, and score the held-out and the
training rows. Alternating runs in one process, medians of process CPU time; wall time where two
workers are compared with one. Peak memory is that of a fresh process, less that of the same process
before the run.
"""

from __future__ import annotations

import os
import tempfile
import time
import warnings
from functools import partial

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import lightgbm  # noqa: E402
import numpy as np  # noqa: E402
import xgboost  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.metrics import get_scorer  # noqa: E402
from sklearn.model_selection import StratifiedKFold  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402
from timing import alternate, machine, peak_memory  # noqa: E402

from ensembles import cross_validate  # noqa: E402

FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)

LEARNERS = {
    "DecisionTree": (DecisionTreeClassifier(random_state=0), 20_000),
    "LogisticRegression": (make_pipeline(StandardScaler(), LogisticRegression()), 20_000),
    "RandomForest(20)": (RandomForestClassifier(20, random_state=0), 4_000),
    "HistGradientBoosting": (HistGradientBoostingClassifier(max_iter=50, random_state=0), 20_000),
    "XGBoost(50)": (xgboost.XGBClassifier(n_estimators=50, n_jobs=1), 20_000),
    "LightGBM(50)": (lightgbm.LGBMClassifier(n_estimators=50, n_jobs=1, verbose=-1), 20_000),
}


def problem(n_rows):
    X, y = make_classification(n_rows + 2_000, 20, n_informative=10, random_state=0)
    return X[:n_rows], y[:n_rows], X[n_rows:]


def by_hand(learner, X, y, X_test):
    scorer = get_scorer("roc_auc")
    out_of_fold = np.zeros((len(y), 2))
    test_predictions, models, train_scores, test_scores = [], [], [], []
    for train, test in FOLDS.split(X, y):
        X_train, X_held_out = X[train], X[test]
        model = clone(learner).fit(X_train, y[train])
        out_of_fold[test] = model.predict_proba(X_held_out)
        test_scores.append(scorer(model, X_held_out, y[test]))
        train_scores.append(scorer(model, X_train, y[train]))
        test_predictions.append(model.predict_proba(X_test))
        models.append(model)
    return out_of_fold, np.mean(test_predictions, axis=0), models


def ours(learner, X, y, X_test, **given):
    return cross_validate(learner, X, y, X_test=X_test, scoring="roc_auc", cv=FOLDS, **given)


def serial_times(repeats=5):
    print("\nTen folds, one worker, CPU seconds (out-of-fold predictions equal to the last bit?)")
    print(f"{'':>22} {'by hand':>9} {'ensembles':>10} {'ratio':>7}")
    for name, (learner, n_rows) in LEARNERS.items():
        data = problem(n_rows)
        runs = {"by hand": partial(by_hand, learner, *data), "ours": partial(ours, learner, *data)}
        out_of_fold, _, _ = runs["by hand"]()
        same = np.array_equal(out_of_fold, runs["ours"]().oof_prediction_)
        taken = alternate(runs, repeats, time.process_time)
        ratio = taken["ours"] / taken["by hand"]
        print(f"{name:>22} {taken['by hand']:9.3f} {taken['ours']:10.3f} {ratio:7.3f}  {same}")


def two_workers(repeats=3):
    print("\nTen folds of a single-threaded learner, wall seconds")
    print(f"{'':>22} {'one':>9} {'two':>9} {'speed-up':>9}")
    for name in ("DecisionTree", "RandomForest(20)", "XGBoost(50)"):
        learner, n_rows = LEARNERS[name]
        data = problem(2 * n_rows)
        runs = {n: partial(ours, learner, *data, n_jobs=n) for n in (1, 2)}
        runs[2]()
        taken = alternate(runs, repeats, time.perf_counter)
        print(f"{name:>22} {taken[1]:9.3f} {taken[2]:9.3f} {taken[1] / taken[2]:8.2f}x")


def memory():
    print("\nPeak memory over the data's own, MiB (200 000 x 50 float64 is 76 MiB; a fold 69)")
    prepare = (
        "import sys; sys.path.insert(0, 'tests/benchmarks')\n"
        "import numpy as np, bench_validation as b\n"
        "from sklearn.tree import DecisionTreeClassifier\n"
        "learner = DecisionTreeClassifier(max_depth=3, random_state=0)\n"
        "b.by_hand(learner, *b.problem(500)), b.ours(learner, *b.problem(500))\n"
        "rng = np.random.default_rng(0)\n"
        "X = rng.normal(size=(200_000, 50)); y = (X[:, 0] > 0).astype(int)\n"
    )
    before = peak_memory(prepare)
    for name, call in (
        ("by hand", "b.by_hand(learner, X, y, X[:10])\n"),
        ("ensembles", "b.ours(learner, X, y, X[:10])\n"),
        ("two threads", "b.ours(learner, X, y, X[:10], n_jobs=2)\n"),
    ):
        print(f"{name:>22} {peak_memory(prepare + call) - before:9.1f}")


def resuming():
    print("\nTen folds with a cache_dir, wall seconds")
    learner, n_rows = LEARNERS["XGBoost(50)"]
    data = problem(n_rows)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o700)
        for name, given in (
            ("without", {}),
            ("first", {"cache_dir": folder}),
            ("again", {"cache_dir": folder}),
        ):
            start = time.perf_counter()
            ours(learner, *data, **given)
            print(f"{name:>22} {time.perf_counter() - start:9.3f}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(machine())
    serial_times()
    two_workers()
    memory()
    resuming()
