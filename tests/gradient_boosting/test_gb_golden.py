"""Models that earlier releases saved open, and answer what they answered then."""

import json

import golden_models
import pytest

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


@pytest.mark.filterwarnings("ignore:.*was pickled with:UserWarning")
@pytest.mark.parametrize(("release", "path"), SAVED, ids=[f"{r} {p.stem}" for r, p in SAVED])
def test_a_model_of_a_release_answers_what_it_answered(release, path):
    answers = json.loads((path.parent / "answers.json").read_text())[path.stem]
    model = getattr(ensembles, answers.pop("class")).load_model(path)
    now = golden_models.asked(model)
    assert sorted(now) == sorted(answers)
    for name, answer in answers.items():
        assert now[name][: len(answer)] == answer, name
    assert path.stat().st_size < 20_000


@pytest.mark.filterwarnings("ignore:.*was pickled with:UserWarning")
@pytest.mark.parametrize(("release", "path"), SAVED, ids=[f"{r} {p.stem}" for r, p in SAVED])
def test_a_model_of_a_release_can_be_trained_on(release, path):
    model = ensembles.GradientBoosting.load_model(path)
    rounds = model.n_estimators_
    y = golden_models.MODELS[path.stem][1]
    model.set_params(warm_start=True, early_stopping=False, n_estimators=rounds + 2)
    assert model.fit(golden_models.TABLE, y).n_estimators_ == rounds + 2
