"""Early stopping: anywhere, by any score in its own direction, without looking ahead."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import make_classification
from sklearn.metrics import f1_score, log_loss, make_scorer, mean_absolute_error, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ensembles import (
    BaggingClassifier,
    GradientBoosting,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
)
from ensembles.gradient_boosting.boosting import rounds_again
from ensembles.gradient_boosting.rounds import Watch, Yardstick, validation_rows

X, y = make_classification(600, 8, n_informative=3, flip_y=0.15, weights=[0.8], random_state=0)
FAST = {"learning_rate": 0.1, "max_depth": 4, "random_state": 0, "n_iter_no_change": 5}


def stopping(**more):
    return GradientBoostingClassifier(early_stopping=True, **FAST | more)


def test_it_stops_where_peers_need_an_eval_set():
    """In cross_val_score, in GridSearchCV and in a Pipeline."""
    model = stopping()
    assert cross_val_score(model, X, y, cv=3).mean() > 0.7
    search = GridSearchCV(model, {"max_depth": [2, 4]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert search.best_estimator_.n_estimators_ < 2000
    pipe = make_pipeline(StandardScaler(), model).fit(X, y)
    assert pipe[-1].best_iteration_ == pipe[-1].n_estimators_ - 1


def test_the_model_is_that_of_the_best_round():
    model = stopping().fit(X, y)
    losses = model.evals_result_["validation"]["logloss"]
    assert model.best_iteration_ == int(np.argmin(losses))
    assert model.best_score_ == min(losses)
    assert len(losses) == model.best_iteration_ + 1 + 5
    assert model.n_estimators_ == model.best_iteration_ + 1
    held_out = model.validation_rows_
    assert log_loss(y[held_out], model.predict_proba(X[held_out])) == pytest.approx(
        model.best_score_, rel=1e-5
    )
    gap = model.best_score_ - model.evals_result_["training"]["logloss"][model.best_iteration_]
    assert model.generalization_gap_ == pytest.approx(gap)


def test_nothing_is_learned_from_the_rows_held_out():
    """Their targets may be anything: the trees that are grown are the same."""
    model = stopping(n_iter_no_change=1000, n_estimators=20).fit(X, y)
    held_out = model.validation_rows_
    X_other = X.copy()
    X_other[held_out] = 1e6
    fixed = GradientBoostingClassifier(20, **FAST)
    learnt = np.setdiff1d(np.arange(len(y)), held_out)
    fixed.fit(X[learnt], y[learnt])
    kept = model.n_estimators_
    np.testing.assert_array_equal(
        model.booster_.inplace_predict(X), fixed.booster_[:kept].inplace_predict(X)
    )
    other = stopping(n_iter_no_change=1000, n_estimators=20).fit(X_other, y)
    both = min(kept, other.n_estimators_)
    np.testing.assert_array_equal(
        other.booster_[:both].inplace_predict(X), model.booster_[:both].inplace_predict(X)
    )


def test_a_level_seen_in_rows_held_out_alone_is_missing_to_the_model():
    frame = pd.DataFrame({"a": X[:, 0], "level": [f"l{i}" for i in range(len(y))]})
    model = stopping(min_category_count=1).fit(frame, y)
    levels = model._columns.levels[1].tolist()
    held_out = {f"l{i}" for i in model.validation_rows_}
    assert not held_out & set(levels)
    assert len(levels) == len(y) - len(held_out)


def test_a_callable_that_is_to_be_maximised_is_maximised():
    """XGBoost minimises every callable metric: early stopping on F1 picks the worst round."""
    for scoring in ("f1", make_scorer(f1_score), f1_score):
        model = stopping(scoring=scoring).fit(X, y)
        scores = next(v for k, v in model.evals_result_["validation"].items() if k != "logloss")
        assert model.best_score_ == max(scores)
        assert model.best_iteration_ == int(np.argmax(scores))
    held_out = model.validation_rows_
    assert f1_score(y[held_out], model.predict(X[held_out])) == pytest.approx(model.best_score_)


@pytest.mark.parametrize(
    ("scoring", "best"),
    [
        ("auc", max), ("aucpr", max), ("error", min), ("error@0.7", min), ("logloss", min),
        ("rmse", min), ("mape", min), ("map", max), ("roc_auc", max), ("neg_log_loss", max),
        ("accuracy", max), (log_loss, min), (roc_auc_score, max),
    ],
)  # fmt: skip
def test_every_metric_has_its_direction(scoring, best):
    model = stopping(scoring=scoring, n_estimators=12).fit(X, y)
    name = scoring if isinstance(scoring, str) else scoring.__name__
    assert model.best_score_ == best(model.evals_result_["validation"][name])


AMOUNTS = np.exp(X[:, 0] + 0.1 * np.random.default_rng(0).normal(size=len(y)))
COINS = np.random.default_rng(0).integers(0, 4, len(y))
JUDGED = {
    "squared": (AMOUNTS, ["rmse", "rmsle", "mae", "mape", "mphe"]),
    "logistic": (
        COINS % 2,
        ["logloss", "error", "error@0.4", "auc", "aucpr", "ndcg", "map", "pre@99"],
    ),
    "softmax": (COINS, ["mlogloss", "merror", "auc"]),
    "poisson": (np.floor(AMOUNTS), ["poisson-nloglik"]),
    "gamma": (AMOUNTS, ["gamma-nloglik", "gamma-deviance"]),
    "tweedie": (AMOUNTS, ["tweedie-nloglik@1.5"]),
    "quantile": (AMOUNTS, ["quantile"]),
}
"""Targets and metrics of XGBoost by objective."""


@pytest.mark.parametrize(
    ("objective", "metric"), [(one, metric) for one in JUDGED for metric in JUDGED[one][1]]
)
def test_a_model_of_more_rounds_is_the_better_by_every_metric_on_what_it_learned(objective, metric):
    targets = JUDGED[objective][0]
    model = GradientBoosting(40, objective=objective, scoring=metric, early_stopping=False)
    scores = model.fit(X, targets, X_val=X, y_val=targets).evals_result_["validation"][metric]
    assert model.best_iteration_ > 2
    assert model.best_score_ == scores[model.best_iteration_]


@pytest.mark.parametrize(
    ("scoring", "name"),
    [("roc_auc", "auc"), (roc_auc_score, "auc"), (log_loss, "logloss")],
)
def test_our_scores_and_xgboosts_agree(scoring, name):
    """XGBoost's own test of a callable eval_metric, log_loss, with weights of validation rows."""
    weights = np.random.default_rng(0).choice([1, 2], 200)
    given = {"X_val": X[400:], "y_val": y[400:], "sample_weight_val": weights}
    ours, theirs = (
        GradientBoostingClassifier(12, scoring=one, **FAST).fit(X[:400], y[:400], **given)
        for one in (scoring, name)
    )
    np.testing.assert_allclose(
        ours.evals_result_["validation"][getattr(scoring, "__name__", scoring)],
        theirs.evals_result_["validation"][name],
        atol=1e-6,
    )


