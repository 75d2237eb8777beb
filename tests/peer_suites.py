"""The peers' own tests, which ship in their wheels, with our classes in the place of theirs."""

import importlib
import sys
from contextlib import ExitStack
from unittest import mock


def with_ours(room, ours):
    """Import a room of tests anew; `ours` says which names of which modules are ours meanwhile."""
    sys.modules.pop(room, None)
    with ExitStack() as replaced:
        for module, names in ours.items():
            replaced.enter_context(mock.patch.multiple(module, **names))
        return importlib.import_module(room)


def their_tests(*rooms):
    """Return the tests of these rooms by name."""
    return {
        name: value
        for room in rooms
        for name, value in vars(room).items()
        if name.startswith("test_")
    }
