"""Objectives: what is minimised, by name or as a callable of the user's."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensembles.parameters import check_option, is_real
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task

__all__ = [
    "Objective",
    "check_base_score",
    "check_gradient",
    "check_own_gradient",
    "check_range",
    "link_of",
    "objective_of",
]

Gradients = tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]


@dataclass(frozen=True)
class Objective:
    """An objective: XGBoost's name of it and of its loss, and the targets it can take."""

    name: str
    metric: str
    lowest: float = -np.inf
    highest: float = np.inf
    open_below: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    gradients: Callable[[NDArray[Any], Any], Gradients] | None = None
    intercept: Callable[[Any], list[float]] | None = None

    @property
    def n_quantiles(self) -> int:
        """How many quantiles it predicts, 0 for an objective of another kind."""
        return len(self.parameters.get("quantile_alpha", ()))

    def n_outputs(self, shape: tuple[int, ...]) -> int:
        """Count the outputs of a model of targets of this shape."""
        counted = int(self.parameters.get("num_class") or self.n_quantiles)
        return counted or (shape[1] if len(shape) > 1 else 1)

    @property
    def said(self) -> dict[str, Any]:
        """XGBoost's parameters of this objective."""
        return {"objective": self.name, **self.parameters}


REGRESSIONS = {
    "squared": Objective("reg:squarederror", "rmse"),
    "squared_log": Objective("reg:squaredlogerror", "rmsle", lowest=-1.0, open_below=True),
    "absolute": Objective("reg:absoluteerror", "mae"),
    "huber": Objective("reg:pseudohubererror", "mphe"),
    "quantile": Objective("reg:quantileerror", "quantile"),
    "fraction": Objective("reg:logistic", "rmse", lowest=0.0, highest=1.0),
    "poisson": Objective("count:poisson", "poisson-nloglik", lowest=0.0),
    "gamma": Objective("reg:gamma", "gamma-nloglik", lowest=0.0, open_below=True),
    "tweedie": Objective("reg:tweedie", "tweedie-nloglik@1.5", lowest=0.0),
}
CLASSIFICATIONS = {
    "logistic": Objective("binary:logistic", "logloss"),
    "softmax": Objective("multi:softprob", "mlogloss"),
}
LINKS = {
    "count:poisson": "log", "reg:gamma": "log", "reg:tweedie": "log",
    "reg:logistic": "logit", "binary:logistic": "logit", "binary:logitraw": "logit",
    "multi:softprob": "softmax", "multi:softmax": "softmax",
}  # fmt: skip
"""What turns an answer into the sum of its leaves; nothing does for the others."""

TABLES = {REGRESSION: REGRESSIONS, CLASSIFICATION: CLASSIFICATIONS}
FURTHER_NAMES = {"multi:softmax": "softmax", "squared_error": "squared", "log_loss": None}


def link_of(name: str) -> str:
    """Return what turns answers into sums of leaves, by XGBoost's name of an objective."""
    return LINKS.get(name, "identity" if name.startswith(("reg:", "rank:")) else name)


def objective_of(settings: SimpleNamespace, task: Task, n_classes: int) -> Objective:
    """Return the objective that the settings ask for.

    Parameters
    ----------
    settings : SimpleNamespace
        ``objective``, ``quantiles``, ``label_smoothing`` and the parameters beside them.
    n_classes : int
        0 in a regression.
    """
    chosen = _named(settings, task, n_classes)
    if task == CLASSIFICATION:
        if chosen.name == "multi:softprob":
            chosen = replace(chosen, parameters={"num_class": n_classes})
            if settings.label_smoothing:
                chosen = replace(
                    chosen,
                    gradients=smoothed_softmax(settings.label_smoothing),
                    intercept=smoothed_intercept(settings.label_smoothing, n_classes),
                )
        if chosen.name == "binary:logistic":
            chosen = replace(chosen, parameters={"scale_pos_weight": settings.scale_pos_weight})
    if settings.scale_pos_weight != 1 and chosen.name != "binary:logistic":
        raise ValueError(
            "scale_pos_weight must be 1 unless the objective is 'logistic', of two classes (see "
            f"class_weight for more); got {settings.scale_pos_weight!r}."
        )
    if callable(settings.objective):
        chosen = replace(chosen, gradients=gradients_of(settings.objective))
    if settings.label_smoothing and (task == REGRESSION or callable(settings.objective)):
        raise ValueError(
            "label_smoothing must be 0 in a regression and with an objective of your own; "
            f"got {settings.label_smoothing!r}."
        )
    return _with_parameters(chosen, settings)


