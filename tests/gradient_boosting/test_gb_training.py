"""Training: XGBoost's own trees, for every objective; what is asked of them."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.special import expit, softmax
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import NotFittedError

from ensembles import GradientBoosting, GradientBoostingClassifier, GradientBoostingRegressor
from ensembles.gradient_boosting.settings import dropping_booster

rng = np.random.default_rng(0)
X, Y = make_regression(300, 6, noise=5.0, random_state=0)
X[::11, 2] = np.nan
XC, C3 = make_classification(300, 6, n_informative=4, n_classes=3, random_state=0)
WEIGHTS = rng.uniform(0.5, 2.0, 300)
ROUNDS = 12
SAME = {
    "learning_rate": 0.2,
    "max_depth": 3,
    "colsample_bynode": 0.5,
    "reg_lambda": 2.0,
    "reg_alpha": 0.1,
    "min_child_weight": 2.0,
    "subsample": 0.8,
    "max_bin": 64,
}
TARGETS = {
    "squared": ("reg:squarederror", Y, {}),
    "absolute": ("reg:absoluteerror", Y, {}),
    "huber": ("reg:pseudohubererror", Y, {}),
    "poisson": ("count:poisson", np.round(np.abs(Y) / 10), {}),
    "gamma": ("reg:gamma", np.abs(Y) + 1, {}),
    "tweedie": ("reg:tweedie", np.maximum(Y, 0), {}),
    "squared_log": ("reg:squaredlogerror", np.abs(Y), {}),
    "fraction": ("reg:logistic", expit(Y / 50), {}),
    "quantile": ("reg:quantileerror", Y, {"quantile_alpha": 0.5}),
}


def trained(objective, table, y, weights=None, **more):
    """What a user of XGBoost writes."""
    matrix = xgboost.QuantileDMatrix(table, y, weight=weights, max_bin=64)
    return xgboost.train(
        {"objective": objective, "seed": 3, "nthread": 1, **SAME, **more}, matrix, ROUNDS
    )


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_regression_is_xgboosts_to_the_last_bit(name, weights):
    objective, y, more = TARGETS[name]
    ours = GradientBoostingRegressor(ROUNDS, objective=name, random_state=3, **SAME)
    ours.fit(X, y, sample_weight=weights)
    theirs = trained(objective, X, y, weights, **more)
    np.testing.assert_array_equal(ours.predict(X), theirs.inplace_predict(X))
    np.testing.assert_array_equal(ours.predict(X), ours.booster_.inplace_predict(X))


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_a_classification_is_xgboosts_to_the_last_bit(weights):
    two = GradientBoostingClassifier(ROUNDS, random_state=3, **SAME).fit(XC, C3 > 0, weights)
    theirs = trained("binary:logistic", XC, C3 > 0, weights)
    np.testing.assert_array_equal(two.predict_proba(XC)[:, 1], theirs.inplace_predict(XC))
    three = GradientBoostingClassifier(ROUNDS, random_state=3, **SAME).fit(XC, C3, weights)
    theirs = trained("multi:softprob", XC, C3, weights, num_class=3)
    np.testing.assert_array_equal(three.predict_proba(XC), theirs.inplace_predict(XC))
    margins = theirs.inplace_predict(XC, predict_type="margin")
    np.testing.assert_array_equal(three.decision_function(XC), margins)


def test_two_classes_may_have_a_score_each():
    model = GradientBoostingClassifier(ROUNDS, objective="softmax", random_state=3, **SAME)
    model.fit(XC, C3 > 0)
    theirs = trained("multi:softprob", XC, C3 > 0, num_class=2)
    np.testing.assert_array_equal(model.predict_proba(XC), theirs.inplace_predict(XC))
    assert set(model.predict(XC)) == {False, True}


def test_xgboosts_names_of_objectives_are_known_too():
    ours = GradientBoostingRegressor(ROUNDS, objective="count:poisson", **SAME, random_state=3)
    y = TARGETS["poisson"][1]
    theirs = trained("count:poisson", X, y)
    np.testing.assert_array_equal(ours.fit(X, y).predict(X), theirs.inplace_predict(X))


@pytest.mark.parametrize(
    ("objective", "y", "rule"),
    [
        ("poisson", -np.ones(300), "y must lie in"),
        ("gamma", np.zeros(300), "y must lie in"),
        ("fraction", np.full(300, 2.0), "y must lie in"),
        ("poison", np.ones(300), "Did you mean 'poisson'"),
        ("logistic", Y, "objective must be one of"),
    ],
)
def test_an_objective_says_which_targets_it_is_defined_for(objective, y, rule):
    with pytest.raises(ValueError, match=rule):
        GradientBoostingRegressor(objective=objective).fit(X, y)


# ---------------------------------------------------------------------------------------------
# Objectives of the user's own


def squared(y_true, y_pred):
    return y_pred - y_true, np.ones_like(y_pred)


def logistic(y_true, y_pred):
    chance = expit(y_pred)
    return chance - y_true, chance * (1 - chance)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_an_objective_of_ones_own_is_the_built_in_one(weights):
    given = {"base_score": 0.0, "random_state": 3, **SAME}
    own = GradientBoostingRegressor(ROUNDS, objective=squared, **given).fit(X, Y, weights)
    built_in = GradientBoostingRegressor(ROUNDS, **given).fit(X, Y, weights)
    np.testing.assert_allclose(own.predict(X), built_in.predict(X), rtol=1e-4)


def test_an_objective_of_classes_gets_codes_and_margins():
    given = {"base_score": 0.5, "random_state": 3, **SAME}
    labels = np.where(C3 > 0, "yes", "no")
    own = GradientBoostingClassifier(ROUNDS, objective=logistic, **given).fit(XC, labels)
    built_in = GradientBoostingClassifier(ROUNDS, **given).fit(XC, labels)
    np.testing.assert_allclose(own.predict_proba(XC), built_in.predict_proba(XC), atol=1e-5)


def test_an_objective_that_takes_weights_sees_to_them_itself():
    seen = []

    def weighted(y_true, y_pred, sample_weight=None):
        seen.append(sample_weight)
        return (y_pred - y_true) * sample_weight, sample_weight

    GradientBoostingRegressor(2, objective=weighted).fit(X, Y, sample_weight=WEIGHTS)
    np.testing.assert_allclose(seen[0], WEIGHTS, rtol=1e-6)


class Squared:
    """Squared error that tells its loss."""

    def __init__(self, slope=1.0, curve=1.0):
        self.slope, self.curve = slope, curve

    def __call__(self, y_true, y_pred):
        return self.slope * (y_pred - y_true), np.full_like(y_pred, self.curve)

    def loss(self, y_true, y_pred):
        return (y_pred - y_true) ** 2 / 2


@pytest.mark.parametrize("answer", [(0.0, 1.0, 2.0), 3.0])
def test_derivatives_that_are_no_pair_are_told_so_on_request(answer):
    model = GradientBoostingRegressor(2, objective=lambda y, p: answer, check_gradient=True)
    with pytest.raises(ValueError, match="objective must return a pair"):
        model.fit(X, Y)


def test_derivatives_are_held_to_differences_on_request():
    GradientBoostingRegressor(1, objective=Squared(), check_gradient=True).fit(X, Y)
    wrong = Squared(slope=2.0, curve=2.0)
    GradientBoostingRegressor(1, objective=wrong).fit(X, Y)
    with pytest.raises(ValueError, match="gradient that central differences of its loss"):
        GradientBoostingRegressor(1, objective=wrong, check_gradient=True).fit(X, Y)
    with pytest.raises(ValueError, match="hessian that central differences of its gradient"):
        GradientBoostingRegressor(1, objective=Squared(curve=3.0), check_gradient=True).fit(X, Y)

    def right_at_nothing_alone(y_true, y_pred):
        return y_pred - y_true, np.exp(y_pred)

    with pytest.raises(ValueError, match="hessian that central differences of its gradient"):
        GradientBoostingRegressor(1, objective=right_at_nothing_alone, check_gradient=True).fit(
            X, Y
        )


@pytest.mark.parametrize(
    ("objective", "rule"),
    [
        (lambda y, p: p - y, "pair"),
        (lambda y, p: (p - y, np.ones(3)), "hessian of shape"),
        (lambda y, p: (p * np.nan, np.ones_like(p)), "finite gradient"),
    ],
)
def test_an_objective_that_answers_amiss_is_told_so(objective, rule):
    with pytest.raises(ValueError, match=rule):
        GradientBoostingRegressor(1, objective=objective).fit(X, Y)


def test_label_smoothing_moves_the_labels_and_nothing_else():
    """Two classes: XGBoost on labels in between. Three: the gradient against differences."""
    ours = GradientBoostingClassifier(ROUNDS, label_smoothing=0.2, random_state=3, **SAME)
    ours.fit(XC, C3 > 0)
    theirs = trained("binary:logistic", XC, (C3 > 0) * 0.8 + 0.1)
    np.testing.assert_array_equal(ours.predict_proba(XC)[:, 1], theirs.inplace_predict(XC))


def test_the_gradient_of_smoothed_softmax_is_that_of_its_loss():
    from ensembles.gradient_boosting.objectives import smoothed_softmax

    margins, smoothing, step = rng.normal(size=(9, 3)), 0.3, 1e-5
    codes = np.arange(9) % 3
    matrix = xgboost.DMatrix(np.zeros((9, 1)), codes)
    targets = smoothing / 3 + (1 - smoothing) * np.eye(3)[codes]

    def loss(at):
        return -(targets * np.log(softmax(at, axis=1))).sum(axis=1)

    gradient, hessian = smoothed_softmax(smoothing)(margins, matrix)
    for k in range(3):
        nudge = np.eye(3)[k] * step
        slope = (loss(margins + nudge) - loss(margins - nudge)) / (2 * step)
        np.testing.assert_allclose(gradient[:, k], slope, atol=1e-5)
    chances = softmax(margins, axis=1)
    np.testing.assert_allclose(hessian, 2 * chances * (1 - chances), rtol=1e-5)


def test_softmax_smoothed_by_nothing_is_softmax_and_by_more_is_less_sure():
    plain, soft = (
        GradientBoostingClassifier(ROUNDS, label_smoothing=smoothing, random_state=3, **SAME)
        .fit(XC, C3)
        .predict_proba(XC)
        for smoothing in (0.0, 0.3)
    )
    nearly = GradientBoostingClassifier(ROUNDS, label_smoothing=1e-7, random_state=3, **SAME)
    np.testing.assert_allclose(nearly.fit(XC, C3).predict_proba(XC), plain, atol=1e-3)
    assert soft.max() < plain.max()


# ---------------------------------------------------------------------------------------------
# Quantiles


@pytest.mark.parametrize("seed", range(5))
def test_quantiles_never_cross_and_cover(seed):
    draw = np.random.default_rng(seed)
    table = draw.uniform(-2, 2, (600, 2))
    y = table[:, 0] + draw.normal(scale=0.3 + np.abs(table[:, 0]))
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    model = GradientBoosting(60, quantiles=levels, random_state=seed).fit(table, y)
    answers, interval = model.predict(table), model.predict_interval(table)
    assert answers.shape == (600, 5)
    assert interval.shape == (600, 2)
    assert (np.diff(answers, axis=1) >= 0).all()
    np.testing.assert_array_equal(interval, answers[:, [0, -1]])
    covered = (interval[:, 0] <= y) & (y <= interval[:, 1])
    assert 0.8 < covered.mean() < 0.97


def test_quantiles_are_xgboosts_put_in_order():
    model = GradientBoostingRegressor(ROUNDS, quantiles=[0.1, 0.5, 0.9], random_state=3, **SAME)
    theirs = trained("reg:quantileerror", X, Y, quantile_alpha=[0.1, 0.5, 0.9])
    expected = np.sort(theirs.inplace_predict(X), axis=1)
    np.testing.assert_array_equal(model.fit(X, Y).predict(X), expected)
    assert 0 < model.score(X, Y) < 1


@pytest.mark.parametrize("quantiles", [[0.9, 0.1], [0.0, 0.5], [], "abc", [0.5, 0.5]])
def test_quantiles_ascend_between_0_and_1(quantiles):
    with pytest.raises(ValueError, match="quantiles must be"):
        GradientBoostingRegressor(quantiles=quantiles).fit(X, Y)


def test_an_interval_needs_two_quantiles():
    assert not hasattr(GradientBoostingRegressor(), "predict_interval")
    model = GradientBoostingRegressor(2, quantiles=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="at least 2"):
        model.predict_interval(X)


# ---------------------------------------------------------------------------------------------
# Constraints, DART, seeds, several outputs


@pytest.mark.parametrize("given", [{"b": -1}, [0, -1, 0], "(0,-1,0)", {1: -1}])
def test_a_monotonic_constraint_is_kept(given):
    import pandas as pd

    table = rng.normal(size=(400, 3))
    y = np.sin(3 * table[:, 1]) + table[:, 0]
    frame = pd.DataFrame(table, columns=["a", "b", "c"])
    model = GradientBoostingRegressor(40, monotone_constraints=given).fit(frame, y)
    grid = pd.DataFrame({"a": 0.3, "b": np.linspace(-2, 2, 60), "c": 0.1})
    assert (np.diff(model.predict(grid)) <= 1e-6).all()


@pytest.mark.parametrize(
    "given",
    [
        {"objective": "absolute"},
        {"objective": "quantile", "min_child_weight": 0},
        {"quantiles": [0.1, 0.9]},
        {"multi_strategy": "multi_output_tree"},
    ],
)
def test_a_monotonic_constraint_is_kept_or_refused(given):
    """XGBoost before 3.4 breaks them in silence where leaves are quantiles."""
    table = rng.uniform(size=(1000, 2))
    y = 5 * table[:, 0] + np.sin(10 * np.pi * table[:, 0]) - 5 * table[:, 1]
    y = np.column_stack([y, -y]) if "multi_strategy" in given else y
    model = GradientBoostingRegressor(16, learning_rate=0.3, **given)
    model.set_params(monotone_constraints=[0, 0]).fit(table, y)
    model.set_params(monotone_constraints=[1, 0])
    if tuple(map(int, xgboost.__version__.split(".")[:2])) < (3, 4):
        with pytest.raises(ValueError, match="monotone_constraints must be None with"):
            model.fit(table, y)
        return
    grid = np.column_stack([np.linspace(0, 1, 100), np.full(100, 0.5)])
    assert (np.diff(model.fit(table, y).predict(grid), axis=0) >= 0).all()


def test_columns_interact_only_where_they_may():
    import pandas as pd

    draw = np.random.default_rng(0)
    table = pd.DataFrame(draw.uniform(-1, 1, size=(500, 3)), columns=["a", "b", "c"])
    y = 2.0 * ((table["a"] > 0) & (table["b"] > 0)) + table["c"]
    free = GradientBoostingRegressor(60, max_depth=3, colsample_bynode=1.0).fit(table, y)
    apart = GradientBoostingRegressor(
        60, max_depth=3, interaction_constraints=[["a"], ["b", "c"]]
    ).fit(table, y)

    def interaction(model):
        corners = pd.DataFrame(
            [[i, j, 0.0] for i in (-0.8, 0.8) for j in (-0.8, 0.8)], columns=["a", "b", "c"]
        )
        low_low, low_high, high_low, high_high = model.predict(corners)
        return abs(high_high - high_low - low_high + low_low)

    assert interaction(free) > 0.5
    assert interaction(apart) < 1e-4


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("monotone_constraints", {"nope": 1}),
        ("monotone_constraints", [1, 1]),
        ("monotone_constraints", [2] * 6),
        ("monotone_constraints", {1.5: 1}),
        ("monotone_constraints", {1: "up"}),
        ("monotone_constraints", "up"),
        ("monotone_constraints", 3),
        ("interaction_constraints", 3),
        ("interaction_constraints", "[[0, 1"),
        ("interaction_constraints", [0, 1]),
        ("interaction_constraints", [["nope"]]),
        ("interaction_constraints", [[99]]),
    ],
)
def test_a_constraint_on_no_column_is_refused(parameter, value):
    with pytest.raises(ValueError, match=parameter):
        GradientBoostingRegressor(2, **{parameter: value}).fit(X, Y)


def test_what_xgboost_does_not_do_with_categories_is_refused():
    """XGBoost stops with the name of a file of its own, or goes on as if nothing had been asked."""
    import pandas as pd

    frame = pd.DataFrame({"size": X[:, 0], "city": np.where(X[:, 1] > 0, "Rome", "Oslo")})
    both = np.column_stack([Y, -Y])
    with pytest.raises(ValueError, match=r"multi_strategy must be 'one_output_per_tree'.*'city'"):
        GradientBoostingRegressor(2, multi_strategy="multi_output_tree").fit(frame, both)
    with pytest.raises(ValueError, match=r"monotone_constraints must be 0 .* 1 for 'city'"):
        GradientBoostingRegressor(2, monotone_constraints={"city": 1}).fit(frame, Y)
    GradientBoostingRegressor(2, monotone_constraints={"size": 1, "city": 0}).fit(frame, Y)


def test_dart_is_xgboosts():
    """By the name that its version has for it: "dart" warns from XGBoost 3.4 on."""
    given = {"rate_drop": 0.3, "skip_drop": 0.2}
    ours = GradientBoostingRegressor(ROUNDS, booster="dart", random_state=3, **given, **SAME)
    ours.fit(X, Y)
    theirs = trained("reg:squarederror", X, Y, booster=dropping_booster(), **given)
    np.testing.assert_array_equal(ours.predict(X), theirs.inplace_predict(X))


def test_dart_that_stops_early_is_the_model_as_it_was_then():
    """Later rounds scale earlier trees: cutting them off would leave trees that are too small."""
    given = {"booster": "dart", "rate_drop": 0.5, "skip_drop": 0.0, "random_state": 0}
    y = Y + rng.normal(scale=300, size=300)
    stopped = GradientBoostingRegressor(60, n_iter_no_change=5, **given, **SAME)
    stopped.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    rounds = stopped.n_estimators_
    assert rounds < len(stopped.evals_result_["validation"]["rmse"])
    fresh = GradientBoostingRegressor(rounds, early_stopping=False, **given, **SAME)
    fresh.fit(X[:200], y[:200])
    np.testing.assert_array_equal(stopped.predict(X), fresh.predict(X))
    rmse = np.sqrt(np.mean((stopped.predict(X[200:]) - y[200:]) ** 2))
    assert rmse == pytest.approx(stopped.best_score_, rel=1e-5)


def test_seeds_are_averaged():
    model = GradientBoostingRegressor(ROUNDS, n_seeds=3, random_state=3, **SAME).fit(X, Y)
    assert len(model.boosters_) == 3
    alone = [booster.inplace_predict(X).astype(float) for booster in model.boosters_]
    assert not np.array_equal(alone[0], alone[1])
    np.testing.assert_array_equal(alone[0], trained("reg:squarederror", X, Y).inplace_predict(X))
    np.testing.assert_array_equal(model.predict(X), np.mean(alone, axis=0).astype(np.float32))
    classifier = GradientBoostingClassifier(ROUNDS, n_seeds=2, random_state=3, **SAME).fit(XC, C3)
    np.testing.assert_allclose(classifier.predict_proba(XC).sum(axis=1), 1, rtol=1e-6)


def test_seeds_share_one_quantile_matrix(monkeypatch):
    made = []

    class Counted(xgboost.QuantileDMatrix):
        def __init__(self, *arguments, **keywords):
            made.append(1)
            super().__init__(*arguments, **keywords)

    monkeypatch.setattr(xgboost, "QuantileDMatrix", Counted)
    GradientBoostingRegressor(2, n_seeds=4, subsample=0.5).fit(X, Y)
    assert made == [1]


def test_several_targets_are_learned_at_once():
    both = np.column_stack([Y, -Y])
    model = GradientBoostingRegressor(ROUNDS, **SAME, random_state=3).fit(X, both)
    assert model.predict(X).shape == (300, 2)
    theirs = trained("reg:squarederror", X, both)
    np.testing.assert_array_equal(model.predict(X), theirs.inplace_predict(X))


# ---------------------------------------------------------------------------------------------
# Going on


def test_a_warm_start_adds_rounds_to_those_there_are():
    plain = {"learning_rate": 0.2, "max_depth": 3, "colsample_bynode": 1.0}
    model = GradientBoostingRegressor(10, warm_start=True, **plain).fit(X, Y)
    model.set_params(n_estimators=25).fit(X, Y)
    cold = GradientBoostingRegressor(25, **plain).fit(X, Y)
    assert model.n_estimators_ == 25
    np.testing.assert_allclose(model.predict(X), cold.predict(X), rtol=1e-4, atol=1e-3)
    with pytest.raises(ValueError, match="n_estimators must be >= 25"):
        model.set_params(n_estimators=20).fit(X, Y)
    assert model.n_estimators_ == 25


def test_a_model_goes_on_from_another(tmp_path):
    plain = {"learning_rate": 0.2, "max_depth": 3, "colsample_bynode": 1.0}
    first = GradientBoostingRegressor(10, **plain).fit(X, Y)
    first.save_model(tmp_path / "first.model")
    first.booster_.save_model(tmp_path / "first.ubj")
    starts = [first, first.booster_, tmp_path / "first.model", str(tmp_path / "first.ubj")]
    ends = [GradientBoostingRegressor(5, **plain).fit(X, Y, init_model=start) for start in starts]
    for end in ends:
        assert end.n_estimators_ == 15
        np.testing.assert_array_equal(end.predict(X), ends[0].predict(X))
    assert first.n_estimators_ == 10
    with pytest.raises(ValueError, match="init_model must be"):
        GradientBoostingRegressor(5).fit(X, Y, init_model=3)
    with pytest.raises(ValueError, match="init_model must have"):
        GradientBoostingRegressor(5).fit(X[:, :4], Y, init_model=first)


def test_several_seeds_go_on_from_one_model():
    one = GradientBoostingRegressor(4, subsample=0.5, random_state=0).fit(X, Y)
    two = GradientBoostingRegressor(3, subsample=0.5, n_seeds=2).fit(X, Y, init_model=one)
    first, second = (booster[:4].inplace_predict(X) for booster in two.boosters_)
    np.testing.assert_array_equal(first, one.predict(X))
    np.testing.assert_array_equal(second, one.predict(X))
    assert [booster.num_boosted_rounds() for booster in two.boosters_] == [7, 7]
    with pytest.raises(ValueError, match="n_seeds must be 2, as in init_model; got 3"):
        GradientBoostingRegressor(3, n_seeds=3).fit(X, Y, init_model=two)


def test_going_on_keeps_the_classes():
    labels = np.array(["a", "b", "c"])[C3]
    first = GradientBoostingClassifier(5).fit(XC, labels)
    only = labels != "c"
    second = GradientBoostingClassifier(5).fit(XC[only], labels[only], init_model=first)
    assert second.classes_.tolist() == ["a", "b", "c"]
    assert second.predict_proba(XC).shape == (300, 3)
    with pytest.raises(ValueError, match=r"y must hold classes that init_model holds"):
        GradientBoostingClassifier(5).fit(XC, np.where(only, "d", labels), init_model=first)


@pytest.mark.parametrize(
    "more", [{"subsample": 0.3}, {"colsample_bytree": 0.5}, {"n_seeds": 2, "subsample": 0.3}]
)
def test_a_round_that_is_added_draws_rows_and_columns_of_its_own(more):
    """XGBoost starts its generator anew: round by round, every tree had learned from one sample."""
    model = GradientBoostingRegressor(
        1, max_depth=2, learning_rate=1e-6, warm_start=True, random_state=0, **more
    )
    for n_estimators in range(1, 6):
        model.set_params(n_estimators=n_estimators).fit(X, Y)
    for booster in model.boosters_:
        trees = booster.trees_to_dataframe()
        assert len({tuple(tree["Cover"]) for _, tree in trees.groupby("Tree")}) > 2
    again = GradientBoostingRegressor(
        1, max_depth=2, learning_rate=1e-6, warm_start=True, random_state=0, **more
    )
    for n_estimators in range(1, 6):
        again.set_params(n_estimators=n_estimators).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), again.predict(X))


STARTS = {
    "values": (GradientBoostingRegressor, Y),
    "counts": (GradientBoostingRegressor, np.round(np.abs(Y) / 10)),
    "classes": (GradientBoostingClassifier, C3 > 0),
    "three classes": (GradientBoostingClassifier, C3),
}


@pytest.mark.parametrize(
    ("first", "second", "settings", "rule"),
    [
        ("classes", "values", {}, "objective must have the link of init_model"),
        ("values", "counts", {"objective": "poisson"}, "objective must have the link"),
        ("values", "values", {"quantiles": [0.1, 0.9]}, "init_model must have 2 outputs"),
        ("three classes", "values", {}, "objective must have the link"),
    ],
)
def test_a_model_of_another_scale_is_not_gone_on_from(first, second, settings, rule):
    kind, y = STARTS[first]
    start = kind(3).fit(X, y)
    kind, y = STARTS[second]
    for one in (start, start.booster_):
        with pytest.raises(ValueError, match=rule):
            kind(3, **settings).fit(X, y, init_model=one)
    robust = GradientBoostingRegressor(3, objective="absolute")
    assert robust.fit(X, Y, init_model=GradientBoostingRegressor(3).fit(X, Y)).n_estimators_ == 6


def test_a_model_of_other_columns_is_not_gone_on_from(tmp_path):
    import pandas as pd

    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = GradientBoostingRegressor(3, warm_start=True).fit(frame, Y)
    turned = frame[list("fedcba")]
    with pytest.raises(ValueError, match="the model of warm_start must have the columns of X"):
        model.set_params(n_estimators=5).fit(turned, Y)
    with pytest.raises(ValueError, match="the model of warm_start must have 4 columns"):
        model.fit(frame[list("abcd")], Y)
    with pytest.raises(ValueError, match="init_model must have the columns of X"):
        GradientBoostingRegressor(3).fit(turned, Y, init_model=model.booster_)
    with pytest.raises(ValueError, match="init_model must have the columns of X"):
        batches = [(turned[:150], Y[:150]), (turned[150:], Y[150:])]
        GradientBoostingRegressor(3).fit(iter(batches), init_model=model)
    assert model.n_estimators_ == 3
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ValueError, match="init_model must be the path of a model"):
        GradientBoostingRegressor(3).fit(X, Y, init_model=tmp_path / "text")
    with pytest.raises(FileNotFoundError, match="init_model must be the path of a model"):
        GradientBoostingRegressor(3).fit(X, Y, init_model=tmp_path / "nothing")
    lines = xgboost.train({"booster": "gblinear", "verbosity": 0}, xgboost.DMatrix(XC, Y), 2)
    with pytest.raises(ValueError, match="init_model must be a model of trees"):
        GradientBoostingRegressor(3).fit(XC, Y, init_model=lines)


@pytest.mark.parametrize("kind", ["booster", "estimator", "file"])
def test_a_model_that_codes_categories_itself_is_not_gone_on_from(kind, tmp_path):
    """XGBoost stops in the first round, with a trace of C++."""
    frame = pd.DataFrame({"city": pd.Categorical(["Rome", "Oslo", "Bern"] * 100), "x": X[:, 0]})
    model = xgboost.XGBRegressor(n_estimators=2, enable_categorical=True).fit(frame, Y)
    path = tmp_path / "model.ubj"
    model.save_model(path)
    start = {"booster": model.get_booster(), "estimator": model, "file": path}[kind]
    with pytest.raises(ValueError, match="init_model must not be a model of XGBoost's own"):
        GradientBoostingRegressor(2).fit(frame, Y, init_model=start)
    codes = frame.assign(city=frame["city"].cat.codes)
    model = xgboost.XGBRegressor(n_estimators=2).fit(codes, Y)
    assert GradientBoostingRegressor(2).fit(codes, Y, init_model=model).n_estimators_ == 4


def test_a_model_may_go_on_from_itself():
    model = GradientBoostingRegressor(4).fit(X, Y)
    assert model.fit(X, Y, init_model=model).n_estimators_ == 8


# ---------------------------------------------------------------------------------------------
# Parameters


def test_every_parameter_is_said():
    """Nothing is left to XGBoost's defaults, which differ from release to release."""
    from ensembles.gradient_boosting.settings import settings_of, training_parameters

    settings = settings_of(GradientBoostingRegressor())
    said = training_parameters(settings, {"objective": "reg:squarederror"}, "cpu", 0, ["a"])
    from ensembles.gradient_boosting.settings import TREE

    assert set(TREE) <= set(said)
    assert {"device", "nthread", "seed", "objective", "max_delta_step"} <= set(said)


