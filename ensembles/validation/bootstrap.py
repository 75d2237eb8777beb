"""Bootstrap estimates of prediction error: leave-one-out, .632 and .632+."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensembles import members
from ensembles.members import Member
from ensembles.parameters import check_option, check_whole
from ensembles.resampling import (
    Bootstrap,
    Draw,
    Draws,
    GroupBootstrap,
    ListedDraws,
    seed_of,
)
from ensembles.validation.checking import check_group_codes
from ensembles.validation.criteria import (
    Criterion,
    Problem,
    check_problem,
    criterion_for,
    no_information,
)

__all__ = ["BootstrapScore", "LeaveOneOut", "bootstrap_score", "point_632", "point_632_plus"]

Floats = NDArray[np.float64]

INSIDE = 1 - np.exp(-1)
"""Share of the rows that a bootstrap sample holds: .632."""


@dataclass(frozen=True)
class BootstrapScore:
    """What `bootstrap_score` found.

    Attributes
    ----------
    estimate : float
        An error for a loss, a score for a scorer: ``kind`` says which.
    standard_error : float or None
        Of ``estimate``, in its unit; None for a score that is no mean over rows and has no known
        derivative.
    kind : {"error", "score"}
    scoring, method : str
    training_error : float
        Error on the rows that were learned from.
    oob_error : float
        Leave-one-out bootstrap error: of every row, by the resamples without it.
    no_information_rate : float
        Error if targets and predictions had nothing to do with each other.
    relative_overfitting : float
        0 where the out-of-bag error is the training error, 1 where it is the no-information rate.
    row_errors : array of shape (n_rows,) or None
        Mean out-of-bag loss of every row; NaN for a row that every resample held. None for a score
        of many rows.
    n_resamples : int
    n_unjudged : int
        Rows that every resample held; or, for a score of many rows, resamples whose held-out rows
        have no score. They are left out.

    Notes
    -----
    The errors are losses, whatever was asked for: one less the score for scorers whose best is 1,
    minus the score for those named ``neg_``.
    """

    estimate: float
    standard_error: float | None
    kind: str
    scoring: str
    method: str
    training_error: float
    oob_error: float
    no_information_rate: float
    relative_overfitting: float
    row_errors: Floats | None = field(repr=False)
    n_resamples: int
    n_unjudged: int

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f" +- {self.standard_error:.3g}"
        return f"{self.scoring} ({self.kind}, {self.method}): {self.estimate:.4g}{error}"


# ---------------------------------------------------------------------------------------------
# The estimates as functions of three numbers


def point_632(training_error: float, oob_error: float) -> float:
    """Return Efron's (1983) .632 estimate: .368 of the training error, .632 of the out-of-bag one.

    Examples
    --------
    >>> round(point_632(0.0, 0.5), 3)
    0.316
    """
    return float((1 - INSIDE) * training_error + INSIDE * oob_error)


def relative_overfitting(training_error: float, oob_error: float, no_information: float) -> float:
    """Return R in [0, 1] (Efron and Tibshirani 1997, equations 28 and 31)."""
    if not (oob_error > training_error and no_information > training_error):
        return 0.0
    clipped = min(oob_error, no_information)
    return float((clipped - training_error) / (no_information - training_error))


def point_632_plus(training_error: float, oob_error: float, no_information: float) -> float:
    """Return the .632+ estimate (Efron and Tibshirani 1997, equations 29 to 32).

    The more a rule overfits, the more the out-of-bag error counts: its weight is
    ``.632 / (1 - .368 R)``.

    Examples
    --------
    >>> point_632_plus(training_error=0.0, oob_error=0.5, no_information=0.5)
    0.5
    """
    overfitting = relative_overfitting(training_error, oob_error, no_information)
    clipped = min(oob_error, no_information)
    more = (1 - INSIDE) * INSIDE * overfitting / (1 - (1 - INSIDE) * overfitting)
    return point_632(training_error, oob_error) + max(clipped - training_error, 0.0) * float(more)


# ---------------------------------------------------------------------------------------------
# The leave-one-out bootstrap


class Resample(NamedTuple):
    """What one resample says: the loss of every row it holds out."""

    rows: NDArray[np.intp]
    losses: Floats
    counts: NDArray[Any]
    """How often it holds each unit, shape (n_units,)."""
    pulls: Floats | None = None
    """Derivatives of a score of many rows with respect to their weights."""


class LeaveOneOut:
    """The leave-one-out bootstrap error and its standard error, one resample at a time.

    Memory is a few numbers for each row, however many resamples there are.

    Parameters
    ----------
    units : integer array of shape (n_rows,)
        What is drawn: the row itself, or its group.
    n_units : int
    """

    def __init__(self, units: NDArray[np.intp], n_units: int) -> None:
        self.units, self.n_units = units, n_units
        self.sums, self.squares = np.zeros(len(units)), np.zeros(len(units))
        self.judged = np.zeros(len(units), dtype=np.intp)
        self.products, self.counts = np.zeros(n_units), np.zeros(n_units)
        self.totals: list[float] = []

    def add(self, resample: Resample) -> None:
        """Add one resample."""
        rows, losses, counts, _ = resample
        self.sums[rows] += losses
        self.squares[rows] += losses**2
        self.judged[rows] += 1
        self.totals.append(float(losses.sum()) / self.n_units)
        self.products += counts * self.totals[-1]
        self.counts += counts

    @property
    def row_errors(self) -> Floats:
        """Mean loss of every row over the resamples without it; NaN where there is none."""
        return np.asarray(self.sums / np.where(self.judged, self.judged, np.nan))

    def error(self) -> float:
        """Return the leave-one-out bootstrap error (Efron and Tibshirani 1997, equation 17)."""
        return float(np.nanmean(self.row_errors))

    def standard_error(self) -> float:
        """Return the infinitesimal jackknife's standard error (section 4, equations 35 to 39).

        With E_i the error of row i, q_b = (1 / n) sum_i I_i^b Q_i^b the loss that resample b finds
        on the rows it holds out and e_n = (1 - 1 / n)^-n ::

            D_i = (2 + 1 / (n - 1)) (E_i - Err) / n + e_n mean_b (N_i^b - mean N_i) q_b
            SE  = sqrt(sum_i D_i^2 - noise)

        which for groups of rows is the same with their sums in the place of E_i. The noise is what
        sum D_i^2 would be on average over B resamples if no row had any influence.
        """
        pulls = self._pulls()
        noise = self._noise()
        least = float(np.sum((self._spread() / self.n_units) ** 2))
        return float(np.sqrt(max(float(np.sum(pulls**2)) - noise, least)))

    def _by_unit(self, of_rows: Any) -> Floats:
        return np.asarray(
            np.bincount(self.units, weights=of_rows, minlength=self.n_units), dtype=np.float64
        )

    def _spread(self) -> Floats:
        """How far each unit's own errors are from what they would be on average."""
        known = self.judged > 0
        losses = self._by_unit(np.where(known, self.row_errors, 0.0))
        sizes = self._by_unit(known.astype(np.float64))
        return (losses - self.error() * sizes) * (self.n_units / known.sum())

    def _scale(self) -> float:
        """Group's rows for one unit, and one over the chance to be held out."""
        n = self.n_units
        return n / float(np.sum(self.judged > 0)) * (1 - 1 / n) ** -n

    def _pulls(self) -> Floats:
        n, n_resamples = self.n_units, len(self.totals)
        known = self.judged > 0
        losses = self._by_unit(np.where(known, self.row_errors, 0.0))
        sizes = self._by_unit(known.astype(np.float64))
        mean_size = known.sum() / n
        direct = (2 + 1 / (n - 1)) * losses - self.error() * (sizes + mean_size * n / (n - 1))
        drawn = self.products - self.counts * float(np.mean(self.totals))
        return np.asarray(direct / known.sum() + self._scale() * drawn / n_resamples)

    def _noise(self) -> float:
        n, n_resamples = self.n_units, len(self.totals)
        drawn = n * (self._scale() ** 2) * float(np.var(self.totals)) / n_resamples
        known = self.judged > 0
        varied = self.squares[known] / self.judged[known] - self.row_errors[known] ** 2
        own = 4 * float(np.sum(np.maximum(varied, 0) / self.judged[known])) / known.sum() ** 2
        return drawn + own


