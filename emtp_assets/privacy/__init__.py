"""Privacy: pseudonyms, disclosure control, the attack on it, the proof that no identifier is published.

What a column is belongs to `contracts`; when these are run, and on what, belongs to `assets` and `quality`.
"""
