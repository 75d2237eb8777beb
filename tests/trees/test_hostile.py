"""Input that means harm, or that nobody thought of: the right answer, or an error that names it."""

import os
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.base import clone

from ensembles.trees import Forest, HistTreeClassifier, HistTreeRegressor, Prepared
from ensembles.trees.binning import find_bins

RNG = np.random.default_rng(0)
X = RNG.integers(0, 50, (200, 4)).astype(np.float64)
Y = X[:, 0] - X[:, 1] * (X[:, 2] > 20)
LABELS = (Y > 10).astype(int)
EXPECTED = HistTreeRegressor(random_state=0).fit(X, Y).predict(X)


def regression(**parameters):
    return HistTreeRegressor(random_state=0, **parameters)


def classification(**parameters):
    return HistTreeClassifier(random_state=0, **parameters)


def frame(values, type_):
    return pd.DataFrame({"c": pd.Series(values, dtype=type_)})


# -------------------------------------------------------------------------------------------------
# Types of cells

SAME_NUMBERS = {
    "longdouble": X.astype(np.longdouble),
    "big-endian integers": X.astype(">i4"),
    "reversed columns": X[:, ::-1].copy()[:, ::-1],
    "Float64": pd.DataFrame(X).astype("Float64"),
    "pyarrow doubles": pd.DataFrame(X).astype("double[pyarrow]"),
    "pyarrow integers": pd.DataFrame(X).astype("int64[pyarrow]"),
    "pandas sparse": pd.DataFrame(X).astype(pd.SparseDtype(float, 0)),
    "pyarrow table": pa.table({name: X[:, j] for j, name in enumerate("abcd")}),
    "fractions": np.array([[Fraction(int(x)) for x in row] for row in X], dtype=object),
    "decimals": np.array([[Decimal(int(x)) for x in row] for row in X], dtype=object),
    "polars decimals": pl.DataFrame(X, schema=list("abcd")).cast(pl.Decimal(10, 2)),
    "sparse int8": sparse.csr_array(X.astype(np.int8)),
}


@pytest.mark.parametrize("kind", SAME_NUMBERS)
def test_numbers_are_numbers(kind):
    table = SAME_NUMBERS[kind]
    assert np.array_equal(regression().fit(table, Y).predict(table), EXPECTED)


@pytest.mark.parametrize("type_", ["U", object])
def test_text_of_an_array_that_reads_as_numbers_is_numbers(type_):
    """An array of numbers beside names comes as text; in a frame text is text."""
    beside = np.column_stack([X.astype(str), np.where(Y > 10, "b", "a")]).astype(type_)
    plain = pd.DataFrame(X, columns=list("abcd")).assign(names=pd.Categorical(beside[:, -1]))
    tree = regression().fit(beside, Y)
    assert [isinstance(cuts, dict) for cuts in tree.bins_.cuts] == [False] * 4 + [True]
    assert np.array_equal(tree.predict(beside), regression().fit(plain, Y).predict(plain))
    framed = regression().fit(pd.DataFrame(beside), Y)
    assert all(isinstance(cuts, dict) for cuts in framed.bins_.cuts)


def test_missing_marks_of_pandas_among_objects_are_missing():
    marked = np.array([[1.5], [pd.NA], [2.5], [pd.NaT], [None]] * 8, dtype=object)
    plain = np.array([[1.5], [np.nan], [2.5], [np.nan], [np.nan]] * 8)
    y = np.arange(40.0)
    expected = regression().fit(plain, y).predict(plain)
    assert np.array_equal(regression().fit(marked, y).predict(marked), expected)


@pytest.mark.parametrize("type_", ["bool", "boolean", "bool[pyarrow]"])
def test_truth_values_are_numbers(type_):
    flags = X > 25
    asked = pd.DataFrame(flags).astype(type_)
    expected = regression().fit(flags, Y).predict(flags)
    assert np.array_equal(regression().fit(asked, Y).predict(asked), expected)


