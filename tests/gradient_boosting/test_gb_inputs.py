"""Inputs: any labels, any columns, any container, and one meaning for all."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xgboost
from scipy import sparse
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import columns

rng = np.random.default_rng(0)
N = 240
X = rng.normal(size=(N, 4))
X[::9, 1] = np.nan
CODES = (X[:, 0] > 0.5).astype(int) + (X[:, 2] > 0)
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"])
MIXED = FRAME.assign(
    city=rng.choice(["Oslo", "Rome", "Bern"], N),
    size=pd.Categorical(rng.choice(["s", "m", "l"], N), ["s", "m", "l"], ordered=True),
    flag=rng.random(N) < 0.5,
    count=rng.integers(0, 9, N),
)
MIXED.loc[::7, "city"] = None
VALUE = X[:, 0] + (MIXED["city"] == "Oslo") * 2 + (MIXED["size"] == "l") + MIXED["count"] / 9
SMALL = {"n_estimators": 15, "learning_rate": 0.3, "random_state": 0}


def classifier(**more):
    return GradientBoostingClassifier(**SMALL | more)


def regressor(**more):
    return GradientBoostingRegressor(**SMALL | more)


# ---------------------------------------------------------------------------------------------
# Labels

KINDS = {
    "int": [0, 1, 2],
    "from one": [1, 2, 3],
    "gaps": [0, 2, 5],
    "negative": [-1, 0, 1],
    "large": [10**12, 10**12 + 1, 10**15],
    "floats": [0.0, 1.0, 2.0],
    "text": ["a", "b", "c"],
    "accents": ["é", "ñ", "ü"],
    "dates": np.array(["2020-01-01", "2021-01-01", "2022-01-01"], dtype="datetime64[D]"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_any_kind_are_learned_and_given_back(kind):
    names = np.array(KINDS[kind])
    expected = classifier().fit(X, CODES)
    model = classifier().fit(X, names[CODES])
    np.testing.assert_array_equal(model.classes_, names)
    np.testing.assert_array_equal(model.predict(X), names[expected.predict(X)])
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize(
    "labels",
    [
        pd.Categorical.from_codes(CODES, ["c", "b", "a"]),
        pd.Series(np.array(["c", "b", "a"])[CODES], dtype="string"),
        pd.Series(np.array(["c", "b", "a"])[CODES], index=np.arange(N)[::-1]),
        pl.Series(np.array(["c", "b", "a"])[CODES]),
        list(np.array(["c", "b", "a"])[CODES]),
        np.array(["c", "b", "a"], dtype=object)[CODES],
    ],
)
def test_labels_come_in_any_container(labels):
    model = classifier().fit(X, labels)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert (model.predict(X) == np.array(["c", "b", "a"])[CODES]).mean() > 0.95


@pytest.mark.parametrize("labels", [[True, False], [0, 1], ["no", "yes"], [-1, 1]])
def test_two_classes_of_any_kind(labels):
    y = np.array(labels)[(CODES > 0).astype(int)]
    model = classifier().fit(X, y)
    assert set(model.predict(X).tolist()) == set(labels)
    assert model.predict_proba(X).shape == (N, 2)


def test_a_thousand_classes():
    y = np.arange(2000) % 1000
    table = np.column_stack([y, y % 7]).astype(float)
    model = classifier(n_estimators=1).fit(table, y)
    assert model.predict_proba(table[:3]).shape == (3, 1000)


def test_one_class_is_predicted_for_sure():
    model = classifier().fit(X, np.full(N, "only"))
    assert model.classes_.tolist() == ["only"]
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((N, 1)))


def test_a_class_may_be_absent_from_a_fold():
    y = np.array(["rare", "a", "b"] + ["a", "b"] * ((N - 3) // 2) + ["a"])[:N]
    from sklearn.model_selection import KFold

    answers = cross_val_predict(classifier(), X, y, cv=KFold(3))
    assert set(answers) <= {"rare", "a", "b"}


def test_a_class_may_be_absent_from_the_validation_rows():
    keep = CODES < 2
    for scoring in (None, "neg_log_loss", "accuracy"):
        model = classifier(scoring=scoring).fit(X, CODES, X_val=X[keep], y_val=CODES[keep])
        assert model.predict_proba(X).shape == (N, 3)
    with pytest.raises(ValueError, match=r"must hold classes that y holds.*'new'"):
        classifier().fit(X, CODES.astype(str), X_val=X[:2], y_val=["0", "new"])


def test_missing_labels_are_refused():
    for y in (np.where(CODES == 0, np.nan, CODES), np.array([None, *CODES[1:]], dtype=object)):
        with pytest.raises(ValueError, match=r"y contains NaN|Input y"):
            classifier().fit(X, y)
    with pytest.raises(ValueError, match=r"y contains NaN|infinity"):
        regressor().fit(X, np.where(CODES == 0, np.inf, 1.0))


@pytest.mark.parametrize(
    ("y", "task"),
    [
        (CODES, "classification"),
        (CODES.astype(str), "classification"),
        (CODES > 0, "classification"),
        (VALUE, "regression"),
        (np.arange(N), "regression"),
    ],
)
def test_the_bare_name_follows_the_task(y, task):
    assert GradientBoosting(n_estimators=2).fit(X, y).task_ == task
    assert (
        GradientBoosting(n_estimators=2, quantiles=[0.1, 0.9]).fit(X, CODES).task_ == "regression"
    )
    assert GradientBoosting(n_estimators=2, task="regression").fit(X, CODES).task_ == "regression"
    assert GradientBoosting(n_estimators=2, objective="poisson").fit(X, CODES).task_ == "regression"


# ---------------------------------------------------------------------------------------------
# Weights


def test_class_weights_are_weights_of_rows():
    by_hand = np.array([1.0, 3.0, 0.5])[CODES]
    names = np.array(["a", "b", "c"])
    ours = classifier(class_weight={"a": 1.0, "b": 3.0, "c": 0.5}).fit(X, names[CODES])
    expected = classifier().fit(X, names[CODES], sample_weight=by_hand)
    np.testing.assert_array_equal(ours.predict_proba(X), expected.predict_proba(X))
    from sklearn.utils.class_weight import compute_sample_weight

    balanced = classifier(class_weight="balanced").fit(X, CODES)
    expected = classifier().fit(X, CODES, compute_sample_weight("balanced", CODES))
    np.testing.assert_allclose(
        balanced.predict_proba(X), expected.predict_proba(X), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "class_weight", ["balance", {"a": 1}, {0: -1.0}, {0: np.nan}, {0: 0, 1: 0, 2: 0}, 3]
)
def test_class_weights_given_amiss_are_refused(class_weight):
    with pytest.raises(ValueError, match="class_weight must"):
        classifier(class_weight=class_weight).fit(X, CODES)
    with pytest.raises(ValueError, match="class_weight must be None"):
        regressor(class_weight="balanced").fit(X, VALUE)


def test_weights_of_one_are_no_weights():
    plain, ones = classifier().fit(X, CODES), classifier().fit(X, CODES, np.ones(N))
    np.testing.assert_array_equal(plain.predict_proba(X), ones.predict_proba(X))


@pytest.mark.parametrize("scale", [8.0, 1e-6, 1e20])
def test_the_unit_of_weights_does_not_matter_when_they_are_normalized(scale):
    """Without it, min_child_weight is absolute: weights of 8 allow smaller leaves."""
    weights = rng.uniform(0.5, 2, N)
    given = {"normalize_weights": True, "min_child_weight": 5.0}
    one, other = (
        classifier(**given).fit(X, CODES, sample_weight=w).predict_proba(X)
        for w in (weights, weights * scale)
    )
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


def test_weights_of_sum_one_are_told_of():
    """scikit-learn's AdaBoost gives such: without a split every tree is its root."""
    weights = np.full(len(X), 1 / len(X))
    with pytest.warns(UserWarning, match=r"sums to 1 over .* normalize_weights=True"):
        regressor().fit(X, VALUE, weights)
    regressor(normalize_weights=True).fit(X, VALUE, weights)
    regressor(min_child_weight=0.1).fit(X, VALUE, weights)
    regressor(objective="poisson").fit(X, np.abs(VALUE), weights)


