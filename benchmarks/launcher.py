"""Runs one command and prints its seconds, those on a processor, and its peak memory in KiB.

A process of its own, and a small one: Linux counts the parent's memory at the moment of the fork as
the child's, so a large parent would hide a small child.
"""

import os
import sys
import time

command = sys.argv[1:]
quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
# As rca is installed: its bytecode was written once, not compiled anew at every start.
environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
start = time.perf_counter()
child = os.posix_spawnp(command[0], command, environment, file_actions=quiet)
_, status, usage = os.wait4(child, 0)
seconds = time.perf_counter() - start
if status:
    sys.exit(f"{' '.join(command)}: ended with {os.waitstatus_to_exitcode(status)}")
print(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
