"""The committee of fold models that Kaggle notebooks write by hand is a bag with folds for draws.

    python examples/committee.py

Its out-of-bag prediction is the out-of-fold prediction, and its prediction is the mean of the fold
models', so it can be used wherever an estimator can: in pipelines, in searches, in another bag.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import Bagging, cross_validate

X, X_new, y, y_new = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression())
folds = StratifiedKFold(5, shuffle=True, random_state=0)

committee = Bagging(model, resampling=folds, oob_score="roc_auc").fit(X, y)
result = cross_validate(model, X, y, X_test=X_new, cv=folds, scoring="roc_auc")

same = np.allclose(committee.oob_decision_function_, result.oof_prediction_, rtol=0, atol=1e-12)
print(f"{len(committee.estimators_)} fold models")
print(
    f"out of bag {committee.oob_score_:.4f}, out of fold {result.pooled_score_:.4f}; same: {same}"
)
together = np.allclose(committee.predict_proba(X_new), result.test_prediction_, rtol=0, atol=1e-12)
print(f"accuracy on new rows {committee.score(X_new, y_new):.3f}; same predictions: {together}")
