"""The commands that make a model for use, and that read new cases with it."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

__all__ = ["add_apply", "fit", "predict", "transform"]


def add_apply(commands: Any) -> None:
    """Add the commands that read new cases.

    Parameters
    ----------
    commands : object
        Where argparse has its commands.
    """
    for name, run, text in (
        ("transform", transform, "write the features that a model makes of new cases"),
        ("predict", predict, "write what a model predicts of new cases"),
    ):
        command = commands.add_parser(
            name,
            help=text,
            description="Columns are found by their names; more are ignored, and a missing "
            "one is named. How far the rows lie outside of those of the training is told.",
        )
        command.add_argument(
            "data", metavar="DATA", help="a table, a table of scans, or an npz file with X"
        )
        command.add_argument(
            "--model", required=True, metavar="FILE", help="of `skvae fit` or skvae.save"
        )
        command.add_argument(
            "--sha256", metavar="HASH", help="the hash that the model file must have"
        )
        if name == "transform":
            command.add_argument(
                "--layer", help="of the network; default: what the model reads"
            )
        command.add_argument(
            "--output", metavar="FILE", help="a csv file; default: standard output"
        )
        command.add_argument(
            "--drift", metavar="FILE", help="a csv file with the ranges of each column"
        )
        command.set_defaults(run=run)


def fit(arguments: argparse.Namespace, config: Any) -> int:
    """Fit one arm to all rows and save it.

    Parameters
    ----------
    arguments : Namespace
        Of the command line.
    config : StudyConfig
        What they say.

    Returns
    -------
    int
        Exit status.
    """
    from skvae.saving.final_fit import fit_final
    from skvae.saving.model_files import check_path, save_described
    from skvae.study.study_inputs import study_inputs

    check_path(arguments.out)
    if config.external:
        raise ValueError(
            f"Got external={config.external!r}, but nothing is compared; `skvae predict` "
            "reads other cases."
        )
    inputs = study_inputs(config)
    left_out = [f"{what}: {which}" for what, which in inputs.left_out().items()]
    _tell([*inputs.notes, *left_out])
    estimator, table = fit_final(config, inputs)
    digest = save_described(estimator, arguments.out, table)
    chosen = getattr(estimator, "best_params_", {})
    found = ", ".join(f"{name}={value!r}" for name, value in chosen.items())
    sys.stdout.write(
        f"{arguments.out}: {table['arm']}, fitted to {table['n_rows']} rows"
        + (f", {found}" if found else "")
        + f"\nsha256 {digest}\n"
    )
    return 0


def transform(arguments: argparse.Namespace) -> int:
    """Write features of new cases.

    Parameters
    ----------
    arguments : Namespace
        Of the command line.

    Returns
    -------
    int
        Exit status.
    """
    from skvae.saving.new_cases import features_of

    return _applied(
        arguments,
        lambda estimator, cases, _: features_of(estimator, cases, arguments.layer),
    )


def predict(arguments: argparse.Namespace) -> int:
    """Write predictions of new cases.

    Parameters
    ----------
    arguments : Namespace
        Of the command line.

    Returns
    -------
    int
        Exit status.
    """
    from skvae.saving.new_cases import predictions_of

    return _applied(arguments, predictions_of)


def _applied(arguments: argparse.Namespace, read: Callable[..., Any]) -> int:
    from skvae.saving.model_files import load_described
    from skvae.saving.new_cases import read_new_cases

    for name in ("output", "drift"):
        _check_output(name, getattr(arguments, name))
    estimator, description = load_described(arguments.model, sha256=arguments.sha256)
    table = description["table"]
    cases = read_new_cases(arguments.data, estimator, table)
    _tell(cases.notes)
    result = read(estimator, cases, table)
    if cases.drift is not None:
        _write(cases.drift, arguments.drift)
    if arguments.output is None:
        sys.stdout.write(result.to_csv(index=False))
    else:
        _write(result, arguments.output)
    return 0


def _check_output(name: str, path: str | None) -> None:
    """Raise for a file that could not be written, before anything takes time."""
    if path is None:
        return
    if Path(path).is_dir() or not Path(path).parent.is_dir():
        raise ValueError(f"Got {name}={path!r}, expected a file in a folder that exists.")


def _write(table: Any, path: str | None) -> None:
    from skvae.files import written_whole

    if path is not None:
        with written_whole(path) as unfinished:
            table.to_csv(unfinished, index=False)


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        sys.stderr.write(f"skvae: {note}\n")
