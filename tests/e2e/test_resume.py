# SPDX-License-Identifier: BSD-2-Clause
"""Interrupted transfers: cut by a proxy at a checkpoint, by killing and stopping either side; resumed behind what was
confirmed, or begun anew when that cannot be; the content is equal to the octet, and delivered once."""
import collections
import os
import time

from harness import Failure, check, equal, ipm, user, wait_for
from test_mail import content, envelope
from wire import Caller, Hung, Proxy, dt, message, spdu

MB = 1 << 20
INTERRUPTED, RESUMED, NOT_RESUMED, REFUSED = 20107, 20108, 20109, 20110
MIA, RESUME, START, EXCEPTION, ABORTED = 50, 29, 45, 48, 25


def spdu_of(tpkt):
    """The identifier of the first SPDU of a TSDU that is not a token SPDU."""
    if tpkt[5:6] != b"\xf0":
        return None
    return tpkt[9] if tpkt[7:9] in (b"\1\0", b"\2\0") and len(tpkt) > 9 else tpkt[7]


class Wire:
    """A between from A to B that cuts, or calls a function, at the numbers of confirmed checkpoints in `at` (counted over
    all connections); counts the octets that A sends on each connection."""

    def __init__(self, w, a, b, at=(), do=None):
        self.at, self.do, self.confirmed, self.refuse = set(at), do, 0, False
        self.up, self.resumes, self.starts = collections.Counter(), 0, 0
        self.proxy = Proxy(w, b.host, (b.host, w.port), a.host, self.watch)
        p = a.peers[b.name.lower()]
        p.host, p.port = self.proxy.address

    def watch(self, direction, tpkt):
        kind = spdu_of(tpkt)
        if self.refuse:
            return None
        if direction == "up":
            self.up[self.proxy.connections] += len(tpkt)
            self.resumes += kind == RESUME
            self.starts += kind == START
        elif kind == MIA:
            self.confirmed += 1
            if self.confirmed in self.at:
                if self.do is None:
                    return None
                return self.do()
        return True


def a_content(size):
    return ipm(octets=os.urandom(size))


def once(a, b, id, octets, seconds=30):
    a.wait_empty(seconds)
    item, = b.wait_items(1)
    check(content(item) == octets, "the content is equal to the octet")
    equal(envelope(item)["id"], id, "what was delivered")
    b.wait_event(20203, mts_id=id)
    equal(len(b.events(20201, mts_id=id)), 1, "how often B took it")
    equal(len(b.events(20203, mts_id=id)), 1, "how often B delivered it")
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    equal(os.listdir(os.path.join(b.spool, "tmp")), [], "what is left half on B")


def start(w, *mtas):
    for m in mtas:
        m.start()


def pair(w, at=(), do=None, line="checkpoint 30K window 3", both=None):
    a, b = w.pair()
    for m, other in ((a, "mta-b"), (b, "mta-a")):
        m.peers[other].lines["checkpoint"] = both or line
    return a, b, Wire(w, a, b, at, do)


