"""The pages of the maintenance manual that alarms send people to. A test holds them against the manual itself."""

from __future__ import annotations

import re
from enum import Enum


class Page(Enum):
    """A heading of the manual, word for word; several kinds of alarm may share one. The outbox stores the name."""

    WEEKLY = "4. Operación semanal"
    REFUSED_FILE = "6. Archivos rechazados"
    FAILURES = "7. Fallas frecuentes"
    CHECK = "7.1 Un control bloqueante falló"
    NO_DELIVERY = "7.2 Falta una entrega"
    DISK = "7.3 Disco lleno"
    OTHER_KEY = "7.4 La clave es distinta"
    KILLED = "7.5 El proceso murió a mitad de una corrida"
    SOURCE = "7.8 Una fuente no entregó"
    STRUCTURE = "7.9 Cambió la estructura"
    ALERTS = "7.10 Los avisos"

    @property
    def heading(self) -> str:
        return self.value

    @property
    def anchor(self) -> str:
        """As GitHub and GitLab make it: lower case, no punctuation, hyphens for spaces."""
        return re.sub(r"[^\w\- ]", "", self.heading.lower()).replace(" ", "-")

    def address(self, manual_url: str) -> str:
        return f"{manual_url}#{self.anchor}"
