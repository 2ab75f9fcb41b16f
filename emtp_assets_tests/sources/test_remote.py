"""Which file of a folder is meant, and that only a whole one gets its name; the folder itself is in memory here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emtp_assets.contracts import contract_for
from emtp_assets.sources import Cause, Fetched, SourceFailure, Unchanged
from emtp_assets.sources.remote import RemoteFile, fetch_file

MATRICULA = replace(contract_for("matricula"), locations={"sftp": "Datos/matricula_{year}*.csv"})
NOON = datetime(2026, 4, 30, 12, tzinfo=UTC)


@dataclass
class Folder:
    """Files by path; ``asked`` notes every read. ``gives``: what is sent instead of the file's bytes, if anything."""

    files_: dict[str, bytes]
    versions: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    gives: Iterator[bytes] | None = None
    arriving: dict[str, bytes] = field(default_factory=dict)

    def files(self, folder: str) -> Sequence[RemoteFile]:
        return [
            RemoteFile(path, len(data), self.versions.get(path, "1"), NOON + timedelta(minutes=age))
            for age, (path, data) in enumerate(self.files_.items())
            if path.startswith(f"{folder}/")
        ]

    def read(self, file: RemoteFile, offset: int) -> Iterator[bytes]:
        self.asked.append((file.path, offset))
        self.files_.update(self.arriving)
        data = self.files_[file.path][offset:]
        yield from self.gives or (data[i : i + 3] for i in range(0, len(data), 3))


def _fetch(folder: Folder, target: Path, known_mark: str | None = None) -> Fetched | Unchanged | None:
    return fetch_file(folder, "sftp", MATRICULA, 2025, target, known_mark=known_mark)


@given(names=st.lists(st.sampled_from(["matricula_2025.csv", "MATRICULA_2025_b.CSV", "matricula_2024.csv",
                                       "titulacion_2025.csv", "matricula_2025.csv.tmp", "~matricula_2025.csv"]),
                      unique=True))  # fmt: skip
def test_the_newest_that_fits_is_taken_whatever_else_is_there(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = Folder({f"Datos/{name}": name.encode() for name in names})
    fitting = [name for name in names if name.lower() in ("matricula_2025.csv", "matricula_2025_b.csv")]
    answer = _fetch(folder, tmp_path_factory.mktemp("bajada"))
    if not fitting:
        assert answer is None
    else:
        assert isinstance(answer, Fetched)
        assert answer.path.name == fitting[-1]
        assert answer.path.read_bytes() == fitting[-1].encode()


def test_signs_of_patterns_in_a_files_own_name_mean_themselves(tmp_path: Path) -> None:
    answer = _fetch(Folder({"Datos/matricula_2025 [final].csv": b"abc"}), tmp_path)
    assert isinstance(answer, Fetched)
    assert answer.path == tmp_path / "matricula_2025 [final].csv"


def test_a_newer_file_that_arrives_meanwhile_waits_for_the_next_time(tmp_path: Path) -> None:
    folder = Folder({"Datos/matricula_2025.csv": b"abc"}, arriving={"Datos/matricula_2025_v2.csv": b"nuevo"})
    first = _fetch(folder, tmp_path)
    assert isinstance(first, Fetched)
    assert first.path.read_bytes() == b"abc"
    second = _fetch(folder, tmp_path, first.mark)
    assert isinstance(second, Fetched)
    assert second.path.read_bytes() == b"nuevo"


def test_the_known_version_is_not_read(tmp_path: Path) -> None:
    folder = Folder({"Datos/matricula_2025.csv": b"abc"})
    first = _fetch(folder, tmp_path)
    assert isinstance(first, Fetched)
    assert _fetch(folder, tmp_path, first.mark) == Unchanged(first.described)
    assert folder.asked == [("Datos/matricula_2025.csv", 0)]


def test_a_cut_download_of_another_version_begins_anew(tmp_path: Path) -> None:
    path = "Datos/matricula_2025.csv"
    folder = Folder({path: b"0123456789"}, gives=iter([b"01234"]))
    with pytest.raises(SourceFailure) as caught:
        _fetch(folder, tmp_path)
    assert caught.value.cause is Cause.TRUNCATED
    folder.gives, folder.versions[path] = None, "2"
    folder.files_[path] = b"9876543210"
    answer = _fetch(folder, tmp_path)
    assert isinstance(answer, Fetched)
    assert answer.path.read_bytes() == b"9876543210"
    assert folder.asked == [(path, 0), (path, 0)]


def test_a_server_that_never_ends_does_not_fill_the_disk(tmp_path: Path) -> None:
    folder = Folder({"Datos/matricula_2025.csv": b"abc"}, gives=repeat(b"x" * 1000))
    with pytest.raises(SourceFailure, match=r"al menos 1000 bytes .* anuncia 3") as caught:
        _fetch(folder, tmp_path)
    assert caught.value.cause is Cause.TRUNCATED
    assert list(tmp_path.iterdir()) == []


def test_a_contract_that_names_no_file_for_the_source_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SourceFailure, match="no dice qué archivo") as caught:
        fetch_file(Folder({}), "sftp", replace(MATRICULA, locations={}), 2025, tmp_path, known_mark=None)
    assert (caught.value.cause, caught.value.passing) == (Cause.SETTINGS, False)
