"""Bad input: the error names parameter, rule and value, and the estimator is left as it was."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import (
    Bagging,
    BaggingClassifier,
    BaggingRegressor,
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.array(["no", "yes"] * 20)
VALUES = X @ [1.0, 2.0, 3.0]
ONES = np.ones(40)


def changed(array, place, value):
    """A copy with one entry changed."""
    copy = np.array(array)
    copy[place] = value
    return copy


def assert_same_state(before, after):
    """The very same objects under the very same names."""
    assert set(before) == set(after)
    for name, value in before.items():
        assert after[name] is value, name


def refused(bag, *args, message, error=ValueError, **kwargs):
    """Fit raises ``error``, its text matches, and the estimator is the one it was."""
    before = dict(vars(bag))
    with pytest.raises(error, match=message) as raised:
        bag.fit(*args, **kwargs)
    assert_same_state(before, vars(bag))
    return raised.value


def refused_twice(make, *args, message, error=ValueError, params=None, **kwargs):
    """The same for an estimator that was never fitted and for one that was."""
    refused(make(**(params or {})), *args, message=message, error=error, **kwargs)
    fitted = make().fit(X, Y if make is not BaggingRegressor else VALUES)
    answer = fitted.predict(X)
    fitted.set_params(**(params or {}))
    refused(fitted, *args, message=message, error=error, **kwargs)
    fitted.set_params(**{name: make().get_params()[name] for name in params or {}})
    np.testing.assert_array_equal(fitted.predict(X), answer)


def complaint(bag, *args, **kwargs):
    """What fit says of its input: the text of its error, or of its warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            bag.fit(*args, **kwargs)
        except ValueError as error:
            return str(error)
    return " ".join(str(warning.message) for warning in said)


# ---------------------------------------------------------------------------------------------
# Parameters

