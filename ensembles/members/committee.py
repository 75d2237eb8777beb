"""What every estimator of many members is: a sequence of them, which hands arguments on to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from sklearn import get_config
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import process_routing


class Committee:
    """The members as a sequence, and which arguments are theirs."""

    estimators_: Any

    def __len__(self) -> int:
        return len(self.estimators_)

    def __getitem__(self, index: int) -> Any:
        return self.estimators_[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.estimators_)

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name, those of the base estimator as ``estimator__max_depth``."""
        own = next((name for name in params if name.startswith("estimator__")), None)
        if own and params.get("estimator", getattr(self, "estimator", None)) is None:
            raise ValueError(
                f"{own} is a parameter of the base estimator, which must be given before it is "
                "set, as in estimator=HistTreeClassifier(); got estimator=None."
            )
        return super().set_params(**params)  # type: ignore[misc]

    def _routed(self, method: str, params: dict[str, Any]) -> Bunch:
        """Arguments for the members' methods, by name of the method."""
        if not get_config()["enable_metadata_routing"]:
            if params:
                raise ValueError(
                    f"Passing extra keyword arguments to {type(self).__name__}.{method} is only "
                    "supported if enable_metadata_routing=True, which you can set using "
                    f"`sklearn.set_config`. Extra parameters passed are: {set(params)}"
                )
            return Bunch()
        return process_routing(self, method, **params).estimator
