import pytest

from skvae.prediction.diagnosis import diagnoses


@pytest.mark.parametrize(
    ("losses", "move", "lost"),
    [
        ([0.5, 0.1], 0.5, True),  # it jumped, and the weights are others
        ([0.5, 0.1], 0.1, False),  # of a loss near zero, a multiple is nothing
        ([0.2, 0.1], 1.2, False),  # weights that go far without a jump have learned
    ],
)
def test_pretraining_is_lost_by_a_jump_and_a_long_way(losses, move, lost):
    history = [{"loss": 9.0, "reconstruction": 9.0}, {"loss": 0.1, "prediction": 0.1}]
    history += [{"loss": loss, "prediction": loss} for loss in losses]
    pretrain = {"n_epochs": 1, "n_trainable": 9, "encoder_after": "a"}
    head = pretrain | {"n_trainable": 2, "encoder_before": "a"}
    tune = {"n_epochs": 2, "n_trainable": 5, "encoder_before": "a", "encoder_after": "b"}
    reports = [pretrain, head, tune]
    assert [bool(found) for found in diagnoses(reports, history, move)] == [0, 0, lost]
    # A phase that unfreezes nothing, or follows pretraining, has nothing to be judged by.
    assert not any(diagnoses([pretrain, head, tune | {"n_trainable": 2}], history, move))
    assert not any(diagnoses([pretrain, tune], [history[0], *history[2:]], move))
