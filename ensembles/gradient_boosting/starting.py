"""Starting: models to go on from, checked against what is asked of them."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import xgboost
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ensembles.gradient_boosting.columns import Columns
from ensembles.gradient_boosting.core import Core
from ensembles.gradient_boosting.objectives import Objective, link_of
from ensembles.gradient_boosting.storing import booster_of

__all__ = ["Start", "boosters_from", "check_start", "check_start_columns", "renamed"]


class Start(NamedTuple):
    """Boosters to go on from, and what was decided when they were fitted, where that is known."""

    boosters: list[Any]
    columns: Columns | None = None
    classes: NDArray[Any] | None = None
    name: str = "init_model"
    counted: bool = False
    """Whether ``n_estimators`` counts the rounds there are too."""

    @property
    def n_rounds(self) -> int:
        """How many rounds there are, in the first booster."""
        return int(self.boosters[0].num_boosted_rounds())

    @property
    def most_rounds(self) -> int:
        """How many rounds the longest booster has."""
        return max(int(one.num_boosted_rounds()) for one in self.boosters)


def boosters_from(model: Any, n_seeds: int) -> Start:
    """Return the boosters of an estimator, a Booster of XGBoost, or a file of either."""
    if isinstance(model, str | os.PathLike):
        model = _read(Path(model))
    if hasattr(model, "get_booster") and not isinstance(model, Core):
        model = model.get_booster()
    if isinstance(model, xgboost.Booster):
        return Start([model] * n_seeds)
    if not isinstance(model, Core):
        raise ValueError(
            "init_model must be a fitted estimator, a Booster of XGBoost or the path of one; "
            f"got {model!r}."
        )
    check_is_fitted(model, "boosters_")
    boosters = list(model.boosters_)
    if len(boosters) == 1:
        boosters *= n_seeds
    if len(boosters) != n_seeds:
        raise ValueError(f"n_seeds must be {len(boosters)}, as in init_model; got {n_seeds}.")
    return Start(boosters, model._columns, getattr(model, "classes_", None))


def check_start_columns(start: Start | None, n_columns: int, names: Any) -> None:
    """Refuse to go on from a model whose trees would be asked about columns they do not know.

    Parameters
    ----------
    names : array of shape (n_columns,) or None
        Names of the columns of the table, None where it has none.
    """
    if start is None:
        return
    booster = start.boosters[0]
    if booster.num_features() != n_columns:
        raise ValueError(
            f"{start.name} must have {n_columns} columns as X has; got {booster.num_features()}."
        )
    if names is not None and booster.feature_names not in (None, names.tolist()):
        raise ValueError(
            f"{start.name} must have the columns of X, {names.tolist()}, in this order; "
            f"got {booster.feature_names}."
        )


def check_start(start: Start | None, objective: Objective, n_outputs: int) -> None:
    """Refuse to go on from a model of another scale, or with other outputs."""
    if start is None:
        return
    known = json.loads(start.boosters[0].save_config())["learner"]
    if known["gradient_booster"]["name"] not in ("gbtree", "dart"):
        raise ValueError(
            f"{start.name} must be a model of trees; got {known['gradient_booster']['name']!r}."
        )
    if start.columns is None and not start.boosters[0].get_categories().empty():
        raise ValueError(
            f"{start.name} must not be a model of XGBoost's own that has learned categories from a "
            "frame, which it codes by itself; got one. Fit it here from the start."
        )
    was = known["objective"]["name"]
    if link_of(was) != link_of(objective.name):
        raise ValueError(
            f"objective must have the link of {start.name}, whose objective is {was!r}; "
            f"got {objective.name!r}."
        )
    shape = known["learner_model_param"]
    there = max(1, int(shape["num_class"])) * int(shape["num_target"])
    if there != n_outputs:
        raise ValueError(f"{start.name} must have {n_outputs} outputs as y asks for; got {there}.")


def renamed(start: Start | None, columns: Columns) -> list[Any]:
    """Return copies of the boosters to go on from, which know the columns by place alone.

    Made of their UBJSON, so that a model goes on from memory as it does from a file: a Booster
    holds more than its trees, the state of a random generator too.
    """
    boosters = [] if start is None else start.boosters
    copies = [booster_of(booster.save_raw("ubj"), None) for booster in boosters]
    for booster in copies:
        booster.feature_names = None
        booster.feature_types = columns.types
    return copies


def _read(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        from ensembles.gradient_boosting import GradientBoosting

        return GradientBoosting.load_model(path)
    if not path.is_file():
        raise FileNotFoundError(f"init_model must be the path of a model; there is none at {path}.")
    try:
        return xgboost.Booster(model_file=str(path))
    except xgboost.core.XGBoostError as error:
        raise ValueError(
            f"init_model must be the path of a model; XGBoost cannot read {path}."
        ) from error
