"""What a model is judged by: a loss of every row, or a score of many rows together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from ensembles import members
from ensembles.members import Member
from ensembles.resampling import generator
from ensembles.scoring import LOSS_OF, Answers, check_scoring, is_loss, score_answers
from ensembles.tables import take
from ensembles.tasks import CLASSIFICATION, Task, check_labels, check_values, infer_task, task_of
from ensembles.validation.checking import as_table
from ensembles.validation.losses import (
    absolute_loss,
    brier_loss,
    log_loss_of_rows,
    squared_loss,
    zero_one_loss,
)
from ensembles.validation.metrics import METRICS, Rows
from ensembles.validation.weighted import Statistic

__all__ = ["Criterion", "Problem", "check_problem", "criterion_for", "no_information"]

Floats = NDArray[np.float64]
Losses = Callable[[Any, Any], Floats]


@dataclass(frozen=True)
class Problem:
    """A learner and checked data.

    Attributes
    ----------
    y : array of shape (n_rows,)
        Labels as given, or values.
    truth : array of shape (n_rows,)
        Codes of the classes, or values.
    classes : array of shape (n_classes,) or None
        None in a regression.
    """

    estimator: Any
    X: Any
    y: NDArray[Any]
    truth: NDArray[Any]
    classes: NDArray[Any] | None

    @property
    def task(self) -> Task:
        """The task."""
        return "regression" if self.classes is None else "classification"

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return len(self.truth)

    def recipe(self, seed: int, draws: Any) -> members.Recipe:
        """How members are made of the learner on these draws."""
        width = self.X.shape[1] if len(self.X.shape) > 1 else 1
        recipe = members.Recipe(
            learner=self.estimator,
            seed=seed,
            sampling=members.sampling_for(self.estimator, draws),
            n_columns=width,
            n_drawn_columns=width,
            classes=self.classes,
        )
        return members.prepare(recipe, self.X, self.y)


def check_problem(estimator: Any, X: Any, y: Any) -> Problem:
    """Check a learner and its data; the learner's task decides, else the targets do."""
    if isinstance(estimator, type) or not (
        hasattr(estimator, "fit") and hasattr(estimator, "get_params")
    ):
        raise ValueError(f"estimator must be a scikit-learn estimator; got {estimator!r}.")
    table = as_table(X)
    if y is not None and np.shape(y)[:1] != (table.shape[0],):
        raise ValueError(
            f"y must hold a target for each of {table.shape[0]} rows of X; got shape {np.shape(y)}."
        )
    if (task_of(estimator) or infer_task(y)) == CLASSIFICATION:
        labels, classes, codes = check_labels(y, estimator)
        return Problem(estimator, table, labels, codes, classes)
    values = check_values(y, estimator)
    return Problem(estimator, table, values, values, None)


@dataclass(frozen=True)
class Criterion:
    """How answers are judged.

    Attributes
    ----------
    name : str
    kind : {"error", "score"}
        Whether less or more is better in what `published` returns.
    question : callable
        What members are asked.
    losses : callable or None
        (truth, answers) to a loss for each row; None where rows cannot be judged one by one.
    score : callable or None
        (truth, answers) to a score of many rows, where ``losses`` is None.
    influence : callable or None
        (truth, answers) to the derivatives of ``score`` with respect to the rows' weights.
    published : callable
        An error in the unit that was asked for: accuracy is one less the error.
    slope : callable
        Derivative of ``published``.
    most : float
        The greatest loss there is; the least is 0.
    """

    name: str
    kind: str
    question: Callable[[Member, Any], Any]
    losses: Losses | None = None
    score: Callable[[Any, Any], float] | None = None
    influence: Losses | None = None
    published: Callable[[float], float] = float
    slope: Callable[[float], float] = lambda error: 1.0
    most: float = np.inf

    def answers(self, member: Member, X: Any, rows: Any = None) -> Any:
        """What a member says of some rows."""
        table = members.own_table(X, member.estimator) if rows is None else take(X, rows)
        return self.question(member, table)


def _codes(member: Member, X: Any, classes: NDArray[Any]) -> NDArray[np.intp]:
    return np.argmax(members.class_votes(member, X, classes=classes), axis=1)


