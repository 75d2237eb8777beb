"""Early stopping of somebody else's learner: how each library is spoken to.

One table of adapters. None imports the library that it speaks to: what a learner's ``fit`` and
parameters are called says enough.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "rounds_found",
    "takes_rounds",
    "takes_validation",
    "validation_arguments",
    "validation_losses",
    "with_rounds",
]

PATIENCE = 10
"""Rounds without improvement before a learner stops that was given no number of its own."""

ROUNDS = ("n_estimators", "iterations", "num_boost_round", "num_trees", "max_iter")
"""What the number of rounds is called."""


def _fit_arguments(learner: Any) -> set[str]:
    return set(inspect.signature(learner.fit).parameters)


# ---------------------------------------------------------------------------------------------
# Handing over validation rows


def _as_pair(learner: Any, X: Any, y: Any, weights: Any) -> dict[str, Any]:
    """Our own boosting and scikit-learn's HistGradientBoosting: ``fit(..., X_val=, y_val=)``."""
    if "early_stopping" in learner.get_params():
        learner.set_params(early_stopping=True)
    arguments = {"X_val": X, "y_val": y}
    if weights is not None and "sample_weight_val" in _fit_arguments(learner):
        arguments["sample_weight_val"] = weights
    return arguments


def _as_catboost(learner: Any, X: Any, y: Any, weights: Any) -> dict[str, Any]:
    """CatBoost: ``fit(..., eval_set=, early_stopping_rounds=)``; it has no weights for these."""
    given = learner.get_params()
    arguments = {"eval_set": (X, y), "verbose": False}
    if given.get("early_stopping_rounds") is None and given.get("od_wait") is None:
        arguments["early_stopping_rounds"] = PATIENCE
    return arguments


def _as_xgboost(learner: Any, X: Any, y: Any, weights: Any) -> dict[str, Any]:
    """XGBoost: the parameter ``early_stopping_rounds`` and ``fit(..., eval_set=)``."""
    if learner.get_params().get("early_stopping_rounds") is None:
        learner.set_params(early_stopping_rounds=PATIENCE)
    arguments = {"eval_set": [(X, y)], "verbose": False}
    if weights is not None:
        arguments["sample_weight_eval_set"] = [weights]
    return arguments


def _as_lightgbm(learner: Any, X: Any, y: Any, weights: Any) -> dict[str, Any]:
    """LightGBM: the parameter ``early_stopping_round`` and ``fit(..., eval_set=)``."""
    given = learner.get_params()
    if all(given.get(name) is None for name in LIGHTGBM_PATIENCE):
        learner.set_params(early_stopping_round=PATIENCE)
    known = _fit_arguments(learner)
    arguments = {"eval_X": X, "eval_y": y} if "eval_X" in known else {"eval_set": [(X, y)]}
    if weights is not None:
        arguments["eval_sample_weight"] = [weights]
    return arguments


LIGHTGBM_PATIENCE = (
    "early_stopping_round",
    "early_stopping_rounds",
    "early_stopping",
    "n_iter_no_change",
)


# ---------------------------------------------------------------------------------------------
# What was found


def _pair_rounds(learner: Any) -> int | None:
    """Rounds that a learner of ``X_val`` keeps; a ``best_iteration_`` counts from zero."""
    best = getattr(learner, "best_iteration_", None)
    if best is not None:
        return int(best) + 1
    kept = getattr(learner, "n_iter_", getattr(learner, "n_estimators_", None))
    return None if kept is None else int(kept)


def _zero_based_rounds(learner: Any) -> int | None:
    name = "best_iteration_" if hasattr(type(learner), "best_iteration_") else "best_iteration"
    try:
        best = getattr(learner, name)
    except AttributeError:  # it did not stop early
        return None
    return None if best is None else int(best) + 1


def _lightgbm_rounds(learner: Any) -> int | None:
    return int(learner.best_iteration_) if learner.best_iteration_ else None


def _pair_losses(learner: Any) -> NDArray[np.float64] | None:
    scores = getattr(learner, "validation_score_", None)
    if scores is None or len(scores) < 2:
        return None
    return -np.asarray(scores, dtype=np.float64)[1:]  # the first is that of no round


def _own_losses(learner: Any) -> NDArray[np.float64] | None:
    """AdaBoost keeps a score, of which more is better, and GradientBoosting what XGBoost logs."""
    scores = getattr(learner, "validation_score_", None)
    if scores is not None:
        return -np.asarray(scores, dtype=np.float64)
    curves = getattr(learner, "evals_result_", None)
    return _last_losses(curves, _pair_rounds(learner)) if curves else None


def _xgboost_losses(learner: Any) -> NDArray[np.float64] | None:
    return _last_losses(learner.evals_result(), _zero_based_rounds(learner))


def _catboost_losses(learner: Any) -> NDArray[np.float64] | None:
    return _last_losses(learner.get_evals_result(), _zero_based_rounds(learner))


def _lightgbm_losses(learner: Any) -> NDArray[np.float64] | None:
    return _last_losses(learner.evals_result_, _lightgbm_rounds(learner), metric=0)


