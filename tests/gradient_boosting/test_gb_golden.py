"""Models that earlier releases saved open, and answer what they answered then."""

import json
import zipfile

import golden_models
import numpy as np
import pytest
import xgboost

import ensembles

RELEASES = sorted(path.name for path in golden_models.GOLDEN.iterdir())
SAVED = [
    (release, path)
    for release in RELEASES
    for path in golden_models.GOLDEN.glob(f"{release}/*.model")
]


def test_this_release_left_its_models():
    """Its version stands in the package: `golden_models.py` is run before it is raised."""
    assert ensembles.__version__ in RELEASES
    assert {path.stem for _, path in SAVED} >= set(golden_models.MODELS)


def its_xgboost(path):
    """Return the version of XGBoost that saved a model."""
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("estimator.json"))["versions"]["xgboost"]


@pytest.mark.filterwarnings("ignore:.*was pickled with:UserWarning")
@pytest.mark.parametrize(("release", "path"), SAVED, ids=[f"{r} {p.stem}" for r, p in SAVED])
def test_a_model_of_a_release_answers_what_it_answered(release, path):
    """To the bit by the XGBoost that it was saved with; 3.4 adds up its trees in another order."""
    answers = json.loads((path.parent / "answers.json").read_text())[path.stem]
    model = getattr(ensembles, answers.pop("class")).load_model(path)
    now = golden_models.asked(model)
    assert sorted(now) == sorted(answers)
    for name, answer in answers.items():
        found = now[name][: len(answer)]
        if xgboost.__version__ == its_xgboost(path) or np.array(answer).dtype.kind == "U":
            assert found == answer, name
        else:
            np.testing.assert_allclose(found, answer, rtol=1e-5, atol=1e-6, err_msg=name)
    assert path.stat().st_size < 20_000


@pytest.mark.filterwarnings("ignore:.*was pickled with:UserWarning")
@pytest.mark.parametrize(("release", "path"), SAVED, ids=[f"{r} {p.stem}" for r, p in SAVED])
def test_a_model_of_a_release_can_be_trained_on(release, path):
    model = ensembles.GradientBoosting.load_model(path)
    rounds = model.n_estimators_
    y = golden_models.MODELS[path.stem][1]
    model.set_params(warm_start=True, early_stopping=False, n_estimators=rounds + 2)
    assert model.fit(golden_models.TABLE, y).n_estimators_ == rounds + 2