def _same(error: float) -> float:
    return error


def _rising(error: float) -> float:
    return 1.0


def _one_less(error: float) -> float:
    return 1.0 - error


def _minus(error: float) -> float:
    return -error


def _falling(error: float) -> float:
    return -1.0


def _root_slope(error: float) -> float:
    return 0.5 / float(np.sqrt(error)) if error > 0 else 0.0


CLASSIFICATION_LOSSES: dict[str, tuple[str, Losses]] = {
    "zero_one": ("labels", zero_one_loss),
    "log": ("probabilities", log_loss_of_rows),
    "brier": ("probabilities", brier_loss),
}
REGRESSION_LOSSES: dict[str, Losses] = {"squared": squared_loss, "absolute": absolute_loss}

SCORERS: dict[str, tuple[str, Callable[[float], float], Callable[[float], float]]] = {
    "accuracy": ("zero_one", _one_less, _falling),
    "neg_log_loss": ("log", _minus, _falling),
    "neg_brier_score": ("brier", _minus, _falling),
    "neg_mean_squared_error": ("squared", _minus, _falling),
    "neg_mean_absolute_error": ("absolute", _minus, _falling),
    "neg_root_mean_squared_error": (
        "squared",
        lambda error: -float(np.sqrt(error)),
        lambda error: -_root_slope(error),
    ),
}
"""scikit-learn's scorers that are functions of a mean loss: which, and how."""

ERRORS: dict[str, tuple[str, Callable[[float], float], Callable[[float], float]]] = {
    **{error: (loss, _same, _rising) for error, loss in LOSS_OF.items()},
    "rmse": ("squared", lambda error: float(np.sqrt(error)), _root_slope),
}
"""Errors by the names that `bootstrap_ci` gives them."""


def criterion_for(problem: Problem, scoring: Any, *, by_row: bool = False) -> Criterion:
    """Make a criterion of what the user asked for.

    Parameters
    ----------
    scoring : str, callable or None
        A loss ("zero_one", "log", "brier", "squared", "absolute"), or the error that it is the mean
        of ("error", "log_loss", "mse", "mae", and "rmse"); None for the task's own, the first of
        these; the name of a scorer; a scorer of (estimator, X, y); or a callable of
        (y_true, y_pred), of labels or values, which returns one loss for each row or one score.
    by_row : bool
        Refuse what is no mean over rows.
    """
    losses = CLASSIFICATION_LOSSES if problem.classes is not None else REGRESSION_LOSSES
    if scoring is None:
        scoring = next(iter(losses))
    scoring = _by_name(scoring, losses)
    if isinstance(scoring, str) and scoring in (*losses, *SCORERS, *ERRORS, "r2"):
        return _known(problem, scoring)
    if isinstance(scoring, str):
        check_scoring("scoring", scoring)
    elif not callable(scoring):
        raise ValueError(
            f"scoring must be one of {', '.join(map(repr, losses))}, the name of a scorer, a "
            f"callable or None; got {scoring!r}."
        )
    if callable(scoring) and _judges_rows(problem, scoring):
        return _own_loss(problem, scoring)
    if by_row:
        raise ValueError(
            "scoring must be a mean over rows here, such as "
            f"{', '.join(map(repr, [*losses, *SCORERS]))}; got {scoring!r}."
        )
    if is_loss(scoring):
        return Criterion(
            name=_name(scoring),
            kind="error",
            question=_question(problem, "probabilities", strict=False),
            score=partial(_score, scoring, problem.classes),
        )
    known = _fast_form(problem, scoring)
    return Criterion(
        name=_name(scoring),
        kind="score",
        question=_question(problem, "probabilities", strict=False),
        score=partial(_score, scoring, problem.classes)
        if known is None
        else partial(_value, known),
        influence=None if known is None else partial(_pulls, known),
        published=_minus if _name(scoring).startswith("neg_") else _one_less,
        slope=_falling,
    )


def _name(scoring: Any) -> str:
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))


FUNCTIONS = {
    metrics.accuracy_score: ("accuracy", "zero_one"),
    metrics.zero_one_loss: ("zero_one", "zero_one"),
    metrics.log_loss: ("log", "log"),
    metrics.mean_squared_error: ("squared", "squared"),
    metrics.mean_absolute_error: ("absolute", "absolute"),
}
"""scikit-learn's metrics that are functions of a mean loss: our names of them and of the loss."""


