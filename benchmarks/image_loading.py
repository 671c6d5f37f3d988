"""Scans from files to crops: ImageLoader against MONAI's transforms, on one thread.

Writes volumes of ``SHAPE`` voxels (z, y, x) with a lesion each as NIfTI, and reads them to
1.5 mm with a box of 5 voxels around the lesion: by ``ImageLoader`` and MONAI's LoadImaged,
EnsureChannelFirstd, Orientationd, Spacingd (linear) and CropForegroundd. Speeds are CPU
seconds, alternating; ``difference`` is the largest of any voxel, as a share of the range.
``cached`` is the second read of the same loader with a cache, its share that of the first;
in wall seconds too.
``imports_mb`` and ``peak_mb`` are the peaks of two fresh processes of each competitor: one
that imports and reads nothing, and one that reads all cases and keeps the crops;
``grown_mb`` is what lies between.

Writes ``results/image_loading.csv``.

    python benchmarks/image_loading.py [--volumes 200]
"""

import argparse
import os
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
IMPORTS = {
    "ImageLoader": "nibabel, SimpleITK, skvae.images",
    "MONAI": "nibabel, monai.transforms",
}


def peak(name: str, manifest: Path, n_cases: int) -> float:
    """Megabytes that a process of its own needs to import and to read so many cases."""
    code = (
        f"import pandas as pd, image_loading as b, {IMPORTS[name]}\n"
        f"cases = pd.read_csv({str(manifest)!r})[:{n_cases}]\n"
        f"found = b.COMPETITORS[{name!r}](cases) if len(cases) else []\n"
        "print(b.peak_of_this_process())"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return round(float(run.stdout.split()[-1]), 1)


def peak_of_this_process() -> float:
    """Megabytes; on Linux not by getrusage, which begins with the peak of the parent."""
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (t for t in status.read_text().splitlines() if t.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def main() -> None:
    """Write the volumes, compare and time."""
    # Here, so that the processes whose memory is measured do not import torch for it.
    from harness import cpu_seconds, one_thread, print_table, write_csv

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
                "imports_mb": (at_rest := peak(name, folder / "cases.csv", 0)),
                "peak_mb": (most := peak(name, folder / "cases.csv", arguments.volumes)),
                "grown_mb": round(most - at_rest, 1),
            }
            for name, taken in seconds.items()
        ]
        kept = loader(cache=folder / "crops")
        first = cpu_seconds(lambda: kept.fit(manifest))
        start = time.perf_counter()
        second = cpu_seconds(lambda: kept.fit(manifest))
        wall = time.perf_counter() - start
        rows.append(
            {
                "competitor": "ImageLoader, cached",
                "n_volumes": arguments.volumes,
                "cpu_seconds": round(second, 3),
                "wall_seconds": round(wall, 3),
                "share": round(first / second, 1),
            }
        )
    write_csv("image_loading", rows)
    print_table(rows)


if __name__ == "__main__":
    main()