def test_cut_once(w):
    a, b, wire = pair(w, [40])
    start(w, a, b)
    octets = a_content(3 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(len(a.events(INTERRUPTED)), 1, "A was interrupted")
    equal(len(b.events(INTERRUPTED)), 1, "B was interrupted")
    behind = int(a.events(RESUMED)[0]["octets"])
    equal(wire.resumes, 1, "ACTIVITY RESUME")
    check(38 * 30 * 1024 < behind < 40 * 30 * 1024, f"resumed behind {behind}")
    rest = len(octets) - behind
    check(rest < wire.up[2] < rest + 20000, f"the second connection had {wire.up[2]} octets, {rest} were left")
    equal(b.events(NOT_RESUMED), [], "what could not be resumed")


def test_cut_many_times(w):
    a, b, wire = pair(w, [5, 6, 20, 41, 60, 80])
    start(w, a, b)
    octets = a_content(3 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(len(a.events(RESUMED)), 6, "resumed by A")
    equal(wire.starts, 1, "ACTIVITY START")


def test_cut_in_x410_mode(w):
    a, b, wire = pair(w, [40])
    a.peers["mta-b"].lines["mode"] = "mode x410-1988"
    start(w, a, b)
    octets = a_content(2 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(len(a.events(RESUMED)), 1, "resumed by A")


def test_stopped_sender(w):
    """Stopped in order in mid-transfer, and killed: what it knows of the transfer is in its spool."""
    for kill in (False, True):
        slow = []

        def hold():
            slow.append(time.monotonic())
            time.sleep(0.06)
            return True
        if w.mtas:
            w.mtas.clear()
            w.port += 1
            for name in os.listdir(w.dir):
                os.rename(os.path.join(w.dir, name), os.path.join(w.dir, f"{name}.{len(os.listdir(w.dir))}"))
        a, b, wire = pair(w, range(1, 1000), hold)
        start(w, a, b)
        octets = a_content(2 * MB)
        id = a.submit(user("Receiver", "BETA"), octets)
        wait_for("a while", 20, lambda: wire.confirmed >= 30)
        if kill:
            a.kill()
        else:
            a.process.terminate()
            time.sleep(0.3)
            wire.proxy.cut()
            a.stop(asked=True)
        wire.do = lambda: True
        before = wire.starts
        a.start()
        once(a, b, id, octets)
        equal(len(a.events(RESUMED)), 1, "resumed by A")
        equal(wire.starts, before, "ACTIVITY START")


def test_stopped_receiver(w):
    """Stopped in order: it keeps what came, whatever it syncs in between."""
    a, b, wire = pair(w, [40], None)
    stopped = []

    def stop():
        b.process.terminate()
        wait_for("B stops", 30, lambda: not b.running())
        stopped.append(True)
        return None
    wire.do = stop
    start(w, a, b)
    octets = a_content(3 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    wait_for("B was stopped", 40, lambda: stopped)
    b.start()
    once(a, b, id, octets)
    equal(len(b.events(RESUMED)), 1, "resumed by B")
    equal(wire.starts, 1, "ACTIVITY START")


def killed_receiver(w, k, sync, size, fresh=True):
    a, b, wire = pair(w, [k], None, f"checkpoint 30K window 3 recovery 60s sync {sync}")
    killed = []

    def kill():
        if not killed:
            b.kill()
            killed.append(True)
        return None
    wire.do = kill
    start(w, a, b)
    octets = a_content(size)
    id = a.submit(user("Receiver", "BETA"), octets)
    wait_for("B was killed", 20, lambda: killed)
    b.start()
    once(a, b, id, octets)
    return a, b, wire


def test_killed_receiver_that_syncs(w):
    a, b, wire = killed_receiver(w, 20, "window", MB)
    equal(len(b.events(RESUMED)), 1, "resumed by B")
    equal(wire.starts, 1, "ACTIVITY START")


def test_killed_receiver_that_does_not(w):
    a, b, wire = killed_receiver(w, 20, "never", MB)
    equal(b.events(RESUMED), [], "resumed by B")
    equal(wire.starts, 2, "ACTIVITY START")
    equal(len(b.events(REFUSED)), 1, "B refuses the recovery")
    check("nothing is kept" in b.events(REFUSED)[0]["text"], "and says why")
    equal(len(a.events(NOT_RESUMED)), 1, "A begins anew")


def test_recovery_time_over(w):
    a, b, wire = pair(w, [20], line="checkpoint 30K window 3 recovery 2s")
    start(w, a, b)

    def cut():
        wire.refuse = True
    wire.do = cut
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    b.wait_event(NOT_RESUMED)
    a.wait_event(NOT_RESUMED)
    check("recovery time" in a.events(NOT_RESUMED)[0]["text"], "A says why")
    equal(os.listdir(os.path.join(b.spool, "tmp")), [], "what is left half on B")
    wire.refuse = False
    once(a, b, id, octets)
    equal(wire.starts, 2, "ACTIVITY START")


def test_peer_that_does_not_recover(w):
    """`recovery none` at B: it answers cannot-recover in RTORJ."""
    a, b, wire = pair(w, [20])
    b.peers["mta-a"].lines["checkpoint"] = "checkpoint 30K window 3 recovery none"
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(len(a.events(NOT_RESUMED)), 1, "A begins anew")
    equal(a.events(20103), [], "no attempt is counted")
    equal(wire.starts, 2, "ACTIVITY START")


def test_completed(w):
    """All came, but A does not hear so: when it resumes it is told, and nothing is sent twice."""
    a, b, wire = pair(w)

    def watch(direction, tpkt):
        if direction == "down" and spdu_of(tpkt) == 42 and wire.proxy.connections == 1:
            return None
        return wire.watch(direction, tpkt)
    wire.proxy.watch = watch
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(b.events(20206), [], "duplicates at B")
    equal(len(a.events(20202, mts_id=id)), 1, "transferred by A")
    check(wire.up[2] < 30000, f"the second connection had {wire.up[2]} octets")
