"""What every test may use."""

import pytest


@pytest.fixture
def global_random_seed() -> int:
    """The seed that scikit-learn's own tests ask for."""
    return 42


def pytest_collection_modifyitems(items):
    """Expect those of scikit-learn's own tests to fail in which we differ on purpose.

    The test module lists them, each with its sentence; if one passes, the list is wrong.
    """
    for item in items:
        differ = getattr(getattr(item, "module", None), "WHERE_WE_DIFFER", {})
        name = getattr(item, "originalname", item.name)
        if name in differ:
            parameters, reason = differ[name]
            if parameters in item.name.removeprefix(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
