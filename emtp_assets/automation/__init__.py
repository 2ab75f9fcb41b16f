"""Automation: what runs when. Jobs, the weekly schedule, the drop-folder sensor; what a run does is the assets'."""
