"""Defaults against defaults: mean rank of log loss (classes) and RMSE (values).

    python tests/benchmarks/bench_defaults.py [--data FOLDER] [--folds 3] [--rows 10000]
    [--only NAME ...] [--seed 0] [--save FILE]
    python tests/benchmarks/bench_defaults.py --table FILE

Ours, XGBoost's, scikit-learn's HistGradientBoosting and LightGBM's, each with nothing set but the
seed and one thread, in repeated cross-validation on the same folds. Categories go to every library
in its own native way. `--data` (or ENSEMBLES_REAL_DATA) names a folder with a `load_real.py`; the
data sets that scikit-learn brings, and made-up ones, stand beside them, since the defaults were
chosen with some of these in sight: `--seed` draws other folds, rows and made-up numbers. Larger
data sets are cut to `--rows`. `--save` adds each result to a file as it comes, so that the data
sets may be run one by one; `--table` prints the table of such a file.
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path

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

NAMES = ("ours", "XGB", "HistGB", "LGBM")
SMALL = 3000
"""Rows below which the folds are drawn twice."""


def contenders(classes, seed):
    """Return what is compared, by name."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from xgboost import XGBClassifier, XGBRegressor

    pick = 0 if classes else 1
    ours = (GradientBoostingClassifier, GradientBoostingRegressor)[pick]
    xgb = (XGBClassifier, XGBRegressor)[pick]
    hist = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)[pick]
    lgbm = (LGBMClassifier, LGBMRegressor)[pick]
    return {
        "ours": lambda: ours(random_state=seed, n_jobs=1),
        "XGB": lambda: xgb(random_state=seed, n_jobs=1, enable_categorical=True),
        "HistGB": lambda: hist(random_state=seed),
        "LGBM": lambda: lgbm(random_state=seed, n_jobs=1, verbose=-1),
    }


def made_up(seed):
    """Yield the data sets that scikit-learn brings or makes: (name, X, y, whether classes)."""
    for name in ("breast_cancer", "wine", "digits", "iris", "diabetes"):
        data = getattr(bundled, f"load_{name}")()
        yield name, data.data, data.target, name != "diabetes"
    seeded = {"random_state": seed + 1}
    yield "friedman1", *bundled.make_friedman1(2000, noise=1.0, **seeded), False
    yield "friedman2", *bundled.make_friedman2(2000, noise=100.0, **seeded), False
    yield "friedman3", *bundled.make_friedman3(2000, noise=0.1, **seeded), False
    yield "regression", *bundled.make_regression(1500, 30, noise=20.0, **seeded), False
    yield "uncorrelated", *bundled.make_sparse_uncorrelated(3000, **seeded), False
    yield "swiss_roll", *bundled.make_swiss_roll(6000, noise=1.0, **seeded), False
    yield "hastie", *bundled.make_hastie_10_2(4000, **seeded), True
    options = {"n_informative": 8, "flip_y": 0.1} | seeded
    yield "clusters", *bundled.make_classification(3000, n_classes=3, **options), True
    yield "rare", *bundled.make_classification(6000, weights=[0.97], **options), True
    yield (
        "quantiles",
        *bundled.make_gaussian_quantiles(n_samples=1000, n_features=8, **seeded),
        True,
    )
    yield "moons", *bundled.make_moons(2000, noise=0.3, **seeded), True


def real(folder, most, seed):
    """Yield the data sets of a folder with a `load_real.py`."""
    sys.path.insert(0, folder)
    import load_real

    for name in load_real.names():
        X, y = load_real.load(name)
        rows = np.random.default_rng(seed).permutation(len(X))[:most]
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


def losses(X, y, classes, folds, seed):
    """Return the mean loss and the seconds of each contender."""
    splitter = RepeatedStratifiedKFold if classes else RepeatedKFold
    repeats = 2 if len(X) < SMALL else 1
    splits = list(splitter(n_splits=folds, n_repeats=repeats, random_state=seed).split(X, y))
    lost, taken = {}, {}
    for name, make in contenders(classes, seed).items():
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


def results(given):
    """Yield the result of each data set, as a dict of what JSON knows."""
    sources = [("bundled and made up", made_up(given.seed))]
    if given.data:
        sources.insert(0, ("real", real(given.data, given.rows, given.seed)))
    for kind, source in sources:
        for title, X, y, classes in source:
            if given.only and title not in given.only:
                continue
            y = np.unique(y, return_inverse=True)[1] if classes else np.asarray(y, float)
            lost, taken = losses(as_frame(X), y, classes, given.folds, given.seed)
            yield {
                "kind": kind,
                "title": title,
                "rows": len(X),
                "measure": "log loss" if classes else "RMSE",
                "seed": given.seed,
                "lost": lost,
                "seconds": taken,
            }


def say(result):
    """Print a row: the losses, and the seconds beside them."""
    lost, seconds = result["lost"], result["seconds"]
    print(
        f"{result['title']:16}{result['rows']:7} {result['seed']:5} {result['measure']:8}"
        + "".join(f"{lost[name]:10.4g}" for name in NAMES)
        + "  "
        + "".join(f"{seconds[name]:8.1f}" for name in NAMES),
        flush=True,
    )


def summarise(found):
    """Print mean ranks by kind, and how they hold when any one data set is left out."""
    kinds = sorted({result["kind"] for result in found}, reverse=True)
    for kind in [*kinds, "all"]:
        ranks = np.array(
            [
                rankdata([result["lost"][name] for name in NAMES])
                for result in found
                if kind in (result["kind"], "all")
            ]
        )
        print(
            f"{f'mean rank, {kind} ({len(ranks)})':38}"
            + "".join(f"{rank:10.2f}" for rank in ranks.mean(axis=0))
        )
        if len(ranks) > 2:
            without = (ranks.sum(axis=0) - ranks) / (len(ranks) - 1)
            lead = np.delete(without, 0, axis=1).min(axis=1) - without[:, 0]
            print(f"  the least lead of ours, one data set left out: {lead.min():+.2f}")
    against = {
        name: np.exp(np.mean([np.log(r["lost"][name] / r["lost"]["ours"]) for r in found]))
        for name in NAMES
    }
    print(f"{'loss over ours (geometric mean)':38}" + "".join(f"{against[n]:10.3f}" for n in NAMES))
    seconds = {name: sum(result["seconds"][name] for result in found) for name in NAMES}
    print(f"{'seconds':38}" + "".join(f"{seconds[name]:10.1f}" for name in NAMES))


def main():
    """Print a row per data set, and the mean ranks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("ENSEMBLES_REAL_DATA"))
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path)
    parser.add_argument("--table", type=Path)
    given = parser.parse_args()
    print(machine())
    print(
        f"{'data set':16}{'rows':>7} {'seed':>5} {'loss':8}"
        + "".join(f"{name:>10}" for name in NAMES)
        + "  "
        + "".join(f"{name + ' s':>8}" for name in NAMES)
    )
    found = []
    earlier = given.table.read_text().splitlines() if given.table else None
    for result in results(given) if earlier is None else map(json.loads, earlier):
        say(result)
        found.append(result)
        if given.save:
            with given.save.open("a") as file:
                file.write(json.dumps(result) + "\n")
    if found:
        summarise(found)


if __name__ == "__main__":
    main()
