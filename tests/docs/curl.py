"""`curl` for the README's examples, so that they run alike on machines that have none: the options they use, no others.

It is put on PATH by `conftest.py`. As the real one it prints the body and succeeds whatever the status; the tests need
to know the status, so it is appended to the file that CURL_STATUSES names.
"""

import argparse
import os
import sys
from pathlib import Path

import httpx


def main() -> None:
    """Make one request."""
    options = argparse.ArgumentParser(prog="curl")
    options.add_argument("url")
    options.add_argument("-sS", action="store_true", help="no progress, but errors")
    options.add_argument("-H", action="append", default=[], dest="headers")
    options.add_argument("-d", dest="data", help="a body, and with it POST")
    given = options.parse_args()
    headers = dict(header.split(": ", 1) for header in given.headers)
    if given.data is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    response = httpx.request(
        "GET" if given.data is None else "POST",
        given.url,
        headers=headers,
        content=given.data,
        timeout=180,
        trust_env=False,
    )
    with Path(os.environ["CURL_STATUSES"]).open("a") as statuses:
        statuses.write(f"{response.status_code}\n")
    sys.stdout.write(response.text + "\n")


if __name__ == "__main__":
    main()
