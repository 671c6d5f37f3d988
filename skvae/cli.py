"""The command `skvae`: arguments in, a study out."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

__all__ = ["main"]


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
        return int(arguments.run(arguments))
    except (ValueError, OSError, ImportError) as error:
        print(f"skvae: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skvae: interrupted; nothing was written", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skvae", description="Autoencoder features for scikit-learn."
    )
    parser.add_argument("--version", action="version", version=f"skvae {version('skvae')}")
    commands = parser.add_subparsers(dest="command", metavar="command")
    study = commands.add_parser(
        "study",
        help="compare simple features with those of autoencoders, patient by patient",
        description="Nested cross-validation with whole patients in each fold: volume "
        "alone (for masks), PCA, an autoencoder and a variational autoencoder, read at "
        "several layers.",
    )
    study.add_argument(
        "--data",
        default="lidc",
        metavar="lidc|PATH.npz",
        help="lung nodules of LIDC-IDRI (default), or arrays X, y and groups in a file",
    )
    study.add_argument(
        "--full", action="store_true", help="all nodules and epochs; takes hours on a CPU"
    )
    study.add_argument(
        "--output", default="skvae-study", metavar="FOLDER", help="default: skvae-study"
    )
    study.add_argument("--seed", type=int, default=0, help="of folds and arms; default: 0")
    study.add_argument(
        "--jobs",
        type=int,
        default=None,
        help="processes, one thread each; default: one per core, 8 at most. They do not "
        "change the results",
    )
    study.set_defaults(run=_study)
    return parser


def _study(arguments: argparse.Namespace) -> int:
    # Here, so that --help and --version answer at once.
    from joblib import cpu_count
    from rich.console import Console

    from skvae.study.default_study import default_study
    from skvae.study.lidc_cohort import lidc_cohort
    from skvae.study.npz_cohort import npz_cohort
    from skvae.study.report import summary_table, verdict, write_report

    if arguments.data == "lidc":
        cohort = lidc_cohort(full=arguments.full, random_state=arguments.seed)
    else:
        cohort = npz_cohort(arguments.data)
    result = default_study(
        *cohort,
        full=arguments.full,
        n_jobs=arguments.jobs or min(cpu_count(), 8),
        random_state=arguments.seed,
        verbose=True,
    )
    paths = write_report(result, arguments.output)
    console = Console()
    console.print(summary_table(result))
    console.print(verdict(result), highlight=False, soft_wrap=True)
    console.print(f"Written: {', '.join(map(str, paths))}", highlight=False, soft_wrap=True)
    return 0
