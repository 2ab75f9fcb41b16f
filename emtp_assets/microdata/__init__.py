"""Microdata for internal research (privacy mode B): one row a person, generalised until nobody can be told apart.

What of each dataset may leave is a plan in `plans`. The search for the least loss is `lattice`, making the table
`table`, its files `delivery`; who was given what is kept by `grants`. What proves it stands apart and shares no code
with how it is made: `evidence`.
"""
