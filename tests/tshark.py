# SPDX-License-Identifier: BSD-2-Clause
"""What the tests beside tshark share: what they need, checks that are counted, captures of a loopback interface, fields
of frames. A test ends with exit(ended()); exit status 77: skipped, with the reason."""
import os
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
X400 = os.path.join(TOP, os.environ.get("BUILD", "build"), "bin", "x400")
sys.path[:0] = [os.path.join(TOP, "tests", "e2e"), os.path.join(TOP, "interop")]
from campaign.oracle import fields  # noqa: E402, F401

BAD = "_ws.expert.group == 0x07000000 || _ws.expert.group == 0x09000000"  # expert groups Malformed and Protocol
passed = failed = 0


def check(what, got, wanted):
    global passed, failed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {what}\n  got    {got!r}\n  wanted {wanted!r}")


def ended():
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def need(*tools, root=False):
    for tool in tools:
        if shutil.which(tool) is None:
            skip(f"there is no {tool}")
    if root and os.geteuid() != 0:
        skip("capturing needs root")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(77)


def local(identifier):
    """The local part of an MTS identifier."""
    return identifier.rstrip("]").split(";")[1]


def own_network():
    """Goes on in a network namespace of its own where that is allowed: nobody else has the port there."""
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if "OWN_NETWORK" not in os.environ and subprocess.run([*alone, "true"], capture_output=True).returncode == 0:
        os.environ["OWN_NETWORK"] = "yes"
        os.execvp(alone[0], [*alone, sys.executable, os.path.abspath(sys.argv[0])])


class Capture:
    """dumpcap on the loopback interface, from the moment that it listens until stop()."""

    def __init__(self, path, port):
        self.path, self.said = path, path + ".log"
        with open(self.said, "wb") as log:
            self.process = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-f", f"tcp port {port}", "-w", path],
                                            stdin=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 15
        while "File: " not in self.log():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"dumpcap does not capture: {self.log().strip()}")
            time.sleep(0.05)

    def log(self):
        with open(self.said, encoding="utf-8", errors="replace") as f:
            return f.read()

    def stop(self):
        time.sleep(0.5)  # what is on its way from the kernel
        self.process.terminate()
        self.process.wait()
