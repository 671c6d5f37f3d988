"""The page of all measurements: `benchmarks/results`, and the scripts that wrote it."""

import ast
import csv
import re
from collections import defaultdict
from statistics import fmean

# Columns that say with what and where: in a line above the table.
CIRCUMSTANCES = (
    *("skvae", "torch", "numpy", "scikit-learn", "skorch", "pythae"),
    *("python", "machine", "n_cores", "n_threads"),
)
# Over these is averaged, where a table is long.
REPEATED = {"seed", "fold", "random_state", "repeat", "cohort", "n"}
LONGEST, MOST_COLUMNS = 30, 12
INTRODUCTION = """# All measurements

A table for each file in `benchmarks/results`, with the command that writes it;
`$SKVAE_TEST_DATA` is the folder of the real data. Timings are CPU seconds of one thread,
against a peer in the same run, unless a script says otherwise. What they come to is told in
[measurements](../benchmarks.md).
"""


def write_page(benchmarks, folder):
    """Write `all-measurements.md` into a folder."""
    results = benchmarks / "results"
    parts = [INTRODUCTION]
    scripts = written_by(benchmarks)
    for path in sorted(results.glob("*.csv")):
        title, text, command = scripts.get(path.name, (path.stem, "", "make nightly"))
        parts.append(section(path, title, text, command))
    folder.mkdir(parents=True, exist_ok=True)
    page, found = folder / "all-measurements.md", "\n".join(parts)
    if not page.exists() or page.read_text(encoding="utf-8") != found:
        page.write_text(found, encoding="utf-8")


def written_by(benchmarks):
    """Return the title, text and command of the script of each csv file."""
    found = {}
    for script in sorted(benchmarks.glob("*.py")):
        source = script.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(source)) or ""
        commands = re.findall(r"^ {4}(python benchmarks/.*)$", docstring, re.MULTILINE)
        if not commands:
            continue
        title, _, text = docstring.partition("\n\n")
        text = re.sub(r"^ {4}.*\n?", "", text, flags=re.MULTILINE).strip()
        names = set(re.findall(r"[\"'/ ]([a-z_]+)(?:\.csv)?[\"'`]", source))
        for path in (benchmarks / "results").glob(f"{script.stem}*.csv"):
            found[path.name] = title, text, "\n".join(commands)
        for path in (benchmarks / "results").glob("*.csv"):
            if path.stem in names and path.name not in found:
                found[path.name] = title, text, "\n".join(commands)
    return found


def section(path, title, text, command):
    """Return what the page says of one file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lines = [f"## {path.stem.replace('_', ' ')}", "", title.replace("\n", " "), ""]
    if text:
        lines += [text.replace("``", "`"), ""]
    lines += ["```sh", command, "```", ""]
    picture = path.with_suffix(".png")
    if picture.exists():
        relative = f"../../benchmarks/results/{picture.name}"
        lines += [f"![{title.splitlines()[0]}]({relative})", ""]
    lines += [*table(rows), "", *circumstances(rows)]
    lines.append(f"{{download}}`All rows <../../benchmarks/results/{path.name}>`\n")
    return "\n".join(lines)


def circumstances(rows):
    """Say with which versions, and on what, the rows were made."""
    told = []
    for name in CIRCUMSTANCES:
        values = sorted({row[name] for row in rows if row.get(name)})
        if values:
            told.append(f"{name.replace('n_', '')} {', '.join(values)}")
    return [f"With {'; '.join(told)}.", ""] if told else []


def is_number(text):
    """Whether a cell is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def table(rows):
    """Return the lines of a table: all rows, or means over what is repeated."""
    names = [
        name
        for name in rows[0]
        if name not in CIRCUMSTANCES and any(row[name] for row in rows)
    ]
    names = [n for n in names if len(rows) == 1 or len({row[n] for row in rows}) > 1]
    note = []
    if len(rows) > LONGEST:
        names, rows, note = averaged(rows, names)
    left_out = names[MOST_COLUMNS:]
    names = names[:MOST_COLUMNS]
    if left_out:
        note.append(f"Further columns in the file: {', '.join(left_out)}.")
    lines = [
        f"| {' | '.join(name.replace('_', ' ') for name in names)} |",
        f"|{'|'.join(' --- ' for _ in names)}|",
    ]
    for row in rows[:LONGEST]:
        cells = [shown(str(row[name] or "")) for name in names]
        lines.append(f"| {' | '.join(cells)} |")
    if len(rows) > LONGEST:
        note.append(f"{len(rows) - LONGEST} more rows in the file.")
    return lines + (["", " ".join(note)] if note else [])


def shown(cell):
    """Return a cell with no more digits than it means."""
    cell = cell.replace("|", "\\|")
    if is_number(cell) and "." in cell and "e" not in cell.lower():
        return f"{float(cell):.4g}"
    return cell


def averaged(rows, names):
    """Average numbers over the rows that differ in nothing else that has a name."""
    keys = [n for n in names if not all(is_number(row[n]) for row in rows if row[n])]
    few = [
        n
        for n in names
        if n not in keys and "seconds" not in n and len({row[n] for row in rows}) <= 6
    ]
    keys = [n for n in names if n in keys or (n in few and n not in REPEATED)]
    numbers = [n for n in names if n not in keys and n not in REPEATED]
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[n] for n in keys)].append(row)
    found = []
    for key, members in groups.items():
        row = dict(zip(keys, key, strict=True))
        for name in numbers:
            values = [float(m[name]) for m in members if m[name]]
            row[name] = f"{fmean(values):.4g}" if values else ""
        found.append(row)
    over = ", ".join(n for n in names if n in REPEATED) or "rows"
    return [*keys, *numbers], found, [f"Means over {over}."]