def _named(settings: SimpleNamespace, task: Task, n_classes: int) -> Objective:
    table, name = TABLES[task], settings.objective
    if task == CLASSIFICATION:
        usual = "logistic" if n_classes <= 2 else "softmax"
    else:
        usual = "squared" if settings.quantiles is None else "quantile"
    if name is None or callable(name):
        return table[usual]
    known = {one.name: one for one in table.values()} | table
    name = FURTHER_NAMES.get(name, name) if isinstance(name, str) else name
    chosen = known[
        check_option("objective", usual if name is None else name, known, also=" or a callable")
    ]
    if chosen.name == "binary:logistic" and n_classes > 2:
        raise ValueError(
            f"objective must be 'softmax' for {n_classes} classes; got {settings.objective!r}."
        )
    return chosen


def _with_parameters(chosen: Objective, settings: SimpleNamespace) -> Objective:
    if chosen.name == "reg:quantileerror":
        levels = check_quantiles(settings.quantiles)
        return replace(chosen, parameters={"quantile_alpha": levels})
    if settings.quantiles is not None:
        raise ValueError(
            "quantiles must be None unless the objective is 'quantile'; got "
            f"{settings.quantiles!r} with objective={settings.objective!r}."
        )
    if chosen.name == "reg:tweedie":
        power = settings.extra.get("tweedie_variance_power", 1.5)
        if not (is_real(power) and 1 < power < 2):
            raise ValueError(f"tweedie_variance_power must be a number in (1, 2); got {power!r}.")
        return replace(
            chosen,
            metric=f"tweedie-nloglik@{power}",
            parameters={"tweedie_variance_power": power},
        )
    if chosen.name == "reg:pseudohubererror":
        slope = settings.extra.get("huber_slope", 1.0)
        if not (is_real(slope) and 0 < slope < np.inf):
            raise ValueError(f"huber_slope must be a finite number > 0; got {slope!r}.")
        return replace(chosen, parameters={"huber_slope": slope})
    return chosen


def check_quantiles(quantiles: Any) -> list[float]:
    """Return quantile levels in (0, 1) that ascend; the median for None."""
    if quantiles is None:
        return [0.5]
    levels = [quantiles] if is_real(quantiles) else quantiles
    levels = list(levels) if np.iterable(levels) and not isinstance(levels, str) else []
    fit = levels and all(is_real(level) and 0 < level < 1 for level in levels)
    if not fit or any(b <= a for a, b in pairwise(levels)):
        raise ValueError(
            f"quantiles must be numbers in (0, 1) that ascend, or None; got {quantiles!r}."
        )
    return [float(level) for level in levels]


def check_range(objective: Objective, y: NDArray[Any]) -> None:
    """Refuse targets that the objective is not defined for, or that XGBoost's 32 bits are not."""
    if objective.name == "reg:quantileerror" and y.ndim > 1:
        raise ValueError(
            "y must be of shape (n_rows,) for quantiles, which are of one output; "
            f"got shape {y.shape}."
        )
    _check_precision(y)
    low = y <= objective.lowest if objective.open_below else y < objective.lowest
    wrong = low | (y > objective.highest)
    if wrong.any():
        bracket = "(" if objective.open_below else "["
        raise ValueError(
            f"y must lie in {bracket}{objective.lowest:g}, {objective.highest:g}] for the "
            f"objective {objective.name}; got {y[wrong].ravel()[0].item()!r}."
        )


