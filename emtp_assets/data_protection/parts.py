"""What is said of the data in `docs/proteccion_datos.md` as Markdown, from contracts, plans and settings alone.

No law is interpreted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from emtp_assets.access import withheld_columns
from emtp_assets.contracts import Classification, Column, Contract, Treatment, all_contracts
from emtp_assets.intake.retention import DAYS, REPLACED_DAYS
from emtp_assets.microdata.plans import MICRODATA_SETS, microdata_plan
from emtp_assets.privacy.plans.public import Protection, public_plan
from emtp_assets.privacy.plans.review import reviewed
from emtp_assets.publication.catalogue import cache_tables, published_tables
from emtp_assets.settings import PrivacyMode, Settings

_CLASSES = {
    Classification.DIRECT_IDENTIFIER: "identificador directo",
    Classification.SENSITIVE: "sensible (o tratado como tal)",
    Classification.QUASI_IDENTIFIER: "cuasi identificador",
}
_TREATMENTS = {
    Treatment.RAW_ONLY: "no pasa de la capa cruda",
    Treatment.PSEUDONYM: "pasa a seudónimo al limpiar",
    Treatment.KEEP: "se conserva en la capa limpia, de uso interno",
}
_PROTECTIONS = {
    Protection.PERSONS: "personas: conteos protegidos",
    Protection.PUBLIC_RECORD: "registro público: hechos sobre establecimientos",
    Protection.CONTRIBUTORS: "montos: regla p %",
}
_MODES = {
    PrivacyMode.AGGREGATES: "Solo agregados. No se piden nombres ni fechas de nacimiento de estudiantes",
    PrivacyMode.PSEUDONYMS: "Además, microdatos seudonimizados y k-anónimos para investigación interna",
    PrivacyMode.FULL: "Acceso completo, interno, con finalidad y responsable nombrados; nada se puede publicar",
}


def datasets(_: Settings) -> str:
    """One row a dataset: whom it is about, what comes, where from, until when."""
    rows = []
    for contract in all_contracts():
        guarded = [c for c in contract.columns if c.classification is not Classification.PUBLIC]
        rows.append(
            (
                f"`{contract.dataset}`",
                contract.title,
                contract.grain.rstrip("."),
                f"{len(contract.columns)}, de ellas {len(guarded)} que acercan a una persona",
                ", ".join(source for source in contract.sources if source != "simulado"),
                contract.cut or "—",
            )
        )
    return _table(("Conjunto", "Qué es", "Una fila es", "Columnas descritas", "Vías de llegada", "Corte"), rows)


def purposes(_: Settings) -> str:
    """What each dataset is used for, in the contract's words."""
    return "\n".join(f"- **{contract.title}.** {_usage(contract)}" for contract in all_contracts())


def categories(_: Settings) -> str:
    """Every column that comes near a person, by class and by what cleaning does with it."""
    sections = []
    for contract in all_contracts():
        rows = [
            (name, treatment, _names(found))
            for kind, name in _CLASSES.items()
            for way, treatment in _TREATMENTS.items()
            if (found := [c for c in contract.columns if (c.classification, c.treatment) == (kind, way)])
        ]
        if not rows:
            sections.append(f"**{contract.title}.** Ninguna columna identifica a personas ni acerca a ellas.")
            continue
        head = ("Categoría", "Qué se hace con ella", "Columnas oficiales")
        sections.append(f"**{contract.title}** (`{contract.dataset}`)\n\n{_table(head, rows)}")
    return "\n\n".join(sections)


def not_asked(settings: Settings) -> str:
    """What a query to a system of the ministry leaves out, by dataset."""
    rows = [
        (
            f"`{contract.dataset}`",
            _names(c for c in withheld if c.classification is not Classification.PUBLIC) or "—",
            str(sum(c.classification is Classification.PUBLIC for c in withheld)),
        )
        for contract in all_contracts()
        for withheld in [withheld_columns(contract, settings.privacy_mode)]
        if withheld
    ]
    return (
        f"En modo {settings.privacy_mode.value}, de lo que los contratos describen no se pide a los sistemas:\n\n"
        + _table(("Conjunto", "Columnas que acercan a una persona", "Otras"), rows)
    )


