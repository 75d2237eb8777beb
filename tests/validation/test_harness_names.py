"""Names of metrics: one rule for all functions that take them."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LinearRegression, LogisticRegression

from ensembles import bootstrap_score, cross_validate
from ensembles.validation import bias_variance, bootstrap_ci, nested_cross_validation
from ensembles.validation.comparing import compare_models

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
VALUES = X[:, 0] + RNG.normal(size=60)
LABELS = (VALUES > 0).astype(int)

ERRORS = {
    "mse": ("squared", "neg_mean_squared_error", metrics.mean_squared_error),
    "mae": ("absolute", "neg_mean_absolute_error", metrics.mean_absolute_error),
    "rmse": (None, "neg_root_mean_squared_error", metrics.root_mean_squared_error),
    "error": ("zero_one", "accuracy", metrics.zero_one_loss),
    "log_loss": ("log", "neg_log_loss", metrics.log_loss),
    "brier": ("brier", "neg_brier_score", metrics.brier_score_loss),
}
"""An error, the loss of a row that it is the mean of, and the scorer that rises as it falls."""

REGRESSION = ("mse", "mae", "rmse")


def problem(error):
    if error in REGRESSION:
        return LinearRegression(), VALUES
    return LogisticRegression(), LABELS


def risen(error, falling):
    return 1 - falling if error == "error" else -falling


@pytest.mark.parametrize("error", ERRORS)
def test_bootstrap_score_takes_errors_losses_and_scorers(error):
    learner, y = problem(error)
    loss, scorer, _ = ERRORS[error]
    given = {"n_resamples": 20, "random_state": 0}
    found = bootstrap_score(learner, X, y, scoring=error, **given)
    assert found.kind == "error"
    assert found.scoring == error
    if loss is not None:
        same = bootstrap_score(learner, X, y, scoring=loss, **given)
        assert (same.estimate, same.standard_error) == (found.estimate, found.standard_error)
    rising = bootstrap_score(learner, X, y, scoring=scorer, **given)
    assert rising.kind == "score"
    assert rising.estimate == risen(error, found.estimate)
    assert rising.standard_error == found.standard_error


@pytest.mark.parametrize("error", ERRORS)
def test_nested_cross_validation_takes_errors_losses_and_scorers(error):
    learner, y = problem(error)
    loss, scorer, _ = ERRORS[error]
    given = {"n_folds": 3, "n_repeats": 2, "random_state": 0}
    found = nested_cross_validation(learner, X, y, scoring=error, **given)
    assert 0 < found.low < found.estimate < found.high
    if loss is not None:
        same = nested_cross_validation(learner, X, y, scoring=loss, **given)
        assert (same.low, same.high) == (found.low, found.high)
    rising = nested_cross_validation(learner, X, y, scoring=scorer, **given)
    assert (rising.low, rising.high) == (risen(error, found.high), risen(error, found.low))


@pytest.mark.parametrize("error", ERRORS)
def test_bootstrap_ci_and_compare_models_take_errors_losses_and_scorers(error):
    learner, y = problem(error)
    loss, scorer, metric = ERRORS[error]
    model, other = learner.fit(X, y), problem(error)[0].fit(X[:20], y[:20])
    ask = "predict_proba" if error in ("log_loss", "brier") else "predict"
    one, two = getattr(model, ask)(X), getattr(other, ask)(X)
    given = {"n_resamples": 200, "random_state": 0}
    found = bootstrap_ci(error, y, one, **given)
    assert found.estimate == pytest.approx(metric(y, one[:, 1] if error == "brier" else one))
    compared = compare_models(one, two, test="bootstrap", metric=error, y_true=y, **given)
    if loss is not None:
        assert bootstrap_ci(loss, y, one, **given).high == found.high
        same = compare_models(one, two, test="bootstrap", metric=loss, y_true=y, **given)
        assert same.p_value == compared.p_value
    rising = bootstrap_ci(scorer, y, one, **given)
    assert rising.estimate == pytest.approx(risen(error, found.estimate), rel=1e-12)


@pytest.mark.parametrize("error", ["mse", "error", "log_loss"])
def test_bias_variance_takes_errors_and_losses(error):
    learner, y = problem(error)
    given = {"n_rounds": 10, "random_state": 0}
    found = bias_variance(learner, X[:40], y[:40], X[40:], y[40:], loss=error, **given)
    same = bias_variance(learner, X[:40], y[:40], X[40:], y[40:], loss=ERRORS[error][0], **given)
    assert (found.error, found.bias, found.variance) == (same.error, same.bias, same.variance)
    assert found.loss == same.loss


@pytest.mark.parametrize("error", ERRORS)
def test_cross_validate_says_which_score_rises_as_an_error_falls(error):
    learner, y = problem(error)
    loss, scorer, _ = ERRORS[error]
    for name in (error, loss or error):
        with pytest.raises(ValueError, match=f"got '{name}'.*rises as it falls is '{scorer}'"):
            cross_validate(learner, X, y, scoring=name)
    assert cross_validate(learner, X, y, scoring=scorer).scorer_name_ == scorer


@pytest.mark.parametrize(("error", "learner"), [("rmse", LogisticRegression()), ("error", None)])
def test_an_error_of_the_other_task_is_refused(error, learner):
    y = VALUES if learner is None else LABELS
    with pytest.raises(ValueError, match=f"scoring='{error}' does not judge a "):
        bootstrap_score(learner or LinearRegression(), X, y, scoring=error)
