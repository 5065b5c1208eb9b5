# SPDX-License-Identifier: BSD-2-Clause
"""Two nodes and one spool. Storage that both nodes have mounted, or only the one with the service; daemons that run on both
all the time, the second of which waits for the lock, or for the address that the spool follows; kill -9, planned moves, and
addresses that come and go. The peer's packet filter knows only the virtual address."""
import os
import subprocess
import threading
import time

from harness import BUILD, TOP, check, equal, ipm, user, wait_for
from nodes import Node, only_the_virtual_address
from world import exchange

TAKEN, AWAITED, CLOSING, RELEASED, HELD = 20026, 20025, 20027, 20028, 20014


class Pair:
    def __init__(self, w, v6=False, follows=False, mounted=True, nodes=2):
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
        self.captures = [w.capture(h) for h in self.hosts[:nodes] + [peer]]
        if mounted:
            for n in self.nodes:
                n.mounts()

    def check(self, n_a, n_b):
        """So many items on both sides, each once; no packet with a node's own address."""
        a, b = self.nodes[0], self.b
        equal((len(a.items()), len(b.items())), (n_a, n_b), "delivered on A and on B, each once")
        only_the_virtual_address(self.captures, self.hosts, b)


def refused_with(node, what):
    """Commands that need the spool are refused at once, and say why."""
    command = [os.path.join(BUILD, "bin", "x400")]
    for words in (["show", "queue"], ["show", "associations"], ["queue", "hold", "--all", "--yes"], ["peer", "mta-b", "connect"]):
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


def test_an_address_that_moves_alone(w):
    """The spool follows the stack: both daemons run all the time, and only the address is moved, without a word."""
    c = Pair(w, follows=True)
    (one, two), b = c.nodes, c.b
    b.start()
    for n in c.nodes:
        n.start(wait=False)
        e = n.wait_event(AWAITED)[0]
        check("follows stack net" in e["what"] and c.virtual in e["what"], f"event {AWAITED}: {e['text']}")
        refused_with(n, c.virtual)
        equal(n.open_spool(), [], "nothing of the spool is open")
    sent, slowest = 0, 0
    for k in range(6):
        here, there = c.nodes[k % 2], c.nodes[1 - k % 2]
        here.machine.take(c.virtual)
        slowest = max(slowest, here.wait_serving())
        check(not there.serves(), "one serves")
        for _ in range(2):
            here.submit(user("Receiver", b.prmd)), b.submit(user("Receiver", "ALPHA"))
        sent += 2
        here.wait_items(sent, 120), b.wait_items(2 * k + 2, 120)
        if k == 4:  # perhaps under way when the address goes; its sender may know of that only by TCP's keepalive
            b.submit(user("Receiver", "ALPHA"), ipm(octets=bytes(3_000_000)))
            sent += 1
        here.machine.lose(c.virtual)
        wait_for("the spool is given up", 20, lambda: here.status()["state"] == "waiting" and not here.open_spool(), 0.02)
        closing = here.wait_event(CLOSING)[-1]
        check(c.virtual in closing["what"], f"why: {closing['text']}")
        here.wait_event(RELEASED)
    one.machine.take(c.virtual)
    one.wait_serving()
    one.wait_items(sent, 90)
    b.wait_empty(60), one.wait_empty(60)
    for n in c.nodes:
        check(not n.events(2219), "every end was orderly")
        check(len(n.events(TAKEN)) >= 3, "taken over")
        equal(len(n.events(20001)), 1, "started once")
    c.check(sent, 12)
    two.stop(), one.stop()
    return f"serves at most {slowest:.2f} s after the address"


def test_killed_with_a_spool_that_follows(w):
    c = Pair(w, follows=True)
    (one, two), b = c.nodes, c.b
    b.start()
    one.machine.take(c.virtual)
    one.start(), two.start(wait=False)
    two.wait_event(AWAITED)
    exchange(one, b, 2)
    ids = [one.submit(user("Receiver", b.prmd)) for _ in range(50)]
    two.machine.take(c.virtual)  # before the other is dead: as when the engine fences late
    wait_for("two waits for the lock", 20, lambda: (two.status()["holder"] or {}).get("pid") == one.pid)
    one.kill()
    one.machine.lose(c.virtual)
    took = two.wait_serving()
    two.wait_event(2219)
    two.machine.run("arping", "-q", "-U", "-c", "1", "-I", "lan", c.virtual, fails=True)
    b.wait_items(2 + len(ids), 60)
    exchange(two, b, 2, 60)
    c.check(4, 4 + len(ids))
    return f"serves {took:.2f} s after the kill"


def test_an_address_that_flaps(w):
    """50 times, quicker than a spool is closed: nothing is stuck, lost or left behind."""
    c = Pair(w, follows=True, nodes=1)
    one, b = c.nodes[0], c.b
    one.machine.take(c.virtual)
    b.start(), one.start()
    exchange(one, b, 2)

    def held():
        return len(os.listdir(f"/proc/{one.pid}/fd")), one.memory("VmRSS")

    def round(k):
        one.machine.lose(c.virtual)
        time.sleep((k % 7) * 0.03)
        one.machine.take(c.virtual)
        time.sleep((k % 5) * 0.1)
    for k in range(5):
        round(k)
    one.wait_serving()
    exchange(one, b, 2, 60)
    before = held()
    stop, sent = threading.Event(), []

    def send():
        while not stop.is_set():
            sent.append(b.submit(user("Receiver", "ALPHA")))
            time.sleep(0.1)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for k in range(50):
            round(k)
    finally:
        stop.set()
        sender.join()
    one.wait_serving()
    one.wait_items(4 + len(sent), 90)
    b.wait_empty(60), one.wait_empty(60)
    after = held()
    check(after[0] <= before[0] + 10, f"descriptors: {before[0]} before, {after[0]} after")
    check(after[1] <= before[1] + 10_000 or "E2E_NO_MEMORY" in os.environ, f"memory: {before[1]} K before, {after[1]} K after")
    check(not one.events(2219), "orderly ends only")
    c.check(4 + len(sent), 4)
    one.stop()
    return f"{len(one.events(RELEASED))} times released; {before[0]} descriptors before, {after[0]} after; {before[1]} K and {after[1]} K"


