"""Gradient boosting: XGBoost as its users wish it behaved.

`GradientBoosting` follows the task, `GradientBoostingClassifier` and `GradientBoostingRegressor`
pin it; one implementation serves the three. The only room that imports xgboost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from ensembles.gradient_boosting.fitting import Fitting
from ensembles.naming import named_here
from ensembles.tasks import CLASSIFICATION, REGRESSION, Task

__all__ = ["GradientBoosting", "GradientBoostingClassifier", "GradientBoostingRegressor"]


@named_here
class GradientBoostingClassifier(ClassifierMixin, Fitting):
    """Boost trees that classify, with XGBoost: on a GPU when there is one.

    XGBoost grows the trees. Labels, categories, text and missing values are taken as they come, and
    early stopping needs no ``eval_set``.

    Parameters
    ----------
    n_estimators : int or None, default=None
        How many rounds to add, the most of them with early stopping. None: 100, and with early
        stopping as many as it takes, at most 2000.
    learning_rate : float, default=0.1
        What each tree counts for (shrinkage).
    max_depth : int, default=4
        The deepest a tree may grow; 0 for no limit.
    max_leaves : int, default=0
        The most leaves of a tree; 0 for no limit.
    grow_policy : {"depthwise", "lossguide"}, default="depthwise"
        Whether the nodes nearest to the root are split first, or those of the largest gain.
    max_bin : int, default=256
        The most bins of a column.
    min_child_weight : float, default=1.0
        The least sum of second derivatives in a leaf: with squared error, of weights.
    gamma : float, default=0.0
        The least gain of a split.
    max_delta_step : float or None, default=None
        The largest step of a leaf. None: 0.7 for counts, as XGBoost has it, else no limit (0).
    reg_lambda, reg_alpha : float, default=1.0 and 0.0
        L2 and L1 penalties on the leaves.
    subsample : float, default=1.0
        Share of the rows that each tree learns from.
    sampling_method : {"uniform", "gradient_based"}, default="uniform"
        How rows are sampled: all alike, or those of large gradients more often.
    colsample_bytree, colsample_bylevel, colsample_bynode : float, default=1.0
        Shares of the columns that each tree, level and node may choose from; they multiply.
    num_parallel_tree : int, default=1
        Trees per round: more than one makes each round a forest.
    tree_method : {"hist"}, default="hist"
        XGBoost's histogram method, the one that every data source here goes with.
    booster : {"gbtree", "dart"}, default="gbtree"
        "dart" drops earlier trees at random while it adds new ones (Rashmi and Gilad-Bachrach
        2015).
    rate_drop, skip_drop : float, default=0.1 and 0.5
        DART: the share of trees that are dropped, and the chance of dropping none in a round.
    multi_strategy : {"one_output_per_tree", "multi_output_tree"}, default="one_output_per_tree"
        How several outputs are learned.
    max_cat_to_onehot, max_cat_threshold : int, default=4 and 64
        Columns of fewer categories are split one against the rest, others by subsets of at most so
        many categories.
    min_category_count : int, default=20
        In columns of more than 64 categories, such as names, tickets or dates, those of fewer rows
        at `fit` are treated as missing: subsets of them would be fitted to noise. 1 keeps them all.
    monotone_constraints : dict, list or None, default=None
        1 where the answer must not fall as a column rises, -1 where it must not rise: by name (or
        number) in a dict, or one for each column.
    interaction_constraints : list of lists or None, default=None
        Groups of columns, by name or number: a branch may only use columns of one group.
    objective : {"logistic", "softmax"}, callable or None, default=None
        What is minimised, by this name or XGBoost's. None: "logistic" for two classes, "softmax"
        for more. A callable takes (y_true, y_pred), codes of classes and margins, and returns the
        gradient and the second derivative for every row; its weights are seen to unless it takes
        ``sample_weight``.
    quantiles : None
        For the regressor alone.
    base_score : float, list or None, default=None
        What every prediction starts from: the probability of the second of two classes, or with
        more of them a list of one score for each, before the softmax. None estimates it.
    scale_pos_weight : float, default=1.0
        Weight of the second of two classes, on top of all others.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, in training and in validation. For classification.
    label_smoothing : float, default=0.0
        How far labels are moved towards the uniform: 1 - s + s / K for the label of K classes, s /
        K for the others. Validation labels stay as they are.
    normalize_weights : bool, default=False
        Whether to scale the weights to a mean of 1. min_child_weight and reg_lambda are absolute:
        without it, weights of 8 allow smaller leaves than weights of 1.
    check_gradient : bool, default=False
        Whether to hold the derivatives of an objective of your own to central differences first.
    early_stopping : bool or "auto", default="auto"
        Whether to stop once the score on validation rows no longer improves. "auto" does when
        validation rows are given, and when ``n_estimators`` is left open (None) and there are more
        than 2000 rows.
    validation_fraction : float, default=0.1
        Share of the rows that are held out when none are given. By class in a classification; by
        whole groups when `fit` is given ``groups``.
    validation_split : {"random", "latest"}, default="random"
        Which rows are held out: "latest" the last ones, for rows in the order of time.
    n_iter_no_change : int, default=30
        Rounds without improvement before it stops.
    tol : float, default=0.0
        The least improvement that counts.
    scoring : str, callable or None, default=None
        What rounds are judged by: a metric of XGBoost ("auc", "rmse"), a scorer of scikit-learn
        ("roc_auc", "f1"), or a metric of (y_true, y_pred) whose name tells the direction
        (``_score``, ``_error``, ``_loss``) and which is given labels, but probabilities where it is
        one of scikit-learn's that judge those. Each is optimised in its own direction. None: the
        objective's own loss.
    max_generalization_gap : float or None, default=None
        Stop before the loss on validation rows exceeds that on training rows by more, in the loss's
        own unit.
    refit : bool, default=False
        Whether to train on all rows afterwards, with the rounds that were found, scaled up as the
        rows are. Validation rows given to `fit` are never trained on.
    n_seeds : int, default=1
        Boosters to average, each with a seed of its own, on one shared quantile matrix.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are; ``n_estimators`` is the total. Early
        stopping judges the rounds that are added among themselves, as XGBoost's own does: it keeps
        one at least, be it worse than what there was.
    missing : float, default=nan
        A number that stands for a missing value, beside NaN; with categories none of their codes.
    importance_type : {"gain", "weight", "cover", "total_gain", "total_cover"}, default="gain"
        What ``feature_importances_`` measures.
    device : {"auto", "cpu", "cuda", "cuda:1", ...}, default="auto"
        Where to train. "auto" takes a GPU that answers, else the CPU; when its memory is too small
        it tries fewer bins, then external memory, then the CPU, and warns. A GPU asked for by name
        that is not there is an error.
    n_jobs : int or None, default=None
        Threads; -1 for all there are, -2 for all but one. None: all, but one for a table of fewer
        than 50000 cells. The result is the same for every number.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the sampling of rows and columns, and the rows that are held out.
    verbose : int, default=0
        A progress bar with the current scores if positive.
    cache_dir : path or None, default=None
        The folder in which data larger than memory are cached while `fit` runs; None for the
        system's own for temporary files.
    params : dict or None, default=None
        Further parameters of XGBoost, by its names. An unknown name is an error that suggests the
        nearest.

    Attributes
    ----------
    booster_ : xgboost.Booster
        The booster; the first of them with ``n_seeds``.
    boosters_ : list of xgboost.Booster
        One for each seed.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    n_estimators_ : int
        Rounds of the model; the most of them with ``n_seeds``, where each seed may stop early by
        itself.
    best_iteration_ : int
        The best round, counted from 0, when there were validation rows; with ``n_seeds`` this and
        the scores below are of the first booster.
    best_score_ : float
        Its score on them.
    evals_result_ : dict
        Scores by rows, metric and round.
    generalization_gap_ : float
        By how much the loss on validation rows exceeds that on training rows, in the last round
        that was kept.
    validation_rows_ : array of shape (n_held_out,)
        Which rows were held out, in ascending order, when `fit` held some out.
    device_ : str
        Where it was trained.
    feature_importances_ : array of shape (n_columns,)
        By ``importance_type``, summing to 1.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    T. Chen and C. Guestrin (2016). XGBoost: a scalable tree boosting system. KDD.

    J. Friedman (2001). Greedy function approximation: a gradient boosting machine. Annals of
    Statistics 29.

    K. Rashmi and R. Gilad-Bachrach (2015). DART: dropouts meet multiple additive regression trees.
    AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from ensembles import GradientBoostingClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = GradientBoostingClassifier(early_stopping=True, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.predict(X[:3])
    array([0, 0, 0])
    >>> bool(model.n_estimators_ == model.best_iteration_ + 1)
    True
    """

    _pinned = CLASSIFICATION
    score = Fitting.score


@named_here
class GradientBoostingRegressor(RegressorMixin, Fitting):
    """Boost trees that predict values, with XGBoost: on a GPU when there is one.

    XGBoost grows the trees. Categories, text and missing values are taken as they come, and early
    stopping needs no ``eval_set``.

    Parameters
    ----------
    n_estimators : int or None, default=None
        How many rounds to add, the most of them with early stopping. None: 100, and with early
        stopping as many as it takes, at most 2000.
    learning_rate : float, default=0.1
        What each tree counts for (shrinkage).
    max_depth : int, default=4
        The deepest a tree may grow; 0 for no limit.
    max_leaves : int, default=0
        The most leaves of a tree; 0 for no limit.
    grow_policy : {"depthwise", "lossguide"}, default="depthwise"
        Whether the nodes nearest to the root are split first, or those of the largest gain.
    max_bin : int, default=256
        The most bins of a column.
    min_child_weight : float, default=1.0
        The least sum of second derivatives in a leaf: with squared error, of weights.
    gamma : float, default=0.0
        The least gain of a split.
    max_delta_step : float or None, default=None
        The largest step of a leaf. None: 0.7 for counts, as XGBoost has it, else no limit (0).
    reg_lambda, reg_alpha : float, default=1.0 and 0.0
        L2 and L1 penalties on the leaves.
    subsample : float, default=1.0
        Share of the rows that each tree learns from.
    sampling_method : {"uniform", "gradient_based"}, default="uniform"
        How rows are sampled: all alike, or those of large gradients more often.
    colsample_bytree, colsample_bylevel, colsample_bynode : float, default=1.0
        Shares of the columns that each tree, level and node may choose from; they multiply.
    num_parallel_tree : int, default=1
        Trees per round: more than one makes each round a forest.
    tree_method : {"hist"}, default="hist"
        XGBoost's histogram method, the one that every data source here goes with.
    booster : {"gbtree", "dart"}, default="gbtree"
        "dart" drops earlier trees at random while it adds new ones (Rashmi and Gilad-Bachrach
        2015).
    rate_drop, skip_drop : float, default=0.1 and 0.5
        DART: the share of trees that are dropped, and the chance of dropping none in a round.
    multi_strategy : {"one_output_per_tree", "multi_output_tree"}, default="one_output_per_tree"
        How several outputs are learned.
    max_cat_to_onehot, max_cat_threshold : int, default=4 and 64
        Columns of fewer categories are split one against the rest, others by subsets of at most so
        many categories.
    min_category_count : int, default=20
        In columns of more than 64 categories, such as names, tickets or dates, those of fewer rows
        at `fit` are treated as missing: subsets of them would be fitted to noise. 1 keeps them all.
    monotone_constraints : dict, list or None, default=None
        1 where the answer must not fall as a column rises, -1 where it must not rise: by name (or
        number) in a dict, or one for each column.
    interaction_constraints : list of lists or None, default=None
        Groups of columns, by name or number: a branch may only use columns of one group.
    objective : str, callable or None, default=None
        What is minimised: "squared" (the default), "absolute", "huber", "quantile", "poisson",
        "gamma", "tweedie", "squared_log", "fraction", or XGBoost's name. A callable takes (y_true,
        y_pred), values and margins, and returns the gradient and the second derivative for every
        row; its weights are seen to unless it takes ``sample_weight``.
    quantiles : float, list of floats or None, default=None
        Quantile levels, ascending: one model predicts them all, and they never cross. Makes the
        objective "quantile".
    base_score : float, list or None, default=None
        What every prediction starts from: a value, or a list of one for each output or quantile.
        None estimates it.
    scale_pos_weight : float, default=1.0
        For the classifier alone.
    class_weight : None
        For the classifier alone.
    label_smoothing : float, default=0.0
        For the classifier alone.
    normalize_weights : bool, default=False
        Whether to scale the weights to a mean of 1. min_child_weight and reg_lambda are absolute:
        without it, weights of 8 allow smaller leaves than weights of 1.
    check_gradient : bool, default=False
        Whether to hold the derivatives of an objective of your own to central differences first.
    early_stopping : bool or "auto", default="auto"
        Whether to stop once the score on validation rows no longer improves. "auto" does when
        validation rows are given, and when ``n_estimators`` is left open (None) and there are more
        than 2000 rows.
    validation_fraction : float, default=0.1
        Share of the rows that are held out when none are given. By class in a classification; by
        whole groups when `fit` is given ``groups``.
    validation_split : {"random", "latest"}, default="random"
        Which rows are held out: "latest" the last ones, for rows in the order of time.
    n_iter_no_change : int, default=30
        Rounds without improvement before it stops.
    tol : float, default=0.0
        The least improvement that counts.
    scoring : str, callable or None, default=None
        What rounds are judged by: a metric of XGBoost ("auc", "rmse"), a scorer of scikit-learn
        ("roc_auc", "f1"), or a metric of (y_true, y_pred) whose name tells the direction
        (``_score``, ``_error``, ``_loss``) and which is given labels, but probabilities where it is
        one of scikit-learn's that judge those. Each is optimised in its own direction. None: the
        objective's own loss.
    max_generalization_gap : float or None, default=None
        Stop before the loss on validation rows exceeds that on training rows by more, in the loss's
        own unit.
    refit : bool, default=False
        Whether to train on all rows afterwards, with the rounds that were found, scaled up as the
        rows are. Validation rows given to `fit` are never trained on.
    n_seeds : int, default=1
        Boosters to average, each with a seed of its own, on one shared quantile matrix.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are; ``n_estimators`` is the total. Early
        stopping judges the rounds that are added among themselves, as XGBoost's own does: it keeps
        one at least, be it worse than what there was.
    missing : float, default=nan
        A number that stands for a missing value, beside NaN; with categories none of their codes.
    importance_type : {"gain", "weight", "cover", "total_gain", "total_cover"}, default="gain"
        What ``feature_importances_`` measures.
    device : {"auto", "cpu", "cuda", "cuda:1", ...}, default="auto"
        Where to train. "auto" takes a GPU that answers, else the CPU; when its memory is too small
        it tries fewer bins, then external memory, then the CPU, and warns. A GPU asked for by name
        that is not there is an error.
    n_jobs : int or None, default=None
        Threads; -1 for all there are, -2 for all but one. None: all, but one for a table of fewer
        than 50000 cells. The result is the same for every number.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the sampling of rows and columns, and the rows that are held out.
    verbose : int, default=0
        A progress bar with the current scores if positive.
    cache_dir : path or None, default=None
        The folder in which data larger than memory are cached while `fit` runs; None for the
        system's own for temporary files.
    params : dict or None, default=None
        Further parameters of XGBoost, by its names. An unknown name is an error that suggests the
        nearest.

    Attributes
    ----------
    booster_ : xgboost.Booster
        The booster; the first of them with ``n_seeds``.
    boosters_ : list of xgboost.Booster
        One for each seed.
    n_estimators_ : int
        Rounds of the model; the most of them with ``n_seeds``, where each seed may stop early by
        itself.
    best_iteration_ : int
        The best round, counted from 0, when there were validation rows; with ``n_seeds`` this and
        the scores below are of the first booster.
    best_score_ : float
        Its score on them.
    evals_result_ : dict
        Scores by rows, metric and round.
    generalization_gap_ : float
        By how much the loss on validation rows exceeds that on training rows, in the last round
        that was kept.
    validation_rows_ : array of shape (n_held_out,)
        Which rows were held out, in ascending order, when `fit` held some out.
    device_ : str
        Where it was trained.
    feature_importances_ : array of shape (n_columns,)
        By ``importance_type``, summing to 1.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    T. Chen and C. Guestrin (2016). XGBoost: a scalable tree boosting system. KDD.

    J. Friedman (2001). Greedy function approximation: a gradient boosting machine. Annals of
    Statistics 29.

    K. Rashmi and R. Gilad-Bachrach (2015). DART: dropouts meet multiple additive regression trees.
    AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from ensembles import GradientBoostingRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = GradientBoostingRegressor(quantiles=[0.05, 0.5, 0.95], random_state=0)
    >>> model.fit(X, y).predict_interval(X[:5]).shape
    (5, 2)
    """

    _pinned = REGRESSION
    score = Fitting.score


@named_here
class GradientBoosting(Fitting):
    """Boost trees with XGBoost: a classifier or a regressor, whichever the task asks for.

    The task is ``task``; else that of the objective (``quantiles`` ask for a regression); else it
    is inferred from ``y`` at `fit`: text, booleans, categories and whole numbers with at most 20
    distinct values are classes, other numbers a quantity.

    Parameters
    ----------
    n_estimators : int or None, default=None
        How many rounds to add, the most of them with early stopping. None: 100, and with early
        stopping as many as it takes, at most 2000.
    learning_rate : float, default=0.1
        What each tree counts for (shrinkage).
    max_depth : int, default=4
        The deepest a tree may grow; 0 for no limit.
    max_leaves : int, default=0
        The most leaves of a tree; 0 for no limit.
    grow_policy : {"depthwise", "lossguide"}, default="depthwise"
        Whether the nodes nearest to the root are split first, or those of the largest gain.
    max_bin : int, default=256
        The most bins of a column.
    min_child_weight : float, default=1.0
        The least sum of second derivatives in a leaf: with squared error, of weights.
    gamma : float, default=0.0
        The least gain of a split.
    max_delta_step : float or None, default=None
        The largest step of a leaf. None: 0.7 for counts, as XGBoost has it, else no limit (0).
    reg_lambda, reg_alpha : float, default=1.0 and 0.0
        L2 and L1 penalties on the leaves.
    subsample : float, default=1.0
        Share of the rows that each tree learns from.
    sampling_method : {"uniform", "gradient_based"}, default="uniform"
        How rows are sampled: all alike, or those of large gradients more often.
    colsample_bytree, colsample_bylevel, colsample_bynode : float, default=1.0
        Shares of the columns that each tree, level and node may choose from; they multiply.
    num_parallel_tree : int, default=1
        Trees per round: more than one makes each round a forest.
    tree_method : {"hist"}, default="hist"
        XGBoost's histogram method, the one that every data source here goes with.
    booster : {"gbtree", "dart"}, default="gbtree"
        "dart" drops earlier trees at random while it adds new ones (Rashmi and Gilad-Bachrach
        2015).
    rate_drop, skip_drop : float, default=0.1 and 0.5
        DART: the share of trees that are dropped, and the chance of dropping none in a round.
    multi_strategy : {"one_output_per_tree", "multi_output_tree"}, default="one_output_per_tree"
        How several outputs are learned.
    max_cat_to_onehot, max_cat_threshold : int, default=4 and 64
        Columns of fewer categories are split one against the rest, others by subsets of at most so
        many categories.
    min_category_count : int, default=20
        In columns of more than 64 categories, such as names, tickets or dates, those of fewer rows
        at `fit` are treated as missing: subsets of them would be fitted to noise. 1 keeps them all.
    monotone_constraints : dict, list or None, default=None
        1 where the answer must not fall as a column rises, -1 where it must not rise: by name (or
        number) in a dict, or one for each column.
    interaction_constraints : list of lists or None, default=None
        Groups of columns, by name or number: a branch may only use columns of one group.
    objective : str, callable or None, default=None
        What is minimised, by this name or XGBoost's. Of classes: "logistic" (two of them) or
        "softmax"; of values: "squared", "absolute", "huber", "quantile", "poisson", "gamma",
        "tweedie", "squared_log", "fraction". A callable takes (y_true, y_pred), codes or values and
        margins, and returns the gradient and the second derivative for every row; its weights are
        seen to unless it takes ``sample_weight``.
    quantiles : float, list of floats or None, default=None
        Quantile levels, ascending: one model predicts them all, and they never cross. Makes the
        objective "quantile".
    base_score : float, list or None, default=None
        What every prediction starts from: a value, or a list of one for each output or quantile;
        the probability of the second of two classes, or with more of them a list of one score for
        each, before the softmax. None estimates it.
    scale_pos_weight : float, default=1.0
        Weight of the second of two classes, on top of all others.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, in training and in validation. For classification.
    label_smoothing : float, default=0.0
        How far labels are moved towards the uniform: 1 - s + s / K for the label of K classes, s /
        K for the others. Validation labels stay as they are.
    normalize_weights : bool, default=False
        Whether to scale the weights to a mean of 1. min_child_weight and reg_lambda are absolute:
        without it, weights of 8 allow smaller leaves than weights of 1.
    check_gradient : bool, default=False
        Whether to hold the derivatives of an objective of your own to central differences first.
    early_stopping : bool or "auto", default="auto"
        Whether to stop once the score on validation rows no longer improves. "auto" does when
        validation rows are given, and when ``n_estimators`` is left open (None) and there are more
        than 2000 rows.
    validation_fraction : float, default=0.1
        Share of the rows that are held out when none are given. By class in a classification; by
        whole groups when `fit` is given ``groups``.
    validation_split : {"random", "latest"}, default="random"
        Which rows are held out: "latest" the last ones, for rows in the order of time.
    n_iter_no_change : int, default=30
        Rounds without improvement before it stops.
    tol : float, default=0.0
        The least improvement that counts.
    scoring : str, callable or None, default=None
        What rounds are judged by: a metric of XGBoost ("auc", "rmse"), a scorer of scikit-learn
        ("roc_auc", "f1"), or a metric of (y_true, y_pred) whose name tells the direction
        (``_score``, ``_error``, ``_loss``) and which is given labels, but probabilities where it is
        one of scikit-learn's that judge those. Each is optimised in its own direction. None: the
        objective's own loss.
    max_generalization_gap : float or None, default=None
        Stop before the loss on validation rows exceeds that on training rows by more, in the loss's
        own unit.
    refit : bool, default=False
        Whether to train on all rows afterwards, with the rounds that were found, scaled up as the
        rows are. Validation rows given to `fit` are never trained on.
    n_seeds : int, default=1
        Boosters to average, each with a seed of its own, on one shared quantile matrix.
    warm_start : bool, default=False
        Whether `fit` goes on from the rounds there are; ``n_estimators`` is the total. Early
        stopping judges the rounds that are added among themselves, as XGBoost's own does: it keeps
        one at least, be it worse than what there was.
    missing : float, default=nan
        A number that stands for a missing value, beside NaN; with categories none of their codes.
    importance_type : {"gain", "weight", "cover", "total_gain", "total_cover"}, default="gain"
        What ``feature_importances_`` measures.
    device : {"auto", "cpu", "cuda", "cuda:1", ...}, default="auto"
        Where to train. "auto" takes a GPU that answers, else the CPU; when its memory is too small
        it tries fewer bins, then external memory, then the CPU, and warns. A GPU asked for by name
        that is not there is an error.
    n_jobs : int or None, default=None
        Threads; -1 for all there are, -2 for all but one. None: all, but one for a table of fewer
        than 50000 cells. The result is the same for every number.
    random_state : int, RandomState, Generator or None, default=None
        Seeds the sampling of rows and columns, and the rows that are held out.
    verbose : int, default=0
        A progress bar with the current scores if positive.
    cache_dir : path or None, default=None
        The folder in which data larger than memory are cached while `fit` runs; None for the
        system's own for temporary files.
    params : dict or None, default=None
        Further parameters of XGBoost, by its names. An unknown name is an error that suggests the
        nearest.
    task : {"classification", "regression"} or None, default=None
        The task, where ``y`` shall not decide.

    Attributes
    ----------
    booster_ : xgboost.Booster
        The booster; the first of them with ``n_seeds``.
    boosters_ : list of xgboost.Booster
        One for each seed.
    classes_ : array of shape (n_classes,)
        The class labels, sorted.
    n_classes_ : int
        How many there are.
    n_estimators_ : int
        Rounds of the model; the most of them with ``n_seeds``, where each seed may stop early by
        itself.
    best_iteration_ : int
        The best round, counted from 0, when there were validation rows; with ``n_seeds`` this and
        the scores below are of the first booster.
    best_score_ : float
        Its score on them.
    evals_result_ : dict
        Scores by rows, metric and round.
    generalization_gap_ : float
        By how much the loss on validation rows exceeds that on training rows, in the last round
        that was kept.
    validation_rows_ : array of shape (n_held_out,)
        Which rows were held out, in ascending order, when `fit` held some out.
    device_ : str
        Where it was trained.
    feature_importances_ : array of shape (n_columns,)
        By ``importance_type``, summing to 1.
    task_ : {"classification", "regression"}
        The task.
    n_features_in_ : int
        Columns seen at fit.
    feature_names_in_ : array of shape (n_columns,)
        Their names, where all are text.

    References
    ----------
    T. Chen and C. Guestrin (2016). XGBoost: a scalable tree boosting system. KDD.

    J. Friedman (2001). Greedy function approximation: a gradient boosting machine. Annals of
    Statistics 29.

    K. Rashmi and R. Gilad-Bachrach (2015). DART: dropouts meet multiple additive regression trees.
    AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from ensembles import GradientBoosting
    >>> X, y = load_wine(return_X_y=True)
    >>> model = GradientBoosting(random_state=0).fit(X, y)
    >>> model.task_
    'classification'
    """

    def __init__(
        self,
        n_estimators: int | None = None,
        *,
        learning_rate: float = 0.1,
        max_depth: int = 4,
        max_leaves: int = 0,
        grow_policy: str = "depthwise",
        max_bin: int = 256,
        min_child_weight: float = 1.0,
        gamma: float = 0.0,
        max_delta_step: float | None = None,
        reg_lambda: float = 1.0,
        reg_alpha: float = 0.0,
        subsample: float = 1.0,
        sampling_method: str = "uniform",
        colsample_bytree: float = 1.0,
        colsample_bylevel: float = 1.0,
        colsample_bynode: float = 1.0,
        num_parallel_tree: int = 1,
        tree_method: str = "hist",
        booster: str = "gbtree",
        rate_drop: float = 0.1,
        skip_drop: float = 0.5,
        multi_strategy: str = "one_output_per_tree",
        max_cat_to_onehot: int = 4,
        max_cat_threshold: int = 64,
        min_category_count: int = 20,
        monotone_constraints: Any = None,
        interaction_constraints: Any = None,
        objective: Any = None,
        quantiles: Any = None,
        base_score: Any = None,
        scale_pos_weight: float = 1.0,
        class_weight: Any = None,
        label_smoothing: float = 0.0,
        normalize_weights: bool = False,
        check_gradient: bool = False,
        early_stopping: bool | str = "auto",
        validation_fraction: float = 0.1,
        validation_split: str = "random",
        n_iter_no_change: int = 30,
        tol: float = 0.0,
        scoring: Any = None,
        max_generalization_gap: float | None = None,
        refit: bool = False,
        n_seeds: int = 1,
        warm_start: bool = False,
        missing: float = np.nan,
        importance_type: str = "gain",
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
        cache_dir: Any = None,
        params: dict[str, Any] | None = None,
        task: Task | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            learning_rate=learning_rate,
            max_depth=max_depth,
            max_leaves=max_leaves,
            grow_policy=grow_policy,
            max_bin=max_bin,
            min_child_weight=min_child_weight,
            gamma=gamma,
            max_delta_step=max_delta_step,
            reg_lambda=reg_lambda,
            reg_alpha=reg_alpha,
            subsample=subsample,
            sampling_method=sampling_method,
            colsample_bytree=colsample_bytree,
            colsample_bylevel=colsample_bylevel,
            colsample_bynode=colsample_bynode,
            num_parallel_tree=num_parallel_tree,
            tree_method=tree_method,
            booster=booster,
            rate_drop=rate_drop,
            skip_drop=skip_drop,
            multi_strategy=multi_strategy,
            max_cat_to_onehot=max_cat_to_onehot,
            max_cat_threshold=max_cat_threshold,
            min_category_count=min_category_count,
            monotone_constraints=monotone_constraints,
            interaction_constraints=interaction_constraints,
            objective=objective,
            quantiles=quantiles,
            base_score=base_score,
            scale_pos_weight=scale_pos_weight,
            class_weight=class_weight,
            label_smoothing=label_smoothing,
            normalize_weights=normalize_weights,
            check_gradient=check_gradient,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            validation_split=validation_split,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            scoring=scoring,
            max_generalization_gap=max_generalization_gap,
            refit=refit,
            n_seeds=n_seeds,
            warm_start=warm_start,
            missing=missing,
            importance_type=importance_type,
            device=device,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
            cache_dir=cache_dir,
            params=params,
        )
        self.task = task
