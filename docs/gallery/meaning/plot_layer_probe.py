"""
From which layer to read
========================

A simple model reads two attributes of lesions from each layer of an encoder,
cross-validated, beside as many principal components and beside all voxels.
"""

from skvae import VAEFeatureExtractor
from skvae.datasets import make_lesions
from skvae.inspection import LayerProbeDisplay, layer_probe

lesions = make_lesions(150, size=16, as_frame=True, random_state=0)
vae = VAEFeatureExtractor(
    8,
    channels=(4, 8, 16),
    hidden_layer_sizes=(32,),
    learning_rate_init=3e-3,
    max_iter=15,
    n_threads=1,
    random_state=0,
)

# %%
# An encoder that is not fitted yet is fitted in each fold: what is scored, nothing has
# seen.
probe = layer_probe(
    vae,
    lesions.images,
    attributes=lesions.attributes[["volume", "intensity"]],
    layers=["conv_1", "conv_2", "conv_3", "hidden_1", "mean"],
    cv=3,
    references=True,
)
print(probe)

# %%
display = LayerProbeDisplay.from_probe(probe, metric="r2")
