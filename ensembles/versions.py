"""Which versions made a pickle: scikit-learn's warning speaks of its own classes only."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import sklearn

__all__ = ["__version__", "current_versions", "warn_of_other_versions"]

__version__ = "0.1.0"


def current_versions() -> dict[str, str]:
    """Return the versions that a fitted estimator depends on."""
    return {
        "ensembles": __version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def warn_of_other_versions(estimator: Any, saved: dict[str, str]) -> None:
    """Warn if a pickled estimator was made by other versions than those at hand."""
    here = current_versions()
    others = [
        f"{name} {version} (here {here.get(name)})"
        for name, version in saved.items()
        if here.get(name) != version
    ]
    if others:
        warnings.warn(
            f"{type(estimator).__name__} was pickled with {', '.join(others)}: it may break or "
            "answer differently; fit it again to be safe.",
            UserWarning,
            stacklevel=3,
        )
