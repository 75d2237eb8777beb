"""Storing: files that are whole or are not there, pickles, clones."""

import errno
import json
import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy import sparse
from sklearn.base import clone

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor

rng = np.random.default_rng(0)
N = 150
FRAME = pd.DataFrame(
    {"a": rng.normal(size=N), "city": rng.choice(["Oslo", "Rome"], N), "[b]": rng.normal(size=N)}
)
VALUE = FRAME["a"] + (FRAME["city"] == "Oslo")
LABELS = {
    "text": np.where(VALUE > 0.5, "yes", "no"),
    "objects": np.where(VALUE > 0.5, "yes", "no").astype(object),
    "booleans": np.asarray(VALUE > 0.5),
    "three": np.digitize(VALUE, [0, 1]) * 5 - 3,
    "floats": np.digitize(VALUE, [0, 1]) * 1.0,
    "dates": np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[s]")[(VALUE > 0) * 1],
}
SMALL = {"n_estimators": 8, "random_state": 0}


def models():
    for name, labels in LABELS.items():
        yield name, GradientBoostingClassifier(early_stopping=True, **SMALL).fit(FRAME, labels)
    yield "values", GradientBoostingRegressor(n_seeds=2, **SMALL).fit(FRAME, VALUE)
    yield "quantiles", GradientBoosting(quantiles=[0.1, 0.9], **SMALL).fit(FRAME, VALUE)
    yield "dart", GradientBoostingRegressor(booster="dart", **SMALL).fit(FRAME, VALUE)
    table = FRAME[["a", "[b]"]].to_numpy()
    yield "array", GradientBoosting(monotone_constraints=[1, 0], **SMALL).fit(table, VALUE)


MODELS = dict(models())


def asked(model):
    table = FRAME if hasattr(model, "feature_names_in_") else FRAME[["a", "[b]"]].to_numpy()
    answers = [model.predict(table), model.feature_importances_, model.shap_values(table)]
    return [*answers, model.predict_proba(table)] if model.task_ == "classification" else answers


