"""Every kind of table a user may bring: the right answer, or an error that says what is wrong."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.exceptions import NotFittedError

from ensembles import BaggingRegressor
from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.trees.tables import column

RNG = np.random.default_rng(0)
X = RNG.integers(0, 50, (200, 4)).astype(np.float64)
Y = X[:, 0] - X[:, 1] * (X[:, 2] > 20)
EXPECTED = HistTreeRegressor(random_state=0).fit(X, Y).predict(X)


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


SAME_TABLE = {
    "fortran": np.asfortranarray(X),
    "strided": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "reversed": X[::-1].copy()[::-1],
    "read-only": read_only(X),
    "big-endian": X.astype(">f8"),
    "list": X.tolist(),
    "object": X.astype(object),
    **{
        name: X.astype(name)
        for name in ("float16", "float32", "int8", "uint8", "int16", "int32", "int64", "uint64")
    },
    "csr": sparse.csr_matrix(X),
    "csc": sparse.csc_array(X),
    "coo": sparse.coo_matrix(X),
    "pandas": pd.DataFrame(X),
    "nullable": pd.DataFrame(X).astype("Int64"),
    "mixed": pd.DataFrame(X).astype({0: "float32", 1: "int8"}),
    "polars": pl.DataFrame(X, schema=["a", "b", "c", "d"]),
}


@pytest.mark.parametrize("kind", SAME_TABLE)
def test_table_is_read_as_it_is(kind):
    table = SAME_TABLE[kind]
    kept = (
        table.copy()
        if hasattr(table, "copy")
        else table.clone()
        if hasattr(table, "clone")
        else None
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = HistTreeRegressor(random_state=0).fit(table, Y)
        assert np.array_equal(tree.predict(table), EXPECTED)
    if isinstance(table, np.ndarray):
        assert np.array_equal(table, kept)


def test_booleans():
    flags = X > 25
    tree = HistTreeRegressor(random_state=0, max_depth=4).fit(flags, Y)
    assert np.array_equal(
        tree.predict(flags),
        HistTreeRegressor(random_state=0, max_depth=4)
        .fit(flags.astype(int), Y)
        .predict(flags.astype(int)),
    )


def test_infinities_are_the_ends_of_the_line():
    x = np.array([-np.inf, -1e308, -1.0, 0.0, 1.0, 1e308, np.inf])[:, None]
    y = np.arange(7.0)
    tree = HistTreeRegressor(random_state=0).fit(x, y)
    assert np.array_equal(tree.predict(x), y)
    goes_left = x[:, 0] <= tree.tree_.threshold[0]
    assert goes_left.sum() == tree.tree_.n_node_samples[1]


def test_signed_zeros_are_one_value():
    tree = HistTreeClassifier().fit([[-0.0], [0.0], [0.0], [-0.0]], [0, 1, 0, 1])
    assert tree.get_n_leaves() == 1


def test_denormals_are_told_apart():
    x = np.array([0.0, 5e-324, 1e-323, 2e-323])[:, None]
    assert HistTreeRegressor(random_state=0).fit(x, np.arange(4.0)).predict(x).tolist() == [
        0,
        1,
        2,
        3,
    ]


def test_whole_numbers_beyond_53_bits_are_compared_as_doubles():
    x = np.array([2**60, 2**60 + 2**10, 2**60 + 2**11, 2**62])[:, None]
    assert HistTreeRegressor(random_state=0).fit(x, np.arange(4.0)).predict(x).tolist() == [
        0,
        1,
        2,
        3,
    ]
    close = np.array([2**60, 2**60 + 1])[:, None]
    assert HistTreeRegressor().fit(close, [0.0, 1.0]).get_n_leaves() == 1


def test_column_of_nan_is_never_split():
    holed = np.column_stack([np.full(200, np.nan), X])
    tree = HistTreeRegressor(random_state=0).fit(holed, Y)
    assert tree.feature_importances_[0] == 0
    assert np.array_equal(tree.predict(holed), Y)


def test_missing_values_go_with_the_heavier_child_where_none_was_seen():
    x = np.arange(10.0)[:, None]
    tree = HistTreeClassifier(random_state=0).fit(x, x[:, 0] < 7)
    assert tree.predict([[np.nan]])[0]


def test_learns_the_side_of_missing_values():
    x = np.array([1.0, 2, 3, 4, np.nan, np.nan])[:, None]
    for side in (0, 1):
        y = np.array([0, 0, 1, 1, side, side])
        tree = HistTreeClassifier(random_state=0).fit(x, y)
        assert tree.get_n_leaves() == 2
        assert (tree.predict(x) == y).all()


FRAMES = {
    "category": lambda v: pd.DataFrame({"c": pd.Categorical(v)}),
    "strings": lambda v: pd.DataFrame({"c": pd.Series(v, dtype=object)}),
    "string type": lambda v: pd.DataFrame({"c": pd.Series(v, dtype="string")}),
    "polars": lambda v: pl.DataFrame({"c": v}),
    "polars category": lambda v: pl.DataFrame({"c": pl.Series(v, dtype=pl.Categorical)}),
    "array of objects": lambda v: np.array(v, dtype=object)[:, None],
}


@pytest.mark.parametrize("kind", FRAMES)
def test_categories_are_split_many_against_many(kind):
    levels = ["red", "blue", None, "green", "grey"]
    y = np.array([0, 1, 1, 0, 1] * 6)
    table = FRAMES[kind](levels * 6)
    tree = HistTreeClassifier(random_state=0).fit(table, y)
    assert tree.get_n_leaves() == 2
    assert (tree.predict(table) == y).all()
    unseen = FRAMES[kind](["red", "mauve", None])
    assert tree.predict(unseen).tolist() == [0, 1, 1]


def test_order_of_the_category_type_does_not_matter():
    values = ["a", "b", "c", "d"] * 5
    y = np.array([0, 1, 0, 1] * 5)
    one = pd.DataFrame({"c": pd.Categorical(values, categories=list("abcd"))})
    other = pd.DataFrame({"c": pd.Categorical(values, categories=list("dcba"))})
    tree = HistTreeClassifier(random_state=0).fit(one, y)
    assert np.array_equal(tree.predict(other), y)


def test_more_than_65536_categories():
    n = 70_000
    codes = np.arange(n) % (n - 100)
    y = (codes % 2).astype(float)
    tree = HistTreeRegressor(categorical_features=[0], random_state=0).fit(
        codes[:, None].astype(float), y
    )
    assert max(tree.bins_.cuts[0].values()) == 255
    shared = [level for level, code in tree.bins_.cuts[0].items() if code == 255]
    assert len(shared) == n - 100 - 254


def test_classes_are_told_apart_by_categories():
    rng = np.random.default_rng(3)
    category = rng.integers(0, 30, 3000)
    y = (category * 7 % 30) // 8
    tree = HistTreeClassifier(categorical_features=[0], random_state=0).fit(category[:, None], y)
    assert tree.score(category[:, None], y) == 1.0
    assert tree.get_n_leaves() <= 8


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (
            lambda: HistTreeRegressor().fit(
                pd.DataFrame({"when": pd.to_datetime(["2020", "2021"])}), [0, 1]
            ),
            "when",
        ),
        (lambda: HistTreeRegressor(max_bins=1000).fit(X, Y), "max_bins"),
        (lambda: HistTreeRegressor(max_depth=0).fit(X, Y), "max_depth"),
        (lambda: HistTreeRegressor(max_features="some").fit(X, Y), "max_features"),
        (lambda: HistTreeRegressor(criterion="gini").fit(X, Y), "criterion"),
        (lambda: HistTreeRegressor(categorical_features=["x"]).fit(X, Y), "categorical_features"),
        (lambda: HistTreeRegressor(monotonic_cst=[1]).fit(X, Y), "monotonic_cst"),
        (lambda: HistTreeClassifier().fit(X, np.stack([Y > 0, Y > 1], axis=1)), "one label"),
        (lambda: HistTreeRegressor().fit(X, Y, np.full(200, -1.0)), "sample_weight"),
        (lambda: HistTreeRegressor().fit(X, Y, np.zeros(200)), "sample_weight"),
        (lambda: HistTreeRegressor().fit(X * 1j, Y), "Complex"),
        (lambda: HistTreeRegressor().fit(X[:0], Y[:0]), "minimum of 1"),
    ],
)
def test_error_names_what_is_wrong(fit, says):
    with pytest.raises(ValueError, match=says):
        fit()


def test_unfitted_tree_says_so():
    with pytest.raises(NotFittedError):
        HistTreeClassifier().predict(X)


def test_zero_weight_is_no_row():
    w = (RNG.random(200) < 0.5).astype(float)
    spoiled = Y.copy()
    spoiled[w == 0] = 1e30
    one = HistTreeRegressor(random_state=0).fit(X, spoiled, w)
    other = HistTreeRegressor(random_state=0).fit(X[w > 0], Y[w > 0])
    assert np.array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize("scale", [1e-300, 1e-5, 1.0, 1e5, 1e150])
def test_target_of_any_size(scale):
    tree = HistTreeRegressor(random_state=0).fit(X, Y * scale)
    assert np.allclose(tree.predict(X), Y * scale, rtol=1e-12, atol=1e-10 * scale)


def test_text_names_columns_categories_and_missing():
    colour, size = pd.Categorical(["red", "blue"] * 4), [1.0, 2, 3, np.nan] * 2
    frame = pd.DataFrame({"colour": colour, "size": size})
    colours = HistTreeClassifier(random_state=0).fit(frame[["colour"]], [0, 1] * 4).export_text()
    assert "colour in {red}" in colours
    assert "colour in {blue}" in colours
    sizes = HistTreeClassifier(random_state=0).fit(frame[["size"]], [0, 0, 1, 1] * 2).export_text()
    assert "size <= 2.50\n" in sizes
    assert "size > 2.50 or missing\n" in sizes


def test_rows_beyond_a_block_and_a_sample():
    big = np.random.default_rng(1).normal(size=(210_000, 2)).astype(np.float32)
    y = (big[:, 0] > 0.3).astype(int)
    tree = HistTreeClassifier(max_depth=6, random_state=0).fit(big, y)
    assert tree.score(big, y) >= 1 - 1 / 254  # the cut may lie anywhere in its bin
    assert np.array_equal(tree.predict(big)[::1000], tree.predict(big[::1000]))


def test_sparse_columns_are_read_and_not_cut_out(monkeypatch):
    """scipy takes a hundred times as long to cut out a column, and longer from rows."""
    X = sparse.random(60, 9, density=0.4, random_state=0, format="csr")
    y = X.toarray().sum(axis=1)
    known = HistTreeRegressor(random_state=0).fit(X.toarray(), y)
    bag = BaggingRegressor(n_estimators=3, random_state=0).fit(X.toarray(), y)

    def cut(*given):
        raise AssertionError("cut out a column")

    for kind in (sparse.csr_matrix, sparse.csc_matrix):
        monkeypatch.setattr(kind, "__getitem__", cut)
    for table in (X, X.tocsc()):
        again = HistTreeRegressor(random_state=0).fit(table, y)
        np.testing.assert_array_equal(again.predict(table), known.predict(X.toarray()))
        np.testing.assert_array_equal(bag.predict(table), bag.predict(X.toarray()))


@pytest.mark.parametrize("dtype", [float, np.int8, bool])
def test_sparse_entries_given_twice_add_up(dtype):
    rows, columns = [3, 0, 3, 1], [1, 1, 1, 0]
    twice = sparse.coo_matrix((np.ones(4, dtype), (rows, columns)), shape=(5, 2))
    unsummed = sparse.csc_matrix((np.ones(4, dtype), [1, 3, 0, 3], [0, 1, 4]), shape=(5, 2))
    for j in range(2):
        np.testing.assert_array_equal(column(unsummed, j), twice.toarray()[:, j])
