"""scikit-learn's own tests of cross_validate, which ship in its wheel, with ours in its place.

`cross_val_score` is a thin caller of it, so its tests are run too, calling ours; and those of
`cross_val_predict`, answered by out-of-fold predictions.
"""

import inspect
import sys

import pytest
import sklearn.model_selection
from peer_suites import their_tests, with_ours

import ensembles

SEVERAL = (
    "",
    "several labels a row that are not 0 and 1 have no mean over folds, and are scored alone",
)
UNSEEN = (
    "",
    "a class that a model never saw has log probability -inf and the least decision value of those "
    "it saw, not the least of all floats, so that means over models stay what they are",
)
WHERE_WE_DIFFER = {
    "test_cross_val_score_score_func": (
        "",
        "it counts the calls of a scorer, which here also judges the training rows and all "
        "out-of-fold answers together",
    ),
    "test_cross_val_predict": (
        "",
        "it refuses folds that are no partition: a row may be held out twice here, or never",
    ),
    "test_cross_val_predict_decision_function_shape": (
        "",
        "it wants training rows of one class refused; they get a model that always says that class",
    ),
    "test_cross_val_predict_sparse_prediction": (
        "",
        "out-of-fold predictions are an array, of sparse labels too: rows never held out are NaN",
    ),
    "test_cross_val_predict_with_method_multilabel_ovr": SEVERAL,
    "test_cross_val_predict_with_method_multilabel_rf": SEVERAL,
    "test_cross_val_predict_with_method_multilabel_rf_rare_class": SEVERAL,
    "test_cross_val_predict_with_method_rare_class": UNSEEN,
    "test_cross_val_predict_class_subset": UNSEEN,
}
"""Test, what its parameters must contain, and why we differ."""


def cross_val_predict(estimator, X, y=None, *, cv=None, method="predict", **given):
    """What scikit-learn's function of this name answers, by the harness."""
    asked = {"return_train_score": False, "scoring": lambda *_: 0.0, "error_score": "raise"}
    cv = 5 if cv is None else cv
    result = ensembles.cross_validate(estimator, X, y, cv=cv, method=method, **given, **asked)
    return result.oof_prediction_


OURS = {"cross_validate": ensembles.cross_validate, "cross_val_predict": cross_val_predict}


def _about_ours(name, test):
    """Tell whether a test calls cross_validate; of one that has several functions, drop others."""
    ours = (ensembles.cross_validate, cross_val_predict, sklearn.model_selection.cross_val_score)
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize" and mark.args[0].startswith("func,"):
            mark.args[1][:] = [given for given in mark.args[1] if given[0] in ours]
            return True
    if "array_api" in name:  # which needs a library that is not asked for here
        return False
    source = inspect.getsource(test)
    words = ("cross_validate", "cross_val_score", "cross_val_predict")
    return any(word in name or f"{word}(" in source for word in words)


pytestmark = pytest.mark.filterwarnings("default")
theirs = with_ours(
    "sklearn.model_selection.tests.test_validation", {"sklearn.model_selection": OURS}
)
globals().update(
    {name: test for name, test in their_tests(theirs).items() if _about_ours(name, test)}
)


@pytest.fixture(autouse=True)
def _cross_val_score_calls_ours(monkeypatch):
    module = sys.modules["sklearn.model_selection._validation"]
    monkeypatch.setattr(module, "cross_validate", ensembles.cross_validate)


def test_these_are_tests_of_ours():
    assert theirs.cross_validate is ensembles.cross_validate
    assert sum(name.startswith("test_") for name in globals()) > 35