@pytest.mark.parametrize(
    "weights",
    [
        np.zeros(N),
        np.full(N, 1e-300),
        np.full(N, 1e300),
        -np.ones(N),
        np.full(N, np.nan),
        np.ones(3),
        np.ones((N, 2)),
        ["x"] * N,
    ],
)
def test_weights_that_xgboost_chokes_on_are_named(weights):
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        regressor().fit(X, VALUE, sample_weight=weights)


# ---------------------------------------------------------------------------------------------
# Columns of categories and text


def test_categories_and_text_are_learned_as_they_are():
    model = regressor(n_estimators=100).fit(MIXED, VALUE)
    assert model.score(MIXED, VALUE) > 0.95
    assert model.booster_.feature_types == ["q", "q", "q", "q", "c", "c", "q", "q"]
    assert model.booster_.feature_names == list(MIXED.columns)


def test_the_same_category_has_the_same_code_however_the_frame_codes_it():
    model = regressor().fit(MIXED, VALUE)
    answers = model.predict(MIXED)
    few = MIXED.iloc[:20]
    forms = {
        "reordered": MIXED.assign(size=MIXED["size"].cat.reorder_categories(["l", "s", "m"])),
        "text": MIXED.assign(size=MIXED["size"].astype(object)),
        "category": MIXED.assign(city=MIXED["city"].astype("category")),
        "string": MIXED.assign(city=MIXED["city"].astype("string")),
        "more levels": MIXED.assign(size=MIXED["size"].cat.add_categories(["xl"])),
        "polars": pl.from_pandas(MIXED.assign(size=MIXED["size"].astype(object))),
    }
    forms["enum"] = forms["polars"].with_columns(pl.col("size").cast(pl.Enum(["m", "l", "s"])))
    forms["arrow"] = MIXED.convert_dtypes(dtype_backend="pyarrow")
    for form in forms.values():
        np.testing.assert_array_equal(model.predict(form), answers)
    alone = few.assign(size=few["size"].cat.remove_unused_categories())
    np.testing.assert_array_equal(model.predict(alone), answers[:20])
    for i in range(5):
        np.testing.assert_array_equal(model.predict(MIXED.iloc[[i]]), answers[[i]])


def test_a_frame_of_any_kind_teaches_the_same():
    plain = MIXED.assign(size=MIXED["size"].astype(object))
    expected = regressor().fit(plain, VALUE).predict(plain)
    for form in (
        MIXED,
        pl.from_pandas(plain),
        plain.assign(city=plain["city"].astype("string")),
        pl.from_pandas(plain).with_columns(pl.col("city").cast(pl.Categorical)),
        MIXED.convert_dtypes(),
    ):
        np.testing.assert_array_equal(regressor().fit(form, VALUE).predict(plain), expected)
    objects = regressor().fit(plain.to_numpy(), VALUE)
    np.testing.assert_array_equal(objects.predict(plain.to_numpy()), expected)