def check_base_score(base_score: Any, objective: Objective, n_outputs: int) -> None:
    """Refuse starting values that are not one for each output, or that the link cannot take."""
    if np.ndim(base_score) == 1 and len(base_score) not in (1, n_outputs):
        raise ValueError(
            f"base_score must be a number or one for each of the {n_outputs} outputs; "
            f"got {base_score!r}."
        )
    link = link_of(objective.name)
    low = 0.0 if link in ("log", "logit") else -np.inf
    high = 1.0 if link == "logit" else np.inf
    if base_score is not None and not all(low < one < high for one in np.ravel(base_score)):
        raise ValueError(
            f"base_score must lie in ({low:g}, {high:g}) for the objective {objective.name}; "
            f"got {base_score!r}."
        )


LARGEST = float(np.finfo(np.float32).max)


def _check_precision(y: NDArray[Any]) -> None:
    """Refuse targets beyond 32-bit floats; warn where these are too coarse to tell rows apart."""
    if not y.size or (y.dtype.kind != "f" and y.dtype.itemsize < 4):
        return
    farthest = max(abs(float(y.min())), abs(float(y.max())))
    if farthest > LARGEST:
        raise ValueError(
            f"y must hold numbers that fit a 32-bit float, at most {LARGEST:g} in size; got "
            f"{farthest:g}. Scale y."
        )
    if farthest > 1e4 and 0 < float(y.std()) < 100 * float(np.spacing(np.float32(farthest))):
        warnings.warn(
            f"y spreads by {float(y.std()):g} around values up to {farthest:g}: XGBoost's 32-bit "
            "floats hardly tell them apart. Subtract a constant from y, such as its mean.",
            UserWarning,
            stacklevel=2,
        )


def smoothed_softmax(smoothing: float) -> Callable[[NDArray[Any], Any], Gradients]:
    """Softmax cross entropy against labels smoothed towards the uniform (Szegedy et al. 2016).

    A label of K classes becomes 1 - smoothing + smoothing / K, the others smoothing / K. The second
    derivatives are XGBoost's own for softmax, twice p (1 - p).
    """

    def gradients(margins: NDArray[Any], matrix: Any) -> Gradients:
        codes, weights = matrix.get_label().astype(np.intp), matrix.get_weight()
        spread = np.exp(margins - margins.max(axis=1, keepdims=True))
        chances = spread / spread.sum(axis=1, keepdims=True)
        gradient = chances - smoothing / chances.shape[1]
        gradient[np.arange(len(codes)), codes] -= 1 - smoothing
        hessian = np.maximum(2 * chances * (1 - chances), 1e-16)
        scale = weights[:, None] if len(weights) else 1.0
        return (gradient * scale).astype(np.float32), (hessian * scale).astype(np.float32)

    return gradients


def smoothed_intercept(smoothing: float, n_classes: int) -> Callable[[Any], list[float]]:
    """Return a function from a matrix to the margins that fit the smoothed labels best.

    XGBoost estimates them for its own objectives alone. They are centred, as XGBoost's are.
    """

    def intercept(matrix: Any) -> list[float]:
        codes, weights = matrix.get_label().astype(np.intp), matrix.get_weight()
        counts = np.bincount(codes, weights if len(weights) else None, n_classes)
        shares = (1 - smoothing) * counts / counts.sum() + smoothing / n_classes
        margins = np.log(shares)
        return (margins - margins.mean()).tolist()

    return intercept


