"""Titulación: the TP graduates of former years who obtained their title in the year, with their practice."""

from __future__ import annotations

from emtp_assets.sources.simulated.selection import SCHOOL, STUDENTS, Selection

LONGEST_DELAY = 5
"""Years from the end of school to the title that `title_delay` can give; official files go back a dozen."""

_COHORTS = " UNION ALL ".join(
    f"SELECT *, {delay} AS espera FROM cells({{year}} - {delay})" for delay in range(1, LONGEST_DELAY + 1)
)
_COMPANY = "((h >> 12) & 65535)"
_HIDDEN = "(h >> 48) & 31 = 3"

TITULACION = Selection(
    stamp="Practicantes_y_Titulados_TP_{year}_MRUN",
    groups=f"""
        SELECT *, {{year}} - espera AS agno_escolar
        FROM ({_COHORTS}) JOIN schools({{year}}) USING (rbd)
        JOIN (SELECT cod_espe, nom_espe FROM especialidades) USING (cod_espe)
        WHERE cod_ense2 IN (7, 8) AND cod_grado = 4 AND cod_rama < 900""",
    order="rbd, espera, stream, lo",
    group={
        **SCHOOL,
        "AGNO_TITULACION": "{year}",
        "AGNO_ESCOLAR": "agno_escolar",
        "RBD_EGRESO": "rbd",
        "COD_ENSE": "cod_ense",
        "COD_GRADO": "cod_grado",
        "COD_RAMA": "cod_rama",
        "COD_SEC": "cod_sec",
        "COD_ESPE": "cod_espe",
        "COD_DES_CUR": "CASE WHEN u(rbd, 12, rama_final) < 0.12 THEN 2 ELSE 1 END",
        "COD_PLAN_EST": """'99' || lpad(rbd::VARCHAR, 6, '0') || lpad(cod_espe::VARCHAR, 8, '0')
            || lpad(cod_ense::VARCHAR, 10, '0')""",
        "NOM_PLAN_EST": "'PLAN SIMULADO ' || nom_espe",
        "RBD_INSCRIPCION_PRACTICA": "rbd",
        "HORAS_MINIMAS_PP": "[180, 180, 180, 360, 450][1 + floor(u(rbd, 13, 0) * 5)::INT]",
        "ESTADO_PRACTICA": "1",
        "NOM_TITULO": "'TÉCNICO DE NIVEL MEDIO EN ' || nom_espe",
        "LUGAR_REGISTRO_TITULO": "'SIMULADO ' || nom_reg",
    },
    members=f"""
        SELECT *, inicio + 45 + ((h >> 4) & 31)::INT AS termino,
            inicio + 90 + ((h >> 14) & 127)::INT AS titulo,
            -- One company in ten is a person; neither range is in use.
            CASE WHEN {_COMPANY} % 10 = 0 THEN 42000000 ELSE 99700000 END + {_COMPANY} AS rut
        FROM (
            SELECT *, make_date({{year}} - 1, 11, 25) + ((h >> 24) & 31)::INT AS inicio
            FROM ({STUDENTS}) WHERE graduates(h) AND title_delay(h) = espera)""",
    row={
        # 26 digits: no number type holds them.
        "ID_PRACTICA": """{year} || lpad(rbd::VARCHAR, 6, '0') || mrun
            || lpad((h % 100000000)::VARCHAR, 8, '0')""",
        "LET_CUR": "chr(65 + least(25, i // 38)::INT)",
        "MRUN": "mrun",
        "GEN_ALU": "CASE WHEN mujer THEN '2' ELSE '1' END",
        "FEC_NAC_ALU": "mes_nacimiento",
        "COD_NAC_ALU": "CASE WHEN (h >> 20) & 1023 < 68 THEN 'E' ELSE 'C' END",
        "TIPO_PRACTICA": "CASE WHEN (h >> 44) & 15 = 0 THEN '2' ELSE '1' END",
        "FECHA_INICIO": "strftime(inicio, '%Y%m%d')",
        "FECHA_TERMINO": "strftime(termino, '%Y%m%d')",
        "HORAS_TOTALES": "450 + ((h >> 8) & 7) * 10",
        "RUT_EMPRESA": "rut",
        "DV_EMPRESA": "check_digit(rut)",
        "NOMBRE_EMPRESA": f"'EMPRESA SIMULADA ' || {_COMPANY}",
        "DIRECCION_EMPRESA": f"CASE WHEN {_HIDDEN} THEN ' ' ELSE 'CALLE SIMULADA ' || {_COMPANY} % 500 END",
        "DIRECCION_NUM_EMPRESA": f"CASE WHEN {_HIDDEN} THEN ' ' ELSE (1 + ((h >> 16) & 2047))::VARCHAR END",
        "COD_REG_EMPRESA": "cod_reg",
        "NOM_REG_EMPRESA": "nom_reg",
        "COD_PRO_EMPRESA": "cod_pro",
        "NOM_PRO_EMPRESA": "nom_deprov",
        "COD_COM_EMPRESA": "CASE WHEN (h >> 32) & 1023 < 800 THEN cod_com ELSE cod_com_1 END",
        "NOM_COM_EMPRESA": "CASE WHEN (h >> 32) & 1023 < 800 THEN nom_com ELSE nom_com_1 END",
        "COD_RUBRO": f"1 + {_COMPANY} % 17",
        "GLOSA_RUBRO": f"'RUBRO SIMULADO ' || (1 + {_COMPANY} % 17)",
        "FECHA_ESTADO_PRACTICA": "strftime(termino, '%Y%m%d')",
        "NUMERO_RESOLUCION_PP": "1 + ((h >> 5) & 4095)",
        "FECHA_RESOLUCION_PP": "strftime(inicio, '%Y%m%d')",
        "NUM_REGISTRO_TITULO": "{year} * 1000000 + number % 1000000",
        "FECHA_REGISTRO_TITULO": "strftime(titulo, '%Y%m%d')",
    },
)