def test_a_level_that_was_not_there_is_missing():
    model = regressor().fit(MIXED, VALUE)
    strange = MIXED.assign(city="Lima")
    absent = MIXED.assign(city=None)
    np.testing.assert_array_equal(model.predict(strange), model.predict(absent))
    unused = pd.Categorical(["Lima"] * N, ["Lima", "Oslo", "Rome", "Bern"])
    np.testing.assert_array_equal(model.predict(MIXED.assign(city=unused)), model.predict(absent))
    learned = regressor().fit(
        MIXED.assign(city=pd.Categorical(MIXED["city"], ["Lima", "Oslo", "Rome", "Bern"])), VALUE
    )
    np.testing.assert_array_equal(learned.predict(MIXED), model.predict(MIXED))


def test_numbers_may_be_categories():
    codes = rng.integers(1, 6, N)
    frame = pd.DataFrame({"zip": pd.Categorical(codes), "a": X[:, 0]})
    y = np.isin(codes, [1, 4]) * 3 + X[:, 0]
    model = regressor(n_estimators=50).fit(frame, y)
    assert model.booster_.feature_types[0] == "c"
    np.testing.assert_array_equal(model.predict(frame), model.predict(frame.assign(zip=codes)))
    assert model.score(frame, y) > 0.9


def test_a_column_that_changes_its_kind_is_named():
    model = regressor().fit(MIXED, VALUE)
    with pytest.raises(ValueError, match="column 'city' held text"):
        model.predict(MIXED.assign(city=1.0))
    with pytest.raises(ValueError, match="column 'a' held numbers"):
        model.predict(MIXED.assign(a="x"))
    polars = pl.from_pandas(MIXED.assign(size=MIXED["size"].astype(object)))
    with pytest.raises(ValueError, match="column 'city' held text"):
        model.predict(polars.with_columns(pl.lit(1.0).alias("city")))
    with pytest.raises(ValueError, match="column 'a' held numbers"):
        model.predict(polars.with_columns(pl.lit("x").alias("a")))


def test_a_column_without_a_value_is_missing():
    model = regressor().fit(MIXED.assign(d=np.nan, city=None), VALUE)
    assert np.isfinite(model.predict(MIXED.assign(d=1.0, city=None))).all()
    fitted = regressor().fit(MIXED, VALUE)
    assert np.isfinite(fitted.predict(MIXED.assign(d=None, city=None, size=None))).all()


@pytest.mark.parametrize(
    "column",
    [
        pd.date_range("2020", periods=N),
        pd.to_timedelta(np.arange(N), unit="D"),
        np.arange(N) * 1j,
        [{"a": 1}] * N,
        pd.interval_range(0, N),
    ],
)
def test_a_column_of_something_else_is_named(column):
    with pytest.raises((ValueError, TypeError), match=r"when|argument|Complex"):
        regressor().fit(FRAME.assign(when=column), VALUE)


# ---------------------------------------------------------------------------------------------
# Names, order, infinity


def test_columns_are_held_to_their_names_and_order():
    model = regressor().fit(FRAME, VALUE)
    for wrong in (
        FRAME[["b", "a", "c", "d"]],
        FRAME.rename(columns={"a": "z"}),
        FRAME[["a", "b", "c"]],
        FRAME.assign(e=1),
    ):
        with pytest.raises(ValueError, match="feature"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="two columns of one name"):
        regressor().fit(FRAME.set_axis(["a", "a", "b", "c"], axis=1), VALUE)


@pytest.mark.parametrize("names", [[0, 1], [("a", 1), ("a", 2)]])
def test_columns_that_are_numbered_are_held_to_their_order_too(names, tmp_path):
    columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    table = pd.DataFrame(rng.normal(size=(60, 2)), columns=columns)
    model = GradientBoostingRegressor(3).fit(table, table[names[0]])
    model.save_model(tmp_path / "model")
    turned = table[names[::-1]]
    for one in (model, GradientBoostingRegressor.load_model(tmp_path / "model")):
        with pytest.raises(ValueError, match="X must have its columns in the order of fit"):
            one.predict(turned)
        np.testing.assert_array_equal(one.predict(table), model.predict(table.to_numpy()))
    model.fit(table.to_numpy(), table[names[0]]).predict(turned)


def test_any_name_will_do():
    names = ["[a]", "<b>", 'c "quoted", é', "d\n{e}: f"]
    frame = FRAME.set_axis(names, axis=1)
    model = regressor().fit(frame, VALUE)
    np.testing.assert_array_equal(model.predict(frame), regressor().fit(X, VALUE).predict(X))
    assert model.feature_importances_.sum() == pytest.approx(1)
    assert model.shap_values(frame).shape == (N, 5)
    assert model.apply(frame).shape == (N, 15)
    regressor(monotone_constraints={"[a]": 1}).fit(frame, VALUE)
    numbered = FRAME.set_axis([0, 1, 2, 3], axis=1)
    np.testing.assert_array_equal(
        regressor().fit(numbered, VALUE).predict(numbered), model.predict(frame)
    )


