"""Nested cross-validation: a confidence interval for prediction error that covers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations, islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from ensembles import members
from ensembles.members import Member
from ensembles.parameters import check_whole
from ensembles.resampling import Draw, Draws, generator, seed_of
from ensembles.validation.checking import check_group_codes, check_level
from ensembles.validation.criteria import Criterion, check_problem, criterion_for

__all__ = ["NestedEstimate", "nested_cross_validation", "nested_estimate"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NestedEstimate:
    """What `nested_cross_validation` found; errors and ends are in the unit of ``scoring``.

    Attributes
    ----------
    estimate : float
        Prediction error (or score) of the learner fitted on all rows, corrected for the folds'
        smaller training sets. ``kind`` says which.
    low, high : float
        Ends of its confidence interval, never outside the range of the loss.
    standard_error : float
        Half the interval's width is this times the normal quantile.
    naive_standard_error : float
        What the rows' losses would say were they independent, as is usually assumed.
    inflation : float
        The one over the other, in [1, sqrt(n_folds)].
    plain_estimate : float
        The usual cross-validation's, averaged over the repeats.
    naive_low, naive_high : float
        The usual cross-validation's interval.
    kind : {"error", "score"}
    confidence_level : float
    n_fits : int
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    naive_standard_error: float
    inflation: float
    plain_estimate: float
    naive_low: float
    naive_high: float
    kind: str
    confidence_level: float
    n_fits: int = field(default=0)

    def __str__(self) -> str:
        level = f"{100 * self.confidence_level:g} %"
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}] ({level}, nested)"


@dataclass(frozen=True)
class _Pairs(Draws):
    """Random folds, again for every repeat; each draw holds out two of them, or one.

    A learner that has seen neither fold j nor fold k judges fold j for the inner cross-validation
    of k and fold k for that of j, so a repeat takes K (K - 1) / 2 such fits and K plain ones.
    """

    units: NDArray[np.intp]
    seed: int
    n_folds: int
    repeats: bool = False

    @property
    def n_rows(self) -> int:  # type: ignore[override]
        """Rows of the table."""
        return len(self.units)

    @property
    def held_out(self) -> list[tuple[int, ...]]:
        """The folds that each draw of a repeat holds out."""
        single = [(k,) for k in range(self.n_folds)]
        return [*combinations(range(self.n_folds), 2), *single]

    def folds(self, repeat: int) -> NDArray[np.intp]:
        """The fold of every row: of its unit, the row itself or its group."""
        n_units = int(self.units.max()) + 1
        folds = generator(self.seed, repeat).permutation(np.arange(n_units) % self.n_folds)
        return np.asarray(folds[self.units])

    def _split(self, i: int) -> Draw:
        repeat, place = divmod(i, len(self.held_out))
        out = np.isin(self.folds(repeat), self.held_out[place])
        return Draw(np.flatnonzero(~out), np.flatnonzero(out))

    def train(self, i: int) -> NDArray[np.intp]:
        """Rows of the other folds."""
        return self._split(i).train

    def test(self, i: int) -> NDArray[np.intp]:
        """Rows of the folds held out."""
        return self._split(i).test


def nested_estimate(
    inner: Floats,
    outer: Floats,
    folds: NDArray[np.intp],
    units: NDArray[np.intp] | None = None,
) -> tuple[float, float, float, float]:
    """Return the nested and the plain error, the mean squared error and the naive one.

    ``MSE = mean_k (mean_j e_in - mean e_out)^2 - mean_k var(e_out) / n_k``: how far an inner
    cross-validation is from the error it estimates, less what the outer fold's own noise adds
    (Bates, Hastie and Tibshirani 2023, algorithm 1).

    Parameters
    ----------
    inner : array of shape (n_repeats, n_folds, n_rows)
        Loss of every row in the inner cross-validation that leaves out fold k; NaN for the rows of
        fold k itself.
    outer : array of shape (n_repeats, n_rows)
        Loss of every row by the learner that has seen all folds but its own.
    folds : integer array of shape (n_repeats, n_rows)
    units : integer array of shape (n_rows,), optional
        The group of every row, whole in one fold; rows are independent when None. The variance of
        a mean loss is then that of a ratio, of the groups' sums of losses over their rows.

    References
    ----------
    S. Bates, T. Hastie and R. Tibshirani (2023). Cross-validation: what does it estimate and how
    well does it do it? Journal of the American Statistical Association.
    """
    n_repeats, n_folds, n_rows = inner.shape
    units = np.arange(n_rows) if units is None else units
    gaps, noise = [], []
    for repeat in range(n_repeats):
        for fold in range(n_folds):
            own = folds[repeat] == fold
            gaps.append((np.nanmean(inner[repeat, fold]) - outer[repeat, own].mean()) ** 2)
            noise.append(_variance_of_mean(outer[repeat, own], units[own]))
    mean_squared = float(np.mean(gaps) - np.mean(noise))
    naive = float(np.mean([_variance_of_mean(losses, units) for losses in outer]))
    return float(np.nanmean(inner)), float(outer.mean()), mean_squared, naive