def _by_name(scoring: Any, losses: Iterable[str]) -> Any:
    """Return our name of a metric of scikit-learn where there is one for the task."""
    names = (
        name for metric, (name, loss) in FUNCTIONS.items() if metric is scoring and loss in losses
    )
    return next(names, scoring)


def _known(problem: Problem, scoring: str) -> Criterion:
    loss = scoring
    published: Callable[[float], float] = _same
    slope: Callable[[float], float] = _rising
    if scoring == "r2":
        loss = "squared"
        spread = float(np.mean((problem.truth - problem.truth.mean(axis=0)) ** 2))
        if problem.classes is None and (problem.truth.ndim != 1 or spread == 0):
            raise ValueError("scoring='r2' needs one target that is not constant.")
        published, slope = (lambda error: 1 - error / spread), (lambda error: -1 / spread)
    elif scoring in SCORERS:
        loss, published, slope = SCORERS[scoring]
    elif scoring in ERRORS:
        loss, published, slope = ERRORS[scoring]
    classifies = problem.classes is not None
    if loss not in (CLASSIFICATION_LOSSES if classifies else REGRESSION_LOSSES):
        raise ValueError(f"scoring={scoring!r} does not judge a {problem.task}.")
    asked, by_row = (
        CLASSIFICATION_LOSSES[loss] if classifies else ("values", REGRESSION_LOSSES[loss])
    )
    return Criterion(
        name=scoring,
        kind="error" if scoring == loss or scoring in ERRORS else "score",
        question=_question(problem, asked, strict=True),
        losses=by_row,
        published=published,
        slope=slope,
        most=_most(problem, loss),
    )


def _most(problem: Problem, loss: str) -> float:
    if loss == "brier" and problem.classes is not None:
        return 1.0 if len(problem.classes) == 2 else 2.0
    return 1.0 if loss == "zero_one" else np.inf


def _question(problem: Problem, asked: str, *, strict: bool) -> Callable[[Member, Any], Any]:
    if problem.classes is None:
        return members.values
    if asked == "labels":
        return partial(_codes, classes=problem.classes)
    if hasattr(problem.estimator, "predict_proba"):
        return partial(members.probabilities, classes=problem.classes)
    if strict:
        raise ValueError(
            "scoring needs predict_proba, which "
            f"{type(problem.estimator).__name__} does not have; use 'zero_one' or 'accuracy'."
        )
    if hasattr(problem.estimator, "decision_function") and len(problem.classes) == 2:
        return partial(_decided, classes=problem.classes)
    return partial(members.class_votes, classes=problem.classes)


def _decided(member: Member, X: Any, classes: NDArray[Any]) -> Floats:
    """Decision values in the place of probabilities, for scorers that go by order or sign."""
    decided = members.decisions(member, X, classes=classes)
    return np.column_stack([-decided, decided])


def _score(scoring: Any, classes: Any, truth: Any, answers: Any) -> float:
    """A scorer's value on rows that were asked about, in their order."""
    y = truth if classes is None else classes[truth]
    return score_answers(scoring, Answers(answers, classes), np.arange(len(y)), y)


FastForm = Callable[[Any, Any], Statistic]


def _fast_form(problem: Problem, scoring: Any) -> FastForm | None:
    """A score of two classes as a function of how often rows are counted, where there is one."""
    if problem.classes is None or len(problem.classes) != 2:
        return None
    of_labels: tuple[str, ...] = ("balanced_accuracy", "matthews_corrcoef")
    if problem.classes.tolist() == [0, 1]:
        of_labels += ("f1", "precision", "recall")
    if scoring in ("roc_auc", "average_precision"):
        return partial(_statistic, scoring, False)
    return partial(_statistic, scoring, True) if scoring in of_labels else None


def _statistic(name: str, labels: bool, truth: Any, answers: Any) -> Statistic:
    rows = Rows(truth, None, None, len(truth), None, None)
    return METRICS[name](rows, np.argmax(answers, axis=1) if labels else answers[:, 1])


