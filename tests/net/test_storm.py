# SPDX-License-Identifier: BSD-2-Clause
"""A storm: for a minute the virtual address of one stack comes and goes 50 times, the name of its peer leads to other
addresses each second, and another peer never answers. Mail to and from a fourth one keeps its rate; nothing is lost; then
memory and descriptors are what they were, and the events of the storm can be counted."""
import multiprocessing
import os
import shutil
import tempfile
import time

from harness import check, equal, user, wait_for
from world import Stack, exchange

FLAPS, SECONDS, CALM = 50, 60, 20
BATCH = 20
MAIL = (20201, 20202, 20203)  # the events that each message has
# Resident memory may be so much more than what as many messages take without a storm: each leaves some 0.7 K in SQLite's
# page cache, until that is full (16 MB, and what the allocator adds).
MEMORY_K, CACHE_K = 4096, 20480


class Storm:
    def __init__(self, w):
        self.w = w
        lan = w.network()
        left, self.right, self.third, dead, names = (w.host(n, lan) for n in ("left", "right", "third", "dead", "names"))
        self.virtual, self.left = lan.address(100), left
        a = self.a = w.mta_on(left, "MTA-A")
        a.stacks = [Stack("still", left.v4()), Stack("moving", self.virtual, "virtual")]
        self.b, self.c, d = w.mta_on(self.right, "MTA-B"), w.mta_on(self.third, "MTA-C"), w.mta_on(dead, "MTA-D")
        to_b, _ = w.link(a, self.b)
        to_c, from_c = w.link(a, self.c)
        to_d, _ = w.link(a, d)
        to_b.lines["via"] = to_d.lines["via"] = 'via "still"'
        to_c.lines["via"] = 'via "moving"'
        to_c.connects = ["mta-c.example.net"]
        from_c.connects, from_c.accept = [self.virtual], self.virtual
        memory = tempfile.mkdtemp(prefix="x400d-storm-", dir="/dev/shm")  # the rate shall not be that of a busy disk
        w.closers.append(lambda: shutil.rmtree(memory, ignore_errors=True))
        for m in (a, self.b, self.c):
            m.spool, m.delivered = (os.path.join(memory, f"{m.name}-{x}") for x in ("spool", "delivered"))
            m.delivers = [(f'country "GB" admd "DEMO" prmd "{m.prmd}"', m.delivered)]
            for p in m.peers.values():
                p.lines["associations"] = "associations at most 4 idle 2s"
        dead.silent(dead.v4())
        self.decoys = [lan.address(60 + k) for k in range(4)]  # nobody has them
        self.server = w.name_server(names, {"mta-c": [self.third.v4()]})
        left.resolves_with(names.v4())

    # -- mail --

    def rate(self, seconds):
        """Messages a second both ways between A and B, a batch at a time; and by how many K A has grown for each."""
        begun, done, memory = time.monotonic(), 0, self.a.memory("VmRSS")
        while time.monotonic() - begun < seconds:
            for _ in range(BATCH):
                self.a.submit(user("Receiver", self.b.prmd)), self.b.submit(user("Receiver", self.a.prmd))
            for m in (self.a, self.b):
                self.took(m, self.b if m is self.a else self.a)
            done += 2 * BATCH
        return done / (time.monotonic() - begun), (self.a.memory("VmRSS") - memory) / done

    def took(self, m, sender):
        """Waits until the batch is there, each once, and takes it away. A's items of C are not counted."""
        def mine():
            return [i for i in m.items() if os.path.basename(i).startswith(f"PRMD_{sender.prmd}_")]
        wait_for(f"a batch on {m.name}", 60, lambda: len(mine()) >= BATCH)
        items = mine()
        equal(len(items), BATCH, f"items of one batch on {m.name}")
        for i in items:
            shutil.rmtree(i)

    # -- the storm --

    def blow(self):
        """In a process of its own, which does not slow down the one that sends."""
        for k in range(FLAPS):
            at = time.monotonic()
            self.left.lose(self.virtual)
            self.server.set({"mta-c": [self.decoys[k % 4], self.third.v4()] if k % 3 else self.decoys[:2]})
            self.a.submit(user("Receiver", self.c.prmd)), self.c.submit(user("Receiver", self.a.prmd))
            time.sleep(SECONDS / FLAPS / 2)
            self.left.run("ip", "addr", "add", self.virtual + "/32", "dev", "lan")
            time.sleep(max(0, at + SECONDS / FLAPS - time.monotonic()))
        self.server.set({"mta-c": [self.third.v4()]})

    # -- what the daemon holds --

    def descriptors(self):
        kinds = {}
        folder = f"/proc/{self.a.pid}/fd"
        for n in os.listdir(folder):
            try:
                kind = os.readlink(os.path.join(folder, n)).split(":")[0]
            except OSError:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
        return kinds

    def rests(self):
        """Nothing is under way: associations ended, no call."""
        return not self.a.ask("show", what="associations")


def test_storm(w):
    s = Storm(w)
    a, b, c = s.a, s.b, s.c
    s.left.take(s.virtual)
    for m in (a, b, c):
        m.start()
    exchange(a, c, 3), exchange(a, b, 3)
    for m in (a, b, c):
        for i in m.items():
            shutil.rmtree(i)
    memory = a.memory("VmRSS")
    calm, each = s.rate(CALM)
    wait_for("rest", 30, s.rests)
    descriptors = s.descriptors()

    never = [a.submit(user("Receiver", "DELTA")) for _ in range(10)]
    events = len(a.events())
    storm = multiprocessing.get_context("fork").Process(target=s.blow, daemon=True)
    storm.start()
    rate, _ = s.rate(SECONDS)
    storm.join(60)
    equal(storm.exitcode, 0, "the storm's end")
    wait_for("what C sent", 60, lambda: len(a.items()) >= FLAPS), c.wait_items(FLAPS, 60)
    equal((len(a.items()), len(c.items())), (FLAPS, FLAPS), "messages with C, each once")
    grown = a.memory("VmRSS") - memory  # before the questions below, which take some for their answers
    a.wait_queue(never, 60)

    raised = [e for e in a.events()[events:] if e["id"] not in MAIL]
    counts = {i: sum(e["id"] == i for e in raised) for i in sorted({e["id"] for e in raised})}
    for i in (20021, 20022):
        check(0 < counts.get(i, 0) <= FLAPS, f"once for each time that the address went or came: {counts}")
    check(len(raised) <= 15 * FLAPS, f"events: {counts}")

    a.ask("queue", action="delete", ids=never)
    wait_for(f"the descriptors of before, {descriptors}", 60, lambda: s.descriptors() == descriptors, 0.2)
    after, each_after = s.rate(CALM)
    more = grown - min(CACHE_K, max(each, each_after) * (calm * CALM + rate * SECONDS + 2 * FLAPS))
    check(more <= MEMORY_K, f"resident memory grew by {grown} K, {more:.0f} K more than what the messages take")
    ratio = rate / min(calm, after)  # other work on the machine comes and goes meanwhile
    check(ratio > 0.5, f"{rate:.0f} messages/s in the storm, {calm:.0f} before and {after:.0f} after")
    return (f"{rate:.0f} messages/s, {calm:.0f} before and {after:.0f} after: ratio {ratio:.2f}; memory {grown:+} K, {more:+.0f} K "
            f"against what the messages take; descriptors {sum(descriptors.values())} as before; events {counts}")
