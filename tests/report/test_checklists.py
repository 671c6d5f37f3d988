import csv
from fnmatch import fnmatch
from importlib import resources

import pytest

from skvae.report.checklists import CHECKLISTS, answered, markdown, tally
from skvae.report.evidence_rules import RULES
from skvae.report.page import anchors_in
from skvae.report.writing import evidence_of

KEYS = [checklist.key for checklist in CHECKLISTS]


@pytest.fixture(scope="module")
def anchors(written):
    return anchors_in((written / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def evidence(written, anchors):
    return evidence_of(written, anchors)


def test_the_lists_are_whole_and_say_where_they_are_from():
    assert [len(answered(key, ())) for key in KEYS] == [58, 30, 52]
    assert sum(a.weight for a in answered("metrics", ())) == pytest.approx(1)
    for key in KEYS:
        text = (resources.files("skvae.report") / "data" / f"{key}.csv").read_text("utf-8")
        head = [line for line in text.splitlines() if line.startswith("#")]
        assert any("CC BY 4.0" in line for line in head)
        assert any("https://doi.org/" in line for line in head)


@pytest.mark.parametrize("key", KEYS)
def test_rules_are_of_items_that_exist(key):
    items = {a.item for a in answered(key, ())}
    assert set(RULES[key]) <= items
    for rules in RULES[key].values():
        for rule in rules:
            assert rule.needs
            assert (rule.status == "part") == bool(rule.missing)


def test_without_evidence_every_item_asks():
    for key in KEYS:
        assert {a.status for a in answered(key, ())} == {"ask"}


def weaker(status):
    return {"yes": ("part", "ask"), "part": ("ask",)}[status]


@pytest.mark.parametrize("key", KEYS)
def test_each_evidence_that_is_removed_is_missed(key, evidence):
    """Without any one part of its evidence an item has another, or less, or asks."""
    answers = [a for a in answered(key, evidence) if a.status != "ask"]
    assert len(answers) >= {"clear": 24, "metrics": 13, "tripod_ai": 15}[key]
    for answer in answers:
        for part in answer.evidence:
            left = {e for e in evidence if e != part}
            (now,) = [a for a in answered(key, left) if a.item == answer.item]
            assert part not in now.evidence
            assert now.status in weaker(answer.status) or now.evidence != answer.evidence
        (none,) = [
            a
            for a in answered(key, {e for e in evidence if not needed(key, answer.item, e)})
            if a.item == answer.item
        ]
        assert none.status == "ask"


def needed(key, item, evidence):
    """Whether any rule of an item would do with it."""
    needs = [need for rule in RULES[key][item] for need in rule.needs]
    return any(fnmatch(evidence, need) for need in needs)


@pytest.mark.parametrize(
    ("key", "item", "figure"),
    [
        ("metrics", "20", "roc"),
        ("metrics", "20", "confusion"),
        ("metrics", "20", "loss"),
        ("metrics", "22", "calibration"),
        ("clear", "43", "importance"),
        ("tripod_ai", "12e", "decision-curve"),
        ("tripod_ai", "20a", "flow"),
    ],
)
def test_a_figure_without_its_file_is_no_evidence(
    key, item, figure, written, anchors, evidence
):
    def answer(evidence):
        return next(a for a in answered(key, evidence) if a.item == item)

    before = answer(evidence)
    assert before.status != "ask"
    path = written / "figures" / f"{figure}.svg"
    content = path.read_bytes()
    path.unlink()
    try:
        left = evidence_of(written, anchors)
        now = answer(left)
    finally:
        path.write_bytes(content)
    assert now.status in weaker(before.status)


def test_the_files_say_what_the_page_says(written, evidence):
    for checklist in CHECKLISTS:
        text = (written / f"{checklist.key}.md").read_text(encoding="utf-8")
        answers = answered(checklist.key, evidence)
        assert text == markdown(checklist, answers)
        assert tally(answers) in (written / "report.html").read_text(encoding="utf-8")
        assert checklist.source in text


def test_what_was_not_done_is_not_claimed(evidence):
    asked = {a.item for a in answered("clear", evidence) if a.status == "ask"}
    # Title, ethics, operators, discretisation, data sharing, model files.
    assert {"1", "8", "20", "23", "53", "57"} <= asked
    metrics = {a.item: a for a in answered("metrics", evidence)}
    assert [metrics[i].status for i in ("2", "3", "4", "8", "14", "30")] == ["ask"] * 6
    assert metrics["27"].status == "yes"


def test_weights_are_added_up(evidence):
    answers = answered("metrics", evidence)
    with_evidence = sum(a.weight for a in answers if a.status != "ask")
    assert with_evidence >= 0.40
    assert f"a weight of {with_evidence:.3f} of 1" in tally(answers)


def test_texts_are_those_of_the_file():
    path = resources.files("skvae.report") / "data" / "metrics.csv"
    lines = [x for x in path.read_text("utf-8").splitlines() if not x.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert [a.text for a in answered("metrics", ())] == [row["text"] for row in rows]
