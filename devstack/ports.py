"""Whether the ports we mean to listen on are free, asked before anything starts."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

HOST = "127.0.0.1"


class PortTakenError(Exception):
    """One or more ports cannot be had; the message names each with the setting that moves it."""


@dataclass(frozen=True)
class Port:
    """A port on loopback, what it is for, and what moves it."""

    number: int
    purpose: str
    option: str
    variable: str


def check(ports: Sequence[Port]) -> None:
    """Raises: PortTakenError if any of them is in use, or named twice."""
    problems: list[str] = []
    seen: dict[int, Port] = {}
    for port in ports:
        moved_by = f"choose another with {port.option} or {port.variable}"
        if port.number in seen:
            problems.append(
                f"port {port.number} is meant for both {seen[port.number].purpose} and {port.purpose}; {moved_by}"
            )
        elif not is_free(port.number):
            problems.append(f"port {port.number} ({port.purpose}) is taken by another program; {moved_by}")
        seen[port.number] = port
    if problems:
        raise PortTakenError("\n".join(problems))


def is_free(number: int) -> bool:
    """Whether a server can listen on a port of this machine now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # macOS lets two programs listen, one on all addresses and one on this: so ask whether somebody answers
        if probe.connect_ex((HOST, number)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as servers do: a port whose last connections are still closing is free to listen on
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
    return True
