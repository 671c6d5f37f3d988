"""
A U-Net and its errors
======================

Lungs in synthetic X-rays, segmented by networks that have not seen them, and where they go
wrong: in pictures, and in a table with distances in millimetres.
"""

import numpy as np

from skvae import MaskStratifiedKFold, RandomAugment, UNetSegmenter, cross_val_predict_masks
from skvae.datasets import make_xrays
from skvae.inspection import SegmentationDisplay, segmentation_table

X, y = make_xrays(36, size=48, random_state=0, return_X_y=True)
patients = np.arange(36) // 2
unet = UNetSegmenter(
    depth=2,
    width=8,
    max_iter=12,
    batch_size=4,
    learning_rate_init=5e-3,
    augment=RandomAugment(flip=False, rotate=5),
    n_threads=1,
    random_state=0,
)

# %%
# Folds of like foreground that split no patient:
cv = MaskStratifiedKFold(3, shuffle=True, random_state=0)
probability = cross_val_predict_masks(unet, X, y, cv=cv, groups=patients)
found = probability.argmax(axis=1)

# %%
# A row for each image and label; here the three worst, with pixels of 2.5 mm:
table = segmentation_table(y, found, spacing=(2.5, 2.5), tolerance=5, groups=patients)
columns = ["case", "group", "dice", "hd95", "surface_dice"]
print(table.sort_values("dice")[columns].head(3).round(2).to_string(index=False))
print(f"mean Dice {table['dice'].mean():.3f}")

# %%
# The best, the middle and the worst: outlines of truth and prediction, what was missed and
# what was added.
order = table.sort_values("dice", ascending=False)["case"].to_numpy()
shown = order[[0, len(order) // 2, -1]]
display = SegmentationDisplay.from_predictions(X[shown], y[shown], found[shown])
