"""
A number from volumes, with missing targets
===========================================

:class:`~skvae.AutoencoderRegressor` on lesions in 3-D, of which two in three have no
outcome: NaN in y. Its phases are in ``history_``.
"""

import matplotlib.pyplot as plt
import numpy as np

from skvae import Autoencoder, AutoencoderRegressor
from skvae.datasets import make_lesions

lesions = make_lesions(240, size=16, as_frame=True, random_state=0)
images, volume = lesions.images, lesions.attributes["volume"].to_numpy()
known = np.arange(160) % 3 == 0
some = np.where(known, volume[:160], np.nan)
autoencoder = Autoencoder(16, channels=(8, 16), normalization="batch", max_iter=15)
regressor = AutoencoderRegressor(
    autoencoder=autoencoder, finetune_max_iter=15, n_threads=1, random_state=0
)
regressor = regressor.fit(images[:160], some)
print(f"R² on 80 others: {regressor.score(images[160:], volume[160:]):.2f}")
for row in regressor.phases_:
    print(f"{row['phase']:9} {row['n_epochs']:3d} epochs")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.9), layout="constrained")
for phase, colour in zip(
    ["pretrain", "head", "finetune"], ["#999999", "#56b4e9", "#0072b2"], strict=True
):
    loss = [row["loss"] for row in regressor.history_ if row["phase"] == phase]
    left.plot(
        np.arange(1, len(loss) + 1), np.divide(loss, loss[0]), color=colour, label=phase
    )
left.set(xlabel="epoch of the phase", ylabel="loss, as a share of the first", yscale="log")
left.legend(fontsize=9)
right.plot(volume[160:], regressor.predict(images[160:]), "o", color="#0072b2", alpha=0.6)
limits = [volume.min(), volume.max()]
right.plot(limits, limits, color="0.6", linewidth=1)
right.set(xlabel="volume (voxels)", ylabel="predicted")
plt.show()
