"""
What became of each tensor
==========================

:func:`~skvae.transfer_weights` copies the weights of one network into another by name, and
accounts for every tensor of both: copied, skipped and why, or left as it was.
"""

from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np

from skvae import Autoencoder, UNetSegmenter, transfer_weights
from skvae.datasets import make_xrays

images, masks = make_xrays(40, size=32, random_state=0, return_X_y=True)
autoencoder = Autoencoder(
    8,
    channels=(8, 16, 32),
    downsampling="max",
    normalization="batch",
    max_iter=15,
    n_threads=1,
    random_state=0,
).fit(images)
unet = UNetSegmenter(depth=2, width=8, n_convolutions=1, n_threads=1, random_state=0)
empty = deepcopy(unet).set_params(max_iter=1).fit(images[:4], masks[:4])

# %%
# The blocks of the autoencoder are the levels of the U-Net's encoder. The decoder has
# nobody to learn from, and is listed as unfilled.
report = transfer_weights(deepcopy(empty.network_.module), autoencoder)
print(report)

# %%
# A segmenter takes them by itself, before it trains; the report is kept. With six masks,
# does it help? One draw of six images tells little: repeat it before you believe it.
options = {"max_iter": 20, "batch_size": 2, "learning_rate_init": 4e-3}
scores = {}
for name, weights in {"random encoder": None, "of the autoencoder": autoencoder}.items():
    model = deepcopy(unet).set_params(encoder_weights=weights, **options)
    scores[name] = [
        model.fit(images[first : first + 6], masks[first : first + 6]).score(
            images[30:], masks[30:]
        )
        for first in (0, 6, 12, 18)
    ]
figure, axes = plt.subplots(figsize=(6.5, 2), layout="constrained")
for place, values in enumerate(scores.values()):
    axes.plot(values, [place] * len(values), "o", color="#56b4e9")
    axes.plot(np.mean(values), place, "D", color="#0072b2")
axes.set(yticks=[0, 1], yticklabels=scores, ylim=(-0.5, 1.5), xlabel="Dice on ten others")
plt.show()
