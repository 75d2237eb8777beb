"""Calling: XGBoost's answers to the bit, by a shorter way than its own."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pandas as pd
import pytest
import xgboost

from ensembles import GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import calling
from ensembles.gradient_boosting.calling import answers_of

rng = np.random.default_rng(0)
X = np.where(rng.random((300, 4)) < 0.1, np.nan, rng.normal(size=(300, 4)))
X[::7, 1] = -999.0
Y = np.nan_to_num(X[:, 0]) + rng.normal(size=300)


def read_only(X):
    """Return a copy that must not be written to."""
    X = X.copy()
    X.flags.writeable = False
    return X


def with_text(X):
    """Return a frame whose first column is of twelve categories."""
    frame = pd.DataFrame(X, columns=list("abcd"))
    return frame.assign(a=pd.Categorical(rng.choice(list("abcdefghijkl"), len(X))))


TABLES = {
    "rows": X,
    "columns": np.asfortranarray(X),
    "narrow": X.astype(np.float32),
    "whole": np.nan_to_num(9 * X).astype(np.int64),
    "narrow whole": np.nan_to_num(9 * X).astype(np.int32),
    "every other row": X[::2],
    "upside down": X[::-1],
    "a part": np.hstack((X, X))[:, 2:6],
    "one row": X[5:6],
    "read-only": read_only(X),
}
MODELS = {
    "value": lambda: GradientBoostingRegressor(12, early_stopping=False).fit(X, Y),
    "two classes": lambda: GradientBoostingClassifier(12).fit(X, Y > 0),
    "four classes": lambda: GradientBoostingClassifier(12).fit(X, np.digitize(Y, [-1, 0, 1])),
    "quantiles": lambda: GradientBoostingRegressor(12, quantiles=[0.1, 0.5, 0.9]).fit(X, Y),
    "two targets": lambda: GradientBoostingRegressor(12).fit(X, np.column_stack((Y, -Y))),
    "dart": lambda: GradientBoostingRegressor(12, booster="dart", skip_drop=0.0).fit(X, Y),
    "categories": lambda: GradientBoostingRegressor(12).fit(with_text(X), Y),
}


@pytest.fixture(scope="module", params=MODELS)
def booster(request):
    """One booster of each kind."""
    return MODELS[request.param]().booster_


@pytest.mark.parametrize("table", TABLES)
def test_the_answers_are_those_of_xgboost_to_the_bit(booster, table):
    table = TABLES[table]
    for margin, n_rounds, missing in product((False, True), (0, 5), (np.nan, -999.0, 0)):
        expected = booster.inplace_predict(
            table,
            iteration_range=(0, n_rounds),
            predict_type="margin" if margin else "value",
            missing=missing,
        )
        found = answers_of(booster, table, margin, n_rounds, missing)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize(
    "table",
    [X.astype(np.float16), X > 0, X.astype(object), X.astype(">f8"), X.tolist(), pd.DataFrame(X)],
    ids=["half", "flags", "objects", "bytes swapped", "a list", "a frame"],
)
def test_other_tables_are_left_to_xgboost(table):
    booster = MODELS["value"]().booster_
    assert answers_of(booster, table, False, 0, np.nan) is None


def test_a_table_between_two_words_is_left_to_xgboost():
    packed = np.zeros(len(X), dtype=[("flag", "i1"), ("x", "f8", 4)])
    packed["x"] = X
    model = MODELS["value"]()
    assert answers_of(model.booster_, packed["x"], False, 0, np.nan) is None
    np.testing.assert_array_equal(model.predict(packed["x"]), model.predict(X))


def test_what_xgboost_refuses_is_refused_in_its_own_words():
    """Rounds that are not there, as a booster that was cut short behind our back would have."""
    booster = MODELS["value"]().booster_
    assert answers_of(booster, X, False, 99, np.nan) is None
    with pytest.raises(xgboost.core.XGBoostError):
        booster.inplace_predict(X, iteration_range=(0, 99))


def test_an_answer_stays_when_the_next_is_asked_for():
    """XGBoost writes every answer of a thread to the same place."""
    model = MODELS["value"]()
    first = model.predict(X)
    kept = first.copy()
    model.predict(X[::-1])
    np.testing.assert_array_equal(first, kept)
    assert first.flags.owndata
    assert first.flags.writeable


def test_threads_do_not_read_each_others_answers():
    model = MODELS["four classes"]()
    parts = [X[i : i + 1 + i % 7] for i in range(0, 280, 4)]
    expected = [model.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(model.predict_proba, parts * 5))
    for i, answers in enumerate(found):
        np.testing.assert_array_equal(answers, expected[i % len(parts)])


def test_arrays_and_small_frames_take_the_short_way(monkeypatch):
    """The long one spends more on its own Python than on a hundred trees, for one row."""
    monkeypatch.delattr(xgboost.Booster, "inplace_predict")
    model = MODELS["two classes"]()
    assert model.predict_proba(X[:1]).shape == (1, 2)
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert GradientBoostingRegressor(3).fit(frame, Y).predict(frame).shape == (300,)


def test_few_rows_wake_no_other_threads(monkeypatch):
    """One row waited for threads that had nothing to do: 10 ms in the place of 0.6, under load."""
    number, set_number = calling._openmp()
    seen = []
    predict = calling._predict()
    monkeypatch.setattr(
        calling,
        "_predict",
        lambda: lambda *question: (seen.append(number()), predict(*question))[1],
    )
    model = MODELS["value"]()
    before = number()
    set_number(3)
    try:
        found = model.predict(X[:64]), model.predict(X[:65])
        assert seen == [1, 3]
        assert number() == 3
    finally:
        set_number(before)
    np.testing.assert_array_equal(found[0], found[1][:64])


def test_the_number_of_threads_comes_back_when_xgboost_refuses():
    number, _ = calling._openmp()
    before = number()
    assert answers_of(MODELS["value"]().booster_, X[:1], False, 99, np.nan) is None
    assert number() == before


def test_few_rows_are_answered_where_openmp_is_out_of_reach(monkeypatch):
    model = MODELS["value"]()
    expected = model.predict(X[:5])
    monkeypatch.setattr(calling, "_openmp", lambda: None)
    np.testing.assert_array_equal(model.predict(X[:5]), expected)
