"""Tasks and targets: which it is, which labels there are, and what is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import AdaBoostClassifier, BaggingClassifier, HistTreeClassifier
from ensembles.parameters import distinct_labels
from ensembles.tasks import (
    CLASSIFICATION,
    REGRESSION,
    check_labels,
    check_values,
    infer_task,
    task_of,
)


class Estimator(BaseEstimator):
    pass


# Which task


@pytest.mark.parametrize(
    ("estimator", "task"),
    [
        (LogisticRegression(), CLASSIFICATION),
        (LinearRegression(), REGRESSION),
        (make_pipeline(StandardScaler(), LogisticRegression()), CLASSIFICATION),
        (make_pipeline(StandardScaler(), LinearRegression()), REGRESSION),
        (GridSearchCV(LinearRegression(), {}), REGRESSION),
        (KMeans(), None),
        (Estimator(), None),
        (object(), None),
        (None, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_estimator_says_its_task(estimator, task):
    assert task_of(estimator) == task


@pytest.mark.parametrize("task", [CLASSIFICATION, REGRESSION])
def test_an_estimator_of_the_old_kind_says_its_task_too(task):
    class Old:
        _estimator_type = "classifier" if task == CLASSIFICATION else "regressor"

    assert task_of(Old()) == task


CLASSES = {
    "text": ["a", "b"],
    "booleans": [True, False],
    "objects": np.array(["a", "b"], dtype=object),
    "booleans as objects": np.array([True, False], dtype=object),
    "pandas text": pd.Series(["a", "b"], dtype="string"),
    "pandas categories": pd.Series(["a", "b"], dtype="category"),
    "polars text": pl.Series(["a", "b"]),
    "polars categories": pl.Series(["a", "b"], dtype=pl.Categorical),
    "dates": np.array(["2020", "2021"], dtype="M8[Y]"),
    "twenty integers": np.arange(20),
    "whole floats": [1.0, 3.0, 1.0],
    "integers as objects": np.array([1, 2], dtype=object),
    "negative integers": [-1, 1],
    "one column of integers": [[0], [1]],
    "decimals": [Decimal(1), Decimal(2)],
}
QUANTITIES = {
    "fractions": [0.5, 1.0],
    "fractions as objects": np.array([0.5, 1.0], dtype=object),
    "twenty-one integers": np.arange(21),
    "twenty-one whole floats": np.arange(21.0),
    "two columns of integers": [[0, 2], [1, 0]],
    "two columns of fractions": [[0.5, 1], [1, 0]],
    "one column of fractions": [[0.5], [1.0]],
    "polars fractions": pl.Series([0.5, 1.0]),
}


@pytest.mark.parametrize("y", CLASSES.values(), ids=CLASSES)
def test_labels_make_a_classification(y):
    assert infer_task(y) == CLASSIFICATION


@pytest.mark.parametrize("y", QUANTITIES.values(), ids=QUANTITIES)
def test_quantities_make_a_regression(y):
    assert infer_task(y) == REGRESSION


@pytest.mark.parametrize("y", [[[0, 1], [1, 0]], np.eye(3), pd.DataFrame({"a": [0], "b": [1]})])
def test_several_columns_of_0_and_1_are_numbers_with_a_warning(y):
    """They may be labels: scikit-learn's forests learn them as such, its bagging refuses them."""
    with pytest.warns(UserWarning, match=r"task='regression' .*MultiOutputClassifier"):
        assert infer_task(y) == REGRESSION


@pytest.mark.parametrize(
    "categories",
    [pd.Categorical([0.5, 1.5]), pd.Series(range(21), dtype="category")],
    ids=["fractions", "many"],
)
def test_categories_are_classes_whatever_they_hold(categories):
    assert infer_task(categories) == CLASSIFICATION


# Labels

