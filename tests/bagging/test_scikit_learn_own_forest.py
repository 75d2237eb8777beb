"""scikit-learn's own tests of forests, which ship in its wheel, with bags of our trees in their
place.

A random forest is a bag of trees that draw columns for each split, an extremely randomised one a
bag without bootstrap of trees with ``splitter="random"``.
"""

import functools
import inspect

import pytest
from peer_suites import their_tests, with_ours

from ensembles import BaggingClassifier, BaggingRegressor
from ensembles.trees import HistTreeClassifier, HistTreeRegressor


class Forest:
    """A bag of our trees given the parameters of both in one list, as scikit-learn's forests are:
    `max_features` are drawn for each split.
    """

    bootstrap_features = early_stopping = False
    resampling = aggregation = n_iter_no_change = None
    tol = 1e-3

    def __init__(
        self,
        n_estimators=100,
        *,
        criterion=None,
        splitter="best",
        max_depth=None,
        min_samples_split=2,
        min_samples_leaf=1,
        min_weight_fraction_leaf=0.0,
        max_features="sqrt",
        max_leaf_nodes=None,
        min_impurity_decrease=0.0,
        ccp_alpha=0.0,
        monotonic_cst=None,
        bootstrap=True,
        max_samples=None,
        oob_score=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
        warm_start=False,
        class_weight=None,
    ):
        vars(self).update({name: value for name, value in locals().items() if name != "self"})

    @property
    def estimator(self):
        """The tree that members are clones of."""
        given = {name: getattr(self, name) for name in OF_TREES}
        return self.tree(**given, **({"criterion": self.criterion} if self.criterion else {}))

    def _n_drawn_columns(self):
        return self.n_features_in_


PARAMETERS = list(inspect.signature(Forest).parameters)
OF_TREES = PARAMETERS[PARAMETERS.index("splitter") : PARAMETERS.index("bootstrap")]


def forest(name, bag, tree, **usual):
    """Return a class of that name whose parameters have these defaults."""

    @functools.wraps(Forest.__init__)
    def __init__(self, n_estimators=100, **given):
        Forest.__init__(self, n_estimators, **(usual | given))

    own = {"__init__": __init__, "__module__": __name__, "tree": tree}
    return type(name, (Forest, bag), own)


RANDOM = {"splitter": "random", "bootstrap": False}
OF_CLASSES, OF_VALUES = (
    (BaggingClassifier, HistTreeClassifier),
    (BaggingRegressor, HistTreeRegressor),
)
RandomForestClassifier = forest("RandomForestClassifier", *OF_CLASSES)
RandomForestRegressor = forest("RandomForestRegressor", *OF_VALUES, max_features=1.0)
ExtraTreesClassifier = forest("ExtraTreesClassifier", *OF_CLASSES, **RANDOM)
ExtraTreesRegressor = forest("ExtraTreesRegressor", *OF_VALUES, max_features=1.0, **RANDOM)
OURS = {
    kind.__name__: kind
    for kind in (
        RandomForestClassifier,
        RandomForestRegressor,
        ExtraTreesClassifier,
        ExtraTreesRegressor,
    )
}

NOT_OFFERED = {"absolute_error", "friedman_mse", "poisson", "RandomTreesEmbedding"}
"""Criteria of regressions that our trees do not have, where an error names the one they have, and
their embedding.
"""

ABOUT_THEIR_CODE = {
    "test_forest_multioutput_integral_regression_target",
    "test_friedman_mse_deprecation",
    "test_mse_criterion_object_segfault_smoke_test",
    "test_oob_not_computed_twice",
    "test_poisson_vs_mse",
    "test_poisson_y_positive_check",
    "test_random_hasher",
    "test_random_hasher_sparse_data",
    "test_random_trees_dense_equal",
    "test_random_trees_dense_type",
    "test_random_trees_embedding_feature_names_out",
    "test_random_trees_embedding_raise_error_oob",
    "test_validate_y_class_weight",
}
"""Tests of their private functions, or of nothing but what is not offered."""

ONE_LABEL = "a classifier learns one label a row; the error names scikit-learn's way to several"
DRAWN = "rows are drawn with probability proportional to their weight, and count once each time"

WHERE_WE_DIFFER = {
    "test_class_weight_balanced_and_bootstrap_multi_output": ("", ONE_LABEL),
    "test_class_weight_errors": ("", ONE_LABEL),
    "test_class_weights_forest": ("", f"asks for a private attribute of theirs; {DRAWN}"),
    "test_classes_shape": ("", ONE_LABEL),
    "test_classifier_error_oob_score_multiclass_multioutput": ("", ONE_LABEL),
    "test_estimators_samples": (
        "",
        "row numbers are of 64 bits, as those of bagging are; trees share the bins of all rows",
    ),
    "test_forest_classifier_oob": ("X3-y3", ONE_LABEL),
    "test_forest_regressor_oob": (
        tuple(
            f"True-X0-y0-0.7-{kind}-RandomForest" for kind in ("array", "sparse_csr", "sparse_csc")
        ),
        "0.7 lies within the noise of the seed: 0.711 with a deviation of 0.010 over forty seeds, "
        "where theirs have 0.708 and 0.010",
    ),
    "test_forest_y_sparse": ("", "our error says what to do about a sparse y, in other words"),
    "test_max_samples_bootstrap": ("", "with bootstrap=False and max_samples rows are pasted"),
    "test_max_samples_geq_one": ("", "a share is at most 1.0, as in scikit-learn's bagging"),
    "test_min_samples_leaf": (
        "RandomForestClassifier",
        "a row drawn three times is three samples of its leaf, not one",
    ),
    "test_min_weight_fraction_leaf": ("", DRAWN),
    "test_multioutput": ("Classifier", ONE_LABEL),
    "test_multioutput_string": ("", ONE_LABEL),
    "test_round_samples_to_one_when_samples_too_low": (
        "balanced_subsample",
        "'balanced' is what a tree makes of its own draw, given as its class_weight",
    ),
    "test_sparse_input": (
        ("ExtraTreesClassifier", "RandomForestClassifier"),
        ONE_LABEL,
    ),
}
"""Test, what its parameters must contain (one or another), and why we differ."""


pytestmark = pytest.mark.filterwarnings("default")
theirs = with_ours("sklearn.ensemble.tests.test_forest", {"sklearn.ensemble": OURS})
tests = their_tests(theirs)
globals().update({name: test for name, test in tests.items() if name not in ABOUT_THEIR_CODE})


def test_these_are_tests_of_our_classes():
    assert all(getattr(theirs, name) is ours for name, ours in OURS.items())
    assert len(tests) - len(ABOUT_THEIR_CODE) > 40
