# SPDX-License-Identifier: BSD-2-Clause
"""Tests with real network hosts: namespaces, bridges, addresses that move, packet filters, name servers, captures.
They need root. Everything is in namespaces of the tests, and gone when they end.

    run.py [-j N] [--list] [--keep] [NAME ...]     names: of tests, or the beginning of them (make net NET="NAME ...")

--keep leaves the folder of each test, and says where it is: configurations, logs, and for each host net-HOST/*.pcap."""
import os
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
sys.path[:1] = [E2E, HERE]
import run as e2e  # noqa: E402  the runner of the end-to-end tests
from network import missing  # noqa: E402
from world import NetWorld  # noqa: E402

MODULES = ["hosts", "calls", "stacks",
           "names", "accept",
           "back", "room",
           "spool", "operator",
           "agent"]
APART = ["engines", "failover", "matrix", "storm"]  # which take longer or need more: run when they are named

if __name__ == "__main__":
    why = missing()
    if why:
        print(f"skipped: {why}")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which clears up
    e2e.__doc__, e2e.World, e2e.MODULES, e2e.REPORTS = __doc__, NetWorld, MODULES, True
    e2e.MODULES += [m for m in APART if any(a.split(".")[0] == m for a in sys.argv[1:])]
    sys.exit(e2e.main())
