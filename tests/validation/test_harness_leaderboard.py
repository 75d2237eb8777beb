"""Several models on the same folds: their order, and which differences are real."""

import pickle
import re
import time

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from ensembles import Leaderboard, cross_validate
from ensembles.validation.leaderboard import holm

X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
RNG = np.random.default_rng(0)
MODELS = {
    "chance": DummyClassifier(),
    "bayes": GaussianNB(),
    "tree": DecisionTreeClassifier(random_state=0),
    "linear": LogisticRegression(),
}


@pytest.fixture(scope="module")
def board():
    return cross_validate(MODELS, X, y, scoring="roc_auc", n_repeats=2, random_state=0)


def test_models_come_in_the_order_of_their_scores(board):
    assert isinstance(board, Leaderboard)
    assert list(board) == ["linear", "bayes", "tree", "chance"]
    assert board.best_name_ == "linear"
    assert board.best_ is board["linear"]
    scores = board.to_frame()["score"].to_numpy()
    assert (np.diff(scores) <= 0).all()
    assert len(board) == 4


def test_every_model_sees_the_same_folds_and_what_it_would_see_alone(board):
    for name, model in MODELS.items():
        alone = cross_validate(model, X, y, scoring="roc_auc", n_repeats=2, random_state=0)
        np.testing.assert_array_equal(board[name]["test_score"], alone["test_score"])
        np.testing.assert_array_equal(board[name].oof_prediction_, alone.oof_prediction_)
        for (train, test), (own_train, own_test) in zip(
            board[name].splits_, alone.splits_, strict=True
        ):
            np.testing.assert_array_equal(train, own_train)
            np.testing.assert_array_equal(test, own_test)


def test_which_differences_are_real(board):
    frame = board.to_frame()
    assert not frame.loc["linear", "real"]
    assert frame.loc["chance", "real"]
    assert frame.loc["tree", "real"]
    found = board.compare("linear", "tree")
    assert found.mean == pytest.approx(-frame.loc["tree", "difference"])
    assert found.low < found.mean < found.high
    again = board.compare("tree", "linear")
    assert again.mean == pytest.approx(-found.mean)
    assert again.p_value == pytest.approx(found.p_value)
    assert {"score", "low", "high", "pooled", "gap", "fit_time", "predict_time"} <= set(frame)


class Compiled(GaussianNB):
    """Its first fit takes long, as where kernels are compiled."""

    compiled = False

    def fit(self, X, y, sample_weight=None):
        if not Compiled.compiled:
            Compiled.compiled = True
            time.sleep(1)
        return super().fit(X, y, sample_weight)


def test_what_is_done_once_is_not_told_as_the_time_of_a_fold():
    board = cross_validate({"compiled": Compiled(), "plain": GaussianNB()}, X, y)
    assert board["compiled"].fit_times_.max() > 1
    assert board.to_frame()["fit_time"].max() < 0.15
    told = re.search(r"seconds a fold +fit ([^,]+),", board["compiled"].summary())
    assert float(told[1]) < 0.15


def test_twins_do_not_differ():
    twins = cross_validate({"one": GaussianNB(), "two": GaussianNB()}, X, y)
    frame = twins.to_frame()
    assert not frame["real"].any()
    assert frame.loc["two", "p_value"] == 1


def test_models_can_be_added_later(board):
    later = cross_validate(
        {"chance": DummyClassifier()}, X, y, scoring="roc_auc", n_repeats=2, random_state=0
    )
    assert later.add("linear", MODELS["linear"]) is later
    np.testing.assert_array_equal(later["linear"]["test_score"], board["linear"]["test_score"])
    later.add({"bayes": MODELS["bayes"], "tree": MODELS["tree"]})
    assert list(later) == list(board)
    with pytest.raises(ValueError, match="name must be a name that is not taken"):
        later.add("tree", MODELS["tree"])
    kept = pickle.loads(pickle.dumps(later))
    assert list(kept) == list(board)
    with pytest.raises(ValueError, match="does not hold"):
        kept.add("again", GaussianNB())


def test_the_best_is_trained_on_all_rows(board):
    model = board.best_.refit()
    expected = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(model.coef_, expected.coef_)
    asked = cross_validate({"a": GaussianNB(), "b": DummyClassifier()}, X, y, refit=True)
    assert isinstance(asked.best_.refit_estimator_, GaussianNB)
    assert not hasattr(asked["b"], "refit_estimator_")


def test_it_tells(board):
    lines = board.summary().splitlines()
    assert len(lines) == 5
    assert "roc_auc" in lines[0]
    assert lines[1].startswith("linear")
    assert board._repr_html_().count("<tr>") == 5


def test_one_model_fails_in_a_fold_and_the_board_stands():
    class Fragile(GaussianNB):
        def fit(self, X, y):
            if len(y) % 2:
                raise RuntimeError("odd")
            return super().fit(X, y)

    with pytest.warns(FitFailedWarning, match=r"fragile \(Fragile\): fold 1 of repeat 0"):
        board = cross_validate({"fragile": Fragile(), "bayes": GaussianNB()}, X, y, cv=4)
    assert np.isnan(board["fragile"]["test_score"]).any()
    assert np.isfinite(board.to_frame()["score"]).all()


class OnEasyFolds(GaussianNB):
    """Fails where the first row of all is not held out."""

    def fit(self, X_train, labels, sample_weight=None):
        if (X_train == X[0]).all(axis=1).any():
            raise RuntimeError("too hard")
        return super().fit(X_train, labels, sample_weight)


def test_a_model_that_failed_on_the_hard_folds_is_not_the_best():
    """Its mean is that of the folds it survived; its difference is on these."""
    easy, hard = np.arange(0, 569, 2), np.arange(1, 569, 2)
    wrong = np.where(np.isin(np.arange(569), hard), RNG.permutation(y), y)
    pairs = [(hard, easy), (easy, hard)]
    models = {"survivor": OnEasyFolds(), "tree": DecisionTreeClassifier(random_state=0)}
    with pytest.warns(FitFailedWarning):
        board = cross_validate(models, X, wrong, cv=pairs, scoring="accuracy")
    assert board["survivor"].score_ > board["tree"].score_
    assert list(board) == ["tree", "survivor"]
    frame = board.to_frame()
    assert frame["failed"].tolist() == [0, 1]
    on_the_first = board["survivor"]["test_score"][0] - board["tree"]["test_score"][0]
    assert frame.loc["survivor", "difference"] == on_the_first
    assert "failed" in board.summary().splitlines()[0]
    whole = cross_validate({"tree": models["tree"]}, X, y, cv=2)
    assert "failed" not in whole.summary()


def test_models_run_side_by_side(board):
    given = {"scoring": "roc_auc", "n_repeats": 2, "random_state": 0}
    two = cross_validate(MODELS, X, y, n_jobs=2, **given)
    for name in MODELS:
        np.testing.assert_array_equal(two[name].oof_prediction_, board[name].oof_prediction_)


def test_holm():
    raw = np.array([0.01, 0.04, 0.03, 0.005])
    np.testing.assert_allclose(holm(raw), [0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).max() <= 1
    assert holm([]).shape == (0,)


@pytest.mark.parametrize("given", [{}, {"": GaussianNB()}, {3: GaussianNB()}])
def test_names_are_names(given):
    with pytest.raises(ValueError, match="estimator must be a dict of names"):
        cross_validate(given, *make_classification())
