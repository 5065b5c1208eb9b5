# SPDX-License-Identifier: BSD-2-Clause
"""Every way to say where a clustered MTA is, before and after its address moved: C1 and C3 of docs/addresses.md.

A cell is PEER/LISTEN/SOURCE/FAMILY/WHEN: the peer given by name or by address; the stack listens on any, on the virtual
address, or on its name; its source is configured or unset; v4 or v6; before or after the address moved to the other node.
The peer's packet filter knows only the virtual address. Wherever the stack is `virtual`, mail flows both ways and no
segment has a node's address, on any host. One that listens on any without a source cannot be virtual: there its own calls
fail (9318), until a call of the peer shows from where they must leave.

make matrix [CELL=name/any/unset/v4/after]: all, or one (with the other half of its world), which leaves its captures."""
import itertools
import os
import subprocess
import time

from harness import BUILD, check, equal, user, wait_for
from world import Stack, exchange

NAME_A, NAME_B = "mta-a.example.net", "mta-b.example.net"


class Half:
    """A daemon of MTA-A on one node: a configuration file, sockets and events of its own."""

    def __init__(self, world, a, node):
        self.a, self.node, self.process = a, node, None
        self.world = world
        self.conf = os.path.join(a.dir, node.name + ".conf")
        self.log = os.path.join(a.dir, node.name + ".events")
        os.mkdir(os.path.join(a.dir, node.name))

    def asked(self):
        """MTA-A is this one from now on."""
        self.a.sockets, self.a.log, self.a.process = self.node.name, self.log, self.process
        self.a.seen = 0

    def start(self):
        self.asked()
        with open(self.conf, "w") as f:
            f.write(self.a.text())
        with open(self.log, "ab") as log:
            self.process = self.node.popen(os.path.join(BUILD, "x400d"), "-d", "-f", self.conf, stdout=log, stderr=log)
        self.world.started.append(self.process)
        self.asked()
        wait_for(f"the daemon on {self.node.name} answers", 20, self.status)

    def wait_serves(self):
        self.asked()
        wait_for(f"the daemon on {self.node.name} serves", 30, lambda: self.status()["serving"])

    def status(self):
        try:
            return self.a.ask("show", what="status")
        except OSError:
            return None

    def stop(self):
        self.asked()
        self.a.stop()


class Matrix:
    def __init__(self, w, peer, listen, source, v6):
        lan = w.network()
        self.one, self.two, right, names = (w.host(n, lan) for n in ("one", "two", "right", "names"))
        self.virtual = lan.address(100, v6)
        self.moves = (listen, source) != ("any", "unset")
        w.name_server(names, {"mta-a": [self.virtual], "mta-b": [right.v6() if v6 else right.v4()]})
        for n in (self.one, self.two):
            n.resolves_with(names.v4())
        right.knows({NAME_A: [self.virtual]})
        self.a, self.b = w.mta_on(self.one, "MTA-A", self.virtual), w.mta_on(right, "MTA-B", right.v6() if v6 else None)
        to_b, to_a = w.link(self.a, self.b)
        if peer == "name":
            to_b.connects, to_a.connects = [NAME_B], [NAME_A]
        where = {"any": "any", "virtual": self.virtual, "name": NAME_A}[listen]
        lines = [f"source {self.virtual if listen != 'name' else NAME_A}"] if source == "configured" else []
        self.a.stacks = [Stack("net", where, *lines, *(["virtual"] if self.moves else []))]
        self.a.follows = "net" if self.moves else None
        os.mkdir(self.a.spool, 0o700)  # one that follows is never made by the daemon: its file system may not be there
        right.only(self.virtual)
        self.captures = [w.capture(h) for h in (self.one, self.two, right)]
        self.halves = [Half(w, self.a, n) for n in (self.one, self.two)]

    def move(self, source, target):
        """Like the engines, who tell the system not to choose a virtual IPv6 address by itself: preferred_lft 0."""
        if source is not None:
            source.lose(self.virtual)
        target.take(self.virtual)
        if ":" in self.virtual:
            target.run("ip", "addr", "change", self.virtual + "/128", "dev", target.where(self.virtual), "preferred_lft", "0")

    def check_packets(self):
        """Not one segment with a node's address, and nothing for the filter to drop."""
        for c in self.captures:
            if c.host is not self.two or c.segments():
                c.forbid(*self.one.addresses(), *self.two.addresses())
        equal(self.b.machine.dropped(), (0, 0), "dropped by the filter")