@pytest.mark.parametrize("type_", ["Float64", "Int64", "boolean", "int64[pyarrow]"])
def test_missing_cells_of_nullable_columns_are_missing(type_):
    table = frame([1, None, 0] * 10, type_)
    y = np.array([0, 1, 0] * 10)
    tree = classification().fit(table, y)
    assert tree.bins_.missing == (True,)
    assert np.array_equal(tree.predict(table), y)


def test_masked_cells_are_missing():
    masked = np.ma.masked_less(X, 10)
    holed = np.where(X < 10, np.nan, X)
    tree, expected = regression().fit(masked, Y), regression().fit(holed, Y)
    assert np.array_equal(tree.predict(masked), expected.predict(holed))
    assert np.array_equal(regression().fit(np.ma.array(X), Y).predict(X), EXPECTED)


def test_stored_nan_of_a_sparse_matrix_is_missing():
    holed = np.where(X < 3, np.nan, X)
    tree = regression().fit(sparse.csr_array(holed), Y)
    assert np.array_equal(tree.predict(holed), regression().fit(holed, Y).predict(holed))


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame, lambda c: c["a"][:, None]])
def test_whole_numbers_without_sign_beyond_63_bits(library):
    table = library({"a": np.array([2**63, 2**63 + 2**12, 2**64 - 1, 5], dtype=np.uint64)})
    assert regression().fit(table, np.arange(4.0)).predict(table).tolist() == [0, 1, 2, 3]


def test_half_precision_infinity_is_a_value():
    table = np.array([[np.inf], [65504], [1], [-np.inf]], np.float16)
    assert regression().fit(table, np.arange(4.0)).predict(table).tolist() == [0, 1, 2, 3]


def test_the_cut_before_infinity_leaves_all_that_is_finite_below():
    tree = classification().fit([[1.0], [np.inf]], [0, 1])
    assert tree.predict([[2.0], [1e308], [np.inf]]).tolist() == [0, 0, 1]
    tree = classification().fit([[-np.inf], [1.0]], [0, 1])
    assert tree.predict([[-np.inf], [-1e308], [0.0]]).tolist() == [0, 1, 1]


@pytest.mark.parametrize("start", [1.0, -3.0, 1e300, 5e-324])
def test_values_one_rounding_apart_are_told_apart(start):
    """Half-way between two of them is one of them: it must be the lower."""
    values = [start]
    for _ in range(7):
        values.append(np.nextafter(values[-1], np.inf))
    x = np.array(values)[:, None]
    assert regression().fit(x, np.arange(8.0)).predict(x).tolist() == list(range(8))


def test_read_only_memory_map(tmp_path):
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    table = np.load(tmp_path / "x.npy", mmap_mode="r")
    weights = np.ones(200, ">f4")
    weights.flags.writeable = False
    tree = regression().fit(table, Y.astype(">f8"), weights)
    assert np.array_equal(tree.predict(table), EXPECTED)


