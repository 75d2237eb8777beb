"""AdaBoost: one learner after another, each on what those before it got wrong.

`AdaBoost` follows the task, `AdaBoostClassifier` and `AdaBoostRegressor` pin it; one implementation
serves the three.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin

from ensembles.adaboost.fitting import Fitting
from ensembles.naming import named_here
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task

__all__ = ["AdaBoost", "AdaBoostClassifier", "AdaBoostRegressor"]


@named_here
class AdaBoostClassifier(ClassifierMixin, Fitting):
    """Boost a classifier: discrete, real and gentle AdaBoost, and LogitBoost.

    scikit-learn's `AdaBoostClassifier` and more: change the import line, keep the code.

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of: any that takes ``sample_weight``, and any other by
        resampling. A classifier for "SAMME" and "real", a regressor for "gentle" and "logit". A
        histogram tree of depth 1 when None.
    n_estimators : int, default=50
        The most rounds there will be.
    learning_rate : float, default=1.0
        The share of a full step that each round takes.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the members, and draws the rows where members learn from drawn rows. The same integer
        seeds and draws as in scikit-learn's AdaBoost, so equal base estimators make equal
        ensembles.
    algorithm : {"SAMME", "real", "gentle", "logit"}, default="SAMME"
        "SAMME": members vote (Zhu et al. 2009; for two classes AdaBoost.M1). "real", alias
        "SAMME.R": members add half their log-odds, clipped. "gentle": least-squares fits of the
        class signs. "logit": LogitBoost, Newton steps of the binomial likelihood. The last two have
        a member per class and round where there are more than two classes.
    resample : bool or None, default=None
        Whether members learn from rows drawn in proportion to their weights (Breiman's arc-fs), and
        not from the weights. None: only where the estimator takes no ``sample_weight``. A member
        that makes no error then does not end the boosting: rows are weighted as at the start again.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which the rows' weights before the first round are multiplied by.
    early_stopping : bool or None, default=None
        Whether to stop once ``n_iter_no_change`` rounds have not improved the validation score, and
        keep the rounds up to the best. None: if `fit` is given ``X_val``. True without ``X_val``
        holds rows out.
    validation_fraction : float or int, default=0.1
        Share, or number, of the rows to hold out: of each class in proportion, or whole ``groups``.
    n_iter_no_change : int, default=10
        See ``early_stopping``.
    tol : float, default=1e-4
        By how much the validation score must rise to count as improved.
    scoring : str, callable or None, default=None
        The score: accuracy when None, the name of a scorer, a scorer of (estimator, X, y), or a
        metric of (y_true, y_pred); more is better. Given, training scores are kept even without
        validation.
    max_generalization_gap : float or None, default=None
        Stop before the training score exceeds the validation score by more than this. Holds rows
        out unless `fit` is given ``X_val``.
    weight_trimming : float, default=0.0
        The lightest rows, which hold this share of the weight together, sit a round out (Friedman,
        Hastie, Tibshirani 2000, section 9; they use 0.01 to 0.1).
    max_weight_share : float or None, default=None
        The largest share of the weight that one row may have, against mislabelled rows.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are. The result is that of one fit with all.
    n_jobs : int or None, default=None
        Threads that count the columns of a round, where members are histogram trees and a round
        has enough rows, and workers at predict; in joblib's meaning. The result is the same, to
        the bit, for every number.
    verbose : int, default=0
        A progress bar if positive.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list
        The fitted members, one a round; a tuple, one for each class, for "gentle" and "logit" with
        more than two classes.
    estimator_weights_ : array of shape (n_rounds,)
        The votes.
    estimator_errors_ : array of shape (n_rounds,)
        Weighted error of each round, on the rows and by the weights it learned from.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    train_score_ : array of shape (n_rounds,)
        Score on the rows learned from after each round, with validation rows or ``scoring``.
    validation_score_, generalization_gap_ : arrays of shape (n_rounds,)
        Score on the validation rows after each round, and by how much the training score exceeds
        it.
    best_iteration_ : int
        The place, from 0, of the best validation score.
    feature_importances_ : array of shape (n_columns,)
        The members' importances, weighted by their votes.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    Y. Freund, R. Schapire (1997). A decision-theoretic generalization of on-line learning and an
    application to boosting. Journal of Computer and System Sciences 55.

    J. Friedman, T. Hastie, R. Tibshirani (2000). Additive logistic regression: a statistical view
    of boosting. Annals of Statistics 28.

    J. Zhu, H. Zou, S. Rosset, T. Hastie (2009). Multi-class AdaBoost. Statistics and its Interface
    2.

    L. Breiman (1998). Arcing classifiers. Annals of Statistics 26.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from ensembles import AdaBoostClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> boost = AdaBoostClassifier(n_estimators=100, random_state=0).fit(X[:400], y[:400])
    >>> bool(boost.score(X[400:], y[400:]) > 0.95)
    True
    >>> boost = AdaBoostClassifier(algorithm="logit", early_stopping=True, random_state=0)
    >>> boost.fit(X[:400], y[:400]).predict(X[:2])
    array([0, 0])
    """

    _pinned = CLASSIFICATION

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        random_state: Any = None,
        algorithm: str = "SAMME",
        resample: bool | None = None,
        class_weight: Any = None,
        early_stopping: bool | None = None,
        validation_fraction: float | int = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        scoring: Any = None,
        max_generalization_gap: float | None = None,
        weight_trimming: float = 0.0,
        max_weight_share: float | None = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.algorithm = algorithm
        self.resample = resample
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.scoring = scoring
        self.max_generalization_gap = max_generalization_gap
        self.weight_trimming = weight_trimming
        self.max_weight_share = max_weight_share
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose


@named_here
class AdaBoostRegressor(RegressorMixin, Fitting):
    """Boost a regressor: AdaBoost.R2 and AdaBoost.RT.

    scikit-learn's `AdaBoostRegressor` and more: change the import line, keep the code.

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of: any that takes ``sample_weight``, and any other by
        resampling. A histogram tree of depth 3 when None.
    n_estimators : int, default=50
        The most rounds there will be.
    learning_rate : float, default=1.0
        The share of a full step that each round takes.
    loss : {"linear", "square", "exponential"}, default="linear"
        AdaBoost.R2's loss of a row, by its share of the largest error.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the members, and draws the rows where members learn from drawn rows. The same integer
        seeds and draws as in scikit-learn's AdaBoost, so equal base estimators make equal
        ensembles.
    algorithm : {"R2", "RT"}, default="R2"
        "R2": AdaBoost.R2, the weighted median of the members (Drucker 1997). "RT": AdaBoost.RT,
        their weighted mean, with rows missed or not by their relative error (Solomatine, Shrestha
        2004).
    resample : bool or None, default=None
        Whether members learn from rows drawn in proportion to their weights, and not from the
        weights. None: as published, drawn for "R2"; for "RT" only where the estimator takes no
        ``sample_weight``.
    early_stopping : bool or None, default=None
        Whether to stop once ``n_iter_no_change`` rounds have not improved the validation score, and
        keep the rounds up to the best. None: if `fit` is given ``X_val``. True without ``X_val``
        holds rows out.
    validation_fraction : float or int, default=0.1
        Share, or number, of the rows to hold out: of each class in proportion, or whole ``groups``.
    n_iter_no_change : int, default=10
        See ``early_stopping``.
    tol : float, default=1e-4
        By how much the validation score must rise to count as improved.
    scoring : str, callable or None, default=None
        The score: R2 when None, the name of a scorer, a scorer of (estimator, X, y), or a metric of
        (y_true, y_pred); more is better. Given, training scores are kept even without validation.
    max_generalization_gap : float or None, default=None
        Stop before the training score exceeds the validation score by more than this. Holds rows
        out unless `fit` is given ``X_val``.
    weight_trimming : float, default=0.0
        The lightest rows, which hold this share of the weight together, sit a round out (Friedman,
        Hastie, Tibshirani 2000, section 9; they use 0.01 to 0.1).
    max_weight_share : float or None, default=None
        The largest share of the weight that one row may have, against mislabelled rows.
    threshold : float, default=0.1
        AdaBoost.RT: relative error from which a row counts as missed.
    power : {1, 2, 3}, default=1
        AdaBoost.RT: the power of the error that votes and weights go by.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are. The result is that of one fit with all.
    n_jobs : int or None, default=None
        Threads that count the columns of a round, where members are histogram trees and a round
        has enough rows, and workers at predict; in joblib's meaning. The result is the same, to
        the bit, for every number.
    verbose : int, default=0
        A progress bar if positive.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list of estimators
        The fitted members.
    estimator_weights_ : array of shape (n_rounds,)
        The votes.
    estimator_errors_ : array of shape (n_rounds,)
        Weighted mean loss (AdaBoost.R2) or weight of the missed rows (AdaBoost.RT) of each round.
    train_score_ : array of shape (n_rounds,)
        Score on the rows learned from after each round, with validation rows or ``scoring``.
    validation_score_, generalization_gap_ : arrays of shape (n_rounds,)
        Score on the validation rows after each round, and by how much the training score exceeds
        it.
    best_iteration_ : int
        The place, from 0, of the best validation score.
    feature_importances_ : array of shape (n_columns,)
        The members' importances, weighted by their votes.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    H. Drucker (1997). Improving regressors using boosting techniques. ICML.

    D. Solomatine, D. Shrestha (2004). AdaBoost.RT: a boosting algorithm for regression problems.
    IJCNN.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from ensembles import AdaBoostRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> boost = AdaBoostRegressor(random_state=0).fit(X[:300], y[:300])
    >>> bool(boost.score(X[300:], y[300:]) > 0.4)
    True
    """

    _pinned = REGRESSION

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        loss: str = "linear",
        random_state: Any = None,
        algorithm: str = "R2",
        resample: bool | None = None,
        early_stopping: bool | None = None,
        validation_fraction: float | int = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        scoring: Any = None,
        max_generalization_gap: float | None = None,
        weight_trimming: float = 0.0,
        max_weight_share: float | None = None,
        threshold: float = 0.1,
        power: int = 1,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.loss = loss
        self.random_state = random_state
        self.algorithm = algorithm
        self.resample = resample
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.scoring = scoring
        self.max_generalization_gap = max_generalization_gap
        self.weight_trimming = weight_trimming
        self.max_weight_share = max_weight_share
        self.threshold = threshold
        self.power = power
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose


@named_here
class AdaBoost(Fitting):
    """Boost any learner: a classifier or a regressor, whichever the task asks for.

    The task is ``task``; else that of ``algorithm``; else that of the base estimator; else it is
    inferred from ``y`` at `fit`: text, booleans, categories and whole numbers with at most 20
    distinct values are classes, other numbers a quantity.

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of: any that takes ``sample_weight``, and any other by
        resampling. A regressor for "gentle" and "logit". A histogram tree when None, of depth 1 in
        a classification and 3 in a regression.
    n_estimators : int, default=50
        The most rounds there will be.
    learning_rate : float, default=1.0
        The share of a full step that each round takes.
    loss : {"linear", "square", "exponential"}, default="linear"
        AdaBoost.R2's loss of a row, by its share of the largest error.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the members, and draws the rows where members learn from drawn rows. The same integer
        seeds and draws as in scikit-learn's AdaBoost, so equal base estimators make equal
        ensembles.
    algorithm : str or None, default=None
        Of classes "SAMME" (the default), "real" (alias "SAMME.R"), "gentle" or "logit"; of values
        "R2" (the default) or "RT". See `AdaBoostClassifier` and `AdaBoostRegressor`.
    resample : bool or None, default=None
        Whether members learn from rows drawn in proportion to their weights, and not from the
        weights. None: for "R2", as published, and where the estimator takes no ``sample_weight``.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, which the rows' weights before the first round are multiplied by.
    early_stopping : bool or None, default=None
        Whether to stop once ``n_iter_no_change`` rounds have not improved the validation score, and
        keep the rounds up to the best. None: if `fit` is given ``X_val``. True without ``X_val``
        holds rows out.
    validation_fraction : float or int, default=0.1
        Share, or number, of the rows to hold out: of each class in proportion, or whole ``groups``.
    n_iter_no_change : int, default=10
        See ``early_stopping``.
    tol : float, default=1e-4
        By how much the validation score must rise to count as improved.
    scoring : str, callable or None, default=None
        The score: accuracy or R2 when None, the name of a scorer, a scorer of (estimator, X, y), or
        a metric of (y_true, y_pred); more is better. Given, training scores are kept even without
        validation.
    max_generalization_gap : float or None, default=None
        Stop before the training score exceeds the validation score by more than this. Holds rows
        out unless `fit` is given ``X_val``.
    weight_trimming : float, default=0.0
        The lightest rows, which hold this share of the weight together, sit a round out (Friedman,
        Hastie, Tibshirani 2000, section 9; they use 0.01 to 0.1).
    max_weight_share : float or None, default=None
        The largest share of the weight that one row may have, against mislabelled rows.
    threshold : float, default=0.1
        AdaBoost.RT: relative error from which a row counts as missed.
    power : {1, 2, 3}, default=1
        AdaBoost.RT: the power of the error that votes and weights go by.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are. The result is that of one fit with all.
    n_jobs : int or None, default=None
        Threads that count the columns of a round, where members are histogram trees and a round
        has enough rows, and workers at predict; in joblib's meaning. The result is the same, to
        the bit, for every number.
    verbose : int, default=0
        A progress bar if positive.
    task : {"classification", "regression"} or None, default=None
        The task, where neither ``algorithm``, the base estimator nor ``y`` shall decide.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list
        The fitted members, one a round; a tuple, one for each class, for "gentle" and "logit" with
        more than two classes.
    estimator_weights_ : array of shape (n_rounds,)
        The votes.
    estimator_errors_ : array of shape (n_rounds,)
        Weighted error of each round, on the rows and by the weights it learned from.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    train_score_ : array of shape (n_rounds,)
        Score on the rows learned from after each round, with validation rows or ``scoring``.
    validation_score_, generalization_gap_ : arrays of shape (n_rounds,)
        Score on the validation rows after each round, and by how much the training score exceeds
        it.
    best_iteration_ : int
        The place, from 0, of the best validation score.
    feature_importances_ : array of shape (n_columns,)
        The members' importances, weighted by their votes.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    Y. Freund, R. Schapire (1997). A decision-theoretic generalization of on-line learning and an
    application to boosting. Journal of Computer and System Sciences 55.

    J. Friedman, T. Hastie, R. Tibshirani (2000). Additive logistic regression: a statistical view
    of boosting. Annals of Statistics 28.

    J. Zhu, H. Zou, S. Rosset, T. Hastie (2009). Multi-class AdaBoost. Statistics and its Interface
    2.

    L. Breiman (1998). Arcing classifiers. Annals of Statistics 26.

    H. Drucker (1997). Improving regressors using boosting techniques. ICML.

    D. Solomatine, D. Shrestha (2004). AdaBoost.RT: a boosting algorithm for regression problems.
    IJCNN.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from ensembles import AdaBoost
    >>> X, y = load_wine(return_X_y=True)
    >>> boost = AdaBoost(random_state=0).fit(X, y)
    >>> boost.task_
    'classification'
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        loss: str = "linear",
        random_state: Any = None,
        algorithm: str | None = None,
        resample: bool | None = None,
        class_weight: Any = None,
        early_stopping: bool | None = None,
        validation_fraction: float | int = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        scoring: Any = None,
        max_generalization_gap: float | None = None,
        weight_trimming: float = 0.0,
        max_weight_share: float | None = None,
        threshold: float = 0.1,
        power: int = 1,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        task: Task | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.loss = loss
        self.random_state = random_state
        self.algorithm = algorithm
        self.resample = resample
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.scoring = scoring
        self.max_generalization_gap = max_generalization_gap
        self.weight_trimming = weight_trimming
        self.max_weight_share = max_weight_share
        self.threshold = threshold
        self.power = power
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.task = task
