# SPDX-License-Identifier: BSD-2-Clause
"""The two cluster engines with real daemons: two nodes with one spool and one virtual address, and a peer whose packet
filter knows only that. Each test prints how long nobody had the address, and when the first message was through."""
import os
import subprocess
import time

from engines import Boot, Keepalived, Pacemaker, needs
from harness import BUILD, check, equal, user, wait_for
from nodes import AGENT, AgentCluster
from world import exchange


FINISH, DISCONNECT, ABORT = 9, 10, 25  # SPDUs of X.225


class Mail:
    """What is sent while the address moves: once each second or so one message each way, and everything arrives once."""

    def __init__(self, c):
        self.c, self.sent = c, {c.a: 0, c.b: 0}
        self.had = {m: len(m.items()) for m in (c.a, c.b)}

    def from_peer(self, n=1):
        for _ in range(n):
            self.c.b.submit(user("Receiver", self.c.a.prmd))
        self.sent[self.c.b] += n

    def from_cluster(self, n=1):
        for _ in range(n):
            self.c.a.submit(user("Receiver", self.c.b.prmd))
        self.sent[self.c.a] += n

    def arrived(self):
        a, b = self.c.a, self.c.b
        a.wait_items(self.had[a] + self.sent[b], 90), b.wait_items(self.had[b] + self.sent[a], 90)
        b.wait_empty(60), a.wait_empty(60)
        equal((len(a.items()), len(b.items())), (self.had[a] + self.sent[b], self.had[b] + self.sent[a]), "delivered, each once")


def released(c, address, before):
    """Every connection with the address ended before the address went, and both sides know: those that the cluster called
    by FINISH and DISCONNECT; of the others, which only the peer may release, by ABORT or the same. None by a reset."""
    seen = {}
    for s in c.captures[-1].segments():
        if s.time >= before or address not in (s.src, s.dst):
            continue
        called = s.dport == 102 and s.src == address or s.sport == 102 and s.dst == address
        spdus = seen.setdefault((called, frozenset(((s.src, s.sport), (s.dst, s.dport)))), [])
        if s.payload[:1] == b"\x03" and s.payload[5:7] == b"\xf0\x80":  # TPKT, DT TPDU, SPDU
            spdus.append(s.payload[7])
        if s.rst:
            spdus.append("reset")
    for (called, ends), spdus in seen.items():
        in_order, aborted = {FINISH, DISCONNECT} <= set(spdus), not called and ABORT in spdus
        check((in_order or aborted) and "reset" not in spdus, f"the end of {sorted(ends)}: {spdus[-4:]}")
    check(any(called for called, _ in seen) and len(seen) >= 2, f"connections both ways: {list(seen)}")
    return len(seen)


def follow(c):
    """The daemon runs on both nodes, started again whenever it ends, with a stack and a spool that follow the address."""
    c.a.stacks[0].lines.append("virtual")
    c.a.follows = "net"
    os.makedirs(c.a.spool)
    for n in c.nodes:
        c.on(n)
        with open(c.conf(n), "w") as f:
            f.write(c.a.text())
    return lambda conf: f"(while :; do {BUILD}/x400d -d -f {conf} 2>>{c.a.log}; sleep 1; done) &"


class PacemakerCluster(AgentCluster):
    def __init__(self, w, v6=False, daemon="yes"):
        super().__init__(w, v6)
        self.run = follow(self) if daemon == "no" else lambda conf: ""
        self.stack = {"daemon": "no", "stack": "net"} if daemon == "no" else {}
        self.engine = Pacemaker(self.nodes, w.dir)
        self.lan = self.nodes[0].networks[0]

    def parameters(self):
        """The same text on all nodes: each has its own file and sockets behind it."""
        return dict(binary=os.path.join(BUILD, "x400d"), client=os.path.join(BUILD, "bin", "x400"), user="root",
                    config="/run/x400d.conf", ask_timeout="2", **self.stack)

    def boot(self):
        """Each node has a configuration of its own, with sockets of its own; the resource names one place for it."""
        self.engine.start(script=lambda n: f"cp {self.conf(n)} /run/x400d.conf\n" + self.run("/run/x400d.conf"))
        self.engine.group(self.lan.name, self.virtual, self.parameters())
        self.engine.wait_runs("x400d", self.nodes[0])

    def daemons(self, node):
        words = ["-d"] if self.stack else []
        return self.engine.boots[node].pids(os.path.join(BUILD, "x400d"), *words, "-f", "/run/x400d.conf")


