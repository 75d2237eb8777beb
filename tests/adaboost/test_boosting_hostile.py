"""Inputs that ought to break a boosted ensemble: right, or a clear error that changes nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.dummy import DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import AdaBoost, AdaBoostClassifier, AdaBoostRegressor, HistTreeClassifier
from ensembles.members.seeding import Mould

ALGORITHMS = ["SAMME", "real", "gentle", "logit"]


def separable(n_rows=60):
    X = np.arange(n_rows, dtype=float)[:, None]
    return X, (X[:, 0] >= n_rows // 3).astype(int)


class Contrarian(ClassifierMixin, BaseEstimator):
    """Always names the other class."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.answers_ = {tuple(row): label for row, label in zip(X, y, strict=True)}
        return self

    def predict(self, X):
        own = [self.answers_.get(tuple(row), self.classes_[0]) for row in X]
        return np.array([self.classes_[self.classes_ != label][0] for label in own])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("resample", [None, True])
def test_a_perfect_learner_in_round_one(algorithm, resample):
    X, y = separable()
    model = AdaBoostClassifier(algorithm=algorithm, resample=resample, random_state=0).fit(X, y)
    assert model.score(X, y) == 1.0
    probabilities = model.predict_proba(X)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    if algorithm == "SAMME" and resample is None:
        assert (len(model), model.estimator_weights_.tolist()) == (1, [1.0])


def test_a_perfect_regressor_in_round_one():
    X, y = separable()
    for algorithm in ("R2", "RT"):
        model = AdaBoostRegressor(
            DecisionTreeRegressor(), algorithm=algorithm, resample=False, random_state=0
        ).fit(X, y.astype(float))
        assert len(model) == 1
        np.testing.assert_array_equal(model.predict(X), y)


def test_worse_than_chance_in_round_one():
    X, y = separable()
    for resample in (None, True):
        model = AdaBoostClassifier(Contrarian(), resample=resample)
        with pytest.raises(ValueError, match="worse than random, ensemble can not be fit"):
            model.fit(X, y)
        assert "_rounds" not in vars(model)
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_a_regressor_worse_than_half_in_round_one_stands_alone():
    X, y = load_diabetes(return_X_y=True)
    model = AdaBoostRegressor(DummyRegressor(strategy="constant", constant=-1e6))
    with pytest.warns(UserWarning, match="0.5 or more, so AdaBoost.R2 keeps it alone"):
        model.fit(X, y)
    assert len(model) == 1
    np.testing.assert_array_equal(model.predict(X), -1e6)
    with pytest.raises(ValueError, match="threshold must be larger"):
        AdaBoostRegressor(DummyRegressor(), algorithm="RT", threshold=1e-9).fit(X, y)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e300])
def test_the_scale_of_the_weights_does_not_matter(algorithm, scale):
    X, y = make_classification(120, 5, random_state=0)
    weights = np.random.default_rng(0).random(120)
    one = AdaBoostClassifier(algorithm=algorithm, n_estimators=10, random_state=0)
    expected = one.fit(X, y, sample_weight=weights).decision_function(X)
    scaled = one.fit(X, y, sample_weight=weights * scale).decision_function(X)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("rate", [0.01, 10.0, 100.0])
