"""scikit-learn's own tests of AdaBoost, which ship in its wheel, with our classes in place."""

import importlib
import sys
from unittest import mock

import pytest
import sklearn.ensemble

import ensembles

WHERE_WE_DIFFER = {
    "test_adaboostclassifier_without_sample_weight": (
        "",
        "a learner that takes no weights is boosted here, by drawing rows in proportion to them",
    ),
}
"""Test, what its parameters must contain, and why we differ."""


def _with_our_classes():
    name = "sklearn.ensemble.tests.test_weight_boosting"
    sys.modules.pop(name, None)
    with (
        mock.patch.object(sklearn.ensemble, "AdaBoostClassifier", ensembles.AdaBoostClassifier),
        mock.patch.object(sklearn.ensemble, "AdaBoostRegressor", ensembles.AdaBoostRegressor),
    ):
        return importlib.import_module(name)


pytestmark = pytest.mark.filterwarnings("default")
theirs = _with_our_classes()
globals().update({name: value for name, value in vars(theirs).items() if name.startswith("test_")})


def test_these_are_tests_of_our_classes():
    assert theirs.AdaBoostClassifier is ensembles.AdaBoostClassifier
    assert theirs.AdaBoostRegressor is ensembles.AdaBoostRegressor
    assert sum(name.startswith("test_") for name in vars(theirs)) > 20