@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e300])
def test_infinity_is_named_with_its_column(bad):
    table = X.copy()
    table[5, 2] = bad
    frame = pd.DataFrame(table, columns=["a", "b", "price", "d"])
    fitted = regressor().fit(frame.assign(price=0.0), VALUE)
    fitted_array = regressor().fit(X, VALUE)
    forms = [(frame, fitted), (pl.from_pandas(frame), fitted)]
    for form, model in forms:
        for call in (lambda X: regressor().fit(X, VALUE), model.predict):
            with pytest.raises(ValueError, match=r"X must hold finite.*column 'price'"):
                call(form)
    for form in (
        table,
        np.asfortranarray(table),
        sparse.csr_matrix(np.nan_to_num(table, posinf=bad, neginf=bad, nan=1.0)),
    ):
        with pytest.raises(ValueError, match=r"X must hold finite.*column 'x2'") as raised:
            regressor().fit(form, VALUE)
        assert raised.value.__suppress_context__, "no trace of C++ above the error"
        with pytest.raises(ValueError, match=r"X must hold finite.*column 'x2'"):
            fitted_array.predict(form)
    with pytest.raises(ValueError, match="column 'x2'"):
        regressor(early_stopping=True).fit(table, VALUE)
    with pytest.raises(ValueError, match="column 'x2'"):
        regressor().fit(X, VALUE, X_val=table, y_val=VALUE)


@pytest.mark.parametrize("few", [0, 10**6], ids=["large", "small"])
@pytest.mark.parametrize("kind", ["Float64", "Float32", "double[pyarrow]", "float[pyarrow]"])
def test_infinity_in_columns_that_mark_missing_values_by_themselves_is_named(
    kind, few, monkeypatch
):
    """XGBoost sees it at fit alone: at predict such columns were not looked at."""
    monkeypatch.setattr(columns, "FEW_CELLS", few)
    frame = pd.DataFrame(X, columns=["a", "b", "price", "d"]).astype(kind)
    frame.iloc[3, 0] = None
    model = regressor().fit(frame, VALUE)
    model.predict(frame)
    for part in (frame.astype({"a": float, "b": float}), frame):
        bad = part.copy()
        bad.iloc[5, 2] = -np.inf
        for call in (lambda X: regressor().fit(X, VALUE), model.predict, model.shap_values):
            with pytest.raises(ValueError, match=r"got -inf in column 'price'"):
                call(bad)


def test_a_number_can_stand_for_missing():
    coded = np.where(np.isnan(X), -999.0, X)
    model = regressor(missing=-999.0).fit(coded, VALUE)
    expected = regressor().fit(X, VALUE)
    np.testing.assert_array_equal(model.predict(coded), expected.predict(X))
    np.testing.assert_array_equal(model.shap_values(coded), expected.shap_values(X))


# ---------------------------------------------------------------------------------------------
# Containers


@pytest.mark.parametrize("missing", [0, 0.0, 1])
def test_a_number_that_stands_for_missing_is_no_category(missing):
    """XGBoost looks for it among the codes too: the first level of all would be missing."""
    frame = pd.DataFrame({"city": ["Oslo", "Rome", None, "Oslo"] * 10, "size": [0, 1, 2, 3] * 10})
    labels = [0, 1, 1, 0] * 10
    with pytest.raises(ValueError, match=r"missing must be none of the codes .* 'city'"):
        GradientBoostingClassifier(2, missing=missing).fit(frame, labels)
    GradientBoostingClassifier(2, missing=-1).fit(frame, labels)
    GradientBoostingClassifier(2, missing=missing).fit(frame[["size"]], labels)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i4", "i8", "u1", "u8", "?", ">f8", "O"])
def test_numbers_of_any_width(dtype):
    whole = rng.integers(0, 2, (N, 3))
    y = whole @ [1.0, 2.0, 4.0]
    expected = regressor().fit(whole.astype(float), y).predict(whole.astype(float))
    table = whole.astype(dtype)
    model = regressor().fit(table, y)
    np.testing.assert_array_equal(model.predict(table), expected)


def test_arrays_of_any_layout():
    expected = regressor().fit(X, VALUE).predict(X)
    wide = np.repeat(X, 2, axis=1)
    frozen = X.copy()
    frozen.flags.writeable = False
    for table in (
        np.asfortranarray(X),
        wide[:, ::2],
        X[::-1][::-1],
        frozen,
        X.tolist(),
        FRAME.to_numpy(),
    ):
        np.testing.assert_array_equal(regressor().fit(table, VALUE).predict(table), expected)


def test_rows_may_be_tuples_of_numpy_s_numbers():
    """A tuple whose first member has a shape might be a batch of a table and its targets."""
    table = rng.normal(size=(40, 3))
    labels = table[:, 0] > 0
    expected = GradientBoostingClassifier(3).fit(table, labels).predict_proba(table)
    rows = list(zip(*table.T, strict=True))
    for given in (rows, tuple(rows), [list(row) for row in rows]):
        model = GradientBoostingClassifier(3).fit(given, labels)
        np.testing.assert_array_equal(model.predict_proba(given), expected)


def test_nothing_that_was_given_is_changed():
    table, weights, frame = X.copy(), rng.uniform(size=N), MIXED.copy()
    weights[:5] = 0
    before = weights.copy()
    regressor(early_stopping=True, refit=True).fit(table, VALUE, sample_weight=weights)
    regressor(early_stopping=True).fit(frame, VALUE).predict(frame)
    np.testing.assert_array_equal(table, X)
    np.testing.assert_array_equal(weights, before)
    pd.testing.assert_frame_equal(frame, MIXED)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo"])
