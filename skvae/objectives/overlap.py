"""How far predicted masks are from true ones, of which pixels may be left out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skvae.objectives.batch import Batch, Terms, Trace

# Class index of a pixel that does not count.
IGNORED = 255


def memberships(mask: Tensor, n_labels: int, multilabel: bool) -> tuple[Tensor, Tensor]:
    """Return which pixel has which label, and which pixels count, as 0 and 1.

    Parameters
    ----------
    mask : Tensor of shape (n, *spatial), or (n, n_labels, *spatial) with ``multilabel``
        Class index of each pixel, or 0 and 1 for each label; 255 does not count.
    n_labels : int
        Number of classes or labels.
    multilabel : bool
        Whether a pixel may have several labels.

    Returns
    -------
    truth : Tensor of bool, shape (n, n_labels, *spatial)
        Where each label is.
    counted : Tensor of bool, shape (n, n_labels or 1, *spatial)
        Which pixels count.
    """
    if multilabel:
        return mask == 1, mask != IGNORED
    mask = mask.unsqueeze(1)
    labels = torch.arange(n_labels, device=mask.device)
    return mask == labels.view(-1, *[1] * (mask.ndim - 2)), mask != IGNORED


def soft_dice(
    probability: Tensor, truth: Tensor, counted: Tensor, smoothing: float = 1.0
) -> Tensor:
    """Soft Dice of each sample and label: (2 sum p g + s) / (sum p + sum g + s).

    Milletari, Navab & Ahmadi (2016), V-Net: fully convolutional neural networks for
    volumetric medical image segmentation, 3DV, eq. 2, with the sums of Dice (1945) instead
    of squares. The smoothing s, in pixels, makes it 1 where both are empty.

    Returns
    -------
    dice : Tensor of shape (n, n_labels)
        In (0, 1].
    """
    probability = probability * counted
    overlap = (probability * truth).flatten(2).sum(dim=2)
    total = probability.flatten(2).sum(dim=2) + truth.flatten(2).sum(dim=2)
    return (2 * overlap + smoothing) / (total + smoothing)


def pixel_cross_entropy(
    logits: Tensor, mask: Tensor, truth: Tensor, counted: Tensor, multilabel: bool
) -> Tensor:
    """Mean over the counted pixels of each sample of -log p, the label's probability.

    Of overlapping labels, the mean of their binary cross-entropies. Ronneberger, Fischer &
    Brox (2015), U-Net, eq. 1, with equal weights. 0 where no pixel counts.
    """
    if multilabel:
        loss = nn.functional.binary_cross_entropy_with_logits(
            logits, truth.to(logits.dtype), reduction="none"
        )
        loss = loss * counted
    else:
        loss = nn.functional.cross_entropy(
            logits, mask.long(), ignore_index=IGNORED, reduction="none"
        )
    n_counted = counted.flatten(1).sum(dim=1)
    return loss.flatten(1).sum(dim=1) / n_counted.clamp(min=1)


@dataclass(frozen=True)
class MaskOverlap:
    """Dice and cross-entropy of the stages ``mask`` and ``mask_logits``.

    Parameters
    ----------
    dice_weight : float
        Weight of one minus the mean soft Dice coefficient of the foreground labels; with
        0, there is no such term.
    cross_entropy_weight : float
        Weight of the cross-entropy per pixel; with 0, there is no such term.
    first_foreground : int
        Classes before it are background, which has no Dice coefficient.
    multilabel : bool
        Whether a pixel may have several labels.
    """

    dice_weight: float = 1.0
    cross_entropy_weight: float = 1.0
    first_foreground: int = 1
    multilabel: bool = False

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("mask", "mask_logits")

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        assert batch.mask is not None
        n_labels = trace["mask_logits"].shape[1]
        truth, counted = memberships(batch.mask, n_labels, self.multilabel)
        terms = {}
        if self.dice_weight:
            dice = soft_dice(trace["mask"], truth, counted)[:, self.first_foreground :]
            terms["dice"] = self.dice_weight * (1 - dice.mean(dim=1))
        if self.cross_entropy_weight:
            loss = pixel_cross_entropy(
                trace["mask_logits"], batch.mask, truth, counted, self.multilabel
            )
            terms["cross_entropy"] = self.cross_entropy_weight * loss
        return terms
