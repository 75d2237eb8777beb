"""Say that kernels are being compiled: the one time that a first fit takes seconds, not
milliseconds.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any

CACHED = "[ensembles] compiling the tree kernels once (5 to 10 s); they are cached on disk"
NOT_CACHED = (
    "[ensembles] compiling the tree kernels (5 to 10 s); they cannot be cached on disk: set "
    "NUMBA_CACHE_DIR to a folder that can be written"
)


@lru_cache(maxsize=1)
def announce_compiling() -> None:
    """From now on say on standard error, once, that a kernel is compiled that was not cached.

    A numba without events says nothing.
    """
    try:
        from numba.core import event
    except ImportError:
        return
    from tqdm import tqdm

    from ensembles.trees.compiling import fingerprint

    class Announcer(event.Listener):
        """Waits for the first of our kernels that numba compiles."""

        said = False

        def on_start(self, event: Any) -> None:
            kernel = event.data["dispatcher"]
            if not self.said and kernel.py_func.__qualname__.endswith(fingerprint()):
                self.said = True
                said = CACHED if kernel.stats.cache_path else NOT_CACHED
                tqdm.write(said, file=sys.stderr)  # above a progress bar, not into it

        def on_end(self, event: Any) -> None:
            """Nothing is said of the end."""

    event.register("numba:compile", Announcer())