PARAMETERS = [
    ("n_estimators", 0, r"n_estimators must be an integer >= 1; got 0\."),
    ("n_estimators", -3, r"n_estimators must be an integer >= 1; got -3\."),
    ("n_estimators", True, r"n_estimators must be an integer >= 1; got True\."),
    ("n_estimators", 2.5, r"n_estimators must be an integer >= 1; got 2\.5\."),
    ("n_estimators", "10", r"n_estimators must be an integer >= 1; got '10'\."),
    ("n_estimators", None, r"n_estimators must be an integer >= 1; got None\."),
    ("max_samples", 1.5, r"max_samples must be .* got 1\.5\."),
    ("max_samples", 0, r"max_samples must be .* got 0\."),
    ("max_samples", 0.0, r"max_samples must be .* got 0\.0\."),
    ("max_samples", -1, r"max_samples must be .* got -1\."),
    ("max_samples", -0.5, r"max_samples must be .* got -0\.5\."),
    ("max_samples", float("nan"), r"max_samples must be .* got nan\."),
    ("max_samples", float("inf"), r"max_samples must be .* got inf\."),
    ("max_samples", "all", r"max_samples must be .* got 'all'\."),
    ("max_samples", True, r"max_samples must be .* got True\."),
    ("max_samples", [3], r"max_samples must be .* got \[3\]\."),
    ("max_features", 0, r"max_features must be .*\[1, 3\].* got 0\."),
    ("max_features", 4, r"max_features must be .*\[1, 3\].* got 4\."),
    ("max_features", 1.5, r"max_features must be .* got 1\.5\."),
    ("max_features", 0.0, r"max_features must be .* got 0\.0\."),
    ("max_features", "sqrt", r"max_features must be .* got 'sqrt'\."),
    ("max_features", None, r"max_features must be .* got None\."),
    ("max_features", True, r"max_features must be .* got True\."),
    ("bootstrap", "yes", r"bootstrap must be True or False; got 'yes'\."),
    ("bootstrap", 1, r"bootstrap must be True or False; got 1\."),
    ("bootstrap_features", None, r"bootstrap_features must be True or False; got None\."),
    ("warm_start", "no", r"warm_start must be True or False; got 'no'\."),
    ("early_stopping", "auto", r"early_stopping must be True or False; got 'auto'\."),
    ("early_stopping", True, r"early_stopping must be False .*got early_stopping=True and .*Tree"),
    ("oob_score", 3, r"oob_score must be .* got 3\."),
    ("oob_score", None, r"oob_score must be .* got None\."),
    ("oob_score", "acuracy", r"oob_score must be .* got 'acuracy'"),
    ("n_jobs", 0, r"n_jobs must be None or an integer other than 0; got 0\."),
    ("n_jobs", 1.0, r"n_jobs must be None or an integer other than 0; got 1\.0\."),
    ("n_jobs", "all", r"n_jobs must be None or an integer other than 0; got 'all'\."),
    ("random_state", -1, r"random_state must be .* got -1\."),
    ("random_state", 1.5, r"random_state must be .* got 1\.5\."),
    ("random_state", "seed", r"random_state must be .* got 'seed'\."),
    ("verbose", -1, r"verbose must be an integer >= 0; got -1\."),
    ("verbose", "loud", r"verbose must be an integer >= 0; got 'loud'\."),
    ("n_iter_no_change", 0, r"n_iter_no_change must be an integer >= 1; got 0\."),
    ("n_iter_no_change", 1.5, r"n_iter_no_change must be an integer >= 1; got 1\.5\."),
    ("tol", -1e-3, r"tol must be a number in \[0, inf\]; got -0\.001\."),
    ("tol", float("nan"), r"tol must be a number in \[0, inf\]; got nan\."),
    ("tol", "small", r"tol must be a number in \[0, inf\]; got 'small'\."),
    ("aggregation", 3, r"aggregation must be one of .* got 3\."),
    ("estimator", "tree", r"estimator must have the methods fit and predict.* got 'tree'\."),
    ("resampling", "kfold", r"resampling must be .* got 'kfold'\."),
    ("resampling", True, r"resampling must be .* got True\."),
    ("resampling", 2.5, r"resampling must be .* got 2\.5\."),
    ("resampling", 0, r"resampling .*0"),
    ("resampling", 1, r"resampling .*1"),
    ("resampling", -5, r"resampling .*-5"),
    ("resampling", [], r"resampling must give every member rows to learn from"),
    ("resampling", [([], [1, 2])], r"resampling must give every member rows to learn from"),
    ("resampling", [1, 2], r"resampling .*pairs"),
    ("resampling", [([0, 1, 40], [2])], r"resampling .*40"),
    ("resampling", [([0, 1, 2], [3, -41])], r"resampling .*-41"),
    ("resampling", [([0.5, 1.5, 2.5], [3])], r"resampling "),
    ("resampling", Bootstrap(max_samples=2.5), r"max_samples must be .* got 2\.5\."),
    ("resampling", Bootstrap(random_state=-7), r"random_state must be .* got -7\."),
    ("resampling", Subsample(max_samples=41), r"max_samples=41 must be <= n_samples=40"),
    ("resampling", BlockBootstrap(block_length=41), r"block_length must be .*40\]; got 41\."),
    ("resampling", BayesianBootstrap(concentration=0), r"concentration must be .* got 0\."),
    ("resampling", GroupBootstrap(), r"groups must hold the group of every row; got None\."),
    ("resampling", GroupKFold(3), r"groups"),
    ("resampling", KFold(41), r"n_splits=41"),
]


@pytest.mark.parametrize(
    ("name", "value", "message"), PARAMETERS, ids=[f"{n}-{v!r}"[:40] for n, v, _ in PARAMETERS]
)
@pytest.mark.parametrize("make", [BaggingClassifier, BaggingRegressor])
def test_a_bad_parameter_is_named_with_its_rule_and_its_value(make, name, value, message):
    y = Y if make is BaggingClassifier else VALUES
    refused_twice(make, X, y, message=message, params={name: value})


@pytest.mark.parametrize(
    ("make", "typo", "meant"),
    [
        (BaggingClassifier, "sofft", "soft"),
        (BaggingClassifier, "Hard", "hard"),
        (BaggingRegressor, "mena", "mean"),
        (BaggingRegressor, "medain", "median"),
        (BaggingRegressor, "trimmed", "trimmed_mean"),
    ],
)
def test_a_typo_in_aggregation_is_answered_with_the_nearest(make, typo, meant):
    y = Y if make is BaggingClassifier else VALUES
    message = rf"aggregation must be one of .*{meant}.*got '{typo}'\. Did you mean '{meant}'\?"
    refused(make(aggregation=typo), X, y, message=message)


