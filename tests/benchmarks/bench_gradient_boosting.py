"""What the estimator costs on top of XGBoost: time to fit, time to predict, memory.

    python tests/benchmarks/bench_gradient_boosting.py [--rows 100000] [--columns 30]
    [--rounds 100] [--repeats 5] [--device cpu]

The same parameters on both sides, the conversion counted on both; medians of alternating runs in
process CPU time on one thread (wall-clock time on a GPU), and peak memory of fresh processes.
"""

import argparse
import time
import warnings

import numpy as np
import xgboost
from sklearn.datasets import make_classification
from timing import alternate, machine, peak_memory

from ensembles import GradientBoostingClassifier

warnings.simplefilter("ignore")

SAME = {"learning_rate": 0.1, "max_depth": 6, "colsample_bynode": 0.5, "max_bin": 256}

PROGRAM = """
import numpy as np, xgboost
X = np.random.default_rng(0).normal(size=({rows}, {columns})).astype(np.float32)
y = (X[:, 0] > 0).astype(np.int64)
parameters = {parameters}
"""
OURS = """
from ensembles import GradientBoostingClassifier
model = GradientBoostingClassifier(
    {rounds}, early_stopping=False, device={device!r}, n_jobs=1, random_state=0, **parameters
).fit(X, y)
model.predict_proba(X)
"""
THEIRS = """
import ensembles
matrix = xgboost.QuantileDMatrix(X, y, max_bin=256, nthread=1)
more = dict(objective="binary:logistic", device={device!r}, nthread=1, seed=0)
model = xgboost.train(parameters | more, matrix, {rounds})
chance = model.inplace_predict(X)
np.vstack((1 - chance, chance)).T
"""


def frame_of(X):
    """Name the columns, as users of pandas have them."""
    import pandas as pd

    return pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])


def compare(name, X, y, given, clock):
    """Print the times of fitting and predicting beside XGBoost's own, and whether they agree."""
    model = GradientBoostingClassifier(
        given.rounds,
        early_stopping=False,
        device=given.device,
        n_jobs=1,
        random_state=0,
        **SAME,
    )
    more = {"objective": "binary:logistic", "device": given.device, "nthread": 1, "seed": 0}

    def train():
        matrix = xgboost.QuantileDMatrix(X, y, max_bin=256, nthread=1)
        return xgboost.train(SAME | more, matrix, given.rounds)

    fits = alternate({"ours": lambda: model.fit(X, y), "theirs": train}, given.repeats, clock)
    booster = train()
    asks = {
        "ours": lambda: model.predict_proba(X),
        "theirs": lambda: booster.inplace_predict(X),
    }
    answers = alternate(asks, 3 * given.repeats, clock)
    same = np.array_equal(model.predict_proba(X)[:, 1], booster.inplace_predict(X))
    for doing, taken in (("fit", fits), ("predict", answers)):
        share = taken["ours"] / taken["theirs"] - 1
        print(
            f"{name:20} {doing:8} ours {taken['ours']:8.3f} s   XGBoost {taken['theirs']:8.3f} s   "
            f"{share:+7.1%}"
        )
    print(f"{name:20} predictions identical to the last bit: {same}")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    clock = time.process_time if given.device == "cpu" else time.perf_counter
    print(machine())
    X, y = make_classification(given.rows, given.columns, n_informative=10, random_state=0)
    compare("float64 array", X, y, given, clock)
    compare("float32 array", X.astype(np.float32), y, given, clock)
    compare("DataFrame", frame_of(X), y, given, clock)
    filled = vars(given) | {"rows": 10 * given.rows, "rounds": 10, "parameters": SAME}
    peaks = {
        name: peak_memory(PROGRAM.format(**filled) + program.format(**filled))
        for name, program in (("ours", OURS), ("theirs", THEIRS))
    }
    print(
        f"peak memory, {filled['rows']:,} rows of float32: ours {peaks['ours']:,.0f} MiB, XGBoost "
        f"{peaks['theirs']:,.0f} MiB ({peaks['ours'] / peaks['theirs']:.2f}x)"
    )


if __name__ == "__main__":
    main()
