#!/usr/bin/env bash
# Guess: writing an image changes nothing in the process that writes it.
# Fact: when SimpleITK writes a DICOM slice whose metadata have a position (0020|0032), as
#   SimpleITK's own example of writing a series gives each slice, the locale of the whole process
#   is "C" afterwards, in all categories. From then on Python's open(), read_text() and
#   subprocess(text=True) without an encoding are ASCII: text that was written before no longer
#   reads (UnicodeDecodeError), far from the line that caused it. Slices without a position,
#   other formats and reading leave the locale alone.
# Versions: SimpleITK 2.5.7, CPython 3.11 on Linux; found 2026-11-28.
# Source: measured; a test of other code, run later in the same process, failed on a UTF-8 file.
# To do: restore the locale after writing (locale.setlocale), or write with pydicom; give an
#   encoding to every open().
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install --quiet 'SimpleITK==2.5.7' 'numpy==2.4.6'
cat > check.py <<'PY'
import locale
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

print("SimpleITK", sitk.Version.VersionString(), "Python", sys.version.split()[0])
Path("text.txt").write_text("37 °C")
before = locale.setlocale(locale.LC_ALL)


def state():
    try:
        read = Path("text.txt").read_text()
    except UnicodeDecodeError as error:
        read = type(error).__name__
    return locale.setlocale(locale.LC_CTYPE), locale.getpreferredencoding(False), read


image = sitk.GetImageFromArray(np.zeros((1, 3, 4), np.int16))
print("at first:                  ", state())
for name in ("a.nii", "a.nrrd", "a.mha", "a.dcm"):
    sitk.WriteImage(image, name)
    sitk.ReadImage(name)
print("formats, DICOM at no place:", state())
seen = locale.setlocale(locale.LC_ALL) == before

image.SetMetaData("0020|0032", "1\\2\\3")
sitk.WriteImage(image, "placed.dcm")
print("DICOM at a place, written: ", state())
seen &= state() == ("C", locale.getpreferredencoding(False), "UnicodeDecodeError")
seen &= locale.setlocale(locale.LC_ALL) == "C"

locale.setlocale(locale.LC_ALL, before)
sitk.ReadImage("placed.dcm")
print("restored, and read:        ", state())
seen &= locale.setlocale(locale.LC_ALL) == before
raise SystemExit(None if seen else "The behaviour has changed.")
PY
env -u LC_ALL -u PYTHONUTF8 LANG=C.UTF-8 venv/bin/python check.py
