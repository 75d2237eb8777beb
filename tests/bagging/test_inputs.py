"""Tables, labels and weights of every kind: the same ensemble as from the plain float64 array."""

import hashlib
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from ensembles import Bagging, BaggingClassifier, BaggingRegressor, BayesianBootstrap

RNG = np.random.default_rng(0)
COUNTS = RNG.integers(-4, 5, size=(60, 3)).astype(np.float64)
"""Small whole numbers: exactly representable in every dtype there is."""
SIGNS = (RNG.random((60, 3)) > 0.5).astype(np.float64)
LABELS = np.where(COUNTS[:, 0] + RNG.normal(size=60) > 0, "up", "down")
VALUES = COUNTS @ [3.0, -1.0, 0.5] + RNG.normal(size=60)
NAMES = ["a", "b", "c"]


@pytest.fixture(autouse=True, scope="module")
def one_openmp_thread():
    """Two threads that wait for each other on a busy machine take longer than one."""
    with threadpool_limits(1, user_api="openmp"):
        yield


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps every table it is handed."""

    asked: list = []  # noqa: RUF012 (clones share it, which is the point)

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        type(self).asked.append(X)
        return np.full(X.shape[0], self.classes_[0])


def memory_map(array, tmp_path):
    joblib.dump(array, tmp_path / "X.joblib")
    return joblib.load(tmp_path / "X.joblib", mmap_mode="r")


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def strided(array):
    wide = np.zeros((2 * len(array), 2 * array.shape[1]))
    wide[::2, ::2] = array
    return wide[::2, ::2]


TABLES = {
    "float16": lambda X: X.astype(np.float16),
    "float32": lambda X: X.astype(np.float32),
    "longdouble": lambda X: X.astype(np.longdouble),
    "big-endian": lambda X: X.astype(">f8"),
    "int8": lambda X: X.astype(np.int8),
    "int16": lambda X: X.astype(np.int16),
    "int64": lambda X: X.astype(np.int64),
    "object": lambda X: X.astype(object),
    "Python ints": lambda X: X.astype(int).astype(object),
    "Fortran": np.asfortranarray,
    "strided": strided,
    "reversed": lambda X: X[::-1].copy()[::-1],
    "read-only": read_only,
    "list": lambda X: X.tolist(),
    "tuples": lambda X: tuple(map(tuple, X)),
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_matrix,
    "lil": sparse.lil_matrix,
    "csr array": sparse.csr_array,
    "csc array": sparse.csc_array,
    "matrix of longs": lambda X: sparse.csr_matrix(X.astype(np.int64)),
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "pandas without names": pd.DataFrame,
    "pandas with an odd index": lambda X: pd.DataFrame(X, NAMES * 20, columns=NAMES),
    "pandas ints": lambda X: pd.DataFrame(X.astype(int), columns=NAMES),
    "pandas mixed": lambda X: pd.DataFrame(X, columns=NAMES).astype({"b": "float32", "c": int}),
    "pandas nullable": lambda X: pd.DataFrame(X, columns=NAMES).astype("Float64"),
    "pandas Int64": lambda X: pd.DataFrame(X, columns=NAMES).astype("Int64"),
    "pandas pyarrow": lambda X: pd.DataFrame(X, columns=NAMES).astype("double[pyarrow]"),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
    "polars ints": lambda X: pl.DataFrame(X.astype(np.int32), schema=NAMES),
}


@pytest.mark.parametrize("kind", [*TABLES, "memory map"])
@pytest.mark.parametrize("max_features", [1.0, 2])
def test_every_kind_of_table_is_the_float64_array(kind, max_features, tmp_path):
    table = memory_map(COUNTS, tmp_path) if kind == "memory map" else TABLES[kind](COUNTS)
    settings = {"n_estimators": 5, "max_features": max_features, "random_state": 0}
    for make, y, method in (
        (BaggingClassifier, LABELS, "predict_proba"),
        (BaggingRegressor, VALUES, "predict"),
    ):
        plain = make(oob_score=False, **settings).fit(COUNTS, y)
        bag = make(**settings).fit(table, y)
        np.testing.assert_array_equal(getattr(bag, method)(table), getattr(plain, method)(COUNTS))


@pytest.mark.parametrize("kind", ["bool", "object bool", "pandas bool", "boolean"])
def test_tables_of_truths(kind):
    table = {
        "bool": SIGNS.astype(bool),
        "object bool": SIGNS.astype(bool).astype(object),
        "pandas bool": pd.DataFrame(SIGNS.astype(bool), columns=NAMES),
        "boolean": pd.DataFrame(SIGNS, columns=NAMES).astype(bool).astype("boolean"),
    }[kind]
    plain = BaggingRegressor(n_estimators=5, random_state=0).fit(SIGNS, VALUES)
    bag = clone(plain).fit(table, VALUES)
    np.testing.assert_array_equal(bag.predict(table), plain.predict(SIGNS))


@pytest.mark.parametrize("kind", ["float16", "Fortran", "list", "csr", "csc", "polars"])
def test_out_of_bag_does_not_depend_on_the_kind_of_table(kind):
    settings = {"n_estimators": 30, "oob_score": True, "random_state": 0}
    plain = BaggingRegressor(**settings).fit(COUNTS, VALUES)
    bag = BaggingRegressor(**settings).fit(TABLES[kind](COUNTS), VALUES)
    np.testing.assert_array_equal(bag.oob_prediction_, plain.oob_prediction_)
    assert bag.oob_score_ == plain.oob_score_


@pytest.mark.parametrize("container", ["array", "pandas", "nullable", "polars", "polars-nan"])
def test_missing_values_reach_a_tree_that_can_take_them(container):
    """scikit-learn's trees can; nan, NA and null mean the same."""
    holed = np.where(RNG.random((60, 3)) < 0.2, np.nan, COUNTS)
    table = {
        "array": holed,
        "pandas": pd.DataFrame(holed, columns=NAMES),
        "nullable": pd.DataFrame(holed, columns=NAMES).convert_dtypes(),
        "polars": pl.DataFrame(holed, schema=NAMES).fill_nan(None),
        "polars-nan": pl.DataFrame(holed, schema=NAMES),
    }[container]
    plain = BaggingRegressor(n_estimators=5, random_state=0).fit(holed, VALUES)
    bag = clone(plain).fit(table, VALUES)
    np.testing.assert_array_equal(bag.predict(table), plain.predict(holed))