def leaving(settings: Settings) -> str:
    """The three doors by which something leaves, table by table."""
    plan = public_plan()
    weekly = [(f"`{t.name}`", t.title, t.grain) for t in published_tables()]
    public = [(f"`{t.name}`", t.title, _PROTECTIONS[p.protection]) for p, t in plan.tables]
    micro = [
        (
            f"`{name}`",
            microdata_plan(name).subject,
            ", ".join(c.name for c in (*microdata_plan(name).quasi, *microdata_plan(name).sensitive)),
            ", ".join(f"`{c}`" for c in microdata_plan(name).withheld) or "—",
        )
        for name in MICRODATA_SETS
    ]
    return "\n\n".join(
        [
            f"**Conjunto semanal, interno, tras un inicio de sesión** ({len(weekly)} tablas, y {len(cache_tables())} "
            "copias con los nombres que lee el Visualizador):",
            _table(("Tabla", "Qué es", "Una fila es"), weekly),
            f"**Liberaciones públicas** ({len(public)} tablas; versión {plan.version} del plan `publico.yaml`):",
            _table(("Tabla", "Qué es", "Protección"), public),
            "**Microdatos para investigación interna** (solo en los modos B y C; nunca se publican):",
            _table(("Conjunto", "Una fila es", "Columnas que pueden ir", "Se retienen"), micro),
        ]
    )


def review(_: Settings) -> str:
    """What was reviewed, with its reason and where it shows."""
    rows = [
        (
            f"`{entry.official}`",
            entry.reason,
            _tables(entry.weekly),
            _tables(entry.public),
        )
        for entry in reviewed()
    ]
    return _table(("Columna oficial", "Por qué puede reflejarse en lo publicado", "Semanal", "Público"), rows)


def retention(settings: Settings) -> str:
    """How long each zone keeps what it has."""
    days, replaced = settings.retention_days, settings.retention_replaced_days or settings.retention_days
    rows = [
        (
            "Archivo histórico, capa cruda, líneas apartadas",
            "Lo que se recibió, como llegó: identificadores y, según la entrega, nombres",
            _days(days, DAYS),
        ),
        (
            "Entregas reemplazadas, archivos rechazados",
            "Lo mismo, ya sin uso",
            _days(replaced, REPLACED_DAYS if settings.retention_replaced_days else DAYS),
        ),
        ("Capa limpia y rechazos", "Seudónimos y cuasi identificadores", "Mientras se necesite para comparar años"),
        ("Capa agregada", "Conteos exactos, internos", "Mientras se necesite para comparar años"),
        (
            "Conjunto semanal",
            "Tablas protegidas",
            f"Los últimos {settings.published_sets_kept} (`EMTP_PUBLISHED_SETS_KEPT`)",
        ),
        ("Liberaciones públicas", "Tablas protegidas y auditadas", "Siempre: no se cambian ni se borran"),
        (
            "Registros (entregas, accesos, borrados)",
            "Qué pasó, cuándo y por quién; ningún dato de las filas",
            "Siempre",
        ),
    ]
    return _table(("Qué", "Contiene", "Cuánto"), rows)


