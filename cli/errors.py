"""How a command ends when it cannot do what it was asked."""


class CommandFailed(Exception):
    """Wrong usage, an unusable file, or nobody at the address. The message says what to do next; exit code 2."""


class Refused(Exception):
    """The command reached those it asked, and the answer is no. The message says why; exit code 1."""
