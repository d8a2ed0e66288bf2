"""A TLS-terminating front before a Temporal server that speaks none itself, as a cluster's load balancer is one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

# RFC 7541, Appendix B: the Huffman codes of the characters that the test's API key is made of.
_CODES = {"B": "1011101", "e": "00101", "a": "00011", "r": "101100", " ": "010100", "o": "00111", "t": "01001"}


@dataclass
class Front:
    """What came through."""

    address: str
    client_certificates: list[Any] = field(default_factory=list[Any])
    """The subject's names of each connection's client certificate; None: it showed none."""
    received: bytearray = field(default_factory=bytearray)
    """All bytes from clients, decrypted."""

    def was_sent(self, header: str) -> bool:
        """Did a header of this value arrive? HTTP/2 packs them by its Huffman code."""
        bits = "".join(_CODES[letter] for letter in header)
        assert len(bits) % 8 == 0, "take a value that fills whole bytes"
        return int(bits, 2).to_bytes(len(bits) // 8, "big") in self.received


@asynccontextmanager
async def tls_front(target: str, context: ssl.SSLContext) -> AsyncIterator[Front]:
    """Listen on a free port of loopback, and pass what comes on to `target`, host:port."""
    context.set_alpn_protocols(["h2"])
    host, _, port = target.rpartition(":")
    tasks: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: bytearray | None) -> None:
        try:
            while data := await reader.read(65536):
                if note is not None:
                    note += data
                writer.write(data)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass  # whoever hung up
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("peercert")
        front.client_certificates.append(dict(shown)["subjectAltName"] if shown else None)
        there, away = await asyncio.open_connection(host, int(port))
        for task in (pass_on(reader, away, front.received), pass_on(there, writer, None)):
            running = asyncio.create_task(task)
            tasks.add(running)
            running.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    front = Front(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield front
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
