"""
Lesions in ultrasound
=====================

Benign and malignant lesions in speckle, what augmentation makes of them, and what a small
network finds.
"""

import numpy as np
import torch
from matplotlib import pyplot as plt

from skvae import RandomAugment, UNetSegmenter
from skvae.datasets import make_ultrasound_lesions
from skvae.inspection import SegmentationDisplay
from skvae.objectives.batch import Batch


def show(images, masks, titles):
    """Draw images with the outlines of their masks."""
    figure, all_axes = plt.subplots(1, len(images), figsize=(2.5 * len(images), 2.8))
    for axes, image, mask, title in zip(all_axes, images, masks, titles, strict=True):
        axes.imshow(image[0], cmap="gray", vmin=0, vmax=1)
        if mask.any():
            axes.contour(mask, [0.5], colors="#009E73", linewidths=1.2)
        axes.set_title(title, fontsize="small")
        axes.set_axis_off()
    figure.tight_layout()


ultrasound = make_ultrasound_lesions(60, size=64, random_state=0)
X, y, target = ultrasound.images, ultrasound.masks, ultrasound.target

# %%
# Benign lesions lie, malignant ones stand; of a fifth, the border is unclear, and some
# images have none.
unclear = ultrasound.unclear
groups = {
    "benign": (target == 0) & ~unclear,
    "malignant": (target == 1) & ~unclear,
    "unclear": unclear,
    "none": target == -1,
}
first = [np.flatnonzero(group)[0] for group in groups.values()]
show(X[first], y[first], groups)

# %%
# The same image four times, with warps, gain, speckle and shadows: image and mask move
# alike.
augment = RandomAugment(warp=0.1, gain=0.4, speckle=0.4, shadow=0.7, resampled=1)
same = np.repeat(first[1:2], 4)
batch = Batch(torch.from_numpy(X[same]), mask=torch.from_numpy(y[same]))
batch = augment(batch, torch.Generator().manual_seed(0))
show(batch.x.numpy(), batch.mask.numpy(), [""] * 4)

# %%
# A network that has learned from 45 images reads the others: the mean over images and
# their mirror images, of which one connected part is kept.
unet = UNetSegmenter(
    depth=3,
    width=8,
    max_iter=20,
    batch_size=4,
    learning_rate_init=5e-3,
    augment=RandomAugment(warp=0.05, resampled=0.75),
    test_time_flips=(-1,),
    keep_largest=True,
    n_threads=1,
    random_state=0,
)
unet.fit(X[:45], y[:45])
found = unet.predict(X[45:])
print(f"mean Dice {unet.score(X[45:], y[45:]):.2f}")
shown = np.flatnonzero(target[45:] >= 0)[:3]
display = SegmentationDisplay.from_predictions(X[45:][shown], y[45:][shown], found[shown])