LABELS = {
    "integers": [1, 0, 1],
    "integers with a gap": [7, 2, 7],
    "negative integers": [1, -1, 1],
    "unsigned integers": np.array([1, 0, 1], dtype=np.uint8),
    "booleans": [True, False, True],
    "whole floats": [3.0, 1.0, 3.0],
    "text": ["b", "a", "b"],
    "text as objects": np.array(["b", "a", "b"], dtype=object),
    "pandas integers": pd.Series([7, 2, 7], index=[3, 3, 1]),
    "pandas nullable integers": pd.Series([7, 2, 7], dtype="Int64"),
    "pandas nullable booleans": pd.Series([True, False, True], dtype="boolean"),
    "pandas text": pd.Series(["b", "a", "b"]),
    "pandas nullable text": pd.Series(["b", "a", "b"], dtype="string"),
    "pyarrow text": pd.Series(["b", "a", "b"], dtype="string[pyarrow]"),
    "pandas categories": pd.Categorical(["b", "a", "b"], categories=["b", "z", "a"]),
    "pandas integer categories": pd.Series([7, 2, 7], dtype="category"),
    "polars integers": pl.Series([7, 2, 7]),
    "polars text": pl.Series(["b", "a", "b"]),
    "polars categories": pl.Series(["b", "a", "b"], dtype=pl.Categorical),
}


@pytest.mark.parametrize("y", LABELS.values(), ids=LABELS)
def test_labels_of_every_kind_are_kept_sorted_and_numbered(y):
    labels, classes, codes = check_labels(y, Estimator())
    assert labels.tolist() == list(y)
    assert classes.tolist() == sorted(set(y))
    assert codes.tolist() == [1, 0, 1]
    assert labels.dtype == classes.dtype


def test_a_thousand_classes():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(np.arange(1000) * 3 - 500, 2))
    labels, classes, codes = check_labels(y, Estimator())
    assert_array_equal(classes, np.arange(1000) * 3 - 500)
    assert_array_equal(classes[codes], y)
    assert_array_equal(labels, y)


def test_a_column_of_labels_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        labels, _, _ = check_labels([["b"], ["a"]], Estimator())
    assert labels.tolist() == ["b", "a"]


NOT_SAID = "y must hold a class for every row"
MISSING = {
    "nan": [1.0, np.nan],
    "nan among objects": np.array(["a", np.nan], dtype=object),
    "None": np.array(["a", None], dtype=object),
    "pandas text": pd.Series(["a", None]),
    "pandas nullable integers": pd.Series([1, None], dtype="Int64"),
    "pandas nullable booleans": pd.Series([True, None], dtype="boolean"),
    "pandas categories": pd.Categorical(["a", None]),
    "polars text": pl.Series(["a", None]),
    "polars integers": pl.Series([1, None]),
}


@pytest.mark.parametrize("y", MISSING.values(), ids=MISSING)
def test_a_missing_label_is_refused(y):
    with pytest.raises(ValueError, match=NOT_SAID):
        check_labels(y, Estimator())


@pytest.mark.parametrize("dtype", ["string", "string[pyarrow]", object])
def test_pandas_na_is_a_missing_label(dtype):
    with pytest.raises(ValueError, match=NOT_SAID):
        check_labels(pd.Series(["a", pd.NA], dtype=dtype), Estimator())


def test_a_missing_date_is_a_missing_label():
    dates = np.array(["2020", "2021", "NaT"], dtype="M8[Y]")
    with pytest.raises(ValueError, match=NOT_SAID):
        check_labels(dates, Estimator())


def test_integers_as_objects_are_labels():
    labels, classes, codes = check_labels(np.array([7, 2, 7], dtype=object), Estimator())
    assert labels.tolist() == [7, 2, 7]
    assert classes.tolist() == [2, 7]
    assert codes.tolist() == [1, 0, 1]


def test_labels_that_cannot_be_sorted_are_refused_by_name():
    with pytest.raises(ValueError, match="y"):
        check_labels(np.array(["a", 1], dtype=object), Estimator())


