"""A study of scans from their files: what `make study-images` runs.

Writes phantoms of lesions (`skvae.datasets.make_lesions`) as volumes with masks in a
temporary folder: NIfTI, NRRD and MetaImage in turn, at three spacings and orientations,
with an age that knows a little of the outcome. One mask is empty, one lies elsewhere: the
study says so and goes on. Where `SKVAE_TEST_DATA` names the folder of the real data, its
samples of volumes with label maps are checked too. Then `skvae manifest`, `skvae check` and
`skvae study` run as a user types them; what they write stays in `./skvae-study-images`.

    python benchmarks/study_images.py [--cases 60] [arguments of skvae study]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk  # noqa: N813

from skvae.cli import main as skvae
from skvae.datasets import make_lesions
from skvae.images import check_images

SUFFIXES = (".nii.gz", ".nrrd", ".mha")
SPACINGS = ((1.0, 1.0, 1.0), (0.8, 0.8, 2.0), (1.2, 1.2, 1.5))  # x, y, z
ORIENTATIONS = ("LPS", "RAS", "PIR")


def write(folder: Path, n_cases: int) -> None:
    """Write scans and masks, a folder for each patient, and what is known of them."""
    lesions = make_lesions(n_cases, size=32, random_state=0)
    rng = np.random.default_rng(0)
    ages = rng.normal(60, 8, n_cases) + 6 * lesions.target
    rows = []
    for i, values in enumerate(lesions.images[:, 0]):
        patient = folder / f"P{i:03d}"
        patient.mkdir()
        image = sitk.GetImageFromArray((1000 * values - 800).astype(np.int16))
        mask = sitk.GetImageFromArray((values > 0.3).astype(np.uint8))
        mask = sitk.BinaryMorphologicalOpening(mask)
        if i == 5:
            mask *= 0
        for name, part in (("ct", image), ("lesion", mask)):
            part.SetSpacing((1.0, 1.0, 1.0))
            finer = sitk.Resample(
                part,
                [int(32 / s) for s in SPACINGS[i % 3]],
                sitk.Transform(),
                sitk.sitkLinear if name == "ct" else sitk.sitkNearestNeighbor,
                part.GetOrigin(),
                SPACINGS[i % 3],
                part.GetDirection(),
            )
            turned = sitk.DICOMOrient(finer, ORIENTATIONS[(i // 3) % 3])
            if i == 7 and name == "lesion":
                turned.SetOrigin((900.0, 0.0, 0.0))
            sitk.WriteImage(turned, str(patient / f"{name}{SUFFIXES[i % 3]}"))
        rows.append((f"P{i:03d}", lesions.target[i], round(ages[i])))
    frame = pd.DataFrame(rows, columns=["PatientID", "malignant", "age"])
    frame.to_csv(folder / "clinical.csv", index=False)


def samples() -> None:
    """Check the volumes with label maps among the real data, if they are there."""
    data = os.environ.get("SKVAE_TEST_DATA")
    if data is None:
        return
    formats = Path(data) / "formats"
    pairs = [
        (str(image), str(image).replace("_image", "_label"))
        for image in sorted(formats.glob("*_image.nrrd"))
    ]
    phantom = str(formats / "prostate_phantom_subvolume.nrrd")
    pairs.append((phantom, phantom.replace(".nrrd", "-label.nrrd")))
    table = check_images(pairs)
    table["image"] = table["image"].map(lambda path: Path(path).name)
    print(table.drop(columns="digest").to_string())


def main() -> None:
    """Write, list, check and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=60)
    arguments, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, arguments.cases)
        samples()
        root = str(folder)
        skvae(["manifest", root, "--image", "*/ct.*", "--mask", "*/lesion.*"])
        cases = pd.read_csv(folder / "cases.csv")
        cases["PatientID"] = cases["Image"].str.partition("/")[0]
        known = pd.read_csv(folder / "clinical.csv")
        cases.merge(known, on="PatientID").to_csv(folder / "cases.csv", index=False)
        told = [str(folder / "cases.csv"), "--target", "malignant", "--clinical", "age"]
        told += [
            "--spacing-mm",
            "1.5",
            "--window=-900,300",
            "--size",
            "20,20,20",
            "--quick",
        ]
        skvae(["check", *told, *more])
        sys.exit(skvae(["study", *told, "--output", "skvae-study-images", *more]))


if __name__ == "__main__":
    main()
