"""Whole fits against each paper's algorithm written as a loop, with scikit-learn's trees."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import AdaBoostClassifier, AdaBoostRegressor

N_ROUNDS = 12
SETTINGS = [(2, 1.0), (2, 0.4), (3, 1.0), (4, 0.4)]


def problem(n_classes):
    X, y = make_classification(
        200,
        6,
        n_informative=5,
        n_redundant=0,
        n_classes=n_classes,
        flip_y=0.2,
        random_state=n_classes,
    )
    weights = np.random.default_rng(n_classes).uniform(0.5, 2.0, len(y))
    return X, y, weights


def least_squares(X, target, weights):
    return DecisionTreeRegressor(max_depth=2).fit(X, target, weights).predict(X)


def slow_real(X, y, weights, n_classes, rate):
    """Zhu et al. 2006, SAMME.R; two classes: the log-odds, twice the second's score."""
    scores = np.zeros((len(y), n_classes))
    for _ in range(N_ROUNDS):
        tree = DecisionTreeClassifier(max_depth=2).fit(X, y, weights)
        logs = np.log(np.clip(tree.predict_proba(X), 1e-5, 1 - 1e-5))
        scores += rate * (n_classes - 1) * (logs - logs.mean(axis=1, keepdims=True))
        coded = np.where(np.eye(n_classes)[y] == 1, 1.0, -1 / (n_classes - 1))
        weights = weights * np.exp(-rate * (n_classes - 1) / n_classes * (coded * logs).sum(axis=1))
    return scores[:, 1] - scores[:, 0] if n_classes == 2 else scores


def slow_gentle(X, y, weights, n_classes, rate):
    """FHT 2000, algorithm 4: twice the sum, once, or for each class against the rest."""
    columns = []
    for k in [1] if n_classes == 2 else range(n_classes):
        signs, own = np.where(y == k, 1.0, -1.0), weights
        scores = np.zeros(len(y))
        for _ in range(N_ROUNDS):
            fitted = least_squares(X, signs, own)
            scores += rate * fitted
            own = own * np.exp(-rate * signs * fitted)
        columns.append(2 * scores)
    return columns[0] if n_classes == 2 else np.column_stack(columns)


def slow_logit(X, y, weights, n_classes, rate):
    """FHT 2000, algorithms 3 and 6."""
    if n_classes == 2:
        log_odds = np.zeros(len(y))
        for _ in range(N_ROUNDS):
            p = 1 / (1 + np.exp(-log_odds))
            response = np.clip((y - p) / (p * (1 - p)), -4, 4)
            log_odds = log_odds + rate * least_squares(X, response, weights * p * (1 - p))
        return log_odds
    scores = np.zeros((len(y), n_classes))
    for _ in range(N_ROUNDS):
        p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        fitted = np.empty_like(scores)
        for k in range(n_classes):
            curvature = p[:, k] * (1 - p[:, k])
            response = np.clip(((y == k) - p[:, k]) / curvature, -4, 4)
            fitted[:, k] = least_squares(X, response, weights * curvature)
        centred = fitted - fitted.mean(axis=1, keepdims=True)
        scores = scores + rate * (n_classes - 1) / n_classes * centred
    return scores


SLOW = {"real": slow_real, "gentle": slow_gentle, "logit": slow_logit}


@pytest.mark.parametrize("algorithm", SLOW)
@pytest.mark.parametrize(("n_classes", "rate"), SETTINGS)
def test_decisions_are_the_paper_s(algorithm, n_classes, rate):
    X, y, weights = problem(n_classes)
    tree = DecisionTreeClassifier if algorithm == "real" else DecisionTreeRegressor
    model = AdaBoostClassifier(
        tree(max_depth=2), algorithm=algorithm, n_estimators=N_ROUNDS, learning_rate=rate
    )
    decision = model.fit(X, y, weights).decision_function(X)
    np.testing.assert_allclose(decision, SLOW[algorithm](X, y, weights, n_classes, rate), rtol=1e-7)


@pytest.mark.parametrize(("power", "rate"), [(1, 1.0), (2, 1.0), (3, 0.5)])
def test_predictions_are_solomatine_s(power, rate):
    """AdaBoost.RT: rows missed by more than the threshold, the mean weighted by log(1 / b)."""
    X, y = make_regression(200, 6, noise=10.0, random_state=0)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(y))
    model = AdaBoostRegressor(
        DecisionTreeRegressor(max_depth=3),
        algorithm="RT",
        threshold=0.3,
        power=power,
        learning_rate=rate,
        n_estimators=N_ROUNDS,
    )
    predicted = model.fit(X, y, weights).predict(X)
    own, above, below = weights / weights.sum(), 0.0, 0.0
    for _ in range(N_ROUNDS):
        fitted = DecisionTreeRegressor(max_depth=3).fit(X, y, own).predict(X)
        missed = np.abs((fitted - y) / y) > 0.3
        b = own[missed].sum() ** (power * rate)
        above, below = above + np.log(1 / b) * fitted, below + np.log(1 / b)
        own = np.where(missed, own, own * b)
        own = own / own.sum()
    np.testing.assert_allclose(predicted, above / below, rtol=1e-7)
