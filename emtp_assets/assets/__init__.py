"""The asset graph: one module a layer, each built from the contracts. Rules, storage and SQL live elsewhere."""

import warnings

import dagster as dg

# Backfills in one run, and years that look at the year before, are beta in Dagster 1.13 and worth it; a line
# for each asset at every start is not.
warnings.filterwarnings("ignore", category=dg.BetaWarning)