def assert_same(one, other):
    for ours, theirs in zip(asked(one), asked(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_is_the_model(name, tmp_path):
    model = MODELS[name]
    path = tmp_path / "a.model"
    model.save_model(path)
    loaded = type(model).load_model(path)
    assert type(loaded) is type(model)
    assert_same(model, loaded)
    filled = type(model)()
    assert filled.load_model(str(path)) is filled
    assert_same(model, filled)
    assert repr(loaded) == repr(model)
    fitted = {key for key in vars(model) if key.endswith("_")} - {"validation_rows_"}
    assert fitted <= set(vars(loaded))
    assert getattr(loaded, "evals_result_", None) == getattr(model, "evals_result_", None)
    again = tmp_path / "b.model"
    loaded.save_model(again)
    assert_same(model, GradientBoosting.load_model(again))


def test_a_saved_model_knows_that_what_is_not_stored_is_missing(tmp_path):
    table = np.where(np.random.default_rng(0).random((len(VALUE), 3)) < 0.5, 0.0, 1.0)
    table[:, 0] *= VALUE
    stored = sparse.csr_array(table)
    model = GradientBoostingRegressor(**SMALL).fit(stored, VALUE)
    assert (
        model.predict(stored) != GradientBoostingRegressor(**SMALL).fit(table, VALUE).predict(table)
    ).any()
    model.save_model(tmp_path / "m")
    loaded = GradientBoostingRegressor.load_model(tmp_path / "m")
    for asked in (stored, table):
        np.testing.assert_array_equal(loaded.predict(asked), model.predict(asked))


def test_what_an_estimator_was_before_it_is_loaded_is_gone(tmp_path):
    MODELS["array"].save_model(tmp_path / "m")
    model = GradientBoosting(early_stopping=True, **SMALL).fit(FRAME, LABELS["text"])
    model.load_model(tmp_path / "m")
    for name in ("classes_", "n_classes_", "feature_names_in_", "evals_result_", "best_score_"):
        assert not hasattr(model, name)


def test_a_saved_model_of_quantiles_is_scored_by_its_levels(tmp_path):
    MODELS["quantiles"].save_model(tmp_path / "m")
    loaded = GradientBoosting.load_model(tmp_path / "m")
    assert loaded.score(FRAME, VALUE) == MODELS["quantiles"].score(FRAME, VALUE)


def test_a_saved_model_knows_the_order_of_columns_that_have_numbers_for_names(tmp_path):
    numbered = pd.DataFrame({0: FRAME["a"], 1: FRAME["[b]"]})
    GradientBoostingRegressor(**SMALL).fit(numbered, VALUE).save_model(tmp_path / "m")
    with pytest.raises(ValueError, match="columns in the order of fit"):
        GradientBoostingRegressor.load_model(tmp_path / "m").predict(numbered[[1, 0]])


@pytest.mark.parametrize("name", MODELS)
def test_a_pickled_model_is_the_model(name):
    assert_same(MODELS[name], pickle.loads(pickle.dumps(MODELS[name])))


def test_a_saved_model_can_be_asked_for_the_same_categories(tmp_path):
    MODELS["values"].save_model(tmp_path / "m")
    loaded = GradientBoostingRegressor.load_model(tmp_path / "m")
    coded = FRAME.assign(city=pd.Categorical(FRAME["city"], ["Rome", "Oslo", "Lima"]))
    np.testing.assert_array_equal(loaded.predict(coded), MODELS["values"].predict(FRAME))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(FRAME[["city", "a", "[b]"]])


def test_a_clone_is_unfitted_and_has_the_parameters():
    copy = clone(MODELS["quantiles"])
    assert copy.get_params() == MODELS["quantiles"].get_params()
    assert not hasattr(copy, "boosters_")


def test_nothing_is_unpickled(tmp_path):
    MODELS["text"].save_model(tmp_path / "m")
    with zipfile.ZipFile(tmp_path / "m") as archive:
        assert archive.namelist() == ["estimator.json", "booster_0.ubj"]
        described = json.loads(archive.read("estimator.json"))
        booster = xgboost.Booster(model_file=bytearray(archive.read("booster_0.ubj")))
    assert described["classes"]["values"] == ["no", "yes"]
    assert booster.num_boosted_rounds() == MODELS["text"].n_estimators_


def test_a_model_for_another_task_is_refused(tmp_path):
    MODELS["values"].save_model(tmp_path / "m")
    model = GradientBoostingClassifier(max_depth=2)
    with pytest.raises(ValueError, match="path must hold a model for classification"):
        model.load_model(tmp_path / "m")
    assert model.max_depth == 2
    assert not hasattr(model, "boosters_")


def test_damage_is_seen_before_xgboost_sees_it(tmp_path):
    """XGBoost crashes on some damaged files, and reads wrong trees from others."""
    whole = tmp_path / "m"
    MODELS["three"].save_model(whole)
    content = whole.read_bytes()
    draw = np.random.default_rng(1)
    answers = MODELS["three"].predict_proba(FRAME)
    for i in range(60):
        damaged = bytearray(content)
        if i % 3 == 0:
            damaged = damaged[: int(draw.integers(len(damaged)))]
        else:
            for place in draw.integers(len(damaged), size=1 + i % 4):
                damaged[place] ^= 1 << int(draw.integers(8))
        (tmp_path / "damaged").write_bytes(damaged)
        try:
            loaded = GradientBoostingClassifier.load_model(tmp_path / "damaged")
        except ValueError as error:
            assert "path must hold" in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(loaded.predict_proba(FRAME), answers)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04"])
def test_a_file_that_is_none_of_ours_is_refused(content, tmp_path):
    (tmp_path / "m").write_bytes(content)
    with pytest.raises(ValueError, match="path must hold a model saved by save_model"):
        GradientBoosting.load_model(tmp_path / "m")
    with pytest.raises(FileNotFoundError):
        GradientBoosting.load_model(tmp_path / "nothing")


def test_a_file_of_a_later_format_says_so(tmp_path):
    MODELS["text"].save_model(tmp_path / "m")
    with zipfile.ZipFile(tmp_path / "m") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    later = json.loads(parts["estimator.json"]) | {"format": 2, "fitted": "in another way"}
    parts["estimator.json"] = json.dumps(later).encode()
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    model = GradientBoostingClassifier(max_depth=2)
    with pytest.raises(ValueError, match="got format 2: a later version of this library wrote it"):
        model.load_model(tmp_path / "m")
    assert not hasattr(model, "boosters_")


@pytest.mark.parametrize("name", ["text", "three", "quantiles", "dart"])
def test_a_saved_model_answers_the_same_in_a_fresh_process(name, tmp_path):
    MODELS[name].save_model(tmp_path / "m")
    FRAME.to_pickle(tmp_path / "frame.pickle")
    program = (
        "import warnings; warnings.simplefilter('error')\n"
        "import numpy as np, pandas as pd\n"
        "from ensembles import GradientBoosting\n"
        "model = GradientBoosting.load_model('m')\n"
        "np.save('answers.npy', model.predict(pd.read_pickle('frame.pickle')))\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    np.testing.assert_array_equal(np.load(tmp_path / "answers.npy"), MODELS[name].predict(FRAME))


def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "m"
    MODELS["text"].save_model(path)
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        MODELS["values"].save_model(path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


@pytest.mark.skipif(os.name != "posix", reason="files are open to others as POSIX says")
def test_others_may_read_a_file_as_any_that_is_written(tmp_path):
    """It is written under another name first, which nobody else may read."""
    before = os.umask(0o027)
    try:
        MODELS["text"].save_model(tmp_path / "m")
    finally:
        os.umask(before)
    assert (tmp_path / "m").stat().st_mode & 0o777 == 0o640


def test_functions_cannot_be_stored_and_are_named(tmp_path):
    def squared(y_true, y_pred):
        return y_pred - y_true, np.ones_like(y_pred)

    model = GradientBoostingRegressor(objective=squared, **SMALL).fit(FRAME, VALUE)
    with pytest.warns(UserWarning, match="cannot store objective"):
        model.save_model(tmp_path / "m")
    loaded = GradientBoostingRegressor.load_model(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict(FRAME), model.predict(FRAME))


def test_a_loaded_model_goes_on(tmp_path):
    model = GradientBoostingRegressor(warm_start=True, **SMALL).fit(FRAME, VALUE)
    model.save_model(tmp_path / "m")
    loaded = GradientBoostingRegressor.load_model(tmp_path / "m")
    both = [one.set_params(n_estimators=12).fit(FRAME, VALUE) for one in (model, loaded)]
    assert both[0].n_estimators_ == 12
    np.testing.assert_array_equal(both[0].predict(FRAME), both[1].predict(FRAME))


def test_a_pickle_opens_where_there_is_no_gpu(tmp_path):
    """A model says the device it was trained on to nobody who has none."""
    model = GradientBoostingRegressor(**SMALL).fit(FRAME, VALUE)
    model.device_ = "cuda"
    with open(tmp_path / "m.pickle", "wb") as file:
        pickle.dump(model, file)
    FRAME.to_pickle(tmp_path / "frame.pickle")
    program = (
        "import pickle, sys, warnings; warnings.simplefilter('error'); import pandas as pd\n"
        "with open('m.pickle', 'rb') as file: model = pickle.load(file)\n"
        "print(model.device_, repr(float(model.predict(pd.read_pickle('frame.pickle')).sum())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    device, total = done.stdout.split()
    assert device == "cpu"
    assert float(total) == float(model.predict(FRAME).sum())


def test_a_pickle_of_other_versions_warns():
    state = MODELS["values"].__getstate__()
    state["_versions"] = {"ensembles": "0.0.0"}
    with pytest.warns(UserWarning, match="pickled with ensembles"):
        GradientBoostingRegressor().__setstate__(state)


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_a_file_of_xgboosts_own_is_told_as_such(ending, tmp_path):
    path = tmp_path / f"model.{ending}"
    numbers = FRAME[["a"]]
    theirs = xgboost.XGBRegressor(n_estimators=3).fit(numbers, VALUE)
    theirs.save_model(path)
    with pytest.raises(ValueError, match=r"holds one that XGBoost saved.*init_model=path"):
        GradientBoostingRegressor.load_model(path)
    on = GradientBoostingRegressor(2).fit(numbers, VALUE, init_model=path)
    assert on.n_estimators_ == 5
    on.booster_.save_model(path)
    np.testing.assert_array_equal(
        xgboost.Booster(model_file=path).inplace_predict(numbers), on.predict(numbers)
    )


def test_the_parameters_of_a_pickle_or_a_file_equal_those_it_was_made_of(tmp_path):
    """NaN, the usual missing, equals nothing but the very object; a tuple equals no list."""
    given = {"monotone_constraints": (1, 0, 0), "params": {"huber_slope": 2.0}}
    model = GradientBoostingRegressor(2, objective="huber", **given).fit(FRAME, VALUE)
    assert pickle.loads(pickle.dumps(model)).get_params() == model.get_params()
    model.save_model(tmp_path / "m")
    assert GradientBoostingRegressor.load_model(tmp_path / "m").get_params() == model.get_params()
