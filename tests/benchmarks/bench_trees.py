"""How fast trees are grown and asked, beside scikit-learn, LightGBM, XGBoost and oneDAL, in one
run.

    python tests/benchmarks/bench_trees.py [--data FOLDER] [--repeats 3] [--only NAME ...]
    [--quick] [--scaling] [--profile]

One thread, process CPU time, medians of alternating runs; accuracy (or R2) on held-out rows beside
every time. Peers that are not installed are skipped. `--data` (or ENSEMBLES_REAL_DATA) names a
folder with a `load_real.py`, whose data sets join the synthetic ones.
"""

import argparse
import os
import platform
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

import numpy as np  # noqa: E402
from sklearn.datasets import make_classification, make_regression  # noqa: E402
from sklearn.ensemble import (  # noqa: E402
    BaggingClassifier,
    BaggingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.model_selection import train_test_split  # noqa: E402
from timing import peak_memory  # noqa: E402

from ensembles import BaggingClassifier as BagClassifier  # noqa: E402
from ensembles import BaggingRegressor as BagRegressor  # noqa: E402
from ensembles.trees import HistTreeClassifier, HistTreeRegressor  # noqa: E402

warnings.simplefilter("ignore")
HELD_OUT = 5000
LARGE = """
import numpy as np
from ensembles import Bagging
rng = np.random.default_rng(0)
X = rng.random((10_000_000, 30), dtype=np.float32)
y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(0, 0.3, len(X)) > 0.75).astype(int)
bag = Bagging(n_estimators=2, n_jobs=2, random_state=0).fit(X, y)
assert bag.predict(X[:1000]).shape == (1000,)
"""


@dataclass
class Task:
    """A data set split into rows to learn from and rows held out, and the size of the ensemble."""

    name: str
    X: object
    y: np.ndarray
    X_test: object
    y_test: np.ndarray
    n_trees: int
    classification: bool


class Ours:
    """A bag of our trees, as users write it."""

    def __init__(self, task, max_features=None):
        learner, bag = HistTreeRegressor, BagRegressor
        if task.classification:
            learner, bag = HistTreeClassifier, BagClassifier
        self.tree = learner(max_features=max_features)
        self.model = bag(self.tree, n_estimators=task.n_trees, n_jobs=1, random_state=0)

    def fit(self, X, y):
        self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X)


class LightGBM:
    """LightGBM's forest mode at its best: all rows by weight of a bootstrap-like bag, deep
    leaf-wise trees.
    """

    def __init__(self, task, max_features=None):
        import lightgbm

        share = 1.0 if max_features is None else 1 / np.sqrt(task.X.shape[1])
        chosen = lightgbm.LGBMClassifier if task.classification else lightgbm.LGBMRegressor
        self.model = chosen(
            boosting_type="rf",
            n_estimators=task.n_trees,
            subsample=0.632,
            subsample_freq=1,
            num_leaves=4096,
            min_child_samples=1,
            min_child_weight=0.0,
            colsample_bynode=share,
            n_jobs=1,
            verbose=-1,
            random_state=0,
        )

    def fit(self, X, y):
        self.model.fit(X, y)
        return self

    def predict(self, X):
        return self.model.predict(X)


class XGBoost:
    """XGBoost's forest mode at its best: 64 bins, as deep as its default memory allows."""

    def __init__(self, task, max_features=None):
        import xgboost

        share = 1.0 if max_features is None else 1 / np.sqrt(task.X.shape[1])
        chosen = xgboost.XGBRFClassifier if task.classification else xgboost.XGBRFRegressor
        self.model = chosen(
            n_estimators=task.n_trees,
            max_depth=20,
            max_bin=64,
            subsample=0.632,
            colsample_bynode=share,
            reg_lambda=0,
            min_child_weight=0,
            tree_method="hist",
            n_jobs=1,
            random_state=0,
            enable_categorical=True,
        )

    def fit(self, X, y):
        self.classes = np.unique(y) if hasattr(self.model, "predict_proba") else None
        self.model.fit(X, y if self.classes is None else np.searchsorted(self.classes, y))
        return self

    def predict(self, X):
        said = self.model.predict(X)
        return said if self.classes is None else self.classes[said.astype(int)]


def one_dal(task, max_features=None):
    """oneDAL's forest, through scikit-learn-intelex."""
    import daal4py
    from sklearnex.ensemble import RandomForestClassifier as Classifier
    from sklearnex.ensemble import RandomForestRegressor as Regressor

    if np.isnan(task.X).any():
        raise ValueError("reads no missing values, and would grow scikit-learn's forest")
    daal4py.daalinit(1)
    chosen = Classifier if task.classification else Regressor
    return chosen(
        n_estimators=task.n_trees, max_features=max_features or 1.0, n_jobs=1, random_state=0
    )


def scikit_bagging(task, max_features=None):
    chosen = BaggingClassifier if task.classification else BaggingRegressor
    return chosen(n_estimators=task.n_trees, n_jobs=1, random_state=0)


