"""
Where the evidence is
=====================

Attention maps of the two lesions of a phantom. Volume belongs to the left lesion, intensity
to the right one, so that it is known where a map should point.
"""

import numpy as np

from skvae import AttriVAE
from skvae.datasets import make_lesions
from skvae.inspection import AttentionMapDisplay, attention_map

lesions = make_lesions(250, size=16, layout="pair", as_frame=True, random_state=0)
unseen = make_lesions(60, size=16, layout="pair", as_frame=True, random_state=1)
vae = AttriVAE(
    8,
    channels=(8, 16),
    hidden_layer_sizes=(32,),
    normalization="batch",
    learning_rate_init=4e-3,
    max_iter=25,
    n_threads=1,
    random_state=0,
)
vae = vae.fit(lesions.images, lesions.target, attributes=lesions.attributes)

# %%
# How often the strongest place of a map lies in the half that has the attribute; chance is
# a half.
half = unseen.images.shape[-1] // 2
for attribute in ["volume", "elongation", "intensity"]:
    for method in ["hirescam", "gradcam"]:
        maps = attention_map(vae, unseen.images, attribute=attribute, method=method)
        column = maps.reshape(len(maps), -1).argmax(axis=1) % maps.shape[-1]
        is_left = column < half
        right = is_left if attribute != "intensity" else ~is_left
        print(f"{attribute:11} {method:9} points to its lesion in {np.mean(right):.0%}")

# %%
# Contours around the strongest tenth leave the image its grey:
volume = AttentionMapDisplay.from_estimator(vae, unseen.images[:4], attribute="volume")

# %%
intensity = AttentionMapDisplay.from_estimator(
    vae, unseen.images[:4], attribute="intensity"
)
