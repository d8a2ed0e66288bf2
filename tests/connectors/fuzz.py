"""Damaged documents: whatever is done to one, decoding it gives events or `Undecodable`, and nothing else.

python -m tests.connectors.fuzz --documents 20000 --seed 1 x12 edifact

`make fuzz` does it to every format. A document that finds a fault is written to a file that names its format, seed and
number.
"""

import argparse
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from connectors.errors import Undecodable
from connectors.suppliers.documents import Codec
from connectors.suppliers.http_bodies import Event
from connectors.suppliers.interface import Inward, WireIds
from connectors.words import LONGEST_NAME, LONGEST_WORDS

FAULTS = Path(".promisekeeper") / "fuzz"
SAMPLES = Path(__file__).parent / "samples"
storable = TypeAdapter(Event)
"""Refuses what the ledger cannot keep, by the check that the http profile has for it."""


def _x12() -> tuple[Codec, list[bytes]]:
    from tests.connectors.x12.partners import codec  # noqa: PLC0415 - only the format that is asked for

    settings: dict[str, object] = {"change_codes": {"AC": "lines", "RD": "withdrawn"}, "wants_ta1": True}
    return codec(**settings), [path.read_bytes() for path in sorted((SAMPLES / "x12").glob("*.edi"))]


def _cxml() -> tuple[Codec, list[bytes]]:
    from tests.connectors.cxml.partner import codec  # noqa: PLC0415 - only the format that is asked for

    return codec(), [path.read_bytes() for path in sorted((SAMPLES / "cxml").glob("*.xml"))]


def _csv() -> tuple[Codec, list[bytes]]:
    from connectors.suppliers.csv.codec import CsvCodec  # noqa: PLC0415 - only the format that is asked for
    from connectors.suppliers.csv.profile import CsvPartner  # noqa: PLC0415

    return CsvCodec(CsvPartner(buyer="shop")), [path.read_bytes() for path in sorted((SAMPLES / "csv").glob("*.csv"))]


def _edifact() -> tuple[Codec, list[bytes]]:
    from tests.connectors.edifact.shop import codec  # noqa: PLC0415 - only the format that is asked for

    settings: dict[str, object] = {"receipts": True, "contrl_owed": "always", "rest_after_shipment": "open"}
    return codec(**settings), [path.read_bytes() for path in sorted((SAMPLES / "edifact").glob("*.edi"))]


FORMATS: dict[str, Callable[[], tuple[Codec, list[bytes]]]] = {
    "csv": _csv,
    "cxml": _cxml,
    "edifact": _edifact,
    "x12": _x12,
}
"""By name: the codec and documents to begin with."""


def damaged(samples: Sequence[bytes], documents: int, seed: int = 1) -> Iterator[bytes]:
    """Documents made of the samples: bytes changed, pieces cut out, doubled, moved, or taken from another sample."""
    luck = random.Random(seed)
    marks = b"'+:?*~\r\n\x00\xff\xc3\x1c\x1d|<>&\"" + bytes(range(48, 58))
    for _ in range(documents):
        body = bytearray(luck.choice(samples))
        for _ in range(luck.randint(1, 8)):
            start = luck.randrange(len(body) + 1)
            end = min(len(body), start + luck.choice((0, 1, 1, 2, 5, 40, 400)))
            piece = bytes(body[start:end])
            other = luck.choice(samples)
            at = luck.randrange(len(other) + 1)
            body[start:end] = luck.choice(
                (
                    b"",
                    piece * luck.choice((2, 3, 50)),
                    bytes((luck.choice(marks),)),
                    luck.randbytes(luck.randint(1, 4)),
                    other[at : at + luck.choice((3, 30, 300))],
                    b"9" * luck.choice((1, 15, 40)),
                )
            )
        yield bytes(body)


def try_one(codec: Codec, body: bytes) -> bool:
    """Whether a document can be read. Raises whatever is wrong with the codec."""
    message = Inward(body=body, headers={})
    codec.acknowledge(message, WireIds(operation_id="fuzz", control_number=1))
    with suppress(Undecodable):
        codec.addressed(message)
    try:
        decoded = codec.decode(message)
    except Undecodable as refused:
        words = str(refused)
    else:
        words = ""
    assert words.isprintable() and len(words) <= LONGEST_WORDS, words
    if words:
        return False
    assert decoded == codec.decode(message), "the same bytes are read in two ways"
    assert 0 < len(decoded.dedupe_key) <= LONGEST_NAME and decoded.dedupe_key.isprintable(), decoded.dedupe_key
    for issue in decoded.issues:
        assert issue.isprintable() and 0 < len(issue) <= LONGEST_WORDS, issue
    assert len(decoded.issues) <= 100, decoded.issues
    for event in decoded.events:
        storable.validate_json(event.model_dump_json())
    return True


def try_many(name: str, codec: Codec, documents: Iterable[bytes], seed: int, faults: Path) -> int:
    """Try documents one after the other, and show how far it is.

    Args:
        name: the format's.
        codec: what reads them.
        documents: from `damaged`.
        seed: what they were made with.
        faults: the folder into which a document is written that cannot be survived.

    Returns:
        How many could be read. Whatever is wrong with the codec is raised, with where the document lies.
    """
    readable = 0
    for number, body in enumerate(documents, start=1):
        try:
            readable += try_one(codec, body)
        except Exception as stray:
            faults.mkdir(parents=True, exist_ok=True)
            written = faults / f"{name}-seed-{seed}-number-{number}"
            written.write_bytes(body)
            stray.add_note(f"{name}, seed {seed}: document {number} is not survived; it is written to {written}")
            raise
        if number % 1000 == 0:
            print(f"{name}, seed {seed}: {number} documents, {readable} of them readable", flush=True)
    return readable


def _format(name: str) -> str:
    if name not in FORMATS:
        raise argparse.ArgumentTypeError(f"no format {name}; there are {', '.join(FORMATS)}")
    return name


def main(arguments: Sequence[str]) -> None:
    """Try as many documents of each format as asked for, and say how many could be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", nargs="*", type=_format, help=f"of {', '.join(FORMATS)}; none: every one of them")
    parser.add_argument("--documents", type=int, default=20_000, help="of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=Path, default=FAULTS, help="where a document goes that is not survived")
    chosen = parser.parse_args(arguments)
    for name in chosen.format or FORMATS:
        codec, samples = FORMATS[name]()
        made = damaged(samples, chosen.documents, chosen.seed)
        readable = try_many(name, codec, made, chosen.seed, chosen.faults)
        said = f"{chosen.documents} damaged documents, {readable} could be read, no stray exception"
        print(f"{name}, seed {chosen.seed}: {said}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