@pytest.mark.parametrize(
    ("params", "near"),
    [
        ({"max_deph": 3}, "max_depth"),
        ({"reg_lamda": 3}, "reg_lambda"),
        ({"huber_slop": 3}, "huber_slope"),
        ({"class_weigth": "balanced"}, "class_weight"),
    ],
)
def test_an_unknown_parameter_is_an_error_that_suggests_the_nearest(params, near):
    with pytest.raises(ValueError, match=f"Did you mean '{near}'"):
        GradientBoostingRegressor(params=params).fit(X, Y)


@pytest.mark.parametrize("names", [("learning_rate", "eta"), ("eta", "learning_rate")])
def test_a_parameter_that_is_said_by_two_names_is_an_error(names):
    """The last of them won, in silence where the first was the default."""
    given = dict(zip(names, (0.1, 0.3), strict=True))
    with pytest.raises(ValueError, match=f"one name; got '{names[0]}' and '{names[1]}'"):
        GradientBoostingRegressor(3, params=given).fit(X, Y)


def test_params_adds_what_is_not_surfaced_and_takes_other_names():
    given = {"huber_slope": 3.0, "eta": 0.2, "lambda": 2.0}
    ours = GradientBoostingRegressor(
        ROUNDS, objective="huber", max_depth=3, colsample_bynode=1.0, params=given
    ).fit(X, Y)
    matrix = xgboost.QuantileDMatrix(X, Y)
    said = {"objective": "reg:pseudohubererror", "max_depth": 3, **given}
    theirs = xgboost.train(said, matrix, ROUNDS)
    np.testing.assert_array_equal(ours.predict(X), theirs.inplace_predict(X))
    with pytest.raises(ValueError, match="params must not contradict learning_rate"):
        GradientBoostingRegressor(learning_rate=0.3, params={"eta": 0.1}).fit(X, Y)
    with pytest.raises(ValueError, match="num_class"):
        GradientBoostingRegressor(params={"num_class": 3}).fit(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_estimators", 0), ("n_estimators", 2.5), ("learning_rate", 0), ("learning_rate", np.inf),
        ("max_depth", -1), ("subsample", 0), ("subsample", 1.5), ("colsample_bynode", "x"),
        ("grow_policy", "leafwise"), ("booster", "gblinear"), ("reg_lambda", -1),
        ("validation_fraction", 1.0), ("label_smoothing", 1.0), ("early_stopping", "yes"),
        ("refit", 1), ("n_seeds", 0), ("tree_method", "exact"), ("verbose", -1),
        ("n_jobs", "all"), ("device", "tpu"), ("missing", "x"), ("params", [1]),
        ("scoring", "acuracy"), ("scoring", "log_los"), ("scoring", 3), ("random_state", "x"),
        ("max_generalization_gap", -1), ("base_score", "x"), ("importance_type", "gains"),
        ("n_jobs", 0), ("base_score", np.nan), ("base_score", [1.0, 2.0]), ("base_score", True),
        ("min_child_weight", 1e300), ("scale_pos_weight", -1), ("scale_pos_weight", np.nan),
        ("scale_pos_weight", "3"), ("scale_pos_weight", 2.0), ("scoring", "MAEE"),
        ("scoring", "mlogloss"), ("scoring", "quantile"),
    ],
)  # fmt: skip
def test_a_parameter_that_breaks_its_rule_is_named(name, value):
    model = GradientBoostingRegressor(2).set_params(**{name: value})
    before = vars(model).copy()
    with pytest.raises(ValueError, match=f"(?i){name}"):
        model.fit(X, Y)
    assert vars(model) == before


