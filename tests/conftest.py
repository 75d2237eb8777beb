"""What every test may use."""

import os
import re

import pytest


def pytest_configure(config):
    """Hide a GPU from all tests but those marked as its own: the figures are the CPU's."""
    if not re.search(r"(?<!not )\bgpu\b", config.option.markexpr):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture
def global_random_seed() -> int:
    """The seed that scikit-learn's own tests ask for."""
    return 42


def pytest_collection_modifyitems(config, items):
    """Expect those of scikit-learn's own tests to fail in which we differ on purpose.

    The test module lists them, each with its sentence; if one passes, the list is wrong. Those
    that are about an option the module says is not offered are left out.
    """
    left_out = [item for item in items if _asks_for_what_is_not_offered(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)
    for item in items:
        differ = getattr(getattr(item, "module", None), "WHERE_WE_DIFFER", {})
        name = getattr(item, "originalname", item.name)
        if name in differ:
            parameters, reason = differ[name]
            some = [parameters] if isinstance(parameters, str) else parameters
            if any(words in item.name.removeprefix(name) for words in some):
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def _asks_for_what_is_not_offered(item):
    not_offered = getattr(getattr(item, "module", None), "NOT_OFFERED", ())
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return any(isinstance(value, str) and value in not_offered for value in parameters.values())