# ---------------------------------------------------------------------------------------------
# DataFrames


def mixed_frame(container=pd):
    """A category, a nullable integer with gaps, a float with gaps and a text column."""
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "green", "blue"], 80)
    amount = rng.normal(size=80)
    target = np.where((colour == "red") ^ (rng.random(80) < 0.05), "yes", "no")
    if container is pl:
        frame = pl.DataFrame(
            {
                "colour": pl.Series(colour.tolist(), dtype=pl.Categorical),
                "amount": pl.Series([None if a > 1 else float(a) for a in amount]),
            }
        )
    else:
        frame = pd.DataFrame(
            {
                "colour": pd.Categorical(colour),
                "amount": pd.Series(amount).mask(amount > 1),
            }
        )
    return frame, target


@pytest.mark.parametrize("container", [pd, pl], ids=["pandas", "polars"])
def test_categories_and_missing_values_reach_hist_gradient_boosting(container):
    """The colour alone decides, and no colour is a number."""
    frame, y = mixed_frame(container)
    base = HistGradientBoostingClassifier(max_iter=20, min_samples_leaf=5)
    bag = BaggingClassifier(base, n_estimators=4, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        bag.fit(frame, y)
    assert bag.oob_score_ > 0.8
    for member in bag:
        np.testing.assert_array_equal(member.feature_names_in_, ["colour", "amount"])
        np.testing.assert_array_equal(member.is_categorical_, [True, False])
    assert accuracy_score(y, bag.predict(frame)) > 0.9


def test_categories_and_missing_values_reach_lightgbm():
    lightgbm = pytest.importorskip("lightgbm")
    frame, y = mixed_frame()
    base = lightgbm.LGBMClassifier(
        n_estimators=20,
        min_child_samples=5,
        cat_smooth=1,
        min_data_per_group=1,
        verbose=-1,
        n_jobs=1,
    )
    bag = BaggingClassifier(base, n_estimators=4, random_state=0).fit(frame, y)
    assert accuracy_score(y, bag.predict(frame)) > 0.9
    for member in bag:
        assert member.booster_.pandas_categorical == [["blue", "green", "red"]]
        assert list(member.feature_name_) == ["colour", "amount"]


@pytest.mark.parametrize("container", [pd, pl], ids=["pandas", "polars"])
def test_the_frame_a_member_sees_is_a_cut_of_the_users(container):
    """Names and dtypes, at fit and at predict, out-of-bag rows included."""
    frame, y = mixed_frame(container)
    Spy.asked.clear()
    bag = BaggingClassifier(Spy(), n_estimators=30, oob_score=True, random_state=0).fit(frame, y)
    bag.predict(frame)
    seen = [member.X_ for member in bag] + Spy.asked
    assert len(seen) == 90
    for table in seen:
        assert type(table) is type(frame)
        assert list(table.columns) == ["colour", "amount"]
        assert list(table.dtypes) == list(frame.dtypes)
    first, rows = bag[0].X_, bag.estimators_samples_[0]
    assert first.equals(frame.iloc[rows] if container is pd else frame[rows])


def test_drawn_columns_keep_their_names_and_repeats_get_one_of_their_own():
    frame = pd.DataFrame(COUNTS, columns=NAMES)
    bag = BaggingClassifier(Spy(), n_estimators=20, bootstrap_features=True, random_state=0)
    bag.fit(frame, LABELS)
    repeats = 0
    for member, rows, columns in zip(
        bag, bag.estimators_samples_, bag.estimators_features_, strict=True
    ):
        assert member.X_.columns.is_unique
        assert [name.partition("__")[0] for name in member.X_.columns] == [
            NAMES[column] for column in columns
        ]
        np.testing.assert_array_equal(member.X_.to_numpy(), COUNTS[np.ix_(rows, columns)])
        repeats += len(set(columns.tolist())) < 3
    assert repeats > 5


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function", "predict_all"]


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("max_features", [1.0, 2])
def test_frames_at_fit_and_predict_give_no_warning(container, n_jobs, max_features):
    frame = container(dict(zip(NAMES, COUNTS.T, strict=True)))
    bag = BaggingClassifier(
        LogisticRegression(),
        n_estimators=16,
        max_features=max_features,
        oob_score=True,
        n_jobs=n_jobs,
        random_state=0,
    )
    plain = clone(bag).set_params(n_jobs=None).fit(COUNTS, LABELS)
    with warnings.catch_warnings(), joblib.parallel_config("threading"):
        warnings.simplefilter("error")
        bag.fit(frame, LABELS)
        for method in METHODS:
            answer, expected = getattr(bag, method)(frame), getattr(plain, method)(COUNTS)
            if answer.dtype.kind == "f":  # a frame is in column order, where BLAS sums otherwise
                np.testing.assert_allclose(answer, expected, rtol=1e-12)
            else:
                np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("base", [None, LogisticRegression()], ids=["tree", "logistic"])
def test_an_array_asked_of_a_bag_fitted_on_a_frame_is_one_warning_of_ours(container, base):
    frame = container(dict(zip(NAMES, COUNTS.T, strict=True)))
    bag = BaggingClassifier(base, n_estimators=4, random_state=0).fit(frame, LABELS)
    expected = bag.predict_proba(frame)
    with pytest.warns(UserWarning, match="valid feature names") as said:
        answer = bag.predict_proba(COUNTS)
    assert [str(warning.message) for warning in said] == [
        "X does not have valid feature names, but BaggingClassifier was fitted with feature names"
    ]
    np.testing.assert_array_equal(answer, expected)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("base", [None, LogisticRegression()], ids=["tree", "logistic"])
def test_a_frame_asked_of_a_bag_fitted_on_an_array_is_one_warning_of_ours(container, base):
    frame = container(dict(zip(NAMES, COUNTS.T, strict=True)))
    bag = BaggingClassifier(base, n_estimators=4, random_state=0).fit(COUNTS, LABELS)
    with pytest.warns(UserWarning, match="has feature names") as said:
        answer = bag.predict_proba(frame)
    assert [str(warning.message) for warning in said] == [
        "X has feature names, but BaggingClassifier was fitted without feature names"
    ]
    np.testing.assert_allclose(answer, bag.predict_proba(COUNTS), rtol=1e-12)


@pytest.mark.parametrize("fitted_on", ["pandas", "polars"])
def test_pandas_and_polars_may_take_turns(fitted_on):
    frames = {kind: TABLES[kind](COUNTS) for kind in ("pandas", "polars")}
    bag = BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0)
    bag.fit(frames[fitted_on], LABELS)
    np.testing.assert_array_equal(
        bag.predict_proba(frames["pandas"]), bag.predict_proba(frames["polars"])
    )


