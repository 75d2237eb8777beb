"""Tables of every kind: checked alike, cut alike, kept in their own container."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator

from ensembles import AdaBoost, Bagging, GradientBoosting, HistTreeClassifier, cross_validate
from ensembles.tables import (
    BLOCK,
    as_fitted,
    check_table,
    container_of,
    is_frame,
    missing_columns,
    take,
)

VALUES = np.arange(12.0).reshape(4, 3)
NAMES = ["height", "width", "depth"]
TABLES = {
    "array": np.asarray,
    "fortran array": np.asfortranarray,
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_array,
    "pandas": lambda values: pd.DataFrame(values, columns=NAMES[: values.shape[1]]),
    "polars": lambda values: pl.DataFrame(values, schema=NAMES[: values.shape[1]]),
}
FRAMES = {name: TABLES[name] for name in ("pandas", "polars")}
every_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
every_frame = pytest.mark.parametrize("table", FRAMES.values(), ids=FRAMES)


def test_tables_of_arrow_are_frames():
    """As an array pyarrow fills a missing cell of a dictionary with some other category."""
    pa = pytest.importorskip("pyarrow")
    text = pa.array(["x", "y", None, "x"])
    table = pa.table({"text": text, "coded": text.dictionary_encode(), "n": [1, 2, None, 4]})
    for given_table in (table, table.to_batches()[0]):
        estimator = BaseEstimator()
        frame = check_table(estimator, given_table, reset=True)
        assert estimator.feature_names_in_.tolist() == ["text", "coded", "n"]
        assert frame.isna().to_numpy().tolist() == [[row == 2] * 3 for row in range(4)]
        pd.testing.assert_frame_equal(frame, check_table(estimator, given_table, reset=False))


def dense(table):
    return table.toarray() if sparse.issparse(table) else np.asarray(table)


class Estimator(BaseEstimator):
    pass


# An array is seen at a glance


@pytest.mark.parametrize("columns", [[7, 8, 9], NAMES])
def test_an_array_of_numbers_is_taken_as_it_is_and_what_a_frame_left_is_forgotten(columns):
    estimator = Estimator()
    check_table(estimator, pd.DataFrame(VALUES, columns=columns), reset=True)
    assert check_table(estimator, VALUES, reset=True) is VALUES
    assert vars(estimator) == {"n_features_in_": 3}


@pytest.mark.parametrize(
    ("X", "fault"),
    [
        (VALUES[:0], "0 sample"),
        (VALUES[:, :0], "0 feature"),
        (VALUES[0], "2D array"),
        (VALUES[np.newaxis], "dim 3"),
        (VALUES * 1j, "[Cc]omplex"),
    ],
)
def test_an_array_that_is_no_table_of_numbers_is_refused(X, fault):
    with pytest.raises(ValueError, match=fault):
        check_table(Estimator(), X, reset=True)


# Which container


@pytest.mark.parametrize(
    ("table", "container"),
    [
        (pd.DataFrame(VALUES), "pandas"),
        (pl.DataFrame(VALUES), "polars"),
        (VALUES, None),
        (VALUES.tolist(), None),
        (sparse.csr_matrix(VALUES), None),
        (pd.Series([1.0, 2.0]), None),
        (pl.Series([1.0, 2.0]), None),
    ],
)
def test_only_data_frames_have_a_container(table, container):
    assert container_of(table) == container
    assert is_frame(table) == (container is not None)


# Checking


@every_frame
def test_a_frame_passes_as_it_is_and_its_names_are_remembered(table):
    frame, estimator = table(VALUES), Estimator()
    assert check_table(estimator, frame, reset=True) is frame
    assert estimator.n_features_in_ == 3
    assert estimator.feature_names_in_.tolist() == NAMES


@pytest.mark.parametrize("table", [VALUES, VALUES.tolist(), VALUES.astype(int)])
def test_what_is_like_an_array_becomes_one(table):
    estimator = Estimator()
    checked = check_table(estimator, table, reset=True)
    assert isinstance(checked, np.ndarray)
    assert_array_equal(checked, VALUES)
    assert estimator.n_features_in_ == 3
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("given_format", "kept_format"), [("csr", "csr"), ("csc", "csc"), ("coo", "csr")]
)
def test_a_sparse_matrix_stays_sparse_in_a_format_that_can_be_cut(given_format, kept_format):
    checked = check_table(Estimator(), sparse.coo_array(VALUES).asformat(given_format), reset=True)
    assert checked.format == kept_format
    assert_array_equal(checked.toarray(), VALUES)


@every_table
def test_missing_and_infinite_values_pass(table):
    values = np.array([[1.0, np.nan], [np.inf, 2.0]])
    checked = check_table(Estimator(), table(values), reset=True)
    assert_array_equal(dense(checked), values)


def test_text_passes():
    words = np.array([["a", "b"], ["c", None]], dtype=object)
    assert_array_equal(check_table(Estimator(), words, reset=True), words)


@every_table
def test_another_number_of_columns_is_refused(table):
    estimator = Estimator()
    check_table(estimator, table(VALUES), reset=True)
    with pytest.raises(
        ValueError,
        match=r"X has 2 features, but Estimator is expecting 3|Feature names seen at fit",
    ):
        check_table(estimator, table(VALUES[:, :2]), reset=False)


@every_frame
@pytest.mark.parametrize(
    "names", [["width", "height", "depth"], ["height", "width", "weight"]], ids=["order", "name"]
)
def test_other_names_are_refused(table, names):
    estimator = Estimator()
    check_table(estimator, table(VALUES), reset=True)
    renamed = table(VALUES).rename(**_renaming(table, names))
    with pytest.raises(ValueError, match="The feature names should match those that were passed"):
        check_table(estimator, renamed, reset=False)


def _renaming(table, names):
    mapping = dict(zip(NAMES, names, strict=True))
    return {"columns": mapping} if table is FRAMES["pandas"] else {"mapping": mapping}


@pytest.mark.parametrize("names", [["a", "b", "a"], [1, "1", 2]])
def test_two_columns_of_one_name_are_refused(names):
    frame = pd.DataFrame(VALUES, columns=names)
    repeated = str(names[0])
    with pytest.raises(
        ValueError, match=rf"X must not have two columns of one name; got \['{repeated}'\] repeated"
    ):
        check_table(Estimator(), frame, reset=True)


@every_table
def test_a_table_of_no_rows_is_refused(table):
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\)"):
        check_table(Estimator(), table(VALUES[:0]), reset=True)


@pytest.mark.parametrize(
    "empty", [VALUES[:, :0], sparse.csr_matrix((4, 0)), pd.DataFrame(index=range(4))], ids=type
)
def test_a_table_of_no_columns_is_refused(empty):
    with pytest.raises(ValueError, match=r"Found array with 0 feature\(s\) \(shape=\(4, 0\)\)"):
        check_table(Estimator(), empty, reset=True)


def test_one_column_must_still_be_a_table():
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        check_table(Estimator(), VALUES[:, 0], reset=True)


# Cutting


@every_table
@settings(max_examples=25, deadline=None)
@given(
    rows=st.none() | st.lists(st.integers(0, 3), max_size=6),
    columns=st.none() | st.lists(st.integers(0, 2), min_size=1, max_size=5),
)
def test_every_table_is_cut_like_an_array(table, rows, columns):
    rows = None if rows is None else np.array(rows, dtype=np.intp)
    columns = None if columns is None else np.array(columns, dtype=np.intp)
    expected = VALUES if rows is None else VALUES[rows]
    expected = expected if columns is None else expected[:, columns]
    cut = take(table(VALUES), rows, columns)
    assert type(cut) is type(table(VALUES))
    assert_array_equal(dense(cut).reshape(expected.shape), expected)


@every_frame
def test_a_cut_keeps_names_and_numbers_the_copies(table):
    assert list(take(table(VALUES), np.array([1])).columns) == NAMES
    cut = take(table(VALUES), None, np.array([2, 0, 2, 2]))
    assert list(cut.columns) == ["depth", "height", "depth__2", "depth__3"]
    assert_array_equal(np.asarray(cut), VALUES[:, [2, 0, 2, 2]])


@every_frame
def test_numbered_copies_differ_from_the_columns_there_are(table):
    names = dict(zip(NAMES, ["a", "a__2", "b"], strict=True))
    renamed = table(VALUES).rename(**_renaming(table, names.values()))
    assert len(set(take(renamed, None, np.array([0, 0, 1])).columns)) == 3


def test_copies_of_columns_that_are_numbered_keep_the_kind_of_names_there_are():
    cut = take(pd.DataFrame(VALUES), None, np.array([0, 0, 1]))
    assert len({type(name) for name in cut.columns}) == 1


def test_a_cut_of_a_pandas_frame_keeps_types_index_and_missing_values():
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["S", "L", None], categories=["S", "M", "L"], ordered=True),
            "count": pd.array([1, None, 3], dtype="Int64"),
            "word": ["a", "b", None],
        },
        index=[10, 20, 20],
    )
    cut = take(frame, np.array([2, 0, 2]), np.array([0, 1, 2]))
    pd.testing.assert_frame_equal(cut, frame.iloc[[2, 0, 2]])


def test_a_cut_of_a_polars_frame_keeps_types_and_missing_values():
    frame = pl.DataFrame(
        {"size": ["S", "L", None], "count": [1, None, 3]},
        schema={"size": pl.Enum(["S", "M", "L"]), "count": pl.Int16},
    )
    cut = take(frame, np.array([2, 0, 2]), np.array([0, 1]))
    assert cut.schema == frame.schema
    assert cut.rows() == [(None, 3), ("S", 1), (None, 3)]


@every_table
def test_a_cut_by_rows_is_a_copy(table):
    whole = table(VALUES.copy())
    cut = take(whole, np.arange(4))
    if is_frame(cut):
        assert cut is not whole
    else:
        cut[1, 1] = 99.0
    assert dense(whole)[1, 1] == 4.0


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("columns", [None, [1, 0]])
def test_conversion_goes_block_by_block_and_changes_nothing_else(order, columns):
    values = np.arange(2.0 * (BLOCK + 100)).reshape(-1, 2).copy(order)
    rows = np.arange(len(values))[::-1]
    columns = None if columns is None else np.array(columns)
    cut = take(values, rows, columns, dtype=np.float32)
    expected = values[rows] if columns is None else values[rows][:, columns]
    assert cut.dtype == np.float32
    assert_array_equal(cut, expected.astype(np.float32))
    whole = take(values, None, columns, dtype=np.float32)
    assert whole.dtype == np.float32
    assert_array_equal(whole[rows], cut)


def test_values_too_large_for_a_type_become_infinite_without_a_warning():
    cut = take(np.array([[1e300, -1e300]]), np.array([0]), None, dtype=np.float32)
    assert_array_equal(cut, [[np.inf, -np.inf]])


@pytest.mark.parametrize("columns", [None, np.array([0])])
def test_a_conversion_of_all_rows_is_as_quiet(columns):
    cut = take(np.array([[1e300]]), None, columns, dtype=np.float32)
    assert_array_equal(cut, [[np.inf]])


# Putting into the container that was fitted on


@pytest.mark.parametrize("container", ["pandas", "polars", None])
@pytest.mark.parametrize("table", [TABLES["array"], *FRAMES.values()], ids=["array", *FRAMES])
def test_a_table_is_put_into_the_container_fitted_on(table, container):
    fitted = as_fitted(table(VALUES), container, np.array(NAMES, dtype=object))
    assert container_of(fitted) == container
    assert_array_equal(np.asarray(fitted), VALUES)
    if container is not None:
        assert list(fitted.columns) == NAMES


@pytest.mark.parametrize("table", [TABLES["csr"], TABLES["csc"]], ids=["csr", "csc"])
def test_a_sparse_matrix_stays_sparse_for_members_fitted_without_a_frame(table):
    matrix = table(VALUES)
    assert as_fitted(matrix, None, None) is matrix


@pytest.mark.parametrize("container", FRAMES)
@pytest.mark.parametrize("table", [TABLES["csr"], TABLES["csc"]], ids=["csr", "csc"])
def test_a_sparse_matrix_is_put_into_the_frame_fitted_on(table, container):
    fitted = as_fitted(table(VALUES), container, np.array(NAMES, dtype=object))
    assert container_of(fitted) == container
    assert_array_equal(np.asarray(fitted), VALUES)


@every_frame
def test_a_table_in_its_own_container_is_not_touched(table):
    frame = table(VALUES)
    assert as_fitted(frame, container_of(frame), NAMES) is frame


def test_between_frames_missing_values_and_words_survive():
    words = {"word": ["a", None, "b"], "number": [1.5, 2.5, None]}
    as_polars = as_fitted(pd.DataFrame(words), "polars", None)
    assert as_polars.rows() == [("a", 1.5), (None, 2.5), ("b", None)]
    as_pandas = as_fitted(pl.DataFrame(words), "pandas", None)
    assert as_pandas.isna().to_numpy().tolist() == [[False, False], [True, False], [False, True]]


def test_without_names_columns_are_numbered():
    assert as_fitted(VALUES, "pandas", None).columns.tolist() == [0, 1, 2]


# Missing values


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_columns_with_missing_values_are_named_and_counted(library):
    frame = library.DataFrame(
        {"height": [1.0, None, None], "width": [1, 2, 3], "word": ["a", None, "b"]}
    )
    assert missing_columns(frame) == ["'height' (2)", "'word' (1)"]


def test_nan_is_missing_in_polars_too():
    frame = pl.DataFrame({"height": [1.0, float("nan"), None], "count": [1, None, 3]})
    assert missing_columns(frame) == ["'height' (2)", "'count' (1)"]


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
def test_a_frame_without_missing_values_names_none(library):
    assert missing_columns(library.DataFrame({"height": [1.0, 2.0]})) == []


@pytest.mark.parametrize(
    ("table", "y", "fault"),
    [
        (pl.DataFrame(VALUES).lazy(), np.arange(4), r"got a LazyFrame: call its collect\(\)"),
        (VALUES, "target", "y must hold a target for every row.* column.*; got 'target'"),
        (VALUES, np.arange(3), "inconsistent numbers of samples"),
    ],
)
@pytest.mark.parametrize(
    "learner", [AdaBoost(), Bagging(), GradientBoosting(), HistTreeClassifier()], ids=repr
)
def test_every_learner_refuses_in_the_same_words_what_is_no_table_with_targets(
    learner, table, y, fault
):
    with pytest.raises(ValueError, match=fault):
        learner.fit(table, y)
    with pytest.raises(ValueError, match=fault):
        cross_validate(learner, table, y)