@pytest.mark.parametrize("y", [["a", "a"], [3, 3], [True]])
def test_one_class_is_refused(y):
    with pytest.raises(ValueError, match=rf"at least 2 classes.*got 1 class: \[{y[0]!r}\]"):
        check_labels(y, Estimator())


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (None, "Estimator requires y to be passed, but the target y is None"),
        ([0.5, 1.5], "Unknown label type: continuous"),
        (
            [[0, 1], [1, 0]],
            r"Estimator learns one label a row: y should be a 1d array; got y of shape \(2, 2\)\. "
            r".*MultiOutputClassifier",
        ),
        (3, "y should be a 1d array"),
    ],
)
def test_what_is_no_column_of_labels_is_refused(y, rule):
    with pytest.raises(ValueError, match=rule):
        check_labels(y, Estimator())


# Values


@pytest.mark.parametrize(
    "y",
    [
        [1, 2],
        [1.0, 2.0],
        np.array([1, 2], dtype=object),
        np.array([1, 2], dtype=np.float32),
        pd.Series([1, 2], index=[5, 5]),
        pd.Series([1, 2], dtype="Int64"),
        pl.Series([1, 2]),
    ],
    ids=lambda y: f"{type(y).__module__.split('.')[0]} {getattr(y, 'dtype', '')}",
)
def test_values_of_every_kind_become_an_array_of_numbers(y):
    values = check_values(y, Estimator())
    assert values.dtype.kind in "iuf"
    assert_array_equal(values, [1, 2])


@pytest.mark.parametrize("library", [np.array, pd.DataFrame, pl.DataFrame])
def test_several_outputs_stay_several(library):
    values = check_values(library(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])), Estimator())
    assert_array_equal(values, [[1, 2], [3, 4], [5, 6]])


def test_a_column_of_values_is_flattened_with_a_warning():
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        values = check_values([[1.5], [2.5]], Estimator())
    assert_array_equal(values, [1.5, 2.5])


@pytest.mark.parametrize(
    ("y", "rule"),
    [
        (None, "Estimator requires y to be passed, but the target y is None"),
        (["a", "b"], r"y must hold numbers for a regression; got \['a'\]"),
        ([1.0, np.nan], "Input y contains NaN"),
        (pd.Series([1, None], dtype="Int64"), "Input y contains NaN"),
        (pl.Series([1.0, None]), "Input y contains NaN"),
        ([np.inf, 1.0], "Input y contains infinity"),
        ([1j, 2.0], "Complex data not supported"),
        (np.zeros((2, 2, 2)), "Found array with dim 3"),
    ],
)
def test_what_is_no_column_of_numbers_is_refused(y, rule):
    with pytest.raises(ValueError, match=rule):
        check_values(y, Estimator())


# Distinct labels


@pytest.mark.parametrize("labels", [[2, 0, 2, 0], [True, False, True, True], ["b", "a", "a", "a"]])
def test_distinct_labels_and_their_places(labels):
    distinct, places = distinct_labels(np.array(labels))
    assert distinct.tolist() == sorted(set(labels))
    assert distinct[places].tolist() == labels


def test_whole_numbers_nearly_as_many_as_rows_are_warned_of():
    with pytest.warns(UserWarning, match="greater than 50%"):
        distinct_labels(np.arange(30))
    distinct_labels(np.arange(30) // 2)


def test_continuous_labels_are_no_classes():
    with pytest.raises(ValueError, match="continuous"):
        distinct_labels(np.array([0.5, 1.0, 0.5]))


@pytest.mark.parametrize(
    "learner", [HistTreeClassifier(), BaggingClassifier(), AdaBoostClassifier()], ids=repr
)
def test_lists_are_refused_as_labels(learner):
    """No set can be made of them, which is how missing labels are sought."""
    labels = np.empty(6, dtype=object)
    labels[:] = [[1], [2]] * 3
    with pytest.raises(ValueError, match=r"y must hold labels|multi-label"):
        learner.fit(np.arange(6.0)[:, None], labels)
