import numpy as np
import pytest
import torch

from skvae.training.flips import flipped_axes, mean_over_flips


def test_axes_count_as_in_numpy():
    assert flipped_axes("flip", True, 3) == [0, 1, 2]
    assert flipped_axes("flip", np.False_, 3) == []
    assert flipped_axes("flip", (-1, 0, 1), 2) == [0, 1]
    with pytest.raises(ValueError, match=r"Got flip=\(2,\), .* the 2 spatial axes of X"):
        flipped_axes("flip", (2,), 2)


@pytest.mark.parametrize("shape", [(3, 1, 7), (3, 1, 6, 5), (2, 1, 4, 3, 5)])
def test_what_does_not_depend_on_places_is_the_same_bit_for_bit(shape):
    x = torch.randint(9, shape).float()
    for n_axes in range(len(shape) - 1):
        # Sums of small whole numbers are exact.
        mean = mean_over_flips(torch.square, range(min(n_axes, len(shape) - 2)))
        assert torch.equal(mean(x), x.square())


def test_what_depends_on_places_is_averaged_over_every_flip():
    x = torch.zeros(1, 1, 3, 4)
    ramp = torch.arange(12.0).view(1, 1, 3, 4)
    seen = []

    def place(x):
        seen.append(x)
        return x + ramp

    found = mean_over_flips(place, [0, 1])(x)
    expected = (ramp + ramp.flip(2) + ramp.flip(3) + ramp.flip(2, 3)) / 4
    assert torch.equal(found, expected)
    assert len(seen) == 4
    assert mean_over_flips(place, []) is place
