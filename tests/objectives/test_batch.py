import pytest
import torch

from skvae.objectives.batch import Batch


def test_columns_that_are_not_given_are_none_and_training_is_done():
    batch = Batch(torch.zeros(2, 3))
    assert batch[1:5] == (None, None, None, None)
    assert batch.progress == 1.0


def test_a_batch_is_a_value_that_is_replaced_not_changed():
    batch = Batch(torch.zeros(2, 3))
    assert batch._replace(progress=0.5).progress == 0.5
    assert batch.progress == 1.0
    with pytest.raises(AttributeError):
        batch.progress = 0.5
