"""Validation: how good a model is, how sure one can be of that, and which is better."""

from ensembles.validation.bootstrap import bootstrap_score
from ensembles.validation.comparing import compare_models
from ensembles.validation.comparison import (
    corrected_resampled_t_test,
    delong_test,
    five_by_two_f_test,
    mcnemar_test,
)
from ensembles.validation.curves import learning_curve
from ensembles.validation.decomposition import bias_variance
from ensembles.validation.displays import (
    BiasVarianceDisplay,
    BootstrapDisplay,
    CriticalDifferenceDisplay,
    GeneralizationGapDisplay,
    LearningCurveDisplay,
)
from ensembles.validation.diversity import ambiguity_decomposition
from ensembles.validation.harness import cross_validate
from ensembles.validation.intervals import bootstrap_ci
from ensembles.validation.leaderboard import Leaderboard
from ensembles.validation.nested import nested_cross_validation
from ensembles.validation.ranking import friedman_test
from ensembles.validation.result import CrossValidation
from ensembles.validation.splitters import (
    ContinuousStratifiedKFold,
    GroupTimeSeriesSplit,
    StratifiedGroupKFold,
)

__all__ = [
    "BiasVarianceDisplay",
    "BootstrapDisplay",
    "ContinuousStratifiedKFold",
    "CriticalDifferenceDisplay",
    "CrossValidation",
    "GeneralizationGapDisplay",
    "GroupTimeSeriesSplit",
    "Leaderboard",
    "LearningCurveDisplay",
    "StratifiedGroupKFold",
    "ambiguity_decomposition",
    "bias_variance",
    "bootstrap_ci",
    "bootstrap_score",
    "compare_models",
    "corrected_resampled_t_test",
    "cross_validate",
    "delong_test",
    "five_by_two_f_test",
    "friedman_test",
    "learning_curve",
    "mcnemar_test",
    "nested_cross_validation",
]