@pytest.mark.parametrize(
    ("make", "foreign"), [(BaggingClassifier, "median"), (BaggingRegressor, "soft")]
)
def test_the_other_tasks_aggregation_is_refused_before_any_member_is_fitted(make, foreign):
    y = Y if make is BaggingClassifier else VALUES
    message = f"aggregation must be one of .* got '{foreign}'"
    refused(make(Never(), aggregation=foreign), X, y, message=message)


class Never(BaseEstimator):
    """A learner that must not be asked to learn."""

    def fit(self, X, y):
        raise AssertionError("a member was fitted although the input is bad")

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("name", "value"), [("max_samples", 0.5), ("max_samples", 10), ("bootstrap", False)]
)
@pytest.mark.parametrize("resampling", [Bootstrap(), KFold(3), 3])
def test_two_ways_to_say_how_rows_are_drawn_contradict(name, value, resampling):
    message = rf"{name} must be left at .* when resampling is given.* got {name}={value!r}\."
    bag = BaggingRegressor(resampling=resampling, **{name: value})
    refused(bag, X, VALUES, message=message)


def test_more_rows_than_there_are_cannot_be_drawn_without_replacement():
    bag = BaggingRegressor(bootstrap=False, max_samples=41)
    refused(bag, X, VALUES, message=r"max_samples=41 must be <= n_samples=40")


def test_rows_held_out_are_needed_to_judge():
    for judging in ({"oob_score": True}, {"n_iter_no_change": 2}):
        bag = BaggingRegressor(bootstrap=False, **judging)
        refused(bag, X, VALUES, message="need rows held out")
        bag = BaggingRegressor(resampling=BayesianBootstrap(), **judging)
        refused(bag, X, VALUES, message="need rows held out")
    bag = BaggingRegressor(
        HistGradientBoostingRegressor(), resampling=BayesianBootstrap(), early_stopping=True
    )
    refused(bag, X, VALUES, message="need rows held out")


@pytest.mark.parametrize("n_folds", [4, 5])
def test_fewer_rows_than_folds_names_resampling_and_both_numbers(n_folds):
    bag = BaggingRegressor(resampling=n_folds)
    error = refused(bag, X[:3], VALUES[:3], message=rf"{n_folds}.*3")
    assert "resampling" in str(error) or "n_splits" in str(error)


def test_fewer_rows_of_every_class_than_folds():
    bag = BaggingClassifier(resampling=StratifiedKFold(30))
    refused(bag, X, Y, message="n_splits=30 cannot be greater than")


def test_warm_start_to_fewer_members():
    bag = BaggingRegressor(n_estimators=4, warm_start=True).fit(X, VALUES)
    bag.set_params(n_estimators=2)
    refused(bag, X, VALUES, message=r"n_estimators=2 must be larger or equal .*=4")


def test_warm_start_on_other_rows():
    bag = BaggingRegressor(n_estimators=4, warm_start=True).fit(X, VALUES)
    bag.set_params(n_estimators=6)
    refused(bag, X[:30], VALUES[:30], message=r"X must have the 40 rows of the first fit.* got 30")


@pytest.mark.parametrize("base", [None, DecisionTreeRegressor()], ids=["default", "tree"])
def test_warm_start_on_other_columns_is_refused_at_fit(base):
    bag = BaggingRegressor(base, 4, warm_start=True).fit(X, VALUES)
    bag.set_params(n_estimators=6)
    refused(bag, X[:, :2], VALUES, message=r"warm_start|features|columns")


@pytest.mark.parametrize("base", [None, DecisionTreeClassifier()], ids=["default", "tree"])
def test_warm_start_on_other_classes_is_refused_at_fit(base):
    bag = BaggingClassifier(base, 4, warm_start=True).fit(X, Y)
    bag.set_params(n_estimators=6)
    refused(bag, X, np.where(Y == "no", "maybe", Y), message=r"warm_start|classes")


