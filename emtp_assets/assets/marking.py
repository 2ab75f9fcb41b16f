"""The privacy mode on everything of the code location that people see. What a mode allows is said where it is done."""

from collections.abc import Sequence

import dagster as dg

from emtp_assets.keys import PRIVACY_TAG
from emtp_assets.settings import Settings


def marked(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec], settings: Settings
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The assets with the mode as a tag (runs get it from there too) and as the last line of their description."""
    mode = settings.privacy_mode
    line = f"\n\n*Modo de privacidad {mode.in_words}.*"

    def mark(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(
            description=(spec.description or "") + line, tags={**spec.tags, PRIVACY_TAG: mode.value}
        )

    return list(dg.map_asset_specs(mark, assets))
