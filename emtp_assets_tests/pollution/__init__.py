"""The corpus of polluted deliveries: what may happen to an official file, what each reader makes of it, and the judge.

The product is not here; neither are pollutions that are only bytes at random, which `test_any_dialect` draws.
"""