def scikit_forest(task, max_features=None):
    chosen = RandomForestClassifier if task.classification else RandomForestRegressor
    return chosen(
        n_estimators=task.n_trees, max_features=max_features or 1.0, n_jobs=1, random_state=0
    )


PEERS = {
    "ours": Ours,
    "oneDAL": one_dal,
    "LightGBM rf": LightGBM,
    "XGBoost rf": XGBoost,
    "sklearn bagging": scikit_bagging,
    "sklearn forest": scikit_forest,
}
SLOW = ("sklearn bagging", "sklearn forest")


def synthetic(n_rows, n_columns, n_classes, n_trees, missing=0.0):
    """The sizes that the kernels were drafted on; no classes means a regression. `missing` is the
    share of the cells that are NaN.
    """
    n, informative = n_rows + HELD_OUT, n_columns // 2
    if n_classes:
        X, y = make_classification(
            n,
            n_columns,
            n_informative=informative,
            n_redundant=0,
            n_classes=n_classes,
            flip_y=0.05,
            random_state=0,
        )
    else:
        X, y = make_regression(n, n_columns, n_informative=informative, noise=20.0, random_state=0)
    X = X.astype(np.float32)
    X[np.random.default_rng(0).random(X.shape) < missing] = np.nan
    name = f"{n_rows}x{n_columns}" + (f" {n_classes} classes" if n_classes else " regression")
    name += f", {missing:.0%} missing" if missing else ""
    return Task(name, X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:], n_trees, bool(n_classes))


SYNTHETIC = [
    (1_000, 20, 2, 50),
    (1_000, 20, 0, 50),
    (10_000, 20, 2, 50),
    (10_000, 20, 5, 20),
    (10_000, 20, 0, 20),
    (10_000, 20, 2, 50, 0.1),
    (10_000, 20, 0, 20, 0.1),
    (50_000, 30, 2, 10),
    (50_000, 30, 0, 5),
]


def real(folder):
    """The data sets of a folder with a `load_real.py`, as numbers (a peer that reads no categories
    gets codes).
    """
    sys.path.insert(0, folder)
    import load_real

    for name in load_real.names():
        X, y = load_real.load(name, categorical="codes")
        kept = y.notna().to_numpy()
        X, y = X[kept].select_dtypes("number").to_numpy(np.float32), y[kept]
        classification = load_real.meta(name)["task"] != "regression"
        y = (
            np.unique(y.astype(str), return_inverse=True)[1]
            if classification
            else y.to_numpy(float)
        )
        X, X_test, y, y_test = train_test_split(X, y, random_state=0)
        yield Task(name, X, y, X_test, y_test, 50 if len(X) < 20_000 else 20, classification)


def spent(call):
    """Return what a call gives and the process CPU seconds it took."""
    start = time.process_time()
    given = call()
    return given, time.process_time() - start


def score(task, said):
    if task.classification:
        return float(np.mean(said == task.y_test))
    return float(1 - np.mean((said - task.y_test) ** 2) / np.var(task.y_test))


def measure(task, repeats, max_features, chosen):
    """Return {peer: (fit seconds, predict seconds, score)}, the peers taking turns."""
    fits, asks, scores = {}, {}, {}
    for turn in range(repeats):
        for name in chosen:
            if turn and name in SLOW and np.median(fits[name]) > 10:
                continue
            try:
                model = PEERS[name](task, max_features)
                model, fit = spent(lambda model=model: model.fit(task.X, task.y))
                said, ask = spent(lambda model=model: model.predict(task.X_test))
            except ImportError:
                continue
            except Exception as error:
                print(f"    {name}: {type(error).__name__}: {str(error)[:90]}")
                continue
            fits.setdefault(name, []).append(fit)
            asks.setdefault(name, []).append(ask)
            scores[name] = score(task, said)
    return {name: (np.median(fits[name]), np.median(asks[name]), scores[name]) for name in fits}


def report(task, max_features, found):
    print(
        f"\n{task.name}, {task.n_trees} trees, max_features={max_features}, "
        f"{len(task.y_test)} rows asked"
    )
    print(f"    {'':16} {'fit s':>8} {'ours is':>8} {'ask s':>8} {'ours is':>8} {'score':>8}")
    for name, (fit, ask, right) in found.items():
        own_fit, own_ask, _ = found.get("ours", (np.nan, np.nan, 0))
        print(
            f"    {name:16} {fit:8.3f} {fit / own_fit:7.1f}x "
            f"{ask:8.4f} {ask / own_ask:7.1f}x {right:8.4f}"
        )


def verdict(task, max_features, found):
    """Say how the fit compares with the fastest peer and with scikit-learn's bag, and what was
    wanted.
    """
    small = len(task.y) < 10_000
    own = found["ours"][0]
    others = [found[name][0] for name in found if name != "ours" and name not in SLOW]
    wanted = {"the fastest peer": (min(others), 1.5 if small else 2.5)} if others else {}
    if "sklearn bagging" in found:
        wanted["sklearn bagging"] = (found["sklearn bagging"][0], 8 if small else 20)
    for name, (seconds, times) in wanted.items():
        reached = "reached" if seconds / own >= times else "MISSED"
        print(f"    {seconds / own:.1f}x {name} ({times:g}x wanted: {reached})")


