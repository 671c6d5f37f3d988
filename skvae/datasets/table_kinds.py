"""Which columns of a feature table are features, by the conventions of what wrote it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["TableKind", "feature_classes", "table_kind"]

IDENTIFIER = "identifier"  # a reason to drop a column

# pyradiomics 3: image type, optional filter settings, feature class, name in CamelCase.
# Collections put the sequence in front (T2_original_...), R writes dots for dashes.
_PYRADIOMICS = re.compile(
    r"(^|.*[_.])(original|wavelet[-.\d]*[-.][LH]{2,3}\d*|log[-.]sigma[-.][\d.-]+mm[-.]3D|square|"
    r"squareroot|logarithm|exponential|gradient|lbp[-.][23]D[-.\w]*)_"
    r"(shape|shape2D|firstorder|glcm|glrlm|glszm|gldm|ngtdm)_\w+$"
)
# mirp 2.7: `sample_name` and what else its standard workflow says of image and mask.
_MIRP_MARKS = {"sample_name", "image_settings_id", "image_modality"}
_MIRP_METADATA = re.compile(r"(sample_name|image_\w+)$")
# nyxus 0.11: the leading columns, before the features in capitals.
_NYXUS_MARKS = {"intensity_image", "mask_image"}
_NYXUS_METADATA = re.compile(
    r"(intensity_image|mask_image|phys_unit|label|ROI_label|[tc]_index|phys_[xyz])$"
)
# What is never a feature, whoever wrote the table: paths, masks, labels, identifiers.
_METADATA = re.compile(
    r"(image|mask|label|label_channel|split|unnamed: ?\d+|.*_path|path|file|filename)$",
    re.IGNORECASE,
)
_IDENTIFIER = re.compile(
    r"(id|case|case_?id|patient|patient_?id|participant_?id|subject|subject_?id)$",
    re.IGNORECASE,
)
# Which column names the image of a row.
_CASES = {"PyRadiomics": "Image", "MIRP": "sample_name", "Nyxus": "intensity_image"}


@dataclass(frozen=True)
class TableKind:
    """What wrote a table, and how its columns are told apart.

    Attributes
    ----------
    name : str
        `"PyRadiomics"`, `"MIRP"`, `"Nyxus"` or `"plain"`.
    """

    name: str

    @property
    def case(self) -> str | None:
        """The column that names the image of a row; None where there is no custom."""
        return _CASES.get(self.name)

    def reason_to_drop(self, column: str) -> str | None:
        """Say why a column is no feature; None where it may be one.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        str or None
            The reason.
        """
        if column.startswith("diagnostics_"):
            return "diagnostics of PyRadiomics"
        if self.name == "MIRP" and _MIRP_METADATA.match(column):
            return "metadata of MIRP"
        if self.name == "Nyxus" and _NYXUS_METADATA.match(column):
            return "metadata of Nyxus"
        if _METADATA.match(column):
            return "metadata"
        if _IDENTIFIER.match(column):
            return IDENTIFIER
        return None

    def is_feature_by_name(self, column: str) -> bool:
        """Whether the name alone makes a feature of a column, whatever its type.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        bool
            Whether it does.
        """
        return bool(_PYRADIOMICS.match(column))


def feature_classes(columns: Iterable[str]) -> dict[str, dict[str, int]]:
    """Count columns whose names are as PyRadiomics gives them.

    Parameters
    ----------
    columns : iterable of str
        Their names.

    Returns
    -------
    dict of str to dict of str to int
        How many of each class of features, by the type of image; other names are left out.

    Examples
    --------
    >>> from skvae.datasets.table_kinds import feature_classes
    >>> feature_classes(["original_shape_Sphericity", "wavelet-LLH_glcm_Idm", "age"])
    {'original': {'shape': 1}, 'wavelet-LLH': {'glcm': 1}}
    """
    found: dict[str, dict[str, int]] = {}
    for match in filter(None, map(_PYRADIOMICS.match, columns)):
        _, image, kind = match.groups()
        counts = found.setdefault(image, {})
        counts[kind] = counts.get(kind, 0) + 1
    return found


def table_kind(columns: Iterable[str]) -> TableKind:
    """Recognise what wrote a table by its columns.

    Parameters
    ----------
    columns : iterable of str
        Their names.

    Returns
    -------
    TableKind
        The kind.

    Examples
    --------
    >>> table_kind(["Image", "Mask", "original_shape_Sphericity"]).name
    'PyRadiomics'
    >>> table_kind(["intensity_image", "mask_image", "ROI_label", "MEAN"]).name
    'Nyxus'
    >>> table_kind(["age", "volume"]).name
    'plain'
    """
    names = set(columns)
    if names >= _MIRP_MARKS:
        return TableKind("MIRP")
    if names >= _NYXUS_MARKS:
        return TableKind("Nyxus")
    if any(_PYRADIOMICS.match(name) or name.startswith("diagnostics_") for name in names):
        return TableKind("PyRadiomics")
    return TableKind("plain")
