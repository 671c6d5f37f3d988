"""Scans as arrays: a transformer from a manifest to images of one shape."""

from collections.abc import Iterable, Iterator
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from rich.progress import track
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skvae.arguments import check_choice, check_number
from skvae.exceptions import warn_caller
from skvae.images.boxes import fitted
from skvae.images.cases import Crop, CropSettings, read_crop
from skvae.images.intensity_windows import NORMALIZATIONS, checked_window, normalized
from skvae.images.manifest import as_manifest
from skvae.images.quality import manifest_rows
from skvae.images.volume import ImageFileError

__all__ = ["ImageLoader"]

_MEGABYTE = 1 << 20


class ImageLoader(TransformerMixin, BaseEstimator):
    """Read scans and masks, bring them to one spacing, window and shape.

    The first step of a pipeline on files. Each image is resampled, cropped and only then
    windowed; axes are those of the patient, whatever the file's. What is learned from the
    cohort, the shape of the arrays, is learned in `fit`, so inside the fold.

    Parameters
    ----------
    spacing_mm : float, (float, float, float) or None, default=None
        Spacing along z, y and x; None keeps that of each file.
    window : str, (float, float) or None, default=None
        Bounds to which intensities are clipped, or the name of a window of CT: `"bone"`,
        `"brain"`, `"liver"`, `"lung"`, `"mediastinum"`, `"soft_tissue"`.
    normalize : {"window", "zscore", "percentile"} or None, default="window"
        To 0 at the lower bound of the window and 1 at the upper (nothing, without a
        window); to mean 0 and standard deviation 1 of the image, or of its region; or to 0
        at its first percentile and 1 at its 99th.
    crop : {"mask", "center"} or None, default=None
        The box of the mask with a margin, the middle of the image, or all of it.
    margin_mm : float, default=5.0
        Around the mask.
    size : (int, int, int) or None, default=None
        Voxels along z, y and x. By default that of the largest box of the images seen in
        `fit`. Larger boxes are cut to their middle, with a warning; smaller ones are
        filled up with the lowest value.
    mask_mode : {"none", "zero", "channel"}, default="none"
        What is done with the mask: nothing, the lowest value outside of it, or a second
        channel of zeros and ones, which keeps shape.
    interpolation : {"bspline", "linear"}, default="bspline"
        Of intensities between voxels; masks take the nearest.
    slices : {"all", "largest", "central"}, default="all"
        All slices, that with the largest part of the mask, or that in the middle; a
        single slice gives images of two axes.
    pool_slices : {"mean", "max"} or None, default=None
        Project all slices to one, by their mean or largest value.
    label : int, str or None, default=None
        Region of the masks, where the manifest has no column `Label`.
    cache : str, Path or None, default=None
        Folder in which resampled crops are kept, by file, parameters and versions.
    memory_map_above_mb : float, default=2048
        Arrays above this size become a memory map in the cache, if there is one.
    n_jobs : int or None, default=None
        Cases that are read at the same time.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    size_ : tuple of int
        Shape of each channel.
    n_features_in_ : int
        Values of each image, all channels together.

    See Also
    --------
    skvae.images.check_images : What can be used, and why not.

    Notes
    -----
    The grid of another spacing begins at the same voxel. It is computed only where the
    crop needs it.

    Examples
    --------
    >>> import numpy as np
    >>> import SimpleITK as sitk
    >>> from skvae.images import ImageLoader
    >>> def scan(n):
    ...     values = np.full((n, 20, 20), -1000, dtype=np.int16)
    ...     values[2:-2, 5:15, 6:14] = 40
    ...     image = sitk.GetImageFromArray(values)
    ...     image.SetSpacing((0.5, 0.5, 2.0))  # x, y, z
    ...     return image, sitk.Cast(image > 0, sitk.sitkUInt8)
    >>> loader = ImageLoader(spacing_mm=1, window="lung", crop="mask", margin_mm=1)
    >>> X = loader.fit_transform([scan(10), scan(14)])
    >>> X.shape, X.dtype
    ((2, 1, 22, 7, 6), dtype('float32'))
    """

    def __init__(
        self,
        *,
        spacing_mm: Any = None,
        window: Any = None,
        normalize: str | None = "window",
        crop: str | None = None,
        margin_mm: float = 5.0,
        size: tuple[int, int, int] | None = None,
        mask_mode: str = "none",
        interpolation: str = "bspline",
        slices: str = "all",
        pool_slices: str | None = None,
        label: int | str | None = None,
        cache: str | Path | None = None,
        memory_map_above_mb: float = 2048,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.spacing_mm = spacing_mm
        self.window = window
        self.normalize = normalize
        self.crop = crop
        self.margin_mm = margin_mm
        self.size = size
        self.mask_mode = mask_mode
        self.interpolation = interpolation
        self.slices = slices
        self.pool_slices = pool_slices
        self.label = label
        self.cache = cache
        self.memory_map_above_mb = memory_map_above_mb
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the shape of the arrays.

        Parameters
        ----------
        X : DataFrame, path or list of n_samples
            A manifest (`Image`, `Mask`, `Label`, `Series`), or a list of images or of
            (image, mask), each a path or an image of SimpleITK or nibabel.
        y : None
            Ignored.

        Returns
        -------
        ImageLoader
            Itself.
        """
        manifest = as_manifest(X)
        if self.size is not None:
            self._settings()  # nothing is to be learned of the files
            self._learn_size(set())
        else:
            self._learn_size({crop.values.shape for crop in self._crops(manifest)})
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> NDArray[np.float32]:
        """Learn the shape and return the arrays; each file is read once.

        With a cache, not all crops are in memory at the same time.

        Parameters
        ----------
        X : DataFrame, path or list of n_samples
            As of `fit`.
        y : None
            Ignored.
        **params
            None.

        Returns
        -------
        ndarray of shape (n_samples, n_channels, z, y, x)
            The images.
        """
        manifest = as_manifest(X)
        if self.size is not None or self.cache is not None:
            return self.fit(manifest).transform(manifest)
        crops = list(self._crops(manifest))
        self._learn_size({crop.values.shape for crop in crops})
        return self._stacked(crops, len(crops))

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the scans as arrays.

        Parameters
        ----------
        X : DataFrame, path or list of n_samples
            As of `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_channels, z, y, x)
            The images, float32; (n_samples, n_channels, y, x) of single slices.

        Raises
        ------
        ValueError
            Where a case cannot be used; it is named with the reason.
        """
        check_is_fitted(self)
        manifest = as_manifest(X)
        return self._stacked(self._crops(manifest), len(manifest))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return a name for each voxel.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of object
            `voxel_0`, `voxel_1`, ....
        """
        check_is_fitted(self)
        return np.array([f"voxel_{i}" for i in range(self.n_features_in_)], dtype=object)

    def _crops(self, manifest: Any) -> Iterator[Crop]:
        """Yield the crops in the order of the rows, each as soon as it is there."""
        settings = self._settings()
        if not len(manifest):
            raise ValueError("Got X without rows, expected at least one image.")
        rows = manifest_rows(manifest)
        running = Parallel(n_jobs=self.n_jobs, return_as="generator")(
            delayed(_read)(place, row, settings, self.cache)
            for place, row in zip(manifest.index, rows, strict=True)
        )
        shown = track(running, "Reading", total=len(rows), disable=not self.verbose)
        for place, crop in zip(manifest.index, shown, strict=True):
            yield self._sliced(crop, place)

    def _settings(self) -> CropSettings:
        owner = "ImageLoader"
        for name, choices in (
            ("normalize", (*NORMALIZATIONS, None)),
            ("crop", ("mask", "center", None)),
            ("mask_mode", ("none", "zero", "channel")),
            ("interpolation", ("bspline", "linear")),
            ("slices", ("all", "largest", "central")),
            ("pool_slices", ("mean", "max", None)),
        ):
            if getattr(self, name) is not None or None not in choices:
                check_choice(owner, name, getattr(self, name), choices)
        check_number(owner, "margin_mm", self.margin_mm, low=0)
        check_number(owner, "memory_map_above_mb", self.memory_map_above_mb, low=0)
        if self.crop == "center" and self.size is None:
            raise ValueError(
                "Got crop='center' without size, expected (z, y, x) in voxels."
            )
        if self.pool_slices is not None and self.slices != "all":
            raise ValueError(
                f"Got pool_slices={self.pool_slices!r} and slices={self.slices!r}, "
                "expected slices='all': a single slice is not pooled."
            )
        size = self._checked_size()
        return CropSettings(
            _checked_spacing(self.spacing_mm),
            self.crop,
            float(self.margin_mm),
            self.interpolation,
            self.label,
            size if self.crop == "center" else None,
        )

    def _checked_size(self) -> tuple[int, ...] | None:
        if self.size is None:
            return None
        size = tuple(self.size) if isinstance(self.size, tuple | list) else ()
        if len(size) != 3 or any(
            not isinstance(n, int | np.integer) or n < 1 for n in size
        ):
            raise ValueError(
                f"Got size={self.size!r}, expected three voxel counts (z, y, x) of at "
                "least 1."
            )
        return tuple(int(n) for n in size)

    def _sliced(self, crop: Crop, place: Any) -> Crop:
        """Keep the slices that were asked for."""
        if self.mask_mode != "none" and crop.mask is None:
            raise ValueError(
                f"Got mask_mode={self.mask_mode!r}, but row {place} has no mask."
            )
        if self.slices == "all":
            return crop
        chosen = len(crop.values) // 2
        if self.slices == "largest":
            if crop.mask is None:
                raise ValueError(f"Got slices='largest', but row {place} has no mask.")
            chosen = int(crop.mask.sum(axis=(1, 2)).argmax())
        kept = slice(chosen, chosen + 1)
        return Crop(crop.values[kept], None if crop.mask is None else crop.mask[kept])

    def _learn_size(self, shapes: set[tuple[int, ...]]) -> None:
        size = self._checked_size()
        if size is None:
            if self.crop is None and len(shapes) > 1:
                listed = ", ".join(map(str, sorted(shapes)[:4]))
                raise ValueError(
                    f"Got images of the shapes {listed} (z, y, x) with crop=None and "
                    "size=None; expected a size, a crop, or images of one shape."
                )
            size = tuple(int(n) for n in np.max(list(shapes), axis=0))
        self.size_ = (1, *size[1:]) if self.slices != "all" else size
        self.n_features_in_ = int(np.prod(self._shape))

    @property
    def _shape(self) -> tuple[int, ...]:
        """Shape of the array of one image."""
        flat = self.slices != "all" or self.pool_slices is not None
        n_channels = 2 if self.mask_mode == "channel" else 1
        return (n_channels, *(self.size_[1:] if flat else self.size_))

    def _stacked(self, crops: Iterable[Crop], n_samples: int) -> NDArray[np.float32]:
        window = checked_window(self.window)
        images = self._empty((n_samples, *self._shape))
        n_cut = 0
        for image, crop in zip(images, crops, strict=True):
            channels, was_cut = self._channels(crop, window)
            image[:] = channels
            n_cut += was_cut
        if n_cut:
            warn_caller(
                f"{n_cut} of {n_samples} boxes are larger than size_={self.size_} and "
                "were cut to their middle."
            )
        return images

    def _channels(
        self, crop: Crop, window: tuple[float, float] | None
    ) -> tuple[NDArray[np.float32], bool]:
        how = None if self.normalize == "window" and window is None else self.normalize
        values = normalized(crop.values, window, how, crop.mask)
        lowest = 0.0 if how == "window" else float(values.min())
        if how is None and window is not None:
            lowest = window[0]
        if self.mask_mode == "zero":
            values = np.where(crop.mask, values, np.float32(lowest))
        image, was_cut = fitted(values, self.size_, lowest)
        channels = [image]
        if self.mask_mode == "channel":
            assert crop.mask is not None
            channels.append(fitted(crop.mask, self.size_, 0)[0].astype(np.float32))
        stacked = np.stack(channels)
        if self.pool_slices is not None:
            return getattr(stacked, self.pool_slices)(axis=1), was_cut
        return stacked.reshape(self._shape), was_cut

    def _empty(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Make room for the images: in memory, or on disk where they are many."""
        megabytes = 4 * float(np.prod(shape, dtype=np.float64)) / _MEGABYTE
        if self.cache is None or megabytes <= self.memory_map_above_mb:
            return np.empty(shape, dtype=np.float32)
        folder = Path(self.cache)
        folder.mkdir(parents=True, exist_ok=True)
        number = sum(1 for _ in folder.glob("images-*.npy"))
        path = folder / f"images-{number}.npy"
        return open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def _read(place: Any, row: tuple[Any, ...], settings: Any, cache: Any) -> Crop:
    try:
        return read_crop(*row, settings, cache)
    except ImageFileError as error:
        image = row[0]
        name = image if isinstance(image, str) else type(image).__name__
        raise ImageFileError(
            f"Got X with row {place} ({name}), which cannot be used: {error}"
        ) from error


def _checked_spacing(spacing: Any) -> tuple[float, float, float] | None:
    if spacing is None:
        return None
    values = (spacing,) * 3 if isinstance(spacing, Real) else tuple(np.ravel(spacing))
    if len(values) != 3 or not all(isinstance(s, Real) and 0 < s < np.inf for s in values):
        raise ValueError(
            f"Got spacing_mm={spacing!r}, expected millimetres above 0: one number, or "
            "three along z, y and x."
        )
    z, y, x = (float(s) for s in values)
    return z, y, x