@pytest.mark.parametrize("maker", [sparse.coo_matrix, sparse.coo_array])
def test_what_a_sparse_matrix_does_not_store_is_missing(kind, maker):
    """As XGBoost has it, and whether the model is asked about a sparse or a dense table."""
    dense = np.where(rng.random((N, 4)) < 0.6, 0.0, X)
    dense = np.nan_to_num(dense)
    table = maker(dense).asformat(kind)
    model = regressor().fit(table, VALUE)
    expected = regressor().fit(np.where(dense == 0, np.nan, dense), VALUE)
    np.testing.assert_allclose(
        model.predict(table), expected.predict(np.where(dense == 0, np.nan, dense)), rtol=1e-5
    )
    np.testing.assert_array_equal(model.predict(dense), model.predict(table))
    on_dense = regressor().fit(dense, VALUE)
    np.testing.assert_array_equal(on_dense.predict(table), on_dense.predict(dense))
    assert model.shap_values(table).shape == (N, 5)


def test_the_name_of_a_column_is_no_target_of_a_table_in_memory():
    frame = MIXED.assign(label=VALUE)
    with pytest.raises(ValueError, match=r"y must hold a target for every row.* got 'label'"):
        regressor().fit(frame, "label")
    with pytest.raises(ValueError, match="y must hold a target for every row"):
        regressor().fit(MIXED, VALUE, X_val=MIXED, y_val="label")


def test_predictions_do_not_depend_on_the_company():
    model = classifier().fit(X, CODES)
    together = model.predict_proba(X)
    apart = np.concatenate([model.predict_proba(X[i : i + 7]) for i in range(0, N, 7)])
    np.testing.assert_array_equal(together, apart)


def test_one_model_can_be_asked_from_many_threads():
    from concurrent.futures import ThreadPoolExecutor

    model = classifier(n_jobs=1).fit(MIXED, CODES)
    expected = model.predict_proba(MIXED)
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(lambda _: model.predict_proba(MIXED), range(100)):
            np.testing.assert_array_equal(answers, expected)


def test_it_sits_in_a_column_transformer_pipeline():
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=np.number)),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    model = make_pipeline(columns, regressor(early_stopping=True)).fit(MIXED, VALUE)
    assert "city" in model[-1].feature_names_in_
    assert model.score(MIXED, VALUE) > 0.8


def test_a_frame_is_asked_about_without_a_warning(recwarn):
    model = classifier().fit(MIXED, CODES)
    model.predict(MIXED)
    model.predict_proba(MIXED)
    assert not recwarn.list


def test_no_rows_and_no_columns_are_refused():
    for table in (np.empty((0, 3)), np.empty((5, 0)), FRAME.iloc[:0], FRAME[[]]):
        with pytest.raises(ValueError, match=r"0 sample|0 feature|minimum"):
            regressor().fit(table, VALUE[: len(table)])
    with pytest.raises(ValueError, match="inconsistent"):
        regressor().fit(X, VALUE[:-1])


def test_predictions_are_those_of_inplace_predict():
    frame = FRAME.astype({"a": "float32"})
    model = regressor().fit(frame, VALUE)
    matrix = xgboost.DMatrix(frame)
    np.testing.assert_array_equal(model.predict(frame), model.booster_.inplace_predict(frame))
    np.testing.assert_array_equal(model.predict(frame), model.booster_.predict(matrix))


def test_the_error_about_weights_of_text_is_short():
    with pytest.raises(ValueError, match="sample_weight must hold numbers") as caught:
        GradientBoostingRegressor(2).fit(np.ones((5000, 1)), np.ones(5000), ["heavy"] * 5000)
    assert len(str(caught.value)) < 200


def test_labels_of_other_rows_are_looked_up_and_not_counted_again():
    """Those of validation rows, whatever order their names would have and whichever are absent."""
    for names in ([9, 10, 100], [-2, -10, 7], ["b", "a", "B"]):
        labels = np.array(names, dtype=object if isinstance(names[0], str) else int)[CODES]
        held_out = CODES != 1
        model = classifier().fit(X, labels, X_val=X[held_out], y_val=labels[held_out])
        lost = log_loss(labels[held_out], model.predict_proba(X[held_out]), labels=model.classes_)
        np.testing.assert_allclose(model.best_score_, lost, rtol=1e-5)


# ---------------------------------------------------------------------------------------------
# Columns of names


NAMED = pd.DataFrame({"name": [f"n{i}" for i in np.arange(2000) % 100], "x": np.arange(2000.0)})
"""100 names of 20 rows each."""


@pytest.mark.parametrize("least", [1, 20, 21])
@pytest.mark.parametrize("kind", ["text", "category", "polars", "objects", "Arrow"])
def test_of_many_categories_those_of_few_rows_are_missing(kind, least):
    table = {
        "text": lambda: NAMED,
        "category": lambda: NAMED.astype({"name": "category"}),
        "polars": lambda: pl.from_pandas(NAMED),
        "objects": lambda: NAMED.to_numpy(dtype=object),
        "Arrow": lambda: NAMED.astype({"name": "string[pyarrow]"}),
    }[kind]()
    y = NAMED["x"].to_numpy()
    model = GradientBoostingRegressor(2, early_stopping=False, min_category_count=least)
    levels = model.fit(table, y)._columns.levels[0]
    assert len(levels) == (100 if least <= 20 else 0)


