"""Docentes: one row a post (a teacher in a school) at 30 June, of every level of education."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import SCHOOL, Selection

# fmt: off
_MENTIONS = (
    "PLATICA", "NATURALES", "SOCIALES", "COMPUTACION", "ED_FISICA", "ED_MUSICA", "ED_TECNO", "LENGUAJE",
    "MATE", "RELIGION", "TRASTORNOS", "INGLES", "FRANCES", "ALEMAN", "OTRO_IDIOMA", "INTERCULTURAL",
    "ADMINISTRACION", "CURRICULUM", "ED_PARV", "ED_AD", "DES_COM", "DIS_INT", "ORIENTACION", "INT_ESC",
    "PSICO",
)
# fmt: on
_COMMON_MENTIONS = {"LENGUAJE": 2, "MATE": 3, "NATURALES": 4, "ED_FISICA": 5}
"""Mentions that a primary teacher may have, by the value of four random bits."""


def _second(value: str) -> str:
    """A column on the second subject: 0 without one, and since 2016 -1 for those who do not teach."""
    return f"CASE WHEN materia_2 > 0 THEN {value} WHEN kind = 0 AND {{year}} >= 2016 THEN -1 ELSE 0 END"


def _grades(subject: int) -> dict[str, str]:
    """The grades taught: the last two for differentiated training, the first ones of the level otherwise."""
    last = "CASE WHEN kind = 2 THEN 6 WHEN kind IN (5, 7) THEN 4 ELSE 2 END"
    columns = {}
    for n in range(1, 20):
        advanced = {1: 3, 2: 4}.get(n, 0)
        grade = f"""CASE WHEN kind = 0 THEN 0 WHEN kind IN (8, 9) THEN {advanced}
            WHEN {n} <= {last} THEN {n} ELSE 0 END"""
        columns[f"GRADO.{n}_{subject}"] = grade if subject == 1 else "0"
    return columns


DOCENTES = Selection(
    stamp="Docentes_{year}_{year}0630_PUBL",
    groups="SELECT * FROM post JOIN schools({year}) USING (rbd)",
    order="rbd, number",
    group={
        **SCHOOL,
        **{f"MEN_{name}_2": "0" for name in _MENTIONS},
        **{f"{name}_2": "0" for name in ("TIT_ID", "TIP_TIT_ID", "ESP_ID", "TIP_INSTI_ID", "ANO_TITULACION")},
        **{f"MEN_{name}_1": "0" for name in _MENTIONS if name not in _COMMON_MENTIONS},
        "DURACION_CARRERA_2": "0",
        "MODALIDAD_ESTUDIO_2": "0",
        "MEN_SIN_MENCION_2": "1",
        "ID_IFS": "0",
        "ID_ICH": "cod_ens",
        "NIVEL1": "nivel",
        "COD_ENS_1": "cod_ens",
        **_grades(1),
        **_grades(2),
    },
    members="""
        SELECT *, {year} - desde_agno AS servicio_ee, {year} - desde_agno + antes AS servicio,
            least(44, 24 + 2 * ((h >> 16) & 15)) AS horas,
            1 + is_woman(CASE WHEN segundo THEN 57 ELSE pct_mujeres END, h >> 40)::INT AS genero,
            CASE WHEN oficio IN (8, 9) THEN [1, 1, 1, 1, 1, 2, 2, 3][1 + ((h >> 20) & 7)]
                 WHEN (h >> 20) & 31 = 0 THEN 2 WHEN (h >> 20) & 63 = 1 THEN 3 ELSE 1 END AS titulo,
            coalesce(subsector, general_subject((h >> 26) & 4095)) AS materia,
            CASE WHEN kind IN (5, 7, 8) AND (h >> 38) & 3 = 0 THEN general_subject((h >> 27) & 4095)
                 ELSE 0 END AS materia_2
        FROM (
            SELECT *, (hash(persona, getvariable('seed')::BIGINT, 77) >> 1)::BIGINT AS h,
                (h >> 4) & 7 AS antes,
                50000000 + (persona * 7654321 + getvariable('seed')::BIGINT % 9999991) % 9999991 AS mrun
            FROM (
                SELECT *, CASE WHEN segundo THEN desde_previo + t ELSE first + j END AS plaza,
                    (hash(plaza::BIGINT, getvariable('seed')::BIGINT) % 15)::BIGINT AS turno,
                    ({year} + turno) // 15 * 15 - turno AS desde_agno,
                    plaza * 8 + ({year} + turno) // 15 % 8 AS persona
                FROM (
                    SELECT *, within + j AS t,
                        is_second_post(shares, t, media_desde, media_hasta) AS segundo,
                        CASE WHEN segundo THEN 5 ELSE kind END AS oficio, -- what the person is, not the post
                    FROM (SELECT *, unnest(range(posts)) AS j FROM {groups}))))""",
    row={
        "CLAVE": "'SIM' || persona",
        "MRUN": "mrun",
        "DOC_GENERO": "genero",
        "DOC_FEC_NAC": "(desde_agno - 24 - antes - ((h >> 8) & 7)) * 100 + 1 + (h >> 12) % 12",
        "TRAMO_CARR_DOCENTE": "CASE WHEN (h >> 30) & 7 = 0 THEN 0 ELSE least(6, 1 + servicio // 5) END",
        "BIENIOS_CARR_DOCENTE": "servicio // 2",
        "TIT_ID_1": "titulo",
        "TIP_TIT_ID_1": """CASE titulo WHEN 1 THEN coalesce([11, 13, 13, 12][oficio], 14)
            WHEN 2 THEN 21 + (h >> 24) % 3 ELSE 32 END""",
        "ESP_ID_1": """CASE titulo
            WHEN 1 THEN coalesce([110, 1625, 1621, 122, NULL, NULL, NULL, 1419, 1419][oficio],
                                 [141, 142, 145, 148, 1413, 149][1 + (h >> 24) % 6])
            WHEN 2 THEN 210 + (h >> 24) % 3 * 10 ELSE 320 END""",
        "MEN_SIN_MENCION_1": "CASE WHEN oficio = 2 AND (h >> 44) & 15 BETWEEN 2 AND 5 THEN 0 ELSE 1 END",
        **{
            f"MEN_{name}_1": f"(oficio = 2 AND (h >> 44) & 15 = {bits})::INT" for name, bits in _COMMON_MENTIONS.items()
        },
        "TIP_INSTI_ID_1": "CASE WHEN titulo = 3 THEN 0 WHEN (h >> 48) & 7 = 0 THEN 3 ELSE 1 END",
        "ANO_TITULACION_1": "CASE WHEN titulo = 3 THEN 0 ELSE desde_agno - antes END",
        "DURACION_CARRERA_1": "CASE WHEN titulo = 3 THEN 0 ELSE 8 + (h >> 50) % 3 END",
        "MODALIDAD_ESTUDIO_1": "CASE WHEN titulo = 3 THEN 0 WHEN (h >> 52) & 15 = 0 THEN 2 ELSE 1 END",
        "ID_IFP": "CASE WHEN kind > 0 THEN 1 WHEN j = 0 THEN 4 ELSE [2, 7, 3, 8, 9, 5][1 + j % 6] END",
        "ID_IFP2": "CASE WHEN kind > 0 THEN 1 WHEN j = 0 THEN 2 ELSE [3, 3, 2, 2, 3, 4][1 + j % 6] END",
        "SUBROGANTE": "CASE WHEN kind = 0 AND j = 0 THEN ((h >> 54) & 15 = 0)::INT ELSE -1 END",
        "MES_NOMBRAMIENTO": "3 + (h >> 56) % 10",
        "AGNO_NOMBRAMIENTO": "desde_agno",
        "ID_ITC": "CASE WHEN cod_depe IN (1, 2, 6) THEN 1 ELSE 4 END + ((h >> 58) & 3 = 0)::INT",
        "ID_ITC_CORR": """CASE WHEN cod_depe IN (1, 2, 6) THEN 101 WHEN cod_depe = 3 THEN 301 ELSE 401 END
            + ((h >> 58) & 3 = 0)::INT""",
        "HORAS_CONTRATO": "horas",
        "HORAS_DIRECT": "CASE WHEN kind = 0 AND j = 0 THEN horas ELSE 0 END",
        "HORAS_TEC_PED": "CASE WHEN kind = 0 AND j > 0 THEN horas ELSE 0 END",
        "HORAS_AULA": "CASE WHEN kind > 0 THEN horas - 2 ELSE 0 END",
        "HORAS_DENTRO_ESTAB": "CASE WHEN kind > 0 THEN 2 ELSE 0 END",
        "HORAS_FUERA_ESTAB": "0",
        "ANO_SERVICIO_SISTEMA": "CASE WHEN (h >> 34) & 255 = 9 THEN ' ' ELSE servicio::VARCHAR END",
        "ANO_SERVICIO_EE": "servicio_ee",
        "SECTOR1": """CASE WHEN materia > 1000 THEN materia // 100 WHEN materia = 0 THEN 0
            ELSE [10, 200, 165][-materia] END""",
        "SUBSECTOR1": "materia",
        "HORAS1": "CASE WHEN kind = 0 THEN 0 WHEN materia_2 > 0 THEN (horas - 2) // 2 ELSE horas - 2 END",
        "NIVEL2": _second("nivel"),
        "SECTOR2": _second("materia_2 // 100"),
        "SUBSECTOR2": _second("materia_2"),
        "HORAS2": "CASE WHEN materia_2 > 0 THEN (horas - 2) // 2 ELSE 0 END",
        "COD_ENS_2": "CASE WHEN materia_2 > 0 THEN cod_ens ELSE 0 END",
        "PERSONAS": "(NOT segundo)::INT",
    },
)
