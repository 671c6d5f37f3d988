import os
from pathlib import Path

# Read when scipy is first imported; without it a check of scikit-learn is skipped.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import pytest


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real data, or a skip where the environment does not name it."""
    folder = os.environ.get("SKVAE_TEST_DATA")
    if not folder:
        pytest.skip("SKVAE_TEST_DATA does not name the folder of the real data")
    return Path(folder)


@pytest.fixture
def rows():
    """Standard normal rows with some structure to learn."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(60, 3)) @ rng.normal(size=(3, 12))).astype(np.float32)