@pytest.mark.parametrize("fitted_on", ["pandas", "polars", "csr", "array"])
@pytest.mark.parametrize("asked", ["pandas", "polars", "csr", "array"])
def test_whatever_was_fitted_whatever_is_asked(fitted_on, asked):
    """Dense and sparse, frame and array: the numbers are what counts."""
    table = {**TABLES, "array": np.asarray}
    bag = BaggingRegressor(n_estimators=3, random_state=0).fit(table[fitted_on](COUNTS), VALUES)
    expected = BaggingRegressor(n_estimators=3, random_state=0).fit(COUNTS, VALUES)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X (has|does not have valid) feature names")
        answer = bag.predict(table[asked](COUNTS))
    np.testing.assert_array_equal(answer, expected.predict(COUNTS))


def test_lightgbm_asked_with_the_array_that_it_was_fitted_on_does_not_speak_of_names():
    lightgbm = pytest.importorskip("lightgbm")
    base = lightgbm.LGBMRegressor(n_estimators=3, min_child_samples=2, verbose=-1, n_jobs=1)
    for max_features in (1.0, 2):
        bag = BaggingRegressor(base, n_estimators=3, max_features=max_features, oob_score=False)
        assert np.isfinite(bag.fit(COUNTS, VALUES).predict(COUNTS)).all()