def profile():
    """Say in nodes of which size the time of a tree goes: a tree that stops at twice as many rows
    is timed against one that does not.
    """
    print(
        "\nmilliseconds a tree by the rows of the node, every column and the root of their number"
    )
    for size in SYNTHETIC[:5]:
        task = synthetic(*size)
        learner = HistTreeClassifier if task.classification else HistTreeRegressor
        for max_features in (None, "sqrt"):
            spans, before = [], None
            for least in (4096, 1024, 256, 64, 16, 4, 2):
                tree = learner(max_features=max_features, min_samples_split=least, random_state=0)
                prepared = tree.prepare(task.X, task.y)
                counts = np.bincount(
                    np.random.default_rng(0).integers(len(task.y), size=len(task.y))
                )
                rows = np.flatnonzero(counts)
                times = [
                    spent(lambda t=tree, p=prepared, r=rows, c=counts: t.fit_draw(p, r, c[r]))[1]
                    for _ in range(9)
                ]
                taken = 1000 * np.median(times)
                spans.append(f"{least}+: {taken - (before or 0):.2f}")
                before = taken
            print(
                f"    {task.name}, max_features={max_features}: {', '.join(spans)}; all {taken:.2f}"
            )


def scaling():
    """Nanoseconds a cell (rows x columns x depth) from 10^4 to 10^7 rows, and two threads against
    one.
    """
    print("\nscaling: one tree of depth 12, 10 columns")
    for n in (10_000, 100_000, 1_000_000, 10_000_000):
        rng = np.random.default_rng(0)
        X = rng.random((n, 10), dtype=np.float32)
        y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(0, 0.3, n) > 0.75).astype(int)
        tree = HistTreeClassifier(max_depth=12, random_state=0)
        tree.fit(X[:1000], y[:1000])  # compiles, or reads, the kernels
        prepared, binning = spent(lambda X=X, y=y, tree=tree: tree.prepare(X, y))
        _, growing = spent(lambda p=prepared, tree=tree: tree.fit_draw(p))
        print(
            f"    {n:>10} rows: bin {binning / n / 10 * 1e9:6.1f} ns a cell, "
            f"grow {growing / n / 120 * 1e9:6.2f} ns"
        )
    task = synthetic(*SYNTHETIC[2])
    prepared = HistTreeClassifier().prepare(task.X, task.y)

    def grow(seed):
        drawn = np.random.default_rng(seed).permutation(10_000)[:6_320]
        return HistTreeClassifier(random_state=seed).fit_draw(prepared, drawn)

    walls = {}
    for n_threads in (1, 2, 1, 2, 1, 2):
        start = time.perf_counter()
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(grow, range(40)))
        walls.setdefault(n_threads, []).append(time.perf_counter() - start)
    print(f"    two threads: {np.median(walls[1]) / np.median(walls[2]):.2f}x one (wall time)")
    print(f"    a bag of two on 10 000 000 x 30: {peak_memory(LARGE) / 1024:.1f} GiB at its peak")


def versions():
    known = []
    for name in ("numpy", "numba", "scikit-learn", "lightgbm", "xgboost", "scikit-learn-intelex"):
        try:
            known.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            known.append(f"{name} absent")
    return ", ".join(known)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("ENSEMBLES_REAL_DATA"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument(
        "--quick", action="store_true", help="leave out 50 000 rows and scikit-learn"
    )
    parser.add_argument(
        "--scaling", action="store_true", help="only the cost per cell and two threads"
    )
    parser.add_argument("--profile", action="store_true", help="only where a tree's time goes")
    given = parser.parse_args()
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}"
    )
    print(versions())
    if given.scaling or given.profile:
        scaling() if given.scaling else profile()
        return
    sizes = [s for s in SYNTHETIC if not given.quick or s[0] < 50_000]
    chosen = [name for name in given.only if not given.quick or name not in SLOW]
    tasks = [synthetic(*size) for size in sizes] + (list(real(given.data)) if given.data else [])
    ratios = []
    for task in tasks:
        warm = Task(**{**task.__dict__, "n_trees": 1})
        Ours(warm).fit(warm.X, warm.y).predict(warm.X_test)
        for max_features in (None, "sqrt"):
            peers = [name for name in chosen if max_features is None or name != "sklearn bagging"]
            found = measure(task, given.repeats, max_features, peers)
            report(task, max_features, found)
            if len(found) > 1:
                verdict(task, max_features, found)
            if max_features is None and "ours" in found:
                ratios.append((task, found))
    for name in chosen[1:]:
        gaps = [found["ours"][2] - found[name][2] for _, found in ratios if name in found]
        if gaps:
            print(
                f"mean of our score less that of {name}: {np.mean(gaps):+.4f} over "
                f"{len(gaps)} data sets, worst {min(gaps):+.4f}"
            )


if __name__ == "__main__":
    main()
