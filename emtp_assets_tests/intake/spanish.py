"""Names as official files write them, and the ways in which text gets decoded wrongly. Assertions belong to tests."""

from __future__ import annotations

from collections.abc import Sequence

import ftfy.bad_codecs  # noqa: F401 - registers sloppy-windows-1252
from hypothesis import strategies as st

WORDS = (
    "ÑUÑOA", "BIOBÍO", "TARAPACÁ", "POLITÉCNICO", "NÚÑEZ", "ÁLVARO", "MARTÍN", "MARÍA", "JOSÉ", "AGÜERO", "RÍO", "AÑO",
    "CAÑETE", "Peñalolén", "Martínez", "Íñigo", "Ángel", "Óscar", "Úrsula", "época", "río", "Güell", "Nº 5", "N° 49",
    "3ª", "1º", "O'HIGGINS", "LICEO", "ESCUELA", "San Pedro", "MUÑOZ PÉREZ", "Educación Técnica", "«VIÑA»", "“VIÑA”",
    "ANDRÉS BELLO", "CONCEPCIÓN", "ARAUCANÍA", "VALPARAÍSO", "LA ANTÁRTICA", "Aysén", "Ñuble", "¿Qué?", "¡Ñandú!",
)  # fmt: skip
FOREIGN = (
    "JOÃO", "CONCEIÇÃO", "SÃO PAULO", "ÂNGELA", "João", "Irmã", "«IRM\u00c3»", "IRMÃ", "GRÃ-BRETANHA", "MÜLLER",
    "FRANÇOIS", "KIMKËLEM", "Françoise", "Zoë", "D’AGOSTINI", "O´HIGGINS", "VICUÐA", "PAICAVÝ", "JOSÈ",
)  # fmt: skip

words = st.sampled_from(WORDS)
names = st.lists(words, min_size=1, max_size=3).map(" ".join)
foreign_names = st.one_of(names, st.sampled_from(FOREIGN))


def table(cells: Sequence[str], newline: str = "\n") -> str:
    """A small table with a header in ASCII, one cell of text a line."""
    return "".join(f"{line}{newline}" for line in ["RBD;NOM_RBD;AGNO", *(f"{i};{c};2024" for i, c in enumerate(cells))])


def wrongly_decoded(text: str, pages: Sequence[str]) -> str:
    """The text after its UTF-8 was read in each of the pages and saved in UTF-8 again."""
    for page in pages:
        text = text.encode("utf-8").decode(page)
    return text


wrong_pages = st.lists(st.sampled_from(["latin-1", "sloppy-windows-1252"]), min_size=1, max_size=3)
