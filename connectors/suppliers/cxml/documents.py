"""A cXML document, read with suspicion: no entities, no network, no DTD, and nothing larger than we want.

Element and attribute names are compared without namespace, and attributes without case where the right case is
missing: partners write `ShipmentID`, too. What had to be mended to read a document at all is an issue.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, Protocol, cast

from lxml import etree

from connectors.errors import NoDocument
from connectors.suppliers.issues import Issues
from connectors.words import plain_words

LARGEST_MESSAGE = 5_000_000
"""Bytes of a document; more is not read. A confirmation of 10,000 lines has about 4,000,000."""

_BLANK_BEFORE = b"\x00\t\n\r \xef\xbb\xbf"
_SAYS_UTF8 = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']utf-?8["']""", re.IGNORECASE)
_SAYS_UTF16 = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']utf-?16["']""", re.IGNORECASE)
_SAYS_ENCODING = re.compile(rb"^<\?xml[^>]{0,200}?encoding\s*=")
_LARGE_SIGNS = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<")
"""How UTF-16 begins; its blanks and zeros are not stripped."""
_FIRST_TAG = re.compile(rb"<[A-Za-z_:]")
_AMPERSANDS = ("Entity '", "EntityRef:", "xmlParseEntityRef:", "xmlParseCharRef:")
"""How libxml begins to speak of an & that begins nothing it knows."""
_ENTITIES = (
    "the document declares entities; cXML needs none, and they are how readers are attacked. Ask for it without them"
)

Element = etree._Element  # pyright: ignore[reportPrivateUsage]: lxml has no other name for it


class Document(NamedTuple):
    """A cXML element, and what it took to read it."""

    root: Element
    issues: Issues


class _Declarations(Protocol):
    """A DTD, which lxml's stubs do not know much of."""

    def entities(self) -> list[object]: ...


def read(body: bytes) -> Document:
    """Parse a document. Raises: NoDocument, and nothing else."""
    if len(body) > LARGEST_MESSAGE:
        raise NoDocument(f"the document is larger than {LARGEST_MESSAGE} bytes")
    issues = Issues()
    text = body
    if not body.startswith(_LARGE_SIGNS):
        text = body.lstrip(_BLANK_BEFORE).rstrip(b"\x00\t\n\r \x1a")
        if not body.startswith((text[:1], b"\xef\xbb\xbf")):
            issues.add("blanks stand before the XML declaration")
    try:
        root = _parsed(text, None)
    except etree.XMLSyntaxError as broken:
        if (encodings := _said_and_used(text)) is None:
            raise NoDocument(plain_words(_why_no_xml(broken, text))) from broken
        said, used = encodings
        issues.add(f"the document says it is {said} and is not; it is read as {used}")
        try:
            root = _parsed(text, used)
        except etree.XMLSyntaxError as hopeless:
            raise NoDocument(plain_words(_why_no_xml(hopeless, text))) from hopeless
    if local_name(root) != "cXML":
        raise NoDocument(plain_words(f"the document is no cXML: its root is {local_name(root)!r}"))
    return Document(root, issues)


def _parsed(text: bytes, encoding: str | None) -> Element:
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(text, parser)
    except (ValueError, LookupError) as unfit:  # an encoding that nobody knows
        raise NoDocument(plain_words(f"the document cannot be read: {unfit}")) from unfit
    dtd = cast("_Declarations | None", root.getroottree().docinfo.internalDTD)
    if dtd and dtd.entities():
        raise NoDocument(_ENTITIES)
    return root


def _why_no_xml(broken: etree.XMLSyntaxError, text: bytes) -> str:
    """What is wrong, for whoever has to ask the sender; libxml's own words are of its functions and options."""
    text = text.replace(b"\x00", b"")  # of UTF-16
    prologue = _FIRST_TAG.split(text, maxsplit=1)[0]
    line, column = broken.position
    read = sum(len(each) + 1 for each in text.split(b"\n", line)[: line - 1]) + column
    where = f"line {line}, column {column}"
    if b"<!ENTITY" in prologue:
        return _ENTITIES
    if b"<!DOCTYPE" in prologue and read <= len(prologue) + 1:
        return f"the document's DOCTYPE is broken at {where}; ask for it with a right one, or with none"
    if broken.msg.startswith(_AMPERSANDS):
        return f"an & at {where} is none of XML's; ask for &amp; in its place, and for other characters as they are"
    if broken.msg.startswith("Excessive depth"):
        return f"the document is nested too deeply at {where}, which no cXML is"
    return f"the document is no XML: {broken.msg}"


def _said_and_used(text: bytes) -> tuple[str, str] | None:
    """The encoding that a document claims and, since it is in another, the one to read it in."""
    if _SAYS_UTF16.match(text):  # in single bytes, as .NET writes what it had as a string
        return "UTF-16", "UTF-8"
    if _SAYS_ENCODING.match(text) and not _SAYS_UTF8.match(text):
        return None
    try:
        text.decode()
    except UnicodeDecodeError:
        return "UTF-8", "Windows-1252"
    return None


def local_name(element: Element) -> str:
    """Its name, without a namespace."""
    tag = cast("object", element.tag)  # of an entity that is not resolved it is a function, whatever the stubs say
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Element | None, name: str) -> Iterator[Element]:
    """Those of that name, in order."""
    return (child for child in (element if element is not None else ()) if local_name(child) == name)


def child(element: Element | None, *path: str) -> Element | None:
    """The first at the end of a path of names; None if any step is missing."""
    for name in path:
        element = next(children(element, name), None)
    return element


def text(element: Element | None) -> str:
    """What it says, without blanks around it; empty when it is missing. An entity in it stays as it is written."""
    if element is None:
        return ""
    return ("".join(str(piece) for piece in element.itertext()) if len(element) else element.text or "").strip()


def attribute(element: Element | None, name: str) -> str:
    """An attribute's value, without blanks around it; empty when it is missing."""
    if element is None:
        return ""
    value = element.get(name)
    if value is not None:
        return value.strip()
    same = (str(each) for key, each in element.attrib.items() if str(key).casefold() == name.casefold())
    return next(same, "").strip()
