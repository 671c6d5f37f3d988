import csv
import os
import signal
import time
from pathlib import Path

# Read when scipy is first imported; without it a check of scikit-learn is skipped.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Read when torch is first imported: there is a worker per core, which is enough. Where a
# test asks for more threads, those that wait leave the core to the other worker.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# A job in the background is begun with Ctrl-C ignored, which some tests press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
import pytest
from hypothesis import settings

# How many examples hypothesis draws: few here, all by `make nightly`, which names its own.
settings.register_profile("few", max_examples=20, deadline=None)
settings.register_profile("nightly", max_examples=100, deadline=None)
settings.load_profile("few")


def pytest_addoption(parser):
    parser.addoption("--table", help="CSV file of each test's outcome, time and figures")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Record the time of the processor, which does not depend on what runs beside it."""
    start = time.process_time()
    try:
        return (yield)
    finally:
        seconds = f"{time.process_time() - start:.1f}"
        item.user_properties.append(("cpu_seconds", seconds))


def pytest_terminal_summary(terminalreporter, config):
    """Write the table: a line a test, with what it recorded as a property."""
    # Each worker has a summary of its own, before that of all.
    if not config.getoption("table") or "PYTEST_XDIST_WORKER" in os.environ:
        return
    reports = [
        report
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    with open(config.getoption("table"), "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["test", "outcome", "cpu_seconds", "figures"])
        for report in sorted(reports, key=lambda report: report.nodeid):
            found = dict(report.user_properties)
            seconds = found.pop("cpu_seconds", "")
            figures = " ".join(f"{name}={value}" for name, value in found.items())
            table.writerow([report.nodeid, report.outcome, seconds, figures])


@pytest.fixture(scope="session")
def real_data():
    """Folder of the real data, or a skip where the environment does not name it."""
    folder = os.environ.get("SKVAE_TEST_DATA")
    if not folder:
        pytest.skip("SKVAE_TEST_DATA does not name the folder of the real data")
    return Path(folder)


@pytest.fixture
def rows():
    """Standard normal rows with some structure to learn."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(60, 3)) @ rng.normal(size=(3, 12))).astype(np.float32)
