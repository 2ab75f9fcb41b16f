"""Quality: contract → rules → Great Expectations → asset checks, and exact accounting between layers.

Whether a table may go on is decided here; writing, promoting and publishing it is not.
"""
