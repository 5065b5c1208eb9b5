# SPDX-License-Identifier: BSD-2-Clause
"""The resource agent with real daemons: two nodes with one spool and one virtual address, and a peer whose packet filter
knows only that. The test plays the cluster engine: address, then agent; agent, then address."""
import os
import signal
import time

from harness import BUILD, TOP, check, equal, user, wait_for
from world import exchange

AGENT = os.path.join(TOP, "packaging", "cluster", "x400d.ocf")
SUCCESS, NOT_RUNNING = 0, 7


class Cluster:
    """MTA-A on two nodes. Each has a configuration file of its own, since the agent knows a daemon by that,
    and sockets, which in life are in /run."""

    def __init__(self, w, v6=False):
        lan = w.network()
        self.nodes = [w.host("one", lan), w.host("two", lan)]
        self.virtual = lan.address(100, v6)
        peer = w.host("peer", lan)
        self.a, self.b = w.mta_on(self.nodes[0], "MTA-A", self.virtual), w.mta_on(peer, "MTA-B", peer.v6() if v6 else None)
        w.link(self.a, self.b)
        peer.only(self.virtual)
        for n in reversed(self.nodes):
            self.on(n)
            os.mkdir(os.path.join(self.a.dir, n.name))
            with open(self.conf(n), "w") as f:
                f.write(self.a.text())
        self.captures = [w.capture(h) for h in self.nodes + [peer]]

    def conf(self, node):
        return os.path.join(self.a.dir, node.name + ".conf")

    def on(self, node):
        """Which daemon is asked from now on."""
        self.a.sockets = node.name

    def agent(self, node, action, seconds=20):
        env = dict(binary=os.path.join(BUILD, "x400d"), client=os.path.join(BUILD, "bin", "x400"), config=self.conf(node),
                   user="", CRM_meta_timeout=str(seconds * 1000))
        status = node.run_inside("env", *(f"OCF_RESKEY_{k}={v}" for k, v in env.items()), "sh", "-c",
                          f"'{AGENT}' {action} >&2; echo $?", seconds=seconds + 30)
        return int(status)

    def pids(self, node):
        """Of its daemon, as seen from outside."""
        found, line = [], f"{BUILD}/x400d\0-f\0{self.conf(node)}\0".encode()
        for p in os.listdir("/proc"):
            try:
                if p.isdigit():
                    with open(f"/proc/{p}/cmdline", "rb") as f:
                        found += [int(p)] if f.read() == line else []
            except OSError:
                pass  # it ended meanwhile
        return found

    def up(self, node):
        node.take(self.virtual)
        equal(self.agent(node, "start"), SUCCESS, "start on " + node.name)
        equal(self.agent(node, "monitor"), SUCCESS, "monitor on " + node.name)
        self.on(node)

    def down(self, node):
        equal(self.agent(node, "stop"), SUCCESS, "stop on " + node.name)
        node.lose(self.virtual)
        equal(self.agent(node, "monitor"), NOT_RUNNING, "monitor on " + node.name)

    def check_packets(self):
        nodes = [a for n in self.nodes for a in n.addresses()]
        for c in self.captures:
            c.forbid(*nodes)
        equal(self.b.machine.dropped(), (0, 0), "dropped by the filter")


def moved(w, v6):
    c = Cluster(w, v6)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b, 3)
    at = time.monotonic()
    c.down(one)
    for _ in range(5):  # what comes meanwhile waits
        c.b.submit(user("Receiver", c.a.prmd))
    c.up(two)
    took = time.monotonic() - at
    c.a.wait_items(8, 60)
    exchange(c.a, c.b, 3)
    equal(len(c.a.items()), 11, "delivered on A, each once")
    c.check_packets()
    return f"away for {took:.1f} s"


def test_planned_move_v4(w):
    return moved(w, False)


def test_planned_move_v6(w):
    return moved(w, True)


def test_a_killed_node(w):
    c = Cluster(w)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b, 2)
    ids = [c.a.submit(user("Receiver", c.b.prmd)) for _ in range(20)]
    os.kill(c.pids(one)[0], signal.SIGKILL)
    at = time.monotonic()
    equal(c.agent(one, "monitor"), NOT_RUNNING, "monitor of what was killed")
    one.lose(c.virtual)
    c.up(two)
    c.b.submit(user("Receiver", c.a.prmd))
    c.a.wait_items(3, 60)
    took = time.monotonic() - at
    c.b.wait_items(2 + len(ids), 60)
    c.a.wait_empty(60)
    equal(len(c.b.items()), 2 + len(ids), "delivered on B, each once")
    c.check_packets()
    return f"first message after {took:.1f} s"


def test_the_second_node_waits_for_the_spool(w):
    c = Cluster(w)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b)
    equal(c.agent(two, "start", 8), 1, "a start while the other has the spool")
    check(len(c.pids(two)) == 1, "it waits")
    c.a.wait_event(20014)
    equal(c.agent(two, "monitor"), SUCCESS, "monitor of what waits: it runs and answers")
    exchange(c.a, c.b)
    c.down(one)
    c.on(two)
    wait_for("the second node has it", 20, lambda: c.a.ask("show", what="status")["serving"])
    two.take(c.virtual)
    exchange(c.a, c.b, 1, 90)  # it listens when it tries again
    c.check_packets()