def test_a_weight_of_the_second_class_is_for_two_classes_only():
    labels = C3 > 0
    plain = GradientBoostingClassifier(5).fit(XC, labels)
    heavy = GradientBoostingClassifier(5, scale_pos_weight=5.0).fit(XC, labels)
    assert (heavy.predict_proba(XC)[:, 1] >= plain.predict_proba(XC)[:, 1]).mean() > 0.9
    with pytest.raises(ValueError, match=r"scale_pos_weight must be 1 .* class_weight"):
        GradientBoostingClassifier(5, scale_pos_weight=5.0).fit(XC, C3)


@pytest.mark.parametrize(
    ("settings", "y", "rule"),
    [
        ({"objective": "huber", "params": {"huber_slope": 0}}, Y, "huber_slope must be"),
        ({"objective": "poisson", "base_score": -2.0}, Y - Y.min(), r"base_score must lie in \(0"),
        ({"quantiles": [0.1, 0.9]}, np.column_stack([Y, Y]), r"y must be of shape \(n_rows,\)"),
        ({}, Y * 1e300, "y must hold numbers that fit a 32-bit float"),
        ({}, np.where(Y > 0, "much", "little"), "y must hold numbers for a regression"),
        ({"quantiles": [0.1, 0.9], "scoring": "mae"}, Y, "scoring must judge several quantiles"),
    ],
)
def test_what_xgboost_would_stop_at_with_a_stack_trace_is_named(settings, y, rule):
    with pytest.raises(ValueError, match=rule):
        GradientBoostingRegressor(2, **settings).fit(X, y)