def test_a_spool_that_is_not_mounted(w):
    """What follows a stack is never made: the address may be here before the file system."""
    c = Pair(w, follows=True, mounted=False, nodes=1)
    one, b = c.nodes[0], c.b
    one.machine.take(c.virtual)
    b.start(), one.start(wait=False)
    e = one.wait_event(AWAITED)[0]
    check("not mounted" in e["what"], f"event {AWAITED}: {e['text']}")
    equal(os.listdir(one.mount), [], "nothing is made below the mount point")
    one.mounts()
    one.wait_serving()
    exchange(one, b, 1)
    one.machine.lose(c.virtual)
    wait_for("given up", 20, lambda: one.status()["state"] == "waiting")
    one.unmounts()
    one.stop()
    c.check(1, 1)


def test_planned_move_by_command(w):
    """`x400 stack net standby` is answered when the lock is given back: the file system can be unmounted, and moves along."""
    c = Pair(w, follows=True, mounted=False)
    b, slowest = c.b, 0
    command = [os.path.join(BUILD, "bin", "x400"), "stack", "net"]
    b.start()
    for n in c.nodes:
        n.start(wait=False)
        n.wait_event(AWAITED)
    for k in range(4):
        here, there = c.nodes[k % 2], c.nodes[1 - k % 2]
        here.machine.take(c.virtual)
        here.mounts()
        p = subprocess.run(command + ["active", "-f", here.conf], capture_output=True, text=True)
        check(p.returncode == 0, f"x400 stack net active: {p.stderr}")
        here.wait_serving()
        exchange(here, b, 2, 60)
        here.submit(user("Receiver", b.prmd), ipm(octets=bytes(3_000_000)))
        begun = time.monotonic()
        p = subprocess.run(command + ["standby", "-f", here.conf], capture_output=True, text=True)
        slowest = max(slowest, time.monotonic() - begun)
        check(p.returncode == 0, f"x400 stack net standby: {p.stderr}")
        equal((here.status()["state"], here.open_spool()), ("waiting", []), "when the command is done")
        check("operator" in here.status()["waiting_for"], f"what it waits for: {here.status()}")
        here.unmounts()
        here.machine.lose(c.virtual)
        check(not here.events(1294) and not there.serves(), "nothing was cut off")
    one = c.nodes[0]
    one.machine.take(c.virtual)
    one.mounts()
    p = subprocess.run(command + ["active", "-f", one.conf], capture_output=True, text=True)
    check(p.returncode == 0 and "its spool has to be opened first" in p.stdout, f"x400 stack net active: {p.stdout}{p.stderr}")
    one.wait_serving()
    b.wait_items(12, 60)
    one.wait_empty(60)
    # who was called cannot release: it aborts, with a reason that says to come again
    check(all("temporary problem" in e["what"] for e in b.events(1294)), f"events 1294: {b.events(1294)}")
    check(not one.events(2219), "all in order")
    c.check(8, 12)
    return f"on standby within {slowest:.1f} s"


def test_the_agent_with_daemons_that_stay(w):
    """daemon=no: the engine moves the address and the stack; a start is done when the daemon serves."""
    c = Pair(w, follows=True)
    b, slowest = c.b, 0
    agent = os.path.join(TOP, "packaging", "cluster", "x400d.ocf")

    def ask(node, action, seconds=30):
        env = dict(binary=os.path.join(BUILD, "x400d"), client=os.path.join(BUILD, "bin", "x400"), config=node.conf, user="",
                   stack="net", daemon="no", CRM_meta_timeout=str(seconds * 1000))
        env = {"OCF_RESKEY_" + k: v for k, v in env.items()}
        return subprocess.run([agent, action], env=dict(os.environ, **env), stderr=subprocess.DEVNULL).returncode

    b.start()
    for n in c.nodes:
        n.start(wait=False)
        n.wait_event(AWAITED)
    equal(ask(c.nodes[1], "start", 8), 1, "a start without the address")
    equal(ask(c.nodes[1], "stop"), 0, "a stop of what does not serve")
    for k in range(4):
        here, there = c.nodes[k % 2], c.nodes[1 - k % 2]
        begun = time.monotonic()
        here.machine.take(c.virtual)
        equal(ask(here, "start"), 0, "start")
        slowest = max(slowest, time.monotonic() - begun)
        check(here.serves(), "a start is done when the daemon serves")
        equal((ask(here, "monitor"), ask(there, "monitor")), (0, 7), "monitors")
        exchange(here, b, 2, 60)
        equal(ask(here, "stop"), 0, "stop")
        equal((here.open_spool(), here.running()), ([], True), "the spool is closed, the daemon stays")
        here.machine.lose(c.virtual)
    c.check(8, 8)
    return f"a start took at most {slowest:.1f} s"
