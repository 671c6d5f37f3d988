"""
From files of scans to crops of lesions
=======================================

:class:`~skvae.images.ImageLoader` reads scans and masks to arrays of one spacing, window
and shape; :class:`~skvae.LesionCrop` crops them to their lesions.
"""

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import SimpleITK as sitk

from skvae import LesionCrop
from skvae.datasets import make_lesions
from skvae.images import ImageLoader, check_images, find_cases, read_manifest

# %%
# Six phantoms as a hospital would hand them over: NIfTI files, in Hounsfield units, of two
# spacings.
folder = Path(mkdtemp())
lesions = make_lesions(6, size=24, noise=0.02, random_state=0).images[:, 0]
for case, lesion in enumerate(lesions):
    place = folder / f"P{case}"
    place.mkdir()
    volume = np.pad(lesion, 8)
    files = {"ct": -900 + 1000 * volume, "lesion": (volume > 0.3).astype(np.uint8)}
    for name, values in files.items():
        image = sitk.GetImageFromArray(values.astype(np.int16))
        image.SetSpacing((0.8, 0.8, 1.5 if case % 2 else 1.0))  # x, y, z
        sitk.WriteImage(image, place / f"{name}.nii.gz")

listed = find_cases(folder, image="*/ct.nii.gz", mask="*/lesion.nii.gz")
listed.to_csv(folder / "cases.csv", index=False)
cases = read_manifest(folder / "cases.csv")
checked = check_images(cases)
print(checked[["usable", "spacing_mm", "volume_mm3"]].round(1).to_string())

# %%
# One spacing for all, the window of the lung, and the mask as a second channel:
loader = ImageLoader(spacing_mm=1, window="lung", size=(60, 32, 32), mask_mode="channel")
X = loader.fit_transform(cases)
crops = LesionCrop(mask_channel=1, margin=3).fit_transform(X)
print("images", X.shape, "crops", crops.shape)

# %%
figure, axes = plt.subplots(2, 6, figsize=(7.5, 2.8), layout="constrained")
for case in range(6):
    axes[0, case].imshow(X[case, 0, 30], cmap="gray", vmin=0, vmax=1)
    axes[1, case].imshow(crops[case, 0, crops.shape[2] // 2], cmap="gray", vmin=0, vmax=1)
axes[0, 0].set_title("all of the image", fontsize=9, loc="left")
axes[1, 0].set_title("around the lesion", fontsize=9, loc="left")
for axis in axes.flat:
    axis.axis("off")
plt.show()