def _last_losses(
    curves: dict[str, Any], rounds: int | None, metric: int = -1
) -> NDArray[np.float64] | None:
    """The curve of the last table by the metric that was stopped by, turned so that less is better.

    Whether a metric grows or falls shows where the learner found it best.
    """
    if not curves:
        return None
    by_metric = list(curves.values())[-1]
    curve = np.asarray(list(by_metric.values())[metric], dtype=np.float64)
    best = len(curve) if rounds is None else rounds
    grows = curve[best - 1] > curve[0] or (best == 1 and curve[0] >= curve.max())
    return -curve if grows else curve


# ---------------------------------------------------------------------------------------------
# The table


class Adapter(NamedTuple):
    """How one library is spoken to."""

    hand_over: Callable[[Any, Any, Any, Any], dict[str, Any]]
    rounds: Callable[[Any], int | None]
    losses: Callable[[Any], NDArray[np.float64] | None]
    switches: dict[str, Any]
    """Parameters, where the learner has them, that turn early stopping off."""
    patience: str
    """The parameter that holds the patience."""


PAIR = Adapter(_as_pair, _pair_rounds, _pair_losses, {"early_stopping": False}, "n_iter_no_change")
OWN = Adapter(
    _as_pair,
    _pair_rounds,
    _own_losses,
    {"early_stopping": False, "max_generalization_gap": None, "refit": False},
    "n_iter_no_change",
)
CATBOOST = Adapter(
    _as_catboost,
    _zero_based_rounds,
    _catboost_losses,
    {"early_stopping_rounds": None, "od_wait": None, "od_type": None, "use_best_model": None},
    "od_wait",
)
XGBOOST = Adapter(
    _as_xgboost,
    _zero_based_rounds,
    _xgboost_losses,
    {"early_stopping_rounds": None},
    "early_stopping_rounds",
)
LIGHTGBM = Adapter(
    _as_lightgbm,
    _lightgbm_rounds,
    _lightgbm_losses,
    dict.fromkeys(LIGHTGBM_PATIENCE),
    "early_stopping_round",
)


def _adapter(learner: Any) -> Adapter | None:
    if not hasattr(learner, "fit"):
        return None
    arguments = _fit_arguments(learner)
    if {"X_val", "y_val"} <= arguments:
        return OWN if "max_generalization_gap" in learner.get_params() else PAIR
    if "eval_set" not in arguments:
        return None
    if "early_stopping_rounds" in arguments:
        return CATBOOST
    return LIGHTGBM if "callbacks" in arguments else XGBOOST


def _adapter_of(learner: Any) -> Adapter:
    adapter = _adapter(learner)
    if adapter is None:
        raise TypeError(f"{type(learner).__name__} takes no validation rows.")
    return adapter


def takes_validation(learner: Any) -> bool:
    """Tell whether the learner can be handed rows to stop early on."""
    return _adapter(learner) is not None


def validation_arguments(
    learner: Any, X: Any, y: Any, weights: Any = None, *, to_the_end: bool = False
) -> dict[str, Any]:
    """Return the arguments of ``fit`` that hand ``learner`` its validation rows.

    Turns early stopping on where the learner has it off, with a patience of 10 rounds where none
    was chosen, so ``learner`` should be a clone.

    Parameters
    ----------
    weights : array of shape (n_rows,), optional
        Weights of the rows, where the library takes any.
    to_the_end : bool
        Whether the learner was set by `with_rounds` to train on whatever these rows say.
    """
    adapter = _adapter_of(learner)
    arguments = dict(adapter.hand_over(learner, X, y, weights))
    if to_the_end and adapter is OWN:  # stopped at the end, ours would be cut to the best round
        learner.set_params(early_stopping=False)
    return arguments


def rounds_found(learner: Any) -> int | None:
    """Return how many rounds a fitted learner uses after stopping early; None if it cannot say."""
    adapter = _adapter(learner)
    return None if adapter is None else adapter.rounds(learner)


def validation_losses(learner: Any) -> NDArray[np.float64] | None:
    """Return the validation loss after each round; less is better, whatever the metric was."""
    return _adapter_of(learner).losses(learner)


def _rounds_name(learner: Any) -> str | None:
    """The parameter that holds the number of rounds; CatBoost names only what was set."""
    given = learner.get_params()
    named = [name for name in ROUNDS if given.get(name) is not None]
    if named:
        return named[0]
    known = [name for name in ROUNDS if name in given]
    if known:
        return known[0]
    return "iterations" if _adapter(learner) is CATBOOST else None


def takes_rounds(learner: Any) -> bool:
    """Tell whether the learner can be told how many rounds to train for."""
    return takes_validation(learner) and _rounds_name(learner) is not None


def with_rounds(learner: Any, rounds: int, *, watched: bool = False) -> Any:
    """Set a learner, which should be a clone, to train for so many rounds and not to stop early.

    Parameters
    ----------
    watched : bool
        Whether it will be handed validation rows all the same, to have its losses: its patience
        is then as long as its training.
    """
    given = learner.get_params()
    settings: dict[str, Any] = {str(_rounds_name(learner)): int(rounds)}
    switches = _adapter_of(learner).switches
    settings |= {name: value for name, value in switches.items() if name in given}
    learner.set_params(**settings)
    if watched:
        learner.set_params(**{_adapter_of(learner).patience: int(rounds) + 1})
    return learner
