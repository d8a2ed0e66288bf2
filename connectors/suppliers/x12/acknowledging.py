"""What we owe a partner for an interchange: a TA1 for its envelope, a 997 for each of its groups.

They say that a document could be read and was taken, or could not and was not: never that anything is agreed to.

    AK5*A    read                    AK5*E    read, with faults in the set's envelope
    AK5*R    not read: not a kind that we take, cut off, or without the segment that says what it is about

An acknowledgement is never acknowledged. A stranger, and who sends tests to a live system, gets no answer.
"""

from collections.abc import Sequence, Set

from connectors.suppliers.interface import WireIds
from connectors.suppliers.x12.partner import X12Partner
from connectors.suppliers.x12.syntax import Group, Interchange, TransactionSet
from connectors.suppliers.x12.wire import Elements, Writer

_ACKNOWLEDGEMENTS = frozenset({"997", "999"})
_ENDS_TOO_EARLY = "023"
_NO_FAULT = "000"
_WRONG_STRUCTURE = "022"
_WRONG_NUMBER = "001"


def acknowledgement(
    partner: X12Partner,
    ids: WireIds,
    interchanges: Sequence[Interchange],
    unread: Set[TransactionSet],
    *,
    taken: bool,
) -> bytes | None:
    """The interchange that answers; None if nothing is owed.

    Args:
        partner: who sent it.
        ids: control number and date of the answer.
        interchanges: what came.
        unread: the sets that could not be read.
        taken: whether anything of it was.
    """
    answers: list[Elements] = []
    sets: list[tuple[str, Sequence[Elements]]] = []
    for interchange in interchanges:
        about_us = bool(interchange.answers) or any(s.code in _ACKNOWLEDGEMENTS for s in interchange.sets())
        documents = [group for group in interchange.groups if not _acknowledges(group)]
        if about_us and not documents:
            continue
        asked = partner.wants_ta1 or interchange.header.at(14) == "1"
        if asked or (partner.wants_997 and not any(_answerable(group) for group in documents)):
            answers += _of_interchange(interchange, taken=taken and bool(documents))
        if partner.wants_997:
            for group in documents:
                if _answerable(group):
                    sets.append(("997", _of_group(group, unread, taken=taken)))
    if not answers and not sets:
        return None
    return Writer(partner).interchange(ids, "FA", sets, answers=answers)


def _acknowledges(group: Group) -> bool:
    return bool(group.sets) and all(one.code in _ACKNOWLEDGEMENTS for one in group.sets)


def _answerable(group: Group) -> bool:
    """A 997 names its group by GS01 and GS06, so both have to be there."""
    return _digits(group.header.at(6), 9) and _fits(group.header.at(1), 2, 2)


def _of_interchange(interchange: Interchange, *, taken: bool) -> list[Elements]:
    """TA1: TA104 is A, E (with a fault) or R."""
    header, control = interchange.header, interchange.control
    if not _digits(control, 9):
        return []
    cut_off = any(one.cut_off for one in interchange.sets())
    note = _ENDS_TOO_EARLY if cut_off else _NO_FAULT if taken else _WRONG_STRUCTURE
    verdict = "A" if taken else "R"
    day, time = header.at(9), header.at(10)
    day = day if len(day) == 6 and day.isascii() and day.isdigit() else "000000"
    time = time if len(time) == 4 and time.isascii() and time.isdigit() else "0000"
    return [("TA1", control.rjust(9, "0"), day, time, verdict, note)]


def _of_group(group: Group, unread: Set[TransactionSet], *, taken: bool) -> list[Elements]:
    """A 997's segments between ST and SE."""
    body: list[Elements] = [("AK1", group.header.at(1), str(int(group.header.at(6))))]
    verdicts: list[str] = []
    for one in group.sets:
        verdict, faults = _of_set(one, refused=not taken or one in unread)
        verdicts.append(verdict)
        if _fits(one.code, 3, 3) and _fits(one.control, 4, 9):
            body += [("AK2", one.code, one.control), ("AK5", verdict, *faults[:5])]
    refused = verdicts.count("R")
    whole = "R" if refused == len(verdicts) else "P" if refused else "E" if "E" in verdicts else "A"
    received = str(len(verdicts))
    declared = str(int(group.declared)) if _digits(group.declared, 6) else received
    return [*body, ("AK9", whole, declared, received, str(len(verdicts) - refused))]


def _of_set(one: TransactionSet, *, refused: bool) -> tuple[str, list[str]]:
    if refused:
        return "R", one.faults or ["5"]
    return ("E", one.faults) if one.faults else ("A", [])


def _digits(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= most


def _fits(text: str, least: int, most: int) -> bool:
    return text.isascii() and text.isalnum() and least <= len(text) <= most
