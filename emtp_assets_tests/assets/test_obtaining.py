"""Who is asked, in what order, when the next one is, which delivery is in force, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from emtp_assets.assets.obtaining import Obtained, Obtaining
from emtp_assets.contracts import Contract, contract_for
from emtp_assets.intake import Archive, Delivery, Ledger, receive
from emtp_assets.settings import Settings
from emtp_assets.sources import Cause, Journal, Nature, Result
from emtp_assets.sources.simulated import generate
from emtp_assets_tests.opened import refused_bytes
from emtp_assets_tests.sources.failing import ScriptedSource, failure

CONTRACT = contract_for("proyectos")
YEAR = 2025
REFUSED = failure(Cause.CREDENTIAL, Nature.PERMANENT, source="sqlserver")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Three versions of one year's file, as its source might give them over time."""
    folder = tmp_path_factory.mktemp("versiones")
    return [generate(CONTRACT, YEAR, folder, scale=0.02, seed=seed).read_bytes() for seed in (1, 2, 3)]


class Office:
    """An instance with scripted systems; each `obtain` is a run of its own."""

    def __init__(self, settings: Settings, *sources: ScriptedSource) -> None:
        self.settings = settings
        self.sources: Sequence[ScriptedSource] = sources
        self.ledger = Ledger(settings.data_dir)
        self.journal = Journal(settings.data_dir)
        self.runs = 0

    def obtain(self, contract: Contract = CONTRACT, *, only_held: bool = False) -> Obtained:
        self.runs += 1
        return self.run(only_held=only_held).obtain(contract, YEAR)

    def run(self, *, only_held: bool = False) -> Obtaining:
        return Obtaining(
            self.settings,
            self.ledger,
            f"corrida-{self.runs}",
            only_held=only_held,
            sources=lambda *_: self.sources,
            sleep=lambda _: None,
        )

    def hand_over(self, content: bytes, name: str = "a_mano.csv") -> Delivery:
        path = self.settings.drop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        outcome = receive(path, self.settings, self.ledger, source="carpeta", now=datetime.now(UTC))
        assert isinstance(outcome, Delivery)
        return outcome