def test_a_metric_must_fit_the_classes():
    two = GradientBoostingClassifier(5, early_stopping=True)
    for scoring in ("merror", "mlogloss"):
        with pytest.raises(ValueError, match="scoring must judge one number"):
            two.set_params(scoring=scoring).fit(XC, C3 > 0)
    for scoring in ("logloss", "error", "rmse"):
        with pytest.raises(ValueError, match="scoring must judge a probability for every class"):
            two.set_params(scoring=scoring).fit(XC, C3)
    with pytest.raises(ValueError, match="base_score must lie in"):
        GradientBoostingClassifier(5, base_score=2.0).fit(XC, C3 > 0)
    assert two.set_params(scoring="merror").fit(XC, C3).best_score_ <= 1


def test_an_error_of_a_scorer_says_whose_it_is():
    model = GradientBoostingClassifier(5, early_stopping=True, scoring="f1")
    with pytest.raises(ValueError, match="pos_label") as caught:
        model.fit(XC, np.where(C3 > 0, "yes", "no"))
    assert "scoring='f1'" in caught.value.__notes__[0]


def linear(n_rows=400):
    own = np.random.default_rng(0)
    table = own.normal(size=(n_rows, 5))
    return table, table[:, 0] + 0.5 * own.normal(size=n_rows)


