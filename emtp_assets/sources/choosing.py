"""Which systems a dataset can be asked from, in its contract's order. Asking them is `asking`'s business."""

from __future__ import annotations

from collections.abc import Callable

from emtp_assets.contracts import Contract
from emtp_assets.settings import Settings
from emtp_assets.sources.journal import Journal
from emtp_assets.sources.protocol import Source
from emtp_assets.sources.simulated import SimulatedSource

SYSTEMS = {
    "sqlserver": "Réplica SQL Server del SIGE",
    "sharepoint": "SharePoint",
    "sftp": "Servidor SFTP",
    "rest": "Servicio REST",
}
"""The ministry's systems, by the name that contracts give them. The drop folder has its own sensor."""

_LIVE = frozenset({"sqlserver", "rest"})


def is_live(contract: Contract, settings: Settings) -> bool:
    """Whether a system answers with the state of the day; the others hold files that are issued now and then."""
    return any(name in _LIVE and name in contract.sources for name in configured_systems(settings))


def fresh_within_days(contract: Contract, settings: Settings) -> int:
    """How many days old a dataset's newest data may be before somebody must be told."""
    return contract.fresh_within_days_live if is_live(contract, settings) else contract.fresh_within_days


def configured_systems(settings: Settings) -> tuple[str, ...]:
    """The systems whose address the instance knows."""
    return tuple(name for name in SYSTEMS if getattr(settings, name).configured)


def sources_for(contract: Contract, settings: Settings) -> list[Source]:
    """The sources to ask, best first.

    A demonstration simulates only what no configured system could give: real and simulated sources of one
    dataset would take turns.
    """
    systems = configured_systems(settings)
    named = [name for name in contract.sources if name in systems]
    if not named and not settings.production and SimulatedSource.name in contract.sources:
        return [SimulatedSource(settings)]
    return [source_named(name, settings) for name in named]


def source_named(name: str, settings: Settings) -> Source:
    """A system's source. Its module is imported here: drivers cost seconds that a code location must not pay."""
    return _MAKERS[name](settings)


def _sqlserver(settings: Settings) -> Source:
    from emtp_assets.sources.sqlserver import SqlServerSource

    return SqlServerSource(settings, Journal(settings.data_dir))


def _sharepoint(settings: Settings) -> Source:
    from emtp_assets.sources.sharepoint import SharePointSource

    return SharePointSource(settings)


def _sftp(settings: Settings) -> Source:
    from emtp_assets.sources.sftp import SftpSource

    return SftpSource(settings)


def _rest(settings: Settings) -> Source:
    from emtp_assets.sources.rest import RestSource

    return RestSource(settings)


_MAKERS: dict[str, Callable[[Settings], Source]] = {
    "sqlserver": _sqlserver,
    "sharepoint": _sharepoint,
    "sftp": _sftp,
    "rest": _rest,
}