def test_64_categories_are_few_and_65_are_many():
    for n_names, kept in ((64, 64), (65, 0)):
        frame = pd.DataFrame({"name": [f"n{i}" for i in range(n_names)]})
        model = GradientBoostingRegressor(1, early_stopping=False).fit(frame, np.arange(n_names))
        assert len(model._columns.levels[0]) == kept


def planted(seed, effect=0.0, n_names=300):
    """Return rows of a column of names, by what they add to the target, and of three numbers."""
    own = np.random.default_rng(seed)
    names = own.integers(n_names, size=4000)
    frame = pd.DataFrame(own.normal(size=(4000, 3)), columns=list("abc"))
    y = frame["a"] + np.sin(2 * frame["b"]) + effect * own.normal(size=n_names)[names]
    frame["name"] = pd.Categorical([f"n{i}" for i in names])
    return frame, (y + own.normal(size=4000)).to_numpy()


@pytest.mark.parametrize("seed", range(3))
def test_names_that_mean_nothing_do_no_harm(seed):
    """XGBoost's subsets fit them to noise: an error of 1.5 where 1.0 is the noise."""
    frame, y = planted(seed)
    errors = {}
    for name, table in (("with", frame), ("without", frame.drop(columns="name"))):
        model = GradientBoostingRegressor(random_state=0).fit(table[:2000], y[:2000])
        errors[name] = np.sqrt(np.mean((model.predict(table[2000:]) - y[2000:]) ** 2))
    assert errors["with"] < 1.02 * errors["without"]


def test_names_of_many_rows_are_learned():
    frame, y = planted(0, effect=1.0, n_names=70)
    with_names = GradientBoostingRegressor(random_state=0).fit(frame[:3000], y[:3000])
    without = GradientBoostingRegressor(random_state=0).fit(frame[:3000][list("abc")], y[:3000])
    assert with_names.score(frame[3000:], y[3000:]) > 0.1 + without.score(
        frame[3000:][list("abc")], y[3000:]
    )


def test_few_categories_stay_however_rare_they_are():
    frame = pd.DataFrame({"city": list("abcdefgh"), "x": range(8)})
    model = GradientBoostingRegressor(20, min_child_weight=0).fit(frame, [0.0] * 4 + [9.0] * 4)
    assert model._columns.levels[0].tolist() == list("abcdefgh")


def test_categories_that_a_frame_declares_and_no_row_has_make_none_of_many():
    declared = [f"street {i}" for i in range(100)]
    frame = pd.DataFrame({"street": pd.Categorical(declared[:8], categories=declared)})
    model = GradientBoostingRegressor(20, min_child_weight=0).fit(frame, [0.0] * 4 + [9.0] * 4)
    assert model._columns.levels[0].tolist() == declared[:8]


def test_rows_of_weight_zero_do_not_count_towards_a_category():
    weights = np.where(NAMED.index < 1000, 1.0, 0.0)
    model = GradientBoostingRegressor(2, early_stopping=False)
    assert len(model.fit(NAMED, NAMED["x"], weights)._columns.levels[0]) == 0


RARE = NAMED.assign(name=[f"n{i}" for i in np.arange(2000) % 130])
"""130 names of 15 rows each or 16: too few."""


@pytest.mark.parametrize("container", [pd.DataFrame, pl.from_pandas])
def test_a_column_of_text_that_lost_all_its_names_is_still_one(container, tmp_path):
    model = GradientBoostingRegressor(2, early_stopping=False).fit(RARE, RARE["x"])
    model.save_model(tmp_path / "model")
    loaded = GradientBoostingRegressor.load_model(tmp_path / "model")
    numbers, missing = RARE.assign(name=RARE["x"]), RARE.assign(name=None)
    for one in (model, loaded):
        with pytest.raises(ValueError, match="column 'name' held text, now"):
            one.predict(container(numbers))
        np.testing.assert_array_equal(one.predict(container(missing)), model.predict(RARE))


def test_a_file_of_text_that_lost_all_its_names_is_still_one(tmp_path):
    RARE.assign(y=RARE["x"]).to_parquet(tmp_path / "rows.parquet")
    model = GradientBoostingRegressor(2, early_stopping=False).fit(tmp_path / "rows.parquet", "y")
    with pytest.raises(ValueError, match="column 'name' held text, now"):
        model.predict(RARE.assign(name=RARE["x"]))


def test_categories_of_numbers_that_are_all_lost_take_numbers():
    table = RARE.assign(name=pd.Categorical(np.arange(2000) % 130))
    model = GradientBoostingRegressor(2, early_stopping=False).fit(table, RARE["x"])
    numbers = RARE.assign(name=np.arange(2000) % 130)
    np.testing.assert_array_equal(model.predict(numbers), model.predict(table))


@pytest.mark.parametrize("wrong", [0, 2.5, "20", None])
def test_min_category_count_is_a_count(wrong):
    with pytest.raises(ValueError, match="min_category_count must be an integer >= 1"):
        GradientBoostingRegressor(min_category_count=wrong).fit(X, VALUE)


# ---------------------------------------------------------------------------------------------
# Arrays of what is no number


