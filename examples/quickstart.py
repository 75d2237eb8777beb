"""Bagging in one minute: one tree beside a bag of trees, on data that comes with scikit-learn.

    python examples/quickstart.py

Five times over, half of the rows are set aside. The tree and the bag learn from the other half, and
the bag says from that half alone, out of bag, how well it will do on rows that it has never seen.
"""

import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import ShuffleSplit
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import BaggingClassifier, BaggingRegressor

N_MEMBERS = 100
SPLITS = ShuffleSplit(5, test_size=0.5, random_state=0)


def classification(name, X, y):
    scores = []
    for seed, (train, test) in enumerate(SPLITS.split(X)):
        tree = DecisionTreeClassifier(random_state=seed).fit(X[train], y[train])
        bag = BaggingClassifier(
            DecisionTreeClassifier(), N_MEMBERS, oob_score=True, random_state=seed
        ).fit(X[train], y[train])
        averaged = bag.score(X[test], y[test])
        voted = bag.set_params(aggregation="hard").score(X[test], y[test])
        scores.append([tree.score(X[test], y[test]), averaged, voted, bag.oob_score_])
    report(name, "accuracy", ["one tree", "averaged", "majority vote", "out of bag"], scores)


def regression(name, X, y):
    scores, inside = [], []
    for seed, (train, test) in enumerate(SPLITS.split(X)):
        tree = DecisionTreeRegressor(random_state=seed).fit(X[train], y[train])
        bag = BaggingRegressor(
            DecisionTreeRegressor(), N_MEMBERS, oob_score=True, random_state=seed
        ).fit(X[train], y[train])
        averaged = bag.score(X[test], y[test])
        low, high = bag.predict_interval(X[test], alpha=0.1).T
        inside.append(np.mean((low <= y[test]) & (y[test] <= high)))
        median = bag.set_params(aggregation="median").score(X[test], y[test])
        scores.append([tree.score(X[test], y[test]), averaged, median, bag.oob_score_])
    report(name, "R2", ["one tree", "averaged", "median", "out of bag"], scores)
    print(f"    its 90 % intervals held {100 * np.mean(inside):.0f} % of the targets never seen\n")


def report(name, metric, columns, scores):
    means, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
    print(f"{name}: {metric} on held-out rows, mean and spread over {len(scores)} splits")
    for column, mean, deviation in zip(columns, means, spread, strict=True):
        bar = "#" * round(50 * max(mean, 0))
        print(f"    {column:>13}  {mean:6.3f} +- {deviation:.3f}  {bar}")
    print(
        f"    The bag does {means[1] - means[0]:+.3f} better than one tree. Out of bag it foresaw "
        f"{means[3]:.3f};\n    it got {means[1]:.3f} on rows that it had never seen.\n"
    )


if __name__ == "__main__":
    start = time.perf_counter()
    print(
        f"{N_MEMBERS} fully grown trees, each on a bootstrap sample of the training rows. (Their "
        "leaves are pure,\nso averaging and counting votes come to nearly the same.)\n"
    )
    classification("Breast cancer, 569 rows", *load_breast_cancer(return_X_y=True))
    classification("Handwritten digits, 1797 rows", *load_digits(return_X_y=True))
    regression("Diabetes, 442 rows", *load_diabetes(return_X_y=True))
    print(f"{time.perf_counter() - start:.0f} seconds")
