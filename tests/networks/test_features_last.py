import pytest
from torch import nn

from skvae.networks.features_last import features_last

SQUEEZE = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Linear(2, 8))


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (nn.LayerNorm(6), (4, 6), True),
        (nn.LayerNorm(6), (6,), False),
        (nn.LayerNorm((4, 6)), (4, 6), False),
        (nn.RMSNorm(6), (2, 4, 6), True),
        (nn.Linear(3, 6), (4, 6), True),
        (nn.Embedding(3, 6), (4, 6), True),
        (nn.GRU(3, 6), (4, 6), True),
        (nn.MultiheadAttention(6, 2), (4, 6), True),
        (nn.TransformerEncoderLayer(6, 2), (4, 6), True),
        (nn.TransformerEncoderLayer(6, 2), (6, 4), False),
        (nn.ReLU(), (4, 6), False),
        (nn.Conv1d(2, 6, 3), (6, 6), False),
        (nn.GroupNorm(2, 6), (6, 6), False),
        (SQUEEZE, (8, 8, 8), False),
        (SQUEEZE, (4, 4, 8), True),
    ],
)
def test_the_axis_along_which_modules_work_is_that_of_the_features(module, shape, expected):
    assert features_last(module, shape) is expected
