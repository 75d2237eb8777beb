"""What every estimator of many members is: a sequence of them, which hands arguments on to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
