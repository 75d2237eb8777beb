"""Bagging: the same learner on many draws of the data, averaged or put to the vote.

`Bagging` follows the task, `BaggingClassifier` and `BaggingRegressor` pin it; one implementation
serves the three.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin, RegressorMixin

from ensembles.bagging.confidence import Confidence
from ensembles.bagging.fitting import Fitting
from ensembles.bagging.importance import Importance
from ensembles.bagging.leaves import Leaves
from ensembles.naming import named_here
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task

__all__ = ["Bagging", "BaggingClassifier", "BaggingRegressor"]


class BaseBagging(Fitting, Confidence, Importance, Leaves):
    """The family: everything but the task."""


@named_here
class BaggingClassifier(ClassifierMixin, BaseBagging):
    """Bag a classifier: fit it on many draws of the rows, average or put to the vote.

    scikit-learn's `BaggingClassifier` and more: change the import line, keep the code.

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of; a fully grown decision tree when None.
    n_estimators : int, default=10
        How many members. A ``resampling`` with a number of splits of its own (K-fold) decides
        itself.
    max_samples : int, float or None, default=None
        Rows in a draw: a count, a share (of the total ``sample_weight`` when there is one), or,
        when None, as many as there are rows of positive weight.
    max_features : int or float, default=1.0
        Columns that a member is given: a count or a share.
    bootstrap : bool, default=True
        Whether rows are drawn with replacement.
    bootstrap_features : bool, default=False
        Whether columns are drawn with replacement.
    oob_score : bool, str or callable, default=False
        Whether to score the ensemble on rows held out from its members: True for accuracy, the name
        of a scorer, a scorer of (estimator, X, y), or a metric of (y_true, y_pred). Each row is
        predicted by the members that were not shown it. Rows that every member was shown are NaN,
        left out of the score, and counted in a warning.
    warm_start : bool, default=False
        Whether `fit` goes on from the members there are. The result, out-of-bag score included,
        is that of one fit with all of them.
    n_jobs : int or None, default=None
        Workers at fit and at predict, in joblib's meaning. The result is the same, to the bit, for
        every number and every backend. Members are asked in threads. Linear algebra runs on one
        thread per member, and workers times inner threads never exceed the cores.
    random_state : int, RandomState, Generator or None, default=None
        Member i depends on ``(random_state, i)`` alone: the first members of a large bag are those
        of a small one.
    verbose : int, default=0
        A progress bar if positive, and a line when the default trees are compiled, on first use.
    resampling : splitter, int, iterable of pairs or None, default=None
        How rows are drawn, in the place of ``bootstrap`` and ``max_samples``: one of
        `ensembles.resampling`, or anything that ``cross_val_score`` takes as ``cv``.
        ``StratifiedKFold(5)`` makes the committee of fold models, whose out-of-bag
        prediction is the out-of-fold prediction.
    aggregation : {"soft", "hard", "log"}, callable or None, default=None
        How members become one: "soft" (mean probability, the default), "hard" (majority vote; a tie
        goes to the class that sorts first) or "log" (geometric mean of probabilities). A callable
        takes an array with the members first and returns one with the rows first.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes: rows are drawn with probability proportional to the weight of their
        class (times their ``sample_weight``). "balanced" gives every class the same.
    early_stopping : bool, default=False
        Whether members stop early on the rows held out from them: for any base estimator whose
        ``fit`` takes validation rows (XGBoost, LightGBM, CatBoost, HistGradientBoosting).
        The out-of-bag score is optimistic then, and a warning says so.
    n_iter_no_change : int or None, default=None
        Stop adding members once the out-of-bag scores of the last ``n_iter_no_change + 1`` stages
        lie within ``tol`` of each other; ``n_estimators`` is the most there will be.
    tol : float, default=1e-3
        See ``n_iter_no_change``.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list of estimators
        The fitted members.
    estimators_samples_ : list of arrays
        Rows that each member was shown, repeats included.
    estimators_features_ : list of arrays
        Columns that each member was given.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    oob_decision_function_ : array of shape (n_rows, n_classes)
        Out-of-bag class probabilities; NaN for a row that every member was shown.
    oob_score_ : float
        Out-of-bag score, when ``oob_score`` or ``n_iter_no_change`` asks for it.
    oob_count_ : array of shape (n_rows,)
        How many members judged each row.
    oob_scores_ : array of shape (n_members,)
        Out-of-bag score after each member, with ``n_iter_no_change``.
    sampling_ : {"index", "weight", "unique"}
        How draws reached the base estimator: rows with their repeats, weights, or distinct rows
        with their counts as weights.
    feature_importances_, feature_importances_std_ : arrays of shape (n_columns,)
        Mean and standard deviation over the members, where these have importances.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    L. Breiman (1996). Bagging predictors. Machine Learning 24.

    L. Breiman (1999). Pasting small votes for classification in large databases and on-line.
    Machine Learning 36.

    T. Ho (1998). The random subspace method for constructing decision forests. IEEE TPAMI 20.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from ensembles import BaggingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> bag = BaggingClassifier(n_estimators=50, oob_score=True, random_state=0).fit(X, y)
    >>> bag.predict(X[:3])
    array([0, 0, 0])
    >>> bool(bag.oob_score_ > 0.9)
    True
    """

    _pinned = CLASSIFICATION


@named_here
class BaggingRegressor(RegressorMixin, BaseBagging):
    """Bag a regressor: fit it on many draws of the rows and average, or take the median.

    scikit-learn's `BaggingRegressor` and more: change the import line, keep the code.

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of; a fully grown decision tree when None.
    n_estimators : int, default=10
        How many members. A ``resampling`` with a number of splits of its own (K-fold) decides
        itself.
    max_samples : int, float or None, default=None
        Rows in a draw: a count, a share (of the total ``sample_weight`` when there is one), or,
        when None, as many as there are rows of positive weight.
    max_features : int or float, default=1.0
        Columns that a member is given: a count or a share.
    bootstrap : bool, default=True
        Whether rows are drawn with replacement.
    bootstrap_features : bool, default=False
        Whether columns are drawn with replacement.
    oob_score : bool, str or callable, default=False
        Whether to score the ensemble on rows held out from its members: True for R2, the name
        of a scorer, a scorer of (estimator, X, y), or a metric of (y_true, y_pred). Each row is
        predicted by the members that were not shown it. Rows that every member was shown are NaN,
        left out of the score, and counted in a warning.
    warm_start : bool, default=False
        Whether `fit` goes on from the members there are. The result, out-of-bag score included,
        is that of one fit with all of them.
    n_jobs : int or None, default=None
        Workers at fit and at predict, in joblib's meaning. The result is the same, to the bit, for
        every number and every backend. Members are asked in threads. Linear algebra runs on one
        thread per member, and workers times inner threads never exceed the cores.
    random_state : int, RandomState, Generator or None, default=None
        Member i depends on ``(random_state, i)`` alone: the first members of a large bag are those
        of a small one.
    verbose : int, default=0
        A progress bar if positive, and a line when the default trees are compiled, on first use.
    resampling : splitter, int, iterable of pairs or None, default=None
        How rows are drawn, in the place of ``bootstrap`` and ``max_samples``: one of
        `ensembles.resampling`, or anything that ``cross_val_score`` takes as ``cv``.
        ``KFold(5)`` makes the committee of fold models, whose out-of-bag
        prediction is the out-of-fold prediction.
    aggregation : {"mean", "median", "trimmed_mean"}, callable or None, default=None
        How members become one: "mean" (the default), "median" or "trimmed_mean" (a tenth cut from
        each end). A callable takes an array with the members first and returns one with
        the rows first.
    class_weight : None
        For the classifier alone.
    early_stopping : bool, default=False
        Whether members stop early on the rows held out from them: for any base estimator whose
        ``fit`` takes validation rows (XGBoost, LightGBM, CatBoost, HistGradientBoosting).
        The out-of-bag score is optimistic then, and a warning says so.
    n_iter_no_change : int or None, default=None
        Stop adding members once the out-of-bag scores of the last ``n_iter_no_change + 1`` stages
        lie within ``tol`` of each other; ``n_estimators`` is the most there will be.
    tol : float, default=1e-3
        See ``n_iter_no_change``.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list of estimators
        The fitted members.
    estimators_samples_ : list of arrays
        Rows that each member was shown, repeats included.
    estimators_features_ : list of arrays
        Columns that each member was given.
    oob_prediction_ : array of shape (n_rows,) or (n_rows, n_outputs)
        Out-of-bag predictions; NaN for a row that every member was shown.
    oob_score_ : float
        Out-of-bag score, when ``oob_score`` or ``n_iter_no_change`` asks for it.
    oob_count_ : array of shape (n_rows,)
        How many members judged each row.
    oob_scores_ : array of shape (n_members,)
        Out-of-bag score after each member, with ``n_iter_no_change``.
    sampling_ : {"index", "weight", "unique"}
        How draws reached the base estimator: rows with their repeats, weights, or distinct rows
        with their counts as weights.
    feature_importances_, feature_importances_std_ : arrays of shape (n_columns,)
        Mean and standard deviation over the members, where these have importances.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    L. Breiman (1996). Bagging predictors. Machine Learning 24.

    L. Breiman (1999). Pasting small votes for classification in large databases and on-line.
    Machine Learning 36.

    T. Ho (1998). The random subspace method for constructing decision forests. IEEE TPAMI 20.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from ensembles import BaggingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> bag = BaggingRegressor(n_estimators=100, oob_score=True, random_state=0).fit(X, y)
    >>> bag.predict_interval(X[:5], alpha=0.1).shape
    (5, 2)
    """

    _pinned = REGRESSION


@named_here
class Bagging(BaseBagging):
    """Bag any learner: a classifier or a regressor, whichever the task asks for.

    The task is that of the base estimator; else ``task``; else it is inferred from ``y`` at
    `fit`: text, booleans, categories and whole numbers with at most 20 distinct values are classes,
    other numbers a quantity, and so are several columns of numbers (of 0 and 1 alone with a
    warning: they may be labels).

    Parameters
    ----------
    estimator : estimator, default=None
        The learner that members are clones of; a fully grown decision tree when None.
    n_estimators : int, default=10
        How many members. A ``resampling`` with a number of splits of its own (K-fold) decides
        itself.
    max_samples : int, float or None, default=None
        Rows in a draw: a count, a share (of the total ``sample_weight`` when there is one), or,
        when None, as many as there are rows of positive weight.
    max_features : int or float, default=1.0
        Columns that a member is given: a count or a share.
    bootstrap : bool, default=True
        Whether rows are drawn with replacement.
    bootstrap_features : bool, default=False
        Whether columns are drawn with replacement.
    oob_score : bool, str or callable, default=False
        Whether to score the ensemble on rows held out from its members: True for accuracy or R2,
        the name of a scorer, a scorer of (estimator, X, y), or a metric of (y_true, y_pred). Each
        row is predicted by the members that were not shown it. Rows that every member was shown are
        NaN, left out of the score, and counted in a warning.
    warm_start : bool, default=False
        Whether `fit` goes on from the members there are. The result, out-of-bag score included,
        is that of one fit with all of them.
    n_jobs : int or None, default=None
        Workers at fit and at predict, in joblib's meaning. The result is the same, to the bit, for
        every number and every backend. Members are asked in threads. Linear algebra runs on one
        thread per member, and workers times inner threads never exceed the cores.
    random_state : int, RandomState, Generator or None, default=None
        Member i depends on ``(random_state, i)`` alone: the first members of a large bag are those
        of a small one.
    verbose : int, default=0
        A progress bar if positive, and a line when the default trees are compiled, on first use.
    resampling : splitter, int, iterable of pairs or None, default=None
        How rows are drawn, in the place of ``bootstrap`` and ``max_samples``: one of
        `ensembles.resampling`, or anything that ``cross_val_score`` takes as ``cv``.
        ``StratifiedKFold(5)`` makes the committee of fold models, whose out-of-bag
        prediction is the out-of-fold prediction.
    aggregation : str, callable or None, default=None
        How members become one. Of classes: "soft" (mean probability, the default), "hard" (majority
        vote; a tie goes to the class that sorts first) or "log" (geometric mean of probabilities).
        Of values: "mean" (the default), "median" or "trimmed_mean" (a tenth cut from each end). A
        callable takes an array with the members first and returns one with the rows first.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes: rows are drawn with probability proportional to the weight of their
        class (times their ``sample_weight``). "balanced" gives every class the same.
    early_stopping : bool, default=False
        Whether members stop early on the rows held out from them: for any base estimator whose
        ``fit`` takes validation rows (XGBoost, LightGBM, CatBoost, HistGradientBoosting).
        The out-of-bag score is optimistic then, and a warning says so.
    n_iter_no_change : int or None, default=None
        Stop adding members once the out-of-bag scores of the last ``n_iter_no_change + 1`` stages
        lie within ``tol`` of each other; ``n_estimators`` is the most there will be.
    tol : float, default=1e-3
        See ``n_iter_no_change``.
    task : {"classification", "regression"} or None, default=None
        The task, where neither the base estimator nor ``y`` shall decide.

    Attributes
    ----------
    estimator_ : estimator
        The learner that members were cloned from.
    estimators_ : list of estimators
        The fitted members.
    estimators_samples_ : list of arrays
        Rows that each member was shown, repeats included.
    estimators_features_ : list of arrays
        Columns that each member was given.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    oob_decision_function_ : array of shape (n_rows, n_classes)
        Out-of-bag class probabilities; NaN for a row that every member was shown.
    oob_prediction_ : array of shape (n_rows,) or (n_rows, n_outputs)
        Out-of-bag predictions; NaN for a row that every member was shown.
    oob_score_ : float
        Out-of-bag score, when ``oob_score`` or ``n_iter_no_change`` asks for it.
    oob_count_ : array of shape (n_rows,)
        How many members judged each row.
    oob_scores_ : array of shape (n_members,)
        Out-of-bag score after each member, with ``n_iter_no_change``.
    sampling_ : {"index", "weight", "unique"}
        How draws reached the base estimator: rows with their repeats, weights, or distinct rows
        with their counts as weights.
    feature_importances_, feature_importances_std_ : arrays of shape (n_columns,)
        Mean and standard deviation over the members, where these have importances.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    L. Breiman (1996). Bagging predictors. Machine Learning 24.

    L. Breiman (1999). Pasting small votes for classification in large databases and on-line.
    Machine Learning 36.

    T. Ho (1998). The random subspace method for constructing decision forests. IEEE TPAMI 20.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from ensembles import Bagging
    >>> X, y = load_wine(return_X_y=True)
    >>> bag = Bagging(n_estimators=30, random_state=0).fit(X, y)
    >>> bag.task_
    'classification'
    """

    def __init__(
        self,
        estimator: Any = None,
        n_estimators: int = 10,
        *,
        max_samples: int | float | None = None,
        max_features: int | float = 1.0,
        bootstrap: bool = True,
        bootstrap_features: bool = False,
        oob_score: Any = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
        resampling: Any = None,
        aggregation: Any = None,
        class_weight: Any = None,
        early_stopping: bool = False,
        n_iter_no_change: int | None = None,
        tol: float = 1e-3,
        task: Task | None = None,
    ) -> None:
        super().__init__(
            estimator,
            n_estimators,
            max_samples=max_samples,
            max_features=max_features,
            bootstrap=bootstrap,
            bootstrap_features=bootstrap_features,
            oob_score=oob_score,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            resampling=resampling,
            aggregation=aggregation,
            class_weight=class_weight,
            early_stopping=early_stopping,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
        )
        self.task = task
