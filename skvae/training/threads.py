"""Torch's thread count, pinned for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def effective_threads(n_threads: int | None) -> int:
    """Return ``n_threads``, or torch's current count for ``None``."""
    return torch.get_num_threads() if n_threads is None else n_threads


@contextmanager
def pinned_threads(n_threads: int) -> Iterator[None]:
    """Run a block with so many threads; torch keeps the count per calling thread."""
    before = torch.get_num_threads()
    if n_threads == before:
        yield
        return
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
