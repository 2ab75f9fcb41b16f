"""Primary rules, as SQL expressions: which single figure may be shown at all. What it takes besides, so that no
hidden one can be worked out, is `disclosure`'s; where figures come from, the caller's.

Every function answers an expression for DuckDB over expressions of the caller, who quotes his names.
"""

from __future__ import annotations

ABOVE, BELOW = 95, 5  # percent beyond which a share is told as "nearly all" or "hardly anybody"
FEWEST_CONTRIBUTORS = 3  # of two, each knows the other by subtraction


def small_count(count: str, minimum: int) -> str:
    """Whether a count may not be shown: from 1 to ``minimum - 1`` persons. Nobody is no row, and no person's fact."""
    return f"({count} between 1 and {minimum - 1})"


def small_change(now: str, before: str, minimum: int) -> str:
    """Whether two shown versions of one count would tell that from 1 to ``minimum - 1`` persons came or went."""
    return f"(abs({now} - {before}) between 1 and {minimum - 1})"


def rate_note(share: str, hidden: str) -> str:
    """The note beside a share in percent: ``s`` hidden, ``c>95`` and ``c<5`` coded, empty shown.

    Args:
        share: the percentage, not rounded.
        hidden: whether the number of those who have the attribute, of those who have not, or of all is hidden:
            a share is never more than the quotient of counts that may be shown.
    """
    return (
        f"case when {hidden} then 's' when {share} > {ABOVE} then 'c>{ABOVE}' "
        f"when {share} < {BELOW} then 'c<{BELOW}' else '' end"
    )


def mean_note(persons: str, hidden: str, minimum: int) -> str:
    """The note beside a mean: ``s`` where fewer than ``minimum`` persons are behind it or their number is hidden."""
    return f"case when {hidden} or coalesce({persons}, 0) < {minimum} then 's' else '' end"


def dominated(amount: str, percent: int) -> str:
    """The p % rule, over the contributions of a group: whether their sum betrays the greatest.

    The second greatest contributor subtracts his own; what is left over beside the greatest has to be ``percent`` of
    him or more, and there must be three contributors at least (Hundepool et al., Statistical Disclosure Control,
    2012, section 4.2.2). Only for sums published at one level, where nothing can be subtracted from them. Amounts are
    0 or more; an absent one contributes nothing.
    """
    greatest = f"max({amount}, 2)"
    return (
        f"(count({amount}) < {FEWEST_CONTRIBUTORS} "
        f"or coalesce(sum({amount}) - list_sum({greatest}), 0) < {percent} / 100.0 * {greatest}[1])"
    )
