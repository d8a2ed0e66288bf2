"""`python -m cli.probe URL`: exit code 0 if a GET of that address succeeds. A container's healthcheck.

Of the standard library only, so that asking every few seconds costs next to nothing; an image needs no curl for it.
"""

import sys
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

PATIENCE = 5.0
"""Seconds; the processes asked give each of their parts two."""


def main(arguments: list[str]) -> int:
    """Ask once. Returns the exit code: 0 yes, 1 no (its words are printed), 2 wrong usage."""
    if len(arguments) != 1:
        print("usage: python -m cli.probe URL", file=sys.stderr)
        return 2
    straight = build_opener(ProxyHandler({}))  # past any proxy: it asks the container it runs in
    try:
        with straight.open(arguments[0], timeout=PATIENCE):
            return 0
    except HTTPError as refused:
        print(f"{refused.code} {refused.read(2000).decode(errors='replace')}", file=sys.stderr)
    except ValueError as unreadable:
        print(unreadable, file=sys.stderr)
        return 2
    except (OSError, HTTPException) as silent:
        print(silent, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
