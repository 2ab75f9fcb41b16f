"""dbt-duckdb plugin: each of dbt's sessions gets the pseudonym macro, and can read the encrypted raw layer. No other
module of privacy imports dbt.

In profiles.yml: ``plugins: [{module: emtp_assets.privacy.dbt_plugin}]``, and nothing secret beside it.
"""

from __future__ import annotations

import duckdb
from dbt.adapters.duckdb.plugins import BasePlugin

from emtp_assets.privacy.keys import pseudonym_key
from emtp_assets.privacy.pseudonyms import CROSSWALK, in_use, install_pseudonym
from emtp_assets.settings import Settings
from emtp_assets.storage.restricted import add_key, settings_in_use


class Plugin(BasePlugin):
    """The name ``Plugin`` is dbt-duckdb's convention."""

    def configure_cursor(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Install the macro, with the key of the run in progress, else as the settings have it now.

        Temporary macros and variables belong to one cursor. dbt keeps a plugin alive over the invocations of
        a process, so the key is asked for each time rather than remembered.
        """
        settings = settings_in_use() or Settings()
        add_key(cursor, settings)
        given = in_use()
        install_pseudonym(cursor, given.key if given else pseudonym_key(settings))
        if given and given.crosswalk is not None:
            # In memory alone: pairs of pseudonyms say who is the same person, and lie on no disk in the clear.
            cursor.register(CROSSWALK, given.crosswalk)
