"""Bias, variance and diversity: what error is made of, one paper one function."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import check_cv

from ensembles import members
from ensembles.combining import floored_log, log_pool
from ensembles.members import Member
from ensembles.parameters import check_option, check_whole, has_missing
from ensembles.resampling import Bootstrap, Draws, Resampler, listed_draws, seed_of
from ensembles.scoring import LOSS_OF
from ensembles.validation.checking import as_table, check_group_codes, check_numbers
from ensembles.validation.criteria import Problem, check_problem

__all__ = [
    "BiasVariance",
    "Terms",
    "bias_variance",
    "breiman_terms",
    "domingos_terms",
    "kohavi_wolpert_terms",
    "log_terms",
    "squared_terms",
]

Floats = NDArray[np.float64]


class Terms(NamedTuple):
    """Terms of every row; ``error = noise + bias + variance``.

    ``noise`` is what the best rule would still get wrong: zero where it is not known, and then part
    of the bias.
    """

    error: Floats
    bias: Floats
    variance: Floats
    noise: Floats


# ---------------------------------------------------------------------------------------------
# The decompositions, from what many learners say of each row


def squared_terms(
    mean: ArrayLike, variance: ArrayLike, y: ArrayLike, truth: ArrayLike | None = None
) -> Terms:
    """Squared error: ``(y - mean f)^2 + mean (f - mean f)^2`` (Geman et al. 1992).

    Parameters
    ----------
    mean, variance : array-like of shape (n_rows,)
        Of the learners' predictions, the variance with divisor n_learners.
    y : array-like of shape (n_rows,)
    truth : array-like of shape (n_rows,), optional
        The targets' expectation, where it is known: the bias is then that of the truth, the noise
        ``(y - truth)^2``, and the error is that of a fresh target.
    """
    mean, variance, y = (np.asarray(part, dtype=np.float64) for part in (mean, variance, y))
    target = y if truth is None else np.asarray(truth, dtype=np.float64)
    bias, noise = (target - mean) ** 2, (y - target) ** 2
    return Terms(noise + bias + variance, bias, variance, noise)


def domingos_terms(shares: ArrayLike, truth: ArrayLike) -> Terms:
    """Zero-one loss after Domingos (2000): bias is the error of the majority vote.

    On a row where the majority is right (unbiased) variance adds to the error, where it is wrong
    (biased) it takes away: ``variance`` here is the net one, positive or negative,
    ``P(y != y_m)`` on unbiased rows and ``-P(y = y*)`` on biased ones. His c1 N, what noise adds
    to the error of the optimal prediction y*, stands as ``noise``; it may be negative. (mlxtend's
    variance is ``P(y != y_m)`` on all rows, without the sign: its terms need not add up.)

    Parameters
    ----------
    shares : array of shape (n_rows, n_classes)
        The share of the learners that says each class. A tie goes to the class that sorts first.
    truth : array of shape (n_rows, n_classes)
        Probabilities of the classes; ones and zeros for labels as observed.

    References
    ----------
    P. Domingos (2000). A unified bias-variance decomposition and its applications. ICML.
    """
    shares, truth = np.asarray(shares, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    rows = np.arange(len(shares))
    optimal, main = truth.argmax(axis=1), shares.argmax(axis=1)
    biased = optimal != main
    right = shares[rows, optimal]
    variance = np.where(biased, -right, 1 - shares[rows, main])
    error = 1 - np.sum(truth * shares, axis=1)
    return Terms(error, biased.astype(np.float64), variance, error - (1 - right))


def kohavi_wolpert_terms(shares: ArrayLike, truth: ArrayLike) -> Terms:
    """Zero-one loss after Kohavi and Wolpert (1996): none of the terms is ever negative.

    ``bias = 1/2 sum_l (p_l - h_l)^2``, ``variance = 1/2 (1 - sum_l h_l^2)`` and
    ``noise = 1/2 (1 - sum_l p_l^2)``, with p the classes' probabilities and h their shares of the
    learners' votes. Biased by the finite number of learners, as any such plug-in is; exact in sum.

    Parameters
    ----------
    shares, truth
        As in `domingos_terms`.

    References
    ----------
    R. Kohavi and D. Wolpert (1996). Bias plus variance decomposition for zero-one loss functions.
    ICML, equations 4 to 6.
    """
    shares, truth = np.asarray(shares, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    bias = 0.5 * np.sum((truth - shares) ** 2, axis=1)
    variance = 0.5 * (1 - np.sum(shares**2, axis=1))
    noise = 0.5 * (1 - np.sum(truth**2, axis=1))
    return Terms(1 - np.sum(truth * shares, axis=1), bias, variance, noise)


def breiman_terms(shares: ArrayLike, truth: ArrayLike) -> Terms:
    """Zero-one loss after Breiman (1998): how much worse than the best rule, and where.

    With C* the best rule and C_A the majority vote over training sets, a row is unbiased where
    these agree. ``P(C* right) - P(C right)`` is bias on the other rows and variance on these, so
    only one of them is not zero.

    Parameters
    ----------
    shares, truth
        As in `domingos_terms`.

    References
    ----------
    L. Breiman (1998). Arcing classifiers. Annals of Statistics 26, section 2.
    """
    shares, truth = np.asarray(shares, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    biased = truth.argmax(axis=1) != shares.argmax(axis=1)
    noise = 1 - truth.max(axis=1)
    error = 1 - np.sum(truth * shares, axis=1)
    excess = error - noise
    return Terms(error, np.where(biased, excess, 0.0), np.where(biased, 0.0, excess), noise)


def log_terms(mean_logs: ArrayLike, truth: ArrayLike) -> Terms:
    """Log loss after Heskes (1998): the main prediction is the normalised geometric mean.

    ``bias = -sum_l p_l log m_l`` less the noise, ``variance = mean KL(m || q)`` over learners q,
    and the noise is the entropy of p. Probabilities below 2.2e-16 count as that.

    Parameters
    ----------
    mean_logs : array of shape (n_rows, n_classes)
        Mean log-probabilities of the learners.
    truth : array of shape (n_rows, n_classes)
        As in `domingos_terms`.

    References
    ----------
    T. Heskes (1998). Bias/variance decompositions for likelihood-based estimators. Neural
    Computation 10.
    """
    logs, truth = np.asarray(mean_logs, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    greatest = logs.max(axis=1, keepdims=True)
    normaliser = (greatest + np.log(np.sum(np.exp(logs - greatest), axis=1, keepdims=True)))[:, 0]
    cross = -np.sum(truth * logs, axis=1)
    noise = -np.sum(truth * np.log(np.where(truth > 0, truth, 1.0)), axis=1)
    return Terms(cross, cross + normaliser - noise, -normaliser, noise)


# ---------------------------------------------------------------------------------------------
# Fitting the learners


@dataclass(frozen=True)
class BiasVariance:
    """What `bias_variance` found.

    Attributes
    ----------
    error, bias, variance, noise : float
        Means over the rows; ``error = noise + bias + variance``. ``noise`` is 0 where no ``truth``
        was given: it is then part of the bias.
    rows : Terms
        The same for every test row, arrays of shape (n_test_rows,).
    main_prediction : array of shape (n_test_rows,) or (n_test_rows, n_classes)
        Mean value, majority label, or pooled probabilities.
    unbiased_variance, biased_variance : float
        Of Domingos' decomposition, whose variance is the first less the second; else the variance
        and 0.
    loss, decomposition : str
    n_rounds : int
    """

    error: float
    bias: float
    variance: float
    noise: float
    rows: Terms = field(repr=False)
    main_prediction: NDArray[Any] = field(repr=False)
    unbiased_variance: float
    biased_variance: float
    loss: str
    decomposition: str
    n_rounds: int

    def by_group(self, groups: ArrayLike) -> dict[Any, Terms]:
        """Average the rows' terms over groups of rows.

        Parameters
        ----------
        groups : array-like of shape (n_test_rows,)
            At least two groups.

        Returns
        -------
        dict of group to Terms of floats
        """
        codes, n_groups = check_group_codes(groups, len(self.rows.error))
        sizes = np.bincount(codes, minlength=n_groups)
        means = [np.bincount(codes, weights=part) / sizes for part in self.rows]
        names = np.unique(np.asarray(groups)).tolist()
        columns = (part.tolist() for part in means)
        return {name: Terms(*parts) for name, *parts in zip(names, *columns, strict=True)}

    def __str__(self) -> str:
        noise = f", noise {self.noise:.4g}" if self.noise else ""
        return (
            f"{self.loss} ({self.decomposition}): error {self.error:.4g} = bias {self.bias:.4g} + "
            f"variance {self.variance:.4g}{noise.replace(', ', ' + ')}"
        )


DECOMPOSITIONS = {
    "squared": ("geman",),
    "zero_one": ("domingos", "kohavi_wolpert", "breiman"),
    "log": ("heskes",),
}


def bias_variance(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    X_test: Any,
    y_test: ArrayLike,
    *,
    loss: str | None = None,
    decomposition: str | None = None,
    n_rounds: int = 200,
    resampling: Any = None,
    groups: ArrayLike | None = None,
    truth: ArrayLike | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> BiasVariance:
    """Split the error of a learner into bias and variance over training sets.

    The learner is fitted on many training sets and asked about the same test rows. Memory is that
    of two tables of test rows by classes, however many rounds there are.

    Parameters
    ----------
    estimator : estimator
        Any classifier or regressor, ensembles too; cloned, never changed.
    X, y
        Rows that training sets are drawn from.
    X_test, y_test
        Rows to judge on.
    loss : {"squared", "zero_one", "log"}, optional
        Or the name of the error that is its mean: "mse", "error", "log_loss". The task's own when
        None: "squared" in a regression, "zero_one" in a classification.
    decomposition : {"domingos", "kohavi_wolpert", "breiman"}, optional
        Of zero-one loss; "domingos" when None. See `domingos_terms`, `kohavi_wolpert_terms` and
        `breiman_terms`. There is one of squared error and one of log loss (Heskes 1998).
    n_rounds : int, default=200
        Training sets. A splitter with a number of splits of its own decides itself.
    resampling : splitter, int, iterable of pairs or None, default=None
        How training sets are drawn; a bootstrap of all rows when None. For training sets that are
        independent, hand over many rows and pairs of distinct chunks of them, or
        ``Subsample(max_samples=...)``: bootstraps of one sample understate the variance.
    groups : array-like of shape (n_rows,), optional
        For ``resampling``.
    truth : array-like of shape (n_test_rows,) or (n_test_rows, n_classes), optional
        Where it is known (a simulation): the expectation of the test targets, or the probabilities
        of the classes, in the order of the sorted labels. ``noise`` is then told from ``bias``, and
        the error is that over fresh targets.
    n_jobs : int or None, default=None
        The result is the same, to the bit, for every number.
    random_state : int, RandomState, Generator or None, default=None
    verbose : int, default=0

    Returns
    -------
    BiasVariance

    References
    ----------
    P. Domingos (2000). A unified bias-variance decomposition and its applications. ICML.

    R. Kohavi and D. Wolpert (1996). Bias plus variance decomposition for zero-one loss functions.
    ICML.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> X, y = make_regression(200, 4, noise=5.0, random_state=0)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> found = bias_variance(
    ...     DecisionTreeRegressor(), X, y, X_test, y_test, n_rounds=30, random_state=0
    ... )
    >>> bool(abs(found.error - found.bias - found.variance) < 1e-9 * found.error)
    True
    """
    check_whole("n_rounds", n_rounds, least=2)
    problem = check_problem(estimator, X, y)
    chosen, how = _chosen(problem, loss, decomposition)
    table = as_table(X_test)
    target = _test_targets(problem, y_test, table.shape[0])
    known = None if truth is None else _checked_truth(problem, truth, len(target))
    seed = seed_of(random_state)
    draws = _draws(problem, resampling, groups, seed)
    answers = members.fit_and_ask(
        problem.recipe(seed, draws),
        problem.X,
        problem.y,
        draws,
        range(draws.n_draws or n_rounds),
        partial(_answer, chosen, problem.classes, table),
        n_jobs=n_jobs,
        verbose=verbose,
    )
    if chosen == "squared":
        return _squared(answers, target, known)
    certain = np.eye(0 if problem.classes is None else len(problem.classes))[target]
    probable = certain if known is None else known
    if chosen == "log":
        return _log(answers, probable)
    return _zero_one(answers, probable, how, problem)


def _chosen(problem: Problem, loss: str | None, decomposition: str | None) -> tuple[str, str]:
    regresses = problem.classes is None
    if loss is None:
        loss = "squared" if regresses else "zero_one"
    loss = LOSS_OF.get(loss, loss) if isinstance(loss, str) else loss
    check_option("loss", loss, DECOMPOSITIONS)
    if (loss == "squared") != regresses:
        raise ValueError(f"loss={loss!r} does not judge a {problem.task}.")
    if regresses and problem.truth.ndim != 1:
        raise ValueError(f"y must be 1D for bias_variance; got shape {problem.truth.shape}.")
    if loss == "log" and not hasattr(problem.estimator, "predict_proba"):
        name = type(problem.estimator).__name__
        raise ValueError(f"loss='log' needs predict_proba, which {name} does not have.")
    options = DECOMPOSITIONS[loss]
    return loss, check_option("decomposition", decomposition or options[0], options)


def _test_targets(problem: Problem, y_test: Any, n_rows: int) -> NDArray[Any]:
    if np.shape(y_test) != (n_rows,):
        raise ValueError(
            f"y_test must hold a target for each of {n_rows} rows; got shape {np.shape(y_test)}."
        )
    if problem.classes is None:
        return check_numbers("y_test", y_test)
    labels = np.asarray(y_test)
    if has_missing(labels):
        raise ValueError("y_test must hold a class for every row; got None or NaN.")
    places = np.searchsorted(problem.classes, labels)
    places = np.minimum(places, len(problem.classes) - 1)
    strangers = problem.classes[places] != labels
    if strangers.any():
        raise ValueError(
            f"y_test must hold classes of y, {problem.classes.tolist()}; got "
            f"{labels[strangers].tolist()[0]!r}."
        )
    return places


def _checked_truth(problem: Problem, truth: Any, n_rows: int) -> Floats:
    if problem.classes is None:
        known = check_numbers("truth", truth)
        shape: tuple[int, ...] = (n_rows,)
    else:
        known = check_numbers("truth", truth, ndim=2)
        shape = (n_rows, len(problem.classes))
        if known.min() < 0 or not np.allclose(known.sum(axis=1), 1):
            raise ValueError("truth must hold probabilities of the classes that sum to one.")
    if known.shape != shape:
        raise ValueError(f"truth must have shape {shape}; got {known.shape}.")
    return known


def _draws(problem: Problem, resampling: Any, groups: Any, seed: int) -> Draws:
    if resampling is None and groups is not None:
        raise ValueError("groups must be None without a resampling that goes by them.")
    resampling = Bootstrap() if resampling is None else resampling
    if isinstance(resampling, Resampler):
        weighted = members.takes_weights(problem.estimator)
        return resampling.plan(problem.n_rows, problem.y, groups, seed=seed, weighted=weighted)
    splitter = check_cv(resampling, problem.y, classifier=problem.classes is not None)
    draws = listed_draws(splitter, problem.X, problem.y, groups, seed=seed)
    if draws.n_draws < 2:
        raise ValueError(f"resampling must give at least 2 training sets; got {draws.n_draws}.")
    return draws


def _answer(loss: str, classes: Any, X: Any, member: Member, i: int) -> Floats:
    X = members.own_table(X, member.estimator)
    if loss == "squared":
        return members.values(member, X)
    if loss == "log":
        return floored_log(members.probabilities(member, X, classes=classes))
    return members.class_votes(member, X, classes=classes)


def _finite(answers: Iterator[Floats]) -> Iterator[Floats]:
    for i, answer in enumerate(answers):
        if not np.isfinite(answer).all():
            raise ValueError(
                f"predictions must be finite; the learner of round {i} gave NaN or inf."
            )
        yield answer


def _squared(answers: Iterator[Floats], y: Floats, truth: Floats | None) -> BiasVariance:
    """Mean and variance of the predictions, one learner at a time (Welford 1962)."""
    mean, squares, count = np.zeros(len(y)), np.zeros(len(y)), 0
    for count, answer in enumerate(_finite(answers), start=1):
        step = answer - mean
        mean += step / count
        squares += step * (answer - mean)
    terms = squared_terms(mean, squares / count, y, truth)
    return _result(terms, mean, "squared", "geman", count)


def _mean(answers: Iterator[Floats]) -> tuple[Floats, int]:
    total, count = np.zeros(0), 0
    for count, answer in enumerate(_finite(answers), start=1):
        total = np.array(answer) if count == 1 else total + answer
    return total / count, count


def _log(answers: Iterator[Floats], truth: Floats) -> BiasVariance:
    mean_logs, count = _mean(answers)
    return _result(log_terms(mean_logs, truth), log_pool(mean_logs), "log", "heskes", count)


def _zero_one(answers: Iterator[Floats], truth: Floats, how: str, problem: Problem) -> BiasVariance:
    shares, count = _mean(answers)
    terms = {
        "domingos": domingos_terms,
        "kohavi_wolpert": kohavi_wolpert_terms,
        "breiman": breiman_terms,
    }[how](shares, truth)
    assert problem.classes is not None
    main = problem.classes[shares.argmax(axis=1)]
    return _result(terms, main, "zero_one", how, count)


def _result(
    terms: Terms, main: NDArray[Any], loss: str, decomposition: str, n_rounds: int
) -> BiasVariance:
    return BiasVariance(
        error=float(terms.error.mean()),
        bias=float(terms.bias.mean()),
        variance=float(terms.variance.mean()),
        noise=float(terms.noise.mean()),
        rows=terms,
        main_prediction=main,
        unbiased_variance=float(np.maximum(terms.variance, 0).mean()),
        biased_variance=float(np.maximum(-terms.variance, 0).mean()),
        loss=loss,
        decomposition=decomposition,
        n_rounds=n_rounds,
    )
