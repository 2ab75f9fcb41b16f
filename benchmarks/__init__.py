"""Benchmarks: what the platform costs beside the work itself and beside plain scripts. No product code is here."""
