# SPDX-License-Identifier: BSD-2-Clause
"""Failover of the whole: two nodes with one spool (a bind mount) and one virtual address, and a peer whose packet filter
lets only that through, both ways. The address moves in the middle of large transfers, and during a stream of messages;
planned, and by SIGKILL with the node's network gone in the same moment, so that nobody hears a word of it.

Layouts: what the cluster engine does is played by the test.
    started     the file system is mounted only with the service; the engine starts the daemon after address and mount
    waiting     mounted on both nodes, both daemons run; the second one waits for the spool's lock
    follows     the same, and the spool follows the stack: only the address is moved, after `standby`, or without a word

COUNT is the number of messages each way in a stream; 1,000 and more take contents of 100 MB, less of 25 MB."""
import os
import threading
import time

from harness import Failure, check, equal, ipm, user, wait_for
from nodes import Node, only_the_virtual_address
from test_mail import content, envelope
from world import Stack

MB = 1 << 20
INTERRUPTED, RESUMED, NOT_RESUMED = 20107, 20108, 20109
STARTED, WAITING, FOLLOWS = "started", "waiting", "follows"
PLANNED, GONE, KILLED = "planned", "gone", "killed"  # how the active node loses the address
PACE = 0.05


class Cluster:
    """MTA-A on two nodes, MTA-B on the peer. Each node has sockets, log and configuration of its own."""

    def __init__(self, w, layout, lines=(), mbytes=None):
        self.w, self.layout = w, layout
        self.lan = w.network()
        hosts = [w.host(n, self.lan) for n in ("one", "two", "peer")]
        self.virtual = self.lan.address(100)
        self.b = w.mta_on(hosts[2], "MTA-B")
        one = Node(w, hosts[0], self.virtual, None, layout == FOLLOWS)
        self.nodes = [one, Node(w, hosts[1], self.virtual, one, layout == FOLLOWS)]
        for p in w.link(one, self.b):
            p.lines.update(lines)
        self.b.machine.only(self.virtual)
        if mbytes:
            for h in hosts:
                h.slow(self.lan, mbytes)
        self.captures = [w.capture(h, snap=128) for h in hosts]
        self.active = self.other = None
        for m in self.nodes:
            if layout == STARTED:
                m.stacks = [Stack("net", self.virtual)]
            else:
                m.mounts()

    # -- what an engine does --

    def begin(self):
        self.b.start()
        one, two = self.nodes
        one.machine.take(self.virtual)
        if self.layout == STARTED:
            one.mounts()
        one.start()
        if self.layout != STARTED:
            two.start(wait=False)
        self.active, self.other = one, two

    def give_up(self):
        """In order: the service, its file system, its address."""
        m = self.active
        if self.layout == FOLLOWS:
            m.ask("stack", name="net", action="standby", timeout=60)
        else:
            m.stop()
        if self.layout == STARTED:
            m.unmounts()
        m.machine.lose(self.virtual)

    def die(self):
        """SIGKILL, and its network is gone: what its system would say in its place reaches nobody."""
        m = self.active
        m.machine.dead()
        m.kill()
        m.machine.lose(self.virtual)

    def revive(self):
        """The node that died is there again, as the other one."""
        m = self.other
        m.machine.dead(False)
        if self.layout == STARTED:
            m.unmounts()
        else:
            m.start(wait=False)

    def take_over(self):
        m = self.other
        m.machine.take(self.virtual)
        if self.layout == STARTED:
            m.mounts()
            m.start()
        else:
            m.wait_ready(60)
        self.active, self.other = m, self.active

    def gone(self):
        """The address alone goes."""
        self.active.machine.lose(self.virtual)

    def move(self, how):
        {PLANNED: self.give_up, GONE: self.gone, KILLED: self.die}[how]()
        self.take_over()

    # -- what must be true --

    def check_packets(self):
        """No segment with a node address, neither seen nor counted by the filter."""
        only_the_virtual_address(self.captures, [m.machine for m in self.nodes], self.b)

    def events(self, *ids, **fields):
        """Of both nodes."""
        return [e for m in self.nodes if os.path.exists(m.log) for e in m.events(*ids, **fields)]


