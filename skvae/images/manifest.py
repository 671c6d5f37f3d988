"""Lists of cases: an image and a mask each, and what else is known of them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skvae.extras import import_extra

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["PATIENT_NAMES", "as_manifest", "find_cases", "read_manifest"]

COLUMNS = ("Image", "Mask", "Label", "Series")
PATIENT_NAMES = ("patientid", "patient", "patient_id", "case", "id", "participant_id")


def read_manifest(path: "str | Path | DataFrame") -> "DataFrame":
    r"""Read a table of cases as PyRadiomics takes it.

    Parameters
    ----------
    path : str, Path or DataFrame
        A csv file with the column `Image`, and where there are masks `Mask` and
        optionally `Label`, the value of the region in the mask. `Series` chooses one of
        the DICOM series of a folder, by its SeriesInstanceUID or SeriesDescription. Other
        columns are copied through. Relative paths are seen from the folder of the file.

    Returns
    -------
    DataFrame
        The table; `Image` and `Mask` are paths as text, absolute where the file's was.

    Raises
    ------
    ValueError
        Where there is no column `Image`, or a path is missing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "cases.csv").write_text("image,mask,grade\na.nrrd,a-seg.nrrd,2\n")
    >>> cases = read_manifest(folder / "cases.csv")
    >>> list(cases.columns)
    ['Image', 'Mask', 'grade']
    >>> Path(cases.loc[0, "Image"]) == folder / "a.nrrd"
    True
    """
    pd = import_extra("pandas", "images")
    if hasattr(path, "iloc"):
        return _named(path, "the frame")
    path = Path(path)
    try:
        frame = pd.read_csv(
            path, sep=None, engine="python", dtype={"Label": str, "Series": str}
        )
    except (ValueError, OSError) as error:
        raise ValueError(
            f"Got manifest={str(path)!r}, expected a csv file with the column Image: "
            f"{str(error).splitlines()[0]}"
        ) from error
    frame = _named(frame, str(path))
    for column in ("Image", "Mask"):
        if column in frame:
            seen = frame[column].map(lambda p: str(path.parent / p), na_action="ignore")
            frame[column] = seen
    return frame


def _named(frame: "DataFrame", where: str) -> "DataFrame":
    """Give the columns of paths their names, in whatever case they are written."""
    lower = {str(name).lower(): name for name in frame.columns}
    found = {lower[c.lower()]: c for c in COLUMNS if c.lower() in lower}
    if "Image" not in found.values():
        raise ValueError(
            f"Got {where} without the column Image; there are "
            f"{', '.join(map(str, frame.columns[:8]))}."
        )
    frame = frame.rename(columns=found)
    missing = frame.index[frame["Image"].isna()]
    if len(missing):
        raise ValueError(f"Got {where} without an Image in row {missing[0]}.")
    return frame


def as_manifest(cases: Any) -> "DataFrame":
    """Return a table of cases of what a caller gave.

    Parameters
    ----------
    cases : DataFrame, str, Path, or sequence of path, image or (image, mask)
        A manifest or its path; or images, each a path or an image of SimpleITK or nibabel.

    Returns
    -------
    DataFrame
        The table.
    """
    if hasattr(cases, "iloc") or (isinstance(cases, str | Path) and _is_csv(cases)):
        return read_manifest(cases)
    is_list = isinstance(cases, Sequence) and not isinstance(cases, str)
    if not is_list and not (hasattr(cases, "ndim") and cases.dtype.kind in "OUT"):
        raise TypeError(
            f"Got X of type {type(cases).__name__}, expected a manifest (a frame or a csv "
            "file with the column Image) or a list of images or of (image, mask)."
        )
    rows = [tuple(c) if isinstance(c, tuple | list) else (c,) for c in cases]
    n_columns = {len(row) for row in rows}
    if n_columns - {1, 2} or len(n_columns) != 1:
        raise ValueError(
            f"Got X with rows of {sorted(n_columns)} entries, expected an image each, or "
            "(image, mask) each."
        )
    pd = import_extra("pandas", "images")
    frame = pd.DataFrame(index=range(len(rows)))
    for name, column in zip(COLUMNS, zip(*rows, strict=True), strict=False):
        series = pd.Series(index=frame.index, dtype=object)
        for i, value in enumerate(column):
            series.iat[i] = str(value) if isinstance(value, Path) else value
        frame[name] = series
    return frame


def _is_csv(path: str | Path) -> bool:
    return str(path).lower().endswith((".csv", ".tsv", ".txt"))


def find_cases(root: str | Path, *, image: str, mask: str | None = None) -> "DataFrame":
    """Make a manifest of a folder.

    Parameters
    ----------
    root : str or Path
        The folder.
    image : str
        Pattern of the images below it, such as `*/image.nii.gz` or `*_ct.nrrd`.
    mask : str, default=None
        Pattern of the masks. An image and a mask belong together if the parts that stand
        for `*` are the same, or if they are alone in one folder.

    Returns
    -------
    DataFrame
        `PatientID` (what stands for `*`, or the folder), `Image` and `Mask`, relative to
        `root`, sorted.

    Raises
    ------
    ValueError
        Where there is no image, or one without a mask or with several.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> root = Path(tempfile.mkdtemp())
    >>> for name in ("p1", "p2"):
    ...     (root / name).mkdir()
    ...     (root / name / "ct.nrrd").touch()
    ...     (root / name / "lesion.nrrd").touch()
    >>> print(find_cases(root, image="*/ct.nrrd", mask="*/lesion.nrrd"))
      PatientID       Image            Mask
    0        p1  p1/ct.nrrd  p1/lesion.nrrd
    1        p2  p2/ct.nrrd  p2/lesion.nrrd
    """
    root = Path(root)
    if not root.is_dir():
        raise ValueError(f"Got root={str(root)!r}, expected a folder.")
    images = _found(root, image)
    if not images:
        raise ValueError(f"Got image={image!r}, but {str(root)!r} has no such file.")
    twice = [key for key, paths in images.items() if len(paths) > 1]
    if twice:
        raise ValueError(
            f"Got image={image!r}, which finds {len(images[twice[0]])} images for "
            f"{twice[0]!r}; expected one."
        )
    columns = {"PatientID": list(images), "Image": [str(p[0]) for p in images.values()]}
    if mask is not None:
        masks = _found(root, mask)
        alone = {p.parent: p for paths in masks.values() for p in paths}
        columns["Mask"] = [
            str(_the_mask(key, paths[0], masks, alone, mask))
            for key, paths in images.items()
        ]
    return import_extra("pandas", "images").DataFrame(columns)


def _found(root: Path, pattern: str) -> dict[str, list[Path]]:
    """Return paths below a folder by what stands for the stars of a pattern."""
    parts = [re.escape(part) for part in pattern.split("*")]
    expression = re.compile("(.*)".join(parts))
    found: dict[str, list[Path]] = {}
    for path in sorted(root.glob(pattern) if "*" in pattern else root.rglob(pattern)):
        relative = path.relative_to(root)
        match = expression.fullmatch(relative.as_posix())
        stars = [text for text in match.groups() if text] if match else []
        key = "_".join(dict.fromkeys(stars)) or relative.parent.as_posix()
        found.setdefault(key, []).append(relative)
    return found


def _the_mask(
    key: str,
    image: Path,
    masks: dict[str, list[Path]],
    alone: dict[Path, Path],
    pattern: str,
) -> Path:
    of_key = [path for path in masks.get(key, []) if path != image]
    if len(of_key) == 1:
        return of_key[0]
    if not of_key and image.parent in alone and image.parent != Path("."):
        return alone[image.parent]
    raise ValueError(
        f"Got mask={pattern!r}, which finds {len(of_key)} masks for {str(image)!r}; "
        "expected one."
    )
