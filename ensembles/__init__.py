"""Many models made of one kind of model, speaking with one voice."""

from ensembles.bagging import Bagging, BaggingClassifier, BaggingRegressor
from ensembles.resampling import (
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
)
from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.validation import (
    bias_variance,
    bootstrap_ci,
    bootstrap_score,
    compare_models,
    nested_cross_validation,
)
from ensembles.versions import __version__

__all__ = [
    "Bagging",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianBootstrap",
    "BlockBootstrap",
    "Bootstrap",
    "GroupBootstrap",
    "HistTreeClassifier",
    "HistTreeRegressor",
    "Subsample",
    "__version__",
    "bias_variance",
    "bootstrap_ci",
    "bootstrap_score",
    "compare_models",
    "nested_cross_validation",
]
