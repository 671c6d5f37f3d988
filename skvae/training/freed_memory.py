"""Memory that a training step frees stays with the process for the next one."""

from functools import cache

import torch

# glibc takes larger blocks from the kernel, and gives them back, each time.
LARGEST_KEPT = 31 << 20  # bytes


@cache
def keep_freed_memory() -> None:
    """Let glibc keep what is freed, up to 62 MB of it.

    It returns the end of its heap to the kernel once more than twice the largest block
    lies free that it has seen freed (``M_TRIM_THRESHOLD`` in mallopt(3)). The temporaries
    of a step are above that and below this: they would come back page by page, zeroed, a
    quarter of the time of a step of 20 networks with 850 inputs. No page of this block is
    touched; other allocators are not impressed.
    """
    torch.empty(LARGEST_KEPT, dtype=torch.uint8)
