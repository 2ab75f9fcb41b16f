"""Public releases: fixed cuts of the aggregated layer, protected by the public plan, audited, approved, immutable.

What may leave is `privacy.plans.publico`'s, how it is protected `privacy`'s, the attack on it `audit`'s; the assets and
commands that start it are elsewhere. The weekly internal set is `publication`'s.
"""