# ---------------------------------------------------------------------------------------------
# class_weight


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({"maybe": 1.0}, r"class_weight must name classes among \['no', 'yes'\]; got \['maybe'\]"),
        ({0: 1.0}, r"class_weight must name classes among \['no', 'yes'\]; got \[0\]"),
        ("balancd", r"class_weight must be None, 'balanced' or a dict; got 'balancd'"),
        ([1.0, 2.0], r"class_weight must be None, 'balanced' or a dict; got \[1\.0, 2\.0\]"),
        ({"no": -1.0}, r"class_weight .*-1\.0"),
        ({"no": float("nan")}, r"class_weight .*nan"),
        ({"no": 0.0, "yes": 0.0}, r"class_weight "),
        ({"no": "heavy"}, r"class_weight .*heavy"),
    ],
    ids=str,
)
def test_bad_class_weights(class_weight, message):
    refused_twice(BaggingClassifier, X, Y, message=message, params={"class_weight": class_weight})


def test_class_weight_in_a_regression():
    bag = BaggingRegressor(class_weight="balanced")
    refused(bag, X, VALUES, message="class_weight must be None in a regression; got 'balanced'")


def test_class_weight_with_fixed_folds_and_a_base_without_weights():
    bag = BaggingClassifier(KNeighborsClassifier(), class_weight="balanced", resampling=3)
    refused(bag, X, Y, message="class_weight must be None.*KNeighborsClassifier takes no")


def test_class_weight_is_never_accepted_and_ignored():
    """Without replacement and with all rows nothing can be drawn in proportion to a weight."""
    bag = BaggingClassifier(
        LogisticRegression(), n_estimators=2, class_weight={"no": 100.0}, bootstrap=False
    )
    refused(
        bag, X, Y, message="shown every row.* got class_weight={'no': 100.0}. Give it to the es"
    )


# ---------------------------------------------------------------------------------------------
# sample_weight


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (changed(ONES, 7, -1.0), r"sample_weight must be >= 0; got -1\.0 in row 7"),
        (changed(ONES, 7, np.nan), r"sample_weight must be finite; got nan in row 7"),
        (changed(ONES, 7, np.inf), r"sample_weight must be finite; got inf in row 7"),
        (np.zeros(40), r"sample_weight must not be zero for every row"),
        (0.0, r"sample_weight must not be zero for every row"),
        (np.ones(39), r"sample_weight.*\(39,\).*\(40,\)"),
        (np.ones((40, 1)), r"[Ss]ample.weight.*1D.*\(40, 1\)"),
        (["heavy"] * 40, r"sample_weight must hold numbers"),
        ([None] + [1.0] * 39, r"sample_weight must (hold numbers|be finite)"),
        (pd.Series([pd.NA] + [1.0] * 39, dtype="Float64"), r"sample_weight must"),
        ("heavy", r"sample_weight must hold numbers"),
        (ONES + 1j, r"sample_weight must hold numbers"),
        (
            np.ma.masked_array(ONES, np.arange(40) < 7),
            r"sample_weight must not .* masked.* got 7 of",
        ),
    ],
    ids=str,
)
def test_bad_sample_weights(weights, message):
    refused_twice(BaggingClassifier, X, Y, weights, message=message)


def test_sample_weight_with_blocks():
    bag = BaggingRegressor(resampling=BlockBootstrap())
    refused(bag, X, VALUES, np.arange(40.0), message="sample_weight must be None with BlockBoot")


# ---------------------------------------------------------------------------------------------
# groups


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(39), r"groups must hold one group for each of the 40 rows; got 39"),
        (np.zeros((40, 2)), r"groups must hold one group for each of the 40 rows; got shape"),
        ([None] + ["a"] * 39, r"groups must not hold missing values"),
        (changed(ONES, 3, np.nan), r"groups must not hold missing values"),
        (
            np.ma.masked_equal(np.arange(40) // 4, 3),
            r"groups must not hold masked values; got 4 of",
        ),
        ("patient", r"groups must"),
        (7, r"groups must"),
    ],
    ids=["short", "wide", "None", "nan", "masked", "text", "number"],
)
def test_bad_groups(groups, message):
    refused_twice(BaggingRegressor, X, VALUES, message=message, groups=groups)


