"""Fitting one fold: the estimator as the user set it, on the training rows alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.pipeline import Pipeline

from ensembles import members
from ensembles.members import Member
from ensembles.stopping import (
    rounds_found,
    takes_rounds,
    takes_validation,
    validation_arguments,
    validation_losses,
    with_rounds,
)
from ensembles.validation.data import Data
from ensembles.validation.folds import Fold

__all__ = ["Fitted", "Stopping", "check_stopping", "fit_fold", "training_rows", "weights_argument"]

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Stopping:
    """How one fit stops.

    Attributes
    ----------
    rows : {"fold", "nested"} or None
        Which rows it stops on; None for no early stopping.
    fraction : float
        Share of the training rows that "nested" splits off.
    latest : bool
        Whether "nested" splits off the last rows, as a time series needs, and not some at random.
    rounds : int or None
        A number of rounds in the place of the learner's own.
    watched : bool
        Whether to train for all of ``rounds`` and keep the losses on the held-out rows.
    seed : int
        Of the nested split.
    """

    rows: str | None = None
    fraction: float = 0.1
    latest: bool = False
    rounds: int | None = None
    watched: bool = False
    seed: int = 0


class Fitted(NamedTuple):
    """A fitted model, the table it learned from, and what stopping it early found out."""

    member: Member
    rows: Rows
    table: Any
    rounds: int | None = None
    losses: NDArray[np.float64] | None = None


def last_step(learner: Any) -> Any:
    """Return the last step of a pipeline, or the learner itself."""
    while isinstance(learner, Pipeline):
        learner = learner.steps[-1][1]
    return learner


def _prefix(learner: Any) -> str:
    """What the last step's arguments are prefixed with in ``fit``."""
    prefix = ""
    while isinstance(learner, Pipeline):
        name, learner = learner.steps[-1]
        prefix += f"{name}__"
    return prefix


def check_stopping(learner: Any, name: str) -> None:
    """Refuse early stopping for a learner that cannot be handed validation rows."""
    last = last_step(learner)
    if isinstance(learner, Pipeline) and isinstance(learner.steps[-1][1], Pipeline):
        raise ValueError(
            f"early_stopping needs a pipeline without a pipeline as its last step{name}."
        )
    if not takes_validation(last):
        raise ValueError(
            "early_stopping needs an estimator whose fit takes validation rows (XGBoost, LightGBM, "
            "CatBoost, HistGradientBoosting, GradientBoosting, AdaBoost), alone or at the end of a "
            f"pipeline; got {type(last).__name__}{name}."
        )
    if not takes_rounds(last):
        raise ValueError(
            "early_stopping needs an estimator with a number of rounds; got "
            f"{type(last).__name__}{name}."
        )


def weights_argument(learner: Any) -> str | None:
    """Name the argument of ``fit`` that takes row weights; None where there is none."""
    if isinstance(learner, Pipeline) and not get_config()["enable_metadata_routing"]:
        prefix, last = _prefix(learner), last_step(learner)
        return f"{prefix}sample_weight" if members.takes_weights(last) else None
    return "sample_weight" if members.takes_weights(learner) else None


def fit_fold(
    learner: Any, data: Data, fold: Fold, classes: NDArray[Any] | None, stopping: Stopping
) -> Fitted:
    """Fit a clone of the learner on the fold's training rows.

    Parameters
    ----------
    classes : array of shape (n_classes,) or None
        All classes of the data; None in a regression.

    Returns
    -------
    Fitted
        A fold whose training rows are of one class, from which the learner cannot learn, gets a
        model that always says that class.
    """
    rows, watched = _parts(data, fold, stopping, classes)
    model = clone(learner)
    if stopping.rounds is not None:
        with_rounds(last_step(model), stopping.rounds, watched=stopping.watched)
    table = data.table(learner, rows, rows)
    stops = watched is not None
    coded = classes is not None and members.wants_codes(model, early_stopping=stops)
    targets, present = _targets(data, rows, classes, coded=coded)
    arguments = _arguments(learner, data, rows)
    fit: Any = _fit
    if watched is not None:
        hand_over = partial(validation_arguments, to_the_end=stopping.watched)
        known = None if classes is None or present is None else classes[present]
        fit = partial(_fit_watched, data, watched, known, coded, hand_over)
    only_class = present is not None and len(present) == 1
    model = fit(model, table, targets, arguments, only_class=only_class)
    if model is None:
        stand_in = DummyClassifier(strategy="prior").fit(np.zeros((len(rows), 1)), _np(targets))
        return Fitted(Member(stand_in, None, present, coded), rows, table)
    own = present if coded or classes is None else _known(model, present, classes)
    last = last_step(model)
    found = rounds_found(last) if watched is not None else None
    losses = validation_losses(last) if watched is not None else None
    return Fitted(Member(model, None, own, coded), rows, table, found, losses)


def _np(values: Any) -> NDArray[Any]:
    return np.asarray(values)


def _targets(
    data: Data, rows: Rows, classes: NDArray[Any] | None, *, coded: bool
) -> tuple[Any, NDArray[np.intp] | None]:
    """Targets as the learner can take them, and the codes of the classes among them."""
    if classes is None:
        return data.targets(rows), None
    codes = data.codes(rows)
    present = np.flatnonzero(np.bincount(codes, minlength=len(classes)))
    if not coded:
        return data.targets(rows), present
    return codes if len(present) == len(classes) else np.searchsorted(present, codes), present