class Averaged:
    """A score of many rows, averaged over resamples, and its standard error.

    The infinitesimal jackknife of that mean: with s_b the score of the rows that resample b holds
    out, ``D_i = mean_b (N_i^b - 1) (s_b - mean s) + mean_b ds_b / dw_i``, where w_i is the weight
    of row i among the rows held out, and the derivative 0 where it is not one of them.
    """

    def __init__(self, units: NDArray[np.intp], n_units: int) -> None:
        self.units, self.n_units = units, n_units
        self.scores: list[float] = []
        self.products, self.counts = np.zeros(n_units), np.zeros(n_units)
        self.direct = np.zeros(n_units)

    def add(self, resample: Resample) -> None:
        """Add one resample; one whose held-out rows have no score is passed over."""
        if len(resample.losses) == 0 or not np.isfinite(resample.losses[0]):
            return
        self.scores.append(float(resample.losses[0]))
        self.products += resample.counts * self.scores[-1]
        self.counts += resample.counts
        if resample.pulls is not None:
            np.add.at(self.direct, self.units[resample.rows], resample.pulls)

    def standard_error(self) -> float:
        """Return it, less what the finite number of resamples adds to its square on average."""
        n_resamples = len(self.scores)
        drawn = (self.products - self.counts * np.mean(self.scores)) / n_resamples
        direct = self.direct / n_resamples
        noise = self.n_units * float(np.var(self.scores)) / n_resamples
        squared = float(np.sum((drawn + direct) ** 2)) - noise
        return float(np.sqrt(max(squared, float(np.sum(direct**2)))))


