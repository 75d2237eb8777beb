"""Plots draw what was found; learning curves end where the models end."""

import lightgbm
import matplotlib as mpl
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_diabetes, make_classification
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from ensembles import cross_validate

mpl.use("Agg")

X, y = make_classification(150, 6, n_informative=4, n_classes=3, random_state=0)


@pytest.fixture(autouse=True)
def _closed():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.mark.parametrize(
    "model",
    [
        xgboost.XGBClassifier(n_estimators=12, n_jobs=1),
        lightgbm.LGBMClassifier(n_estimators=12, n_jobs=1, verbose=-1),
        AdaBoostClassifier(n_estimators=12),
        make_pipeline(StandardScaler(), xgboost.XGBClassifier(n_estimators=12, n_jobs=1)),
    ],
    ids=["xgboost", "lightgbm", "adaboost", "pipeline"],
)
def test_learning_curves_end_at_the_scores(model):
    result = cross_validate(model, X, y, scoring="neg_log_loss", cv=3)
    curves = result.learning_curves(n_points=5)
    assert curves.rounds[0] == 1
    assert curves.rounds[-1] == 12
    np.testing.assert_allclose(curves.test[:, -1], result["test_score"], rtol=1e-6)
    np.testing.assert_allclose(curves.train[:, -1], result["train_score"], rtol=1e-6)
    np.testing.assert_allclose(curves.gap[:, -1], result.gaps_, rtol=1e-5)
    ax = result.plot_learning_curves(n_points=5)
    assert ax.get_ylabel() == "neg_log_loss"


def test_models_that_stopped_early_have_shorter_curves():
    table, target = load_diabetes(return_X_y=True)
    model = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.3)
    result = cross_validate(model, table, target, cv=3, early_stopping="nested", random_state=0)
    curves = result.learning_curves()
    ends = [int(curves.rounds[~np.isnan(curve)].max()) for curve in curves.test]
    assert ends == [
        max(point for point in curves.rounds if point <= rounds)
        for rounds in result.best_iterations_
    ]
    result.plot_learning_curves()
    ax = result.plot_out_of_fold()
    assert len(ax.lines[0].get_xdata()) == len(target)


def test_scores_and_out_of_fold_answers_are_drawn():
    result = cross_validate(LogisticRegression(), X, y, scoring="accuracy", n_repeats=2)
    ax = result.plot_scores()
    np.testing.assert_array_equal(ax.lines[-1].get_ydata(), result["test_score"])
    assert ax.get_ylabel() == "accuracy"
    ax = result.plot_out_of_fold()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    assert cross_validate(LinearSVC(), X, y).plot_out_of_fold() is not None
    assert cross_validate(LinearSVC(), X, y > 0).plot_out_of_fold() is not None


def test_who_has_no_rounds_has_no_curves():
    with pytest.raises(ValueError, match="learning curves need a model trained in rounds"):
        cross_validate(LogisticRegression(), X, y).learning_curves()


def test_many_folds_are_named_so_that_names_do_not_overlap():
    """Leave-one-out wrote a name under each of its folds."""
    table, target = load_diabetes(return_X_y=True)
    for cv, expected in ((45, "0 3 6 9"), (4, "0 1 2 3")):
        result = cross_validate(Ridge(), table, target, cv=cv)
        names = [label.get_text() for label in result.plot_scores().get_xticklabels()]
        assert len(names) == cv
        said = [name for name in names if name]
        assert " ".join(said[:4]) == expected
        assert len(said) <= 20
