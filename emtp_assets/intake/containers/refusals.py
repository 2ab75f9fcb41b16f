"""Why a container cannot be opened, in words for the person who dropped it. What is found out is found elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from emtp_assets.intake.problem import ASK_AGAIN, IntakeError, some

_ONE_TABLE = (
    "Un archivo comprimido con una sola tabla (.csv, .txt, .tsv, .dat o .xlsx), sin clave; o la tabla sin comprimir."
)
_SEND_TABLE = "Descomprímalo usted y deje en la carpeta solo la tabla."
_WORKBOOK = "Un libro .xlsx en que una sola hoja tiene la tabla, con sus valores tal como se emitieron."
_AS_CSV = (
    "Pida el CSV original a quien emite los datos: Excel ya cambió el valor, y guardar de nuevo no lo recupera. "
    "Si el libro se hizo a mano, dé formato de texto a la columna antes de escribir o pegar los valores."
)


def locked(where: str = "") -> IntakeError:
    """Under a password."""
    return IntakeError(
        "con_clave",
        "El archivo está protegido con clave y no se puede abrir.",
        where=where,
        expected=_ONE_TABLE,
        action="Ábralo con su clave, y deje en la carpeta la tabla sin clave. No envíe la clave por esta vía.",
    )


def several_tables(names: Sequence[str]) -> IntakeError:
    """More than one file that may be the table."""
    return IntakeError(
        "varios_archivos",
        f"El archivo comprimido tiene {len(names)} tablas y no se sabe cuál es la entrega: {some(tuple(names))}.",
        expected=_ONE_TABLE,
        action="Descomprímalo y deje en la carpeta cada tabla por separado.",
    )


def no_table(names: Sequence[str]) -> IntakeError:
    """No file that may be the table."""
    inside = f"Contiene: {some(tuple(names))}." if names else "Está vacío."
    return IntakeError(
        "sin_tabla",
        f"El archivo comprimido no contiene ninguna tabla. {inside}",
        expected=_ONE_TABLE,
        action="Revise que se haya comprimido la tabla y no solo su documentación. " + _SEND_TABLE,
    )


def nested(name: str) -> IntakeError:
    """An archive in an archive."""
    return IntakeError(
        "anidado",
        "El archivo comprimido contiene otro archivo comprimido.",
        where=name,
        expected=_ONE_TABLE,
        action=_SEND_TABLE,
    )


def too_large(largest: int) -> IntakeError:
    """More bytes than are allowed came out."""
    return _bomb(f"Al descomprimirlo ocupa más de {largest:,} bytes".replace(",", "."))


def too_tight(ratio: float) -> IntakeError:
    """What came out is out of proportion to what went in."""
    return _bomb(f"Al descomprimirlo crece más de {ratio:g} veces: ninguna tabla real lo hace")


def too_many_members(most: int) -> IntakeError:
    """More files inside than are allowed."""
    return _bomb(f"Contiene más de {most} archivos")


def too_costly() -> IntakeError:
    """The process that unpacked it reached its limit of memory or time."""
    return _bomb("Abrirlo pide más memoria o más tiempo de lo permitido")


def _bomb(what: str) -> IntakeError:
    return IntakeError(
        "bomba",
        f"{what}. Se dejó de abrir, y no quedó nada de él.",
        expected=_ONE_TABLE,
        action="Si el archivo es legítimo, descomprímalo en otro equipo y deje la tabla sin comprimir. "
        "Si no sabe de dónde viene, no lo abra y avise a informática.",
    )


def dangerous_path(name: str) -> IntakeError:
    """A member that would be written elsewhere, or is no plain file."""
    return IntakeError(
        "ruta_peligrosa",
        "El archivo comprimido tiene dentro un enlace, un dispositivo o un nombre con ruta absoluta o «..».",
        where=name,
        expected=_ONE_TABLE,
        action="No lo descomprima. Avise a informática y pida el archivo de nuevo a quien lo emite.",
    )


def damaged(where: str = "") -> IntakeError:
    """Cut, or its checksums do not agree."""
    return IntakeError(
        "archivo_comprimido_dañado",
        "El archivo comprimido está dañado o incompleto: no se puede abrir entero o su suma de control no coincide.",
        where=where,
        expected="El archivo comprimido completo, tal como se emitió, en una sola parte.",
        action="Seguramente la copia o la descarga se interrumpió. " + ASK_AGAIN,
    )


def one_of_several_parts() -> IntakeError:
    """A part of an archive in several volumes."""
    return IntakeError(
        "volumen",
        "Es una parte de un archivo comprimido en varias partes (volúmenes): sola no se puede abrir.",
        expected="El archivo comprimido en una sola parte.",
        action="Junte todas las partes en una carpeta, descomprímalas con el programa con que se hicieron y deje aquí "
        "solo la tabla.",
    )


def unknown_compression(where: str = "") -> IntakeError:
    """Whole, as far as can be told, but packed by a method that no library here undoes."""
    return IntakeError(
        "compresion_desconocida",
        "El archivo usa una forma de compresión que esta plataforma no abre (por ejemplo Deflate64, o RAR antiguo "
        "«sólido»).",
        where=where,
        expected=_ONE_TABLE,
        action=_SEND_TABLE,
    )


def missing_program(what: str, install: str) -> IntakeError:
    """The machine lacks a library."""
    return IntakeError(
        "falta_programa",
        f"A este servidor le falta {what}, con que se abren estos archivos.",
        expected="El servidor con lo que pide el manual de instalación.",
        action=f"Pida a informática que instale: {install}. Mientras tanto, deje en la carpeta la tabla descomprimida.",
    )


def several_sheets(names: Sequence[str]) -> IntakeError:
    """More than one sheet has a header of ours."""
    return IntakeError(
        "varias_hojas",
        f"El libro tiene {len(names)} hojas con una tabla conocida, y no se puede saber cuál es la entrega: "
        f"{some(tuple(names))}.",
        expected=_WORKBOOK,
        action="Deje en la carpeta un libro por tabla, o la hoja guardada como CSV UTF-8.",
    )


def no_sheet(names: Sequence[str], rows: int) -> IntakeError:
    """No sheet has a header of ours."""
    return IntakeError(
        "sin_tabla",
        f"Ninguna hoja del libro tiene un encabezado conocido en sus primeras {rows} filas: "
        f"{some(tuple(names)) or 'no tiene hojas'}.",
        expected=_WORKBOOK,
        action="Revise que sea el libro correcto y que la fila de nombres de columna esté como se emitió.",
    )


def error_cell(where: str) -> IntakeError:
    """A cell that holds an error."""
    return _untrusted(
        "excel_error",
        where,
        "Una celda de la hoja tiene un error de Excel (#N/D, #¡REF!, #¡DIV/0! u otro) en lugar de un valor.",
        "Corrija la fórmula o pida los datos originales a quien los emite, y deje el libro de nuevo.",
    )


def formula_without_value(where: str) -> IntakeError:
    """A formula whose value was never worked out: the cell would be read as empty."""
    return _untrusted(
        "excel_sin_calcular",
        where,
        "Una celda de la hoja tiene una fórmula sin su resultado: el libro lo escribió un programa que no la calculó.",
        "Abra el libro en Excel, espere a que calcule, guárdelo y déjelo de nuevo; o pida los valores solos.",
    )


def merged_cells(where: str) -> IntakeError:
    """Cells that Excel keeps only the first value of."""
    return _untrusted(
        "excel_combinadas",
        where,
        "La tabla tiene celdas combinadas: Excel guarda solo el valor de la primera, y las demás quedan vacías.",
        "Pida los datos sin celdas combinadas, o el CSV original, a quien los emite.",
    )


def changed_value(where: str, what: str) -> IntakeError:
    """Excel turned what was written into something else."""
    return _untrusted("excel_cambio_valor", where, what, _AS_CSV)


def lost_digits(where: str) -> IntakeError:
    """A number with more digits than a workbook keeps."""
    return _untrusted(
        "excel_perdio_cifras",
        where,
        "Un número tiene más de 15 cifras significativas, y Excel no guarda más: no se puede saber cuál era.",
        _AS_CSV + " Si es un cálculo (un promedio, una división), redondéelo a los decimales que hagan falta.",
    )


def _untrusted(code: str, where: str, what: str, action: str) -> IntakeError:
    return IntakeError(code, what, where=where, expected=_WORKBOOK, action=action)


def cut_sheet(rows: int) -> IntakeError:
    """A sheet that is full to its last row."""
    return IntakeError(
        "excel_cortado",
        f"La hoja está llena hasta su última fila ({rows:,}): lo que no cupo se perdió.".replace(",", "."),
        expected="La tabla completa; una hoja de Excel no admite más filas.",
        action="Pida el CSV original a quien emite los datos.",
    )