def test_groups_without_replacement():
    bag = BaggingRegressor(bootstrap=False)
    refused(
        bag, X, VALUES, message="groups must be None with bootstrap=False", groups=np.arange(40)
    )


@pytest.mark.parametrize("resampling", [Bootstrap(), Subsample(), BlockBootstrap()])
def test_groups_are_never_accepted_and_ignored(resampling):
    """Draws of single rows would tear the groups apart that the user handed over."""
    bag = BaggingRegressor(resampling=resampling, n_estimators=2)
    assert "groups" in complaint(bag, X, VALUES, groups=np.repeat(np.arange(8), 5))


# ---------------------------------------------------------------------------------------------
# X and y


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (X[:39], "inconsistent numbers of samples"),
        (X[:, 0], "1D array"),
        (X[:, :, None], "dim 3"),
        (X[:0], "0 sample|inconsistent"),
        (X[:, :0], "0 feature"),
        (X + 1j, "[Cc]omplex"),
        ("/data/table.csv", "X must be a table that is in memory; got the path '/data/table.csv'"),
        (pl.LazyFrame(X), r"X must be a table that is in memory.* call its collect\(\)"),
    ],
    ids=["short", "1-D", "3-D", "no-rows", "no-columns", "complex", "path", "lazy"],
)
def test_bad_tables(bad, text):
    refused_twice(BaggingClassifier, bad, Y, message=text)


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_bad_frames(container):
    refused(BaggingRegressor(), container(X[:39]), VALUES, message="inconsistent numbers")
    refused(BaggingRegressor(), container(X)[:0], VALUES[:0], message="0 sample")


def test_frames_with_two_columns_of_one_name():
    frame = pd.DataFrame(X, columns=["a", "b", "a"])
    refused(BaggingRegressor(), frame, VALUES, message=r"two columns of one name; got \['a'\]")


@pytest.mark.parametrize(
    "y",
    [
        None,
        ["a"] * 40,
        np.zeros(40),
        [float("nan")] + [1.0, 0.0] * 19 + [1.0],
        [None] + ["a", "b"] * 19 + ["a"],
        pd.Series([None] + ["a", "b"] * 19 + ["a"]),
        pd.Series([pd.NA] + ["a", "b"] * 19 + ["a"], dtype="string"),
        pd.Series([pd.NA] + ["a", "b"] * 19 + ["a"], dtype=object),
        pd.Series([pd.NA] + [0, 1] * 19 + [1], dtype="Int64"),
        pd.Categorical([None] + ["a", "b"] * 19 + ["a"]),
        pl.Series([None] + ["a", "b"] * 19 + ["a"]),
        VALUES,
        np.column_stack([Y, Y]),
        np.ma.masked_equal(Y, "no"),
    ],
    ids=[
        "None",
        "one-text",
        "one-number",
        "nan",
        "None-label",
        "missing-str",
        "NA-string",
        "NA-object",
        "NA-Int64",
        "missing-category",
        "polars-null",
        "continuous",
        "two-columns",
        "masked",
    ],
)
def test_bad_labels(y):
    message = r"\by\b|class|[Ll]abel|Unknown"
    error = refused(BaggingClassifier(Never()), X, y, message=message)
    assert "ambiguous" not in str(error)
    refused_twice(BaggingClassifier, X, y, message=message)


def test_one_class_only_says_which():
    refused(BaggingClassifier(), X, ["dog"] * 40, message=r"at least 2 classes.*got 1 class.*dog")


@pytest.mark.parametrize(
    "y",
    [
        None,
        Y,
        changed(VALUES, 3, np.nan),
        changed(VALUES, 3, np.inf),
        VALUES.reshape(2, 20),
        VALUES[:39],
        pd.Series(VALUES).mask(np.arange(40) == 3),
        pd.Series(VALUES, dtype="Float64").mask(np.arange(40) == 3),
        pl.Series([None, *VALUES[1:]]),
        np.ma.masked_greater(VALUES, 1),
    ],
    ids=[
        "None",
        "text",
        "nan",
        "inf",
        "wrong-shape",
        "short",
        "missing",
        "NA",
        "polars-null",
        "masked",
    ],
)
def test_bad_values(y):
    refused_twice(BaggingRegressor, X, y, message=r"\by\b|inconsistent")


