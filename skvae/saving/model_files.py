"""Save fitted estimators to files that anyone can read without running anything."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from glob import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skvae.exceptions import ModelFileWarning, warn_caller
from skvae.saving.decoding import Decoder
from skvae.saving.drift import described_table
from skvae.saving.encoding import Encoder, NotSavedError
from skvae.tensor_file import TensorFile, write_tensor_file

__all__ = ["load", "save"]

FORMAT = "skvae model"
SCHEMA = 1
# What makes a description of each schema before the present one that of the next.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
SUFFIX = ".skvae"
# An unfinished file may be another process's; after so long, none writes to it any more.
STALE_SECONDS = 86_400
# With another version of these, features may differ in their last digits.
COMPARED = ("scikit-learn", "torch")


def save(estimator: BaseEstimator, path: str | Path, *, X: Any = None) -> str:
    """Save a fitted estimator, pipeline or search to one file.

    The file has weights and plain values, no code and no pickle: to load it runs nothing
    that it brings. It is whole or not there, whenever the process is killed, and the same
    estimator gives the same bytes.

    Parameters
    ----------
    estimator : estimator
        Any of skvae; a pipeline of these with scalers, imputers, selectors, PCA and linear
        models of scikit-learn, as the arms of a study are; or a search over one.
    path : str or Path
        The file, which ends in ``.skvae``; one that is there is replaced.
    X : array, DataFrame or mapping of str to these, default=None
        The training rows. Of them the file keeps the range of each column and the score
        that one in a hundred is below, with which ``skvae transform`` and ``skvae
        predict`` compare new cases; the rows are not kept.

    Returns
    -------
    str
        The SHA-256 of the file, for ``load(path, sha256=...)``.

    Raises
    ------
    ValueError
        If the estimator is not fitted, or has a part that such a file cannot have.

    Warns
    -----
    ModelFileWarning
        If parameters have their defaults in the file: those that only `fit` reads and
        that are no plain values, such as functions, and what names files or folders.

    See Also
    --------
    load : Reads the file.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import skvae
    >>> X = load_iris().data
    >>> vae = skvae.VAEFeatureExtractor(2, max_iter=30, random_state=0)
    >>> pipeline = make_pipeline(StandardScaler(), vae).fit(X)
    >>> path = tempfile.mkdtemp() + "/iris.skvae"
    >>> digest = skvae.save(pipeline, path)
    >>> loaded = skvae.load(path, sha256=digest)
    >>> bool((loaded.transform(X) == pipeline.transform(X)).all())
    True
    """
    table: dict[str, Any] = {}
    if X is not None:
        check_path(path)
        _check_fitted(estimator)
        table = described_table(estimator, X)
    return save_described(estimator, path, table)


def save_described(
    estimator: BaseEstimator, path: str | Path, table: Mapping[str, Any]
) -> str:
    """Save an estimator with what is known of the table that it was fitted to."""
    check_path(path)
    _check_fitted(estimator)
    encoder = Encoder()
    try:
        found = encoder.encode(estimator, "")
    except NotSavedError as error:
        raise ValueError(
            f"Got an estimator with {error}; expected estimators of skvae and the parts "
            "of scikit-learn that docs/saved-models.md lists. skops keeps others, without "
            "our promises on bytes: skops.io.dump, and skops.io.load with "
            "trusted=skvae.SKOPS_TRUSTED."
        ) from error
    if encoder.left_out:
        warn_caller(
            f"{', '.join(encoder.left_out)}: no plain values, or names of files and "
            "folders, which are not kept. In the file they have their defaults; nothing "
            "but another fit would read them.",
            ModelFileWarning,
        )
    description = {
        "format": FORMAT,
        "schema": SCHEMA,
        "class": type(estimator).__name__,
        "versions": versions(),
        "model": found,
        "left_out": list(encoder.left_out),
        "table": dict(table),
    }
    digest = write_tensor_file(path, description, encoder.arrays)
    _sweep(Path(path))
    return digest


def load(
    path: str | Path, *, sha256: str | None = None, network: Any = None
) -> BaseEstimator:
    """Load an estimator that `save` wrote; nothing that the file brings is run.

    Parameters
    ----------
    path : str or Path
        The file.
    sha256 : str, default=None
        The SHA-256 that the file must have, as `save` returned it and ``sha256sum``
        prints it. The hashes in the file find damage; that nobody made another file of
        the same name, only this one can tell.
    network : torch.nn.Module or callable, default=None
        For a `LayerExtractor` of a network whose code skvae does not have: the network, or
        a function without arguments that builds it. Its weights come from the file.

    Returns
    -------
    estimator
        As it was saved: the same features, bit for bit, with the same versions and
        ``n_threads``. What was fitted on a GPU computes on the CPU where there is none.

    Raises
    ------
    ValueError
        If the file is not one of `save`, is damaged, has weights that are not finite, or
        needs a newer skvae.
    FileNotFoundError
        If there is no file.

    Warns
    -----
    ModelFileWarning
        If it was saved with another version of scikit-learn or torch.

    See Also
    --------
    save : Writes the file.

    Examples
    --------
    >>> import skvae
    >>> skvae.load("README.md")
    Traceback (most recent call last):
    ValueError: Got path='README.md', but it is no model file, or damaged: it has no
    header.
    """
    return load_described(path, sha256=sha256, network=network)[0]


def load_described(
    path: str | Path, *, sha256: str | None = None, network: Any = None
) -> tuple[BaseEstimator, dict[str, Any]]:
    """Load an estimator and all else that its file says."""
    with TensorFile(path, sha256) as file:
        decoder = Decoder(file, network)
        description = migrated(file)
        try:
            before = dict(description["versions"])
            estimator = decoder.decode(description["model"], "")
            unread = file.entries.keys() - decoder.read.keys()
        except Exception as error:
            raise file.refused(f"it cannot be loaded: {_reason(error)}") from error
        if unread or not isinstance(estimator, BaseEstimator):
            raise file.refused("it is not of one estimator, and so not of skvae")
    if network is not None and not decoder.network_asked:
        raise ValueError(
            f"Got network={network!r}, but {str(path)!r} has the code of all its networks; "
            "expected network=None."
        )
    warn_of_versions(path, before)
    return estimator, description


def migrated(file: TensorFile) -> dict[str, Any]:
    """Return the description of a file as the present schema has it."""
    description = file.description
    schema = description.get("schema")
    if description.get("format") != FORMAT or type(schema) is not int or schema < 1:
        raise file.refused("it is no model file of skvae")
    if schema > SCHEMA:
        raise file.refused(
            f"it has schema {schema}, and this skvae knows those up to {SCHEMA}: update "
            "skvae"
        )
    for step in range(schema, SCHEMA):
        description = MIGRATIONS[step](description)
    return description


def versions() -> dict[str, str]:
    """Return the versions on which the bits of features depend."""
    return {
        "skvae": version("skvae"),
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def warn_of_versions(path: str | Path, before: Mapping[str, str]) -> None:
    """Warn where features may differ from those of the saved estimator."""
    now = versions()
    other = [
        f"{name} {before.get(name)} (here {now[name]})"
        for name in COMPARED
        if before.get(name) != now[name]
    ]
    if other:
        warn_caller(
            f"{str(path)!r} was saved with {' and '.join(other)}; features may differ in "
            "their last digits, and more where scikit-learn changed what it computes.",
            ModelFileWarning,
        )


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r} in skvae"
    return (str(error) or type(error).__name__).rstrip(".")


def check_path(path: str | Path) -> None:
    """Raise for a file that cannot be written, before a fit takes time.

    Parameters
    ----------
    path : str or Path
        The file.

    Raises
    ------
    ValueError
        If its name does not end as it should, or its folder cannot be written to.
    """
    if Path(path).suffix != SUFFIX:
        raise ValueError(f"Got path={str(path)!r}, expected a file that ends in {SUFFIX}.")
    if not Path(path).parent.is_dir():
        raise ValueError(
            f"Got path={str(path)!r}, expected a file in a folder that exists."
        )
    if Path(path).is_dir() or not os.access(Path(path).parent, os.W_OK):
        raise ValueError(f"Got path={str(path)!r}, where no file can be written.")


def _sweep(path: Path) -> None:
    """Delete what processes that were killed while they saved this file have left."""
    for left in path.parent.glob(f".{escape(path.stem)}-{'?' * 16}{SUFFIX}"):
        with suppress(FileNotFoundError):  # another process was quicker
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()


def _check_fitted(estimator: Any) -> None:
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(f"Got {estimator!r}, expected an estimator.")
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise ValueError(
            f"Got {type(estimator).__name__}, which is not fitted; expected a fitted "
            "estimator: of one that is not, its code says all."
        ) from error