def pacemaker_runs(w, v6=False, daemon="yes"):
    c = PacemakerCluster(w, v6, daemon)
    c.b.start()
    # the second node waits until the first has everything: it shall not be chosen
    c.boot()
    c.on(c.nodes[0])
    exchange(c.a, c.b, 3)
    return c


def usable_after(node, address, at):
    wait_for(f"{address} is usable on {node.name}", 60, lambda: node.usable(address), 0.05)
    return time.monotonic() - at


def pacemaker_standby(w, v6, daemon="yes"):
    c = pacemaker_runs(w, v6, daemon)
    one, two = c.nodes
    mail = Mail(c)
    at, clock = time.monotonic(), time.time()
    c.engine.standby(one)
    moved = usable_after(two, c.virtual, at)
    mail.from_peer(5)
    c.engine.wait_runs("x400d", two)
    c.on(two)
    c.a.wait_items(mail.had[c.a] + 1, 60)
    first = time.monotonic() - at
    mail.from_cluster(5)
    mail.arrived()
    equal(len(c.daemons(one)), 1 if c.stack else 0, "daemons on the first node")
    n = released(c, c.virtual, clock + moved)
    c.check_packets()
    return f"address after {moved:.1f} s, mail after {first:.1f} s, {n} connections released before"


def test_pacemaker_standby_v4(w):
    return pacemaker_standby(w, False)


def test_pacemaker_standby_v6(w):
    return pacemaker_standby(w, True)


def test_pacemaker_standby_of_a_stack_v4(w):
    return pacemaker_standby(w, False, "no")


def test_pacemaker_standby_of_a_stack_v6(w):
    return pacemaker_standby(w, True, "no")


def pacemaker_node_killed(w, daemon):
    c = pacemaker_runs(w, daemon=daemon)
    one, two = c.nodes
    mail = Mail(c)
    mail.from_cluster(20)
    at = time.monotonic()
    c.engine.boots[one].die()
    mail.from_peer(5)
    moved = usable_after(two, c.virtual, at)
    c.engine.wait_runs("x400d", two)
    c.on(two)
    c.a.wait_items(mail.had[c.a] + 1, 60)
    first = time.monotonic() - at
    mail.arrived()
    c.check_packets()
    return f"address after {moved:.1f} s, mail after {first:.1f} s"


def test_pacemaker_node_killed(w):
    return pacemaker_node_killed(w, "yes")


def test_pacemaker_node_with_a_stack_killed(w):
    return pacemaker_node_killed(w, "no")


def pacemaker_asks(w, daemon):
    """A daemon that is there and does nothing has failed: it is ended, and started again on the same node."""
    c = pacemaker_runs(w, daemon=daemon)
    one = c.nodes[0]
    mail = Mail(c)
    old = c.daemons(one)
    equal(len(old), 1, "daemons")
    at = time.monotonic()
    c.engine.on(one, "kill", "-STOP", str(old[0]))
    mail.from_peer(3)
    new = wait_for("another daemon", 60, lambda: [p for p in c.daemons(one) if p not in old], 0.1)
    equal(len(new), 1, "daemons")
    c.a.wait_items(mail.had[c.a] + 3, 60)
    took = time.monotonic() - at
    c.engine.wait_runs("x400d", one)
    mail.from_cluster(3)
    mail.arrived()
    return f"mail after {took:.1f} s"


def test_pacemaker_asks_the_daemon(w):
    return pacemaker_asks(w, "yes")


def test_pacemaker_asks_the_daemon_of_a_stack(w):
    return pacemaker_asks(w, "no")


# ---- keepalived ----

SERVICE, STACK = ["--service", "x400d"], ["net"]


class KeepalivedCluster(AgentCluster):
    """What the script looks after goes with the address: the service, or a stack of a daemon that is always there."""

    def __init__(self, w, words, v6=False):
        super().__init__(w, v6)
        self.words = words
        run = follow(self) if words == STACK else lambda conf: ""
        self.engine = Keepalived(self.nodes, self.nodes[0].networks[0].name, self.virtual, words, self.conf)
        self.b.start()
        one, two = self.nodes
        self.engine.start(one, run(self.conf(one)))
        wait_for("the first node has the address", 20, lambda: one.usable(self.virtual))
        self.on(one)
        wait_for("its daemon serves", 20, self.serves)
        self.engine.start(two, run(self.conf(two)))
        exchange(self.a, self.b, 3)

    def release(self, node):
        """Before the address goes: what keepalived cannot do."""
        if self.words == STACK:
            self.engine.boots[node].run(os.path.join(BUILD, "bin", "x400"), "stack", "net", "standby", "-f", self.conf(node))
        else:
            self.engine.service(node, "stop")

    def serves(self):
        try:
            return self.a.ask("show", what="status")["serving"]
        except OSError:
            return False


