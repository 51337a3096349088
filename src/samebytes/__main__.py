"""The program, also as ``python -m samebytes``."""

import os
import signal

# While the rest is imported, a signal just ends us; later, samebytes.cli.main cleans up.
for _number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_number, lambda *_: os._exit(2))

from samebytes.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