@pytest.mark.parametrize(("scale", "way"), [(1e-4, "Multiply"), (1e20, "Divide")])
def test_targets_too_small_or_large_for_squared_errors_are_pointed_out(scale, way):
    """XGBoost asks a split to gain 1e-6, in the squares of the target's units."""
    table, y = linear()
    model = GradientBoostingRegressor(30, early_stopping=False)
    fair = model.fit(table, y).score(table, y)
    with pytest.warns(UserWarning, match=f"y ranges over .* {way} y or"):
        model.fit(table, scale * y)
    assert model.score(table, scale * y) < fair - 0.3


def test_heavy_rows_whose_squares_overflow_are_pointed_out():
    table, y = linear()
    with pytest.warns(UserWarning, match="total weight 4e\\+22.*Divide y"):
        GradientBoostingRegressor(2).fit(table, y, np.full(len(y), 1e20))


@pytest.mark.parametrize("scale", [1e-2, 1e14])
def test_targets_of_other_units_are_learned_in_silence(scale):
    table, y = linear()
    model = GradientBoostingRegressor(30, early_stopping=False)
    fair = model.fit(table, y).score(table, y)
    assert model.fit(table, scale * y).score(table, scale * y) > fair - 0.01


def test_targets_of_one_value_or_another_loss_have_no_scale():
    table, y = linear()
    GradientBoostingRegressor(2).fit(table, np.full(len(y), 0.1))
    GradientBoostingRegressor(2, objective="absolute").fit(table, 1e-6 * y)


