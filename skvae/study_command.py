"""The command `skvae study`: what it alone takes, and what it leaves in its folder."""

import argparse
import sys
from typing import Any

__all__ = ["add_study", "study"]


def add_study(command: argparse.ArgumentParser) -> None:
    """Add what other commands do not take.

    Parameters
    ----------
    command : argparse.ArgumentParser
        The command.
    """
    command.add_argument(
        "--output", default="skvae-study", metavar="FOLDER", help="default: skvae-study"
    )
    command.add_argument(
        "--sections",
        type=_names,
        default=(),
        metavar="SECTION,SECTION",
        help="further sections of the report, which take more fits: layer_map, "
        "learning_curve, permutation_null (as 20 studies)",
    )
    command.add_argument(
        "--no-explain",
        action="store_true",
        help="leave out what the arms have learned: loss curves, what drives the score, "
        "reconstructions",
    )
    going = command.add_mutually_exclusive_group()
    going.add_argument(
        "--resume", action="store_true", help="go on with the unfinished study in FOLDER"
    )
    going.add_argument(
        "--restart", action="store_true", help="forget the unfinished study in FOLDER"
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def study(arguments: argparse.Namespace, config: Any) -> int:
    """Run a study and write its report.

    Parameters
    ----------
    arguments : argparse.Namespace
        What was typed.
    config : StudyConfig
        What to do.

    Returns
    -------
    int
        0.
    """
    # Here, so that --help and --version answer at once.
    from rich.console import Console

    from skvae.files import writable_folder
    from skvae.report.terminal import external_table, summary_table
    from skvae.report.verdict import verdict
    from skvae.study.further_sections import OF_FULL, check_further, further_results
    from skvae.study.run_study import run_study
    from skvae.study.study_inputs import study_inputs

    asked = (*(OF_FULL if config.full else ()), *arguments.sections)
    further = tuple(dict.fromkeys(asked))
    check_further(further)
    inputs = study_inputs(config)
    folder = writable_folder(arguments.output)
    left_out = [f"{what}: {which}" for what, which in inputs.left_out().items()]
    for note in [*inputs.notes, *left_out]:
        sys.stderr.write(f"skvae: {note}\n")
    result = run_study(
        config,
        inputs,
        folder,
        resume=arguments.resume,
        restart=arguments.restart,
        verbose=True,
        explain=not arguments.no_explain,
    )
    console = Console()
    console.print(summary_table(result))
    outside = external_table(result)
    if outside is not None:
        console.print(outside)
    console.print(verdict(result), highlight=False, soft_wrap=True)
    command = "skvae study --config study.toml"
    command += " --no-explain" if arguments.no_explain else ""
    known = {"inputs": inputs, "command": command}
    paths = result.report(folder, **known)
    if further:  # which may take as long again: the report is there before
        found = further_results(config, inputs, further)
        paths = result.report(folder, **known, further=found)
    tables = [str(path) for path in paths if path.suffix == ".csv"]
    console.print(
        f"Written: {', '.join([str(paths[0]), *tables])}, "
        f"and {len(paths) - len(tables) - 1} files beside them",
        highlight=False,
        soft_wrap=True,
    )
    return 0
