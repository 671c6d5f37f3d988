"""Scans from files to crops: ImageLoader against MONAI's transforms, on one thread.

Writes volumes of ``SHAPE`` voxels (z, y, x) with a lesion each as NIfTI, and reads them to
1.5 mm with a box of 5 voxels around the lesion: by ``ImageLoader`` and MONAI's LoadImaged,
EnsureChannelFirstd, Orientationd, Spacingd (linear) and CropForegroundd. Speeds are CPU
seconds, alternating; ``difference`` is the largest of any voxel, as a share of the range.
``cached`` is the second read of the same loader with a cache, in wall seconds too.
``peak_mb`` is what the process grew by, each competitor in a process of its own.

Writes ``results/image_loading.csv``.

    python benchmarks/image_loading.py [--volumes 200]
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from harness import cpu_seconds, one_thread, print_table, write_csv

from skvae.images import ImageLoader

SHAPE = (48, 160, 160)
AFFINE = np.diag([-0.8, -0.8, 2.5, 1.0])
SPACING_MM = 1.5
MARGIN = 5


def write(folder: Path, n_volumes: int) -> pd.DataFrame:
    """Write volumes and masks, and return their manifest."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(n_volumes):
        values = rng.normal(-700, 60, SHAPE).astype(np.int16)
        mask = np.zeros(SHAPE, np.uint8)
        z, y, x = (int(rng.integers(8, n - 26)) for n in SHAPE)
        d, h, w = rng.integers(4, 16, 3)
        mask[z : z + d, y : y + h, x : x + w] = 1
        values[mask > 0] += 700
        names = [str(folder / f"{i}-{part}.nii.gz") for part in ("ct", "seg")]
        for array, name in zip((values, mask), names, strict=True):
            nibabel.save(nibabel.Nifti1Image(array.transpose(2, 1, 0), AFFINE), name)
        rows.append(names)
    return pd.DataFrame(rows, columns=["Image", "Mask"])


def loader(**options: object) -> ImageLoader:
    """Return the loader that is measured."""
    return ImageLoader(
        spacing_mm=SPACING_MM,
        crop="mask",
        margin_mm=MARGIN * SPACING_MM,
        interpolation="linear",
        normalize=None,
        **options,
    )


def crops_of_skvae(manifest: pd.DataFrame) -> list[np.ndarray]:
    """Read each case and return its crop (z, y, x)."""
    return [crop.values for crop in loader()._crops(manifest)]


def crops_of_monai(manifest: pd.DataFrame) -> list[np.ndarray]:
    """Do the same by MONAI's transforms."""
    import monai.transforms as mt

    keys = ["image", "mask"]
    chain = mt.Compose(
        [
            mt.LoadImaged(keys),
            mt.EnsureChannelFirstd(keys),
            mt.Orientationd(keys, axcodes="LPS", labels=None),
            mt.Spacingd(keys, pixdim=(SPACING_MM,) * 3, mode=("bilinear", "nearest")),
            mt.CropForegroundd(keys, source_key="mask", margin=MARGIN, allow_smaller=True),
        ]
    )
    found = []
    for row in manifest.itertuples():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            crop = chain({"image": row.Image, "mask": row.Mask})["image"]
        found.append(np.asarray(crop)[0].transpose(2, 1, 0))
    return found


COMPETITORS = {"ImageLoader": crops_of_skvae, "MONAI": crops_of_monai}


def peak(name: str, manifest: Path) -> float:
    """Megabytes by which a process grows that reads all cases."""
    code = (
        "import sys, pandas as pd, resource, image_loading as b\n"
        f"m = pd.read_csv({str(manifest)!r})\n"
        f"b.one_thread(); b.COMPETITORS[{name!r}](m[:1])\n"
        f"print(b.grown(lambda: b.COMPETITORS[{name!r}](m)))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
    )
    return round(float(run.stdout.split()[-1]), 1)


def grown(call: object) -> float:
    """Megabytes of peak memory that a call adds."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    """Write the volumes, compare and time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volumes", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = write(folder, arguments.volumes)
        manifest.to_csv(folder / "cases.csv", index=False)
        ours, theirs = (read(manifest) for read in COMPETITORS.values())
        largest = max(
            np.abs(a - b).max() / np.ptp(b) for a, b in zip(ours, theirs, strict=True)
        )
        seconds = {name: [] for name in COMPETITORS}
        for _ in range(arguments.repetitions):
            for name, read in COMPETITORS.items():
                seconds[name].append(cpu_seconds(lambda read=read: read(manifest)))
        rows = [
            {
                "competitor": name,
                "n_volumes": arguments.volumes,
                "cpu_seconds": round(float(np.median(taken)), 2),
                "share": round(float(np.median(np.divide(seconds["MONAI"], taken))), 2),
                "difference": float(f"{largest:.2g}"),
                "peak_mb": peak(name, folder / "cases.csv"),
            }
            for name, taken in seconds.items()
        ]
        kept = loader(cache=folder / "crops")
        start = time.perf_counter()
        kept.fit(manifest)
        first = time.perf_counter() - start
        start = time.perf_counter()
        kept.fit(manifest)
        second = time.perf_counter() - start
        rows.append(
            {
                "competitor": "ImageLoader, cached",
                "n_volumes": arguments.volumes,
                "wall_seconds": round(second, 3),
                "share": round(first / second, 1),
            }
        )
    write_csv("image_loading", rows)
    print_table(rows)


if __name__ == "__main__":
    main()
