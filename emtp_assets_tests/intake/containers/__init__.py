"""Every way to pack a table, and every way to pack a trap."""