# ---------------------------------------------------------------------------------------------
# Labels

CODES = np.searchsorted(np.unique(LABELS), LABELS)
KINDS = {
    "int": np.array([0, 1])[CODES],
    "gap": np.array([2, 7])[CODES],
    "negative": np.array([-1, 1])[CODES],
    "int8": np.array([3, 4], dtype=np.int8)[CODES],
    "bool": CODES.astype(bool),
    "float-integral": np.array([1.0, 2.0])[CODES],
    "str": LABELS,
    "list of str": LABELS.tolist(),
    "object": LABELS.astype(object),
    "Categorical": pd.Categorical(LABELS, categories=["up", "down", "never"]),
    "category Series": pd.Series(LABELS).astype("category"),
    "Series": pd.Series(LABELS, index=range(100, 160)),
    "Int64": pd.Series(CODES, dtype="Int64"),
    "boolean": pd.Series(CODES.astype(bool), dtype="boolean"),
    "string[pyarrow]": pd.Series(LABELS, dtype="string[pyarrow]"),
    "string[python]": pd.Series(LABELS, dtype="string[python]"),
    "pl.Series": pl.Series(LABELS.tolist()),
    "pl.Series of ints": pl.Series(CODES.tolist()),
    "pl.Categorical": pl.Series(LABELS.tolist(), dtype=pl.Categorical),
}


