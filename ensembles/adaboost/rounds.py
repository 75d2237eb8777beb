"""One round of boosting, as pure functions of arrays: one paper each.

``weights`` are the rows' weights in this round, shape (n_rows,), adding up to one; a round returns
the weights of the next, which nobody has normalised yet. ``learning_rate`` is the share of a full
step that is taken (Friedman 2001, section 5); 1 is the paper's algorithm.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "LOSSES",
    "Round",
    "capped",
    "gentle_round",
    "half_log_odds",
    "heavy_rows",
    "logistic",
    "logit_problem",
    "logit_round",
    "r2_losses",
    "r2_round",
    "real_round",
    "row_sums",
    "rt_round",
    "samme_round",
    "softmax",
    "weighted_error",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLIP = 1e-5
"""How near to 0 and 1 `real_round` believes a probability: a log-odds of at most 11.5 a round."""

LARGEST_RESPONSE = 4.0
"""Where LogitBoost's working response is cut off (Friedman et al. 2000, section 9: 2 to 4)."""

LEAST_LOGIT_WEIGHT = 2 * float(np.finfo(np.float64).eps)
"""The least weight p (1 - p) of a row in LogitBoost (Friedman et al. 2000, section 9)."""

LOSSES = ("linear", "square", "exponential")
"""How AdaBoost.R2 turns a row's share of the largest error into a loss."""


class Round(NamedTuple):
    """What a round comes to.

    ``vote`` is the member's weight in the ensemble, ``error`` its weighted error, and ``weights``
    the rows' weights in the next round; None where there is no next round, because the member
    makes no error at all.
    """

    vote: float
    error: float
    weights: Floats | None


def row_sums(table: Floats) -> Floats:
    """Return the sum of each row, (n_rows, 1).

    A few columns are added one to another, which is ten times as fast as to walk along short rows,
    and the same to the bit.
    """
    if table.shape[1] < 8:  # from eight numbers on NumPy adds in another order
        return np.asarray(sum(table.T))[:, np.newaxis]
    return np.asarray(table.sum(axis=1, keepdims=True))


def weighted_error(missed: Flags, weights: Floats) -> float:
    """Return the share of the weight on the rows that were missed."""
    return float((missed * weights).sum() / weights.sum())


# ---------------------------------------------------------------------------------------------
# Classification


def samme_round(
    missed: Flags,
    weights: Floats,
    n_classes: int,
    learning_rate: float = 1.0,
    *,
    in_logarithms: bool = False,
) -> Round | None:
    """One round of SAMME (Zhu, Zou, Rosset, Hastie 2009, algorithm 2).

    With the weighted error e of the member (step b), its vote is
    ``a = log((1 - e) / e) + log(K - 1)`` (step c), and the weight of a row it missed is multiplied
    by ``exp(a)`` (step d). For two classes this is AdaBoost.M1 (Freund, Schapire 1997).

    Parameters
    ----------
    missed : boolean array of shape (n_rows,)
        Whether the member named a wrong class.
    weights : array of shape (n_rows,)
    n_classes : int
    learning_rate : float
    in_logarithms : bool
        Multiply by adding logarithms, which is how scikit-learn rounds and forty times slower:
        only so do ties between splits fall in its trees as they fall there.

    Returns
    -------
    Round or None
        None if the member is no better than chance, ``e >= 1 - 1 / K``.

    Examples
    --------
    >>> samme_round(np.array([True, False, False, False]), np.full(4, 0.25), n_classes=2).weights
    array([0.75, 0.25, 0.25, 0.25])
    """
    lost = missed * weights
    error = float(lost.sum() / weights.sum())
    if error <= 0:
        return Round(1.0, 0.0, None)
    if error >= 1.0 - (1.0 / n_classes):
        return None
    vote = learning_rate * float(np.log((1.0 - error) / error) + np.log(n_classes - 1.0))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if in_logarithms:
            raised = np.exp(np.log(weights) + vote * missed * (weights > 0))
        else:
            lost *= np.expm1(vote)
            raised = lost + weights
    return Round(vote, error, raised)


def half_log_odds(probabilities: Floats, clip: float = CLIP) -> Floats:
    """Return what a member of Real AdaBoost adds (Zhu et al. 2006, SAMME.R, step c).

    ``h_k = (K - 1) (log p_k - mean_j log p_j)``, which for two classes is plus and minus half the
    log-odds (Friedman, Hastie, Tibshirani 2000, algorithm 2). A probability of 0 or 1 would settle
    a row for good, so probabilities are clipped to [clip, 1 - clip].

    Parameters
    ----------
    probabilities : array of shape (n_rows, n_classes)

    Returns
    -------
    array of shape (n_rows, n_classes)
        Rows add up to zero.
    """
    logs = np.log(np.clip(probabilities, clip, 1.0 - clip))
    n_classes = logs.shape[1]
    return np.asarray((n_classes - 1) * (logs - row_sums(logs) / n_classes))