def flows(m):
    """Mail both ways over a virtual stack."""
    at = time.monotonic()
    exchange(m.a, m.b, 2, 60)
    m.check_packets()
    return time.monotonic() - at


def virtual_cells(w, *cell):
    """Both nodes' daemons run all the time; the address alone moves, and the spool follows it."""
    m = Matrix(w, *cell)
    one, two = m.halves
    m.b.start()
    m.move(None, m.one)
    two.start(), one.start()
    one.wait_serves()
    before = flows(m)
    at = time.monotonic()
    m.move(m.one, m.two)
    two.wait_serves()
    exchange(m.a, m.b, 2, 60)
    after = time.monotonic() - at
    m.check_packets()
    one.asked()
    check(not one.status()["serving"], "one daemon has the spool")
    return before, after


def learns(m, half):
    """Listening on any without a source: a call from the node's address is dropped by the peer's filter, and told. The
    peer's call comes to the virtual address, and from then on calls to the peer leave from there."""
    half.wait_serves()
    at = time.monotonic()
    had = len(m.a.items()), len(m.b.items())
    node = half.node.v6() if ":" in m.virtual else half.node.v4()
    dropped = m.b.machine.dropped()[0]
    m.a.submit(user("Receiver", m.b.prmd))
    e = m.a.wait_event(9318, 40)[0]
    equal((e["peer"], e["step"], e["stack"]), ("mta-b", "connect", "net"), "the event")
    check(e["local"].startswith(node) or e["local"].startswith(f"[{node}]"), f"the node's address in {e}")
    check(m.b.machine.dropped()[0] > dropped and len(m.b.items()) == had[1], "the filter dropped the call")
    m.b.submit(user("Receiver", m.a.prmd))
    m.a.wait_items(had[0] + 1, 60), m.b.wait_items(had[1] + 1, 60)
    calls = m.captures[-1].calls()
    equal(calls[-1][0], m.virtual if calls[-1][1] == m.b.host else m.b.host, f"the last call of {calls}")
    check((m.virtual, m.b.host) in calls, f"a call from the virtual address: {calls}")
    took, known = time.monotonic() - at, time.time()
    exchange(m.a, m.b, 2, 60)
    for s in m.captures[-1].segments():
        check(s.time < known or {s.src, s.dst} == {m.virtual, m.b.host}, f"after the peer's call: {s}")
    return took


def any_cells(w, *cell):
    m = Matrix(w, *cell)
    one, two = m.halves
    refuses_virtual(m)
    m.b.start()
    m.move(None, m.one)
    one.start()
    before = learns(m, one)
    one.stop()
    m.move(m.one, m.two)
    two.start()
    return before, learns(m, two)


def refuses_virtual(m):
    """There would be no address to follow."""
    m.a.stacks[0].lines.append("virtual")
    path = os.path.join(m.a.dir, "wrong.conf")
    with open(path, "w") as f:
        f.write(m.a.text())
    m.a.stacks[0].lines.remove("virtual")
    p = subprocess.run([os.path.join(BUILD, "x400d"), "-n", "-f", path], capture_output=True, text=True)
    check(p.returncode != 0 and "virtual" in p.stdout + p.stderr, f"an error of the configuration: {p.stdout}{p.stderr}")


def cells(peer, listen, source, family):
    def test(w):
        way = any_cells if (listen, source) == ("any", "unset") else virtual_cells
        times = way(w, peer, listen, source, family == "v6")
        return "\n".join(f"{when}: mail both ways within {t:.1f} s" for when, t in zip(("before", "after"), times))
    return test


for cell in itertools.product(("name", "address"), ("any", "virtual", "name"), ("configured", "unset"), ("v4", "v6")):
    globals()["test_" + "/".join(cell)] = cells(*cell)