def test_values_that_32_bits_hardly_tell_apart_are_pointed_out():
    with pytest.warns(UserWarning, match="Subtract a constant from y"):
        GradientBoostingRegressor(2).fit(X, 1e8 + Y / Y.std())
    GradientBoostingRegressor(2).fit(X, 1e4 + Y / Y.std())
    GradientBoostingRegressor(2).fit(X, np.full(300, 1e8))


@pytest.mark.parametrize(("n_jobs", "n_cores", "threads"), [(-2, 8, 7), (-8, 8, 1), (-20, 8, 1)])
def test_a_negative_number_of_jobs_leaves_cores_free(n_jobs, n_cores, threads, monkeypatch):
    from ensembles.gradient_boosting import settings

    monkeypatch.setattr(settings, "_n_cores", lambda: n_cores)
    assert settings.n_threads(n_jobs) == threads
    assert settings.n_threads(-1) == 0


def test_a_fit_that_fails_leaves_the_model_as_it_was():
    model = GradientBoostingRegressor(3).fit(X, Y)
    answers = model.predict(X)
    with pytest.raises(ValueError, match="y must"):
        model.set_params(objective="gamma").fit(X[:, :3], Y)
    np.testing.assert_array_equal(model.set_params(objective=None).predict(X), answers)
    assert model.n_features_in_ == 6


