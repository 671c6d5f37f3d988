from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from skvae.training.threads import effective_threads, pinned_threads


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_the_count_holds_inside_and_comes_back(n_threads):
    with pinned_threads(n_threads):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == 2


def test_the_count_comes_back_after_an_error():
    with pytest.raises(KeyError, match="inside"), pinned_threads(1):
        raise KeyError("inside")
    assert torch.get_num_threads() == 2


def test_a_refused_count_changes_nothing():
    with pytest.raises(RuntimeError), pinned_threads(0):
        pass
    assert torch.get_num_threads() == 2


def test_pins_nest():
    with pinned_threads(1):
        with pinned_threads(3):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1


def test_none_is_the_present_count():
    assert effective_threads(None) == 2
    assert effective_threads(5) == 5


def test_a_pin_belongs_to_its_thread():
    def pinned(_):
        torch.set_num_threads(2)
        with pinned_threads(1):
            return torch.get_num_threads()

    with pinned_threads(3), ThreadPoolExecutor(1) as pool:
        assert pool.submit(pinned, None).result() == 1
        assert torch.get_num_threads() == 3
