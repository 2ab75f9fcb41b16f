"""Checks whether an instance can work, and says what to do where it cannot. It repairs nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from emtp_assets.contracts import ContractError, all_contracts
from emtp_assets.intake import Ledger
from emtp_assets.intake.agreement import agreement
from emtp_assets.intake.at_rest import in_the_clear, in_words, of_another_key, open_to_others
from emtp_assets.intake.retention import setting_in_words
from emtp_assets.privacy.access_log import verified
from emtp_assets.privacy.keys import key_id, pseudonym_key
from emtp_assets.privacy.rotation import keys_of
from emtp_assets.releases.integrity import wrongs
from emtp_assets.releases.shelf import Shelf
from emtp_assets.settings import Settings
from emtp_assets.settings.secrets import holds_secret
from emtp_assets.sources import Journal
from emtp_assets.sources.choosing import configured_systems, source_named
from emtp_assets.storage.lake import Lake
from emtp_assets.storage.storage_key import storage_key_fingerprint

_GIGABYTE = 1_000_000_000
_LEAST_FREE = 5 * _GIGABYTE


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``remedy`` is what to do when it is not ``good``."""

    what: str
    good: bool
    found: str
    remedy: str


def examine(settings: Settings, *, every_byte: bool = False) -> list[Finding]:
    """Every finding, in the order in which a person would mend them. Secrets are never part of one.

    ``every_byte``: read the whole archive too, and not only names and sizes (`emtp doctor --completo`).
    Never raises: what cannot even be looked at is a finding, and the rest is looked at all the same.
    """
    return [
        finding
        for what, look in (
            ("modo", _mode),
            ("contratos", _contracts),
            ("carpetas", _folders),
            ("espacio en disco", _space),
            ("clave de seudónimos", _key),
            ("clave de los años", _keys_of_the_years),
            ("clave de almacenamiento", _storage_key),
            ("cifrado", _encryption),
            ("carpetas cerradas", _closed_folders),
            ("archivos de secretos", _secret_files),
            ("registro de entregas", _ledger),
            ("registro y archivos", partial(_agreement, every_byte=every_byte)),
            ("conservación", _retention),
            ("registro de accesos", _accesses),
            ("archivos por tomar", _drop),
            ("sistemas", _systems),
            ("historial de las fuentes", _history),
            ("avisos", _alarms),
            ("conjunto publicado", _published),
            ("liberaciones", _releases),
        )
        for finding in _looked(what, look, settings)
    ]


