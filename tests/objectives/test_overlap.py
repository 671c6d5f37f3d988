import numpy as np
import pytest
import torch
from monai.losses import DiceLoss, TverskyLoss
from sklearn.metrics import log_loss

from skvae.objectives.batch import Batch
from skvae.objectives.overlap import IGNORED, MaskOverlap, memberships, soft_dice


def trace_of(logits, multilabel=False):
    mask = logits.sigmoid() if multilabel else logits.softmax(dim=1)
    return {"mask_logits": logits, "mask": mask}


@pytest.fixture
def logits():
    return torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask():
    return torch.randint(3, (4, 5, 6), generator=torch.Generator().manual_seed(1)).byte()


def test_soft_dice_is_that_of_monai(logits, mask):
    loss = MaskOverlap(cross_entropy_weight=0)(trace_of(logits), Batch(logits, mask=mask))
    assert list(loss) == ["dice"]
    monai = DiceLoss(
        include_background=False,
        softmax=True,
        to_onehot_y=True,
        reduction="none",
        smooth_nr=1,
        smooth_dr=1,
    )(logits, mask.unsqueeze(1))
    torch.testing.assert_close(loss["dice"], monai.flatten(1).mean(dim=1))


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.7])
def test_the_tversky_index_is_that_of_monai(logits, mask, beta):
    objective = MaskOverlap(cross_entropy_weight=0, tversky_beta=beta)
    loss = objective(trace_of(logits), Batch(logits, mask=mask))
    assert list(loss) == ["tversky"]
    monai = TverskyLoss(
        include_background=False,
        softmax=True,
        to_onehot_y=True,
        reduction="none",
        alpha=1 - beta,
        beta=beta,
        # Ours is the smoothing of Dice, whose terms are twice as large.
        smooth_nr=0.5,
        smooth_dr=0.5,
    )(logits, mask.unsqueeze(1))
    torch.testing.assert_close(loss["tversky"], monai.flatten(1).mean(dim=1))


@pytest.mark.parametrize("multilabel", [False, True])
def test_coarser_levels_have_half_the_weight_and_every_so_many_pixels(multilabel):
    random = torch.Generator().manual_seed(0)
    sizes = {1: (9, 7), 2: (5, 4), 4: (3, 2)}
    stages = ("mask_logits", "mask_logits_2", "mask_logits_3")
    levels = {
        stage: torch.randn(4, 3, *size, generator=random)
        for stage, size in zip(stages, sizes.values(), strict=True)
    }
    shape = (4, 3, 9, 7) if multilabel else (4, 9, 7)
    mask = torch.randint(2 if multilabel else 3, shape, generator=random).byte()
    mask[..., 0] = IGNORED
    objective = MaskOverlap(multilabel=multilabel, steps=((2,), (4,)))
    assert objective.stages == ("mask", *stages)
    trace = levels | trace_of(levels["mask_logits"], multilabel)
    found = objective(trace, Batch(trace["mask"], mask=mask))
    alone = MaskOverlap(multilabel=multilabel)
    each = [
        alone(
            trace_of(logits, multilabel),
            Batch(logits, mask=mask[..., ::step, ::step]),
        )
        for logits, step in zip(levels.values(), sizes, strict=True)
    ]
    for name, term in found.items():
        expected = (4 * each[0][name] + 2 * each[1][name] + each[2][name]) / 7
        torch.testing.assert_close(term, expected)


def test_cross_entropy_is_that_of_scikit_learn(logits, mask):
    loss = MaskOverlap(dice_weight=0)(trace_of(logits), Batch(logits, mask=mask))
    probability = logits.softmax(dim=1).movedim(1, -1).flatten(1, 2).double().numpy()
    expected = [
        log_loss(m.flatten(), p / p.sum(1, keepdims=True), labels=[0, 1, 2])
        for m, p in zip(mask.numpy(), probability, strict=True)
    ]
    np.testing.assert_allclose(loss["cross_entropy"], expected, rtol=1e-5)


@pytest.mark.parametrize("multilabel", [False, True])
def test_pixels_that_do_not_count_have_neither_value_nor_gradient(logits, mask, multilabel):
    if multilabel:
        mask = torch.stack([mask == k for k in range(3)], dim=1).byte()
    mask = mask.clone()
    mask[..., :2] = IGNORED
    objective = MaskOverlap(first_foreground=0, multilabel=multilabel)
    logits.requires_grad_()
    terms = objective(trace_of(logits, multilabel), Batch(logits, mask=mask))
    kept = logits[..., 2:]
    expected = objective(trace_of(kept, multilabel), Batch(kept, mask=mask[..., 2:]))
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name])
    (gradient,) = torch.autograd.grad(sum(term.sum() for term in terms.values()), logits)
    assert not gradient[..., :2].any()
    assert gradient[..., 2:].any()


def test_an_image_without_a_pixel_that_counts_has_no_loss(logits, mask):
    terms = MaskOverlap()(
        trace_of(logits), Batch(logits, mask=torch.full_like(mask, IGNORED))
    )
    for term in terms.values():
        torch.testing.assert_close(term, torch.zeros(4))


def test_dice_of_hard_masks_and_of_empty_ones():
    truth = torch.tensor([[[0, 1, 1, 0]], [[0, 0, 0, 0]]], dtype=torch.uint8)
    hard = torch.nn.functional.one_hot(truth.long(), 2).movedim(-1, 1).float()
    dice = soft_dice(hard, *memberships(truth, 2, False))
    torch.testing.assert_close(dice, torch.ones(2, 2))
    wrong = soft_dice(hard.flip(1), *memberships(truth, 2, False), smoothing=0.0)
    torch.testing.assert_close(wrong, torch.zeros(2, 2))
