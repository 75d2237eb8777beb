"""What every part of gradient boosting knows: its parameters, its task, its boosters."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ensembles.gradient_boosting.columns import Columns
from ensembles.gradient_boosting.objectives import Objective
from ensembles.tasks import REGRESSION, Task, tell_task

__all__ = ["Core"]


class Core(BaseEstimator):
    """Parameters, the task and what follows from it."""

    _pinned: ClassVar[Task | None] = None
    task_: Task
    classes_: NDArray[Any]
    n_classes_: int
    n_features_in_: int
    boosters_: list[Any]
    device_: str
    _columns: Columns
    _objective: Objective

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
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.max_depth = max_depth
        self.max_leaves = max_leaves
        self.grow_policy = grow_policy
        self.max_bin = max_bin
        self.min_child_weight = min_child_weight
        self.gamma = gamma
        self.max_delta_step = max_delta_step
        self.reg_lambda = reg_lambda
        self.reg_alpha = reg_alpha
        self.subsample = subsample
        self.sampling_method = sampling_method
        self.colsample_bytree = colsample_bytree
        self.colsample_bylevel = colsample_bylevel
        self.colsample_bynode = colsample_bynode
        self.num_parallel_tree = num_parallel_tree
        self.tree_method = tree_method
        self.booster = booster
        self.rate_drop = rate_drop
        self.skip_drop = skip_drop
        self.multi_strategy = multi_strategy
        self.max_cat_to_onehot = max_cat_to_onehot
        self.max_cat_threshold = max_cat_threshold
        self.min_category_count = min_category_count
        self.monotone_constraints = monotone_constraints
        self.interaction_constraints = interaction_constraints
        self.objective = objective
        self.quantiles = quantiles
        self.base_score = base_score
        self.scale_pos_weight = scale_pos_weight
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.normalize_weights = normalize_weights
        self.check_gradient = check_gradient
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.validation_split = validation_split
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.scoring = scoring
        self.max_generalization_gap = max_generalization_gap
        self.refit = refit
        self.n_seeds = n_seeds
        self.warm_start = warm_start
        self.missing = missing
        self.importance_type = importance_type
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.cache_dir = cache_dir
        self.params = params

    def _known_task(self) -> Task | None:
        """The task, as far as it is known before or after `fit`."""
        if self._pinned is not None:
            return self._pinned
        return self.__dict__.get("task_") or getattr(self, "task", None)

    def _must_be_fitted(self) -> None:
        """Refuse to answer before `fit`; scikit-learn's check takes as long as some answers."""
        if "boosters_" not in self.__dict__:
            check_is_fitted(self, "boosters_")

    @property
    def booster_(self) -> Any:
        """The booster of XGBoost; the first of them with ``n_seeds``."""
        check_is_fitted(self, "boosters_")
        return self.boosters_[0]

    def get_booster(self) -> Any:
        """Return the booster, as XGBoost's own estimators do."""
        return self.booster_

    @property
    def n_estimators_(self) -> int:
        """How many rounds the model has; with ``n_seeds``, the most of them."""
        check_is_fitted(self, "boosters_")
        return max(int(one.num_boosted_rounds()) for one in self.boosters_)

    def _names(self) -> list[str]:
        """Names of the columns, made up where the table had none."""
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            return [str(name) for name in names]
        return [f"x{i}" for i in range(self.n_features_in_)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        task = self._known_task()
        tags.target_tags.multi_output = task == REGRESSION and self.quantiles is None
        tell_task(tags, task)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return "boosters_" in self.__dict__
