"""The k-fold harness beside the loop that notebooks write by hand: time, workers, memory, resuming.

    python tests/benchmarks/bench_validation.py [serial] [workers] [memory] [resuming]
    python tests/benchmarks/bench_validation.py threads

The loop by hand is the frugal one: it clones, fits, asks the model once about the held-out rows,
the training rows and the test rows, and scores from these answers; ten folds, the AUC of each and
of all together. The harness is asked for the same. What two workers could gain at most on a machine
is told by two plain processes that hold the data already, do half of the folds by hand each and
send nothing back. Runs alternate in one process; a ratio is the
median of the ratios of neighbours, with an interval that covers the true one 95 times of 100; the
ratio of the least times is what is left of it where other programs disturb some of the runs. Peak
memory is that of fresh processes over what they hold before the run, workers' shares added up.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

if "threads" not in sys.argv:
    for library in ("OMP", "MKL", "OPENBLAS"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import lightgbm
import numpy as np
import xgboost
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits
from timing import in_turn, machine, ratio

from ensembles import (
    BaggingClassifier,
    GradientBoostingClassifier,
    cross_validate,
)

FOLDS = StratifiedKFold(10, shuffle=True, random_state=0)
CLOCKS = {"CPU": time.process_time, "wall": time.perf_counter}

LEARNERS = {
    "DecisionTree": (DecisionTreeClassifier(random_state=0), 2_000),
    "LogisticRegression": (make_pipeline(StandardScaler(), LogisticRegression()), 20_000),
    "XGBoost(50)": (xgboost.XGBClassifier(n_estimators=50, n_jobs=1), 2_000),
    "LightGBM(50)": (lightgbm.LGBMClassifier(n_estimators=50, n_jobs=1, verbose=-1), 2_000),
    "our Bagging(10)": (BaggingClassifier(n_estimators=10, n_jobs=1, random_state=0), 2_000),
    "our GradientBoosting(50)": (GradientBoostingClassifier(50, n_jobs=1, random_state=0), 2_000),
}
"""Learners on one thread, and rows that they are done with in about half a second of ten folds."""


def problem(n_rows):
    X, y = make_classification(n_rows + 1_000, 20, n_informative=10, random_state=0)
    return X[:n_rows], y[:n_rows], X[n_rows:]


def by_hand(learner, X, y, X_test, part=slice(None)):
    out_of_fold = np.zeros((len(y), 2))
    test_predictions, models, train_scores, test_scores = [], [], [], []
    for train, test in list(FOLDS.split(X, y))[part]:
        X_train, X_held_out, y_train = X[train], X[test], y[train]
        model = clone(learner).fit(X_train, y_train)
        out_of_fold[test] = answer = model.predict_proba(X_held_out)
        test_scores.append(roc_auc_score(y[test], answer[:, 1]))
        train_scores.append(roc_auc_score(y_train, model.predict_proba(X_train)[:, 1]))
        test_predictions.append(model.predict_proba(X_test))
        models.append(model)
    pooled = roc_auc_score(y, out_of_fold[:, 1])
    return out_of_fold, np.mean(test_predictions, axis=0), test_scores, train_scores, pooled, models


def ours(learner, X, y, X_test, **given):
    return cross_validate(learner, X, y, X_test=X_test, scoring="roc_auc", cv=FOLDS, **given)


def verdict(reached):
    return "reached" if reached else "MISSED"


def serial(repeats=15):
    print(f"\nTen folds, one worker: times the loop by hand, {repeats} runs (at most 1.03 wanted)")
    print(f"{'':>25} {'loop, s':>8} {'CPU':>23} {'least CPU':>9} {'wall':>23}")
    for name, (learner, n_rows) in LEARNERS.items():
        data = problem(n_rows)
        runs = {"by hand": partial(by_hand, learner, *data), "ours": partial(ours, learner, *data)}
        out_of_fold, test_prediction, test_scores, *_ = runs["by hand"]()
        result = runs["ours"]()
        same = (
            np.array_equal(out_of_fold, result.oof_prediction_)
            and np.allclose(test_prediction, result.test_prediction_, rtol=1e-6)
            and np.allclose(test_scores, result["test_score"], rtol=1e-12)
        )
        taken = in_turn(runs, repeats, CLOCKS)
        found = {clock: ratio(own["ours"], own["by hand"]) for clock, own in taken.items()}
        seconds = np.median(taken["CPU"]["by hand"])
        least = min(taken["CPU"]["ours"]) / min(taken["CPU"]["by hand"])
        print(
            f"{name:>25} {seconds:8.3f} {found['CPU']!s:>23} {least:9.3f} {found['wall']!s:>23}  "
            f"{verdict(found['CPU'].median <= 1.03)}, {'same bits' if same else 'OTHER RESULTS'}"
        )


def plain_worker(connection, name, n_rows):
    """Do parts of the folds by hand, as often as asked."""
    warnings.simplefilter("ignore")
    learner, _ = LEARNERS[name]
    data = problem(n_rows)
    while True:
        connection.send("done")
        part = connection.recv()
        if part is None:
            return
        by_hand(learner, *data, part=part)


@contextlib.contextmanager
def plain_processes(name, n_rows):
    """Yield what has so many plain processes, of two, share the folds and waits for them."""
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe() for _ in range(2)]
    processes = [
        context.Process(target=plain_worker, args=(theirs, name, n_rows)) for _, theirs in ends
    ]
    own = [mine for mine, _ in ends]
    for process, mine in zip(processes, own, strict=True):
        process.start()
        mine.recv()

    def share(n):
        for place, mine in enumerate(own[:n]):
            mine.send(slice(place, None, n))
        for mine in own[:n]:
            mine.recv()

    yield share
    for process, mine in zip(processes, own, strict=True):
        mine.send(None)
        process.join()


def workers(repeats=5):
    """Processes are started before: that takes seconds, once in a session."""
    print(f"\nTen folds, two workers: times one worker, wall, {repeats} runs (at least 1.7 wanted)")
    print(f"{'':>25} {'one, s':>8} {'speed-up':>23} {'two plain processes':>23} {'share':>23}")
    for name in ("DecisionTree", "XGBoost(50)", "LightGBM(50)", "our GradientBoosting(50)"):
        learner, n_rows = LEARNERS[name]
        n_rows *= 4
        data = problem(n_rows)
        runs = {str(n): partial(ours, learner, *data, n_jobs=n) for n in (1, 2)}
        with plain_processes(name, n_rows) as share:
            runs |= {f"plain {n}": partial(share, n) for n in (1, 2)}
            runs["2"]()
            runs["plain 2"]()
            taken = in_turn(runs, repeats, {"wall": time.perf_counter})["wall"]
        found, ceiling = (ratio(taken[f"{kind}1"], taken[f"{kind}2"]) for kind in ("", "plain "))
        reached = ratio(taken["plain 2"], taken["2"])
        print(
            f"{name:>25} {np.median(taken['1']):8.3f} {found!s:>23} {ceiling!s:>23} "
            f"{reached!s:>23}  {verdict(found.median >= 1.7)}"
        )


PREPARE = """
import sys
import bench_validation as bench, numpy as np
from joblib import parallel_config
from sklearn.tree import DecisionTreeClassifier
learner = DecisionTreeClassifier(max_depth=3, random_state=0)
rng = np.random.default_rng(0)
X = rng.normal(size=(200_000, 50)); y = (X[:, 0] > 0).astype(int)
small = X[:500].copy(), y[:500].copy(), X[:5].copy()
data = X, y, X[:10]
def processes(*given):
    with parallel_config("loky"):
        return bench.ours(learner, *given, n_jobs=2)
