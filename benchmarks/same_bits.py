"""Whether two checkouts compute the same, bit for bit.

    python benchmarks/same_bits.py ROOT_A ROOT_B [--expected FILE] [--expected NAME=why]

Each checkout has an interpreter of its own, which runs `fingerprints.py`; all results whose
hashes differ are listed, and the exit status is 1, unless each of them is expected. NAME is
that of a result, as it is listed, and may have wildcards, as in ``"*/refused/* error"``. A
FILE has lines ``NAME=why``.
"""

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path

SCRIPT = Path(__file__).with_name("fingerprints.py")
# A set has another order with every seed of hashing, and a message may list one.
FIXED = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def fingerprints(root):
    """Return the hash of each result of a checkout."""
    environment = os.environ | FIXED | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    if found.pop("root") != str(root):
        raise SystemExit(f"Python imports skvae from elsewhere than {root}.")
    return found


def expectations(arguments):
    """Return the reason for each name that may differ, from files and from pairs."""
    pairs = []
    for argument in arguments:
        lines = [argument] if "=" in argument else Path(argument).read_text().splitlines()
        pairs += [line.split("=", 1) for line in lines if line.strip()]
    return {name.strip(): why.strip() for name, why in pairs}


def reason(name, expected):
    """Return why a result may differ; None if it may not."""
    return next((why for e, why in expected.items() if fnmatchcase(name, e)), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("roots", nargs=2, type=lambda path: Path(path).resolve())
    parser.add_argument("--expected", action="append", default=[])
    arguments = parser.parse_args()
    expected = expectations(arguments.expected)
    with ThreadPoolExecutor() as threads:
        one, other = threads.map(fingerprints, arguments.roots)
    names = list(dict.fromkeys([*one, *other]))
    differ = [name for name in names if one.get(name) != other.get(name)]
    unexpected = 0
    for name in differ:
        why = reason(name, expected)
        unexpected += why is None
        print(name, one.get(name, "-"), other.get(name, "-"), why or "UNEXPECTED")
    for name in expected:
        if not any(fnmatchcase(each, name) for each in differ):
            print(f"Expected to differ, but does not: {name}")
    cases = {name.partition(" ")[0] for name in names}
    print(f"{len(cases)} cases, {len(names)} results:", end=" ")
    print(f"{len(differ)} differ, {unexpected} of them unexpectedly.")
    return int(unexpected > 0)


if __name__ == "__main__":
    sys.exit(main())
