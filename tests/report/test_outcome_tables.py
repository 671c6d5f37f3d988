"""Patients and outcomes of all cohorts are counted, of every kind of outcome."""

from dataclasses import replace

import numpy as np
import pandas as pd
from made_results import events, numbers, three_classes, two_classes, with_external
from sklearn.linear_model import LogisticRegression
from small_studies import GROUPS, N, X, said, study, table_of

from skvae.report.checklists import answered
from skvae.report.flow import Flow
from skvae.study.reporting import record_of


def cohorts(result):
    return table_of(result, "flow", "outcomes").set_index("cohort")


def test_an_external_cohort_is_counted_beside_the_study():
    result = with_external()
    table = cohorts(result)
    outside = result.external_predictions.query("arm == 'pca'")
    inside = result.predictions.query("arm == 'pca' and repeat == 1")
    for name, rows in (("study", inside), ("external", outside)):
        n = (rows["y"] == "sick").sum()
        assert table.loc[name, "class sick"] == f"{n} ({n / len(rows):.0%})"
        assert table.loc[name, "patients"] == str(len(rows))


def test_three_classes_are_counted_and_so_are_their_folds():
    result = three_classes()
    assert cohorts(result).loc["study", "class scar"] == "30 (33%)"
    folds = table_of(result, "splits", "splits")
    rows = result.predictions.query("arm == 'pca'")
    for row in folds.to_dict("records"):
        here = rows[(rows["repeat"] == row["repeat"]) & (rows["fold"] == row["fold"])]
        for label, n in here["y"].value_counts().items():
            assert row[f"of class {label}: train / test"] == f"{30 - n} / {n}"


def test_times_have_their_events_and_numbers_their_spread():
    result = events()
    rows = result.predictions.query("arm == 'pca' and repeat == 1")
    n = rows["event"].sum()
    found = cohorts(result).loc["study"]
    assert found["events"] == f"{n} ({n / 90:.0%})"
    assert found["censored"] == str(90 - n)
    seen = found["time seen, median [least, greatest]"]
    assert seen.startswith(f"{rows['time'].median():.3g} [")
    folds = table_of(result, "splits", "splits")
    tested = [int(cell.split(" / ")[1]) for cell in folds["with the event: train / test"]]
    assert sum(tested) == 2 * n  # two repeats
    y = numbers().predictions.query("arm == 'pca' and repeat == 1")["y"]
    spread = cohorts(numbers()).loc["study", "outcome, mean (SD)"]
    assert spread == f"{y.mean():.3g} ({y.std():.3g})"


def test_rows_and_patients_of_a_class_are_told_apart():
    values = X.copy()
    values[3, 2] = np.nan
    frame = pd.DataFrame(np.nan_to_num(values))
    later = frame[:10].set_axis([f"E{i}" for i in range(10)])
    y = np.array([0, 1, 1, 1, 1, 1, 0, 0, 1, 1])
    result = study(
        LogisticRegression(), X=frame, external=(later, y), aggregate="mean", groups=GROUPS
    )
    table = cohorts(result)
    assert table.loc["study", "class 1"] == f"{N // 2} (50%), {N // 4} patients"
    assert table.loc["external", "class 1"] == "7 (70%)"
    assert table.loc["external", "missing values"] == "0 of 60"
    assert "patients of class 1: train / test" in table_of(result, "splits", "splits")
    assert "3 of class 0, 7 of class 1" in Flow.of(record_of(result)).boxes[-1]
    assert "0: 3, 1: 7 rows" in said(result)["methods-external"]


def test_items_that_ask_for_outcomes_are_answered_by_the_tables():
    parts = {"table-splits", "table-outcomes", "figure-flow", "table-external"}

    def status(item, evidence):
        return {a.item: a.status for a in answered("tripod_ai", evidence)}[item]

    assert [status(item, parts) for item in ("20a", "20b", "20c", "21")] == [
        *("part", "part", "part", "yes")
    ]
    left = parts - {"table-outcomes"}
    assert {status(item, left) for item in ("20a", "20b", "20c", "21")} == {"ask"}
    assert status("20c", parts - {"table-external"}) == "ask"


def test_older_results_are_counted_by_their_predictions():
    old = replace(two_classes(), design={})
    n = (old.predictions.query("arm == 'pca' and repeat == 1")["y"] == "well").sum()
    assert cohorts(old).loc["study", "class well"].startswith(f"{n} (")