UNFIT = {
    "dates": np.array([["2020-01-01"], ["2020-01-02"]] * 10, "datetime64[D]"),
    "spans": np.array([[1], [2]] * 10, "timedelta64[D]"),
    "records": np.zeros((20, 1), [("a", float)]),
    "bytes": np.array([[b"a"], [b"b"]] * 10),
    "objects of dates": np.array([["2020-01-01"]] * 20, "datetime64[D]").astype(object),
    "objects of complex numbers": np.array([[1j], [2]] * 10, object),
    "objects of dicts": np.array([[{}], [{1: 2}]] * 10, object),
}


@pytest.mark.parametrize("kind", UNFIT)
def test_arrays_of_no_numbers_are_named_at_fit_and_predict(kind):
    flags = [0, 1] * 10
    told = "X must hold numbers, booleans, text or categories; got column 'x0' of type"
    with pytest.raises(ValueError, match=told):
        GradientBoostingClassifier(2).fit(UNFIT[kind], flags)
    of_numbers = GradientBoostingClassifier(2).fit(np.arange(20.0)[:, None], flags)
    of_text = GradientBoostingClassifier(2).fit(np.array([["u"], ["v"]] * 10), flags)
    for model in (of_numbers, of_text):
        with pytest.raises(ValueError, match=told):
            model.predict(UNFIT[kind])


DAYS = np.array([date(2020, 1, 1) + timedelta(i) for i in range(20)], dtype=object)
TIMES = {
    "dates": DAYS,
    "stamps": pd.Series(pd.to_datetime(DAYS)).astype(object).to_numpy(),
    "days of numpy": np.array([np.datetime64("2020-01-01")] * 20 + [None], dtype=object)[:20],
    "spans": DAYS - DAYS[0],
    "periods": np.array([pd.Period("2020"), None] * 10, dtype=object),
    "dates beside text": np.where(np.arange(20) % 5, DAYS, "unknown"),
}


@pytest.mark.parametrize("kind", TIMES)
def test_objects_that_are_dates_are_named_and_no_categories(kind):
    flags = [0, 1] * 10
    frame = pd.DataFrame({"when": pd.Series(TIMES[kind], dtype=object)})
    column = frame.to_numpy()
    by_number = GradientBoostingClassifier(2).fit(pd.DataFrame({"when": np.arange(20.0)}), flags)
    for call in (
        lambda: GradientBoostingClassifier(2).fit(frame, flags),
        lambda: GradientBoostingClassifier(2).fit(iter([(frame, flags)])),
        lambda: by_number.predict(frame),
    ):
        with pytest.raises(ValueError, match=r"column 'when' of type \w+\. Turn dates into"):
            call()
    with pytest.raises(ValueError, match="column 'x0' of type"):
        GradientBoostingClassifier(2).fit(column, flags)


def test_decimals_and_fractions_are_numbers_in_frames_as_in_arrays():
    tenths = [Decimal(i) / 10 for i in range(18)] + [None, Decimal("NaN")]
    thirds = [Fraction(i, 3) for i in range(20)]
    frame = pd.DataFrame({"tenths": tenths, "thirds": thirds}, dtype=object)
    plain = pd.DataFrame({"tenths": [*np.arange(18) / 10, np.nan, np.nan], "thirds": thirds})
    plain = plain.astype(float)
    y = np.arange(20.0)
    expected = GradientBoostingRegressor(5).fit(plain, y).predict(plain)
    model = GradientBoostingRegressor(5).fit(frame, y)
    assert model._columns.types is None
    np.testing.assert_array_equal(model.predict(frame), expected)
    array = frame.to_numpy()
    np.testing.assert_array_equal(
        GradientBoostingRegressor(5).fit(array, y).predict(array), expected
    )


def test_integers_too_large_for_a_float_are_named():
    table = np.array([[1, 10**400], [2, 3]] * 10, dtype=object)
    for given in (table, pd.DataFrame(table, columns=["x0", "x1"])):
        with pytest.raises(ValueError, match="column 'x1' does not: int too large"):
            regressor().fit(given, np.arange(20.0))


def test_a_table_of_arrow_is_the_frame_it_comes_from():
    pa = pytest.importorskip("pyarrow")
    frame = MIXED.assign(size=MIXED["size"].where(MIXED.index % 5 > 0))
    table = pa.Table.from_pandas(frame, preserve_index=False)
    model, expected = regressor().fit(table, VALUE), regressor().fit(frame, VALUE)
    assert model.feature_names_in_.tolist() == frame.columns.tolist()
    for given in (table, frame):
        np.testing.assert_array_equal(model.predict(given), expected.predict(frame))


def test_missing_marks_of_pandas_in_objects_are_missing():
    marked = np.array([[1.5], [pd.NA], [2.5], [pd.NaT], [None]] * 8, dtype=object)
    plain = np.array([[1.5], [np.nan], [2.5], [np.nan], [np.nan]] * 8)
    flags = [0, 1, 0, 1, 1] * 8
    expected = GradientBoostingClassifier(3).fit(plain, flags).predict_proba(plain)
    model = GradientBoostingClassifier(3).fit(marked, flags)
    np.testing.assert_array_equal(model.predict_proba(marked), expected)


