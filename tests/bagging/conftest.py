"""Marks for those of scikit-learn's own tests in which we differ on purpose."""

import pytest


def pytest_collection_modifyitems(items):
    """Expect the listed tests to fail, each with its sentence: if one passes, the list is wrong."""
    for item in items:
        differ = getattr(getattr(item, "module", None), "WHERE_WE_DIFFER", {})
        name = getattr(item, "originalname", item.name)
        if name in differ:
            parameters, reason = differ[name]
            if parameters in item.name.removeprefix(name):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
