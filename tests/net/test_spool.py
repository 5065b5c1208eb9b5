# SPDX-License-Identifier: BSD-2-Clause
"""Two nodes and one spool. Storage that both nodes have mounted, or only the one with the service; daemons that run on both
all the time, the second of which waits for the lock, or for the address that the spool follows; kill -9, planned moves, and
addresses that come and go. The peer's packet filter knows only the virtual address."""
import os
import subprocess
import threading
import time

from harness import BUILD, Refused, check, equal, ipm, user, wait_for
from world import NetMta, Stack, exchange

TAKEN, AWAITED, CLOSING, RELEASED, HELD = 20026, 20025, 20027, 20028, 20014


class Node(NetMta):
    """MTA-A on one of the nodes: its own configuration file, log and sockets; spool, peers and deliveries are shared."""

    def __init__(self, w, machine, virtual, first=None, follows=False):
        super().__init__(w, "MTA-A", machine, virtual, "ALPHA")
        self.dir = os.path.join(self.dir, machine.name)
        self.mount = os.path.join(self.dir, "mounted")
        os.makedirs(self.mount)
        self.log, self.conf = os.path.join(self.dir, "events"), os.path.join(self.dir, "x400d.conf")
        self.stacks, self.follows = [Stack("net", virtual, "virtual")], follows
        self.storage = os.path.join(w.dir, "storage")
        self.spool = os.path.join(self.mount, "spool")
        os.makedirs(os.path.join(self.storage, "spool"), 0o700, exist_ok=True)
        if first:
            self.peers, self.routes, self.delivers = first.peers, first.routes, first.delivers
        w.mtas.append(self)

    def text(self):
        spool = f'spool "{self.spool}"'
        return super().text().replace(spool, spool + ' follows stack "net"' if self.follows else spool)

    def mounts(self):
        self.machine.run("mount", "--bind", self.storage, self.mount)
        return self

    def unmounts(self):
        """It is refused while anything there is open."""
        self.machine.run("umount", self.mount)

    def status(self):
        try:
            return self.ask("show", what="status")
        except (OSError, Refused):  # not there yet, or the socket of one that was killed
            return {"serving": False, "state": "none", "holder": None, "waiting_for": None}

    def serves(self):
        return self.status()["serving"]

    def wait_serving(self, seconds=20):
        begun = time.monotonic()
        wait_for(f"{self.machine.name} serves", seconds, self.serves, 0.02)
        return time.monotonic() - begun

    def open_spool(self):
        """What its daemon has open below the storage."""
        found = []
        for fd in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                path = os.readlink(f"/proc/{self.pid}/fd/{fd}")
            except OSError:
                continue
            found += [path] if "/spool" in path else []
        return found


class Pair:
    def __init__(self, w, v6=False, follows=False, mounted=True):
        lan = w.network()
        self.hosts = [w.host("one", lan), w.host("two", lan)]
        peer = w.host("peer", lan)
        self.virtual = lan.address(100, v6)
        one = Node(w, self.hosts[0], self.virtual, None, follows)
        two = Node(w, self.hosts[1], self.virtual, one, follows)
        self.nodes = [one, two]
        self.b = w.mta_on(peer, "MTA-B", peer.v6() if v6 else None)
        to_b, to_a = w.link(one, self.b)
        for p in (to_b, to_a):
            p.lines["open"] = "open retry 1000 times every 1s"
        peer.only(self.virtual)
        self.captures = [w.capture(h) for h in self.hosts + [peer]]
        if mounted:
            for n in self.nodes:
                n.mounts()

    def check(self, n_a, n_b):
        """So many items on both sides, each once; no packet with a node's own address."""
        a, b = self.nodes[0], self.b
        equal((len(a.items()), len(b.items())), (n_a, n_b), "delivered on A and on B, each once")
        for c in self.captures:
            c.forbid(*(x for h in self.hosts for x in h.addresses()))
        equal(b.machine.dropped(), (0, 0), "dropped by the filter")


def refused_with(node, what):
    """Commands that need the spool are refused at once, and say why."""
    command = [os.path.join(BUILD, "bin", "x400")]
    for words in (["show", "queue"], ["show", "peers"], ["queue", "hold", "--all", "--yes"], ["peer", "mta-b", "connect"]):
        begun = time.monotonic()
        p = subprocess.run(command + words + ["-f", node.conf], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        check(p.returncode == 1 and what in p.stderr, f"x400 {' '.join(words)}: {p.returncode} {p.stderr}")
        check(time.monotonic() - begun < 5, "at once")
    p = subprocess.run(command + ["show", "status", "-f", node.conf], capture_output=True, text=True)
    check(p.returncode == 0 and what in p.stdout, f"x400 show status: {p.stdout}{p.stderr}")
    check(node.ask("show", what="stacks") and node.ask("show", what="events"), "stacks and events are shown")


def test_mounted_on_both_nodes(w):
    """The second daemon waits and opens nothing; it takes over after SIGKILL of the first, and after its orderly stop."""
    c = Pair(w)
    (one, two), b = c.nodes, c.b
    b.start()
    one.machine.take(c.virtual)
    one.start()
    exchange(one, b, 2)
    two.start(wait=False)
    two.wait_event(HELD)
    holder = two.status()["holder"]
    equal((holder["pid"], holder["host"]), (one.pid, os.uname().nodename), "who holds the lock")
    check(holder["since"] and str(one.pid) in two.status()["waiting_for"], f"what it waits for: {two.status()}")
    refused_with(two, f"process {one.pid}")
    exchange(one, b, 2)
    wait_for("two between its attempts", 10, lambda: not two.open_spool(), 0.01)
    check(not any(p.endswith(("spool.db", "spool.db-wal")) for p in two.open_spool()), "it never opens the spool")
    equal(len(two.events(HELD)), 1, "told once")
    ids = [one.submit(user("Receiver", b.prmd)) for _ in range(20)]
    one.kill()
    killed = time.monotonic()
    one.machine.lose(c.virtual)
    two.machine.take(c.virtual)
    two.wait_serving()
    took = time.monotonic() - killed
    for id in (2219, 2207, TAKEN):
        two.wait_event(id)
    equal([e["what"] for e in two.events(2206)], ["database", "messages", "deliveries", "contents"], "events 2206")
    found = two.events(2207)[0]
    check(all(k in found for k in ("messages", "recipients", "intents", "damaged", "orphans")), f"event 2207: {found}")
    check(two.spool in two.events(2219)[0]["text"], "event 2219 says which spool")
    b.wait_items(4 + len(ids), 60)
    exchange(two, b, 2, 60)
    one.start(wait=False)  # the node comes back, and is the one that waits now
    wait_for("one waits", 20, lambda: one.status()["holder"] and one.status()["holder"]["pid"] == two.pid)
    two.machine.lose(c.virtual)
    one.machine.take(c.virtual)
    two.stop()
    one.wait_serving()
    equal(len(one.events(2219)), 0, "an orderly stop")
    exchange(one, b, 2, 60)
    c.check(8, 8 + len(ids))
    return f"serves {took:.1f} s after the kill"


def test_mounted_with_the_service(w):
    """The engine's order: address, file system, daemon; and back. Nothing holds the file system when the daemon has ended."""
    c = Pair(w, mounted=False)
    b = c.b.start()
    for k in range(4):
        node = c.nodes[k % 2]
        node.machine.take(c.virtual)
        node.mounts()
        node.start()
        exchange(node, b, 1, 60)
        node.stop()
        node.unmounts()
        node.machine.lose(c.virtual)
        check(not node.events(2219), "orderly stops only")
    c.check(4, 4)
