"""Decompositions beside their definitions, written as loops over learners and labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import KFold, train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ensembles import BaggingClassifier as OurBaggingClassifier
from ensembles import BaggingRegressor as OurBaggingRegressor
from ensembles.resampling import Bootstrap, Subsample
from ensembles.validation import ambiguity_decomposition, bias_variance
from ensembles.validation.decomposition import (
    breiman_terms,
    domingos_terms,
    kohavi_wolpert_terms,
    log_terms,
)
from ensembles.validation.diversity import ambiguity_terms, member_answers

X, Y = make_classification(
    150, 5, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
)
XR, YR = make_regression(150, 4, noise=10.0, random_state=0)
TRAIN, TEST = slice(0, 100), slice(100, 150)
QUICK = {"n_rounds": 12, "random_state": 0}


def every_answer(learner, X, y, method, n_rounds=12):
    draws = Bootstrap().plan(100, seed=0)
    fitted = [
        learner.fit(X[TRAIN][rows], y[TRAIN][rows]) and np.array(getattr(learner, method)(X[TEST]))
        for rows in map(draws.train, range(n_rounds))
    ]
    return np.stack(fitted)


# Squared error


def test_squared_terms_are_bias_and_variance_and_add_up_to_machine_precision():
    learner = KNeighborsRegressor(2)
    answers = every_answer(learner, XR, YR, "predict")
    found = bias_variance(learner, XR[TRAIN], YR[TRAIN], XR[TEST], YR[TEST], **QUICK)
    y = YR[TEST]
    assert_allclose(found.rows.bias, (y - answers.mean(axis=0)) ** 2)
    assert_allclose(found.rows.variance, answers.var(axis=0))
    error = np.mean((y - answers) ** 2, axis=0)
    assert_allclose(found.rows.error, error, rtol=1e-13)
    assert_allclose(found.error, found.bias + found.variance, rtol=1e-14)
    assert_allclose(found.main_prediction, answers.mean(axis=0))
    assert found.noise == 0


def test_far_from_zero_the_terms_still_add_up():
    learner = KNeighborsRegressor(2)
    near = bias_variance(learner, XR[TRAIN], YR[TRAIN], XR[TEST], YR[TEST], **QUICK)
    far = bias_variance(learner, XR[TRAIN], YR[TRAIN] + 1e8, XR[TEST], YR[TEST] + 1e8, **QUICK)
    assert_allclose(far.variance, near.variance, rtol=1e-6)


def test_known_truth_tells_noise_from_bias():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 1))
    truth = 2 * X[:, 0]
    y = truth + rng.normal(size=4000)
    chunks = [(chunk, []) for chunk in np.arange(2000).reshape(20, 100)]
    learned, asked = slice(0, 2000), slice(2000, 4000)
    found = bias_variance(
        LinearRegression(),
        X[learned],
        y[learned],
        X[asked],
        y[asked],
        truth=truth[asked],
        resampling=chunks,
    )
    assert_allclose(found.noise, 1, rtol=0.1)
    assert found.bias < 0.005  # two coefficients over 20 x 100 rows: 0.001
    assert_allclose(found.variance, 2 / 100, rtol=0.5)
    assert_allclose(found.error, found.noise + found.bias + found.variance)


# Zero-one loss


def certain(labels, n_classes):
    return np.eye(n_classes)[labels]


def domingos_by_definition(votes, y):
    """One row: L(y, y_m), P(y_m != y_D), and c2 as Theorem 2 of Domingos (2000) has it."""
    main = np.bincount(votes).argmax()
    bias, spread = float(main != y), np.mean(votes != main)
    if bias == 0:
        return bias, spread
    astray = votes[votes != main]
    return bias, -np.mean(astray == y) * spread if len(astray) else 0.0


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_domingos_terms_are_his_theorem(seed, n_classes):
    rng = np.random.default_rng(seed)
    votes = rng.integers(0, n_classes, (9, 6))
    y = rng.integers(0, n_classes, 6)
    shares = np.stack([np.bincount(own, minlength=n_classes) / 9 for own in votes.T])
    terms = domingos_terms(shares, certain(y, n_classes))
    for row in range(6):
        bias, variance = domingos_by_definition(votes[:, row], y[row])
        assert_allclose([terms.bias[row], terms.variance[row]], [bias, variance], atol=1e-12)
    assert_allclose(terms.error, np.mean(votes != y, axis=0))
    assert_allclose(terms.noise, 0, atol=1e-12)
    assert_allclose(terms.error, terms.bias + terms.variance, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 10_000), st.sampled_from([domingos_terms, kohavi_wolpert_terms, breiman_terms])
)
def test_with_noise_all_zero_one_terms_add_up_to_the_error_of_fresh_labels(seed, terms_of):
    rng = np.random.default_rng(seed)
    shares, truth = rng.dirichlet(np.ones(3), (2, 5))
    terms = terms_of(shares, truth)
    expected = [
        sum(truth[row, a] * shares[row, b] for a in range(3) for b in range(3) if a != b)
        for row in range(5)
    ]
    assert_allclose(terms.error, expected)
    assert_allclose(terms.error, terms.noise + terms.bias + terms.variance, atol=1e-12)


def test_kohavi_and_wolperts_terms_are_never_negative():
    shares, truth = np.random.default_rng(0).dirichlet(np.ones(4), (2, 100))
    for part in kohavi_wolpert_terms(shares, truth):
        assert part.min() >= 0


def test_breimans_bias_lives_where_the_vote_is_not_the_best_rule():
    shares = np.array([[0.6, 0.4], [0.3, 0.7]])
    truth = np.array([[0.9, 0.1], [0.9, 0.1]])
    terms = breiman_terms(shares, truth)
    assert_allclose(terms.noise, 0.1)
    assert_allclose(terms.bias, [0, 0.9 - (0.9 * 0.3 + 0.1 * 0.7)])
    assert_allclose(terms.variance, [0.9 - (0.9 * 0.6 + 0.1 * 0.4), 0])


@pytest.mark.parametrize("decomposition", ["domingos", "kohavi_wolpert", "breiman"])
def test_bias_variance_counts_the_votes_of_learners_fitted_one_by_one(decomposition):
    learner = KNeighborsClassifier(1)
    votes = every_answer(learner, X, Y, "predict")
    found = bias_variance(
        learner, X[TRAIN], Y[TRAIN], X[TEST], Y[TEST], decomposition=decomposition, **QUICK
    )
    assert_allclose(found.error, np.mean(votes != Y[TEST]))
    assert_allclose(found.error, found.bias + found.variance, atol=1e-12)
    main = np.array([np.bincount(own).argmax() for own in votes.T])
    assert_array_equal(found.main_prediction, main)
    assert_allclose(found.unbiased_variance - found.biased_variance, found.variance)


# Log loss


class OneSeed(ClassifierMixin, BaseEstimator):
    """A tree that breaks its ties alike in every round, as mlxtend fits it."""

    def fit(self, X, y):
        self.tree_ = DecisionTreeClassifier(random_state=123).fit(X, y)
        self.classes_ = self.tree_.classes_
        return self

    def predict(self, X):
        return self.tree_.predict(X)


def test_mlxtends_iris():
    """mlxtend 0.25's bias_variance_decomp: 0.0616 = error, 0.0222 = bias, 0.0400 = variance.

    On its draws, and with its one seed for every round, error and bias are the same. Its variance
    is the share of votes that stray from the majority, wherever: where the majority is wrong that
    takes away from the error, so that its terms need not add up to it.
    """
    X, X_test, y, y_test = train_test_split(
        *load_iris(return_X_y=True), test_size=0.3, random_state=123, stratify=load_iris().target
    )
    rng = np.random.RandomState(123)
    draws = [rng.choice(len(y), len(y)) for _ in range(200)]
    found = bias_variance(OneSeed(), X, y, X_test, y_test, resampling=[(d, d[:1]) for d in draws])
    votes = np.stack([OneSeed().fit(X[rows], y[rows]).predict(X_test) for rows in draws])
    main = np.array([np.bincount(column).argmax() for column in votes.T])
    strayed = np.mean(votes != main, axis=0)
    assert_array_equal(found.main_prediction, main)
    assert_allclose([found.error, found.bias], [np.mean(votes != y_test), np.mean(main != y_test)])
    assert_allclose(found.unbiased_variance, np.mean(strayed * (main == y_test)))
    theirs = [found.error, found.bias, np.mean(strayed)]
    assert_allclose(theirs, [0.0616, 0.0222, 0.0400], atol=0.002)


def test_log_terms_are_heskes_and_add_up():
    learner = LogisticRegression()
    answers = every_answer(learner, X, Y, "predict_proba")
    found = bias_variance(learner, X[TRAIN], Y[TRAIN], X[TEST], Y[TEST], loss="log", **QUICK)
    pooled = np.exp(np.log(answers).mean(axis=0))
    pooled /= pooled.sum(axis=1, keepdims=True)
    own = np.arange(50), Y[TEST]
    divergence = np.mean(np.sum(pooled * np.log(pooled / answers), axis=2), axis=0)
    assert_allclose(found.rows.bias, -np.log(pooled[own]), rtol=1e-6)
    assert_allclose(found.rows.variance, divergence, rtol=1e-5, atol=1e-9)
    assert_allclose(found.rows.error, -np.log(answers[:, own[0], own[1]]).mean(axis=0), rtol=1e-6)
    assert_allclose(found.main_prediction, pooled, rtol=1e-6)


def test_log_terms_with_known_truth_have_its_entropy_as_noise():
    logs = np.log(np.random.default_rng(0).dirichlet(np.ones(3), 5))
    truth = np.random.default_rng(1).dirichlet(np.ones(3), 5)
    terms = log_terms(logs, truth)
    assert_allclose(terms.noise, -np.sum(truth * np.log(truth), axis=1))
    assert_allclose(terms.error, terms.noise + terms.bias + terms.variance)
    assert_allclose(terms.variance, 0, atol=1e-12)
    assert terms.bias.min() > 0


def test_probabilities_of_zero_cost_much_and_not_infinity():
    found = bias_variance(
        DecisionTreeClassifier(), X[TRAIN], Y[TRAIN], X[TEST], Y[TEST], loss="log", **QUICK
    )
    assert np.isfinite(found.rows).all()
    assert found.error < 36.1


# Training sets


def test_independent_training_sets_are_chunks_of_many_rows():
    chunks = np.arange(100).reshape(5, 20)
    found = bias_variance(
        LinearRegression(),
        XR[TRAIN],
        YR[TRAIN],
        XR[TEST],
        YR[TEST],
        resampling=[(chunk, []) for chunk in chunks],
        random_state=0,
    )
    fits = [LinearRegression().fit(XR[own], YR[own]).predict(XR[TEST]) for own in chunks]
    assert found.n_rounds == 5
    assert_allclose(found.variance, np.var(fits, axis=0).mean())


def test_subsamples_and_splitters_will_do():
    given = (KNeighborsRegressor(2), XR[TRAIN], YR[TRAIN], XR[TEST], YR[TEST])
    assert bias_variance(*given, resampling=Subsample(max_samples=0.3), **QUICK).n_rounds == 12
    assert bias_variance(*given, resampling=KFold(4), **QUICK).n_rounds == 4
    assert bias_variance(*given, resampling=4, **QUICK).n_rounds == 4


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_steps_that_write_into_their_table_change_neither_it_nor_the_terms(n_jobs):
    found = []
    for copies in (True, False):
        model = make_pipeline(StandardScaler(copy=copies), LogisticRegression())
        table = X[TEST].copy()
        found.append(
            bias_variance(model, X[TRAIN], Y[TRAIN], table, Y[TEST], n_jobs=n_jobs, **QUICK)
        )
        assert_array_equal(table, X[TEST])
    for one, other in zip(found[0].rows, found[1].rows, strict=True):
        assert_array_equal(one, other)


def test_the_terms_are_the_same_for_every_number_of_workers():
    given = (LogisticRegression(), X[TRAIN], Y[TRAIN], X[TEST], Y[TEST])
    one = bias_variance(*given, loss="log", **QUICK)
    two = bias_variance(*given, loss="log", n_jobs=2, **QUICK)
    assert_array_equal(one.rows, two.rows)


def test_a_training_set_may_miss_a_class():
    y = np.where(np.arange(100) < 98, Y[TRAIN] % 2, 2)
    found = bias_variance(
        KNeighborsClassifier(1), X[TRAIN], y, X[TEST], Y[TEST], loss="log", **QUICK
    )
    assert np.isfinite(found.error)


def test_terms_of_groups_of_rows():
    found = bias_variance(KNeighborsRegressor(2), XR[TRAIN], YR[TRAIN], XR[TEST], YR[TEST], **QUICK)
    sides = np.where(np.arange(50) < 20, "left", "right")
    parts = found.by_group(sides)
    assert_allclose(parts["left"].bias, found.rows.bias[:20].mean())
    assert_allclose(0.4 * parts["left"].error + 0.6 * parts["right"].error, found.error)
    assert "bias" in str(found)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"loss": "hinge"}, "loss must be one of 'squared', 'zero_one', 'log'"),
        ({"loss": "squared"}, "loss='squared' does not judge a classification"),
        ({"decomposition": "geman"}, "decomposition must be one of 'domingos'"),
        ({"n_rounds": 1}, "n_rounds must be an integer >= 2"),
        ({"estimator": RidgeClassifier(), "loss": "log"}, "needs predict_proba"),
        ({"y_test": Y[:3]}, r"a target for each of 50 rows; got shape \(3,\)"),
        ({"y_test": Y[TEST] + 7}, r"y_test must hold classes of y, \[0, 1, 2\]; got"),
        ({"truth": np.ones((50, 3))}, "probabilities of the classes that sum to one"),
        ({"truth": np.ones((50, 2)) / 2}, r"truth must have shape \(50, 3\)"),
        ({"y": np.zeros(100)}, "at least 2 classes"),
        ({"groups": np.arange(100)}, "groups must be None without a resampling"),
        ({"resampling": [(np.arange(5), [])]}, "at least 2 training sets; got 1"),
    ],
)
def test_bad_input_gets_an_error_that_says_so(changed, message):
    given = {
        "estimator": KNeighborsClassifier(),
        "X": X[TRAIN],
        "y": Y[TRAIN],
        "X_test": X[TEST],
        "y_test": Y[TEST],
        **changed,
    }
    with pytest.raises(ValueError, match=message):
        bias_variance(**given)


def test_missing_labels_to_judge_on_are_refused():
    labels = np.where(Y == 0, None, Y)
    with pytest.raises(ValueError, match="y_test must hold a class for every row; got None"):
        bias_variance(KNeighborsClassifier(), X[TRAIN], Y[TRAIN], X[TEST], labels[TEST], **QUICK)


def test_predictions_of_nan_are_an_error_not_a_nan():
    class Blank(DummyRegressor):
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(ValueError, match="predictions must be finite"):
        bias_variance(Blank(), XR[TRAIN], YR[TRAIN], XR[TEST], YR[TEST], **QUICK)


# The ambiguity decomposition


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_krogh_and_vedelsbys_equation_holds(seed, weighted):
    rng = np.random.default_rng(seed)
    answers, y = rng.normal(size=(4, 6)), rng.normal(size=6)
    weights = rng.random(4) if weighted else None
    error, of_members, diversity = ambiguity_terms(answers, y, weights)
    together = np.average(answers, axis=0, weights=weights)
    assert_allclose(error, (together - y) ** 2, atol=1e-12)
    assert_allclose(of_members, np.average((answers - y) ** 2, axis=0, weights=weights))
    assert_allclose(error, of_members - diversity, atol=1e-10)
    assert diversity.min() >= 0


@pytest.mark.parametrize(
    ("answers", "target", "message"),
    [
        (np.ones((3, 4)), np.ones(5), r"a target of shape \(5,\); got shape \(3, 4\)"),
        ([[1.0, np.nan]], [1.0, 1.0], r"answers must hold finite numbers; got nan at \[0, 1\]"),
        ([[1.0, 2.0]], [1.0, np.inf], "target must hold finite numbers"),
        (np.ones((0, 4)), np.ones(4), "answers must have 2 dimensions and not be empty"),
    ],
)
def test_answers_and_targets_that_do_not_fit_are_told_so(answers, target, message):
    with pytest.raises(ValueError, match=message):
        ambiguity_terms(answers, target)


def voting():
    members = [("near", KNeighborsClassifier(3)), ("tree", DecisionTreeClassifier(max_depth=3))]
    return VotingClassifier(members, voting="soft")


@pytest.mark.parametrize(
    "ensemble",
    [
        OurBaggingClassifier(n_estimators=5, random_state=0),
        OurBaggingClassifier(KNeighborsClassifier(2), 5, max_features=0.5, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(), 5, max_features=3, random_state=0),
        RandomForestClassifier(5, random_state=0),
        voting(),
        OurBaggingRegressor(DecisionTreeRegressor(), 5, random_state=0),
        RandomForestRegressor(5, random_state=0),
    ],
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_a_fitted_ensembles_error_is_its_members_less_their_diversity(ensemble):
    regresses = "Regressor" in type(ensemble).__name__
    table, y = (XR, YR) if regresses else (X, np.array(["a", "b", "c"])[Y])
    ensemble.fit(table[TRAIN], y[TRAIN])
    found = ambiguity_decomposition(ensemble, table[TEST], y[TEST])
    if regresses:
        error = np.mean((ensemble.predict(table[TEST]) - y[TEST]) ** 2)
    else:
        truth = (y[TEST][:, None] == ensemble.classes_).astype(float)
        error = np.mean(np.sum((ensemble.predict_proba(table[TEST]) - truth) ** 2, axis=1))
    assert_allclose(found.error, error)
    assert_allclose(found.error, found.member_error - found.diversity)
    assert found.diversity > 0


@pytest.mark.parametrize("copies", [True, False])
def test_members_may_be_pipelines(copies):
    """A pipeline has a length, so that an array of pipelines is an array of their steps."""
    model = make_pipeline(StandardScaler(copy=copies), LogisticRegression())
    bag = BaggingClassifier(model, 4, random_state=0).fit(X[TRAIN], Y[TRAIN])
    table = X[TEST].copy()
    answers, _ = member_answers(bag, table)
    assert_array_equal(table, X[TEST])
    by_hand = [member.predict_proba(X[TEST].copy()) for member in bag.estimators_]
    assert_array_equal(answers, by_hand)


def test_ensembles_that_do_not_average_are_told_so():
    boosted = AdaBoostRegressor(n_estimators=5, random_state=0).fit(XR, YR)
    with pytest.raises(ValueError, match="must average its members; AdaBoostRegressor combines"):
        ambiguity_decomposition(boosted, XR, YR)
    median = OurBaggingRegressor(DecisionTreeRegressor(), 5, aggregation="median").fit(XR, YR)
    with pytest.raises(ValueError, match="must average its members"):
        ambiguity_decomposition(median, XR, YR)
    with pytest.raises(ValueError, match="ensemble must have members"):
        member_answers(LinearRegression().fit(XR, YR), XR)


@pytest.mark.parametrize("labels", [np.array(["a", "b", "c"]), np.array([1, 2, 3])])
def test_members_may_know_labels_in_the_place_of_codes(labels):
    boosted = AdaBoostClassifier(n_estimators=3, random_state=0).fit(X[TRAIN], labels[Y[TRAIN]])
    with pytest.raises(ValueError, match="ensemble must average its members; AdaBoostClassifier"):
        ambiguity_decomposition(boosted, X[TEST], labels[Y[TEST]])


def test_targets_that_do_not_fit_are_refused():
    bag = OurBaggingClassifier(KNeighborsClassifier(), 3).fit(X, Y)
    with pytest.raises(ValueError, match=r"a target for each of 150 rows of X; got shape \(3,\)"):
        ambiguity_decomposition(bag, X, Y[:3])
    with pytest.raises(ValueError, match="classes that the ensemble knows"):
        ambiguity_decomposition(bag, X, Y + 10)
