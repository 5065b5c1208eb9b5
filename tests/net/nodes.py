# SPDX-License-Identifier: BSD-2-Clause
"""Two nodes with one spool and one virtual address: as an MTA on each node, which mounts the storage (Node), and as the
resource agent's daemons (AgentCluster). And what is true of each of them: nothing but the virtual address is seen."""
import os
import time

from harness import BUILD, TOP, Refused, equal, wait_for
from world import NetMta, Stack

AGENT = os.path.join(TOP, "packaging", "cluster", "x400d.ocf")
SUCCESS, NOT_RUNNING = 0, 7


def only_the_virtual_address(captures, hosts, peer):
    """No segment with an address of one of these hosts, neither seen nor counted by the filter of the peer's host."""
    for c in captures:
        c.forbid(*(a for h in hosts for a in h.addresses()))
    equal(peer.machine.dropped(), (0, 0), "dropped by the filter")


class Node(NetMta):
    """MTA-A on one of the nodes: its own configuration file, log and sockets; spool, peers and deliveries are shared."""

    def __init__(self, w, machine, virtual, first=None, follows=False):
        super().__init__(w, "MTA-A", machine, virtual, "ALPHA")
        self.dir = os.path.join(self.dir, machine.name)
        self.mount = os.path.join(self.dir, "mounted")
        os.makedirs(self.mount)
        self.log, self.conf = os.path.join(self.dir, "events"), os.path.join(self.dir, "x400d.conf")
        self.stacks, self.follows = [Stack("net", virtual, "virtual")], "net" if follows else None
        self.storage = os.path.join(w.dir, "storage")
        self.spool = os.path.join(self.mount, "spool")
        os.makedirs(os.path.join(self.storage, "spool"), 0o700, exist_ok=True)
        if first:
            self.peers, self.routes, self.delivers = first.peers, first.routes, first.delivers
        w.mtas.append(self)

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


class AgentCluster:
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
        only_the_virtual_address(self.captures, self.nodes, self.b)