HOLED = changed(X, (3, 1), np.nan)


@pytest.mark.parametrize(
    "table",
    [
        HOLED,
        HOLED.tolist(),
        HOLED.astype(object),
        pd.DataFrame(HOLED, columns=list("abc")),
        pd.DataFrame(HOLED, columns=list("abc")).convert_dtypes(),
        pl.DataFrame(HOLED, schema=list("abc")),
        pl.DataFrame(HOLED, schema=list("abc")).with_columns(pl.col("b").fill_nan(None)),
        sparse.csr_matrix(HOLED),
        sparse.csc_array(HOLED),
    ],
    ids=["array", "list", "object", "pandas", "nullable", "pl-nan", "pl-null", "csr", "csc"],
)
def test_missing_values_where_the_base_cannot_take_them(table):
    """Refused before any work: the message is not that of some member."""
    error = refused(BaggingRegressor(Ridge()), table, VALUES, message="Input X contains NaN")
    assert "Ridge" in str(error)
    assert "member" not in str(error)


def test_infinity_is_refused_by_a_tree_that_cannot_take_it():
    bag = BaggingRegressor(DecisionTreeRegressor())
    refused(bag, changed(X, (3, 1), np.inf), VALUES, message="infinity")


# ---------------------------------------------------------------------------------------------
# What is asked after fit


FRAME = pd.DataFrame(X, columns=list("abc"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (FRAME[["b", "a", "c"]], "same order"),
        (FRAME.rename(columns={"c": "d"}), "unseen at fit time"),
        (FRAME[["a", "b"]], "missing|features"),
        (FRAME.assign(d=0.0), "unseen at fit time|features"),
        (FRAME[["a", "b", "b"]], r"two columns of one name; got \['b'\]"),
        (pl.DataFrame(X, schema=["c", "b", "a"]), "same order"),
        (X[:, :2], "2 features.*expecting 3"),
        (X[0], "1D array"),
        (FRAME[:0], "0 sample"),
    ],
    ids=["reordered", "renamed", "missing", "extra", "twice", "polars", "narrow", "1-D", "empty"],
)
@pytest.mark.parametrize(
    "method", ["predict", "predict_all", "staged_predict", "predict_std", "predict_interval"]
)
def test_other_columns_at_predict(asked, message, method):
    bag = BaggingRegressor(n_estimators=30, oob_score=True, random_state=0).fit(FRAME, VALUES)
    before = dict(vars(bag))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        with pytest.raises(ValueError, match=message):
            list(getattr(bag, method)(asked))
    assert_same_state(before, vars(bag))


METHODS = [
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "predict_all",
    "staged_predict",
    "staged_predict_proba",
    "predict_std",
]


def ask_unfitted(bag, method):
    with pytest.raises(NotFittedError, match=f"This {type(bag).__name__} instance is not fitted"):
        list(getattr(bag, method)(X))  # a generator says so when it is asked


@pytest.mark.parametrize("method", METHODS)
def test_a_classifier_that_is_not_fitted_says_so(method):
    ask_unfitted(BaggingClassifier(LogisticRegression()), method)


@pytest.mark.parametrize(
    "method", ["predict", "predict_all", "staged_predict", "predict_std", "predict_interval"]
)
def test_a_regressor_that_is_not_fitted_says_so(method):
    ask_unfitted(BaggingRegressor(), method)


@pytest.mark.parametrize("method", METHODS)
def test_a_bare_bag_of_known_task_that_is_not_fitted_says_so(method):
    ask_unfitted(Bagging(LogisticRegression()), method)


@pytest.mark.parametrize(
    "method", ["predict_interval", *sorted(set(METHODS) - {"decision_function"})]
)
def test_a_bare_bag_of_unknown_task_that_is_not_fitted_says_so(method):
    """Its task is not known yet, so no method may be said not to exist."""
    ask_unfitted(Bagging(), method)


