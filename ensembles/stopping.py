"""Early stopping of somebody else's learner: how each library is handed its validation rows.

One table of adapters. None imports the library that it speaks to: what a learner's ``fit`` and
parameters are called says enough.
"""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["takes_validation", "validation_arguments"]

PATIENCE = 10
"""Rounds without improvement before a learner stops that was given no number of its own."""


def _fit_arguments(learner: Any) -> set[str]:
    return set(inspect.signature(learner.fit).parameters)


def _as_pair(learner: Any, X: Any, y: Any) -> dict[str, Any]:
    """Our own estimators and scikit-learn's HistGradientBoosting: ``fit(..., X_val=, y_val=)``."""
    if "early_stopping" in learner.get_params():
        learner.set_params(early_stopping=True)
    return {"X_val": X, "y_val": y}


def _as_catboost(learner: Any, X: Any, y: Any) -> dict[str, Any]:
    """CatBoost: ``fit(..., eval_set=, early_stopping_rounds=)``."""
    given = learner.get_params()
    arguments = {"eval_set": (X, y), "verbose": False}
    if given.get("early_stopping_rounds") is None and given.get("od_wait") is None:
        arguments["early_stopping_rounds"] = PATIENCE
    return arguments


def _as_xgboost(learner: Any, X: Any, y: Any) -> dict[str, Any]:
    """XGBoost: the parameter ``early_stopping_rounds`` and ``fit(..., eval_set=)``."""
    if learner.get_params().get("early_stopping_rounds") is None:
        learner.set_params(early_stopping_rounds=PATIENCE)
    return {"eval_set": [(X, y)], "verbose": False}


def _as_lightgbm(learner: Any, X: Any, y: Any) -> dict[str, Any]:
    """LightGBM: the parameter ``early_stopping_round`` and ``fit(..., eval_set=)``."""
    given = learner.get_params()
    names = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")
    if all(given.get(name) is None for name in names):
        learner.set_params(early_stopping_round=PATIENCE)
    if "eval_X" in _fit_arguments(learner):
        return {"eval_X": X, "eval_y": y}
    return {"eval_set": [(X, y)]}


def _adapter(learner: Any) -> Any:
    arguments = _fit_arguments(learner)
    if {"X_val", "y_val"} <= arguments:
        return _as_pair
    if "eval_set" not in arguments:
        return None
    if "early_stopping_rounds" in arguments:
        return _as_catboost
    return _as_lightgbm if "callbacks" in arguments else _as_xgboost


def takes_validation(learner: Any) -> bool:
    """Tell whether the learner can be handed rows to stop early on."""
    return _adapter(learner) is not None


def validation_arguments(learner: Any, X: Any, y: Any) -> dict[str, Any]:
    """Return the arguments of ``fit`` that hand ``learner`` its validation rows.

    Turns early stopping on where the learner has it off, with a patience of 10 rounds where none
    was chosen, so ``learner`` should be a clone.
    """
    return dict(_adapter(learner)(learner, X, y))
