"""Validation: does it generalise, and how sure can one be?"""

from ensembles.validation.harness import cross_validate
from ensembles.validation.leaderboard import Leaderboard
from ensembles.validation.result import CrossValidation
from ensembles.validation.splitters import (
    ContinuousStratifiedKFold,
    GroupTimeSeriesSplit,
    StratifiedGroupKFold,
)

__all__ = [
    "ContinuousStratifiedKFold",
    "CrossValidation",
    "GroupTimeSeriesSplit",
    "Leaderboard",
    "StratifiedGroupKFold",
    "cross_validate",
]