def test_a_metric_whose_direction_nobody_knows_is_refused():
    def profit(y_true, y_pred):
        return 0.0

    with pytest.raises(ValueError, match="make_scorer"):
        stopping(scoring=profit).fit(X, y)


@pytest.mark.parametrize("scoring", ["map", "ndcg", "pre@32"])
def test_a_metric_of_ranked_lists_has_no_weights_of_rows(scoring):
    """XGBoost takes all rows for one list, and crashes over weights that are not one."""
    weights = np.ones(len(y))
    stopping(scoring=scoring, n_estimators=2).fit(X, y)
    for more, given in (
        ({}, {"sample_weight": weights}),
        ({"class_weight": "balanced"}, {}),
        ({}, {"eval_set": [(X, y, weights)]}),
    ):
        with pytest.raises(ValueError, match="scoring must not rank all rows as one list"):
            stopping(scoring=scoring, n_estimators=2, **more).fit(X, y, **given)


def test_a_regression_is_judged_by_any_score():
    values = X[:, 0] * 3 + np.random.default_rng(0).normal(size=len(y))
    for scoring in ("r2", "neg_mean_absolute_error", mean_absolute_error, "mae", None):
        model = GradientBoostingRegressor(30, early_stopping=True, scoring=scoring, **FAST)
        assert model.fit(X, values).score(X, values) > 0.5
    assert set(model.evals_result_["validation"]) == {"rmse"}


