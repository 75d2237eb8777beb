"""Many models made of one kind of model, speaking with one voice."""

from ensembles.adaboost import AdaBoost, AdaBoostClassifier, AdaBoostRegressor
from ensembles.bagging import Bagging, BaggingClassifier, BaggingRegressor
from ensembles.gradient_boosting import (
    GradientBoosting,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from ensembles.resampling import (
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
)
from ensembles.trees import HistTreeClassifier, HistTreeRegressor
from ensembles.validation import (
    CrossValidation,
    Leaderboard,
    bias_variance,
    bootstrap_ci,
    bootstrap_score,
    compare_models,
    cross_validate,
    nested_cross_validation,
)
from ensembles.versions import __version__

__all__ = [
    "AdaBoost",
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "Bagging",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianBootstrap",
    "BlockBootstrap",
    "Bootstrap",
    "CrossValidation",
    "GradientBoosting",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "GroupBootstrap",
    "HistTreeClassifier",
    "HistTreeRegressor",
    "Leaderboard",
    "Subsample",
    "__version__",
    "bias_variance",
    "bootstrap_ci",
    "bootstrap_score",
    "compare_models",
    "cross_validate",
    "nested_cross_validation",
]
