import pytest
import torch

from skvae.training.devices import resolve_device


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
def test_a_device_that_exists_keeps_its_name(device):
    assert resolve_device(device) == device


def test_auto_is_a_device_that_exists():
    device = resolve_device("auto")
    assert resolve_device(device) == device
    assert (device == "cuda") == torch.cuda.is_available()


@pytest.mark.parametrize(
    "device",
    ["gpu", "", "cpu ", "cuda:99", "xpu:99", "hpu", "privateuseone", "vulkan", "meta"],
)
def test_a_device_that_does_not_exist_is_named(device):
    with pytest.raises(ValueError, match=f"device='{device}'") as error:
        resolve_device(device)
    assert "expected 'auto', 'cpu'" in str(error.value)


def test_the_error_can_be_read():
    with pytest.raises(ValueError, match="device='vulkan'") as error:
        resolve_device("vulkan")
    assert len(str(error.value)) < 500
