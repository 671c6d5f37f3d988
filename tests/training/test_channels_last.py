import pytest
import torch

from skvae.training.net import channels_last


@pytest.mark.parametrize("spatial", [(), (7,), (7, 5), (7, 5, 3)])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_only_the_strides_of_images_and_volumes_change(spatial, n_channels):
    x = torch.randn(2, n_channels, *spatial)
    laid_out = channels_last(x)
    assert laid_out.equal(x)
    if len(spatial) < 2:
        assert laid_out is x
    else:
        assert laid_out.stride(1) == 1
        # What convolutions make of it lies likewise.
        kind = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[len(spatial)]
        assert kind(n_channels, 4, 3, padding=1)(laid_out).stride(1) == 1