def keepalived_fails_over(c, how):
    one, two = c.nodes
    mail = Mail(c)
    at, clock = time.monotonic(), time.time()
    how(one)
    moved = usable_after(two, c.virtual, at)
    mail.from_peer(5)
    c.on(two)
    wait_for("the second daemon serves", 60, c.serves)
    c.a.wait_items(mail.had[c.a] + 1, 60)
    first = time.monotonic() - at
    mail.from_cluster(5)
    mail.arrived()
    c.check_packets()
    return clock + moved, f"address after {moved:.1f} s, mail after {first:.1f} s"


def keepalived_planned(w, words, v6):
    c = KeepalivedCluster(w, words, v6)

    def leave(node):
        c.release(node)
        c.engine.stop(node)
    when, times = keepalived_fails_over(c, leave)
    return f"{times}, {released(c, c.virtual, when)} connections released before"


def test_keepalived_planned_v4(w):
    return keepalived_planned(w, SERVICE, False)


def test_keepalived_planned_v6(w):
    return keepalived_planned(w, SERVICE, True)


def test_keepalived_planned_with_a_stack_v4(w):
    return keepalived_planned(w, STACK, False)


def test_keepalived_planned_with_a_stack_v6(w):
    return keepalived_planned(w, STACK, True)


def keepalived_killed(w, words):
    c = KeepalivedCluster(w, words)
    return keepalived_fails_over(c, lambda node: c.engine.boots[node].die())[1]


def test_keepalived_node_killed(w):
    return keepalived_killed(w, SERVICE)


def test_keepalived_node_with_a_stack_killed(w):
    return keepalived_killed(w, STACK)


def test_keepalived_stopped_without_a_word(w):
    """The address is gone before the script is called; it stops the service all the same."""
    c = KeepalivedCluster(w, SERVICE)
    times = keepalived_fails_over(c, c.engine.stop)[1]
    wait_for("the first daemon ends", 30, lambda: not c.pids(c.nodes[0]))
    return times


def test_keepalived_stopped_without_a_word_with_a_stack(w):
    """The daemon sees by itself that the address is gone, and drops what is bound to it."""
    c = KeepalivedCluster(w, STACK)
    return keepalived_fails_over(c, c.engine.stop)[1]


# ---- the agent by itself ----

def test_agent_passes_ocf_tester(w):
    needs("ocf-tester", "xmllint")
    c = PacemakerCluster(w)
    one = c.nodes[0]
    one.take(c.virtual)
    os.makedirs(os.path.join(one.etc, "pam.d"))  # it asks another user by su whether the agent may be run
    one.write("pam.d/su", "".join(f"{x} sufficient pam_permit.so\n" for x in ("auth", "account", "session")))
    boot = Boot(one, f"cp {c.conf(one)} /run/x400d.conf")
    words = [x for k, v in c.parameters().items() for x in ("-o", f"{k}={v}")]
    out = boot.run("ocf-tester", "-n", "x400d", *words, AGENT, seconds=120)
    check("passed all tests" in out, out)
    wrong = boot.run("ocf-tester", "-n", "x400d", "-o", "config=/nonexistent", AGENT, fails=True, seconds=60)
    check("passed all tests" not in wrong, wrong)


def test_agent_meta_data_is_valid(w):
    needs("xmllint", "ocf-tester")
    path = os.path.join(w.dir, "meta.xml")
    with open(path, "w") as f:
        subprocess.run([AGENT, "meta-data"], stdout=f, check=True)
    schemas = "/usr/share/resource-agents/"
    for kind in (["--relaxng", schemas + "metadata.rng"], ["--dtdvalid", schemas + "ra-api-1.dtd"]):
        p = subprocess.run(["xmllint", "--noout", "--path", schemas, *kind, path], capture_output=True, text=True)
        equal(p.returncode, 0, p.stderr)