def test_weights_and_class_weights_apply_to_the_rows_held_out():
    weights = np.random.default_rng(1).uniform(0.1, 3, len(y))
    model = stopping(scoring="neg_log_loss", class_weight={0: 1.0, 1: 5.0})
    model.fit(X, y, sample_weight=weights)
    held_out = model.validation_rows_
    by_class = np.where(y == 1, 5.0, 1.0) * weights
    expected = log_loss(
        y[held_out], model.predict_proba(X[held_out]), sample_weight=by_class[held_out]
    )
    assert -model.best_score_ == pytest.approx(expected, rel=1e-5)
    losses = model.evals_result_["validation"]
    np.testing.assert_allclose(losses["logloss"], -np.array(losses["neg_log_loss"]), rtol=1e-4)


def test_class_weights_apply_to_validation_rows_that_are_given_too():
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    weights = np.random.default_rng(1).uniform(0.1, 3, 200)
    model = GradientBoostingClassifier(20, class_weight="balanced", **FAST)
    model.fit(X[:400], three[:400], X_val=X[400:], y_val=three[400:], sample_weight_val=weights)
    by_class = 400 / (3 * np.bincount(three[:400]))
    expected = log_loss(
        three[400:], model.predict_proba(X[400:]), sample_weight=weights * by_class[three[400:]]
    )
    assert model.best_score_ == pytest.approx(expected, rel=1e-5)


def test_validation_rows_can_be_given():
    learnt, others = slice(0, 400), slice(400, None)
    weights = np.random.default_rng(1).uniform(0.1, 3, 200)
    model = GradientBoostingClassifier(**FAST)
    model.fit(X[learnt], y[learnt], X_val=X[others], y_val=y[others], sample_weight_val=weights)
    expected = log_loss(y[others], model.predict_proba(X[others]), sample_weight=weights)
    assert model.best_score_ == pytest.approx(expected, rel=1e-5)
    assert not hasattr(model, "validation_rows_")


def test_eval_set_works_as_xgboosts_does():
    sets = [(X[:400], y[:400]), (X[400:], y[400:])]
    model = GradientBoostingClassifier(**FAST).fit(X[:400], y[:400], eval_set=sets)
    assert list(model.evals_result_) == ["training", "validation_0", "validation_1"]
    np.testing.assert_allclose(
        model.evals_result_["training"]["logloss"], model.evals_result_["validation_0"]["logloss"]
    )
    assert model.best_score_ == min(model.evals_result_["validation_1"]["logloss"])
    same = GradientBoostingClassifier(**FAST).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))


def test_validation_rows_are_only_watched_without_early_stopping():
    model = GradientBoostingClassifier(40, early_stopping=False, **FAST)
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert model.n_estimators_ == 40
    assert model.best_iteration_ < 39
    plain = GradientBoostingClassifier(40, **FAST).fit(X[:400], y[:400])
    np.testing.assert_array_equal(plain.predict_proba(X), model.predict_proba(X))
    assert not hasattr(plain, "evals_result_")


@pytest.mark.parametrize(
    "given",
    [
        {"X_val": X},
        {"y_val": y},
        {"sample_weight_val": np.ones(3)},
        {"X_val": X, "y_val": y, "eval_set": [(X, y)]},
        {"eval_set": []},
        {"eval_set": [X]},
        {"X_val": X[:, :3], "y_val": y},
        {"X_val": X, "y_val": y[:9]},
        {"groups": [1, 2]},
    ],
)
def test_validation_rows_given_amiss_are_refused(given):
    with pytest.raises(ValueError, match=r"X_val|eval_set|features|inconsistent|groups"):
        stopping().fit(X, y, **given)


