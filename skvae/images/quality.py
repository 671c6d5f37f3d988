"""A row and a reason for each case: what can be used, and what cannot."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed

from skvae.arguments import check_choice
from skvae.extras import import_extra
from skvae.images.cases import read_case
from skvae.images.manifest import COLUMNS, PATIENT_NAMES, as_manifest
from skvae.images.volume import ImageFileError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["check_images", "usable_cases"]


def check_images(
    cases: Any, *, label: int | str | None = None, n_jobs: int | None = None
) -> "DataFrame":
    """Read all cases and say of each whether it can be used, and if not, why.

    Parameters
    ----------
    cases : DataFrame, path, or list
        A manifest (`Image`, `Mask`, `Label`, `Series`), or a list of images or of (image,
        mask).
    label : int or str, default=None
        Region of the masks, where the manifest names none.
    n_jobs : int, default=None
        Cases that are read at the same time.

    Returns
    -------
    DataFrame
        One row for each case, with the index of the manifest: `image`, `usable`, `reason`
        (empty where it is usable), `notes`, `shape`, `spacing_mm` (z, y, x), `volume_mm3`
        and `n_voxels` of the region, and a `digest` of its voxels.

    Examples
    --------
    >>> from skvae.images import check_images
    >>> check_images(["missing.nii.gz"])[["image", "usable"]]
                image  usable
    0  missing.nii.gz   False
    """
    manifest = as_manifest(cases)
    rows = Parallel(n_jobs=n_jobs)(
        delayed(_checked)(image, mask, region if region is not None else label, series)
        for image, mask, region, series in manifest_rows(manifest)
    )
    frame = import_extra("pandas", "images").DataFrame(rows, index=manifest.index)
    _mark_duplicates(frame, manifest)
    return frame


def usable_cases(
    cases: Any,
    *,
    on_error: str = "raise",
    label: int | str | None = None,
    n_jobs: int | None = None,
) -> tuple["DataFrame", "DataFrame"]:
    """Return the cases that can be used, with their volumes, and the table of all.

    Parameters
    ----------
    cases : DataFrame, path, or list
        As of `check_images`.
    on_error : {"raise", "exclude"}, default="raise"
        What to do with the others: an error that names them, or leave them out. They are
        in the table in either case.
    label : int or str, default=None
        Region of the masks, where the manifest has no column `Label`.
    n_jobs : int or None, default=None
        Cases that are read at the same time.

    Returns
    -------
    usable : DataFrame
        The manifest of those that can be used, with the column `volume_mm3`.
    table : DataFrame
        That of `check_images`.

    Raises
    ------
    ValueError
        With `on_error="raise"`, or where no case is usable.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import SimpleITK as sitk
    >>> from tempfile import mkdtemp
    >>> from skvae.images import usable_cases
    >>> folder = mkdtemp()
    >>> for name, voxels in [("ct", 40), ("lesion", 1), ("empty", 0)]:
    ...     values = np.zeros((6, 8, 8), np.int16)
    ...     values[2:4, 2:6, 2:6] = voxels
    ...     sitk.WriteImage(sitk.GetImageFromArray(values), f"{folder}/{name}.nii.gz")
    >>> cases = pd.DataFrame({
    ...     "PatientID": ["A", "B"],
    ...     "Image": [f"{folder}/ct.nii.gz"] * 2,
    ...     "Mask": [f"{folder}/lesion.nii.gz", f"{folder}/empty.nii.gz"],
    ... })
    >>> usable, table = usable_cases(cases, on_error="exclude")
    >>> list(usable["PatientID"]), list(table["usable"])
    (['A'], [True, False])
    """
    check_choice("usable_cases", "on_error", on_error, ("raise", "exclude"))
    manifest = as_manifest(cases)
    table = check_images(manifest, label=label, n_jobs=n_jobs)
    bad = table[~table["usable"]]
    if len(bad) and (on_error == "raise" or len(bad) == len(table)):
        listed = "; ".join(f"{r.image} ({r.reason})" for r in bad.head(3).itertuples())
        raise ValueError(
            f"Got {len(bad)} of {len(table)} cases that cannot be used: {listed}"
            f"{'; ...' if len(bad) > 3 else ''}. on_error='exclude' leaves them out."
        )
    usable = manifest[table["usable"]]
    return usable.assign(volume_mm3=table.loc[table["usable"], "volume_mm3"]), table


def manifest_rows(manifest: "DataFrame") -> list[tuple[Any, Any, Any, str | None]]:
    """Return image, mask, label and series of each row; None where there is none.

    Parameters
    ----------
    manifest : DataFrame
        A table of cases.

    Returns
    -------
    list of (image, mask, label, series)
        Labels that are whole numbers as int, others as text; series of folders alone.
    """
    columns = [
        list(manifest[name]) if name in manifest else [None] * len(manifest)
        for name in COLUMNS
    ]
    return [
        (image, None if _is_empty(mask) else mask, _label(label), _series(image, series))
        for image, mask, label, series in zip(*columns, strict=True)
    ]


def _is_empty(value: Any) -> bool:
    is_missing = import_extra("pandas", "images").isna
    return value is None or bool(np.isscalar(value) and is_missing(value))


def _label(value: Any) -> int | str | None:
    if _is_empty(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return int(number) if number.is_integer() else str(value)


def _series(image: Any, series: Any) -> str | None:
    """Return the series that is named, of a folder that may have several."""
    is_folder = isinstance(image, str) and Path(image).is_dir()
    return str(series).strip() if is_folder and not _is_empty(series) else None


def _checked(image: Any, mask: Any, label: Any, series: Any) -> dict[str, Any]:
    name = str(image) if isinstance(image, str) else type(image).__name__
    row = {"image": name, "usable": False, "reason": "", "notes": "", "digest": ""}
    empty = {"shape": None, "spacing_mm": None, "volume_mm3": np.nan, "n_voxels": 0}
    try:
        case = read_case(image, mask, label, series)
    except ImageFileError as error:
        return row | {"reason": str(error).rstrip(".")} | empty
    digest = hashlib.sha256(np.ascontiguousarray(case.image.values).tobytes())
    if case.mask is not None:
        digest.update(np.ascontiguousarray(case.mask.values).tobytes())
    return row | {
        "usable": True,
        "notes": "; ".join(case.notes),
        "digest": digest.hexdigest(),
        "shape": case.image.values.shape,
        "spacing_mm": tuple(round(s, 6) for s in case.image.spacing_mm),
        "volume_mm3": case.volume_mm3,
        "n_voxels": 0 if case.mask is None else int(np.count_nonzero(case.mask.values)),
    }


def _mark_duplicates(frame: "DataFrame", manifest: "DataFrame") -> None:
    """Refuse a case that is there twice, and note patients with several rows."""
    patient = next((c for c in manifest if str(c).lower() in PATIENT_NAMES), None)
    first: dict[str, int] = {}
    for i, digest in enumerate(frame["digest"]):
        if digest and digest in first:
            j = first[digest]
            same = patient is None or manifest[patient].iat[i] == manifest[patient].iat[j]
            whose = "" if same else " of another patient"
            frame.iloc[i, frame.columns.get_loc("usable")] = False
            frame.iloc[i, frame.columns.get_loc("reason")] = (
                f"the same voxels and region as row {frame.index[j]}{whose}"
            )
        first.setdefault(digest, i)
    if patient is None:
        return
    counts = manifest[patient].map(manifest[patient].value_counts())
    for i in np.flatnonzero(counts.to_numpy() > 1):
        note = f"the patient has {counts.iat[i]} rows"
        column = frame.columns.get_loc("notes")
        frame.iloc[i, column] = "; ".join(filter(None, [frame.iloc[i, column], note]))
