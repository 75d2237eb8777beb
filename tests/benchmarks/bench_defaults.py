"""Defaults against defaults: mean rank of log loss (classes) and RMSE (values).

    python tests/benchmarks/bench_defaults.py [--data FOLDER] [--folds 3] [--rows 10000]
    [--only NAME ...]

Ours, XGBoost's, scikit-learn's HistGradientBoosting and LightGBM's, each with nothing set but the
seed and one thread, in repeated cross-validation on the same folds. Categories go to every library
in its own native way. `--data` (or ENSEMBLES_REAL_DATA) names a folder with a `load_real.py`; the
data sets that scikit-learn brings, and made-up ones, stand beside them, since the defaults were
chosen with some of these in sight. Larger data sets are cut to `--rows`.
"""

import argparse
import os
import sys
import time
import warnings
from itertools import chain

import numpy as np
import pandas as pd
import sklearn.datasets as bundled
from scipy.stats import rankdata
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss, root_mean_squared_error
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold
from timing import machine

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor

warnings.simplefilter("ignore")

SMALL = 3000
"""Rows below which the folds are drawn twice."""


def contenders(classes):
    """Return what is compared, by name."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from xgboost import XGBClassifier, XGBRegressor

    pick = 0 if classes else 1
    ours = (GradientBoostingClassifier, GradientBoostingRegressor)[pick]
    xgb = (XGBClassifier, XGBRegressor)[pick]
    hist = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)[pick]
    lgbm = (LGBMClassifier, LGBMRegressor)[pick]
    return {
        "ours": lambda: ours(random_state=0, n_jobs=1),
        "XGB": lambda: xgb(random_state=0, n_jobs=1, enable_categorical=True),
        "HistGB": lambda: hist(random_state=0),
        "LGBM": lambda: lgbm(random_state=0, n_jobs=1, verbose=-1),
    }


def made_up():
    """Yield the data sets that scikit-learn brings or makes: (name, X, y, whether classes)."""
    for name in ("breast_cancer", "wine", "digits", "iris", "diabetes"):
        data = getattr(bundled, f"load_{name}")()
        yield name, data.data, data.target, name != "diabetes"
    yield "friedman1", *bundled.make_friedman1(2000, noise=1.0, random_state=1), False
    yield "friedman2", *bundled.make_friedman2(2000, noise=100.0, random_state=1), False
    yield "friedman3", *bundled.make_friedman3(2000, noise=0.1, random_state=1), False
    yield "regression", *bundled.make_regression(1500, 30, noise=20.0, random_state=1), False
    yield "hastie", *bundled.make_hastie_10_2(4000, random_state=1), True
    options = {"n_informative": 8, "flip_y": 0.1, "random_state": 1}
    yield "clusters", *bundled.make_classification(3000, n_classes=3, **options), True
    yield "moons", *bundled.make_moons(2000, noise=0.3, random_state=1), True


def real(folder, most):
    """Yield the data sets of a folder with a `load_real.py`."""
    sys.path.insert(0, folder)
    import load_real

    for name in load_real.names():
        X, y = load_real.load(name)
        rows = np.random.default_rng(0).permutation(len(X))[:most]
        yield name, X.iloc[rows], y.iloc[rows], load_real.meta(name)["task"] != "regression"


def as_frame(X):
    """Return a frame with plain names, its text as categories."""
    frame = pd.DataFrame(X).reset_index(drop=True)
    frame.columns = [f"c{i}" for i in range(frame.shape[1])]
    for name, column in frame.items():
        if not pd.api.types.is_numeric_dtype(column) or isinstance(
            column.dtype, pd.CategoricalDtype
        ):
            frame[name] = column.astype("category")
    return frame


def few_levels(X):
    """Turn the categories that HistGradientBoosting refuses (over 255 levels) into codes."""
    X = X.copy()
    for name, column in X.items():
        if isinstance(column.dtype, pd.CategoricalDtype) and len(column.cat.categories) > 255:
            X[name] = column.cat.codes.astype(float).where(column.notna())
    return X


def losses(X, y, classes, folds, names):
    """Return the mean loss and the seconds of each contender."""
    splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
    repeats = 2 if len(X) < SMALL else 1
    splits = list(splitter(n_splits=folds, n_repeats=repeats, random_state=0).split(X, y))
    lost, taken = {}, {}
    for name, make in contenders(classes).items():
        if name not in names:
            continue
        table = few_levels(X) if name == "HistGB" else X
        start = time.perf_counter()
        lost[name] = np.mean(
            [loss(make(), table, y, classes, learn, judge) for learn, judge in splits]
        )
        taken[name] = time.perf_counter() - start
    return lost, taken


def loss(model, X, y, classes, learn, judge):
    """Return log loss or RMSE on the rows held out."""
    model.fit(X.iloc[learn], y[learn])
    if not classes:
        return root_mean_squared_error(y[judge], model.predict(X.iloc[judge]))
    return log_loss(y[judge], model.predict_proba(X.iloc[judge]), labels=np.unique(y))


def main():
    """Print a row per data set, and the mean ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("ENSEMBLES_REAL_DATA"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", nargs="*")
    given = parser.parse_args()
    names = ["ours", "XGB", "HistGB", "LGBM"]
    print(machine())
    print(f"{'data set':16}{'rows':>7} {'loss':8}" + "".join(f"{name:>10}" for name in names))
    ranks = {"real": [], "bundled and made up": []}
    sources = [("bundled and made up", made_up())]
    if given.data:
        sources.insert(0, ("real", real(given.data, given.rows)))
    seconds = dict.fromkeys(names, 0.0)
    for kind, source in sources:
        for title, X, y, classes in source:
            if given.only and title not in given.only:
                continue
            y = np.unique(y, return_inverse=True)[1] if classes else np.asarray(y, float)
            lost, taken = losses(as_frame(X), y, classes, given.folds, names)
            seconds = {name: seconds[name] + taken[name] for name in names}
            ranks[kind].append(rankdata([lost[name] for name in names]))
            print(
                f"{title:16}{len(X):7} {'log loss' if classes else 'RMSE':8}"
                + "".join(f"{lost[name]:10.4g}" for name in names),
                flush=True,
            )
    for kind, found in [*ranks.items(), ("all", [*chain.from_iterable(ranks.values())])]:
        if found:
            mean = np.mean(found, axis=0)
            title = f"mean rank, {kind}"
            print(f"{title:32}" + "".join(f"{rank:10.2f}" for rank in mean))
    print(f"{'seconds':32}" + "".join(f"{seconds[name]:10.1f}" for name in names))


if __name__ == "__main__":
    main()