def test_early_stopping_by_itself_begins_with_many_rows():
    """Where the number of rounds is left open: who says it gets as many, from all the rows."""
    many = np.tile(X, (4, 1)), np.tile(y, 4)
    assert not hasattr(GradientBoostingClassifier().fit(X, y), "best_iteration_")
    assert not hasattr(GradientBoostingClassifier(3).fit(*many), "best_iteration_")
    assert hasattr(GradientBoostingClassifier().fit(*many), "best_iteration_")


# ---------------------------------------------------------------------------------------------
# Which rows


def test_rows_are_held_out_by_class():
    rare = np.where(np.arange(300) < 20, "rare", "common")
    model = stopping(n_estimators=3, validation_fraction=0.2)
    model.fit(X[:300], rare)
    held_out = rare[model.validation_rows_]
    assert (held_out == "rare").sum() == 4
    assert len(held_out) == 60


def test_a_class_of_one_row_stays_with_the_learner():
    labels = np.array(["only"] + ["a", "b"] * 50)
    for seed in range(5):
        model = stopping(n_estimators=3, scoring="neg_log_loss").set_params(random_state=seed)
        model.fit(X[:101], labels)
        assert 0 not in model.validation_rows_
        assert model.predict_proba(X[:5]).shape == (5, 3)


def test_groups_stay_together():
    groups = np.repeat(np.arange(60), 10)
    model = stopping(n_estimators=3, validation_fraction=0.15).fit(X, y, groups=groups)
    held_out = set(groups[model.validation_rows_])
    learnt = set(np.delete(groups, model.validation_rows_))
    assert not held_out & learnt
    assert len(held_out) == 9
    with pytest.raises(ValueError, match="at least 2 groups"):
        stopping().fit(X, y, groups=np.zeros(600))


def test_the_latest_rows_are_held_out_of_a_history():
    model = stopping(n_estimators=3, validation_split="latest", validation_fraction=0.25)
    model.fit(X, y)
    assert model.validation_rows_.tolist() == list(range(450, 600))
    by_name = np.repeat(np.arange(60)[::-1], 10)
    model.fit(X, y, groups=by_name)
    assert model.validation_rows_.tolist() == list(range(450, 600))


@pytest.mark.parametrize("seed", range(20))
def test_the_split_keeps_its_promises(seed):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 5, int(rng.integers(12, 200)))
    fraction = rng.uniform(0.05, 0.6)
    rows = validation_rows(len(codes), fraction, rng, codes=codes)
    assert len(np.unique(rows)) == len(rows)
    assert (np.diff(rows) > 0).all()
    learnt = np.delete(codes, rows)
    assert set(learnt) == set(codes)
    assert abs(len(rows) - fraction * len(codes)) <= 5
    for code in set(codes):
        exact = fraction * (codes == code).sum()
        assert abs((codes[rows] == code).sum() - exact) <= 2


def test_two_rows_are_too_few_to_hold_one_out():
    with pytest.raises(ValueError, match="fewer than 2 rows"):
        GradientBoostingRegressor(2, early_stopping=True).fit([[1.0]], [1.0])


@pytest.mark.parametrize("n_rows", [2, 3, 20])
def test_classes_of_one_row_each_leave_none_to_hold_out(n_rows):
    model = GradientBoostingClassifier(5, early_stopping=True)
    with pytest.raises(ValueError, match="early_stopping must be False where no class has two"):
        model.fit(X[:n_rows], [f"row {i}" for i in range(n_rows)])


