"""Groups of rows as numbers."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numbered(groups: "ArrayLike") -> NDArray[np.intp]:
    """Return a number per row, counted in the order in which groups first appear.

    What is drawn by these numbers does not depend on what the groups are called: patients
    by name, by number or as objects, sorted or not, are split alike.
    """
    numbers: dict[object, int] = {}
    names = np.asarray(groups).tolist()
    return np.array(
        [numbers.setdefault(name, len(numbers)) for name in names], dtype=np.intp
    )
