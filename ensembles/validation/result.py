"""What a cross-validation found: scores, out-of-fold predictions, fold models and their mean."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from ensembles import combining, members
from ensembles.members import Member
from ensembles.parameters import check_option, check_whole
from ensembles.tasks import CLASSIFICATION
from ensembles.validation import plots
from ensembles.validation.answering import Recorded, decides_by_pairs, labels_of, question_of
from ensembles.validation.comparison import corrected_resampled_t_test
from ensembles.validation.data import Data
from ensembles.validation.evaluating import Candidate, Outcome
from ensembles.validation.folds import Fold
from ensembles.validation.judging import Verdict, first_of, judge, pooled_scoring, range_of
from ensembles.validation.staging import learning_curves
from ensembles.validation.telling import as_html, as_text

if TYPE_CHECKING:
    from ensembles.validation.running import Run

__all__ = ["CrossValidation", "Interval"]

Floats = NDArray[np.float64]

OPTIMISM = {
    "fold": "optimistic: models stopped early on the very rows that judge them; "
    "early_stopping='nested' is honest.",
    "pooled": "slightly optimistic: the number of rounds, one for all folds, was chosen on the "
    "rows that judge the models.",
}


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def _probable(result: Any) -> bool:
    return result.classes_ is not None and result.method_ in ("predict_proba", "predict_log_proba")


class CrossValidation(dict[str, Any]):
    """What `cross_validate` found for one estimator.

    A dict with the keys of scikit-learn's function (``result["test_score"]``), and more:

    Attributes
    ----------
    oof_prediction_ : array of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_outputs)
        What is said of each row by models that never saw it, averaged where there are several
        (repeats, overlapping splits). NaN for a row that was never held out. Class probabilities
        (columns as in ``classes_``) where ``method_`` is "predict_proba". Of several labels of 0
        and 1 a row, shares of the votes or probabilities of the ones; None for other labels.
    oof_count_ : array of shape (n_rows,)
        By how many models each row was judged.
    test_prediction_ : array of shape (n_test_rows, ...) or None
        The fold models' mean answer about ``X_test``.
    test_predictions_ : array of shape (n_models, n_test_rows, ...) or None
        Each fold model's answer.
    models_ : list of estimators
        The fitted models, a fold each; None for a fold that failed. XGBoost's know labels as their
        places in ``classes_``.
    splits_ : list of (train, test)
        Rows of every fold.
    repeats_ : array of shape (n_folds,)
        Which repeat a fold belongs to.
    test_scores_, train_scores_ : dict of str to array of shape (n_folds,)
        Scores on the rows held out and on those learned from, by scorer; the bigger the better.
    score_, score_std_ : float
        Mean and standard deviation over folds of the first scorer's score.
    gap_, gaps_ : float, array of shape (n_folds,)
        Generalization gap: training score less held-out score, mean and by fold.
    pooled_score_, pooled_scores_ : float, dict of str to float
        Score of all out-of-fold predictions together, which is not the mean of folds' scores for
        a metric such as AUC; NaN where it cannot be had.
    confidence_interval_ : Interval
        95 % interval of ``score_`` (Nadeau and Bengio 2003: folds share training rows).
    fit_times_, score_times_ : array of shape (n_folds,)
        Seconds. A process' first fold may hold what is done once: the compiling of our trees, 5 to
        15 s where no fit has ever been made, and libraries that are loaded. Medians are told.
    best_iterations_ : list of int or None
        Rounds that each model uses after stopping early; None without early stopping.
    failures_ : dict of (repeat, number) to str
        Tracebacks of the folds that failed.
    optimism_ : str or None
        In what way the scores are too good, with early stopping on the rows that judge.
    refit_estimator_ : estimator
        With ``refit=True`` or after `refit`: one model trained on all rows, which answers in the
        labels as they were given.
    refit_rounds_ : int or None
        Its number of rounds, where early stopping found one.
    estimator_, classes_, task_, method_, n_repeats_
        What was validated and how.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from ensembles import cross_validate
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> result = cross_validate(DecisionTreeClassifier(max_depth=3, random_state=0), X, y)
    >>> result.oof_prediction_.shape
    (569, 2)
    >>> result["test_score"].round(2)
    array([0.91, 0.89, 0.94, 0.95, 0.89])
    >>> bool(result.gap_ > 0)
    True
    """

    def __init__(
        self, run: Run, candidate: Candidate, outcomes: Sequence[Outcome], folds: Sequence[Fold]
    ) -> None:
        super().__init__()
        self._run: Run | None = run
        self._candidate = candidate
        self._members = [outcome.member for outcome in outcomes]
        self.name_ = candidate.name
        self.estimator_ = candidate.learner
        self.task_, self.classes_ = candidate.task, candidate.classes
        self.method_ = candidate.method
        self._pairwise = candidate.method == "decision_function" and decides_by_pairs(
            candidate.learner, candidate.classes
        )
        self.n_rows_ = run.data.n_rows
        self.splits_ = [(fold.train, fold.test) for fold in folds]
        self.repeats_ = np.asarray([fold.repeat for fold in folds])
        self.numbers_ = np.asarray([fold.number for fold in folds])
        self.n_repeats_ = int(self.repeats_.max()) + 1
        self.fit_times_ = np.asarray([outcome.fit_time for outcome in outcomes])
        self.score_times_ = np.asarray([outcome.score_time for outcome in outcomes])
        self.best_iterations_ = [outcome.rounds for outcome in outcomes]
        self.failures_ = {
            (fold.repeat, fold.number): outcome.failure
            for fold, outcome in zip(folds, outcomes, strict=True)
            if outcome.failure is not None
        }
        self.optimism_ = OPTIMISM.get(run.early_stopping or "")
        self._keep_scores(outcomes, run.protocol.error_score)
        self._keep_answers(folds, outcomes)
        self._keep_pooled(run.data)
        self._fill(run)

    # -----------------------------------------------------------------------------------------
    # Assembling

    def _keep_scores(self, outcomes: Sequence[Outcome], error_score: Any) -> None:
        judged = [outcome.test for outcome in outcomes if outcome.test is not None]
        names = list(judged[0].scores)
        self._single = judged[0].single

        def collected(part: str) -> dict[str, Floats]:
            verdicts = [getattr(outcome, part) for outcome in outcomes]
            return {
                name: np.asarray(
                    [
                        error_score if v is None else v.scores.get(name, error_score)
                        for v in verdicts
                    ]
                )
                for name in names
            }

        self.test_scores_ = collected("test")
        trained = any(outcome.train is not None for outcome in outcomes)
        self.train_scores_ = collected("train") if trained else {}
        self._unscored = {
            part: {
                name: np.asarray([_failed(name, getattr(outcome, part)) for outcome in outcomes])
                for name in names
            }
            for part in ("test", "train")
        }

    def _keep_answers(self, folds: Sequence[Fold], outcomes: Sequence[Outcome]) -> None:
        running = combining.HeldOutMean(self.n_rows_)
        for fold, outcome in zip(folds, outcomes, strict=True):
            if outcome.answer is not None:
                running.add(*_once_each(fold.test, outcome.answer))
        self.oof_count_ = running.count
        with np.errstate(invalid="ignore"):
            self._answers = running.result() if running.count.any() else None
        if self._answers is not None and np.isnan(self._answers)[running.count > 0].any():
            self._tell_of_nan(folds, outcomes)
        said = [outcome.test_answer for outcome in outcomes if outcome.test_answer is not None]
        self._test_answers = np.stack(said) if said else None

    def _tell_of_nan(self, folds: Sequence[Fold], outcomes: Sequence[Outcome]) -> None:
        counts = {
            str(fold): int(np.isnan(outcome.answer).reshape(len(fold.test), -1).any(axis=1).sum())
            for fold, outcome in zip(folds, outcomes, strict=True)
            if outcome.answer is not None and np.isnan(outcome.answer).any()
        }
        if counts:
            warnings.warn(
                f"{self._candidate} answered NaN about {sum(counts.values())} of the rows held "
                f"out ({', '.join(counts)}): they are left out of the pooled score.",
                UserWarning,
                stacklevel=6,
            )

    def _keep_pooled(self, data: Data) -> None:
        self.pooled_scores_ = dict.fromkeys(self.test_scores_, float("nan"))
        if self._answers is None or data.y is None:
            return
        known = ~np.isnan(self._answers).reshape(self.n_rows_, -1).any(axis=1)
        rows = np.flatnonzero(known)
        if len(rows) == 0:
            return
        method = self.method_ or "predict"
        multilabel = self._candidate.multilabel and method in ("predict", "predict_proba")
        recorded = Recorded(self._answers[rows], method, self.classes_, self._pairwise, multilabel)
        with np.errstate(all="ignore"):
            verdict = judge(
                pooled_scoring(self._candidate.scoring, self.task_),
                recorded,
                self._judged_rows(data, rows),
                data.targets(rows),
                weights=data.weights(rows),
                arguments={k: data.cut(v, rows) for k, v in data.score_arguments.items()},
            )
        for name in self.pooled_scores_:
            if name in verdict.scores and name not in verdict.failures:
                self.pooled_scores_[name] = float(verdict.scores[name])

    def _judged_rows(self, data: Data, rows: NDArray[np.intp]) -> Any:
        """The rows that were held out, for scorers that look at them: scikit-learn's own do not."""
        scorers = self._candidate.scoring.scorers.values()
        blind = all(scorer is None or hasattr(scorer, "_score_func") for scorer in scorers)
        if blind or len(rows) == data.n_rows:
            return data.X
        return data.table(self.estimator_, rows, np.arange(data.n_rows))

    def _fill(self, run: Run) -> None:
        """Enter what scikit-learn's function returns, under its keys."""
        self["fit_time"], self["score_time"] = self.fit_times_, self.score_times_
        for name, scores in self.test_scores_.items():
            self["test_score" if self._single else f"test_{name}"] = scores
        for name, scores in self.train_scores_.items():
            self["train_score" if self._single else f"train_{name}"] = scores
        for key, wanted in (("estimator", run.return_estimator), ("indices", run.return_indices)):
            if wanted:
                self[key] = self.__missing__(key)

    def __missing__(self, key: str) -> Any:
        if key == "estimator":
            return self.models_
        if key == "indices":
            train, test = zip(*self.splits_, strict=True)
            return {"train": train, "test": test}
        raise KeyError(f"{key!r} is none of {[*self, 'estimator', 'indices']}")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_run": None if self._run is None else self._run.without_data()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({"_run": None, **state})

    def __reduce__(self) -> Any:
        return (_empty, (), self.__getstate__(), None, iter(self.items()))

    # -----------------------------------------------------------------------------------------
    # Scores

    @property
    def models_(self) -> list[Any]:
        """The fitted models, a fold each; None for a fold that failed."""
        return [None if member is None else member.estimator for member in self._members]

    @property
    def scoring_(self) -> str:
        """The scorer that counts: the first."""
        return first_of(self.test_scores_)

    @property
    def scorer_name_(self) -> str:
        """What the scorer that counts is called when results are told."""
        return self._candidate.scoring.label if self._single else self.scoring_

    @property
    def score_(self) -> float:
        """Mean score of the folds that did not fail."""
        return _mean(self._valid(self.scoring_))

    @property
    def score_std_(self) -> float:
        """Standard deviation of the score over folds."""
        scores = self._valid(self.scoring_)
        return float(np.std(scores)) if len(scores) else float("nan")

    @property
    def pooled_score_(self) -> float:
        """Score of all out-of-fold predictions together."""
        return self.pooled_scores_[self.scoring_]

    @property
    def gaps_(self) -> Floats:
        """Training score less held-out score, shape (n_folds,)."""
        if not self.train_scores_:
            raise AttributeError("gaps_ needs return_train_score=True.")
        return np.asarray(self.train_scores_[self.scoring_] - self.test_scores_[self.scoring_])

    @property
    def gap_(self) -> float:
        """Mean generalization gap: training score less held-out score."""
        name = self.scoring_
        gaps = self.gaps_[self._scored(name) & self._scored(name, "train")]
        return _mean(gaps[~np.isnan(gaps)])

    @property
    def confidence_interval_(self) -> Interval:
        """95 % interval of ``score_``; see `confidence_interval`."""
        return self.confidence_interval()

    def confidence_interval(self, level: float = 0.95, scoring: str | None = None) -> Interval:
        """Return a confidence interval of the mean score.

        Student's t on the folds' scores with the variance of Nadeau and Bengio (2003), which
        allows for the training rows that folds share. It knows nothing of where scores end: an end
        beyond the range of one of scikit-learn's scores, as an accuracy above 1, is put to its
        edge.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
        scoring : str, optional
            The scorer; the first when None.

        Returns
        -------
        Interval
            ``(low, high)``; NaN with fewer than two folds. A point, with a warning, where all folds
            score the same.
        """
        interval = self._interval(level, scoring)
        if interval.low == interval.high:
            warnings.warn(
                f"every fold scores {interval.low:.4g}: the interval is a point, and says nothing "
                "of how sure that is.",
                UserWarning,
                stacklevel=2,
            )
        return interval

    def _interval(self, level: float = 0.95, scoring: str | None = None) -> Interval:
        """Return the interval without a word, for those who say it in their own."""
        name = self.scoring_ if scoring is None else scoring
        check_option("scoring", name, self.test_scores_)
        scores = self.test_scores_[name]
        kept = self._scored(name) & ~np.isnan(scores)
        if kept.sum() < 2:
            return Interval(float("nan"), float("nan"))
        n_train, n_test = self._mean_sizes(kept)
        found = corrected_resampled_t_test(scores[kept], n_train, n_test, confidence_level=level)
        least, most = self._range(name)
        return Interval(max(float(found.low), least), min(float(found.high), most))

    def _range(self, name: str) -> tuple[float, float]:
        """The least and the greatest value of a score; a scorer may return names of its own."""
        scorers = self._candidate.scoring.scorers
        if name not in scorers:
            return -np.inf, np.inf
        return range_of(scorers[name], self._candidate.learner)

    def _mean_sizes(self, kept: NDArray[np.bool_]) -> tuple[float, float]:
        sizes = np.asarray([[len(train), len(test)] for train, test in self.splits_])[kept]
        n_train, n_test = sizes.mean(axis=0)
        return float(n_train), float(n_test)

    def _succeeded(self) -> NDArray[np.bool_]:
        return np.asarray([member is not None for member in self._members])

    def _scored(self, name: str, part: str = "test") -> NDArray[np.bool_]:
        """Which folds have a score of their own, and not ``error_score`` in its place."""
        return self._succeeded() & ~self._unscored[part][name]

    def _valid(self, name: str, part: str = "test") -> Floats:
        """Scores of the folds that have one, on the rows held out or on those learned from."""
        scores = self.test_scores_ if part == "test" else self.train_scores_
        kept = scores[name][self._scored(name, part)]
        return np.asarray(kept[~np.isnan(kept)])

    # -----------------------------------------------------------------------------------------
    # Predictions

    def _shaped(self, answers: Floats | None) -> Any:
        """Answers as the user asked for them: labels in the place of votes."""
        if answers is None or self.method_ != "predict" or self.classes_ is None:
            return answers
        labels: Any = labels_of(np.nan_to_num(answers), self.classes_)
        unknown = np.isnan(answers).any(axis=-1)
        if not unknown.any():
            return labels
        labels = labels.astype(np.float64 if labels.dtype.kind in "iuf" else object)
        labels[unknown] = np.nan
        return labels

    @property
    def oof_prediction_(self) -> Any:
        """What models say of rows held out from them; NaN where a row never was."""
        return self._shaped(self._answers)

    @property
    def test_prediction_(self) -> Any:
        """The fold models' mean answer about ``X_test``; None where there was none."""
        if self._test_answers is None:
            return None
        return self._shaped(combining.mean(self._test_answers))

    @property
    def test_predictions_(self) -> Any:
        """Each fold model's answer about ``X_test``, shape (n_models, n_test_rows, ...)."""
        return self._shaped(self._test_answers)

    def _mean_answer(self, X: Any, method: str, n_jobs: int | None) -> Floats:
        kept: list[Member] = [member for member in self._members if member is not None]
        question: Callable[..., Any] = question_of(method, self.estimator_, self.classes_)
        return combining.mean(members.ask(question, kept, X, n_jobs=n_jobs))

    def predict(self, X: Any, *, n_jobs: int | None = None) -> NDArray[Any]:
        """Predict with all fold models: the likeliest label by their mean, or the mean value.

        Of several labels a row each by the majority of the models.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
        n_jobs : int, optional
            Threads that ask the models.

        Returns
        -------
        array of shape (n_rows,) or (n_rows, n_outputs)
        """
        if self.method_ is None and self.task_ == CLASSIFICATION:
            raise ValueError("predict needs labels that can be counted: one a row, or 0 and 1.")
        method = "predict" if self.classes_ is None else self.method_ or "predict"
        mean = self._mean_answer(X, method, n_jobs)
        if self._candidate.multilabel:
            return np.asarray(mean > 0.5).astype(np.intp)
        if self.classes_ is None:
            return mean
        return labels_of(mean, self.classes_, pairwise=self._pairwise)

    @available_if(_probable)
    def predict_proba(self, X: Any, *, n_jobs: int | None = None) -> Floats:
        """Predict class probabilities: the mean of the fold models'.

        Returns
        -------
        array of shape (n_rows, n_classes)
            Columns in the order of ``classes_``. A class that a model never saw has probability
            zero there.
        """
        return self._mean_answer(X, "predict_proba", n_jobs)

    def refit(self, X: Any = None, y: Any = None, sample_weight: Any = None) -> Any:
        """Train once more, on all rows, and return the model.

        Where early stopping found a number of rounds, their mean over the folds is scaled by how
        much larger the data is than a fold's training part.

        Parameters
        ----------
        X, y, sample_weight : optional
            The data; those of the cross-validation when None, unless this was unpickled.

        Returns
        -------
        estimator
            Also kept as ``refit_estimator_``.
        """
        from ensembles.validation.refitting import refitted

        self.refit_estimator_, self.refit_rounds_ = refitted(self, X, y, sample_weight)
        return self.refit_estimator_

    # -----------------------------------------------------------------------------------------
    # Drawing

    def _data(self, X: Any, y: Any) -> Data:
        if X is not None or y is not None:
            return Data(X, y)
        if self._run is None or self._run.data.X is None:
            raise ValueError("a pickled CrossValidation does not hold its data: give X and y.")
        return self._run.data

    def learning_curves(self, X: Any = None, y: Any = None, *, n_points: int = 50) -> Any:
        """Score the fold models after some of their rounds, on both sides of the fold.

        For models trained in rounds: XGBoost, LightGBM, CatBoost, and all that have
        ``staged_predict``, alone or at the end of a pipeline.

        Parameters
        ----------
        X, y : optional
            The data; those of the cross-validation when None, unless this was unpickled.
        n_points : int, default=50
            The most numbers of rounds to look at.

        Returns
        -------
        LearningCurves
            ``rounds``, ``train``, ``test`` and their difference, ``gap``.
        """
        check_whole("n_points", n_points)
        if np.isscalar(X):
            raise ValueError(f"X must be a table; got {X!r}. Did you mean n_points={X!r}?")
        data = self._data(X, y)
        if (X is None) != (y is None) or data.n_rows != self.n_rows_:
            raise ValueError(
                f"X and y must be given together, the {self.n_rows_} rows that were "
                f"cross-validated; got X of shape {np.shape(X)} and y of shape {np.shape(y)}."
            )
        return learning_curves(self, data, n_points)

    def plot_scores(self, ax: Any = None) -> Any:
        """Draw every fold's scores, their mean and its interval; return matplotlib's axes."""
        return plots.plot_scores(self, ax)

    def plot_learning_curves(
        self, X: Any = None, y: Any = None, *, n_points: int = 50, ax: Any = None
    ) -> Any:
        """Draw scores by round on both sides of the folds, the gap between; return the axes."""
        curves = self.learning_curves(X, y, n_points=n_points)
        return plots.plot_learning_curves(curves, self.scorer_name_, ax)

    def plot_out_of_fold(self, y: Any = None, ax: Any = None) -> Any:
        """Draw out-of-fold predictions against the truth; return matplotlib's axes."""
        return plots.plot_out_of_fold(self, self._data(None, y).y, ax)

    # -----------------------------------------------------------------------------------------
    # Telling

    def summary(self) -> str:
        """Say in a few lines what was found."""
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def __repr__(self) -> str:
        return self.summary()

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with a row for each fold."""
        import pandas as pd

        columns: dict[str, Any] = {
            "repeat": self.repeats_,
            "fold": self.numbers_,
            "n_train": [len(train) for train, _ in self.splits_],
            "n_test": [len(test) for _, test in self.splits_],
        }
        for name, scores in self.test_scores_.items():
            suffix = "score" if self._single else name
            columns[f"test_{suffix}"] = scores
            if self.train_scores_:
                columns[f"train_{suffix}"] = self.train_scores_[name]
                columns["gap" if self._single else f"gap_{name}"] = (
                    self.train_scores_[name] - scores
                )
        columns |= {"fit_time": self.fit_times_, "score_time": self.score_times_}
        if any(rounds is not None for rounds in self.best_iterations_):
            columns["best_iteration"] = pd.array(self.best_iterations_, dtype="Int64")
        columns["failed"] = ~self._succeeded()
        return pd.DataFrame(columns)


def _empty() -> CrossValidation:
    return CrossValidation.__new__(CrossValidation)


def _once_each(rows: NDArray[np.intp], answer: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Rows and what is said of them, without the repeats of rows that a bootstrap holds."""
    if (rows[1:] > rows[:-1]).all():
        return rows, answer
    distinct, first = np.unique(rows, return_index=True)
    return distinct, answer[first]


def _failed(name: str, verdict: Verdict | None) -> bool:
    return verdict is not None and name in verdict.failures


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