def test_groups_that_cannot_be_sorted_are_refused():
    groups = np.array(["a", 1] * (len(X) // 2), dtype=object)
    with pytest.raises(ValueError, match="groups must hold values that can be sorted"):
        GradientBoostingClassifier(5, early_stopping=True).fit(X, y, groups=groups)


def test_rows_of_weight_zero_are_nowhere():
    weights = np.ones(600)
    weights[::3] = 0
    model = stopping(n_estimators=3).fit(X, y, sample_weight=weights)
    assert (weights[model.validation_rows_] > 0).all()
    expected = stopping(n_estimators=3).fit(X[weights > 0], y[weights > 0], np.ones(400))
    np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


# ---------------------------------------------------------------------------------------------
# The gap, and training once more


def test_it_stops_before_the_gap_opens_further():
    wide = GradientBoostingClassifier(60, early_stopping=False, **FAST)
    wide.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    losses = wide.evals_result_
    gaps = np.subtract(losses["validation"]["logloss"], losses["training"]["logloss"])
    allowed = int(np.argmax(gaps > 0.05))
    assert 1 < allowed < 59
    narrow = GradientBoostingClassifier(
        60, early_stopping=False, max_generalization_gap=0.05, **FAST
    ).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert narrow.n_estimators_ == allowed
    assert narrow.generalization_gap_ == pytest.approx(gaps[allowed - 1])
    assert narrow.generalization_gap_ <= 0.05
    assert len(narrow.evals_result_["validation"]["logloss"]) == allowed + 1


def watched(losses, gaps, **rules):
    """Watch made-up losses on validation rows, and by how much those on training rows are less."""
    watch = Watch(Yardstick("rmse", -1), "rmse", "validation", **rules)
    log = {name: {"rmse": []} for name in ("training", "validation")}
    for n_seen, (loss, gap) in enumerate(zip(losses, gaps, strict=True), start=1):
        log["training"]["rmse"].append(loss - gap)
        log["validation"]["rmse"].append(loss)
        if watch.after_iteration(None, n_seen - 1, log):
            return n_seen, watch.kept(n_seen)
    return n_seen, watch.kept(n_seen)


@pytest.mark.parametrize(
    ("patience", "seen", "kept"),
    [(None, 5, 4), (3, 5, 2), (2, 4, 2), (1, 3, 2)],
)
def test_a_gap_that_is_just_reached_is_allowed_and_the_best_round_before_it_counts(
    patience, seen, kept
):
    """With early stopping the rounds after the best do not stay, however the end came."""
    losses, gaps = [4.0, 2.0, 3.0, 3.0, 1.0, 0.5], [0.0, 0.25, 0.5, 0.5, 0.75, 0.75]
    found = watched(losses, gaps, patience=patience, tol=0.0, widest=0.5)
    assert found == (seen, kept)


def test_rounds_whose_score_is_nan_are_waited_for_as_long_as_others():
    nan = float("nan")
    losses, gaps = [nan, nan, 3.0, 2.0, 4.0, 4.0, 1.0], [0.0] * 7
    assert watched(losses, gaps, patience=2, tol=0.0, widest=None) == (6, 4)


def test_the_gap_alone_holds_rows_out():
    model = GradientBoostingClassifier(60, max_generalization_gap=0.05, **FAST).fit(X, y)
    assert model.generalization_gap_ <= 0.05
    assert hasattr(model, "validation_rows_")


def test_refitting_trains_on_all_rows_with_more_rounds():
    found = stopping(validation_fraction=0.25).fit(X, y)
    again = stopping(validation_fraction=0.25, refit=True).fit(X, y)
    rounds = round(found.n_estimators_ * 600 / 450)
    assert again.n_estimators_ == rounds
    assert again.best_iteration_ == found.best_iteration_
    assert again.evals_result_ == found.evals_result_
    fixed = GradientBoostingClassifier(rounds, **FAST).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), fixed.predict_proba(X))


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_seeds_that_stop_apart_are_one_model(booster, seed):
    """Each seed stops by itself; the stages go on until the last of them, and end at `predict`."""
    given = {"n_seeds": 3, "subsample": 0.5, "booster": booster, "random_state": seed}
    model = stopping(n_estimators=60, **given).fit(X, y)
    rounds = [one.num_boosted_rounds() for one in model.boosters_]
    assert len(set(rounds)) > 1
    assert model.n_estimators_ == max(rounds)
    stages = list(model.staged_predict_proba(X))
    assert len(stages) == max(rounds)
    np.testing.assert_array_equal(stages[-1], model.predict_proba(X))


def test_seeds_that_stopped_apart_come_level_in_a_warm_start():
    given = {"n_seeds": 3, "subsample": 0.5}
    model = stopping(n_estimators=60, **given).fit(X, y)
    model.set_params(warm_start=True, early_stopping=False, n_estimators=80).fit(X, y)
    assert [one.num_boosted_rounds() for one in model.boosters_] == [80, 80, 80]


