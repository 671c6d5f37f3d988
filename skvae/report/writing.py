"""A report in a folder: the page, its figures, its tables, its texts."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skvae.files import writable_folder, written_whole
from skvae.report.checklists import CHECKLISTS, answered, markdown
from skvae.report.methods_text import methods_markdown
from skvae.report.page import Drafted, draft, page_html
from skvae.report.record import Record
from skvae.report.sections import check_sections
from skvae.report.study_sections import TAKE_MORE_FITS
from skvae.report.vector_graphics import png_bytes

__all__ = ["evidence_of", "write_record"]

PAGE = "report.html"
# Further files that a study leaves in the folder, and a reader wants to find.
_BESIDE = ("study.toml",)


def write_record(record: Record, folder: str | Path) -> list[Path]:
    """Write a report.

    Parameters
    ----------
    record : Record
        What it is made of.
    folder : str or Path
        Where to; made if it does not exist.

    Returns
    -------
    list of Path
        The files, the page first.
    """
    check_sections(record.sections)
    _check_further(record)
    folder = writable_folder(folder, "folder")
    earlier = _figures_of_before(folder)
    tables = [*record.result.to_csv(folder), *_further_tables(record, folder)]
    drafted = draft(record)
    figures = _write_figures(drafted, folder / "figures")
    _remove_stale(earlier, figures)
    methods = _write(folder / "methods.md", methods_markdown(record))
    known = [folder / name for name in _BESIDE if (folder / name).is_file()]
    provenance = _write(
        folder / "provenance.json", _provenance(record, [*tables, *known], figures)
    )
    lists = [folder / f"{checklist.key}.md" for checklist in CHECKLISTS]
    beside = [*tables, *known, methods, provenance]
    # The lists themselves are evidence that there are lists.
    evidence = evidence_of(folder, drafted.anchors) | {f"file:{p.name}" for p in lists}
    answers = {c.key: answered(c.key, evidence) for c in CHECKLISTS}
    for checklist, path in zip(CHECKLISTS, lists, strict=True):
        _write(path, markdown(checklist, answers[checklist.key], PAGE))
    names = [p.relative_to(folder).as_posix() for p in (*beside, *lists)]
    page = _write(folder / PAGE, page_html(record, drafted, answers, names))
    return [page, *beside, *lists, *figures]


def evidence_of(folder: Path, anchors: set[str]) -> set[str]:
    """Return the parts that are really there: figures with their files, and files.

    Parameters
    ----------
    folder : Path
        Of the report.
    anchors : set of str
        Ids of the page.

    Returns
    -------
    set of str
        Ids, and files as `file:NAME`.
    """
    drawn = {p.stem for p in (folder / "figures").glob("*.svg") if p.stat().st_size}
    kept = {
        a
        for a in anchors
        if not a.startswith("figure-") or a.removeprefix("figure-") in drawn
    }
    files = {f"file:{p.name}" for p in folder.iterdir() if p.is_file()}
    return kept | files


def _check_further(record: Record) -> None:
    """Refuse names that no section has, and what is no table.

    Raises
    ------
    ValueError
        In a sentence.
    """
    for name, frame in record.further.items():
        if name not in TAKE_MORE_FITS:
            raise ValueError(
                f"Got further with {name!r}, expected {', '.join(TAKE_MORE_FITS)}."
            )
        if frame is not None and not hasattr(frame, "to_csv"):
            raise ValueError(f"Got further with {name}={frame!r}, expected a DataFrame.")


def _further_tables(record: Record, folder: Path) -> list[Path]:
    frames = {
        "dropped_columns": record.dropped,
        "excluded_rows": record.excluded,
        **record.further,
    }
    return [
        _written(folder / f"{name}.csv", lambda path, f=frame: f.to_csv(path, index=False))
        for name, frame in frames.items()
        if frame is not None and len(frame)
    ]


def _write_figures(drafted: Drafted, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for picture in drafted.pictures:
        svg, figure = picture.svg, picture.figure
        paths += [
            _write(folder / f"{picture.name}.svg", svg),
            _written(
                folder / f"{picture.name}.png",
                lambda path, f=figure: path.write_bytes(png_bytes(f)),
            ),
        ]
    return paths


def _provenance(record: Record, files: list[Path], figures: list[Path]) -> str:
    said: dict[str, Any] = {
        **record.design,
        "run": dict(record.provenance),
        "command": record.command,
        "files": {path.name: _hash(path) for path in files},
        "figures": {path.name: _hash(path) for path in figures},
    }
    text = json.dumps(said, indent=1, ensure_ascii=False, default=str, allow_nan=False)
    return text + "\n"


def _hash(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def _figures_of_before(folder: Path) -> dict[Path, str]:
    """Return the figures that the report before wrote there, with their hashes."""
    try:
        known = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
        hashes = dict(known["figures"])
    except (OSError, ValueError, KeyError, TypeError):  # no report, or an older one
        return {}
    names = (name for name in hashes if Path(name).name == name)
    return {folder / "figures" / name: hashes[name] for name in names}


def _remove_stale(earlier: dict[Path, str], figures: list[Path]) -> None:
    """Remove figures of before that are no more: but what somebody has changed since."""
    for path, written in earlier.items():
        if path not in figures and path.is_file() and _hash(path) == written:
            path.unlink()


def _write(path: Path, text: str) -> Path:
    return _written(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8"))


def _written(path: Path, write: Callable[[Path], Any]) -> Path:
    with written_whole(path) as unfinished:
        write(unfinished)
    return path
