"""Every pollution of the corpus has its one known outcome, and none is wrong in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from emtp_assets_tests.pollution import pins
from emtp_assets_tests.pollution.corpus import everything
from emtp_assets_tests.pollution.judge import Verdict
from emtp_assets_tests.pollution.official import FORMS
from emtp_assets_tests.pollution.trying import Result, tried


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    return list(pins.outcomes(tmp_path_factory.mktemp("contaminaciones")))


def test_nothing_is_wrong_in_silence(results: list[Result]) -> None:
    wrong = [f"{pins.key(r)}: {r.judgement.why}" for r in results if r.judgement.verdict is Verdict.SILENT]
    assert not wrong, "\n".join(wrong)


def test_what_was_read_is_still_read_and_what_was_refused_for_the_same_reason(results: list[Result]) -> None:
    expected = pins.read()
    found = {pins.key(r): r.judgement.shown for r in results}
    changed = [
        f"{' '.join(k)}: {expected.get(k, 'new')} -> {found.get(k, 'gone')}"
        for k in sorted(expected.keys() | found.keys())
        if expected.get(k) != found.get(k)
    ]
    assert not changed, "\n".join(["run `python -m emtp_assets_tests.pollution.pins` and look at the diff", *changed])


def test_every_pollution_of_the_text_and_every_form_is_tried(results: list[Result]) -> None:
    wanted = {name for name, pollution in everything().items() if not pollution.group.startswith("values: ")}
    assert wanted <= {r.pollution.name for r in results}
    assert {r.form for r in results} == set(FORMS)


@pytest.mark.parametrize("form", FORMS)
def test_the_plain_official_file_is_read(form: str, tmp_path: Path) -> None:
    source = everything()["pollock_source"]
    verdicts = {r.judgement.verdict for r in tried(tmp_path, [source], forms={form}, readers=["ours"])}
    assert verdicts == {Verdict.RIGHT}
