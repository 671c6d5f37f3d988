from io import StringIO
from types import SimpleNamespace

import pytest
from rich.console import Console

from skvae.study import nested_cv
from skvae.study.progress import StudyProgress

TASKS = [
    SimpleNamespace(arm=SimpleNamespace(name=n)) for n in ("[pca]", "[pca]", "vae", "vae")
]


def shown(terminal, show=True):
    stream = StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with StudyProgress(TASKS, "roc_auc", show=show, console=console) as progress:
        for i, task in enumerate(TASKS):
            row = {"arm": task.arm.name, "score": 0.5 + 0.1 * i}
            progress.advance(row, {"fit_seconds": 2.0})
    return stream.getvalue()


def test_a_log_file_gets_one_line_for_each_fold():
    lines = shown(terminal=False).splitlines()
    assert lines == [
        "1/4  [pca]  fold 1/2  mean roc_auc 0.500  last fit 2.0 s  left about 0 s",
        "2/4  [pca]  fold 2/2  mean roc_auc 0.550  last fit 2.0 s  left about 0 s",
        "3/4  vae    fold 1/2  mean roc_auc 0.700  last fit 2.0 s  left about 0 s",
        "4/4  vae    fold 2/2  mean roc_auc 0.750  last fit 2.0 s",
    ]


def test_a_terminal_gets_a_bar():
    text = shown(terminal=True)
    assert "4/4" in text
    assert "mean roc_auc 0.750" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_unless_asked(terminal):
    assert shown(terminal, show=False) == ""


def test_the_study_shows_progress_on_standard_error(cohort, arms, capsys):
    X, y, groups = cohort
    nested_cv(arms, X, y, groups=groups)
    assert capsys.readouterr() == ("", "")
    nested_cv(arms, X, y, groups=groups, verbose=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "10/10" in err
