"""Makes ``python -m generator`` work, whatever the locale, and end in order when it is told to."""

import signal

# As long as nothing is under way, Ctrl-C needs no words.
interrupt = signal.getsignal(signal.SIGINT)
if interrupt is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import io  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from types import FrameType  # noqa: E402
from typing import NoReturn  # noqa: E402

if os.name == "posix" and sys.getfilesystemencoding() != "utf-8":
    # A locale without accents could not even name the files of a lab.
    os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  # this very program
for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")

from generator.cli import main  # noqa: E402
from generator.errors import Terminated  # noqa: E402


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated


signal.signal(signal.SIGINT, interrupt)
signal.signal(signal.SIGTERM, _terminate)
main(prog_name="python -m generator")