def test_the_result_is_the_same_for_every_number_of_threads():
    answers = [
        GradientBoostingClassifier(ROUNDS, n_jobs=n_jobs, random_state=0).fit(XC, C3)
        for n_jobs in (1, 2, None)
    ]
    for one in answers[1:]:
        np.testing.assert_array_equal(one.predict_proba(XC), answers[0].predict_proba(XC))


def test_numpys_generator_is_left_alone():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    GradientBoostingRegressor(3, early_stopping=True, subsample=0.5).fit(X, Y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# ---------------------------------------------------------------------------------------------
# What a model tells about itself


@pytest.mark.parametrize("y", [Y, C3 > 0, C3], ids=["values", "two classes", "three classes"])
def test_shap_values_sum_to_the_margin(y):
    model = GradientBoosting(ROUNDS, n_seeds=2, random_state=0).fit(X, y)
    values = model.shap_values(X)
    margin = model.predict(X) if model.task_ == "regression" else model.decision_function(X)
    assert values.shape[-1] == 7
    np.testing.assert_allclose(values.sum(axis=-1), margin, rtol=1e-3, atol=2e-3)


def test_apply_tells_the_leaves():
    model = GradientBoostingRegressor(ROUNDS, random_state=3, **SAME).fit(X, Y)
    expected = model.booster_.predict(xgboost.DMatrix(X), pred_leaf=True)
    np.testing.assert_array_equal(model.apply(X), expected)
    three = GradientBoostingClassifier(ROUNDS).fit(XC, C3)
    assert three.apply(XC).shape == (300, 3 * ROUNDS)


@pytest.mark.parametrize("kind", ["gain", "weight", "cover", "total_gain", "total_cover"])
def test_importances_sum_to_one_and_find_the_column_that_matters(kind):
    table = rng.normal(size=(300, 4))
    model = GradientBoostingRegressor(20, importance_type=kind, max_depth=2, colsample_bynode=1.0)
    model.fit(table, 3 * table[:, 2] + 0.01 * table[:, 0])
    assert model.feature_importances_.shape == (4,)
    assert model.feature_importances_.sum() == pytest.approx(1)
    if kind != "cover":
        assert model.feature_importances_.argmax() == 2
    np.testing.assert_array_equal(model.feature_importances_, model.importances(kind))


def test_a_model_without_splits_has_importances_of_zero():
    model = GradientBoostingRegressor(2).fit(np.ones((20, 2)), np.arange(20.0))
    assert model.feature_importances_.tolist() == [0.0, 0.0]


def test_a_model_that_is_not_fitted_says_so():
    model = GradientBoostingClassifier()
    for ask in (model.predict, model.predict_proba, model.shap_values, model.apply):
        with pytest.raises(NotFittedError):
            ask(X)
    for name in ("feature_importances_", "booster_"):
        with pytest.raises(NotFittedError):
            getattr(model, name)


def test_a_progress_bar_shows_the_scores(capsys):
    GradientBoostingRegressor(4, verbose=1).fit(X, Y, X_val=X, y_val=Y)
    shown = capsys.readouterr().err
    assert "4/4" in shown
    assert "validation rmse=" in shown
    GradientBoostingRegressor(4, verbose=1).fit(X, Y)
    assert "training rmse=" in capsys.readouterr().err
    GradientBoostingRegressor(4).fit(X, Y, X_val=X, y_val=Y)
    assert capsys.readouterr().err == ""


def test_a_start_for_each_class_output_or_quantile():
    """Scores before the softmax, values; with a step of nothing the answers are the start."""
    still = {"learning_rate": 1e-9, "early_stopping": False}
    scores = np.array([0.5, 0.0, -1.0])
    chances = np.exp(scores) / np.exp(scores).sum()
    model = GradientBoostingClassifier(1, base_score=scores.tolist(), **still).fit(XC, C3)
    np.testing.assert_allclose(model.predict_proba(XC[:1])[0], chances, atol=1e-6)
    model = GradientBoostingClassifier(1, base_score=0.25, **still).fit(XC, C3 > 0)
    np.testing.assert_allclose(model.predict_proba(XC[:1])[0], [0.75, 0.25], atol=1e-6)
    model = GradientBoostingRegressor(1, base_score=[1.0, 100.0], **still).fit(X, np.c_[Y, Y])
    np.testing.assert_allclose(model.predict(X[:1])[0], [1.0, 100.0], atol=1e-5)
    quantiles = GradientBoostingRegressor(
        1, base_score=[1.0, 5.0], quantiles=[0.1, 0.9], **still
    ).fit(X, Y)
    np.testing.assert_allclose(quantiles.predict(X[:1])[0], [1.0, 5.0], atol=1e-5)


def test_a_share_starts_from_a_share():
    given = {"objective": "fraction", "learning_rate": 1e-9}
    shares = np.clip(Y - Y.min(), 0, 1)
    model = GradientBoostingRegressor(1, base_score=0.25, **given).fit(X, shares)
    np.testing.assert_allclose(model.predict(X[:1]), 0.25, atol=1e-6)
    with pytest.raises(ValueError, match=r"base_score must lie in \(0, 1\)"):
        GradientBoostingRegressor(1, base_score=1.5, **given).fit(X, shares)


def test_classes_that_are_level_are_the_first():
    given = {"learning_rate": 1e-30, "early_stopping": False}
    two = GradientBoostingClassifier(1, base_score=0.5, **given).fit(XC, C3 > 0)
    np.testing.assert_array_equal(two.predict_proba(XC[:2]), 0.5)
    three = GradientBoostingClassifier(1, base_score=[0.0, 0.0, 0.0], **given).fit(XC, C3)
    assert two.predict(XC[:2]).tolist() == [False, False]
    assert three.predict(XC[:2]).tolist() == [C3.min()] * 2


def test_smoothed_classes_start_from_scores_that_sum_to_nothing():
    """As XGBoost's own do: they are fixed by the shares but for a constant."""
    model = GradientBoostingClassifier(1, label_smoothing=0.1, learning_rate=1e-9).fit(XC, C3)
    scores = model.decision_function(XC[:1])[0]
    shares = 0.9 * np.bincount(C3 - C3.min()) / len(C3) + 0.1 / 3
    np.testing.assert_allclose(scores, np.log(shares) - np.log(shares).mean(), atol=1e-5)


def test_a_list_of_scores_starts_classes_as_xgboost_does():
    scores = [0.5, 0.0, -1.0]
    model = GradientBoostingClassifier(ROUNDS, base_score=scores, random_state=3, **SAME)
    asked = model.fit(XC, C3).booster_.save_config()
    theirs = xgboost.XGBClassifier(
        n_estimators=ROUNDS, base_score=scores, random_state=3, tree_method="hist", **SAME
    ).fit(XC, C3)
    assert "base_score" in asked
    np.testing.assert_array_equal(model.predict_proba(XC), theirs.predict_proba(XC))


def test_importances_of_several_seeds_are_their_mean():
    model = GradientBoostingRegressor(5, n_seeds=2, subsample=0.5, random_state=0).fit(X, Y)
    alone = []
    for booster in model.boosters_:
        gains = booster.get_score(importance_type="gain")
        raw = np.array([gains.get(f"f{i}", 0.0) for i in range(X.shape[1])])
        alone.append(raw / raw.sum())
    assert not np.allclose(*alone)
    np.testing.assert_allclose(model.feature_importances_, np.mean(alone, axis=0))