def real_round(
    probabilities: Floats,
    codes: NDArray[np.intp],
    weights: Floats,
    learning_rate: float = 1.0,
    clip: float = CLIP,
) -> Round:
    """One round of Real AdaBoost, for any number of classes (Zhu et al. 2006, SAMME.R).

    The weight of a row of class c is multiplied by
    ``exp(-(K - 1) / K * sum_k y_k log p_k)`` with ``y_k = 1`` for c and ``-1 / (K - 1)`` for the
    others (step d); with `half_log_odds` h that is ``exp(-h_c / (K - 1))``, for two classes the
    ``exp(-y f(x))`` of Friedman, Hastie, Tibshirani (2000), algorithm 2.

    Parameters
    ----------
    probabilities : array of shape (n_rows, n_classes)
        What the member says.
    codes : array of shape (n_rows,)
        The true classes, as columns of ``probabilities``.
    weights : array of shape (n_rows,)
    """
    missed = probabilities.argmax(axis=1) != codes
    error = weighted_error(missed, weights)
    if error <= 0:
        return Round(learning_rate, 0.0, None)
    added = half_log_odds(probabilities, clip)
    own = added[np.arange(len(codes)), codes] / (added.shape[1] - 1)
    with np.errstate(over="ignore"):
        return Round(learning_rate, error, weights * np.exp(-learning_rate * own))


def gentle_round(
    fitted: Floats, signs: Floats, weights: Floats, learning_rate: float = 1.0
) -> Round:
    """One round of Gentle AdaBoost (Friedman, Hastie, Tibshirani 2000, algorithm 4).

    The member f is a weighted least-squares fit of the signs y (step a), ``F`` grows by f (step b),
    and weights are multiplied by ``exp(-y f)`` (step c): a Newton step of ``E exp(-y F)``. With a
    column per class this is one such problem per class (AdaBoost.MH, Schapire, Singer 1999).

    Parameters
    ----------
    fitted, signs, weights : arrays of shape (n_rows,) or (n_rows, n_classes)
        What the member predicts, -1 or 1, and the weights, adding up to one.

    Returns
    -------
    Round
        Its error is that of the sign of ``fitted``. Without further weights if the fit is exact:
        the next one would be the same.
    """
    error = weighted_error(fitted * signs <= 0, weights)
    if np.array_equal(fitted, signs):
        return Round(learning_rate, error, None)
    with np.errstate(over="ignore"):
        return Round(learning_rate, error, weights * np.exp(-learning_rate * signs * fitted))


def logistic(log_odds: Floats) -> Floats:
    """Return ``1 / (1 + exp(-log_odds))``; no value of it overflows."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)))


def softmax(scores: Floats) -> Floats:
    """Return ``exp(s_k) / sum_j exp(s_j)`` of each row; no value of it overflows."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / row_sums(raised))


def logit_problem(
    truth: Floats, probabilities: Floats, row_weights: Floats
) -> tuple[Floats, Floats]:
    """Return what the next member of LogitBoost learns: the working response and the weights.

    With y* the truth, 0 or 1: ``z = (y* - p) / (p (1 - p))`` and ``w = p (1 - p)`` (Friedman,
    Hastie, Tibshirani 2000, algorithms 3 and 6, step a): gradient over curvature of the binomial
    log-likelihood, so that a weighted least-squares fit of z is a Newton step. As their section 9
    advises, z is cut off at `LARGEST_RESPONSE` and w has a floor.

    Parameters
    ----------
    truth, probabilities : arrays of shape (n_rows,) or (n_rows, n_classes)
    row_weights : array of shape (n_rows,) or (n_rows, 1)
        The rows' own weights, which w is multiplied by.

    Returns
    -------
    response, weights : arrays of the shape of ``truth``
    """
    curvature = np.maximum(probabilities * (1.0 - probabilities), LEAST_LOGIT_WEIGHT)
    response = np.clip((truth - probabilities) / curvature, -LARGEST_RESPONSE, LARGEST_RESPONSE)
    return response, row_weights * curvature


def logit_round(fitted: Floats, scores: Floats, learning_rate: float = 1.0) -> Floats:
    """Return the scores after a round of LogitBoost (Friedman et al. 2000, algorithms 3 and 6).

    Two classes: the log-odds grow by the member, ``2 F <- 2 F + f`` (algorithm 3, steps b and c).
    More: ``F_k <- F_k + (K - 1) / K (f_k - mean_j f_j)`` (algorithm 6, steps b and c).

    Parameters
    ----------
    fitted : array of shape (n_rows,) or (n_rows, n_classes)
        What the member, or the member of each class, predicts.
    scores : array of the same shape
        The log-odds ``2 F``, or the F_k.
    """
    if fitted.ndim == 1:
        return scores + learning_rate * fitted
    n_classes = fitted.shape[1]
    centred = fitted - row_sums(fitted) / n_classes
    return np.asarray(scores + learning_rate * (n_classes - 1) / n_classes * centred)


