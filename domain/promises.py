"""Honest dates: what customers are told, and whose word it rests on (law L7). What the law asks is in `delay_law`."""

from datetime import date, timedelta

HANDLING = timedelta(days=1)
"""From goods in to the parcel in the carrier's hands."""


def honest_date(
    supplier_word: date | None, quoted: date | None, measured_late_by: timedelta = timedelta(0)
) -> tuple[date | None, str]:
    """The day by which a customer can be told that the parcel ships, and its basis in words.

    Goods are expected on the day the supplier names, or else the one its quoted lead time gives; later by as much as
    this supplier has been measured to come late, and never earlier for having been measured early. Handling is added.

    Args:
        supplier_word: the day the supplier says the goods will be here; None if it has named none.
        quoted: the day the quoted lead time gives; None if it no longer counts, as when the supplier has answered
            that it cannot name a day.
        measured_late_by: how late this supplier comes against its own dates; zero while nothing is measured.

    Returns:
        The date and its basis; a date of None says that none can be given, and why.
    """
    if supplier_word is not None:
        goods, basis = supplier_word, f"the supplier's word: goods on {supplier_word}"
    elif quoted is not None:
        goods, basis = quoted, f"the supplier's quoted lead time: goods on {quoted}"
    else:
        return None, "no date can be given: the supplier has named none"
    late_days = max(0, -(-measured_late_by // timedelta(days=1)))
    if late_days:
        basis += f", and {late_days} {'day' if late_days == 1 else 'days'} that this supplier is measured to be late"
    return goods + timedelta(days=late_days) + HANDLING, basis


def revised_after_overdue(expected_on: date | None, today: date) -> date | None:
    """The day goods can still be expected on when the supplier says nothing more.

    A day that has passed without goods is no basis for any date, so nothing is made up in its place: until the
    supplier speaks, None.
    """
    return expected_on if expected_on is not None and today <= expected_on else None
