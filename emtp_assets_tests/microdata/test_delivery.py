"""What one recipient gets: k-anonymous by every count, useless to whoever has a register with names, and his alone."""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from emtp_assets.microdata.delivery import MicrodataError, Request, Staged, stage
from emtp_assets.microdata.grants import Grants
from emtp_assets.microdata.plans import microdata_plan
from emtp_assets.privacy.keys import key_id, pseudonym_key, release_key
from emtp_assets.privacy.pseudonyms import install_pseudonym
from emtp_assets.settings import Settings
from emtp_assets.storage.duck import literal
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.provenance import Provenance
from emtp_assets_tests.conftest import isolated_settings
from emtp_assets_tests.microdata.conftest import STUDENTS, write_cleaned

PLAN = microdata_plan("matricula")
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
ASKED = Request("centro-estudios", "2026-05", "Ana Pérez", "estudio de especialidades")


def staged(settings: Settings, cleaned: Path, request: Request = ASKED, year: int = 2025) -> Staged:
    with Lake(settings.data_dir).staging() as staging:
        made = stage(settings, PLAN, cleaned, year, request, staging, now=NOW, run_id="r")
        made.commit()
    return made


def delivered(settings: Settings, request: Request = ASKED, year: int = 2025) -> Path:
    return settings.data_dir / "microdata" / request.recipient / request.release / f"matricula_{year}"


def read(folder: Path) -> list[dict[str, str]]:
    with next(folder.glob("matricula_*.csv")).open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle, delimiter=";"))


class TestAnonymity:
    def test_ten_or_more_share_each_combination_and_each_person_is_there_once(
        self, research: Settings, cleaned: Path
    ) -> None:
        facts = staged(research, cleaned).facts
        rows = read(delivered(research))
        groups = Counter(tuple(row[name] for name in facts.made.quasi) for row in rows)
        assert min(groups.values()) == facts.recount.k >= 10
        assert len(groups) / len(rows) == pytest.approx(facts.recount.average_risk)
        assert len({row["id_persona"] for row in rows}) == len(rows) == facts.recount.rows > STUDENTS * 0.95

    def test_a_tool_of_others_counts_the_same_k(self, research: Settings, cleaned: Path) -> None:
        anonymity = pytest.importorskip("pycanon.anonymity", reason="pycanon no está: uv pip install --no-deps pycanon")
        import pandas as pd

        facts = staged(research, cleaned).facts
        table = pd.read_csv(delivered(research) / facts.csv, sep=";", dtype=str, keep_default_na=False)
        # It indexes by label, and leaves out rows with a missing value: none may be missing, the labels must be 0, 1 …
        assert not table.isna().to_numpy().any()
        assert anonymity.k_anonymity(table.reset_index(drop=True), list(facts.made.quasi)) == facts.recount.k >= 10

    def test_every_column_is_one_that_the_plan_names(self, research: Settings, cleaned: Path) -> None:
        staged(research, cleaned)
        allowed = {"id_persona", "agno", *(q.name for q in PLAN.quasi), *(s.name for s in PLAN.sensitive)}
        assert set(read(delivered(research))[0]) <= allowed

    def test_csv_and_parquet_are_the_same_table(self, research: Settings, cleaned: Path) -> None:
        facts = staged(research, cleaned).facts
        folder = delivered(research)
        names = list(read(folder)[0])
        parquet = duckdb.sql(f"select * from {literal(folder / 'matricula_2025.parquet')}")
        assert parquet.columns == names
        assert [tuple(map(str, row)) for row in parquet.fetchall()] == [tuple(r.values()) for r in read(folder)]
        assert Provenance.of(folder / "matricula_2025.parquet").key == facts.key_id
        assert Provenance.of(folder / "matricula_2025.parquet").deliveries == ()