# ---- large transfers ----

def half(spool):
    """How many octets came of what is not complete."""
    total = 0
    for folder, _, files in os.walk(os.path.join(spool, "tmp")):
        for f in files:
            try:
                total += os.path.getsize(os.path.join(folder, f))
            except OSError:
                pass
    return total


def delivered_once(m, id, octets):
    wait_for(f"{id} delivered", 120, lambda: any(envelope(i)["id"] == id for i in m.items()), 0.05)
    return lambda: equal([content(i) == octets for i in m.items() if envelope(i)["id"] == id], [True],
                         f"{id}: delivered once, and equal to the octet")


def way(name, sender, wanted):
    """How a transfer went on, by its sender: it says what must be so, and why not."""
    resumed, anew = ([e for e in sender.events(id) if e["transfer"].startswith("the transfer of")] for id in (RESUMED, NOT_RESUMED))
    check(bool(resumed) == wanted, f"{name}: resumed {resumed}, from its start {anew}")
    return f"{name} " + (f"resumed behind {int(resumed[-1]['octets']) / MB:.0f} MB" if resumed else
                         f"sent again ({anew[-1]['what']})")


def moved(w, layout, sync, how):
    size = 100 if w.count >= 1000 else 25
    # A planned stop lets a transfer go on for 10 s; what is cut then must not be complete.
    rate = size / (20 if how == PLANNED else 8)
    c = Cluster(w, layout, {"checkpoint": f"checkpoint 30K window 5 recovery 60s sync {sync}"}, mbytes=rate)
    c.begin()
    out, back = (ipm(octets=os.urandom(size * MB)) for _ in range(2))
    to_b = c.active.submit(user("Receiver", c.b.prmd), out)
    to_a = c.b.submit(user("Receiver", c.active.prmd), back)
    for spool in (c.b.spool, os.path.join(c.nodes[0].storage, "spool")):
        wait_for("the middle of both", 60, lambda s=spool: half(s) > size * MB // 4)
    at = time.monotonic()
    check(not c.b.items() and not c.active.items(), "neither is complete")
    c.move(how)
    taken = time.monotonic() - at
    checks = [delivered_once(c.b, to_b, out)]
    there = time.monotonic() - at
    checks.append(delivered_once(c.active, to_a, back))
    here = time.monotonic() - at
    c.active.wait_empty(), c.b.wait_empty()
    for x in checks:
        x()
    equal((len(c.b.items()), len(c.active.items())), (1, 1), "items delivered")
    c.check_packets()
    # The receiver of the first lives on. Of the second it was killed, and knows what it synced.
    ways = way("to the peer", c.active, True), way("from the peer", c.b, how != KILLED or sync == "window")
    return (f"{size} MB each way, taken over after {taken:.1f} s; "
            f"{ways[0]}, there after {there:.1f} s; {ways[1]}, here after {here:.1f} s")


def test_planned_window_started(w):
    return moved(w, STARTED, "window", PLANNED)


def test_planned_never_started(w):
    return moved(w, STARTED, "never", PLANNED)


def test_killed_window_started(w):
    return moved(w, STARTED, "window", KILLED)


def test_killed_never_started(w):
    return moved(w, STARTED, "never", KILLED)


def test_planned_never_waiting(w):
    return moved(w, WAITING, "never", PLANNED)


def test_killed_window_waiting(w):
    return moved(w, WAITING, "window", KILLED)


def test_planned_window_follows(w):
    return moved(w, FOLLOWS, "window", PLANNED)


def test_planned_never_follows(w):
    return moved(w, FOLLOWS, "never", PLANNED)


def test_gone_window_follows(w):
    return moved(w, FOLLOWS, "window", GONE)


def test_gone_never_follows(w):
    return moved(w, FOLLOWS, "never", GONE)


def test_killed_window_follows(w):
    return moved(w, FOLLOWS, "window", KILLED)


def test_killed_never_follows(w):
    return moved(w, FOLLOWS, "never", KILLED)


# ---- a stream of messages ----

class Stream:
    """Messages from one user, each with a number in its text. Who is refused tries again, as people do; when it is not
    known what came of a submission, it is made again under another number, and the first may arrive or not."""

    def __init__(self, sender, prmd, n):
        self.sender, self.prmd, self.n = sender, prmd, n
        self.sure, self.perhaps, self.stop = [], [], False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def start(self):
        self.thread.start()

    def once(self, text):
        m = self.sender()
        try:
            m.submit(user("Receiver", self.prmd), ipm(text=text))
            return True
        except (FileNotFoundError, ConnectionRefusedError):
            return False  # nobody was there
        except Exception:
            self.perhaps.append(text)
            return False

    def run(self):
        attempt = 0
        while len(self.sure) < self.n and not self.stop:
            attempt += 1
            text = f"number {attempt}."
            if self.once(text):
                self.sure.append(text)
            time.sleep(PACE)

    def settle(self, m):
        """All that were accepted are there, once."""
        wait_for(f"messages accepted for {m.prmd}", self.n * PACE * 4 + 60, lambda: len(self.sure) >= self.n, 0.2)
        self.thread.join()
        wait_for(f"messages delivered on {m.name}", 180, lambda: len(m.items()) >= self.n, 0.5)
        for sender in (self.sender(), m):
            sender.wait_empty(60)
        return sum(self.counted(m).values())

    def counted(self, m):
        found = {}
        for item in m.items():
            text = text_of(item)
            found[text] = found.get(text, 0) + 1
        lost = [t for t in self.sure if t not in found]
        twice = [t for t, k in found.items() if k > 1]
        strange = [t for t in found if t not in self.sure and t not in self.perhaps]
        if lost or twice or strange:
            raise Failure(f"on {m.name}: lost {lost[:9]}, twice {twice[:9]}, of nobody {strange[:9]}")
        return found


def text_of(item):
    octets = content(item)
    at = octets.index(b"number ")
    return octets[at:octets.index(b".", at) + 1].decode()


def killed(c, there, here):
    """The active node dies, the other takes over: how long that needs, and until the first message each way is through,
    where there still is one."""
    c.die()
    at, had = time.monotonic(), (len(c.b.items()), len(c.nodes[0].items()))
    c.take_over()
    times = {"taken over": time.monotonic() - at}

    def both():
        for m, h in waits:
            if m.name not in times and len(m.items()) > h:
                times[m.name] = time.monotonic() - at
        return len(times) == 1 + len(waits)
    waits = [(m, h) for s, m, h in zip((there, here), (c.b, c.active), had) if s.thread.is_alive()]
    wait_for("the next message each way", 90, both)
    return ", ".join(f"{what} {s:.1f} s" for what, s in times.items())


def stream(w, layout, kills=3):
    n = w.count if w.count >= 10 else 200
    c = Cluster(w, layout)
    c.begin()
    there, here = Stream(lambda: c.active, c.b.prmd, n), Stream(lambda: c.b, c.active.prmd, n)
    begun, notes = time.monotonic(), []
    there.start(), here.start()
    for k in range(kills):
        wait_for("more of both", n * PACE * 4 + 60,
                 lambda k=k: min(len(c.b.items()), len(c.active.items())) >= n * (k + 1) // (kills + 1), 0.01)
        if k > 0:
            c.revive()
        notes.append(killed(c, there, here))
    counts = there.settle(c.b), here.settle(c.active)
    took = time.monotonic() - begun
    c.check_packets()
    unknown = len(there.perhaps) + len(here.perhaps)
    return (f"{n} each way, {counts[0]} and {counts[1]} delivered, each once; "
            f"{unknown} submissions without an answer; killed {kills} times, first message then on each after: {'; '.join(notes)}; "
            f"{took:.0f} s in all")


def test_stream_started(w):
    return stream(w, STARTED)


def test_stream_waiting(w):
    return stream(w, WAITING)


def test_stream_follows(w):
    return stream(w, FOLLOWS)