@pytest.mark.parametrize("make", [Bagging, BaggingClassifier, BaggingRegressor])
def test_what_else_needs_a_fit_says_so(make):
    for attempt in (
        lambda bag: bag.score(X, VALUES),
        lambda bag: bag.oob_permutation_importance(X, VALUES),
        lambda bag: bag.feature_importances_,
        lambda bag: bag.feature_importances_std_,
        lambda bag: bag.estimators_samples_,
        lambda bag: bag.estimators_features_,
    ):
        with pytest.raises(NotFittedError):
            attempt(make())


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_a_regressor_has_no_probabilities(method):
    assert not hasattr(BaggingRegressor().fit(X, VALUES), method)
    assert not hasattr(Bagging().fit(X, VALUES), method)


def test_a_classifier_has_no_intervals():
    assert not hasattr(BaggingClassifier().fit(X, Y), "predict_interval")


def test_a_base_without_decision_function_has_none_in_the_bag():
    assert not hasattr(BaggingClassifier(KNeighborsClassifier()).fit(X, Y), "decision_function")


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, float("nan"), "0.1", None, True])
def test_alpha_out_of_range(alpha):
    bag = BaggingRegressor(n_estimators=30, oob_score=True, random_state=0).fit(X, VALUES)
    message = rf"alpha must be a number in \(0, 1\); got {re.escape(repr(alpha))}\."
    with pytest.raises(ValueError, match=message):
        bag.predict_interval(X, alpha=alpha)


def test_an_interval_needs_residuals():
    with pytest.raises(ValueError, match="set oob_score=True before fit"):
        BaggingRegressor().fit(X, VALUES).predict_interval(X)


@pytest.mark.parametrize(
    "params",
    [
        {"resampling": KFold(3)},
        {"resampling": BayesianBootstrap()},
        {"resampling": BlockBootstrap()},
        {"aggregation": "median"},
    ],
    ids=str,
)
def test_a_deviation_needs_a_bootstrap_and_an_average(params):
    (name,) = params
    bag = BaggingRegressor(**params).fit(X, VALUES)
    with pytest.raises(ValueError, match=name):
        bag.predict_std(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_estimators": 1}, "predict_std needs at least 2 members; got n_estimators=1"),
        ({"bootstrap": False, "max_samples": 1.0}, "got draws of all 40 without replacement"),
    ],
)
def test_members_that_do_not_differ_in_their_rows_have_no_deviation(params, message):
    bag = BaggingRegressor(**params).fit(X, VALUES)
    with pytest.raises(ValueError, match=message):
        bag.predict_std(X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": X[:30], "y": VALUES[:30]}, "X must be the 40 rows that were fitted on; got 30"),
        ({"y": VALUES[:30]}, r"\by\b|inconsistent"),
        ({"n_repeats": 0}, r"n_repeats must be an integer >= 1; got 0\."),
        ({"n_repeats": 1.5}, r"n_repeats must be an integer >= 1; got 1\.5\."),
        ({"scoring": "acuracy"}, "scoring.*acuracy|acuracy.*scoring"),
        ({"scoring": mean_squared_error}, r"make_scorer\(mean_squared_error, greater_is_better=F"),
        ({"sample_weight": -ONES}, "sample_weight must be >= 0"),
        ({"sample_weight": ONES[:30]}, r"sample_weight.*\(30,\).*\(40,\)"),
    ],
    ids=["rows", "targets", "zero", "half", "scorer", "loss", "negative", "short"],
)
def test_bad_arguments_of_the_permutation_importance(arguments, message):
    bag = BaggingRegressor(n_estimators=3, random_state=0).fit(X, VALUES)
    with pytest.raises(ValueError, match=message):
        bag.oob_permutation_importance(**{"X": X, "y": VALUES, **arguments})


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="max_deph"):
        BaggingClassifier(max_deph=3)
    refused(
        BaggingClassifier(), X, Y, message="check_input.*|enable_metadata_routing", check_input=True
    )


# ---------------------------------------------------------------------------------------------
# The task


