"""Cost: no copy of the data, and no more done than XGBoost needs."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import asking, columns

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 5))
y = X[:, 0] + rng.normal(size=300)

PROGRAM = """
import numpy as np, pandas, xgboost, ensembles
X = np.random.default_rng(0).random(size=(400_000, 30), dtype=np.{kind})
{made}
y = (X[:, 0] > 0.5).astype(np.int64)
same = dict(max_depth=3, learning_rate=0.1)
"""
OURS = """
model = ensembles.GradientBoostingClassifier(
    2, early_stopping=False, device="cpu", n_jobs=1, random_state=0, **same
).fit(table, y)
model.predict_proba(table)
"""
THEIRS = """
more = dict(objective="binary:logistic", nthread=1, seed=0)
model = xgboost.train(same | more, xgboost.QuantileDMatrix(table, y, nthread=1), 2)
chance = model.inplace_predict(table)
np.vstack((1 - chance, chance)).T
"""
PEAK = """
lines = open("/proc/self/status").read().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def peak(program):
    """Return the most memory that a fresh process held, in MiB."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + PEAK],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return int(done.stdout.split()[-1]) / 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read as Linux says")
@pytest.mark.parametrize("made", ["table = X", "table = pandas.DataFrame(X)"])
def test_the_data_are_not_copied(made):
    """A copy of the table alone would be 92 MiB, a third of it all."""
    given = PROGRAM.format(kind="float64", made=made)
    ours, theirs = peak(given + OURS), peak(given + THEIRS)
    assert ours <= 1.1 * theirs


@pytest.mark.parametrize(
    "table", [X, X.astype(np.float32), np.asfortranarray(X)], ids=["C", "narrow", "Fortran"]
)
def test_an_array_reaches_xgboost_as_it_is(table, monkeypatch):
    made, asked = [], []

    def matrix(data, make=xgboost.QuantileDMatrix, **more):
        made.append(data)
        return make(data, **more)

    def ask(booster, data, *more, ask=asking.answers_of):
        asked.append(data)
        return ask(booster, data, *more)

    monkeypatch.setattr(xgboost, "QuantileDMatrix", matrix)
    monkeypatch.setattr(asking, "answers_of", ask)
    GradientBoostingRegressor(3, early_stopping=False).fit(table, y).predict(table)
    assert made[0] is table
    assert asked[0] is table


@pytest.mark.parametrize("few", [0, 10**6], ids=["column by column", "packed"])
def test_a_frame_is_packed_or_not_and_says_the_same(few, monkeypatch):
    frame = pd.DataFrame(
        {
            "city": pd.Categorical(rng.choice(["a", "b", "c"], 300)),
            "whole": rng.integers(-(2**40), 2**40, 300),
            "maybe": pd.array([None, 1, 2] * 100, dtype="Int64"),
            "flag": rng.random(300) > 0.5,
            "x": np.where(rng.random(300) < 0.1, np.nan, X[:, 0]),
            "narrow": X[:, 1].astype(np.float32),
        }
    )
    plain = GradientBoostingRegressor(10, early_stopping=False).fit(frame, y)
    answers = plain.predict(frame)
    monkeypatch.setattr(columns, "FEW_CELLS", few)
    again = GradientBoostingRegressor(10, early_stopping=False).fit(frame, y)
    np.testing.assert_array_equal(again.predict(frame), answers)
    np.testing.assert_array_equal(plain.predict(frame[:1]), answers[:1])


def test_columns_of_numbers_are_not_taken_out_of_a_frame(monkeypatch):
    """To take one out costs pandas as long as to count some thousand rows."""
    frame = pd.DataFrame(X).assign(city=pd.Categorical(rng.choice(["a", "b"], 300)))
    frame.columns = frame.columns.astype(str)
    taken = []

    class Places(type(frame.iloc)):
        def __getitem__(self, key):
            taken.append(key[1])
            return super().__getitem__(key)

    monkeypatch.setattr(pd.DataFrame, "iloc", property(lambda self: Places("iloc", self)))
    GradientBoostingRegressor(3, early_stopping=False).fit(frame, y)
    assert taken == [5, 5]


def test_training_looks_at_no_names(monkeypatch):
    """XGBoost fetches and compares the names of all columns in every round: a tenth of the time."""
    seen = []
    train = xgboost.train

    def watched(parameters, matrix, *arguments, **more):
        seen.append(matrix.feature_names)
        return train(parameters, matrix, *arguments, **more)

    monkeypatch.setattr(xgboost, "train", watched)
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = GradientBoostingRegressor(3, early_stopping=False).fit(frame, y)
    assert seen == [None]
    assert model.booster_.feature_names == list("abcde")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_number_of_threads_reaches_xgboost(n_jobs, monkeypatch):
    given = []
    train, make = xgboost.train, xgboost.QuantileDMatrix

    def watched(parameters, *arguments, **more):
        given.append(parameters["nthread"])
        return train(parameters, *arguments, **more)

    def matrix(data, **more):
        given.append(more["nthread"])
        return make(data, **more)

    monkeypatch.setattr(xgboost, "train", watched)
    monkeypatch.setattr(xgboost, "QuantileDMatrix", matrix)
    model = GradientBoostingClassifier(3, n_jobs=n_jobs, early_stopping=False).fit(X, y > 0)
    assert given == [n_jobs, n_jobs]
    config = json.loads(model.booster_.save_config())
    assert int(config["learner"]["generic_param"]["nthread"]) == n_jobs
