"""scikit-learn's own tests of bagging, which ship in its wheel, with our classes in their place."""

import importlib
import sys
from unittest import mock

import pytest
import sklearn.ensemble

import ensembles

WHERE_WE_DIFFER = {
    "test_estimator": ("", "the default learner is our histogram tree"),
    "test_warm_start_with_oob_score_fails": (
        "",
        "a warm start has an out-of-bag score here, that of one fit with all members",
    ),
    "test_draw_indices_using_sample_weight": (
        "-True-Bagging",
        "a learner that takes weights is given the distinct rows of its draw with their counts, "
        "not all rows with most weights zero",
    ),
    "test_metadata_routing_with_dynamic_method_selection": (
        "-predict]",
        "members see the labels 1, 2, 3 as the user gave them, and this learner answers 0 to "
        "everything, which is none of them and an error here",
    ),
}
"""Test, what its parameters must contain, and why we differ."""


def _with_our_classes():
    name = "sklearn.ensemble.tests.test_bagging"
    sys.modules.pop(name, None)
    with (
        mock.patch.object(sklearn.ensemble, "BaggingClassifier", ensembles.BaggingClassifier),
        mock.patch.object(sklearn.ensemble, "BaggingRegressor", ensembles.BaggingRegressor),
    ):
        return importlib.import_module(name)


pytestmark = pytest.mark.filterwarnings("default")
theirs = _with_our_classes()
globals().update({name: value for name, value in vars(theirs).items() if name.startswith("test_")})


def test_these_are_tests_of_our_classes():
    assert theirs.BaggingClassifier is ensembles.BaggingClassifier
    assert theirs.BaggingRegressor is ensembles.BaggingRegressor
    assert sum(name.startswith("test_") for name in vars(theirs)) > 30
