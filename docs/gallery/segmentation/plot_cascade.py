"""
An organ, then its lesions
==========================

:class:`~skvae.CascadeSegmenter` finds the lungs, crops them, and tells lesions from healthy
tissue in the crop. ``quantify`` gives the involved share and the severity class.
"""

import matplotlib.pyplot as plt
import numpy as np

from skvae import CascadeSegmenter, UNetSegmenter, involvement
from skvae.datasets import make_infected_lungs
from skvae.inspection import SegmentationDisplay

lungs = make_infected_lungs(56, size=32, random_state=0)
X, y = lungs.images, lungs.masks
net = UNetSegmenter(depth=2, width=8, max_iter=15, batch_size=4, learning_rate_init=0.01)
cascade = CascadeSegmenter(stage1=net, stage2=net, cv=2, n_threads=1, random_state=0)
cascade = cascade.fit(X[:36], y[:36])

# %%
found, true = cascade.quantify(X[36:]), involvement(y[36:])
error = np.abs(found.fraction - true.fraction).mean()
same = np.mean(found.severity == true.severity)
print(f"error of the share {error:.3f}, the same severity class in {same:.0%}")
print(f"a perfect second stage would reach a Dice of {cascade.roundtrip_dice_:.3f}")

# %%
figure, axes = plt.subplots(figsize=(4.5, 3.4), layout="constrained")
axes.plot([0, 0.5], [0, 0.5], color="0.7", linewidth=1)
axes.plot(true.fraction, found.fraction, "o", color="#0072b2")
axes.set(xlabel="true share of the lungs", ylabel="found")
plt.show()

# %%
display = SegmentationDisplay.from_predictions(
    X[36:39], y[36:39], cascade.predict(X[36:39])
)
