"""The audit: what an attacker can work out from published files. Reads what was published and nothing else.

It shares no code with `privacy`, whose work it tries to undo, and sees no exact figure. What is done with its
verdict is the business of `assets` and `releases`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emtp_assets.audit.finding import AuditError, Finding, Kind, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa

    from emtp_assets.audit.report import AuditReport

__all__ = ["AuditError", "AuditReport", "Finding", "Kind", "Severity", "audit"]


def audit(
    release: Path,
    former: Sequence[Path] = (),
    *,
    alone: Mapping[str, pa.Table] | None = None,
    insider_width: int = 1,
) -> AuditReport:
    """`auditor.audit`; its linear programs are loaded when it is called."""
    from emtp_assets.audit.auditor import audit as audited

    return audited(release, former, alone=alone, insider_width=insider_width)


def __getattr__(name: str) -> object:
    if name == "AuditReport":
        from emtp_assets.audit.report import AuditReport

        return AuditReport
    raise AttributeError(name)