def test_weights_never_underflow_to_nothing(algorithm, rate):
    X, y = make_classification(150, 5, flip_y=0.1, random_state=0)
    model = AdaBoostClassifier(
        algorithm=algorithm, learning_rate=rate, n_estimators=300, random_state=0
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sample weights have reached infinite values")
        model.fit(X, y)
    assert np.isfinite(model.decision_function(X)).all()
    assert (model.feature_importances_ >= 0).all()
    assert 0.9 < model.feature_importances_.sum() < 1 + 1e-9  # a lone leaf has no importance


@pytest.mark.parametrize("base", [DecisionTreeRegressor(max_depth=2), KNeighborsRegressor(1)])
def test_the_median_of_all_members_is_that_of_the_last_stage(base):
    """Many of their answers are equal; one is sorted at once, the other kept in order."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (80, 3)).astype(float)
    y = 3 * X[:, 0] + X[:, 1] + rng.integers(0, 3, 80)
    model = AdaBoostRegressor(base, n_estimators=15, random_state=0).fit(X, y)
    assert len(model.estimators_) > 5
    for said in model.staged_predict(X):
        last = said
    assert_array_equal(model.predict(X), last)


@pytest.mark.parametrize("label", [-1, 1, 9])
def test_a_member_that_names_no_class_is_told_of(label):
    class Stranger(Contrarian):
        """Names one label, whatever it learned."""

        def predict(self, X):
            return np.full(len(X), label)

    with pytest.raises(ValueError, match=rf"Stranger predicted .*{label}.*, which is not one of"):
        AdaBoostClassifier(Stranger()).fit(np.arange(6.0)[:, None], [0, 2, 4] * 2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_class_with_one_row(algorithm):
    X, y = load_iris(return_X_y=True)
    X, y = np.vstack([X[:100], [[9.0, 9.0, 9.0, 9.0]]]), np.append(y[:100], 2)
    for settings in ({}, {"resample": True}, {"early_stopping": True}):
        model = AdaBoostClassifier(algorithm=algorithm, random_state=0, **settings).fit(X, y)
        assert model.classes_.tolist() == [0, 1, 2]
        assert np.isfinite(model.predict_proba(X)).all()
        assert model.score(X, y) > 0.9


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_one_class(algorithm):
    X = np.arange(10.0)[:, None]
    model = AdaBoostClassifier(algorithm=algorithm).fit(X, ["only"] * 10)
    assert set(model.predict(X)) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((10, 1)))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "labels",
    [
        [-1, 1],
        [0, 7],
        [True, False],
        ["no", "yes"],
        [1.0, 2.0],
    ],
    ids=str,
)
def test_labels_of_any_kind(algorithm, labels):
    X, y = separable()
    named = np.asarray(labels)[y]
    model = AdaBoostClassifier(algorithm=algorithm, n_estimators=5, random_state=0)
    np.testing.assert_array_equal(model.fit(X, named).predict(X), named)
    categorical = pd.Series(pd.Categorical(named.astype(str)))
    assert (model.fit(X, categorical).predict(X) == named.astype(str)).all()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_zero_weights_are_rows_left_out(algorithm):
    X, y = make_classification(200, 5, flip_y=0.2, random_state=0)
    weights = (np.arange(200) % 3 > 0).astype(float)
    kept = weights > 0
    model = AdaBoostClassifier(algorithm=algorithm, n_estimators=8, random_state=0)
    expected = model.fit(X[kept], y[kept]).decision_function(X)
    found = model.fit(X, y, sample_weight=weights).decision_function(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "algorithm",
    ["SAMME", "logit", *(pytest.param(one, marks=pytest.mark.slow) for one in ("real", "gentle"))],
)
def test_ten_thousand_rounds(algorithm):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
    model = AdaBoostClassifier(algorithm=algorithm, n_estimators=10_000, random_state=0).fit(X, y)
    assert np.isfinite(model.decision_function(X)).all()
    assert np.isfinite(model.estimator_weights_).all()
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert len(model) == len(model.estimator_weights_)


@pytest.mark.parametrize("power", [-1000, -900, 500])
def test_the_scale_of_the_target_does_not_matter(power):
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60.0)
    small = AdaBoostRegressor(n_estimators=5, random_state=0).fit(X, y).predict(X)
    scaled = AdaBoostRegressor(n_estimators=5, random_state=0).fit(X, np.ldexp(y, power))
    assert_allclose(np.ldexp(scaled.predict(X), -power), small, rtol=1e-12)


def test_constant_columns_and_one_row():
    model = AdaBoostClassifier(random_state=0)
    with pytest.raises(ValueError, match="worse than random"):
        model.fit(np.ones((10, 2)), [0, 1] * 5)
    assert model.fit(np.ones((9, 2)), [0, 1, 1] * 3).predict(np.ones((1, 2))).tolist() == [1]
    assert AdaBoostRegressor().fit([[1.0]], [3.0]).predict([[5.0]]).tolist() == [3.0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_mislabelled_rows_are_held_down_by_the_cap(algorithm):
    """With 20 % of the labels flipped, capping is no worse than letting them take over."""
    X, y = make_classification(400, 6, n_informative=4, random_state=0)
    flipped = np.random.default_rng(0).random(400) < 0.2
    noisy = np.where(flipped, 1 - y, y)
    free = AdaBoostClassifier(algorithm=algorithm, n_estimators=100, random_state=0)
    held = AdaBoostClassifier(
        algorithm=algorithm, n_estimators=100, max_weight_share=2 / 400, random_state=0
    )
    right = [np.mean(model.fit(X, noisy).predict(X) == y) for model in (free, held)]
    assert right[1] > right[0] - 0.01
    equal = AdaBoostClassifier(algorithm=algorithm, max_weight_share=1e-9, random_state=0)
    assert equal.fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_trimming_changes_little(algorithm):
    X, y = make_classification(800, 8, n_informative=5, flip_y=0.05, random_state=0)
    settings = {"algorithm": algorithm, "n_estimators": 60, "random_state": 0}
    full = AdaBoostClassifier(**settings).fit(X[:400], y[:400])
    trimmed = AdaBoostClassifier(weight_trimming=0.05, **settings).fit(X[:400], y[:400])
    assert abs(full.score(X[400:], y[400:]) - trimmed.score(X[400:], y[400:])) < 0.06
    base = DecisionTreeClassifier(max_depth=1)
    if algorithm == "SAMME":
        trimmed = AdaBoostClassifier(base, weight_trimming=0.1, **settings).fit(X[:400], y[:400])
        assert trimmed.score(X[400:], y[400:]) > 0.75


X, Y = make_classification(60, 4, random_state=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_estimators": 0}, r"n_estimators must be an integer >= 1; got 0"),
        ({"n_estimators": 2.0}, r"n_estimators must be an integer"),
        ({"learning_rate": 0.0}, r"learning_rate must be a number in \(0, inf\); got 0.0"),
        ({"learning_rate": np.nan}, "learning_rate must be a number"),
        ({"algorithm": "SAME"}, "algorithm must be one of .* Did you mean 'SAMME'"),
        ({"algorithm": "R2"}, "algorithm must be one of"),
        ({"algorithm": None}, "algorithm must be one of"),
        ({"estimator": 3}, "estimator must have the methods fit and predict"),
        ({"estimator": DecisionTreeRegressor()}, "estimator must be for classification"),
        ({"estimator": DecisionTreeClassifier(), "algorithm": "logit"}, "must be a regressor for"),
        ({"estimator": Contrarian(), "algorithm": "real"}, "must have predict_proba"),
        ({"resample": "yes"}, "resample must be True or False"),
        ({"early_stopping": 1}, "early_stopping must be True or False"),
        ({"validation_fraction": 0.0}, "validation_fraction must be a number in"),
        ({"validation_fraction": 60, "early_stopping": True}, "must leave rows to learn from"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be an integer >= 1"),
        ({"tol": -1}, "tol must be a number"),
        ({"scoring": "acuracy"}, "Did you mean 'accuracy'"),
        ({"scoring": 3}, "scoring must be None"),
        ({"max_generalization_gap": -0.1}, "max_generalization_gap must be a number"),
        ({"weight_trimming": 1.0}, r"weight_trimming must be a number in \[0, 1\); got 1.0"),
        ({"weight_trimming": -1}, r"weight_trimming must be a number in \[0, 1\); got -1"),
        ({"max_weight_share": 2}, r"max_weight_share must be a number in \(0, 1\]; got 2"),
        ({"max_weight_share": 0.0}, r"max_weight_share must be a number in \(0, 1\]; got 0.0"),
        ({"max_weight_share": np.nan}, r"max_weight_share must be a number in \(0, 1\]; got nan"),
        ({"warm_start": "no"}, "warm_start must be True or False"),
        ({"n_jobs": 0}, "n_jobs must be None or an integer other than 0"),
        ({"verbose": -1}, "verbose must be an integer >= 0"),
        ({"random_state": "seed"}, "random_state must be None"),
        ({"class_weight": "even"}, "class_weight must be None, 'balanced' or a dict"),
        ({"class_weight": {0: 0, 1: 0}}, "class_weight must leave some row"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_named_and_changes_nothing(settings, message):
    model = AdaBoostClassifier(random_state=0, n_estimators=3).fit(X, Y)
    before = model.decision_function(X)
    kept = set(vars(model))
    model.set_params(**settings)
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y)
    model.set_params(**{name: getattr(AdaBoostClassifier(), name) for name in settings})
    assert set(vars(model)) == kept
    np.testing.assert_array_equal(model.decision_function(X), before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "cubic"}, "loss must be one of"),
        ({"threshold": 0}, "threshold must be a number"),
        ({"power": 4}, r"power must be an integer in \[1, 3\]"),
        ({"algorithm": "SAMME"}, "algorithm must be one of"),
        ({"estimator": DecisionTreeClassifier()}, "estimator must be for regression"),
    ],
    ids=str,
)
def test_a_bad_parameter_of_the_regressor(settings, message):
    with pytest.raises(ValueError, match=message):
        AdaBoostRegressor(**settings).fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": np.full(60, -1.0)}, "sample_weight must be >= 0"),
        ({"sample_weight": np.zeros(60)}, "sample_weight must not be zero for every row"),
        ({"sample_weight": np.ones(3)}, r"sample_weight.shape == \(3,\), expected \(60,\)"),
        ({"X_val": X}, "y_val must be given together with X_val"),
        ({"y_val": Y}, "X_val must be given together with y_val"),
        ({"sample_weight_val": np.ones(60)}, "sample_weight_val must come with X_val"),
        ({"X_val": X, "y_val": np.column_stack([Y, Y])}, "1d array"),
        ({"X_val": X, "y_val": [None] * 60}, "Input y contains NaN"),
        ({"X_val": X, "y_val": Y + 5}, "y_val must hold classes of y"),
        ({"X_val": X[:, :2], "y_val": Y}, "2 features"),
        ({"X_val": X, "y_val": Y[:3]}, "inconsistent"),
        ({"X_val": X, "y_val": Y, "sample_weight_val": -np.ones(60)}, "must be >= 0"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_argument_of_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdaBoostClassifier().fit(X, Y, **arguments)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.array(["a", None] * 30, dtype=object), "groups must not hold missing values"),
        (np.array(["a", 1] * 30, dtype=object), "groups must hold values that can be sorted"),
        (np.where(np.arange(60) % 2, np.nan, 1.0), "groups must not hold missing values"),
    ],
    ids=["None", "two kinds", "NaN"],
)
def test_groups_that_are_missing_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        AdaBoostClassifier(early_stopping=True).fit(X, Y, groups=groups)


def test_validation_targets_of_several_columns_are_refused():
    y = X[:, 0]
    with pytest.raises(ValueError, match="y_val must hold one number for each row"):
        AdaBoostRegressor().fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


@pytest.mark.parametrize("algorithm", ["real", "gentle"])
def test_a_step_that_overflows_warns_once_and_in_words(algorithm):
    with pytest.warns(UserWarning, match="Try lowering the learning rate") as caught:
        AdaBoostClassifier(algorithm=algorithm, learning_rate=1e6).fit(X, Y)
    assert len(caught) == 1


def test_several_targets_are_refused():
    with pytest.raises(ValueError, match=r"y must hold one number for each row; got .*\(60, 2\)"):
        AdaBoost(task="regression").fit(X, X[:, :2])


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("base", [None, DecisionTreeClassifier(max_depth=2)])
def test_every_number_of_workers_gives_the_same_bits(n_jobs, base):
    table, y = make_classification(400, 5, random_state=0)
    many = np.repeat(table, 60, axis=0)
    model = AdaBoostClassifier(base, n_estimators=45, random_state=0).fit(table, y)
    expected = model.predict_proba(many)
    np.testing.assert_array_equal(model.set_params(n_jobs=n_jobs).predict_proba(many), expected)
    parts = [model.predict_proba(many[start : start + 977]) for start in range(0, len(many), 977)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    tall = AdaBoostRegressor(n_estimators=45, random_state=0).fit(table, table[:, 0] + y)
    np.testing.assert_array_equal(
        tall.set_params(n_jobs=n_jobs).predict(many), np.repeat(tall.predict(table), 60)
    )


def test_inputs_are_not_written_to():
    table, y = make_classification(100, 4, random_state=0)
    weights = np.random.default_rng(0).random(100)
    copies = table.copy(), y.copy(), weights.copy()
    for array in (table, y, weights):
        array.setflags(write=False)
    for algorithm in ALGORITHMS:
        AdaBoostClassifier(algorithm=algorithm, n_estimators=4).fit(table, y, weights)
    AdaBoostRegressor(n_estimators=4).fit(table, weights, weights)
    AdaBoostClassifier(HistTreeClassifier(max_depth=2), n_estimators=4).fit(table, y, weights)
    for array, copy in zip((table, y, weights), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("resample", [True, False])
def test_a_member_that_works_in_place_disturbs_neither_the_user_nor_the_next_round(
    resample, validated
):
    """It is asked about the rows it learned from, and those held out, on copies of its own."""
    X, y = make_classification(160, 6, n_informative=4, flip_y=0.2, random_state=1)
    X = 5 * X + 3
    for ensemble, last in (
        (AdaBoostClassifier, LogisticRegression()),
        (AdaBoostRegressor, Ridge()),
    ):
        answers = []
        for copies in (True, False):
            table = X.copy()
            base = make_pipeline(StandardScaler(copy=copies), last)
            model = ensemble(base, n_estimators=4, resample=resample, random_state=0)
            held_out = {"X_val": table[100:], "y_val": y[100:]} if validated else {}
            model.fit(table[:100], y[:100], **held_out)
            answers.append([model.estimator_weights_, model.predict(table)])
            assert_array_equal(table, X)
        assert_allclose(*(votes for votes, _ in answers), rtol=1e-10)
        assert_allclose(*(said for _, said in answers), rtol=1e-10)


class Remembers(GaussianNB):
    """Has more to it than its parameters."""

    def __init__(self, random_state=None):
        super().__init__()
        self.random_state = random_state
        self.notes = []

    def get_params(self, deep=True):
        return {"random_state": self.random_state}


@pytest.mark.parametrize(
    ("learner", "seeds"),
    [
        (GaussianNB(priors=None), []),
        (DecisionTreeClassifier(max_depth=3, random_state=7), [5]),
        (DecisionTreeClassifier(class_weight={0: 2.0}), [5]),
        (Remembers(), [5]),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier(), LogisticRegression()), [5, 6]),
    ],
    ids=str,
)
def test_a_mould_casts_what_clone_and_set_params_make(learner, seeds):
    mould = Mould(learner)
    made, other = mould.cast(seeds), mould.cast(seeds)
    by_hand = clone(learner).set_params(**dict(zip(mould.names, seeds, strict=True)))
    assert str(made.get_params()) == str(by_hand.get_params())
    assert vars(made).keys() == vars(by_hand).keys()
    assert made is not other
    for name, value in vars(made).items():
        if isinstance(value, list | dict | BaseEstimator):
            assert value is not vars(other)[name]
            assert value is not vars(learner).get(name)
    made.set_params(**dict.fromkeys(mould.names, 99))
    assert str(mould.cast(seeds).get_params()) == str(by_hand.get_params())
