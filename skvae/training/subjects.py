"""Transforms of TorchIO as augmentations."""

import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skvae.objectives.batch import Batch
from skvae.training.seeding import PrivateRandomness


@dataclass(frozen=True)
class PerSubject:
    """A random transform of TorchIO, applied to one image after another.

    It works on the host, and takes a subject of an ``image`` and, where the batch has
    masks, a label map ``mask``, which it moves alike. To TorchIO all images are volumes:
    one of fewer axes has a single entry along each axis that it lacks.
    """

    transform: Any

    def __call__(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Return the batch with every image transformed."""
        masks = batch.mask
        without_channel = masks is not None and masks.ndim < batch.x.ndim
        if without_channel:
            masks = masks.unsqueeze(1)
        seed = torch.randint(2**31, (), generator=generator, device=batch.x.device)
        # TorchIO draws from torch's global generator.
        with PrivateRandomness(torch.Generator().manual_seed(int(seed))):
            changed = [
                self._changed(x, None if masks is None else masks[i].cpu())
                for i, x in enumerate(batch.x.cpu())
            ]
        images, labels = zip(*changed, strict=True)
        batch = batch._replace(x=torch.stack(images).to(batch.x))
        if masks is None:
            return batch
        mask = torch.stack(labels).to(masks)
        return batch._replace(mask=mask.squeeze(1) if without_channel else mask)

    def _changed(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Transform an image ``(channels, *spatial)``, and its mask with it."""
        torchio = sys.modules["torchio"]
        lacking = (None,) * (4 - x.ndim)
        parts = {"image": torchio.ScalarImage(tensor=x[(..., *lacking)].clone())}
        if mask is not None:
            parts["mask"] = torchio.LabelMap(tensor=mask[(..., *lacking)].clone())
        changed = self.transform(torchio.Subject(**parts))
        image, *labels = (
            changed[name].data[(..., *(0 for _ in lacking))] for name in parts
        )
        if mask is None:
            return image, None
        # Zeros come into view from outside.
        known = torch.cat([mask.unique(), mask.new_zeros(1)]).to(labels[0].dtype)
        if not torch.isin(labels[0], known).all():
            raise ValueError(
                f"Got augment={self.transform!r}, which makes labels between those of the "
                "mask; expected label_interpolation='nearest'."
            )
        return image, labels[0]


def of_torchio(value: Any) -> bool:
    """Whether a value is a transform of TorchIO, which is not imported to find out."""
    torchio = sys.modules.get("torchio")
    return torchio is not None and isinstance(value, torchio.Transform)


def draws(transform: Any) -> bool:
    """Whether a transform of TorchIO, or one that it is composed of, is random."""
    augmentation = sys.modules["torchio"].transforms.augmentation
    return (
        isinstance(transform, augmentation.RandomTransform)
        or transform.probability < 1
        or any(map(draws, getattr(transform, "transforms", ())))
    )
