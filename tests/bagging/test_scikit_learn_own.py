"""scikit-learn's own tests of bagging, which ship in its wheel, with our classes in their place."""

import pytest
from peer_suites import their_tests, with_ours

import ensembles

OURS = {name: getattr(ensembles, name) for name in ("BaggingClassifier", "BaggingRegressor")}

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


pytestmark = pytest.mark.filterwarnings("default")
theirs = with_ours("sklearn.ensemble.tests.test_bagging", {"sklearn.ensemble": OURS})
globals().update(their_tests(theirs))


def test_these_are_tests_of_our_classes():
    assert all(getattr(theirs, name) is ours for name, ours in OURS.items())
    assert len(their_tests(theirs)) > 30
