"""Which Chromium the browser tests drive. `make browser` runs this file, and gets one where it can.

Nothing is downloaded past the system's own packages: a Chromium that is here is used, whoever put it here.
"""

import os
import shutil
import subprocess
import sys

VARIABLE = "PROMISEKEEPER_CHROMIUM"
HOW_TO_GET_ONE = (
    f"no Chromium or Chrome found; install one (Debian: apt-get install chromium), or set {VARIABLE} to its program."
)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ON_MACOS = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
# without fonts a page is a row of boxes
_PACKAGES = ("chromium", "fonts-liberation")


class NotAProgramError(Exception):
    """The variable names something that cannot be run."""


def find() -> str | None:
    """The program to start, or None.

    Raises:
        NotAProgramError: PROMISEKEEPER_CHROMIUM names no program.
    """
    if named := os.environ.get(VARIABLE):
        program = shutil.which(named)
        if program is None:
            raise NotAProgramError(f"{VARIABLE} names {named}, which is not a program that can be run")
        return program
    return next(filter(None, map(shutil.which, [*_NAMES, ON_MACOS])), None)


def on_ci() -> bool:
    """Where nobody watches, a missing browser is a failure and nothing to be skipped."""
    return bool(os.environ.get("CI"))


def _install() -> None:
    """By Debian's packages, quietly; what goes wrong is on the screen."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *_PACKAGES)
    for command in (("apt-get", "update", "--quiet=2"), install):
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)


def _main() -> str | int:
    """Returns what to exit with."""
    try:
        if find() is None and os.geteuid() == 0 and shutil.which("apt-get"):
            print("no Chromium here; installing Debian's", flush=True)
            _install()
        if find() is not None:
            return 0
    except NotAProgramError as wrong:
        return str(wrong)
    if on_ci():
        return HOW_TO_GET_ONE
    print(HOW_TO_GET_ONE, "Without one the browser tests are skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