class TestLinkage:
    def test_a_full_register_with_names_names_nobody_with_more_than_one_chance_in_ten(
        self, research: Settings, cleaned: Path
    ) -> None:
        facts = staged(research, cleaned).facts
        assert facts.linkage.register == STUDENTS
        assert facts.linkage.strangers == 0
        assert 0 < facts.linkage.worst <= 0.10
        assert 0 < facts.linkage.average <= 0.01
        assert facts.withstood

    def test_naming_every_row_as_best_one_can_is_right_for_one_in_a_hundred(
        self, research: Settings, cleaned: Path
    ) -> None:
        """The experiment itself: for each row the attacker takes the first candidate that is left; the key tells."""
        facts = staged(research, cleaned).facts
        key = release_key(pseudonym_key(research), ASKED.recipient, f"{ASKED.release}/matricula/2025")
        from emtp_assets.microdata.names import install_names

        with duckdb.connect() as connection:
            install_names(connection)
            install_pseudonym(connection, key)
            rules = {q.name: level for q in PLAN.quasi if (level := facts.levels[q.name])}
            written = ", ".join(
                f"({next(v.sql for v in q.levels if v.name == rules[q.name])})::varchar as {q.name}"
                for q in PLAN.quasi
                if q.name in rules
            )
            shared = ", ".join(rules)
            connection.execute(
                f"create table register as select id_estudiante as person, {written} from {literal(cleaned)}"
            )
            folder = delivered(research)
            row = connection.execute(
                f"""
                with guessed as (
                    select *, row_number() over (partition by {shared} order by id_persona) as nth
                    from {literal(folder / "matricula_2025.parquet")}
                ), candidates as (
                    select *, row_number() over (partition by {shared} order by person) as nth from register
                ), truth as (select person, pseudonym('MICRODATO', person) as id_persona from register)
                select count(*), count(*) filter (t.person = c.person)
                from guessed as g join candidates as c using ({shared}, nth) join truth as t using (id_persona)
                """
            ).fetchone()
        assert row is not None
        named, right = row
        assert named == facts.recount.rows, "every row has a candidate"
        assert right / named <= 0.02, "one in a hundred, and chance"

    def test_the_proof_can_fail(self, tmp_path: Path) -> None:
        """A table that leaves somebody alone is red by both: the demand is on the file, not on how it was made."""
        from dataclasses import replace

        from emtp_assets.microdata import evidence
        from emtp_assets.storage.duck import parquet

        settings = isolated_settings(data_dir=tmp_path / "data", privacy_mode="B")
        cleaned = write_cleaned(settings)
        facts = staged(settings, cleaned).facts
        file = delivered(settings) / facts.csv
        lines = file.read_text(encoding="utf-8").splitlines()
        alone = lines[1].replace(lines[1].split(";")[2], "Aysén del General Carlos Ibáñez del Campo")
        broken = tmp_path / "roto.csv"
        broken.write_text("\n".join([*lines, alone.replace("Urbano", "Rural").replace("Hombre", "Sin información")]))
        with duckdb.connect() as connection:
            evidence.read_delivered(connection, broken)
            recounted = evidence.recount(connection, facts.made.quasi, "id_persona")
            published = {name: level for name, level in facts.levels.items() if level}
            linked = evidence.link(connection, PLAN, published, parquet(cleaned))
        assert recounted.k < 10
        assert not replace(facts, recount=recounted).anonymous
        assert linked.worst > 0.10 or linked.strangers
        assert not replace(facts, linkage=linked).withstood


class TestPseudonyms:
    def test_a_person_has_another_one_in_each_year_release_and_recipient(self, research: Settings) -> None:
        seen: list[set[str]] = []
        for year in (2024, 2025):
            cleaned = write_cleaned(research, year=year)
            for recipient, release in (("uno", "2026-05"), ("uno", "2026-06"), ("dos", "2026-05")):
                request = Request(recipient, release, "Ana", "estudio")
                staged(research, cleaned, request, year)
                seen.append({row["id_persona"] for row in read(delivered(research, request, year))})
        assert len(set.union(*seen)) == sum(map(len, seen))

    def test_none_is_the_internal_one_and_the_order_of_the_rows_tells_nothing(
        self, research: Settings, cleaned: Path
    ) -> None:
        staged(research, cleaned)
        given = [row["id_persona"] for row in read(delivered(research))]
        internal = {r[0] for r in duckdb.sql(f"select id_estudiante from {literal(cleaned)}").fetchall()}
        assert not internal.intersection(given)
        assert given == sorted(given)

    def test_pseudonyms_of_another_key_are_not_delivered(self, research: Settings, cleaned: Path) -> None:
        other = isolated_settings(
            data_dir=research.data_dir, privacy_mode="B", pseudonym_key="otra clave, distinta de la anterior 0123456789"
        )
        with pytest.raises(MicrodataError, match="no son los de la clave vigente"):
            staged(other, cleaned)


