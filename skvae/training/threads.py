"""Torch's thread count, pinned for a while."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch

_PROCESS = os.getpid()

# A forked process has none of its parent's threads, and torch would wait for them for
# ever; also where it computes outside a pin, such as when it loads weights.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def effective_threads(n_threads: int | None) -> int:
    """Return ``n_threads``, or torch's count for ``None``; 1 in a forked process."""
    if os.getpid() != _PROCESS:
        return 1
    return torch.get_num_threads() if n_threads is None else n_threads


@contextmanager
def pinned_threads(n_threads: int) -> Iterator[None]:
    """Run a block with so many threads; torch keeps the count per calling thread."""
    n_threads, before = effective_threads(n_threads), torch.get_num_threads()
    if n_threads == before:
        yield
        return
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