def test_rounds_are_scaled_to_the_nearest_number():
    found = [SimpleNamespace(n_rounds=n) for n in (7, 9)]
    assert [rounds_again(found, 100, n) for n in (100, 94, 93, 75)] == [8, 9, 9, 11]
    assert rounds_again([SimpleNamespace(n_rounds=0)], 100, 90) == 1


def test_refitting_learns_the_levels_of_the_rows_that_were_held_out():
    frame = pd.DataFrame({"a": X[:, 0], "level": [f"l{i}" for i in range(len(y))]})
    model = stopping(min_category_count=1, refit=True).fit(frame, y)
    assert len(model._columns.levels[1]) == len(y)


def test_refitting_takes_the_mean_of_what_the_seeds_found():
    given = {"n_seeds": 3, "subsample": 0.5, "n_estimators": 60}
    found = [one.num_boosted_rounds() for one in stopping(**given).fit(X, y).boosters_]
    again = stopping(refit=True, **given).fit(X, y)
    assert len(set(found)) > 1
    expected = round(np.mean(found) * 600 / 540)
    assert [one.num_boosted_rounds() for one in again.boosters_] == [expected] * 3


def test_rows_given_for_validation_are_never_trained_on():
    """Not even with refit: a bag hands its out-of-bag rows over, and must not find them learned."""
    kept = stopping(refit=True).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    plain = stopping().fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    np.testing.assert_array_equal(kept.predict_proba(X), plain.predict_proba(X))


def test_a_bag_hands_its_members_their_rows():
    bag = BaggingClassifier(
        GradientBoostingClassifier(**FAST), 3, early_stopping=True, random_state=0
    ).fit(X, y)
    assert all(member.n_estimators_ < 2000 for member in bag.estimators_)


def test_added_rounds_are_judged_among_themselves_as_xgboosts_own_are():
    """The model is past its best already: the first round that is added is kept all the same."""
    model = GradientBoostingClassifier(80, warm_start=True, **FAST | {"learning_rate": 0.3})
    before = model.fit(X[:400], y[:400]).booster_.copy()
    there = log_loss(y[400:], model.predict_proba(X[400:]))
    model.set_params(n_estimators=200, early_stopping=True)
    model.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    matrix = xgboost.QuantileDMatrix(X[:400], y[:400])
    other = xgboost.QuantileDMatrix(X[400:], y[400:], ref=matrix)
    given = {"objective": "binary:logistic", "max_depth": 4, "eta": 0.3, "eval_metric": "logloss"}
    theirs = xgboost.train(
        given,
        matrix,
        120,
        evals=[(other, "validation")],
        early_stopping_rounds=5,
        xgb_model=before,
        verbose_eval=False,
    )
    assert model.best_iteration_ == theirs.best_iteration == model.n_estimators_ - 1 >= 80
    assert model.best_score_ == pytest.approx(theirs.best_score)
    if xgboost.__version__.startswith("3.2"):  # other trees later on
        assert model.best_iteration_ == 80
        assert model.best_score_ > there


def test_what_an_earlier_fit_left_is_gone():
    model = stopping().fit(X, y)
    model.set_params(early_stopping=False, n_estimators=3).fit(X, y)
    for name in ("evals_result_", "best_iteration_", "best_score_", "validation_rows_"):
        assert not hasattr(model, name)


def test_a_small_improvement_counts_only_beyond_tol():
    exact = stopping().fit(X, y)
    coarse = stopping(tol=0.02).fit(X, y)
    assert coarse.n_estimators_ < exact.n_estimators_


def test_a_score_that_is_nan_in_every_round_is_an_error():
    def nothing(estimator, rows, y):
        return float("nan")

    with pytest.raises(ValueError, match="scoring must be defined"):
        stopping(scoring=nothing).fit(X, y)


def test_the_task_is_inferred_with_early_stopping_too():
    labels = np.array(["no", "yes"])[y]
    model = GradientBoosting(early_stopping=True, scoring="f1_macro", **FAST).fit(X, labels)
    assert model.task_ == "classification"
    assert set(model.predict(X)) == {"no", "yes"}