def _value(form: FastForm, truth: Any, answers: Any) -> float:
    return float(form(truth, answers).values(np.ones((1, len(truth))))[0])


def _pulls(form: FastForm, truth: Any, answers: Any) -> Floats:
    return form(truth, answers).influence()


def _judges_rows(problem: Problem, scoring: Any) -> bool:
    """Tell whether a callable of (y_true, y_pred) gives one loss for each row."""
    some = problem.y[:3]
    try:
        return np.shape(scoring(some, some)) == (len(some),)
    except Exception:
        return False


def _own_loss(problem: Problem, loss: Any) -> Criterion:
    if problem.classes is None:
        return Criterion(_name(loss), "error", members.values, losses=loss)
    return Criterion(
        _name(loss),
        "error",
        _question(problem, "labels", strict=True),
        losses=partial(_of_labels, loss, problem.classes),
    )


def _of_labels(loss: Any, classes: NDArray[Any], truth: Any, answers: Any) -> Floats:
    return np.asarray(loss(classes[truth], classes[answers]), dtype=np.float64)


# ---------------------------------------------------------------------------------------------
# What a rule would score that learned nothing


def no_information(criterion: Criterion, problem: Problem, answers: Any, seed: int = 0) -> float:
    """Return the no-information error rate: every target against every answer.

    ``gamma = n^-2 sum_i sum_j Q(y_i, r(x_j))`` (Efron and Tibshirani 1997, equation 27): the error
    if answers and targets had nothing to do with each other. In a classification
    ``sum_l p_l mean_j Q(l, r(x_j))``, in closed form for squared error, by one sort for absolute
    error; the double sum for other losses; for a score of many rows the mean over 200 permutations.
    """
    truth = problem.truth
    if criterion.losses is None:
        return _permuted(criterion, truth, answers, seed)
    if problem.classes is not None:
        shares = np.bincount(truth, minlength=len(problem.classes)) / len(truth)
        against = [
            float(np.mean(criterion.losses(np.full(len(truth), code), answers)))
            for code in np.flatnonzero(shares)
        ]
        return float(shares[shares > 0] @ against)
    if criterion.losses is squared_loss:
        return _mean_squared_distance(truth, answers)
    if criterion.losses is absolute_loss and truth.ndim == 1:
        return mean_distance(truth, answers)
    return float(
        np.mean([np.mean(criterion.losses(np.full_like(truth, one), answers)) for one in truth])
    )


def _mean_squared_distance(a: Floats, b: Floats) -> float:
    means = (a.mean(axis=0) - b.mean(axis=0)) ** 2
    return float(np.mean(a.var(axis=0) + b.var(axis=0) + means))


def mean_distance(a: Any, b: Any) -> float:
    """Return the mean of ``|a_i - b_j|`` over all pairs, in O(n log n).

    Examples
    --------
    >>> mean_distance([0.0, 1.0], [0.0, 3.0])
    1.5
    """
    a, b = np.asarray(a, dtype=np.float64), np.sort(np.asarray(b, dtype=np.float64))
    centre = float(b.mean())
    a, b = a - centre, b - centre
    below = np.searchsorted(b, a)
    sums = np.concatenate([[0.0], np.cumsum(b)])
    total = a * (2 * below - len(b)) + sums[-1] - 2 * sums[below]
    return float(np.mean(total) / len(b))


def _permuted(criterion: Criterion, truth: Any, answers: Any, seed: int) -> float:
    assert criterion.score is not None
    rng = generator(seed, 0, 4)
    is_area = criterion.name == "roc_auc"
    orders = [truth] if is_area else (rng.permutation(truth) for _ in range(200))
    try:
        scores = np.array([criterion.score(order, answers) for order in orders])
    except ValueError as error:
        raise ValueError(
            f"scoring must be defined on the data; {criterion.name!r} is not there: {error}"
        ) from error
    defined = scores[np.isfinite(scores)]
    if len(defined) == 0:
        raise ValueError(
            f"scoring must be defined on the data; {criterion.name!r} is {scores[0]} there."
        )
    if is_area:
        return 0.5  # of two classes: whatever the scores are
    return criterion.published(float(defined.mean()))
