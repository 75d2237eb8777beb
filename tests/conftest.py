"""Fixtures that every test may use."""

import pytest


@pytest.fixture
def global_random_seed() -> int:
    """The seed that scikit-learn's own tests ask for."""
    return 42