def test_objects_that_are_numbers_are_no_text():
    model = GradientBoostingClassifier(2).fit(np.array([["u"], ["v"]] * 10), [0, 1] * 10)
    with pytest.raises(ValueError, match="column 'x0' held text, now object"):
        model.predict(np.array([[1], [2]], dtype=object))
    missing = np.array([[None], [np.nan], [pd.NA]], dtype=object)
    assert len(set(model.predict_proba(missing)[:, 1])) == 1


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="needs numpy 2")
def test_numpys_strings_are_text():
    words = np.array([["a"], ["b"], ["b"], ["a"]] * 5)
    flags = [0, 1, 1, 0] * 5
    strings = words.astype(np.dtypes.StringDType())
    model = GradientBoostingClassifier(3).fit(strings, flags)
    expected = GradientBoostingClassifier(3).fit(words, flags).predict_proba(words)
    np.testing.assert_array_equal(model.predict_proba(strings), expected)


@pytest.mark.parametrize("value", [{"k": 1}, [1], {1}, np.array([1, 2])], ids=repr)
@pytest.mark.parametrize("container", [pd.DataFrame, np.asarray], ids=["frame", "array"])
def test_values_that_cannot_be_looked_up_are_refused_at_predict_as_at_fit(value, container):
    table = pd.DataFrame({"city": ["Oslo", "Rome"] * 20, "n": range(40)}, dtype=object)
    model = GradientBoostingRegressor(2).fit(container(table), range(40))
    table.at[3, "city"] = value
    name = "city" if container is pd.DataFrame else "x0"
    for ask in (model.predict, lambda X: GradientBoostingRegressor(2).fit(X, range(40))):
        with pytest.raises(ValueError, match=f"can be sorted; column '{name}' does not: unhash"):
            ask(container(table))


def test_a_cell_that_holds_an_array_is_no_number():
    table = np.array([[1.0], [2.0]], dtype=object)
    table[0, 0] = np.array([1, 2])
    with pytest.raises(ValueError, match="got column 'x0' of type ndarray"):
        GradientBoostingRegressor(2).fit(table, [1.0, 2.0])


@pytest.mark.parametrize("kind", ["U", object], ids=["strings", "objects"])
def test_numbers_beside_names_in_an_array_are_numbers(kind):
    """The array made them text; as 240 categories of one row each they would be lost."""
    numbers = X[:, 0].round(6)
    array = np.column_stack([MIXED["city"].fillna("none"), numbers.astype(str)]).astype(kind)
    frame = pd.DataFrame({"city": MIXED["city"].fillna("none"), "n": numbers})
    model, whole = regressor().fit(array, VALUE), regressor().fit(frame, VALUE)
    np.testing.assert_array_equal(model.predict(array), whole.predict(frame))
    mixed = array.astype(object)
    mixed[:, 1] = numbers
    np.testing.assert_array_equal(model.predict(mixed), whole.predict(frame))


def test_text_in_an_array_stays_text_where_some_rows_read_as_numbers():
    array = np.array([["1", "a"], ["2", "b"], ["c", "1"]] * 30)
    model = regressor(min_category_count=1).fit(array, np.arange(90) % 3)
    np.testing.assert_array_equal(model.predict(array[:2]), model.predict(array)[:2])
    assert np.unique(model.predict(array)).size == 3


def test_numbers_that_are_lost_as_text_in_a_frame_are_pointed_out():
    frame = pd.DataFrame({"n": X[:, 0].round(6).astype(str), "m": X[:, 2]})
    with pytest.warns(UserWarning, match=r"numbers as text in column 'n': 240 cat.*to_numeric"):
        regressor().fit(frame, VALUE)
    with pytest.warns(UserWarning, match="numbers as text in column 'n'") as warned:
        regressor().fit([(frame[:120], VALUE[:120]), (frame[120:], VALUE[120:])])
    assert len(warned) == 1
    regressor().fit(frame.assign(n=[f"row {i}" for i in range(N)]), VALUE)
    regressor(min_category_count=1).fit(frame, VALUE)


def test_numbers_of_many_bits_are_learned_as_doubles_and_checked():
    wide = X.astype(np.longdouble)
    model, usual = regressor().fit(wide, VALUE), regressor().fit(X, VALUE)
    np.testing.assert_array_equal(model.predict(wide), usual.predict(X))
    wide[3, 2] = np.finfo(np.longdouble).max
    for ask in (model.predict, lambda table: regressor().fit(table, VALUE)):
        with pytest.raises(ValueError, match="got inf in column 'x2'"):
            ask(wide)


@pytest.mark.parametrize("kind", ["objects", "text", "polars", "array", "array beside text"])
def test_a_column_of_nothing_at_fit_takes_anything_later_as_missing(kind):
    """None says neither text nor number: no tree can split by it, so that none is wrong."""
    nothing = pd.DataFrame({"x": X[:, 0], "c": pd.Series([None] * N, dtype=object)})
    nothing["d"] = MIXED["count"] if kind != "array beside text" else MIXED["flag"].map(str)
    make = {
        "objects": lambda table: table,
        "text": lambda table: table.astype({"c": "str"}),
        "polars": lambda table: pl.DataFrame(table.to_dict("list"), strict=False),
    }.get(kind, lambda table: table.to_numpy(dtype=object))
    model = regressor(monotone_constraints=[0, 1, 0]).fit(make(nothing), VALUE)
    expected = model.predict(make(nothing))
    np.testing.assert_array_equal(model.predict(make(nothing.assign(c="new"))), expected)
    numbers = nothing.assign(c=7.0)
    asked = numbers if kind == "text" else make(numbers)
    np.testing.assert_array_equal(model.predict(asked), expected)
    if kind == "objects":
        again = GradientBoostingRegressor(3, multi_strategy="multi_output_tree")
        again.fit(nothing, np.c_[VALUE, VALUE])
