"""Whether anything that people read shows a person: people with known names, and a search of all that is readable."""
