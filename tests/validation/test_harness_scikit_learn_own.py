"""scikit-learn's own tests of cross_validate, which ship in its wheel, with ours in its place.

`cross_val_score` is a thin caller of it, so its tests are run too, calling ours.
"""

import importlib
import sys
from unittest import mock

import pytest
import sklearn.model_selection

import ensembles

WHERE_WE_DIFFER = {
    "test_cross_val_score_score_func": (
        "",
        "it counts the calls of a scorer, which here also judges the training rows and all "
        "out-of-fold answers together",
    ),
}
"""Test, what its parameters must contain, and why we differ."""


def _with_ours():
    name = "sklearn.model_selection.tests.test_validation"
    sys.modules.pop(name, None)
    with mock.patch.object(sklearn.model_selection, "cross_validate", ensembles.cross_validate):
        return importlib.import_module(name)


def _about_ours(name, test):
    """Tell whether a test calls cross_validate; of one that has several functions, drop others."""
    ours = (ensembles.cross_validate, sklearn.model_selection.cross_val_score)
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize" and mark.args[0].startswith("func,"):
            mark.args[1][:] = [given for given in mark.args[1] if given[0] in ours]
            return True
    return name.startswith(("test_cross_validate", "test_cross_val_score"))


pytestmark = pytest.mark.filterwarnings("default")
theirs = _with_ours()
globals().update(
    {
        name: value
        for name, value in vars(theirs).items()
        if name.startswith("test_") and _about_ours(name, value)
    }
)


@pytest.fixture(autouse=True)
def _cross_val_score_calls_ours(monkeypatch):
    module = sys.modules["sklearn.model_selection._validation"]
    monkeypatch.setattr(module, "cross_validate", ensembles.cross_validate)


def test_these_are_tests_of_ours():
    assert theirs.cross_validate is ensembles.cross_validate
    assert sum(name.startswith("test_") for name in globals()) > 25