class TestOrder:
    def test_the_preferred_source_is_asked_alone_when_it_delivers(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        first, second = ScriptedSource("sqlserver", versions[0]), ScriptedSource("sftp", versions[1])
        obtained = Office(settings, first, second).obtain()
        assert obtained.delivery.source == "sqlserver"
        assert obtained.reason == "Entregó sqlserver, la fuente preferida."
        assert second.asked == []

    def test_the_next_is_asked_when_one_fails_and_that_is_said(self, settings: Settings, versions: list[bytes]) -> None:
        office = Office(settings, ScriptedSource("sqlserver", REFUSED), ScriptedSource("sftp", versions[0]))
        obtained = office.obtain()
        assert obtained.delivery.source == "sftp"
        assert obtained.reason == "Entregó sftp, porque antes falló: sqlserver."
        assert "credencial, permanente" in obtained.in_words
        assert [a.result for a in office.journal.attempts()] == [Result.FAILED, Result.DELIVERED]

    def test_the_next_is_asked_when_one_has_nothing(self, settings: Settings, versions: list[bytes]) -> None:
        obtained = Office(settings, ScriptedSource("sharepoint", None), ScriptedSource("sftp", versions[0])).obtain()
        assert obtained.reason == "Entregó sftp: las fuentes preferidas no tienen archivo de ese año."

    def test_a_contract_may_forbid_the_next(self, settings: Settings, versions: list[bytes]) -> None:
        second = ScriptedSource("sftp", versions[0])
        office = Office(settings, ScriptedSource("sqlserver", REFUSED), second)
        with pytest.raises(dg.Failure):
            office.obtain(replace(CONTRACT, fallback=False))
        assert second.asked == []

    def test_a_passing_failure_is_tried_again_before_the_next(self, settings: Settings, versions: list[bytes]) -> None:
        first = ScriptedSource("sqlserver", failure(), failure(), versions[0])
        second = ScriptedSource("sftp", versions[1])
        obtained = Office(settings, first, second).obtain()
        assert obtained.delivery.source == "sqlserver"
        assert obtained.attempts[0].tries == 3
        assert second.asked == []


class TestNobodyDelivers:
    def test_the_run_fails_and_says_what_each_answered_and_what_to_do(self, settings: Settings) -> None:
        office = Office(settings, ScriptedSource("sqlserver", REFUSED), ScriptedSource("sftp", failure()))
        with pytest.raises(dg.Failure) as failed:
            office.obtain()
        said = failed.value.description or ""
        assert "Ninguna fuente entregó proyectos del año 2025" in said
        assert "sqlserver: falló (credencial, permanente)" in said
        assert "sftp: falló (tiempo_agotado, pasajera)" in said
        assert "Intentos: 4." in said
        assert str(settings.drop) in said
        assert failed.value.allow_retries is False

    def test_a_delivery_of_yesterday_is_not_passed_off_as_todays(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        office = Office(settings, ScriptedSource("sftp", versions[0], failure()))
        office.obtain()
        with pytest.raises(dg.Failure, match="proyectos") as failed:
            office.obtain()
        assert "Última entrega" in (failed.value.description or "")

    def test_without_systems_the_folder_is_enough(self, settings: Settings, versions: list[bytes]) -> None:
        office = Office(settings)
        handed = office.hand_over(versions[0])
        assert office.obtain().delivery == handed

    def test_when_no_system_has_the_year_what_was_handed_over_serves(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        office = Office(settings, ScriptedSource("sftp", None))
        handed = office.hand_over(versions[0])
        obtained = office.obtain()
        assert obtained.delivery == handed
        assert "Ningún sistema tiene archivo de ese año" in obtained.reason

    def test_no_source_and_no_delivery_is_a_failure(self, settings: Settings) -> None:
        with pytest.raises(dg.Failure):
            Office(settings, ScriptedSource("sftp", None)).obtain()


class TestASystemThatIsDown:
    def test_is_not_asked_again_in_the_same_run(self, settings: Settings, versions: list[bytes]) -> None:
        """A refused password repeated for each dataset would lock the account."""
        down, next_one = ScriptedSource("sqlserver", REFUSED), ScriptedSource("sftp", versions[0])
        office = Office(settings, down, next_one)
        office.run().obtain(CONTRACT, YEAR)
        office.run().obtain(CONTRACT, YEAR)
        assert len(down.asked) == 1
        assert "No se volvió a intentar" in office.journal.attempts()[-2].message

    def test_is_asked_again_in_the_next_run(self, settings: Settings, versions: list[bytes]) -> None:
        down = ScriptedSource("sqlserver", REFUSED, versions[0])
        office = Office(settings, down, ScriptedSource("sftp", versions[1]))
        office.obtain()
        assert office.obtain().delivery.source == "sqlserver"

    def test_a_missing_view_says_nothing_of_the_other_views(self, settings: Settings, versions: list[bytes]) -> None:
        missing = failure(Cause.MISSING_VIEW, Nature.PERMANENT, source="sqlserver")
        source = ScriptedSource("sqlserver", missing, versions[0])
        office = Office(settings, source, ScriptedSource("sftp", versions[1]))
        office.run().obtain(CONTRACT, YEAR)
        assert office.run().obtain(CONTRACT, YEAR).delivery.source == "sqlserver"


class TestWhatIsInForce:
    def test_the_same_bytes_are_one_delivery_whoever_brings_them(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        office = Office(settings, ScriptedSource("sqlserver", versions[0]))
        first = office.obtain().delivery
        office.sources = [ScriptedSource("sftp", versions[0])]
        assert office.obtain().delivery.sha256 == first.sha256
        assert len(office.ledger.deliveries()) == 1

    def test_an_unchanged_version_is_not_fetched(self, settings: Settings, versions: list[bytes]) -> None:
        office = Office(settings, ScriptedSource("sftp", versions[0]))
        first = office.obtain()
        again = office.obtain()
        assert again.delivery == first.delivery
        assert again.attempts[-1].result is Result.UNCHANGED

    def test_it_is_fetched_when_its_bytes_are_lost(self, settings: Settings, versions: list[bytes]) -> None:
        office = Office(settings, ScriptedSource("sftp", versions[0]))
        delivery = office.obtain().delivery
        Archive(settings).path(delivery.sha256).unlink()
        office.obtain()
        assert Archive(settings).verify(delivery.sha256)

    def test_a_correction_by_hand_stands_while_the_system_repeats_itself(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        office = Office(settings, ScriptedSource("sqlserver", versions[0]))
        office.obtain()
        by_hand = office.hand_over(versions[1])
        obtained = office.obtain()
        assert obtained.delivery.sha256 == by_hand.sha256
        assert "sigue entregando lo mismo que antes" in obtained.reason

    def test_and_yields_when_the_system_brings_something_else(self, settings: Settings, versions: list[bytes]) -> None:
        office = Office(settings, ScriptedSource("sqlserver", versions[0], versions[2]))
        office.obtain()
        office.hand_over(versions[1])
        assert office.obtain().delivery.source == "sqlserver"

    def test_what_a_stand_in_brought_rules_until_the_preferred_system_answers_again(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        preferred = ScriptedSource("sqlserver", versions[0], REFUSED, versions[0])
        office = Office(settings, preferred, ScriptedSource("sharepoint", versions[1]))
        assert [office.obtain().delivery.source for _ in range(3)] == ["sqlserver", "sharepoint", "sqlserver"]

    def test_and_a_correction_by_hand_made_before_rules_again_with_it(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        preferred = ScriptedSource("sqlserver", versions[0], REFUSED, versions[0])
        office = Office(settings, preferred, ScriptedSource("sharepoint", versions[1]))
        office.obtain()
        by_hand = office.hand_over(versions[2])
        assert office.obtain().delivery.source == "sharepoint"
        assert office.obtain().delivery.sha256 == by_hand.sha256

    def test_a_stand_in_that_repeats_itself_does_not_replace_what_the_preferred_brought(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        preferred = ScriptedSource("sqlserver", REFUSED, versions[0], REFUSED)
        office = Office(settings, preferred, ScriptedSource("sharepoint", versions[1]))
        assert [office.obtain().delivery.source for _ in range(3)] == ["sharepoint", "sqlserver", "sqlserver"]

    def test_a_system_that_goes_back_to_an_earlier_version_is_followed(
        self, settings: Settings, versions: list[bytes]
    ) -> None:
        office = Office(settings, ScriptedSource("sqlserver", versions[0], versions[1], versions[0]))
        first, _, third = office.obtain(), office.obtain(), office.obtain()
        assert third.delivery.sha256 == first.delivery.sha256
        latest = office.ledger.latest("proyectos", YEAR)
        assert latest is not None
        assert latest.sha256 == first.delivery.sha256

    def test_a_run_about_a_file_asks_nobody(self, settings: Settings, versions: list[bytes]) -> None:
        source = ScriptedSource("sqlserver", versions[0])
        office = Office(settings, source)
        by_hand = office.hand_over(versions[1])
        assert office.obtain(only_held=True).delivery.sha256 == by_hand.sha256
        assert source.asked == []


class TestAFileThatCannotBeUsed:
    def test_the_next_source_is_asked_and_the_bytes_are_kept(self, settings: Settings, versions: list[bytes]) -> None:
        torn = versions[0][: len(versions[0]) // 2]
        office = Office(settings, ScriptedSource("sharepoint", torn), ScriptedSource("sftp", versions[0]))
        obtained = office.obtain()
        assert obtained.delivery.source == "sftp"
        assert obtained.attempts[0].result is Result.REJECTED
        rejection = office.ledger.rejections()[0]
        assert rejection.moved_to is not None
        assert refused_bytes(rejection.moved_to, settings) == torn

    def test_another_dataset_under_that_name_is_refused(
        self, settings: Settings, versions: list[bytes], tmp_path: Path
    ) -> None:
        other = generate(contract_for("titulacion"), YEAR, tmp_path, scale=0.01, seed=1).read_bytes()
        office = Office(settings, ScriptedSource("sftp", other), ScriptedSource("rest", versions[0]))
        obtained = office.obtain()
        assert obtained.delivery.source == "rest"
        assert "Se pidió proyectos del año 2025, y llegó titulacion" in obtained.attempts[0].message
        assert office.ledger.latest("titulacion", YEAR) is None

    def test_half_a_file_is_never_a_delivery(self, settings: Settings) -> None:
        office = Office(settings, ScriptedSource("sftp", failure(Cause.CUT)))
        with pytest.raises(dg.Failure):
            office.obtain()
        assert office.ledger.deliveries() == []
        assert list((settings.data_dir / ".staging").iterdir()) == []
