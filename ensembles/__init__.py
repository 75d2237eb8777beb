"""Many models made of one kind of model, speaking with one voice."""

from ensembles.bagging import Bagging, BaggingClassifier, BaggingRegressor
from ensembles.resampling import (
    BayesianBootstrap,
    BlockBootstrap,
    Bootstrap,
    GroupBootstrap,
    Subsample,
)

__all__ = [
    "Bagging",
    "BaggingClassifier",
    "BaggingRegressor",
    "BayesianBootstrap",
    "BlockBootstrap",
    "Bootstrap",
    "GroupBootstrap",
    "Subsample",
]

__version__ = "0.1.0"
