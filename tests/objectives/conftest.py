"""Traces that the tests of this floor share."""

import pytest
import torch


@pytest.fixture
def draw():
    """Return a function that draws a standard normal tensor in double precision."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return normal
