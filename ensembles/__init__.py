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
from ensembles.validation import CrossValidation, Leaderboard, cross_validate
from ensembles.versions import __version__

__all__ = [
    "Bagging",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianBootstrap",
    "BlockBootstrap",
    "Bootstrap",
    "CrossValidation",
    "GroupBootstrap",
    "HistTreeClassifier",
    "HistTreeRegressor",
    "Leaderboard",
    "Subsample",
    "__version__",
    "cross_validate",
]
