"""Nothing gets around the gate: neither another content, nor a set that cannot be compared, nor an old approval."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from emtp_assets.publication.approvals import Approval, Approvals
from emtp_assets.publication.gate import NotApprovedError
from emtp_assets.publication.publish import publish
from emtp_assets.publication.sets import PublicationError, SetStore
from emtp_assets.settings import Settings
from emtp_assets.storage.lake import Lake
from emtp_assets_tests.publication.fake_lake import NOW, describe, table_bytes
from emtp_assets_tests.publication.restating import LATER, doubled, look, put


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With the thresholds that an instance has unless it says otherwise."""
    return settings.model_copy(update={"restatement_floor": 30})


def approve(settings: Settings, fingerprint: str) -> None:
    Approvals(settings.data_dir).record(Approval(fingerprint, LATER, "Ana Rojas", "Rectificación", "run", "todo"))


def test_nothing_is_published_and_the_former_set_stands(settings: Settings, published: Lake) -> None:
    before = SetStore(settings.data_dir).current()
    assert before is not None
    held = table_bytes(before)
    put(settings, published, "egresados", doubled("egresados_total"))
    with pytest.raises(PublicationError, match="No se publicó: cambian cifras ya publicadas"):
        publish(settings, published, now=LATER, run_id="b")
    assert SetStore(settings.data_dir).current() == before
    assert table_bytes(before) == held


def test_approved_it_is_published_once_and_for_this_set_alone(settings: Settings, published: Lake) -> None:
    put(settings, published, "egresados", doubled("egresados_total"))
    approve(settings, look(settings, published).fingerprint)
    publish(settings, published, now=LATER, run_id="b")
    put(settings, published, "egresados", "egresados_total AS egresados_total", by="")
    back = look(settings, published)
    approve(settings, back.fingerprint)
    publish(settings, published, now=LATER, run_id="c")
    put(settings, published, "egresados", doubled("egresados_total"))
    with pytest.raises(NotApprovedError):
        publish(settings, published, now=LATER, run_id="d")


def test_the_approval_of_something_else_does_not_count(settings: Settings, published: Lake) -> None:
    put(settings, published, "egresados", doubled("egresados_total"))
    approve(settings, look(settings, published).fingerprint)
    put(settings, published, "egresados", "egresados_total * 3 AS egresados_total")
    with pytest.raises(NotApprovedError):
        publish(settings, published, now=LATER, run_id="b")


def test_the_first_approval_of_a_change_stands(settings: Settings) -> None:
    approvals = Approvals(settings.data_dir)
    first = Approval("0123456789abcdef", NOW, "Ana Rojas", "Rectificación", "run", "todo")
    assert approvals.record(first) == first
    assert approvals.record(replace(first, who="Otra persona")) == first
    assert approvals.all() == [approvals.find("0123456789abcdef")] == [first]
    assert (settings.data_dir / "approvals.sqlite").stat().st_mode & 0o077 == 0


def test_another_content_with_the_same_sums_needs_another_approval(settings: Settings, published: Lake) -> None:
    """Of one region as many graduates more, but of another specialty: no sum tells the two apart."""
    approved, other = (
        f"egresados_total + if(cod_region = 2 AND cod_especialidad = {specialty}, 5000, 0) AS egresados_total"
        for specialty in (41000, 41002)
    )
    put(settings, published, "egresados", approved)
    seen = look(settings, published)
    approve(settings, seen.fingerprint)
    put(settings, published, "egresados", other)
    assert look(settings, published).changes == seen.changes
    with pytest.raises(NotApprovedError):
        publish(settings, published, now=LATER, run_id="b", describe=describe)


def test_a_set_that_cannot_be_compared_does_not_open_the_gate(settings: Settings, published: Lake) -> None:
    current = SetStore(settings.data_dir).current()
    assert current is not None
    (current / "egresados.parquet").write_bytes(b"no es un parquet")
    put(settings, published, "egresados", doubled("egresados_total"))
    with pytest.raises(NotApprovedError, match="no todo se pudo comparar") as refused:
        publish(settings, published, now=LATER, run_id="b", describe=describe)
    assert "- egresados: no se pudo comparar" in str(refused.value)
    approve(settings, refused.value.restatement.fingerprint)
    publish(settings, published, now=LATER, run_id="c", describe=describe)


@pytest.mark.parametrize("what", ["processed", ".sets"])
def test_nor_does_one_that_is_gone(settings: Settings, published: Lake, what: str) -> None:
    place = settings.data_dir / what
    place.unlink() if place.is_symlink() else shutil.rmtree(place)
    put(settings, published, "egresados", doubled("egresados_total"))
    with pytest.raises(NotApprovedError, match="ya no está; no se pudo comparar con él") as refused:
        publish(settings, published, now=LATER, run_id="b", describe=describe)
    seen = look(settings, published)
    assert (seen.replaced, seen.fingerprint) == (None, refused.value.restatement.fingerprint)
    approve(settings, seen.fingerprint)
    publish(settings, published, now=LATER, run_id="c", describe=describe)
    publish(settings, published, now=LATER, run_id="d", describe=describe)