def gradients_of(objective: Callable[..., Any]) -> Callable[[NDArray[Any], Any], Gradients]:
    """Wrap an objective(y_true, y_pred) -> (gradient, hessian) for XGBoost.

    Weights multiply both, unless the objective takes ``sample_weight`` and sees to it itself.
    """
    takes_weights = "sample_weight" in inspect.signature(objective).parameters

    def gradients(margins: NDArray[Any], matrix: Any) -> Gradients:
        targets = _as_shaped(matrix.get_label(), margins)
        weights = matrix.get_weight()
        if takes_weights:
            return _checked(
                objective(targets, margins, sample_weight=weights if len(weights) else None),
                margins,
            )
        gradient, hessian = _checked(objective(targets, margins), margins)
        if len(weights):
            scale = weights.reshape(-1, *(1,) * (margins.ndim - 1))
            return gradient * scale, hessian * scale
        return gradient, hessian

    return gradients


def _as_shaped(targets: NDArray[Any], margins: NDArray[Any]) -> NDArray[Any]:
    return targets.reshape(margins.shape) if targets.size == margins.size else targets


def _checked(given: Any, margins: NDArray[Any]) -> Gradients:
    try:
        gradient, hessian = given
    except (TypeError, ValueError):
        raise ValueError(
            f"objective must return a pair (gradient, hessian); got {type(given).__name__}."
        ) from None
    arrays = [np.asarray(one, dtype=np.float32) for one in (gradient, hessian)]
    for name, array in zip(("gradient", "hessian"), arrays, strict=True):
        if array.size != margins.size:
            raise ValueError(
                f"objective must return a {name} of shape {margins.shape}; got {array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"objective must return a finite {name}; got NaN or infinity.")
    return arrays[0].reshape(margins.shape), arrays[1].reshape(margins.shape)


def check_own_gradient(objective: Any, values: NDArray[Any], n_outputs: int) -> None:
    """Hold the derivatives of an objective of the user's to differences, on the first 200 rows."""
    if not callable(objective):
        return
    y = np.asarray(values, dtype=np.float64)[:200]
    shape = y.shape if n_outputs == 1 else (len(y), n_outputs)
    check_gradient(objective, y, np.random.default_rng(0).normal(size=shape))


def check_gradient(
    objective: Callable[..., Any], y: NDArray[Any], margins: NDArray[Any], step: float = 1e-3
) -> None:
    """Hold an objective's derivatives to central differences.

    The gradient is compared with the differences of ``objective.loss(y_true, y_pred)`` where the
    objective has one, and the hessian with the differences of the gradient.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Targets as the objective sees them: numbers, or codes of classes.
    margins : array of shape (n_rows,) or (n_rows, n_classes)
        Predictions to differentiate at.
    """
    margins = np.asarray(margins, dtype=np.float64)
    gradient, hessian = (one.astype(np.float64) for one in _checked(objective(y, margins), margins))
    loss = getattr(objective, "loss", None)
    for axis in range(margins.shape[1] if margins.ndim > 1 else 1):
        nudge = np.zeros_like(margins)
        nudge[(slice(None), axis) if margins.ndim > 1 else slice(None)] = step
        at = (slice(None), axis) if margins.ndim > 1 else slice(None)
        if loss is not None:
            slope = (
                np.asarray(loss(y, margins + nudge)) - np.asarray(loss(y, margins - nudge))
            ) / (2 * step)
            _compare("gradient", "loss", gradient[at], slope.reshape(gradient[at].shape))
        up, down = (
            np.asarray(objective(y, margins + sign * nudge)[0]).reshape(margins.shape)
            for sign in (1, -1)
        )
        _compare("hessian", "gradient", hessian[at], (up[at] - down[at]) / (2 * step))


def _compare(name: str, of: str, given: NDArray[Any], measured: NDArray[Any]) -> None:
    wrong = ~np.isclose(given, measured, rtol=1e-2, atol=1e-3)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            f"objective must return the {name} that central differences of its {of} give; got "
            f"{given[row]:g} where they give {measured[row]:g} (row {row}; {int(wrong.sum())} of "
            f"{len(wrong)} rows differ). check_gradient=False trains all the same."
        )
