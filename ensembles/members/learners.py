"""What a learner takes, shares and writes into, told without fitting it."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from ensembles.resampling import Draws
from ensembles.tables import container_of
from ensembles.tasks import REGRESSION, task_of


def takes_weights(learner: Any) -> bool:
    """Tell whether the learner takes weights: in ``fit``, if routing lets them, or in a draw."""
    if shares_preparation(learner):
        return True
    if get_config()["enable_metadata_routing"]:
        return bool(get_routing_for_object(learner).consumes("fit", ("sample_weight",)))
    return bool(has_fit_parameter(learner, "sample_weight"))


def shares_preparation(learner: Any) -> bool:
    """Tell whether the learner prepares a table once for all members.

    Such a learner has a ``random_state``; ``prepare(X, y)``, which returns what members share;
    ``fit_draw(prepared, rows, counts, weights, features)``, which learns from some of its rows and
    columns; and ``pack``, which makes of fitted members one forest that answers for all of them at
    once.
    """
    return all(hasattr(learner, method) for method in ("prepare", "fit_draw", "pack"))


def announce(learner: Any) -> None:
    """Let a learner whose first use takes long say so, from now on."""
    if hasattr(learner, "announce_compiling"):
        learner.announce_compiling()


def sampling_for(learner: Any, draws: Draws) -> str:
    """Choose the cheapest way that a draw can reach the learner without changing what it learns.

    Returns
    -------
    "weight"
        The draws carry weights of their own: their rows, with these weights.
    "unique"
        The distinct rows of the draw, with their counts as weights: rows of weight zero never ride
        along, and a row drawn three times is copied once.
    "index"
        The rows of the draw, repeats included: for learners that take no weights, and for draws
        without repeats.
    """
    if not takes_weights(learner):
        return "index"
    if draws.weights(0) is not None:
        return "weight"
    return "unique" if draws.repeats else "index"


def library_of(learner: Any) -> str:
    """Return the name of the package that the learner comes from."""
    return type(learner).__module__.partition(".")[0]


def _is_sklearn_tree(learner: Any) -> bool:
    """Ask without importing scikit-learn's trees: whoever made one has done so."""
    trees = sys.modules.get("sklearn.tree")
    known = trees is not None and isinstance(learner, trees.BaseDecisionTree)
    return known and library_of(learner) == "sklearn"


def releases_gil(learner: Any) -> bool:
    """Tell whether fitting the learner lets other threads run."""
    return _is_sklearn_tree(learner) or shares_preparation(learner)


LEAVES_INPUT_ALONE = ("catboost", "ensembles", "lightgbm", "sklearn", "xgboost")
"""Libraries whose learners write into no table that they were not told to write into."""


def may_write(learner: Any) -> bool:
    """Tell whether the learner, or a step inside it, may write into a table that it is handed.

    As scikit-learn's do with ``copy=False``, and as the user's own code often does: of that
    nothing is known.
    """
    given = _parameters(learner)
    parts = [learner, *(part for part in given.values() if hasattr(part, "fit"))]
    if any(library_of(part) not in LEAVES_INPUT_ALONE for part in parts):
        return True
    if any(type(part).__name__ == "FunctionTransformer" for part in parts):
        return True
    copies = (name for name in given if name.rpartition("__")[2] in ("copy", "copy_X", "copy_x"))
    return any(given[name] is False for name in copies)


def _parameters(learner: Any) -> dict[str, Any]:
    """Return at least the parameters of a learner and of its parts. Where no part is in sight they
    are its attributes: `get_params` reads its signature first, which takes longer than to ask a
    cheap learner.
    """
    kept = getattr(learner, "__dict__", {})
    if library_of(learner) in LEAVES_INPUT_ALONE and not any(map(_may_hold_parts, kept.values())):
        return kept
    return learner.get_params() if hasattr(learner, "get_params") else {}


def _may_hold_parts(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) or hasattr(value, "fit")


def own_table(X: Any, learner: Any) -> Any:
    """Return the table, or a copy of it for a learner that may write into it."""
    return copy_of(X) if may_write(learner) else X


def copy_of(X: Any) -> Any:
    """Copy a table of any kind."""
    if container_of(X) == "polars":
        return X.clone()
    return X.copy() if hasattr(X, "copy") else X


def own_dtype(learner: Any) -> Any:
    """Return what the learner converts arrays to; converting while gathering saves it a copy."""
    return np.float32 if _is_sklearn_tree(learner) else None


def own_copy(X: Any, learner: Any) -> Any:
    """A copy of the whole table for a learner that may write into it; trees only read."""
    return X if releases_gil(learner) else copy_of(X)


def twin(learner: Any) -> Any:
    """Copy an unfitted learner and share its parameters: what `clone` comes to, at no cost."""
    copied: Any = object.__new__(type(learner))
    vars(copied).update(vars(learner))
    return copied


def wants_codes(learner: Any, *, early_stopping: bool) -> bool:
    """Tell whether the learner must be given codes in the place of labels.

    XGBoost's classifiers know the labels 0, 1, 2, ... alone, LightGBM's validation too.
    """
    libraries = libraries_of(type(innermost(learner)))  # type: ignore[arg-type]
    return "xgboost" in libraries or (early_stopping and "lightgbm" in libraries)


@lru_cache(maxsize=128)
def libraries_of(kind: type) -> frozenset[str]:
    """Libraries that a class and those it is made of come from."""
    return frozenset(base.__module__.partition(".")[0] for base in kind.__mro__)


def innermost(learner: Any) -> Any:
    """Return the learner that does the work inside pipelines, searches and other wrappers."""
    while True:
        if isinstance(learner, Pipeline):
            learner = learner.steps[-1][1]
        elif hasattr(getattr(learner, "estimator", None), "fit"):
            learner = learner.estimator
        else:
            return learner


def weight_argument(learner: Any) -> str | None:
    """Name the argument of ``fit`` that takes row weights; None where there is none.

    The weights of a boosting round are the ensemble's own, so no metadata request is needed. A
    pipeline hands them to its last step.
    """
    if isinstance(learner, Pipeline):
        if get_config()["enable_metadata_routing"]:
            return "sample_weight" if takes_weights(learner) else None
        name, last = learner.steps[-1]
        inner = weight_argument(last)
        return None if inner is None else f"{name}__{inner}"
    return "sample_weight" if has_fit_parameter(learner, "sample_weight") else None


def cloned(learner: Any) -> Any:
    """Clone a learner."""
    return clone(learner)


def shares_rounds(learner: Any) -> bool:
    """Tell whether the learner grows member after member on one preparation.

    Such a learner shares its preparation, and has ``rounds(prepared)``: see `trees.boosting`.
    """
    return shares_preparation(learner) and hasattr(learner, "rounds")


def wants_mean_one(learner: Any) -> bool:
    """Tell whether weights that add up to one must be multiplied by the number of rows.

    Boosting libraries have rules for the weight of a leaf, and regressors penalties, that mean rows
    of weight one. scikit-learn's AdaBoost gives classifiers weights of sum one, and regressors
    none; to a tree it makes no difference.
    """
    worker = innermost(learner)
    regresses = task_of(worker) == REGRESSION and not _is_sklearn_tree(worker)
    return regresses or _boosts(worker)


def _boosts(learner: Any) -> bool:
    """Tell whether a learner is a boosting library's, or our own over XGBoost."""
    modules = [kind.__module__ for kind in type(learner).__mro__]
    return any(
        module.partition(".")[0] in ("catboost", "lightgbm", "xgboost")
        or module.startswith("ensembles.gradient_boosting")
        for module in modules
    )
