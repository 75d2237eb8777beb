"""scikit-learn's own tests of trees, which ship in its wheel, with our classes in their place.

Its extremely randomised trees are ours with ``splitter="random"``, its forests are bags of ours.
"""

import pytest
from peer_suites import their_tests, with_ours

from ensembles import BaggingClassifier, BaggingRegressor
from ensembles.trees import HistTreeClassifier, HistTreeRegressor


class ExtraClassifier(HistTreeClassifier):
    """An extremely randomised classification tree."""

    def __init__(
        self,
        *,
        criterion="gini",
        splitter="random",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features="sqrt",
        random_state=None,
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        class_weight=None,
        ccp_alpha=0.0,
        monotonic_cst=None,
    ):
        given = {name: value for name, value in locals().items() if name[0] not in "_s"}
        super().__init__(splitter=splitter, **given)


class ExtraRegressor(HistTreeRegressor):
    """An extremely randomised regression tree."""

    def __init__(
        self,
        *,
        criterion="squared_error",
        splitter="random",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features=1.0,
        random_state=None,
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        ccp_alpha=0.0,
        monotonic_cst=None,
    ):
        given = {name: value for name, value in locals().items() if name[0] not in "_s"}
        super().__init__(splitter=splitter, **given)


OURS = {
    "DecisionTreeClassifier": HistTreeClassifier,
    "DecisionTreeRegressor": HistTreeRegressor,
    "ExtraTreeClassifier": ExtraClassifier,
    "ExtraTreeRegressor": ExtraRegressor,
}


def forest(bag, tree, **usual):
    """Return what makes bags of trees from the parameters of scikit-learn's forests."""

    def make(random_state=None, **given):
        shown_all = "splitter" in usual
        tree_given = tree(**(usual | given))
        return bag(tree_given, bootstrap=not shown_all, random_state=random_state)

    return make


FORESTS = {
    "RandomForestClassifier": forest(BaggingClassifier, HistTreeClassifier, max_features="sqrt"),
    "RandomForestRegressor": forest(BaggingRegressor, HistTreeRegressor),
    "ExtraTreesClassifier": forest(
        BaggingClassifier, HistTreeClassifier, max_features="sqrt", splitter="random"
    ),
    "ExtraTreesRegressor": forest(BaggingRegressor, HistTreeRegressor, splitter="random"),
}

NOT_OFFERED = {"absolute_error", "friedman_mse", "poisson"}
"""Criteria of regressions that our trees do not have: an error names the one they have."""

ABOUT_THEIR_CODE = {
    "test_absolute_error_accurately_predicts_weighted_median",
    "test_absolute_errors_precomputation_function",
    "test_build_pruned_tree_infinite_loop",
    "test_build_pruned_tree_py",
    "test_check_n_classes",
    "test_check_node_ndarray",
    "test_check_value_ndarray",
    "test_criterion_copy",
    "test_different_bitness_joblib_pickle",
    "test_different_bitness_pickle",
    "test_friedman_mse_deprecation",
    "test_mae",
    "test_missing_values_poisson",
    "test_poisson_vs_mse",
    "test_poisson_zero_nodes",
    "test_realloc",
    "test_splitter_serializable",
}
"""Tests of their compiled code, or of nothing but a criterion not offered."""

ONE_LABEL = "a classifier learns one label a row; the error names scikit-learn's way to several"
FLOAT64 = "values are compared as float64, not as float32, so that none is too large or too close"
WORDS = "our error names the parameter, the rule and the value in other words"

WHERE_WE_DIFFER = {
    "test_almost_constant_feature": ("", FLOAT64),
    "test_bad_monotonic_cst_raises": ("", WORDS),
    "test_big_input": ("", FLOAT64),
    "test_class_weight_errors": ("", ONE_LABEL),
    "test_class_weights": ("", ONE_LABEL),
    "test_classes_shape": ("", ONE_LABEL),
    "test_error": ("", "its last lines ask for a criterion that is not offered"),
    "test_huge_allocations": ("", "a huge `max_leaf_nodes` is no limit, and needs no memory"),
    "test_min_sample_split_1_error": ("", WORDS),
    "test_min_weight_fraction_leaf_on_sparse_input": ("TreeClassifier", ONE_LABEL),
    "test_min_weight_fraction_leaf_with_min_samples_leaf_on_sparse_input": (
        "TreeClassifier",
        ONE_LABEL,
    ),
    "test_missing_value_errors": ("", "a sparse table may have missing values"),
    "test_multiclass_raises": ("", WORDS),
    "test_multioutput": ("Classifier", ONE_LABEL),
    "test_multiple_output_raises": ("", ONE_LABEL),
    "test_prune_tree_classifier_are_subtrees": ("multilabel", ONE_LABEL),
    "test_random_splitter_missing_values_uses_non_missing_min_max": (
        "single-non-missing",
        "a split of the missing from all others has no threshold but infinity: a larger value "
        "than was seen is not missing",
    ),
    "test_sample_weight_invalid": ("", "a number is a weight for every row, though not 0"),
    "test_sparse_input": (
        ("multilabel-DecisionTreeClassifier", "multilabel-ExtraTreeClassifier"),
        ONE_LABEL,
    ),
    "test_1d_opposite_monotonicity_cst_data": (
        "",
        "the ten targets add up to -8.9e-16, exactly; summed in this order, rounded, to 0",
    ),
}
"""Test, what its parameters must contain (one or another), and why we differ."""


pytestmark = pytest.mark.filterwarnings("default")
theirs, monotonic = (
    with_ours(f"sklearn.tree.tests.{room}", {"sklearn.tree": OURS, "sklearn.ensemble": FORESTS})
    for room in ("test_tree", "test_monotonic_tree")
)
tests = their_tests(theirs, monotonic)
globals().update({name: test for name, test in tests.items() if name not in ABOUT_THEIR_CODE})


def test_these_are_tests_of_our_classes():
    for name, ours in OURS.items():
        assert getattr(theirs, name) is getattr(monotonic, name) is ours
    assert len(tests) - len(ABOUT_THEIR_CODE) > 70
