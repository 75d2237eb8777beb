"""Whether binning costs accuracy: bags of our trees beside bags of scikit-learn's exact trees.

    python tests/benchmarks/bench_accuracy.py [--data FOLDER] [--splits 10] [--rows 8000]
    [--members 20] [--only NAME ...]

Each data set is split at random, at least ten times; both bags are fitted and judged on the same
rows. The difference of their accuracy in percentage points (of their R2 in percent of
scikit-learn's) is given with the 95 % interval of the corrected resampled t-test, which widens the
naive one because the splits share rows (Nadeau and Bengio 2003, section 4). "Significantly worse"
is a one-sided test at 5 % over all the data sets and both kinds of ensemble together, Holm's
correction applied: with thirty comparisons one or two would fail by chance without it. Those that
fail without the correction are listed as well.

Both learn from the same numbers: categories are codes in alphabetical order, missing values NaN.
The last column is our bag told which columns are categories, where a data set has any.
`--data` (or ENSEMBLES_REAL_DATA) names a folder with a `load_real.py`; without it the synthetic
sets stand alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from dataclasses import dataclass

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402
from sklearn.datasets import make_classification, make_friedman1, make_regression  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit  # noqa: E402
from timing import machine  # noqa: E402

import ensembles  # noqa: E402

ALLOWED = {True: 0.2, False: 0.5}
"""Mean difference that passes: percentage points of accuracy, percent of R2."""
LEVEL = 0.05


@dataclass
class Task:
    """A data set; `categories` are the columns that hold codes of categories."""

    name: str
    X: np.ndarray
    y: np.ndarray
    classification: bool
    categories: list[int]


def synthetic():
    """Many distinct values, heavy tails, values crowded where they do not matter, ties,
    imbalance.
    """
    rng = np.random.default_rng(0)
    n = 20_000

    def classes(name, **options):
        X, y = make_classification(
            n, 20, n_informative=10, n_redundant=0, random_state=0, **options
        )
        return Task(name, X, y, True, [])

    yield classes("two classes", flip_y=0.05)
    yield classes("ten classes", n_classes=10, n_clusters_per_class=1)
    yield classes("1 % of one class", weights=[0.99])
    X, y = make_friedman1(n, 10, noise=1.0, random_state=0)
    yield Task("friedman", X, y, False, [])
    X, y = make_regression(n, 20, n_informative=10, noise=20.0, random_state=0)
    yield Task("linear", X, y, False, [])
    X = rng.lognormal(sigma=3.0, size=(n, 8))
    y = np.log(X[:, 0]) + np.log(X[:, 1]) * (X[:, 2] > 1) + rng.normal(size=n)
    yield Task("heavy tails", X, y, False, [])
    X = rng.standard_cauchy((n, 8))
    yield Task("cauchy", X, (np.arctan(X[:, 0]) + np.arctan(X[:, 1]) > 0).astype(int), True, [])
    X = rng.normal(size=(n, 8)).round(1)
    y = X[:, 0] * X[:, 1] + np.abs(X[:, 2]) + rng.normal(0, 0.5, n)
    X[rng.random(X.shape) < 0.1] = np.nan
    yield Task("ties and missing", X, y, False, [])


def real(folder):
    """The data sets of a folder with a `load_real.py`."""
    sys.path.insert(0, folder)
    import load_real

    for name in load_real.names():
        X, y = load_real.load(name, categorical="codes")
        known, kind = y.notna().to_numpy(), load_real.meta(name)
        X, y = X[known].select_dtypes("number"), y[known]
        classification = kind["task"] != "regression"
        target = (
            np.unique(y.astype(str), return_inverse=True)[1]
            if classification
            else y.to_numpy(float)
        )
        places = [j for j, column in enumerate(X.columns) if column in kind["categorical"]]
        yield Task(name, X.to_numpy(float), target, classification, places)


def bag(task, n_members, seed, **options):
    kind = ensembles.BaggingClassifier if task.classification else ensembles.BaggingRegressor
    tree = ensembles.HistTreeClassifier if task.classification else ensembles.HistTreeRegressor
    return kind(tree(**options), n_members, random_state=seed)


def their_bag(task, n_members, seed):
    kind = BaggingClassifier if task.classification else BaggingRegressor
    return kind(n_estimators=n_members, random_state=seed)


def their_forest(task, n_members, seed):
    kind = RandomForestClassifier if task.classification else RandomForestRegressor
    return kind(n_members, max_features="sqrt", random_state=seed)


PAIRS = {
    "bagging": (bag, their_bag),
    "forest": (lambda *a: bag(*a, max_features="sqrt"), their_forest),
}


def splits(task, n_splits, n_rows):
    """Yield (train, test): at most `n_rows` to learn from, as many again to be judged by."""
    n = len(task.y)
    train, test = min(n_rows, 2 * n // 3), min(n_rows, n - 2 * n // 3)
    if task.classification:
        chosen = StratifiedShuffleSplit(n_splits, train_size=train, test_size=test, random_state=0)
    else:
        chosen = ShuffleSplit(n_splits, train_size=train, test_size=test, random_state=0)
    return chosen.split(task.X, task.y)


def corrected_t(differences, n_train, n_test):
    """Mean, half the 95 % interval, and the one-sided p-value of a mean below 0 (Nadeau and
    Bengio 2003, equation 9).
    """
    n = len(differences)
    mean, spread = float(np.mean(differences)), float(np.std(differences, ddof=1))
    error = spread * np.sqrt(1 / n + n_test / n_train)
    if error == 0:
        return mean, 0.0, 0.5
    return mean, float(stats.t.ppf(0.975, n - 1) * error), float(stats.t.cdf(mean / error, n - 1))


def holm(p_values):
    """Adjust p-values so that 5 % is the chance of any false alarm among all (Holm 1979)."""
    p_values = np.asarray(p_values)
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def scores_of(task, n_splits, n_rows, n_members):
    """Return {name: one score a split}, and the rows that each split learns from and judges by."""
    found, sizes = {}, (0, 0)
    for seed, (train, test) in enumerate(splits(task, n_splits, n_rows)):
        sizes = len(train), len(test)
        models = {
            (pair, side): PAIRS[pair][side](task, n_members, seed)
            for pair in PAIRS
            for side in (0, 1)
        }
        if task.categories:
            models["categories"] = bag(task, n_members, seed, categorical_features=task.categories)
        for name, model in models.items():
            model.fit(task.X[train], task.y[train])
            found.setdefault(name, []).append(model.score(task.X[test], task.y[test]))
    return {name: np.array(said) for name, said in found.items()}, sizes


@dataclass
class Comparison:
    """What one pair of ensembles makes of one data set."""

    task: Task
    pair: str
    mean: float
    half: float
    p_value: float


def compare(task, n_splits, n_rows, n_members):
    # Small data sets are split more often: there a split costs little and says little.
    n_splits = n_splits * (3 if len(task.y) < 3000 else 1)
    scores, sizes = scores_of(task, n_splits, n_rows, n_members)
    shown, compared = [], []
    for pair in PAIRS:
        ours, theirs = scores[pair, 0], scores[pair, 1]
        unit = 100 if task.classification else 100 / abs(theirs.mean())
        mean, half, p = corrected_t(unit * (ours - theirs), *sizes)
        compared.append(Comparison(task, pair, mean, half, p))
        shown.append(f"{ours.mean():.4f} {theirs.mean():.4f} {mean:+6.2f} ± {half:4.2f}  p {p:.3f}")
    told = scores.get("categories")
    unit = "points" if task.classification else "% R2"
    print(
        f"{task.name:17} {sizes[0]:6} {n_splits:3} {unit:7} | {' | '.join(shown)} | "
        f"{'' if told is None else f'{told.mean():.4f}'}",
        flush=True,
    )
    return compared


def verdict(compared):
    """Say whether the means are within what is allowed, and whether any data set is significantly
    worse.
    """
    good = True
    for pair in PAIRS:
        for classification, unit in ((True, "percentage points"), (False, "% of R2")):
            means = [
                c.mean
                for c in compared
                if c.pair == pair and c.task.classification == classification
            ]
            if means:
                within = np.mean(means) >= -ALLOWED[classification]
                good &= bool(within)
                print(
                    f"{pair}: {np.mean(means):+.3f} {unit} on average over {len(means)} data sets, "
                    f"{'within' if within else 'NOT within'} {ALLOWED[classification]}; "
                    f"worst {min(means):+.2f}, best {max(means):+.2f}"
                )
    adjusted = holm([c.p_value for c in compared])
    for what, p_values in (("Holm-adjusted", adjusted), ("unadjusted", None)):
        worse = [
            f"{c.task.name} ({c.pair}, {c.mean:+.2f})"
            for i, c in enumerate(compared)
            if (c.p_value if p_values is None else p_values[i]) < LEVEL
        ]
        print(f"significantly worse at 5 %, {what}: {', '.join(worse) or 'none'}")
    good &= bool((adjusted >= LEVEL).all())
    print(f"verdict: {'as accurate as exact trees' if good else 'LESS ACCURATE than exact trees'}")
    return good


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("ENSEMBLES_REAL_DATA"))
    parser.add_argument("--splits", type=int, default=10, help="thrice as many below 3000 rows")
    parser.add_argument("--rows", type=int, default=8000, help="most rows to learn from")
    parser.add_argument("--members", type=int, default=20)
    parser.add_argument("--only", nargs="*", help="names of data sets")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    print(
        f"{given.members} members; scores are ours, scikit-learn's, and the difference with its "
        "95 % interval\n"
        f"{'':17} {'rows':>6} {'':3} {'':7} | {'bagging':42} | {'forest (sqrt)':42} | categories"
    )
    tasks = list(synthetic()) + (list(real(given.data)) if given.data else [])
    compared = []
    for task in tasks:
        if given.only is None or task.name in given.only:
            compared += compare(task, given.splits, given.rows, given.members)
    sys.exit(not verdict(compared))


if __name__ == "__main__":
    main()