@pytest.mark.parametrize("make", [Bagging, BaggingClassifier])
@pytest.mark.parametrize("kind", KINDS)
def test_labels_come_back_as_they_went_in(make, kind):
    y = KINDS[kind]
    plain = BaggingClassifier(n_estimators=15, random_state=0).fit(COUNTS, CODES)
    bag = make(n_estimators=15, oob_score=True, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        bag.fit(COUNTS, y)
    said, given = bag.predict(COUNTS), np.asarray(y)
    assert set(said.tolist()) == set(given.tolist())
    assert said.dtype.kind == given.dtype.kind
    assert bag.classes_.tolist() == sorted(set(given.tolist()))
    distinct = np.asarray(sorted(set(given.tolist())), dtype=object)
    np.testing.assert_array_equal(said.astype(object), distinct[plain.predict(COUNTS)])
    np.testing.assert_array_equal(bag.predict_proba(COUNTS), plain.predict_proba(COUNTS))
    assert bag.score(COUNTS, y) == plain.score(COUNTS, CODES)
    assert 0.5 < bag.oob_score_ <= 1
    assert bag.predict_all(COUNTS).dtype == said.dtype


def test_a_column_of_labels_is_taken_with_a_warning_of_its_shape():
    """As everywhere in scikit-learn."""
    bag = BaggingClassifier(n_estimators=3, random_state=0)
    with pytest.warns(Warning, match="column-vector y"):
        bag.fit(COUNTS, LABELS[:, None])
    flat = clone(bag).fit(COUNTS, LABELS)
    np.testing.assert_array_equal(bag.predict(COUNTS), flat.predict(COUNTS))


def test_a_thousand_classes():
    y = np.arange(2200) % 1000 * 3 - 500
    X = y[:, None].astype(float)
    bag = BaggingClassifier(
        DecisionTreeClassifier(), n_estimators=2, bootstrap=False, random_state=0
    )
    bag.fit(X, y)
    assert bag.predict_proba(X[:4]).shape == (4, 1000)
    np.testing.assert_array_equal(bag.predict(X), y)


TARGETS = {
    "float32": VALUES.astype(np.float32).astype(np.float64),
    "list": VALUES.tolist(),
    "object": VALUES.astype(object),
    "Fortran": np.asfortranarray(VALUES),
    "strided": np.repeat(VALUES, 2)[::2],
    "Series": pd.Series(VALUES, index=range(100, 160)),
    "Float64": pd.Series(VALUES, dtype="Float64"),
    "pyarrow": pd.Series(VALUES, dtype="double[pyarrow]"),
    "polars": pl.Series(VALUES.tolist()),
}


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("make", [Bagging, BaggingRegressor])
def test_targets_of_every_kind_are_the_float64_array(make, kind):
    y = TARGETS[kind]
    plain = BaggingRegressor(n_estimators=5, random_state=0)
    plain.fit(COUNTS, np.asarray(y, dtype=np.float64))
    bag = make(n_estimators=5, random_state=0).fit(COUNTS, y)
    np.testing.assert_array_equal(bag.predict(COUNTS), plain.predict(COUNTS))


@pytest.mark.parametrize("container", [np.array, pd.DataFrame, list, pl.DataFrame])
def test_several_targets(container):
    both = np.column_stack([VALUES, -2 * VALUES])
    y = both.tolist() if container is list else container(both)
    bag = BaggingRegressor(n_estimators=30, oob_score=True, random_state=0).fit(COUNTS, y)
    assert bag.predict(COUNTS).shape == bag.oob_prediction_.shape == (60, 2)
    np.testing.assert_allclose(bag.predict(COUNTS)[:, 1], -2 * bag.predict(COUNTS)[:, 0])


# ---------------------------------------------------------------------------------------------
# Learners with a will of their own


def xgboost_classifier(**settings):
    from xgboost import XGBClassifier

    return XGBClassifier(n_jobs=1, verbosity=0, **{"n_estimators": 5, "max_depth": 2, **settings})


@pytest.mark.parametrize("kind", ["str", "gap", "negative", "bool", "Categorical", "pl.Series"])
def test_xgboost_learns_labels_that_it_cannot_take(kind):
    """Thread xgboost #10078: strings, gaps and -1 are a ValueError there."""
    y = KINDS[kind]
    if kind in ("str", "gap", "negative"):
        with pytest.raises(ValueError):
            xgboost_classifier().fit(COUNTS, y)
    codes = BaggingClassifier(xgboost_classifier(), n_estimators=4, random_state=0)
    codes.fit(COUNTS, CODES)
    bag = clone(codes).fit(COUNTS, y)
    np.testing.assert_array_equal(bag.predict_proba(COUNTS), codes.predict_proba(COUNTS))
    distinct = np.asarray(sorted(set(np.asarray(y).tolist())), dtype=object)
    np.testing.assert_array_equal(
        bag.predict(COUNTS).astype(object), distinct[codes.predict(COUNTS)]
    )
    assert bag.set_params(aggregation="hard").score(COUNTS, y) > 0.7


@pytest.mark.parametrize("aggregation", ["soft", "hard", "log"])
def test_xgboost_survives_classes_missing_from_draws(aggregation):
    """The middle class is rare: members that miss it see the other two as 0 and 1."""
    y = np.where(COUNTS[:, 0] > 0, "z", "a")
    y[:2] = "m"
    X = COUNTS + 20 * (y == "m")[:, None]
    base = xgboost_classifier(n_estimators=20, min_child_weight=0, reg_lambda=0)
    bag = BaggingClassifier(base, n_estimators=20, aggregation=aggregation, random_state=0)
    bag.fit(X, y)
    missed = [not np.isin([0, 1], rows).any() for rows in bag.estimators_samples_]
    assert 0 < sum(missed) < 20
    for said, misses in zip(bag.predict_all(X), missed, strict=True):
        assert accuracy_score(y[2:], said[2:]) > 0.9
        assert ("m" in said) != misses
    np.testing.assert_allclose(bag.predict_proba(X).sum(axis=1), 1.0, atol=1e-6)
    if aggregation != "log":  # where one member's zero weighs more than all the others say
        np.testing.assert_array_equal(bag.predict(X), y)


@pytest.mark.parametrize("kind", ["int", "gap", "str", "bool", "float-integral", "negative"])
def test_catboost_answers_in_a_column_and_in_any_label(kind):
    catboost = pytest.importorskip("catboost")
    y = KINDS[kind]
    base = catboost.CatBoostClassifier(
        n_estimators=5, depth=2, verbose=0, allow_writing_files=False, thread_count=1
    )
    three = np.where(COUNTS[:, 1] > 2, "other", np.asarray(y).astype(str))
    assert clone(base).fit(COUNTS, three).predict(COUNTS).shape == (60, 1)
    for target in (y, three):
        bag = BaggingClassifier(base, n_estimators=3, aggregation="hard", random_state=0)
        bag.fit(COUNTS, target)
        said = bag.predict(COUNTS)
        assert said.shape == (60,)
        assert said.dtype.kind == np.asarray(target).dtype.kind
        assert accuracy_score(target, said) > 0.6
        assert bag.predict_all(COUNTS).shape == (3, 60)
        soft = bag.set_params(aggregation="soft").predict(COUNTS)
        assert accuracy_score(target, soft) > 0.6


def test_catboost_regressor():
    catboost = pytest.importorskip("catboost")
    base = catboost.CatBoostRegressor(
        n_estimators=5, depth=2, verbose=0, allow_writing_files=False, thread_count=1
    )
    bag = BaggingRegressor(base, n_estimators=3, random_state=0).fit(COUNTS, VALUES)
    naive = np.mean([member.predict(COUNTS) for member in bag], axis=0)
    np.testing.assert_allclose(bag.predict(COUNTS), naive, rtol=1e-12)


# ---------------------------------------------------------------------------------------------
# Inputs are read, never written


def fingerprint(value):
    return hashlib.sha256(pickle.dumps(value)).hexdigest()


@pytest.mark.parametrize("kind", ["float32", "Fortran", "list", "csr", "pandas", "polars"])
@pytest.mark.parametrize("bootstrap", [True, False])
@pytest.mark.parametrize("base", [None, KNeighborsRegressor(2)], ids=["default", "neighbours"])
def test_inputs_are_never_modified(kind, bootstrap, base):
    weights = np.random.default_rng(2).integers(0, 3, 60).astype(float)
    groups = np.arange(60) // 3
    given = [TABLES[kind](COUNTS), pd.Series(VALUES), weights, groups]
    before = [fingerprint(value) for value in given]
    X, y, weights, groups = given
    bag = BaggingRegressor(base, n_estimators=2, bootstrap=bootstrap, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        bag.fit(X, y, weights, groups=groups if bootstrap else None)
        bag.predict(X)
        bag.predict_std(X) if bootstrap else bag.predict_all(X)
        bag.oob_permutation_importance(X, y, n_repeats=1)
    assert [fingerprint(value) for value in given] == before


def test_fold_pairs_are_never_modified():
    pairs = [(train, test) for train, test in KFold(3).split(COUNTS)]
    before = fingerprint(pairs)
    bag = BaggingRegressor(resampling=pairs, oob_score=True).fit(COUNTS, VALUES)
    prediction = bag.predict(COUNTS)
    bag.oob_permutation_importance(COUNTS, VALUES, n_repeats=1)
    assert fingerprint(pairs) == before
    np.testing.assert_array_equal(bag.predict(COUNTS), prediction)


@pytest.mark.parametrize(
    "params",
    [{}, {"bootstrap": False}, {"resampling": KFold(3)}, {"resampling": BayesianBootstrap()}],
    ids=str,
)
def test_writing_into_the_samples_one_is_shown_changes_nothing(params):
    bag = BaggingRegressor(n_estimators=3, random_state=0, **params).fit(COUNTS, VALUES)
    first = [rows.copy() for rows in bag.estimators_samples_]
    for rows in (*bag.estimators_samples_, *bag.estimators_features_):
        rows[:] = 0
    for rows, again in zip(first, bag.estimators_samples_, strict=True):
        np.testing.assert_array_equal(rows, again)
    for columns in bag.estimators_features_:
        np.testing.assert_array_equal(columns, [0, 1, 2])


# ---------------------------------------------------------------------------------------------
# Weights

WEIGHTS = np.random.default_rng(3).integers(1, 6, 60).astype(float)


def fitted(weights=None, make=BaggingRegressor, **params):
    y = LABELS if make is BaggingClassifier else VALUES
    bag = make(n_estimators=16, oob_score=True, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        return bag.fit(COUNTS, y, weights)


def assert_same_bag(one, other):
    np.testing.assert_array_equal(one.predict(COUNTS), other.predict(COUNTS))
    for drawn, again in zip(one.estimators_samples_, other.estimators_samples_, strict=True):
        np.testing.assert_array_equal(drawn, again)
    for name in ("oob_prediction_", "oob_decision_function_"):
        if hasattr(one, name):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("make", [BaggingClassifier, BaggingRegressor])
@pytest.mark.parametrize(
    "unit", [np.ones(60), [1] * 60, 1.0, 3, pd.Series(np.ones(60)), np.ones(60, dtype=bool)]
)
def test_unit_weights_are_no_weights(make, unit):
    """Bitwise; in scikit-learn probabilities differ by 0.8."""
    plain, unit_weighted = fitted(None, make), fitted(unit, make)
    assert_same_bag(plain, unit_weighted)
    assert plain.oob_score_ == pytest.approx(unit_weighted.oob_score_, rel=1e-12)


@pytest.mark.parametrize("factor", [8.0, 2.0**-1000, 2.0**1000], ids=["8", "tiny", "huge"])
@pytest.mark.parametrize("params", [{}, {"max_samples": 17}, {"aggregation": "median"}], ids=str)
def test_only_proportions_of_weights_count(factor, params):
    """A power of two, so that not even rounding differs."""
    assert_same_bag(fitted(WEIGHTS, **params), fitted(WEIGHTS * factor, **params))


def test_weights_whose_sum_overflows():
    assert_same_bag(fitted(WEIGHTS), fitted(WEIGHTS * 2.0**1021))


@pytest.mark.parametrize(
    "container", [list, tuple, pd.Series, pl.Series, lambda w: w.astype(int), lambda w: w[:, None]]
)
def test_weights_in_any_container(container):
    given = container(WEIGHTS)
    if getattr(given, "ndim", 1) == 2:
        with pytest.raises(ValueError, match="1D"):
            fitted(given)
        return
    assert_same_bag(fitted(WEIGHTS), fitted(given))


@pytest.mark.parametrize("params", [{}, {"max_samples": 17}, {"max_features": 2}], ids=str)
def test_a_weight_of_zero_is_a_row_that_is_not_there(params):
    weights = WEIGHTS * (np.arange(60) % 4 > 0)
    kept = weights > 0
    bag = fitted(weights, **params)
    without = BaggingRegressor(n_estimators=16, oob_score=True, random_state=0, **params)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        without.fit(COUNTS[kept], VALUES[kept], weights[kept])
    np.testing.assert_array_equal(bag.predict(COUNTS), without.predict(COUNTS))
    np.testing.assert_array_equal(bag.oob_prediction_[kept], without.oob_prediction_)
    assert bag.oob_score_ == without.oob_score_
    assert all(kept[rows].all() for rows in bag.estimators_samples_)


def test_an_integer_weight_is_that_many_copies_of_the_row():
    """The very same rows are drawn: each draw falls on a copy exactly when it falls on the row."""
    copies = np.repeat(np.arange(60), WEIGHTS.astype(int))
    settings = {"n_estimators": 5, "max_samples": 60, "random_state": 0}
    weighted = BaggingRegressor(**settings).fit(COUNTS, VALUES, WEIGHTS)
    repeated = BaggingRegressor(**settings).fit(COUNTS[copies], VALUES[copies])
    for rows, again in zip(weighted.estimators_samples_, repeated.estimators_samples_, strict=True):
        np.testing.assert_array_equal(rows, copies[again])


def test_rows_are_drawn_in_proportion_to_their_weights():
    """A row of weight w is drawn w / sum(w) of the time, to four standard errors."""
    bag = BaggingRegressor(n_estimators=25, max_samples=4000, random_state=0)
    bag.fit(COUNTS, VALUES, WEIGHTS)
    share = np.bincount(np.concatenate(bag.estimators_samples_), minlength=60) / (25 * 4000)
    expected = WEIGHTS / WEIGHTS.sum()
    assert np.all(np.abs(share - expected) < 4 * np.sqrt(expected / (25 * 4000)))


def test_class_weights_do_not_change_how_many_rows_are_drawn():
    """``max_samples`` is a share of the rows; only ``sample_weight`` may redefine it."""
    for scale in (1.0, 10.0, 0.01):
        bag = BaggingClassifier(
            n_estimators=2, max_samples=0.5, class_weight={"up": scale, "down": 2 * scale}
        )
        bag.fit(COUNTS, LABELS)
        assert [len(rows) for rows in bag.estimators_samples_] == [30, 30]