def _variance_of_mean(losses: Floats, units: NDArray[np.intp]) -> float:
    """How much a mean of losses varies where units, and not their rows, are independent.

    Of one row a unit this is s^2 / n; else ``g / (g - 1) sum_u (S_u - m_u mean)^2 / n^2`` of g
    units whose m_u losses sum to S_u, as of any ratio (Cochran 1977, equation 6.4).
    """
    excess = np.bincount(units, losses - losses.mean())
    n_units = np.count_nonzero(np.bincount(units))
    return float(n_units / (n_units - 1) * np.sum(excess**2)) / len(losses) ** 2


def nested_cross_validation(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    scoring: Any = None,
    n_folds: int = 10,
    n_repeats: int = 50,
    groups: ArrayLike | None = None,
    confidence_level: float = 0.95,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> NestedEstimate:
    """Estimate prediction error by nested cross-validation, with an interval that covers.

    Losses of different folds depend on each other, as their learners share rows; the usual interval
    ignores that and is too narrow, often by a third. Here an inner cross-validation, on all folds
    but one, is held against the fold it has never seen: that shows how wrong it is, and the
    interval is as wide as that (Bates, Hastie and Tibshirani 2023).

    Parameters
    ----------
    estimator : estimator
        Any classifier or regressor; cloned, never changed.
    X : {array-like, sparse matrix, DataFrame} of shape (n_rows, n_columns)
    y : array-like of shape (n_rows,)
    scoring : str, callable or None, default=None
        A mean over rows: a loss ("zero_one", "log", "brier"; "squared", "absolute"), None being the
        first for the task; an error as `bootstrap_ci` names it ("error", "log_loss", "mse", "mae",
        "rmse"); a scorer that is a function of one ("accuracy", "neg_log_loss", "r2",
        ...); or a callable of (y_true, y_pred) that returns one loss for each row.
    n_folds : int, default=10
        At least 3, with at least 2 rows each.
    n_repeats : int, default=50
        Random splits into folds. The width of the interval is itself an estimate, and a noisy one
        with few repeats; the authors use 200.
    groups : array-like of shape (n_rows,), optional
        Rows of a group depend on each other: whole groups are held out, at least 2 in a fold, and
        it is groups whose losses tell how noisy a fold is.
    confidence_level : float in (0, 1), default=0.95
    n_jobs : int or None, default=None
        The result is the same, to the bit, for every number.
    random_state : int, RandomState, Generator or None, default=None
    verbose : int, default=0

    Returns
    -------
    NestedEstimate

    Notes
    -----
    Takes ``n_repeats n_folds (n_folds + 1) / 2`` fits. The standard error is held between the naive
    one and sqrt(n_folds) times that, as the authors do.

    References
    ----------
    S. Bates, T. Hastie and R. Tibshirani (2023). Cross-validation: what does it estimate and how
    well does it do it? Journal of the American Statistical Association.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = make_classification(60, 5, random_state=0)
    >>> found = nested_cross_validation(
    ...     LogisticRegression(), X, y, n_folds=5, n_repeats=4, random_state=0
    ... )
    >>> found.n_fits, bool(found.low < found.estimate < found.high)
    (60, True)
    """
    level = check_level(confidence_level)
    check_whole("n_repeats", n_repeats)
    problem = check_problem(estimator, X, y)
    units = _units(groups, problem.n_rows, n_folds)
    criterion = criterion_for(problem, scoring, by_row=True)
    seed = seed_of(random_state)
    draws = _Pairs(units, seed, n_folds)
    n_fits = n_repeats * len(draws.held_out)
    results = members.fit_and_ask(
        problem.recipe(seed, draws),
        problem.X,
        problem.y,
        draws,
        range(n_fits),
        partial(_losses, criterion, problem.X, problem.truth, draws),
        n_jobs=n_jobs,
        verbose=verbose,
    )
    found = [nested_estimate(*losses, units) for losses in _by_repeat(results, draws, criterion)]
    interval = _interval(np.mean(found, axis=0), criterion, n_folds, level, n_fits)
    if interval.standard_error == 0:
        warnings.warn(
            f"{criterion.name!r} is {interval.estimate:g} in every row: the interval is a point, "
            "and says nothing of how sure that is.",
            UserWarning,
            stacklevel=2,
        )
    return interval


def _units(groups: Any, n_rows: int, n_folds: Any) -> NDArray[np.intp]:
    """What is held out together: the number of every row, or of its group."""
    what, name, units, n_units = "X", "rows", np.arange(n_rows), n_rows
    if groups is not None:
        units, n_units = check_group_codes(groups, n_rows)
        what, name = "groups", "groups"
    if n_units < 6:
        raise ValueError(f"{what} must have at least 6 {name}, for 3 folds of 2; got {n_units}.")
    check_whole("n_folds", n_folds, least=3, most=n_units // 2)
    return units


def _losses(
    criterion: Criterion, X: Any, truth: Any, draws: Draws, member: Member, i: int
) -> Floats:
    assert criterion.losses is not None
    rows = draws.test(i)
    return np.asarray(criterion.losses(truth[rows], criterion.answers(member, X, rows)))


def _by_repeat(
    results: Iterator[Floats], draws: _Pairs, criterion: Criterion
) -> Iterator[tuple[Floats, Floats, NDArray[np.intp]]]:
    """Yield each repeat's losses, sorted by who judged them; memory holds one repeat."""
    per_repeat = len(draws.held_out)
    for repeat, losses in enumerate(iter(lambda: list(islice(results, per_repeat)), [])):
        folds = draws.folds(repeat)
        inner = np.full((draws.n_folds, draws.n_rows), np.nan)
        outer = np.empty(draws.n_rows)
        for out, judged in zip(draws.held_out, losses, strict=True):
            if not np.isfinite(judged).all():
                raise ValueError(
                    f"scoring must give finite losses; {criterion.name!r} gave NaN or inf."
                )
            rows = np.flatnonzero(np.isin(folds, out))
            if len(out) == 1:
                outer[rows] = judged
                continue
            for left_out, own in (out, out[::-1]):
                mine = folds[rows] == own
                inner[left_out, rows[mine]] = judged[mine]
        yield inner[None], outer[None], folds[None]


def _interval(
    found: Floats,
    criterion: Criterion,
    n_folds: int,
    level: float,
    n_fits: int,
) -> NestedEstimate:
    nested, plain, mean_squared, naive = map(float, found)
    scaled = (n_folds - 1) / n_folds * max(mean_squared, 0.0)
    variance = min(max(scaled, naive), n_folds * naive)
    bias = (1 + (n_folds - 2) / n_folds) * (nested - plain)
    estimate, error = nested - bias, float(np.sqrt(variance))
    half = float(norm.ppf((1 + level) / 2))
    usual = float(np.sqrt(naive))
    ends = _published(criterion, estimate - half * error, estimate + half * error)
    naive_ends = _published(criterion, plain - half * usual, plain + half * usual)
    slope = abs(criterion.slope(max(estimate, 0.0)))
    return NestedEstimate(
        estimate=criterion.published(min(max(estimate, 0.0), criterion.most)),
        low=ends[0],
        high=ends[1],
        standard_error=slope * error,
        naive_standard_error=slope * usual,
        inflation=error / usual if usual > 0 else 1.0,
        plain_estimate=criterion.published(plain),
        naive_low=naive_ends[0],
        naive_high=naive_ends[1],
        kind=criterion.kind,
        confidence_level=level,
        n_fits=n_fits,
    )


def _published(criterion: Criterion, low: float, high: float) -> tuple[float, float]:
    """Ends in the unit that was asked for, inside the range of the loss."""
    ends = sorted(criterion.published(min(max(end, 0.0), criterion.most)) for end in (low, high))
    return ends[0], ends[1]
