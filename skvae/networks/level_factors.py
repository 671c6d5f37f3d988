"""By how much maps shrink from level to level, along axes with pixels of unequal length."""

import operator
from collections.abc import Iterator
from itertools import islice

Factors = tuple[int, ...]
Spacing = tuple[float, ...]


def level_factors(spacing: Spacing, n_levels: int) -> tuple[Factors, ...]:
    """Halve the axes whose pixels lie closest, until the others have caught up.

    An axis whose pixels are at least twice as far apart as those of another keeps its
    factor of 1: slices of 5 mm with pixels of 1 mm wait for two levels. After Isensee et
    al. (2021), nnU-Net: a self-configuring method for deep learning-based biomedical image
    segmentation, Nature Methods 18, supplement.

    Parameters
    ----------
    spacing : tuple of float
        Distance between pixels along each axis.
    n_levels : int
        Number of levels.

    Returns
    -------
    factors : tuple of tuple of {1, 2}
        For each level, the factor along each axis.
    """

    def halvings(now: Spacing) -> Iterator[Factors]:
        while True:
            factors = tuple(2 if each < 2 * min(now) else 1 for each in now)
            yield factors
            now = tuple(map(operator.mul, now, factors))

    return tuple(islice(halvings(spacing), n_levels))
