"""A report that is written again has its own figures, and leaves those of others."""

import json
from pathlib import Path


def figures(folder):
    return {path.stem for path in (folder / "figures").glob("*.svg")}


def test_figures_that_are_no_more_are_removed(result, tmp_path, no_figures):
    result.report(tmp_path, sections=["summary", "confusion", "flow"])
    assert figures(tmp_path) == {"comparison", "confusion", "flow"}
    paths = result.report(tmp_path, sections=["summary"])
    assert figures(tmp_path) == {"comparison"}
    assert not (tmp_path / "figures" / "confusion.png").exists()
    assert all(path.is_file() for path in paths)
    known = json.loads((tmp_path / "provenance.json").read_text())["figures"]
    assert set(known) == {"comparison.svg", "comparison.png"}


def test_what_others_have_put_there_stays(result, tmp_path, no_figures):
    result.report(tmp_path, sections=["summary", "confusion"])
    mine, edited = (tmp_path / "figures" / name for name in ("mine.svg", "confusion.svg"))
    mine.write_text("<svg/>")
    edited.write_text(edited.read_text() + "<!-- with an arrow -->")
    result.report(tmp_path, sections=["summary"])
    assert mine.exists()
    assert edited.exists()
    assert not (tmp_path / "figures" / "confusion.png").exists()


def test_a_list_that_names_other_places_removes_nothing(result, tmp_path, no_figures):
    result.report(tmp_path / "study", sections=["summary"])
    outside = tmp_path / "notes.txt"
    outside.write_text("")
    path = tmp_path / "study" / "provenance.json"
    known = json.loads(path.read_text())
    empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    known["figures"] = {"../../notes.txt": empty, str(outside): empty, "..": empty}
    path.write_text(json.dumps(known))
    result.report(tmp_path / "study", sections=["summary"])
    assert outside.exists()


def test_folders_without_such_a_list_are_no_error(result, tmp_path, no_figures):
    for text in ("{}", "not json", '{"figures": 3}', "[]"):
        Path(tmp_path / "provenance.json").write_text(text)
        result.report(tmp_path, sections=["summary"])
        assert figures(tmp_path) == {"comparison"}
