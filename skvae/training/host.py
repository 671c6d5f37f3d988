"""Tensors, and arrays of other libraries, as arrays of the host."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from skvae.arguments import naming

NUMPY_FLOATS = (torch.float16, torch.float32, torch.float64)


def on_host(values: Any) -> Any:
    """Return tensors, or a list with some, as numpy has them; all else as it is."""
    if isinstance(values, Tensor):
        return host_array(values)
    if isinstance(values, list | tuple) and any(isinstance(v, Tensor) for v in values):
        return [on_host(value) for value in values]
    if hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
        return np.from_dlpack(values)
    # An array of a library that scikit-learn would go on computing with.
    foreign = hasattr(values, "__array_namespace__") and not isinstance(values, np.ndarray)
    return np.asarray(values) if foreign else values


def columns_on_host(columns: dict[str, Any]) -> dict[str, Any]:
    """Return named columns as numpy has them; what cannot be is refused by its name."""
    found = {}
    for name, column in columns.items():
        with naming(name):
            found[name] = on_host(column)
    return found


def host_array(value: Tensor) -> np.ndarray:
    """Return a tensor as an array, a view where it can be; gradients stay behind.

    Floats that numpy lacks, such as bfloat16, are float32, which holds them all.
    """
    value = value.detach().cpu()
    if value.is_floating_point() and value.dtype not in NUMPY_FLOATS:
        value = value.float()
    return value.resolve_conj().resolve_neg().numpy()
