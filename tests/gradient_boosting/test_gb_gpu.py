"""A GPU: what is trained and asked there, beside the CPU. Run with -m gpu."""

import pickle

import numpy as np
import pandas as pd
import pytest
import xgboost

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting import devices

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not devices.answers("cuda"), reason="no CUDA device answers XGBoost"),
]

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 3))
y = X[:, 0] + X[:, 1] ** 2 + 0.3 * rng.normal(size=1000)
WEIGHTS = rng.uniform(0.5, 2.0, size=1000)
CITY = rng.choice(["Bern", "Oslo", "Rome"], 1000)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"]).assign(city=CITY)
FRAME.loc[::7, "a"] = np.nan


def test_auto_takes_the_gpu_that_answers():
    assert GradientBoostingRegressor(3).fit(X, y).device_ == "cuda"
    assert GradientBoostingRegressor(3, device="cpu").fit(X, y).device_ == "cpu"


def test_a_gpu_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="no such GPU answers"):
        GradientBoostingRegressor(3, device="cuda:99").fit(X, y)


@pytest.mark.parametrize(
    ("labels", "more"),
    [
        (y > 1, {}),
        (np.digitize(y, [0.0, 1.5]), {"class_weight": "balanced"}),
        (np.digitize(y, [0.0, 1.5]), {"label_smoothing": 0.1}),
    ],
)
def test_a_gpu_trains_about_the_same_classifier(labels, more):
    on_gpu, on_cpu = (
        GradientBoostingClassifier(50, device=device, random_state=0, **more)
        .fit(FRAME, labels, sample_weight=WEIGHTS)
        .predict_proba(FRAME)
        for device in ("cuda", "cpu")
    )
    assert np.abs(on_gpu - on_cpu).mean() < 0.05


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"objective": "absolute"},
        {"quantiles": [0.1, 0.9]},
        {"booster": "dart"},
        {"early_stopping": True, "refit": True},
        {"n_seeds": 2, "subsample": 0.8},
    ],
)
def test_a_gpu_trains_about_the_same_regressor(more):
    on_gpu, on_cpu = (
        GradientBoostingRegressor(50, device=device, random_state=0, **more)
        .fit(FRAME, y)
        .predict(FRAME)
        for device in ("cuda", "cpu")
    )
    assert np.abs(on_gpu - on_cpu).mean() < 0.15 * y.std()


def test_it_trains_what_xgboost_trains_there():
    model = GradientBoostingRegressor(20, device="cuda", random_state=0).fit(X, y)
    parameters = {"device": "cuda", "learning_rate": 0.1, "max_depth": 4, "max_bin": 256}
    theirs = xgboost.train(parameters, xgboost.QuantileDMatrix(X, y, max_bin=256), 20)
    theirs.set_param({"device": "cpu"})
    np.testing.assert_allclose(model.predict(X), theirs.inplace_predict(X), rtol=1e-4, atol=1e-4)


def test_fits_warn_of_nothing_and_repeat(recwarn):
    one, other = (GradientBoostingRegressor(30, device="cuda").fit(X, y) for _ in range(2))
    np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-5, atol=1e-5)
    assert not recwarn.list


def test_a_pickle_leaves_the_gpu():
    model = GradientBoostingClassifier(20, device="cuda").fit(X, y > 1)
    again = pickle.loads(pickle.dumps(model))
    assert (model.device_, again.device_) == ("cuda", "cpu")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_what_explains_agrees_with_the_predictions():
    model = GradientBoostingRegressor(20, device="cuda").fit(FRAME, y)
    for _ in range(2):
        found = model.shap_values(FRAME).sum(axis=1)
        np.testing.assert_allclose(found, model.predict(FRAME), rtol=1e-3, atol=1e-3)
        assert model.apply(FRAME).shape == (1000, 20)


def test_an_array_of_cupy_is_trained_on_and_asked_about_where_it_lies(recwarn):
    cupy = pytest.importorskip("cupy")
    recwarn.clear()
    table, targets, weights = map(cupy.asarray, (X, y, WEIGHTS))
    given = {"early_stopping": True, "random_state": 0}
    model = GradientBoostingRegressor(30, **given).fit(table, targets, sample_weight=weights)
    assert model.device_ == "cuda"
    found = model.predict(table)
    assert isinstance(found, cupy.ndarray)
    np.testing.assert_allclose(found.get(), model.predict(X), rtol=1e-4, atol=1e-4)
    assert model.score(table, targets) > 0.5
    labels = (targets > 1).astype(int)
    classifier = GradientBoosting(10).fit(table, labels)
    assert classifier.task_ == "classification"
    assert isinstance(classifier.predict(table), np.ndarray)
    assert isinstance(classifier.predict_proba(table), cupy.ndarray)
    on_cpu = GradientBoostingRegressor(10, device="cpu").fit(table, targets)
    np.testing.assert_allclose(on_cpu.predict(table).get(), on_cpu.predict(X), rtol=1e-4, atol=1e-4)
    assert not recwarn.list


def test_infinity_in_an_array_of_cupy_is_named():
    cupy = pytest.importorskip("cupy")
    table = X.copy()
    table[5, 1] = np.inf
    with pytest.raises(ValueError, match="got inf in column 'x1'"):
        GradientBoostingRegressor(3).fit(cupy.asarray(table), y)
    model = GradientBoostingRegressor(3).fit(cupy.asarray(X), y)
    with pytest.raises(ValueError, match="got inf in column 'x1'"):
        model.predict(cupy.asarray(table))


def test_batches_are_trained_on_from_external_memory(tmp_path):
    pytest.importorskip("cupy")
    pieces = [(FRAME[begin : begin + 300], y[begin : begin + 300]) for begin in range(0, 1000, 300)]
    model = GradientBoostingRegressor(50, cache_dir=tmp_path, random_state=0).fit(pieces)
    assert model.device_ == "cuda"
    on_cpu = GradientBoostingRegressor(50, device="cpu", random_state=0).fit(FRAME, y)
    assert np.abs(model.predict(FRAME) - on_cpu.predict(FRAME)).mean() < 0.15 * y.std()
    assert not list(tmp_path.iterdir())


def test_a_frame_of_cudf_is_trained_on_and_asked_about_where_it_lies():
    cudf = pytest.importorskip("cudf")
    table = cudf.DataFrame(FRAME.drop(columns="city"))
    model = GradientBoostingRegressor(20).fit(table, cudf.Series(y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    expected = model.predict(FRAME.drop(columns="city"))
    np.testing.assert_allclose(model.predict(table).get(), expected, rtol=1e-4, atol=1e-4)


def test_a_tensor_of_torch_is_trained_on_and_asked_about_where_it_lies():
    torch = pytest.importorskip("torch")
    pytest.importorskip("cupy")
    table = torch.tensor(X, device="cuda")
    model = GradientBoostingRegressor(20, early_stopping=True).fit(table, torch.tensor(y).cuda())
    np.testing.assert_allclose(model.predict(table).get(), model.predict(X), rtol=1e-4, atol=1e-4)
    table[5, 1] = -torch.inf
    with pytest.raises(ValueError, match="got -inf in column 'x1'"):
        model.predict(table)
