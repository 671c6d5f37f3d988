"""Columns of a study that its scores may be made of: volume, and what is clinical."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skvae.extras import import_extra
from skvae.study.arm_features import Input, log_volume
from skvae.study.input_blocks import Blocks

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["covariates_of"]


def covariates_of(inputs: Any, *, by_patient: bool = False) -> "DataFrame | None":
    """Return what may confound, by sample.

    Parameters
    ----------
    inputs : DataFrame, StudyInputs or None
        The columns themselves, or the inputs of a study: of these its clinical columns and
        volumes, those of masks in voxels.
    by_patient : bool, default=False
        Whether the study scored patients: then means of their rows, and first texts.

    Returns
    -------
    DataFrame or None
        None where there are none.
    """
    if inputs is None or hasattr(inputs, "columns"):
        return inputs
    X = inputs.X
    blocks = X if isinstance(X, Mapping | Blocks) else {"": X}
    columns: dict[str, Any] = {}
    for name in blocks:
        columns |= _of_block(str(name), blocks[name])
    if not columns:
        return None
    frame = import_extra("pandas").DataFrame(columns)
    if by_patient and inputs.groups is not None:
        how = {c: "mean" if frame[c].dtype.kind in "biuf" else "first" for c in frame}
        frame = frame.groupby(np.asarray(inputs.groups)).agg(how)
    return frame


def _of_block(name: str, block: Any) -> dict[str, Any]:
    if name == "clinical":
        return {str(c): block[c] for c in block.columns}
    given = Input(block)
    if given.volume is not None:
        return {given.volume: block[given.volume]}
    if isinstance(block, np.ndarray) and given.is_mask:
        return {"volume (voxels)": np.exp(log_volume(block)[:, 0]).round()}
    return {}
