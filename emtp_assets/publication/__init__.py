"""Publication: the published set, its dictionary and provenance. Protecting it belongs to privacy."""
