"""
Latent units that follow attributes
===================================

:class:`~skvae.AttriVAE` gives each attribute a unit of its own: here volume, elongation,
intensity and texture of lesions in 3-D phantoms. Moving along the unit then moves the
attribute, in its own units.
"""

from skvae import AttriVAE
from skvae.datasets import make_lesions
from skvae.inspection import (
    AttributeCorrelationDisplay,
    LatentTraversalDisplay,
    UnitAttributeDisplay,
)

lesions = make_lesions(150, size=16, as_frame=True, random_state=0)
unseen = make_lesions(100, size=16, as_frame=True, random_state=1)
vae = AttriVAE(
    6,
    hidden_layer_sizes=(32,),
    channels=(4, 8),
    max_iter=40,
    alpha=1.0,
    learning_rate_init=6e-3,
    n_threads=1,
    random_state=0,
)
vae = vae.fit(lesions.images, lesions.target, attributes=lesions.attributes)

# %%
# Lesions of the smallest to the largest volume, in voxels; all other units stay:
traversal = LatentTraversalDisplay.from_estimator(vae, unseen.images, attribute="volume")

# %%
# Which unit knows which attribute, on lesions that the network has not seen. A frame is
# around the unit that was meant for an attribute; it is orange where another unit follows
# it better. Texture is nearly lost: a decoder that draws means has none to give.
known = AttributeCorrelationDisplay.from_estimator(vae, unseen.images, unseen.attributes)

# %%
# The first of these cells, with all its points:
Z = vae.transform(unseen.images)
pair = UnitAttributeDisplay.from_arrays(Z, unseen.attributes, unit=0, attribute="volume")

# %%
# New lesions of given volumes:
small, large = vae.sample(2, attributes={"volume": [30, 100]}, random_state=0)
print(f"sum of the decoded voxels: {small.sum():.0f} and {large.sum():.0f}")
