"""Three others who read what we write: mock-edi's validator, pyx12's reader, and ansi-x12, which is strict."""

import io

import mockedi.ack
import mockedi.transactions
import mockedi.validate
import mockedi.x12
import pyx12.x12file
import x12


def judged(body: bytes, charset: str = "utf-8") -> mockedi.envelope.Message:
    """The one set of a document that all three find sound."""
    text = body.decode(charset)
    interchange = mockedi.x12.parse(text)
    report = mockedi.validate.validate(interchange, strict=True)
    found = mockedi.ack.explain(report)
    assert not report.interchange_findings and not report.group_errors, found
    assert all(one.clean for one in report.messages), found

    strict = x12.parse_x12_interchange(x12.tokenize_x12(body))
    assert x12.inspect_x12_interchange(strict).transaction_set_codes

    with pyx12.x12file.X12Reader(io.StringIO(text, newline="")) as reader:
        segments = list(reader)
        reader.cleanup()
        assert reader.pop_errors() == [] and segments
    ((message,),) = [group.messages for group in interchange.groups]
    return message
