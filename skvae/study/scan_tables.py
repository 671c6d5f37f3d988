"""Tables that name scans: their quality, their volumes, and the columns beside them."""

from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from skvae.datasets import read_features
from skvae.datasets.table_kinds import table_kind
from skvae.extras import import_extra
from skvae.images import read_manifest, usable_cases
from skvae.images.manifest import COLUMNS, PATIENT_NAMES

__all__ = ["names_scans", "read_scans"]


def names_scans(path: str) -> bool:
    """Whether a table is to be read as a list of scans.

    Parameters
    ----------
    path : str
        A csv file.

    Returns
    -------
    bool
        Whether it has a column `Image`, and no features of radiomics software, or else
        files that are there: a table of PyRadiomics still names those that it was made of.
    """
    pd = import_extra("pandas")
    try:
        head = pd.read_csv(path, sep=None, engine="python", nrows=1, compression="infer")
    except (ValueError, OSError):
        return False  # read_features says what is wrong with it
    image = next((c for c in head if str(c).lower() == "image"), None)
    if image is None or head.empty:
        return False
    first = Path(path).parent / str(head[image].iloc[0])
    return table_kind(map(str, head.columns)).name == "plain" or first.exists()


def read_scans(path: str, *, clinical: tuple[str, ...], **options: Any) -> Bunch:
    """Check the scans of a manifest, and read the columns beside them.

    Parameters
    ----------
    path : str
        A csv file with the columns `Image`, `Mask` and optionally `Label` and `Series`.
    clinical : tuple of str
        Columns apart from the features.
    **options
        Of `read_features`. The patient is by default the column `PatientID`, if there is
        one.

    Returns
    -------
    Bunch
        As of `read_features`; `images` names the scans that can be used, `features` has
        the volume of their regions, `failed` those that cannot, each with its reason.
    """
    manifest = read_manifest(path)
    usable, table = usable_cases(manifest, on_error="exclude")
    columns = [c for c in COLUMNS if c in usable]
    usable = usable.assign(Digest=table.loc[usable.index, "digest"])
    if "Mask" not in usable:
        usable = usable.drop(columns="volume_mm3")
    notes = []
    if options.get("group") is None and options.get("id") is None:
        patient = next((c for c in usable if str(c).lower() in PATIENT_NAMES), None)
        if patient is not None:
            options["group"] = patient
            notes.append(f"patients are those of the column {patient}")
    own = [*columns, "Digest"]
    data = read_features(usable, clinical=[*clinical, *own], **options)
    noted = table[table["usable"] & (table["notes"] != "")]
    notes += [f"{row.image}: {row.notes}" for row in noted.itertuples()]
    bad = table[~table["usable"]]
    left_out = {"case": bad["image"], "reason": bad["reason"]}
    failed = import_extra("pandas").DataFrame(left_out)
    return Bunch(
        **data
        | {
            "images": data.clinical[own],
            "clinical": data.clinical[list(clinical)],
            "failed": import_extra("pandas").concat([failed, data.failed]),
            "notes": [*notes, *data.notes],
        }
    )