class TestWhatWasGivenBefore:
    def test_another_recipient_gets_the_same_groups_so_that_two_together_know_no_more(
        self, research: Settings, cleaned: Path
    ) -> None:
        first, second = ASKED, Request("otro-centro", "2026-07", "Ana", "otro estudio")
        one, two = staged(research, cleaned, first).facts, staged(research, cleaned, second).facts
        assert one.levels == two.levels
        groups = [
            Counter(tuple(row[name] for name in one.made.quasi) for row in read(delivered(research, request)))
            for request in (first, second)
        ]
        assert groups[0] == groups[1]

    def test_a_year_whose_data_changed_is_not_given_again_unless_somebody_asks(
        self, research: Settings, cleaned: Path
    ) -> None:
        staged(research, cleaned)
        restated = write_cleaned(research, STUDENTS + 3, sent="b")
        later = Request("centro-estudios", "2026-06", "Ana", "estudio")
        with pytest.raises(MicrodataError, match="señalaría a quienes cambiaron"):
            staged(research, restated, later)
        again = Request("centro-estudios", "2026-06", "Ana", "estudio, con el año corregido", restate=True)
        assert staged(research, restated, again).facts.anonymous

    def test_a_delivery_is_not_rewritten(self, research: Settings, cleaned: Path) -> None:
        staged(research, cleaned)
        with pytest.raises(MicrodataError, match="una entrega no se reescribe"):
            staged(research, cleaned)

    def test_who_got_what_is_on_record(self, research: Settings, cleaned: Path) -> None:
        facts = staged(research, cleaned).facts
        (grant,) = Grants(research.data_dir).all()
        assert (grant.recipient, grant.release, grant.who, grant.why) == tuple(vars(ASKED).values())[:4]
        assert (grant.rows, grant.csv_sha256, grant.key_id) == (facts.recount.rows, facts.csv_sha256, facts.key_id)
        assert grant.key_id != key_id(pseudonym_key(research))


class TestRequest:
    def test_in_mode_a_there_are_none(self, tmp_path: Path) -> None:
        settings = isolated_settings(data_dir=tmp_path / "data")
        cleaned = write_cleaned(settings, 500)
        with pytest.raises(MicrodataError, match="modo de privacidad A"):
            staged(settings, cleaned)

    @pytest.mark.parametrize("blank", range(4))
    def test_nothing_is_given_without_recipient_name_responsible_and_purpose(
        self, research: Settings, cleaned: Path, blank: int
    ) -> None:
        four = ["centro", "2026-05", "Ana", "estudio"]
        four[blank] = " "
        with pytest.raises(MicrodataError, match="falta"):
            staged(research, cleaned, Request(four[0], four[1], four[2], four[3]))

    @pytest.mark.parametrize("name", ["../fuera", "Con Espacio", "a|b", "ñandú", "a", "/raiz"])
    def test_a_name_that_could_lead_out_of_the_folder_is_refused(
        self, research: Settings, cleaned: Path, name: str
    ) -> None:
        with pytest.raises(MicrodataError, match="no sirve"):
            staged(research, cleaned, Request(name, "2026-05", "Ana", "estudio"))

    def test_too_few_persons_leave_nothing_behind(self, research: Settings) -> None:
        with pytest.raises(MicrodataError, match="muy pocas personas"):
            staged(research, write_cleaned(research, 80))
        assert not (research.data_dir / "microdata").exists()


def test_the_loss_stands_beside_the_data(research: Settings, cleaned: Path) -> None:
    facts = staged(research, cleaned).facts
    folder = delivered(research)
    card = json.loads((folder / "ficha.json").read_text(encoding="utf-8"))
    assert card["modo_privacidad"].startswith("B")
    assert card["perdida"]["filas_fuera"] == STUDENTS - facts.recount.rows
    assert 0 < card["perdida"]["penalizacion_ncp"] < 1
    assert set(card["perdida"]["niveles"]) == {q.name for q in PLAN.quasi}
    assert card["medido"]["k"] >= 10
    assert "no se puede seguir a una persona" in (folder / "LEAME.md").read_text(encoding="utf-8").lower()


def test_only_the_account_reads_it(research: Settings, cleaned: Path) -> None:
    staged(research, cleaned)
    folder = delivered(research)
    assert stat.S_IMODE((research.data_dir / "microdata").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o400}
