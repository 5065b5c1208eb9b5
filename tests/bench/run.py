#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""make bench: how fast two daemons on loopback are, side by side with what the machine gives a plain program in the same
run. Ratios count; the absolute figures are those of this machine at this moment. One content of many MB, and bind and
release, are measured for each mode of the protocol, and in normal mode also with other checkpoints.

    run.py [--mb N] [--messages N]"""
import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import BUILD, World, ipm, user  # noqa: E402


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def plain_copy(source, folder):
    """Seconds to send a file over TCP on loopback into another file, synced: what any transfer has to do at least."""
    listener = socket.create_server(("127.0.0.1", 0))

    def receive():
        s, _ = listener.accept()
        with s, open(os.path.join(folder, "copy"), "wb") as f:
            while piece := s.recv(1 << 20):
                f.write(piece)
            f.flush()
            os.fsync(f.fileno())
            s.sendall(b"!")
    t = threading.Thread(target=receive)
    t.start()
    begun = time.monotonic()
    with socket.create_connection(listener.getsockname()) as s, open(source, "rb") as f:
        s.sendfile(f)
        s.shutdown(socket.SHUT_WR)
        s.recv(1)
    took = time.monotonic() - begun
    t.join()
    listener.close()
    os.unlink(os.path.join(folder, "copy"))
    return took


def transfer_seconds(mta, id):
    """From the first octet to the acknowledgement, as the sender's log line has it."""
    delays = mta.wait_event(20202, 120, mts_id=id)[0]["delays"].split("/")
    return float(delays[2]) + float(delays[3])


MODES = [("normal", ""), ("x410-1988", ""), ("x410-1984", ""), ("normal", " sync window"), ("normal", None)]


def pair(mode, checkpoint):
    w = World()
    a, b = w.pair()
    for m in (a, b):
        for p in m.peers.values():
            p.lines["mode"] = f"mode {mode}"
            p.lines["checkpoint"] = "checkpoint none" if checkpoint is None else f"checkpoint 30K window 5{checkpoint}"
    a.start(), b.start()
    return w, a, b


def large(w, a, b, mb):
    """MB/s, the ratio to a plain copy (the two by turns, three times), seconds of processor time a MB of a and of b."""
    path = os.path.join(w.dir, "large")
    with open(path, "wb") as f:
        for _ in range(mb):
            f.write(os.urandom(1 << 20))
    ours, plain = [], []
    cpu = [cpu_seconds(m.pid) for m in (a, b)]
    for _ in range(3):
        plain.append(plain_copy(path, w.dir))
        with open(path, "rb") as f:
            ours.append(transfer_seconds(a, a.submit(user("Large", "BETA"), f, content_type=0)))
    b.wait_items(3, 120)
    a.wait_empty(), b.wait_empty(60)
    cpu = [(cpu_seconds(m.pid) - before) / 3 / mb for m, before in zip((a, b), cpu)]
    x, y = statistics.median(ours), statistics.median(plain)
    return mb / x, y / x, cpu


def binds(a):
    times = []
    for _ in range(20):
        out = subprocess.run([os.path.join(BUILD, "bin", "x400"), "ping", "-f", a.conf, next(iter(a.peers)), "--json"],
                             capture_output=True, text=True, check=True).stdout
        times.append(json.loads(out)["ms"])  # in whole milliseconds: hence the mean
    return statistics.mean(times)


def modes(mb):
    print(f"{mb} MB content, checkpoint 30K window 5      MB/s  of plain copy  ms/MB sender  receiver  bind, release")
    for mode, checkpoint in MODES:
        w, a, b = pair(mode, checkpoint)
        try:
            rate, ratio, cpu = large(w, a, b, mb)
            name = mode + (", no checkpoints" if checkpoint is None else "," * (checkpoint != "") + checkpoint)
            print(f"  {name:40}{rate:6.0f}{ratio:15.2f}{cpu[0] * 1000:14.2f}{cpu[1] * 1000:10.2f}{binds(a):12.1f} ms",
                  flush=True)
            a.stop(), b.stop()
        finally:
            w.close()
            w.remove()
    print("  (aim: at least 0.50 of a plain TCP copy into a synced file; processor time with submission and delivery)")


def synced_appends(folder, n):
    with open(os.path.join(folder, "appends"), "wb") as f:
        begun = time.monotonic()
        for _ in range(n):
            f.write(bytes(4096))
            f.flush()
            os.fdatasync(f.fileno())
        return n / (time.monotonic() - begun)


def small(w, a, b, n):
    """Queued while the peer is disabled, then let go: the rate of transfer and of delivery."""
    content = ipm("A subject", "x" * 2000)
    a.ask("peer", name=next(iter(a.peers)), action="disable")
    begun = time.monotonic()
    for _ in range(n):
        a.submit(user("Small", "BETA"), content)
    submitted = n / (time.monotonic() - begun)
    before = len(b.items())
    begun = time.monotonic()
    a.ask("peer", name=next(iter(a.peers)), action="enable")
    a.wait_empty(300)
    transferred = n / (time.monotonic() - begun)
    b.wait_items(before + n, 300)
    delivered = n / (time.monotonic() - begun)
    appends = synced_appends(w.dir, 500)
    yield f"{n} messages of 2 KB: submitted one by one, each by a new client", f"{submitted:7.0f} /s"
    yield f"{n} messages of 2 KB: transferred, acknowledged after commit", f"{transferred:7.0f} /s"
    yield f"{n} messages of 2 KB: delivered into a directory", f"{delivered:7.0f} /s"
    yield "appends of 4 KB with fdatasync, one by one", f"{appends:7.0f} /s"
    yield "ratio of transferred messages to synced appends", f"{transferred / appends:7.2f}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mb", type=int, default=100)
    p.add_argument("--messages", type=int, default=1000)
    o = p.parse_args()
    if o.mb:
        modes(o.mb)
    if o.messages:
        w, a, b = pair("normal", "")
        try:
            for what, figure in small(w, a, b, o.messages):
                print(f"{what:66}{figure}", flush=True)
            a.stop(), b.stop()
        finally:
            w.close()
            w.remove()


main()
