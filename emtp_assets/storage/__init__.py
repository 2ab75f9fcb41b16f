"""Storage: where tables lie and how they are put there whole. What they mean belongs to assets and contracts."""
