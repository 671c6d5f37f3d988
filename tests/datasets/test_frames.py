import sys

import numpy as np
import pytest

from skvae.datasets.frames import to_frame, to_series
from skvae.exceptions import MissingDependencyError


def test_without_pandas_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "skvae\[study\]"'):
        to_frame(np.ones((2, 1)), ["a"])


def test_columns_and_values():
    frame = to_frame(np.arange(4.0).reshape(2, 2), ["a", "b"])
    assert list(frame.columns) == ["a", "b"]
    assert frame["b"].tolist() == [1.0, 3.0]
    assert to_series(np.array([3, 4]), "y").tolist() == [3, 4]
