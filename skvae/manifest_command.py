"""The command `skvae manifest`: a folder of scans in, a table of their files out."""

import argparse
from typing import Any

__all__ = ["add_manifest"]


def add_manifest(commands: Any) -> None:
    """Add the command.

    Parameters
    ----------
    commands : object
        What holds the commands, as `add_subparsers` returns it.
    """
    manifest = commands.add_parser(
        "manifest",
        help="list the scans and masks of a folder in a csv file",
        description="Write a table with the columns PatientID, Image and Mask, for `skvae "
        "study` and PyRadiomics. An image and a mask belong together if what stands for * "
        "is the same, or if they are alone in one folder.",
    )
    manifest.add_argument("root", metavar="ROOT", help="the folder")
    manifest.add_argument(
        "--image", required=True, metavar="GLOB", help="such as '*/ct.nii.gz'"
    )
    manifest.add_argument("--mask", metavar="GLOB", help="such as '*/lesion.nii.gz'")
    manifest.add_argument(
        "--output", metavar="FILE", help="default: cases.csv in the folder"
    )
    manifest.set_defaults(run=_manifest)


def _manifest(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from skvae.files import written_whole
    from skvae.images import find_cases

    root = Path(arguments.root)
    cases = find_cases(root, image=arguments.image, mask=arguments.mask)
    output = root / "cases.csv"
    if arguments.output is not None:
        output = Path(arguments.output)
        for column in cases.columns.drop("PatientID"):
            cases[column] = [str((root / path).absolute()) for path in cases[column]]
    with written_whole(output) as unfinished:
        cases.to_csv(unfinished, index=False)
    print(f"{len(cases)} cases: {output}")
    return 0