WORDS = ["red", "blue", None, "green", "grey"] * 6
MEANING = np.array([0, 1, 1, 0, 1] * 6)
SAME_WORDS = {
    "string[pyarrow]": lambda v: frame(v, "string[pyarrow]"),
    "string[python]": lambda v: frame(v, "string[python]"),
    "str": lambda v: frame(v, "str"),
    "arrow string": lambda v: frame(v, pd.ArrowDtype(pa.string())),
    "arrow large string": lambda v: frame(v, pd.ArrowDtype(pa.large_string())),
    "arrow dictionary": lambda v: frame(v, pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
    "ordered category": lambda v: pd.DataFrame({"c": pd.Categorical(v, ordered=True)}),
    "category of nullable integers": lambda v: pd.DataFrame(
        {"c": pd.Categorical(pd.array([w and sum(map(ord, w)) for w in v], dtype="Int64"))}
    ),
    "polars Enum": lambda v: pl.DataFrame(
        {"c": pl.Series(v, dtype=pl.Enum(["mauve", "grey", "green", "blue", "red"]))}
    ),
    "polars String": lambda v: pl.DataFrame({"c": pl.Series(v, dtype=pl.String)}),
    "array of str": lambda v: np.array([w or "" for w in v])[:, None],
    "array of bytes": lambda v: np.array([(w or "").encode() for w in v])[:, None],
    "array of StringDType": lambda v: np.array([w or "" for w in v], dtype=np.dtypes.StringDType())[
        :, None
    ],
    "objects of two types": lambda v: np.array([w or 3 for w in v], dtype=object)[:, None],
}


@pytest.mark.parametrize("kind", SAME_WORDS)
def test_words_are_categories(kind):
    table = SAME_WORDS[kind](WORDS)
    tree = classification().fit(table, MEANING)
    assert tree.get_n_leaves() == 2
    assert np.array_equal(tree.predict(table), MEANING)
    assert tree.predict(SAME_WORDS[kind](["red", "mauve", "blue"])).tolist() == [0, 1, 1]


@pytest.mark.parametrize("kind", ["strings", "category", "polars"])
def test_more_than_65536_categories_of_any_type(kind):
    words = [f"word {i}" for i in range(66_000)] + ["often"] * 10
    table = {
        "strings": lambda: frame(words, object),
        "category": lambda: frame(words, "category"),
        "polars": lambda: pl.DataFrame({"c": words}),
    }[kind]()
    tree = regression().fit(table, np.array([*range(2)] * 33_000 + [9] * 10, float))
    assert tree.bins_.sizes.tolist() == [256]
    assert tree.bins_.cuts[0]["often"] == 1
    assert tree.predict(table[-1:]).tolist() == [9.0]


def test_categories_beyond_53_bits_are_not_rounded():
    numbers = np.array([[2**53], [2**53 + 1]])
    for table in (numbers, pd.DataFrame(numbers, columns=["c"])):
        tree = classification(categorical_features=[0]).fit(table, [0, 1])
        assert tree.predict(table).tolist() == [0, 1]


def test_infinite_and_signed_categories():
    tree = classification(categorical_features=[0]).fit(
        [[np.inf], [-0.0], [0.0], [2]], [0, 1, 1, 0]
    )
    assert len(tree.bins_.cuts[0]) == 3
    assert tree.predict([[np.inf], [0.0], [2], [np.nan]])[:3].tolist() == [0, 1, 0]


NOT_A_TABLE = {
    "complex": (pd.DataFrame({"c": [1 + 1j, 2]}), "column c holds complex"),
    "complex cells": (np.array([[1 + 1j], [2]], dtype=object), "real number"),
    "dates": (np.array([["2020"], ["2021"]], dtype="M8[D]"), "column 0 holds datetime"),
    "date cells": (frame([date(2020, 1, 1)] * 2, object), "column c holds dates, .* real number"),
    "dates beside text": (frame(["unknown", date(2020, 1, 1)], object), "column c holds dates"),
    "periods": (frame([pd.Period("2020")] * 2, object), "column c holds Periods"),
    "tuples": (frame([(1,), (2,)], object), "column c must hold numbers or strings"),
    "arrow timestamps": (frame(["2020-01-01"] * 2, "timestamp[ns][pyarrow]"), "column c holds"),
    "polars time": (pl.DataFrame({"c": [1, 2]}).cast(pl.Time), "column c holds Time"),
    "polars duration": (pl.DataFrame({"c": [1, 2]}).cast(pl.Duration), "column c holds Duration"),
    "polars list": (pl.DataFrame({"c": [[1], [2]]}), "column c holds List"),
    "polars struct": (pl.DataFrame({"c": [{"a": 1}, {"a": 2}]}), "column c holds Struct"),
    "too large": (np.array([[1], [10**400]], dtype=object), "column 0 cannot be read"),
    "one name twice": (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "'a'"),
    "series": (pd.Series([1, 2]), "2-dimensional"),
    "three axes": (np.zeros((2, 1, 1)), "dim 3"),
    "no columns": (pd.DataFrame(index=range(2)), "minimum of 1"),
    "sparse complex": (sparse.csr_array(np.ones((2, 2)) * 1j), "[Cc]omplex"),
}


@pytest.mark.parametrize("kind", NOT_A_TABLE)
def test_what_is_no_table_of_numbers_or_words_is_refused(kind):
    table, says = NOT_A_TABLE[kind]
    with pytest.raises((ValueError, TypeError), match=says):
        regression().fit(table, [0.0, 1.0])


# -------------------------------------------------------------------------------------------------
# Targets, weights, parameters

REFUSED = {
    "infinite y": (lambda: regression().fit(X, np.where(Y > 10, np.inf, Y)), "y contains inf"),
    "missing y": (lambda: regression().fit(X, np.where(Y > 10, np.nan, Y)), "y contains NaN"),
    "masked y": (
        lambda: regression().fit(X, np.ma.masked_greater(Y, 10)),
        "y must not hold masked values",
    ),
    "masked labels": (
        lambda: classification().fit(X, np.ma.masked_equal(LABELS, 1)),
        "y must not hold masked values",
    ),
    "y as far apart as can be": (
        lambda: regression().fit(X, np.where(Y > 10, 1, -1) * np.finfo(float).max),
        "y must have a finite squared error",
    ),
    "y and weights too large": (
        lambda: regression().fit(X, Y * 1e100, np.full(200, 1e200)),
        "y must have a finite squared error",
    ),
    "weights too large": (
        lambda: classification().fit(X, LABELS, np.full(200, 1e308)),
        "sample_weight must have a finite sum",
    ),
    "a missing weight": (
        lambda: regression().fit(X, Y, np.r_[np.nan, np.ones(199)]),
        "sample_weight must be finite; got nan in row 0",
    ),
    "a masked weight": (
        lambda: regression().fit(X, Y, np.ma.masked_array(np.ones(200), np.arange(200) < 3)),
        "sample_weight must not hold masked values; got 3 of them",
    ),
    "a complex weight": (
        lambda: regression().fit(X, Y, np.full(200, 1j)),
        "sample_weight must hold numbers",
    ),
    "a negative weight": (
        lambda: regression().fit(X, Y, np.r_[1, -2, np.ones(198)]),
        "sample_weight must be >= 0; got -2.0 in row 1",
    ),
    "too few weights": (lambda: regression().fit(X, Y, np.ones(3)), "sample_weight.shape"),
    "negative class weight": (
        lambda: classification(class_weight={0: -1, 1: 1}).fit(X, LABELS),
        "class_weight must be finite and >= 0",
    ),
    "missing class weight": (
        lambda: classification(class_weight={0: np.nan, 1: 1}).fit(X, LABELS),
        "class_weight must be finite and >= 0",
    ),
    "labels that have no order": (
        lambda: classification().fit(X, np.array(["a", 1] * 100, dtype=object)),
        "y must hold labels that can be sorted",
    ),
    "a missing label among words": (
        lambda: classification().fit(X, pd.Series(["a", None] * 100, dtype="string")),
        "y contains NaN: y must hold a class for every row",
    ),
    "no label at all": (
        lambda: classification().fit(X, [None] * 200),
        "y contains NaN: y must hold a class for every row",
    ),
    "a missing date as a label": (
        lambda: classification().fit(X, np.array(["2020-01-01", "NaT"] * 100, "datetime64[D]")),
        "y contains NaN: y must hold a class for every row",
    ),
    "words to regress on": (
        lambda: regression().fit(X, ["high", "low"] * 100),
        "y must hold numbers for a regression: could not convert string to float: 'high'",
    ),
    "no class weight": (
        lambda: classification(class_weight=[1, 2]).fit(X, LABELS),
        "class_weight must be None, 'balanced' or a dict",
    ),
    "mask of the wrong length": (
        lambda: regression(categorical_features=[True, False]).fit(X, Y),
        "mask of 4 columns",
    ),
    "column that is not there": (
        lambda: regression(categorical_features=[9]).fit(X, Y),
        "categorical_features .* got 9",
    ),
    "word in the wrong case": (lambda: regression(splitter="Best").fit(X, Y), "Did you mean"),
    "truth as a depth": (lambda: regression(max_depth=True).fit(X, Y), "max_depth"),
    "leaf of no share": (lambda: regression(min_samples_leaf=1.5).fit(X, Y), "min_samples_leaf"),
    "missing pruning": (lambda: regression(ccp_alpha=np.nan).fit(X, Y), "ccp_alpha"),
    "words for directions": (
        lambda: regression(monotonic_cst=["a"] * 4).fit(X, Y),
        "monotonic_cst",
    ),
    "directions of a column that is not there": (
        lambda: regression(monotonic_cst={"height": 1}).fit(X, Y),
        "monotonic_cst must name columns of X; got 'height'",
    ),
    "directions that are words": (
        lambda: regression(monotonic_cst={0: "up"}).fit(X, Y),
        "monotonic_cst must hold -1, 0 or 1",
    ),
    "directions of categories": (
        lambda: regression(monotonic_cst=[0, -1, 0, 0], categorical_features=[1]).fit(X, Y),
        "monotonic_cst must be 0 for columns of categories, .* got -1 for column 1",
    ),
    "directions for three classes": (
        lambda: classification(monotonic_cst=[1, 0, 0, 0]).fit(X, np.arange(200) % 3),
        "monotonic_cst",
    ),
    "words for numbers, later": (
        lambda: regression().fit(X, Y).predict([["a", "b", "c", "d"]]),
        "column 0 cannot be read",
    ),
    "fewer columns, later": (lambda: regression().fit(X, Y).predict(X[:, :2]), "2 features"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_breaks_a_rule_is_refused_by_name(kind):
    fit, says = REFUSED[kind]
    with pytest.raises(ValueError, match=says):
        fit()


def test_a_sparse_target_is_refused():
    with pytest.raises(TypeError, match="y must be dense"):
        classification().fit(X, sparse.csr_array(LABELS[:, None]))


@pytest.mark.parametrize("spoil", [{"max_depth": 0}, {"max_features": "some"}, {}])
def test_a_fit_that_fails_leaves_the_tree_as_it_was(spoil):
    tree = classification().fit(X, LABELS)
    before = {name: value for name, value in vars(tree).items() if name.endswith("_")}
    tree.set_params(**spoil)
    with pytest.raises(ValueError, match=next(iter(spoil), "y contains NaN")):
        tree.fit(X[:, :2], LABELS if spoil else np.full(200, np.nan))
    after = {name: value for name, value in vars(tree).items() if name.endswith("_")}
    assert before.keys() == after.keys()
    assert all(after[name] is value for name, value in before.items())


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300])
@pytest.mark.parametrize("labels", [LABELS, np.arange(200) % 3])
def test_weights_of_any_size(scale, labels):
    tree = classification().fit(X, labels, np.full(200, scale))
    assert np.array_equal(tree.predict(X), classification().fit(X, labels).predict(X))


def test_light_rows_beside_a_heavy_one_are_rows():
    weights = np.r_[1e18, np.full(199, 1e-3)]
    assert np.array_equal(classification().fit(X, LABELS, weights).predict(X), LABELS)
    assert np.allclose(regression().fit(X, Y, weights).predict(X), Y, atol=1e-9)


def test_a_seed_of_any_integer_type_is_the_same_seed():
    one = HistTreeClassifier(random_state=3, max_features=1).fit(X, LABELS)
    other = HistTreeClassifier(random_state=np.int64(3), max_features=1).fit(X, LABELS)
    assert np.array_equal(one.tree_.threshold, other.tree_.threshold)


def test_a_fresh_clone_takes_a_draw_under_constraints():
    tree = regression(monotonic_cst=[1, 0, 0, 0])
    drawn = clone(tree).fit_draw(tree.prepare(X, Y))
    assert np.array_equal(drawn.predict(X), tree.fit(X, Y).predict(X))


def test_directions_may_be_given_by_name_or_number():
    frame = pd.DataFrame(X, columns=list("abcd"))
    listed = regression(monotonic_cst=[0, -1, 0, 1]).fit(X, Y).predict(X)
    assert not np.array_equal(listed, regression().fit(X, Y).predict(X))
    for named in ({"b": -1, "d": 1}, {1: -1, "d": 1}):
        fitted = regression(monotonic_cst=named).fit(frame, Y)
        assert np.array_equal(fitted.predict(frame), listed)


def test_equal_targets_may_be_huge():
    assert regression().fit(X, np.full(200, 1e308)).predict(X[:2]).tolist() == [1e308, 1e308]


def test_one_row_one_class_one_column():
    assert classification().fit([[1.0]], ["a"]).predict([[np.nan], [7]]).tolist() == ["a", "a"]
    assert regression().fit([[np.nan]], [2.0]).predict([[np.nan], [7]]).tolist() == [2, 2]
    assert regression().fit(np.full((5, 2), np.nan), np.arange(5.0)).predict([[1, 2]]) == [2.0]


@pytest.mark.parametrize("criterion", ["gini", "entropy"])
def test_one_class_obeys_every_constraint(criterion):
    X = np.arange(6.0)[:, None]
    tree = classification(monotonic_cst=[1], criterion=criterion).fit(X, ["a"] * 6)
    assert tree.predict_proba(X).tolist() == [[1.0]] * 6
    assert tree.get_n_leaves() == 1


def test_more_columns_than_16_bits_count():
    wide = RNG.random((3, 70_000), dtype=np.float32)
    tree = regression(max_depth=2).fit(wide, [1, 2, 3.0])
    assert tree.predict(wide).tolist() == [1, 2, 3]


# -------------------------------------------------------------------------------------------------
# More cells than 31 bits count


@pytest.mark.slow
def test_more_than_two_to_the_31_cells():
    """2.2 GB of codes: every address is beyond a 32-bit integer where it matters."""
    n, d = 1_050_000, 2_050
    assert n * d > 2**31
    column = (np.arange(n) % 251).astype(np.uint8)
    table = np.broadcast_to(column[:, None], (n, d))
    names = [str(j) for j in range(d)]
    bins = find_bins(table[:251], None, 256, None, names)
    codes = bins.encode(table)
    assert np.array_equal(codes[-1], np.full(d, column[-1] + 1))
    assert np.array_equal(codes[:, -1], column + np.uint8(1))
    codes[:, :-1] = 7  # now the last column alone tells the rows apart
    y = (column % 5).astype(float)[:, None]
    prepared = Prepared(codes, bins, None, y, np.zeros(1))
    last = np.arange(n - 3000, n)
    tree = regression().fit_draw(prepared, last)
    assert set(tree.tree_.feature[tree.tree_.children_left >= 0]) == {d - 1}
    forest = Forest([tree])
    assert np.array_equal(forest.mean(prepared, n - 3000), y[-3000:])
    run = forest.runs[0]
    sums, asked = np.zeros((n, 1)), np.zeros(n, np.int64)
    none = np.empty((1, 0), np.uint8)
    swapped = codes[:, ::-1]  # the kernel reads column 0 of rows that are d bytes apart
    codes[:, 0] = swapped[:, 0]
    run.ask(0, codes, none, 0, sums, asked, np.empty((0, 0), np.int32))
    assert np.array_equal(sums, y)


@pytest.mark.slow
@pytest.mark.skipif(
    os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 14 << 30, reason="needs 10 GB"
)
def test_a_tree_parts_more_than_two_to_the_31_cells():
    """Every node holds the rows, and the share of ones, that its splits send there."""
    n, d = 46_000_000, 48
    assert n * d > 2**31
    X = np.random.default_rng(0).integers(0, 4, size=(n, d), dtype=np.uint8)
    y = ((X[:, 47] >= 2) ^ ((X[:, 46] >= 1) & (X[:, 45] >= 3))).astype(np.int8)
    tree = classification(max_depth=4).fit(X, y).tree_
    waiting, ones = [(0, np.ones(n, bool))], y == 1
    while waiting:
        node, here = waiting.pop()
        assert tree.n_node_samples[node] == here.sum()
        assert tree.value[node, 0, 1] == pytest.approx((here & ones).sum() / here.sum(), abs=1e-12)
        if tree.children_right[node] != -1:
            left = X[:, tree.feature[node]] <= tree.threshold[node]
            waiting += [(node + 1, here & left), (tree.children_right[node], here & ~left)]
    assert tree.node_count == 11
