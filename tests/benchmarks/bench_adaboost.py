"""AdaBoost beside scikit-learn's, at equal settings, in one run.

    python tests/benchmarks/bench_adaboost.py [--repeats 5] [--rows 1000 10000 50000]

One thread, process CPU time, medians of alternating runs; accuracy (or R2) on held-out rows beside
every time. A fit includes the binning. `ns` is the time of a round's (row, column) cell, binning
left out. From 50 000 rows on scikit-learn is given `FEWER` rounds in place of 100, once, and its
times are multiplied to 100, since each of its rounds sorts the same columns and costs the same; its
score is then left out. Such rows are marked by a star.
"""

import argparse
import os
import time
import warnings

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.datasets import make_classification, make_regression  # noqa: E402
from sklearn.ensemble import AdaBoostClassifier as TheirClassifier  # noqa: E402
from sklearn.ensemble import AdaBoostRegressor as TheirRegressor  # noqa: E402
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: E402
from timing import machine  # noqa: E402

from ensembles import (  # noqa: E402
    AdaBoostClassifier,
    AdaBoostRegressor,
    HistTreeClassifier,
    HistTreeRegressor,
)

warnings.simplefilter("ignore")
HELD_OUT = 5000
ROUNDS, FEWER, LARGE = 100, 5, 50_000
SIZES = [(1_000, 20), (10_000, 20), (50_000, 50)]


def problem(n_rows, n_columns, n_classes):
    """A table split into rows to learn from and rows held out; no classes means a regression."""
    n = n_rows + HELD_OUT
    if n_classes:
        X, y = make_classification(
            n,
            n_columns,
            n_informative=n_columns // 2,
            n_redundant=0,
            n_classes=n_classes,
            flip_y=0.05,
            random_state=0,
        )
    else:
        X, y = make_regression(n, n_columns, n_informative=n_columns // 2, noise=20, random_state=0)
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def spent(call, *arguments):
    """Return what a call gives and the process CPU seconds it took."""
    start = time.process_time()
    given = call(*arguments)
    return given, time.process_time() - start


def measure(models, data, repeats):
    """Return {name: (fit seconds, predict seconds, score)}, the models taking turns."""
    X, y, asked, truth = data
    fits, asks = {name: [] for name in models}, {name: [] for name in models}
    for _ in range(repeats):
        for name, model in models.items():
            if fits[name] and name == "theirs" and len(X) >= LARGE:
                continue
            _, fit = spent(model.fit, X, y)
            model.predict(asked[:1])
            _, ask = spent(model.predict, asked)
            fits[name].append(fit)
            asks[name].append(ask)
    found = {}
    for name, model in models.items():
        times = ROUNDS / model.n_estimators
        score = model.score(asked, truth) if times == 1 else np.nan
        found[name] = (times * np.median(fits[name]), times * np.median(asks[name]), score)
    return found


def binning(n_classes, X, y, repeats):
    """Return the seconds that the bins take, which all rounds share."""
    tree = HistTreeClassifier() if n_classes else HistTreeRegressor()
    return np.median([spent(tree.prepare, X, y)[1] for _ in range(repeats)])


def report(title, found, cells, bins):
    theirs, ours = found["theirs"], found["ours"]
    rounds = cells * ROUNDS
    print(
        f"{title:44} {theirs[0]:9.3f} {ours[0]:8.4f} {theirs[0] / ours[0]:6.0f}x"
        f" {theirs[1]:8.4f} {ours[1]:8.5f} {theirs[1] / ours[1]:6.1f}x"
        f" {theirs[2]:7.4f} {ours[2]:7.4f} {(ours[0] - bins) / rounds * 1e9:6.2f}"
    )


def classifiers(sizes, repeats):
    for n_rows, n_columns in sizes:
        for n_classes in (2, 4):
            for depth in (1, 3):
                if n_classes > 2 and n_rows > 10_000:
                    continue
                data = problem(n_rows, n_columns, n_classes)
                theirs = DecisionTreeClassifier(max_depth=depth)
                ours = HistTreeClassifier(max_depth=depth)
                n_theirs = FEWER if n_rows >= LARGE else ROUNDS
                models = {
                    "theirs": TheirClassifier(theirs, n_estimators=n_theirs, random_state=0),
                    "ours": AdaBoostClassifier(ours, n_estimators=ROUNDS, random_state=0),
                }
                found = measure(models, data, repeats)
                bins = binning(n_classes, data[0], data[1], repeats)
                star = "*" if n_theirs < ROUNDS else ""
                title = f"{n_rows} x {n_columns}, {n_classes} classes, depth {depth}{star}"
                report(title, found, data[0].size, bins)


def regressors(sizes, repeats):
    for n_rows, n_columns in sizes:
        data = problem(n_rows, n_columns, 0)
        models = {
            "theirs": TheirRegressor(
                DecisionTreeRegressor(max_depth=3), n_estimators=ROUNDS, random_state=0
            ),
            "ours": AdaBoostRegressor(n_estimators=ROUNDS, random_state=0),
        }
        found = measure(models, data, repeats)
        bins = binning(0, data[0], data[1], repeats)
        report(f"{n_rows} x {n_columns}, R2, depth 3", found, data[0].size, bins)


def algorithms(sizes, repeats):
    """Our own algorithms beside one another: there is nobody to compare the others with."""
    print(f"\n{'100 rounds of stumps':44} {'fit s':>9} {'score':>8} {'ns a cell':>10}")
    for n_rows, n_columns in sizes:
        X, y, asked, truth = problem(n_rows, n_columns, 2)
        bins = binning(2, X, y, repeats)
        for algorithm in ("SAMME", "real", "gentle", "logit"):
            model = AdaBoostClassifier(algorithm=algorithm, n_estimators=ROUNDS, random_state=0)
            taken = np.median([spent(model.fit, X, y)[1] for _ in range(repeats)])
            print(
                f"{f'{n_rows} x {n_columns}, {algorithm}':44} {taken:9.4f}"
                f" {model.score(asked, truth):8.4f} {(taken - bins) / X.size / ROUNDS * 1e9:10.2f}"
            )


def warm_up():
    """Compile every kernel that is timed."""
    for n_classes in (2, 4):
        X, y, *_ = problem(300, 8, n_classes)
        for algorithm in ("SAMME", "real", "gentle", "logit"):
            AdaBoostClassifier(algorithm=algorithm, n_estimators=3).fit(X, y).predict(X)
    X, y, *_ = problem(300, 8, 0)
    AdaBoostRegressor(n_estimators=3).fit(X, y).predict(X)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, nargs="+", default=[size[0] for size in SIZES])
    given = parser.parse_args()
    sizes = [size for size in SIZES if size[0] in given.rows]
    print(machine())
    warm_up()
    print(
        f"\n{'100 rounds':44} {'sklearn':>9} {'ours':>8} {'':>7} {'sklearn':>8} {'ours':>8} {'':>7}"
        f" {'sklearn':>7} {'ours':>7} {'ns':>6}"
        f"\n{'':44} {'fit s':>9} {'fit s':>8} {'ratio':>7} {'ask s':>8} {'ask s':>8} {'ratio':>7}"
        f" {'score':>7} {'score':>7} {'a cell':>6}"
    )
    classifiers(sizes, given.repeats)
    regressors([size for size in sizes if size[0] < LARGE], given.repeats)
    algorithms(sizes, given.repeats)


if __name__ == "__main__":
    main()