def _looked(what: str, look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    try:
        yield from look(settings)
    except Exception as error:
        # Of an unforeseen error only the system's own words are shown, which name a file and no value.
        shown = f"{error.strerror}: {error.filename}" if isinstance(error, OSError) and error.strerror else ""
        yield Finding(
            what,
            False,
            f"no se pudo revisar ({shown or type(error).__name__})",
            "Mire primero las líneas de más arriba: suele ser el permiso de una carpeta o un archivo dañado.",
        )


def _mode(settings: Settings) -> Iterator[Finding]:
    yield Finding("modo", True, settings.mode.value, "")
    mode = settings.privacy_mode
    purpose = f"; {settings.access_purpose}, responde {settings.access_responsible}" if mode.full_access else ""
    yield Finding("modo de privacidad", True, mode.in_words + purpose, "")


def _contracts(_: Settings) -> Iterator[Finding]:
    yield _attempt(
        "contratos",
        lambda: f"{len(all_contracts())} contratos, {sum(len(c.columns) for c in all_contracts())} columnas",
        (ContractError, OSError),
        "Corrija el archivo YAML de emtp_assets/contracts que se nombra.",
    )


def _folders(settings: Settings) -> Iterator[Finding]:
    for what, folder in (("carpeta de datos", settings.data_dir), ("carpeta de entrega", settings.drop)):
        yield _attempt(
            what,
            lambda folder=folder: _writable(folder),
            (OSError,),
            f"Dé permiso de escritura sobre {folder} al usuario que ejecuta la plataforma.",
        )


def _writable(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".emtp-"):
        return str(folder)


def _space(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.data_dir if settings.data_dir.exists() else Path()).free
    yield Finding(
        "espacio en disco",
        free >= _LEAST_FREE,
        f"{free / _GIGABYTE:.1f} GB libres",
        "Libere espacio: un archivo nacional con su histórico ocupa cerca de 1 GB por año.",
    )


def _key(settings: Settings) -> Iterator[Finding]:
    yield _attempt(
        "clave de seudónimos",
        lambda: f"huella {key_id(pseudonym_key(settings))}",
        (ValueError, RuntimeError, OSError),
        "Defina EMTP_PSEUDONYM_KEY_FILE con la ruta de un archivo que contenga la clave (32 caracteres o más).",
    )


def _keys_of_the_years(settings: Settings) -> Iterator[Finding]:
    """Whether the cleaned years stand under the key of the settings: otherwise no run would touch them."""
    found = keys_of(Lake(settings.data_dir))
    if not found:
        return
    mine = key_id(pseudonym_key(settings))
    others = {key or "ninguna": years for key, years in found.items() if key != mine}
    told = "; ".join(f"{key}: {', '.join(years[:3])}{' …' if years[3:] else ''}" for key, years in others.items())
    yield Finding(
        "clave de los años",
        not others,
        f"{sum(map(len, found.values()))} años con la clave vigente" if not others else f"con otra huella: {told}",
        "Si la clave se acaba de cambiar, ponga la nueva en EMTP_PSEUDONYM_KEY_FILE. Si no, restituya la anterior "
        "o rehaga todos los años de una vez: «emtp rotate-key».",
    )


def _storage_key(settings: Settings) -> Iterator[Finding]:
    yield _attempt(
        "clave de almacenamiento",
        lambda: f"huella {storage_key_fingerprint(settings)}",
        (ValueError, OSError),
        "Defina EMTP_STORAGE_KEY_FILE con la ruta de un archivo que contenga la clave y solo lea la cuenta del "
        "servicio (chmod 600). Si ya había datos, tiene que ser la misma con que se guardaron.",
    )


def _encryption(settings: Settings) -> Iterator[Finding]:
    """That nothing which may name persons lies in the clear, nor closed with a key that the instance has not."""
    clear, strange = in_the_clear(settings), of_another_key(settings)
    if clear:
        yield Finding(
            "cifrado",
            False,
            f"{len(clear)} archivos en claro ({in_words([each.path for each in clear])})",
            "Son de una versión anterior. Cífrelos con `emtp seal`.",
        )
    if strange:
        yield Finding(
            "cifrado",
            False,
            f"{len(strange)} archivos cifrados con otra clave ({in_words(strange)})",
            "Devuelva a EMTP_STORAGE_KEY_FILE la clave con que se guardaron: sin ella no se pueden leer.",
        )
    if not clear and not strange:
        yield Finding("cifrado", True, "nada en claro en la zona restringida", "")


def _closed_folders(settings: Settings) -> Iterator[Finding]:
    found = open_to_others(settings)
    yield Finding(
        "carpetas cerradas",
        not found,
        f"las ven otras cuentas de la máquina: {', '.join(map(str, found))}" if found else "solo para la cuenta",
        f"chmod 700 {' '.join(map(str, found))}" if found else "",
    )


def _secret_files(settings: Settings) -> Iterator[Finding]:
    """A secret that other accounts of the machine can read is none."""
    dotenv = type(settings).model_config.get("env_file")
    files = [*_named_files(settings), *([dotenv] if isinstance(dotenv, Path) and dotenv.exists() else [])]
    if not files:
        return
    open_to_others = [str(f) for f in files if f.exists() and f.stat().st_mode & 0o077]
    missing = [str(f) for f in files if not f.exists()]
    yield Finding(
        "archivos de secretos",
        not open_to_others and not missing,
        f"{len(files)} archivos, legibles solo para la cuenta"
        if not open_to_others and not missing
        else "; ".join(
            [*(f"lo leen otras cuentas: {f}" for f in open_to_others), *(f"no existe: {f}" for f in missing)]
        ),
        "chmod 600 sobre cada uno, con la cuenta del servicio como dueña; corrija la ruta del que falta.",
    )


def _named_files(settings: BaseModel) -> Iterator[Path]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _named_files(value)
        elif isinstance(value, Path) and holds_secret(name):
            yield value


def _systems(settings: Settings) -> Iterator[Finding]:
    """Each configured system tried as far as can be without taking anything."""
    if not configured_systems(settings):
        yield Finding("sistemas", True, "ninguno configurado: los datos entran por la carpeta de entrega", "")
    for name in configured_systems(settings):
        yield from _looked(name, partial(_probed, name), settings)


def _probed(name: str, settings: Settings) -> Iterator[Finding]:
    return (
        Finding(f"{name}: {probe.what}", probe.good, probe.found, probe.remedy)
        for probe in source_named(name, settings).examine()
    )


def _history(settings: Settings) -> Iterator[Finding]:
    """Systems that have failed since they last answered."""
    if not (settings.data_dir / "sources.sqlite").is_file():
        return
    try:
        journal = Journal(settings.data_dir)
    except sqlite3.Error as error:
        yield Finding(
            "historial de las fuentes",
            False,
            str(error),
            f"Detenga el servicio y borre {settings.data_dir / 'sources.sqlite'}: solo se pierde esa historia.",
        )
        return
    for name in configured_systems(settings):
        if failed := journal.failures_in_a_row(name):
            yield Finding(
                f"{name}: historial",
                False,
                f"{len(failed)} fallas seguidas; la última, {failed[0].at:%d-%m-%Y %H:%M} UTC: {failed[0].message}",
                f"Vea la causa «{failed[0].cause}» en docs/fuentes.md.",
            )


def _alarms(settings: Settings) -> Iterator[Finding]:
    from emtp_assets.alerts import probe

    return (Finding(f"avisos: {found.what}", found.good, found.found, found.remedy) for found in probe(settings))


def _ledger(settings: Settings) -> Iterator[Finding]:
    if not (settings.data_dir / "ledger.sqlite").is_file():
        yield Finding("registro de entregas", True, "todavía ninguna entrega", "")
        return

    def read() -> str:
        ledger = Ledger(settings.data_dir)
        return f"{len(ledger.deliveries())} entregas, {len(ledger.rejections())} rechazos"

    yield _attempt(
        "registro de entregas",
        read,
        (sqlite3.Error, OSError),
        "Restaure data/ledger.sqlite desde el último respaldo.",
    )


def _agreement(settings: Settings, *, every_byte: bool) -> Iterator[Finding]:
    """What the ledger says against what lies on the disk."""
    if not (settings.data_dir / "ledger.sqlite").is_file():
        return
    found = agreement(settings, datetime.now(UTC), every_byte=every_byte)
    if not any(each.grave for each in found):
        how = "cada byte" if every_byte else "nombres y tamaños; cada byte, con emtp doctor --completo"
        yield Finding("registro y archivos", True, f"coinciden ({how})", "")
    for each in found:
        yield Finding("registro y archivos", not each.grave, each.found, each.remedy)


def _retention(settings: Settings) -> Iterator[Finding]:
    """A limit that is not set is no fault, and is said: somebody must have decided it."""
    yield Finding("conservación", True, setting_in_words(settings), "")


def _accesses(settings: Settings) -> Iterator[Finding]:
    wrong = verified(settings.data_dir)
    yield Finding(
        "registro de accesos",
        wrong is None,
        wrong or "entero",
        "Guárdelo como está, restaure aparte el último respaldo y avise a quien responde de los datos.",
    )


def _drop(settings: Settings) -> Iterator[Finding]:
    waiting = (
        [p.name for p in settings.drop.iterdir() if p.is_file() and not os.access(p, os.R_OK)]
        if settings.drop.is_dir()
        else []
    )
    yield Finding(
        "archivos por tomar",
        not waiting,
        "ninguno sin permiso" if not waiting else f"sin permiso de lectura: {', '.join(waiting)}",
        "Dé permiso de lectura sobre esos archivos.",
    )


def _published(settings: Settings) -> Iterator[Finding]:
    current = settings.data_dir / "processed"
    present = (current / "procedencia.json").is_file()
    whole = present or not current.is_symlink()
    yield Finding(
        "conjunto publicado",
        whole,
        f"{current.resolve().name}" if present else "todavía nada" if whole else "el enlace no lleva a un conjunto",
        "Ejecute el trabajo «publicar» en la interfaz: rehace el conjunto con la capa anonimizada.",
    )


def _releases(settings: Settings) -> Iterator[Finding]:
    """Every byte of every public release against what was approved."""
    found = wrongs(settings)
    if not found:
        number = len(Shelf(settings.data_dir).releases())
        yield Finding("liberaciones", True, f"{number}, cada byte como se aprobó" if number else "ninguna todavía", "")
    for wrong in found:
        yield Finding("liberaciones", False, wrong.found, wrong.remedy)


def _attempt(what: str, look: Callable[[], str], errors: tuple[type[Exception], ...], remedy: str) -> Finding:
    try:
        return Finding(what, True, look(), remedy)
    except errors as error:
        return Finding(what, False, str(error), remedy)