@pytest.mark.parametrize("task", ["classify", 3, True])
def test_an_unknown_task(task):
    refused(Bagging(task=task), X, Y, message=rf"task must be one of .* got {task!r}\.")


def test_a_task_that_contradicts_the_estimator():
    bag = Bagging(Ridge(), task="classification")
    refused(bag, X, Y, message="task must agree with the estimator.*'classification'.*Ridge")


@pytest.mark.parametrize(
    ("make", "base", "y"),
    [
        (BaggingClassifier, DecisionTreeRegressor(), Y),
        (BaggingRegressor, DecisionTreeClassifier(), VALUES),
    ],
)
def test_a_pinned_task_that_contradicts_the_estimator(make, base, y):
    error = refused(make(base), X, y, message=type(base).__name__)
    assert "estimator" in str(error)


# ---------------------------------------------------------------------------------------------
# Members that raise


class OddError(Exception):
    """An exception that cannot be made from a message alone."""

    def __init__(self, code, detail):
        super().__init__(f"{code}: {detail}")


WHY = "seven is not enough"
ERRORS = {
    "value": ValueError(WHY),
    "type": TypeError(WHY),
    "zero": ZeroDivisionError(WHY),
    "memory": MemoryError(WHY),
    "runtime": RuntimeError(WHY),
    "key": KeyError(WHY),
    "unicode": UnicodeDecodeError("utf-8", b"x", 0, 1, WHY),
    "odd": OddError(7, WHY),
    "interrupt": KeyboardInterrupt(WHY),
}


class Explodes(RegressorMixin, BaseEstimator):
    """Raises an error when it is shown the row whose target is 0."""

    def __init__(self, error=None):
        self.error = error

    def fit(self, X, y):
        if self.error is not None and np.min(y) == 0.0:
            raise ERRORS[self.error]
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize("error", sorted(set(ERRORS) - {"interrupt"}))
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_member_that_raises_says_which_and_on_what_and_why(error, n_jobs):
    """Only draws that hold row 0 raise; which of them comes first is up to the threads."""
    import joblib

    y = np.arange(40.0)
    settings = {"n_estimators": 6, "random_state": 3}
    drawn = BaggingRegressor(Explodes(), **settings).fit(X, y).estimators_samples_
    bag = BaggingRegressor(Explodes(error), n_jobs=n_jobs, **settings)
    before = dict(vars(bag))
    with joblib.parallel_config("threading"), pytest.raises(type(ERRORS[error])) as raised:
        bag.fit(X, y)
    told = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    member = int(re.search(r"member (\d+) \(Explodes\)", told)[1])
    assert 0 in drawn[member]
    distinct = len(np.unique(drawn[member]))
    assert f"draw {member} (40 rows, {distinct} of them distinct)" in told
    assert WHY in told
    assert_same_state(before, vars(bag))


def test_an_interrupt_leaves_the_estimator_as_it_was():
    bag = BaggingRegressor(n_estimators=3, random_state=0).fit(X, VALUES)
    answer = bag.predict(X)
    bag.set_params(estimator=Explodes("interrupt"))
    refused(bag, X, np.arange(40.0), message=WHY, error=KeyboardInterrupt)
    np.testing.assert_array_equal(bag.set_params(estimator=None).predict(X), answer)


class SaysWhatItNeverSaw(ClassifierMixin, BaseEstimator):
    """Predicts a label from nowhere."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.array(["perhaps"] * len(X))


def test_a_member_that_predicts_an_unknown_label_is_named():
    bag = BaggingClassifier(SaysWhatItNeverSaw()).fit(X, Y)
    with pytest.raises(ValueError, match=r"SaysWhatItNeverSaw predicted .*'perhaps'.*'no', 'yes'"):
        bag.predict(X)


def test_a_parameter_of_an_estimator_that_was_not_given_says_so():
    """scikit-learn says that None has no attribute set_params."""
    with pytest.raises(ValueError, match=r"estimator__max_depth is a parameter of the base"):
        Bagging().set_params(estimator__max_depth=3)
    bag = Bagging().set_params(estimator__max_depth=3, estimator=DecisionTreeClassifier())
    assert bag.set_params(n_estimators=7).estimator.max_depth == 3
