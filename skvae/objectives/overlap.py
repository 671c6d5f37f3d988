"""How far predicted masks are from true ones, of which pixels may be left out."""

from dataclasses import dataclass
from typing import Any

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
    probability: Tensor,
    truth: Tensor,
    counted: Tensor,
    smoothing: float = 1.0,
    beta: float = 0.5,
) -> Tensor:
    """Soft Dice of each sample and label: (2 sum p g + s) / (sum p + sum g + s).

    Milletari, Navab & Ahmadi (2016), V-Net: fully convolutional neural networks for
    volumetric medical image segmentation, 3DV, eq. 2, with the sums of Dice (1945) instead
    of squares. The smoothing s, in pixels, makes it 1 where both are empty.

    With another weight ``beta`` of missed pixels than 0.5, it is the Tversky index
    sum p g / (sum p g + (1 - beta) sum p (1 - g) + beta sum (1 - p) g): Salehi, Erdogmus &
    Gholipour (2017), Tversky loss function for image segmentation using 3D fully
    convolutional deep networks, MLMI, eq. 3; its denominator is (1 - beta) sum p +
    beta sum g.

    Returns
    -------
    dice : Tensor of shape (n, n_labels)
        In (0, 1].
    """
    probability = probability * counted
    overlap = (probability * truth).flatten(2).sum(dim=2)
    said, true = probability.flatten(2).sum(dim=2), truth.flatten(2).sum(dim=2)
    total = 2 * (1 - beta) * said + 2 * beta * true
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
    tversky_beta : float
        Weight of missed pixels in the Dice coefficient, that of false ones is the rest;
        with another than 0.5, the term is called "tversky".
    steps : tuple of tuple of int
        Pixels along each axis, or along all of them, per pixel of the stages
        ``mask_logits_2``, ``mask_logits_3`` and so on, which are compared with every so
        many pixels of the mask. Each level has half the weight of the one before; weights
        sum to 1. Isensee et al. (2021),
        nnU-Net: a self-configuring method for deep learning-based biomedical image
        segmentation, Nature Methods 18, supplement.
    """

    dice_weight: float = 1.0
    cross_entropy_weight: float = 1.0
    first_foreground: int = 1
    multilabel: bool = False
    tversky_beta: float = 0.5
    steps: tuple[tuple[int, ...], ...] = ()

    @property
    def stages(self) -> tuple[str, ...]:
        """Stages of the trace that it reads."""
        return ("mask", "mask_logits", *self.coarse_stages)

    @property
    def coarse_stages(self) -> tuple[str, ...]:
        """Those of the coarser levels."""
        return tuple(f"mask_logits_{level}" for level, _ in enumerate(self.steps, start=2))

    def __call__(self, trace: Trace, batch: Batch) -> Terms:
        assert batch.mask is not None
        terms = self._of_level(trace["mask_logits"], trace["mask"], batch.mask)
        n_levels = 1 + len(self.steps)
        share = 2 ** (n_levels - 1) / (2**n_levels - 1)
        if self.steps:
            terms = {name: share * term for name, term in terms.items()}
        for stage, step in zip(self.coarse_stages, self.steps, strict=True):
            logits, share = trace[stage], share / 2
            mask = logits.sigmoid() if self.multilabel else logits.softmax(dim=1)
            by_axis = step * (logits.ndim - 2) if len(step) == 1 else step
            every: Any = (..., *(slice(None, None, n) for n in by_axis))
            for name, term in self._of_level(logits, mask, batch.mask[every]).items():
                terms[name] = terms[name] + share * term
        return terms

    def _of_level(self, logits: Tensor, probability: Tensor, mask: Tensor) -> Terms:
        truth, counted = memberships(mask, logits.shape[1], self.multilabel)
        terms = {}
        if self.dice_weight:
            dice = soft_dice(probability, truth, counted, beta=self.tversky_beta)
            missing = 1 - dice[:, self.first_foreground :].mean(dim=1)
            name = "dice" if self.tversky_beta == 0.5 else "tversky"
            terms[name] = self.dice_weight * missing
        if self.cross_entropy_weight:
            loss = pixel_cross_entropy(logits, mask, truth, counted, self.multilabel)
            terms["cross_entropy"] = self.cross_entropy_weight * loss
        return terms