# ---------------------------------------------------------------------------------------------
# The whole of it

METHODS = ("oob", ".632", ".632+")


def bootstrap_score(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    method: str = ".632+",
    scoring: Any = None,
    n_resamples: int = 200,
    groups: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> BootstrapScore:
    """Estimate the prediction error of a learner by the bootstrap (Efron and Tibshirani 1997).

    Parameters
    ----------
    estimator : estimator
        Any classifier or regressor; cloned, never changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)
    method : {"oob", ".632", ".632+"}, default=".632+"
        "oob" is the leave-one-out bootstrap: every row is judged by the learners whose resample
        misses it, and rows are averaged, not resamples. It is too pessimistic, as a resample holds
        only .632 of the rows. ".632" mixes in .368 of the training error, and is too optimistic for
        a rule that overfits. ".632+" weighs the two by how much the rule overfits.
    scoring : str, callable or None, default=None
        A loss ("zero_one", "log", "brier"; "squared", "absolute"), None being the first for the
        task; an error as `bootstrap_ci` names it ("error", "log_loss", "mse", "mae", "rmse"); the
        name of a scikit-learn scorer; a scorer; or a callable of (y_true, y_pred), which
        returns one loss for each row, or one score: an error where its name ends in _loss, _error
        or _deviance. Scores that are no mean over rows ("roc_auc")
        are averaged over resamples, whose held-out rows are scored together.
    n_resamples : int, default=200
    groups : array-like of shape (n_rows,), optional
        Whole groups are drawn and held out.
    n_jobs : int or None, default=None
        The result is the same, to the bit, for every number.
    random_state : int, RandomState, Generator or None, default=None
        Resample i, and every ``random_state`` of its learner, come from ``(random_state, i)``.
    verbose : int, default=0

    Returns
    -------
    BootstrapScore

    Notes
    -----
    The standard error of .632 and .632+ is that of the out-of-bag error in proportion to the
    estimates, since the training error is too rough for a derivative. It tells how much the
    *estimate* would vary with other data.

    There is no ``sample_weight``: the paper's bootstrap draws rows alike and its errors are plain
    means. A weighted score of given predictions has an interval in `bootstrap_ci`.

    References
    ----------
    B. Efron and R. Tibshirani (1997). Improvements on cross-validation: the .632+ bootstrap method.
    Journal of the American Statistical Association 92.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from ensembles.validation import bootstrap_score
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(80, 3)), np.arange(80) % 2  # labels of pure noise
    >>> nearest = KNeighborsClassifier(n_neighbors=1)
    >>> found = bootstrap_score(nearest, X, y, n_resamples=50, random_state=0)
    >>> found.training_error, found.no_information_rate
    (0.0, 0.5)
    >>> too_optimistic = bootstrap_score(
    ...     nearest, X, y, method=".632", n_resamples=50, random_state=0
    ... )
    >>> bool(too_optimistic.estimate < found.estimate)
    True
    """
    check_option("method", method, METHODS)
    check_whole("n_resamples", n_resamples)
    problem = check_problem(estimator, X, y)
    criterion = criterion_for(problem, scoring)
    n_rows, seed = problem.n_rows, seed_of(random_state)
    if n_rows < 3:
        raise ValueError(f"X must have at least 3 rows to draw from; got {n_rows}.")
    units, n_units = np.arange(n_rows), n_rows
    if groups is not None:
        units, n_units = check_group_codes(groups, n_rows)
    draws = _draws(problem, groups, seed)
    given = _asked_about_all(problem, criterion, seed)
    gamma = no_information(criterion, problem, given, seed)
    results = members.fit_and_ask(
        problem.recipe(seed, draws),
        problem.X,
        problem.y,
        draws,
        range(n_resamples),
        partial(_judge, criterion, problem.X, problem.truth, draws),
        n_jobs=n_jobs,
        verbose=verbose,
    )
    if criterion.losses is None:
        found = _by_resample(criterion, problem, given, results, units, n_units, n_resamples)
    else:
        found = _by_row(criterion, problem, given, results, units, n_units)
    return _published(found, method, criterion, gamma, n_resamples)


def _draws(problem: Problem, groups: Any, seed: int) -> Draws:
    if groups is None:
        return Bootstrap().plan(problem.n_rows, seed=seed)
    return GroupBootstrap().plan(problem.n_rows, groups=groups, seed=seed)


def _asked_about_all(problem: Problem, criterion: Criterion, seed: int) -> Any:
    """What a learner fitted on all rows says of them."""
    everything = np.arange(problem.n_rows)
    draws = ListedDraws(problem.n_rows, (Draw(everything, everything),))
    recipe = problem.recipe(seed, draws)
    (member,) = members.fit_members(recipe, problem.X, problem.y, draws, [0])
    return criterion.answers(member, problem.X)


def _judge(
    criterion: Criterion, X: Any, truth: Any, draws: Draws, member: Member, i: int
) -> Resample:
    """One resample's losses of the rows it holds out, or their one score."""
    rows = draws.test(i)
    counts = draws.counts(i)
    if len(rows) == 0:
        return Resample(rows, np.empty(0), counts)
    answers = criterion.answers(member, X, rows)
    if criterion.losses is not None:
        return Resample(rows, np.asarray(criterion.losses(truth[rows], answers)), counts)
    if not np.isfinite(answers).all():
        raise ValueError(
            f"predictions must be finite; the learner of resample {i} gave NaN or inf."
        )
    score = _defined_score(criterion, truth[rows], answers)
    pulls = None
    if criterion.influence is not None and np.isfinite(score):
        pulls = criterion.influence(truth[rows], answers)
    return Resample(rows, np.array([score]), counts, pulls)


def _defined_score(criterion: Criterion, truth: Any, answers: Any) -> float:
    """A score of many rows; NaN where they have none, as when they are of one class."""
    assert criterion.score is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return criterion.score(truth, answers)
    except ValueError:
        return np.nan


class _Found(NamedTuple):
    training_error: float
    oob_error: float
    standard_error: float | None
    row_errors: Floats | None
    n_unjudged: int


def _by_row(
    criterion: Criterion, problem: Problem, given: Any, results: Any, units: Any, n_units: int
) -> _Found:
    assert criterion.losses is not None
    leave_one_out = LeaveOneOut(units, n_units)
    for resample in results:
        leave_one_out.add(resample)
    if not leave_one_out.judged.any():
        raise ValueError("n_resamples must be larger: every resample held every row.")
    training = np.asarray(criterion.losses(problem.truth, given))
    if not np.isfinite(training).all() or not np.isfinite(leave_one_out.sums).all():
        raise ValueError(f"scoring must give finite losses; {criterion.name!r} gave NaN or inf.")
    return _Found(
        float(training.mean()),
        leave_one_out.error(),
        leave_one_out.standard_error(),
        leave_one_out.row_errors,
        int(np.sum(leave_one_out.judged == 0)),
    )


def _by_resample(
    criterion: Criterion,
    problem: Problem,
    given: Any,
    results: Any,
    units: Any,
    n_units: int,
    n_resamples: int,
) -> _Found:
    averaged = Averaged(units, n_units)
    for resample in results:
        averaged.add(resample)
    defined = averaged.scores
    if 2 * len(defined) < n_resamples:
        raise ValueError(
            f"scoring must be defined on the rows held out; {criterion.name!r} is on "
            f"{len(defined)} of {n_resamples} resamples: there are too few rows of some class."
        )
    training = _defined_score(criterion, problem.truth, given)
    return _Found(
        criterion.published(training),
        criterion.published(float(np.mean(defined))),
        averaged.standard_error() if criterion.influence is not None else None,
        None,
        n_resamples - len(defined),
    )


def _published(
    found: _Found, method: str, criterion: Criterion, gamma: float, n_resamples: int
) -> BootstrapScore:
    if found.n_unjudged:
        what = (
            "rows were held by every resample"
            if found.row_errors is not None
            else ("resamples hold out rows that have no score")
        )
        warnings.warn(f"{found.n_unjudged} {what}; they are left out.", UserWarning, stacklevel=3)
    training, oob = found.training_error, found.oob_error
    error = {
        "oob": lambda: oob,
        ".632": lambda: point_632(training, oob),
        ".632+": lambda: point_632_plus(training, oob, gamma),
    }[method]()
    standard_error = found.standard_error
    if standard_error is not None:
        share = error / oob if oob > 0 else 1.0
        standard_error = abs(criterion.slope(error)) * share * standard_error
    return BootstrapScore(
        estimate=criterion.published(error),
        standard_error=standard_error,
        kind=criterion.kind,
        scoring=criterion.name,
        method=method,
        training_error=training,
        oob_error=oob,
        no_information_rate=gamma,
        relative_overfitting=relative_overfitting(training, oob, gamma),
        row_errors=found.row_errors,
        n_resamples=n_resamples,
        n_unjudged=found.n_unjudged,
    )
