"""Egresados: the students of last grades in that year's matrícula who finished school, HC and TP."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import SCHOOL, STUDENTS, Selection

_ORIGIN = "(h >> 52) & 1023"

EGRESADOS = Selection(
    stamp="Egresados_Ensenanza_Media_{year}_PUBL",
    groups="""
        SELECT * FROM cells({year}) JOIN schools({year}) USING (rbd)
        WHERE cod_ense2 IN (5, 7, 8) AND cod_grado = 4 OR cod_ense2 = 6 AND cod_grado = 3""",
    order="rbd, stream, k, lo",
    group={
        **SCHOOL,
        "COD_ENSE": "cod_ense",
        "COD_GRADO": "cod_grado",
        "ENSE_COMPLETA": "1",
        "MARCA_EGRESO": "1",
    },
    members=f"""
        SELECT *, least(70, 46 + ((h >> 34) & 7) + ((h >> 37) & 7) + ((h >> 46) & 7)) AS decimas
        FROM ({STUDENTS}) WHERE graduates(h)""",
    row={
        "MRUN": "mrun",
        # One in fifteen had a provisional number: 900 million, far above those the SIGE has given.
        "MRUN_IPE": """CASE WHEN (h >> 20) & 1023 < 68 THEN (900000000 + number % 90000000)::VARCHAR
            ELSE ' ' END""",
        "PROM_NOTAS_ALU": """CASE WHEN (h >> 42) & 511 = 3 THEN ' '
            WHEN decimas % 10 = 0 THEN (decimas // 10)::VARCHAR
            ELSE (decimas // 10) || ',' || (decimas % 10) END""",
        "ORIGEN": f"""CASE WHEN {_ORIGIN} < 975 THEN 'SIGE' WHEN {_ORIGIN} < 1000 THEN 'RENDIMIENTO'
            WHEN {_ORIGIN} < 1012 THEN 'AYUDA_CONC_COMPLETA' WHEN {_ORIGIN} < 1020 THEN 'AYUDAMINEDUC'
            ELSE 'AYUDA_VALIDACION' END""",
    },
)