run = {
    "by hand": lambda *given: bench.by_hand(learner, *given),
    "one worker": lambda *given: bench.ours(learner, *given),
    "two threads": lambda *given: bench.ours(learner, *given, n_jobs=2),
    "two processes": processes,
}[sys.argv[1]]
run(*small)
print("ready", flush=True)
input()
run(*data)
print("done", flush=True)
"""


def family(pid):
    """A process and those that it started, and they."""
    own = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                own += family(int(child))
    return own


def held(pid):
    """MiB held by a process and those that it started; what they share is counted once."""
    total = 0
    for one in family(pid):
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def peak_over_start(name):
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1])])
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PREPARE, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert child.stdout.readline() == "ready\n"
    start = peak = held(child.pid)
    child.stdin.write("\n")
    child.stdin.flush()
    os.set_blocking(child.stdout.fileno(), False)
    while not child.stdout.readline():
        peak = max(peak, held(child.pid))
        time.sleep(0.002)
    child.wait()
    return peak - start


def memory():
    """Every worker may hold what the loop by hand holds, and no more than its own folds' rows."""
    print("\nPeak memory over the start, MiB, of 200 000 x 50 numbers (76 MiB; a fold's rows 69)")
    by_hand = peak_over_start("by hand")
    allowed = {
        "by hand": by_hand,
        "one worker": by_hand,
        "two threads": 2 * by_hand,
        "two processes": 2 * by_hand + 76.3,  # one table for both, memory-mapped
    }
    for name, most in allowed.items():
        found = by_hand if name == "by hand" else peak_over_start(name)
        print(f"{name:>25} {found:8.1f} of {most:.1f} allowed  {verdict(found <= 1.03 * most)}")


def threads(repeats=5):
    """Linear algebra has the caller's threads in every worker: what does that cost, what else?"""
    print("\nLinear algebra in two workers: seconds of ten folds, median (all cores / one thread)")
    for name, learner, n_rows in (
        ("LogisticRegression", LEARNERS["LogisticRegression"][0], 50_000),
        ("Ridge", make_pipeline(StandardScaler(), RidgeClassifier()), 100_000),
        ("MLP(50)", MLPClassifier(50, max_iter=5, random_state=0), 5_000),
        ("PCA + LogisticRegression", make_pipeline(PCA(10), LogisticRegression()), 50_000),
    ):
        data = problem(n_rows)
        given = {"scoring": "accuracy", "return_train_score": False, "method": "predict"}

        def one(n_jobs, blas, learner=learner, data=data, given=given):
            with threadpool_limits(blas, user_api="blas"):
                return cross_validate(learner, *data[:2], cv=FOLDS, n_jobs=n_jobs, **given)

        cases = {f"{n} x {blas}": (n, blas) for n in (1, 2) for blas in (os.cpu_count(), 1)}
        runs = {case: partial(one, *numbers) for case, numbers in cases.items()}
        for run in runs.values():
            run()
        taken = in_turn(runs, repeats, {"wall": time.perf_counter})["wall"]
        listed = ", ".join(f"{case} {np.median(own):.2f}" for case, own in taken.items())
        print(f"{name:>25}  workers x threads: {listed}")


def resuming():
    print("\nTen folds with a cache_dir, wall seconds")
    learner, n_rows = LEARNERS["XGBoost(50)"]
    data = problem(n_rows)
    with tempfile.TemporaryDirectory() as folder:
        kept = {"cache_dir": folder}
        for name, given in (("without", {}), ("first", kept), ("again", kept)):
            start = time.perf_counter()
            ours(learner, *data, **given)
            print(f"{name:>25} {time.perf_counter() - start:8.3f}")


PARTS = {part.__name__: part for part in (serial, workers, memory, resuming, threads)}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(machine())
    for part in sys.argv[1:] or list(PARTS)[:-1]:
        PARTS[part]()
