"""`on_host.py NAME …`: `kedro …` in a process that other processes take for one of host NAME.

Only what the process says of itself differs: the name of its host, and the processes that it sees.
Signs of life are given every half second, and missed for five seconds.
"""

import hashlib
import socket
import sys

from kedro.framework.cli import main

from collaborative_autoencoders import processes
from collaborative_autoencoders.tuning import signs

host = sys.argv.pop(1)
socket.gethostname = lambda: host
processes.space = lambda: hashlib.sha256(host.encode()).hexdigest()[:12]
signs.BEAT_SECONDS, signs.SILENT_AFTER_SECONDS = 0.5, 5.0

if __name__ == "__main__":
    main()
