"""The parts of `docs/proteccion_datos.md` that come from contracts, plans and settings, and how they are renewed.

What the law asks and who answers for it is written by people, in the document itself.
"""

from emtp_assets.data_protection.document import DOCUMENT, DocumentError, renewed, renewed_parts
from emtp_assets.data_protection.parts import PARTS

__all__ = ["DOCUMENT", "PARTS", "DocumentError", "renewed", "renewed_parts"]