def measures(settings: Settings) -> str:
    """The measures, with the values that are in force."""
    plan = public_plan()
    modes = ", ".join(f"{mode.value}: {said[0].lower()}{said[1:]}" for mode, said in _MODES.items())
    rows = [
        ("Minimización", f"Modo de privacidad **{settings.privacy_mode.value}** (`EMTP_PRIVACY_MODE`). {modes}"),
        (
            "Seudonimización",
            "HMAC-SHA-256 con clave secreta fuera de los datos; otra clave para cada entrega, destinatario y año de "
            "microdatos; rotación con `emtp rotate-key`. Un seudónimo sigue siendo un dato personal",
        ),
        (
            "Umbral",
            f"Ningún conteo publicado entre 1 y {settings.suppression_minimum - 1} (`EMTP_SUPPRESSION_MINIMUM` = "
            f"{settings.suppression_minimum}); promedios de {settings.suppression_minimum} personas o más; tasas sobre "
            f"95 % y bajo 5 % codificadas; montos con la regla p % (p = {plan.p_percent})",
        ),
        (
            "Supresión complementaria",
            "Se ocultan además las celdas necesarias para que ninguna se deduzca restando a los totales, tampoco por "
            "quien conoce su propia celda",
        ),
        (
            "Auditoría",
            "Un atacante que no comparte código con el método, y que solo lee lo publicado junto con todo lo publicado "
            "antes, intenta recuperar cada celda. Si puede, no se publica. Su informe va con los datos",
        ),
        (
            "Publicación",
            "Hacia el público, solo cortes fijos que una persona aprueba con su nombre y su motivo, y que no cambian "
            "nunca. Los años ya liberados se repiten sin cambios",
        ),
        (
            "Microdatos",
            f"k-anónimos con k = {settings.microdata_k}, riesgo medio de a lo más "
            f"{settings.microdata_average_risk:.0%}, sin trayectorias entre años, con registro de a quién y para qué",
        ),
        (
            "Clasificación",
            f"Cada columna tiene su clase en el contrato. Un control bloqueante recorre el linaje de columnas y "
            f"detiene la publicación si llega a ella algo no revisado ({len(reviewed())} revisadas, sección 6)",
        ),
        (
            "Cifrado",
            "En reposo (AES-256-GCM): archivo histórico, capa cruda, archivos rechazados, líneas y filas apartadas, "
            "con clave fuera de los datos (`EMTP_STORAGE_KEY_FILE`). En tránsito: TLS o SSH verificados",
        ),
        (
            "Acceso",
            "Carpetas solo de la cuenta del servicio (permiso 700), claves con permiso 400 o 600; interfaz solo en "
            "127.0.0.1; fuentes con cuentas de solo lectura; en modo C, cada acceso queda en un registro encadenado",
        ),
        (
            "Discreción",
            "Ni registros, ni avisos, ni controles, ni explicaciones de rechazo muestran un valor personal; una prueba "
            "automática lo busca en todo lo legible. Un número con la forma de un RUN, MRUN o IPE en una columna de "
            "texto no se lee, y ningún texto libre de un archivo sobre personas sale por vía alguna",
        ),
        (
            "Integridad y trazabilidad",
            "Cada cifra se sigue hasta las entregas de que viene (`emtp trace`); una corrección que mueve cifras ya "
            "publicadas espera la aprobación de una persona",
        ),
    ]
    return _table(("Medida", "Cómo está puesta"), rows)


PARTS: Mapping[str, Callable[[Settings], str]] = {
    "conjuntos": datasets,
    "finalidades": purposes,
    "categorias": categories,
    "no_pedidas": not_asked,
    "salidas": leaving,
    "revision": review,
    "conservacion": retention,
    "medidas": measures,
}
"""By the name of the marker, in the order of the document."""


def _usage(contract: Contract) -> str:
    usage = contract.odcs.description.usage if contract.odcs.description else None
    return " ".join((usage or contract.description).split())


def _days(days: int | None, setting: str) -> str:
    if days is None:
        return f"**Sin plazo: falta fijarlo** (`{setting}`)"
    return f"{days} días (`{setting}`)"


def _names(columns: Iterable[Column]) -> str:
    return " ".join(f"`{column.official}`" for column in columns)


def _tables(columns: Mapping[str, tuple[str, ...]]) -> str:
    return "; ".join(f"{table}: {', '.join(names)}" for table, names in columns.items()) or "—"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