def _known(model: Any, present: Any, classes: NDArray[Any]) -> Any:
    """Codes of the model's classes, in the order of its own output."""
    own = getattr(model, "classes_", None)
    if not isinstance(own, np.ndarray) or own.ndim != 1 or np.array_equal(own, classes[present]):
        return present
    places = np.minimum(np.searchsorted(classes, own), len(classes) - 1)
    return places if np.array_equal(classes[places], own) else present


def _arguments(learner: Any, data: Data, rows: Rows) -> dict[str, Any]:
    arguments = data.cut(data.fit_arguments, rows)
    weights = data.weights(rows)
    name = None if weights is None else weights_argument(learner)
    if name is not None:
        arguments[name] = weights
    return arguments


def _fit(
    model: Any, table: Any, targets: Any, arguments: dict[str, Any], *, only_class: bool
) -> Any:
    if targets is None:
        model.fit(table, **arguments)
        return model
    return members.fit_or_none(model, table, targets, arguments, only_class=only_class)


# ---------------------------------------------------------------------------------------------
# Early stopping


def _parts(data: Data, fold: Fold, stopping: Stopping, classes: Any) -> tuple[Rows, Rows | None]:
    """Rows to learn from and rows to stop on."""
    if stopping.rows is None:
        return fold.train, None
    if stopping.rows == "fold":
        return fold.train, fold.test
    return _nested(data, fold.train, stopping, classes)


def training_rows(data: Data, fold: Fold, stopping: Stopping, classes: Any) -> Rows:
    """Return the rows that a fold's model learns from: all of its training part, or most of it."""
    return _parts(data, fold, stopping, classes)[0]


def _nested(data: Data, train: Rows, stopping: Stopping, classes: Any) -> tuple[Rows, Rows]:
    """Split the training rows: whole groups, the latest rows, or each class in its share."""
    fraction, seed = stopping.fraction, stopping.seed
    if stopping.latest:
        cut = len(train) - max(1, round(fraction * len(train)))
        return train[:cut], train[cut:]
    if data.groups is not None:
        splitter = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
        own = np.asarray(data.groups)[train]
        if len(np.unique(own)) < 2:
            raise ValueError(
                "early_stopping='nested' needs at least 2 groups to learn from in every fold, one "
                f"of them to stop on; got {np.unique(own).tolist()}."
            )
        learn, stop = next(splitter.split(train, groups=own))
        return train[learn], train[stop]
    split = partial(train_test_split, train, test_size=fraction, random_state=seed)
    if classes is not None:
        try:
            learn, stop = split(stratify=_np(data.targets(train)))
            return np.sort(learn), np.sort(stop)
        except ValueError:  # a class of one row, or more classes than rows to stop on
            pass
    learn, stop = split()
    return np.sort(learn), np.sort(stop)


def _fit_watched(
    data: Data,
    watched: Rows,
    known: NDArray[Any] | None,
    coded: bool,
    hand_over: Callable[..., dict[str, Any]],
    model: Any,
    table: Any,
    targets: Any,
    arguments: dict[str, Any],
    *,
    only_class: bool,
) -> Any:
    """Fit with validation rows, which a pipeline's earlier steps transform and never learn from.

    Rows of a class that is not ``known`` from the training rows are left out.
    """
    rows, y_watched = _watched_targets(data, watched, known, coded)
    if len(rows) == 0:
        return _fit(model, table, targets, arguments, only_class=only_class)
    X_watched = data.table(model, rows, rows)
    weights = data.weights(rows)
    if not isinstance(model, Pipeline):
        arguments |= hand_over(model, X_watched, y_watched, weights)
        return _fit(model, table, targets, arguments, only_class=only_class)
    name, last = model.steps[-1]
    own, others = _split_arguments(model, arguments)
    steps = model.steps[:-1] or [("as_it_is", "passthrough")]
    before = Pipeline(steps, memory=model.memory, transform_input=model.transform_input)
    table = before.fit_transform(table, targets, **others)
    X_watched = before.transform(X_watched)
    own |= hand_over(last, X_watched, y_watched, weights)
    fitted = _fit(last, table, targets, own, only_class=only_class)
    if fitted is None:
        return None
    model.steps = [*(before.steps if model.steps[:-1] else ()), (name, fitted)]
    return model


def _split_arguments(
    model: Pipeline, arguments: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of a pipeline's last step, and those of the others."""
    prefix = f"{model.steps[-1][0]}__"
    own, others = {}, {}
    for key, value in arguments.items():
        if key.startswith(prefix):
            own[key.removeprefix(prefix)] = value
        else:
            others[key] = value
    return own, others


def _watched_targets(
    data: Data, rows: Rows, known: NDArray[Any] | None, coded: bool
) -> tuple[Rows, Any]:
    """Validation rows whose class the model knows, and their targets as it knows them."""
    targets = data.targets(rows)
    if known is None:
        return rows, targets
    kept = np.isin(_np(targets), known)
    if not kept.all():
        rows = rows[kept]
        targets = data.targets(rows)
    if coded:
        targets = np.searchsorted(known, _np(targets))
    return rows, targets