# ---------------------------------------------------------------------------------------------
# Regression


def r2_losses(errors: Floats, loss: str = "linear") -> Floats:
    """Return each row's loss in AdaBoost.R2, in [0, 1] (Drucker 1997, section 2, step 4)."""
    largest = errors.max()
    losses = errors / largest if largest != 0 else errors
    if loss == "square":
        return np.asarray(losses**2)
    return 1.0 - np.exp(-losses) if loss == "exponential" else losses


def r2_round(
    errors: Floats,
    weights: Floats,
    loss: str = "linear",
    learning_rate: float = 1.0,
    *,
    in_powers: bool = False,
) -> Round | None:
    """One round of AdaBoost.R2 (Drucker 1997, section 2, steps 4 to 7).

    A row's loss L is its share of the largest absolute error, or the square of that, or
    ``1 - exp(-share)``. With the weighted mean loss e and ``b = e / (1 - e)`` the member's vote is
    ``log(1 / b)``, and weights are multiplied by ``b ** (1 - L)``.

    Parameters
    ----------
    errors : array of shape (n_rows,)
        Absolute errors of the member.
    weights : array of shape (n_rows,)
    loss : {"linear", "square", "exponential"}
    learning_rate : float
    in_powers : bool
        Raise b to powers in place of taking exponentials: how scikit-learn rounds, and slower.

    Returns
    -------
    Round or None
        None if the mean loss is 0.5 or more. A row of weight zero does not set the largest error.
    """
    counted: Any = weights > 0
    if counted.all():
        counted = slice(None)  # views in place of copies
    losses = r2_losses(errors[counted], loss)
    error = float((weights[counted] * losses).sum())
    if error <= 0:
        return Round(1.0, 0.0, None)
    if error >= 0.5:
        return None
    b = error / (1.0 - error)
    powers = (1.0 - losses) * learning_rate
    lowered = weights.copy()
    lowered[counted] *= np.power(b, powers) if in_powers else np.exp(np.log(b) * powers)
    return Round(learning_rate * float(np.log(1.0 / b)), error, lowered)


def rt_round(
    predicted: Floats,
    y: Floats,
    weights: Floats,
    threshold: float,
    power: int = 1,
    learning_rate: float = 1.0,
) -> Round | None:
    """One round of AdaBoost.RT (Solomatine, Shrestha 2004).

    A row is missed if its relative error ``|f - y| / |y|`` exceeds the threshold. With the weighted
    error e and ``b = e ** power`` the vote is ``log(1 / b)``, and the weights of the rows that were
    not missed are multiplied by b.

    Parameters
    ----------
    predicted, y, weights : arrays of shape (n_rows,)
        A target of zero is missed unless it is predicted exactly.
    threshold : float
    power : int
        1, 2 or 3: linear, square or cubic.

    Returns
    -------
    Round or None
        None if every row is missed.
    """
    missed = np.abs(predicted - y) > threshold * np.abs(y)
    error = weighted_error(missed, weights)
    if error <= 0:
        return Round(1.0, 0.0, None)
    if missed.all():
        return None
    vote = -learning_rate * power * float(np.log(error))
    return Round(vote, error, weights * np.where(missed, 1.0, np.exp(-vote)))


# ---------------------------------------------------------------------------------------------
# Against noise and for speed


def heavy_rows(weights: Floats, trimming: float) -> Flags:
    """Tell which rows a round is to learn from: all but the lightest ones.

    Weight trimming (Friedman, Hastie, Tibshirani 2000, section 9): the lightest rows, which hold
    the share ``trimming`` of the weight together, sit the round out. Rows as heavy as one that
    stays stay too.

    Examples
    --------
    >>> heavy_rows(np.array([0.5, 0.03, 0.4, 0.07]), trimming=0.05)
    array([ True, False,  True,  True])
    """
    ascending = np.sort(weights)
    reached = np.cumsum(ascending)
    place = int(np.searchsorted(reached, trimming * reached[-1], side="right"))
    return np.asarray(weights >= ascending[min(place, len(weights) - 1)])


def capped(weights: Floats, largest_share: float) -> Floats:
    """Return the weights, of sum one, with none above ``largest_share``.

    What is cut off the heaviest rows goes to the others in proportion, so that their proportions
    stay. A row that is always missed, as a mislabelled one is, cannot take over the ensemble.

    Examples
    --------
    >>> capped(np.array([0.6, 0.3, 0.1]), largest_share=0.5)
    array([0.5  , 0.375, 0.125])
    """
    weights = weights / weights.sum()
    if largest_share * np.count_nonzero(weights) <= 1.0:
        return np.asarray((weights > 0) / np.count_nonzero(weights))
    over = weights > largest_share
    while over.any():
        left = 1.0 - largest_share * np.count_nonzero(over)
        scaled = weights * (left / weights[~over].sum())
        weights = np.where(over, largest_share, scaled)
        further = ~over & (weights > largest_share)
        if not further.any():
            break
        over |= further
    return np.asarray(weights)
