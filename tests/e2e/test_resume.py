# SPDX-License-Identifier: BSD-2-Clause
"""Interrupted transfers: cut by a proxy at a checkpoint, by killing and stopping either side; resumed behind what was
confirmed, or begun anew when that cannot be; the content is equal to the octet, and delivered once."""
import collections
import os
import random
import time

from harness import check, der, equal, ipm, user, wait_for
from test_mail import content, envelope
from campaign.relay import (ACTIVITY_END_ACK, ACTIVITY_RESUME, ACTIVITY_START, MINOR_SYNC_ACK, MINOR_SYNC_POINT,
                            spdu_of)
from wire import ACSE, BER, MTSE, MTS_TRANSFER, RTSE_SYNTAX, Caller, Hung, Proxy, dt, message, spdu

MB = 1 << 20
INTERRUPTED, RESUMED, NOT_RESUMED, REFUSED = 20107, 20108, 20109, 20110
FINISH, DISCARD, DISCARD_ACK, EXCEPTION, ABORT = 9, 57, 58, 48, 25


class Wire:
    """Between A and B: cuts, or calls a function, at the numbers of checkpoints in `at`, counted over all connections
    (of those confirmed, or `asked`: those sent); counts the octets that A sends on each connection."""

    def __init__(self, w, a, b, at=(), do=None, asked=False):
        self.at, self.do, self.confirmed, self.refuse = set(at), do, 0, False
        self.counted = ("up", MINOR_SYNC_POINT) if asked else ("down", MINOR_SYNC_ACK)
        self.up, self.resumes, self.starts = collections.Counter(), 0, 0
        self.proxy = Proxy(w, b.host, (b.host, w.port), a.host, self.watch)
        p = a.peers[b.name.lower()]
        p.host, p.port = self.proxy.address

    def sever(self):
        """As `do`: cuts, and so every call that comes after it."""
        self.refuse = True

    def watch(self, direction, tpkt):
        kind = spdu_of(tpkt)
        if self.refuse:
            return None
        if direction == "up":
            self.up[self.proxy.connections] += len(tpkt)
            self.resumes += kind == ACTIVITY_RESUME
            self.starts += kind == ACTIVITY_START
        if (direction, kind) == self.counted:
            self.confirmed += 1
            if self.confirmed in self.at:
                if self.do is None:
                    return None
                return self.do()
        return True


def a_content(size):
    return ipm(octets=os.urandom(size))


def once(a, b, id, octets, seconds=30, left=False):
    """left: B may keep half of it, until its recovery time is over."""
    a.wait_empty(seconds)
    b.wait_event(20203, mts_id=id)
    item, = [i for i in b.items() if envelope(i)["id"] == id]
    check(content(item) == octets, "the content is equal to the octet")
    equal(len(b.events(20201, mts_id=id)), 1, "how often B took it")
    equal(len(b.events(20203, mts_id=id)), 1, "how often B delivered it")
    equal(a.recipient_states(id), ["transferred"], "the message on A")
    check(left or os.listdir(os.path.join(b.spool, "tmp")) == [], "something is left half on B")


def start(w, *mtas):
    for m in mtas:
        m.start()


def pair(w, at=(), do=None, line="checkpoint 30K window 3", asked=False):
    a, b = w.pair()
    for m, other in ((a, "mta-b"), (b, "mta-a")):
        m.peers[other].lines["checkpoint"] = line
    return a, b, Wire(w, a, b, at, do, asked)


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


def test_killed_fast_sender(w):
    """Many checkpoints a second: what it stored last is not too far behind for the receiver."""
    def wait():
        time.sleep(1.2)  # long enough for a row
        return True
    a, b, wire = pair(w, [1], wait)
    start(w, a, b)
    octets = a_content(30 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    wait_for("most of it", 30, lambda: wire.confirmed >= 900)
    a.kill()
    check(not b.events(20201, mts_id=id), "it was killed before the end")
    a.start()
    once(a, b, id, octets)
    equal(len(a.events(RESUMED)), 1, "resumed by A")
    equal(wire.starts, 1, "ACTIVITY START")


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


class Killer:
    """A and B, where B is killed -9 when A sends the k-th checkpoint of a transfer, before or after B confirmed those
    before it."""

    def __init__(self, w, sync):
        self.a, self.b, self.wire = pair(w, (), self.kill, f"checkpoint 30K window 3 recovery 60s sync {sync}", asked=True)
        self.killed = True
        start(w, self.a, self.b)

    def kill(self):
        if self.killed:
            return True
        time.sleep(random.random() / 50)
        self.b.kill()
        self.killed = True
        return None

    def at(self, k, size):
        """The number of resumptions at B."""
        before = len(self.b.events(RESUMED))
        self.wire.confirmed, self.wire.at, self.killed = 0, {k}, False
        octets = a_content(size)
        id = self.a.submit(user("Receiver", "BETA"), octets)
        wait_for("B was killed", 20, lambda: self.killed)
        self.b.process.wait()
        self.b.start()
        once(self.a, self.b, id, octets, left=True)
        return len(self.b.events(RESUMED)) - before


def test_killed_receiver_that_syncs(w):
    k = Killer(w, "window")
    equal(k.at(20, MB), 1, "resumed by B")
    equal(k.wire.starts, 1, "ACTIVITY START")


def test_killed_receiver_that_does_not(w):
    k = Killer(w, "never")
    equal(k.at(20, MB), 0, "resumed by B")
    equal(k.wire.starts, 2, "ACTIVITY START")
    equal(len(k.b.events(REFUSED)), 1, "B refuses the recovery")
    check("nothing is kept" in k.b.events(REFUSED)[0]["text"], "and says why")
    equal(len(k.a.events(NOT_RESUMED)), 1, "A begins anew")


def crash_at_checkpoints(w, sync):
    """At every checkpoint of 1 MB in the full tier, at some of them else."""
    points = 34
    chosen = range(1, points + 1) if w.count >= 10 else [1 + k * (points - 1) // max(w.count - 1, 1)
                                                         for k in range(w.count)]
    killer, resumed = Killer(w, sync), 0
    for k in chosen:
        resumed += killer.at(k, MB)
    equal(len(killer.b.items()), len(chosen), "what B delivered")
    return f"killed at {len(chosen)} of {points} checkpoints, resumed {resumed} times"


def test_crash_at_checkpoints_with_sync(w):
    return crash_at_checkpoints(w, "window")


def test_crash_at_checkpoints_without_sync(w):
    return crash_at_checkpoints(w, "never")


def test_recovery_time_over(w):
    a, b, wire = pair(w, [20], line="checkpoint 30K window 3 recovery 2s")
    start(w, a, b)
    wire.do = wire.sever
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    a.wait_event(INTERRUPTED)
    said = a.message(id)["recipients"][0]["text"]
    check(said.startswith("interrupted at 5") and " of 10" in said, f"what `show message` says: {said}")
    wait_for("what hinders it now is the last failure", 10,
             lambda: a.peer_status("mta-b")["last_failure"].startswith(("connect: ", "transport: ")))
    equal(a.queue()[0]["recipients"][0]["last_error"], said, "what `show queue` says")
    b.wait_event(NOT_RESUMED)
    a.wait_event(NOT_RESUMED)
    check("recovery time" in a.events(NOT_RESUMED)[0]["text"], "A says why")
    wait_for("nothing is left half on B", 5, lambda: os.listdir(os.path.join(b.spool, "tmp")) == [])
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
        if direction == "down" and spdu_of(tpkt) == ACTIVITY_END_ACK and wire.proxy.connections == 1:
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


def test_every_resumption_cut(w):
    """Three that come no further, and it begins anew."""
    a, b, wire = pair(w, [20])

    def watch(direction, tpkt):
        verdict = wire.watch(direction, tpkt)
        return None if direction == "up" and spdu_of(tpkt) == ACTIVITY_RESUME else verdict
    wire.proxy.watch = watch
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets, left=True)
    equal((wire.resumes, wire.starts), (3, 2), "ACTIVITY RESUME and START")
    equal(len(a.events(NOT_RESUMED)), 1, "A begins anew")


def answer_resume(wire, answer):
    """On its second connection B is a peer that recovers the association, and does not know the activity."""
    def watch(direction, tpkt):
        verdict = wire.watch(direction, tpkt)
        kind = spdu_of(tpkt)
        if direction == "down" or wire.proxy.connections != 2 or not wire.resumes:
            return verdict
        if kind == ACTIVITY_RESUME:
            wire.proxy.links[-1].near.sendall(answer)
        if kind == DISCARD:
            wire.proxy.links[-1].near.sendall(dt(b"\2\0" + spdu(DISCARD_ACK)))
        return kind == FINISH
    wire.proxy.watch = watch


def test_exception_on_resumption(w):
    """As some stacks refuse: S-U-EXCEPTION-REPORT, sequence error. The next activity is on the same association, or
    another; no attempt is counted."""
    a, b, wire = pair(w, [20])
    answer_resume(wire, dt(b"\2\0" + spdu(EXCEPTION, spdu(50, b"\3"))))
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    a.wait_event(NOT_RESUMED)
    check("sequence error" in a.events(NOT_RESUMED)[0]["text"], "A says why")
    once(a, b, id, octets, left=True)
    equal((wire.resumes, wire.starts), (1, 2), "ACTIVITY RESUME and START")
    equal(a.events(20103), [], "failed transfers")


def test_abort_on_resumption(w):
    """The peer's user aborts: it is tried once more."""
    a, b, wire = pair(w, [20])
    answer_resume(wire, dt(spdu(ABORT, spdu(17, b"\3"))))
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal((wire.resumes, wire.starts), (2, 1), "ACTIVITY RESUME and START")


def test_mode_changed_meanwhile(w):
    """What was interrupted in one mode cannot go on in another."""
    a, b, wire = pair(w, [20])
    wire.do = wire.sever
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    a.wait_event(INTERRUPTED)
    a.peers["mta-b"].lines["mode"] = "mode x410-1988"
    a.write()
    a.ask("reload")
    wire.refuse = False
    once(a, b, id, octets, left=True)
    equal(wire.starts, 2, "ACTIVITY START")
    equal(len(a.events(NOT_RESUMED)), 1, "A begins anew")


def references(tpkt):
    """User and common reference of a CONNECT, as they stand in RTORQ."""
    at, found = tpkt.index(b"\x0a", 8), {}
    while len(found) < 2:
        code, n = tpkt[at], tpkt[at + 1]
        found[code] = tpkt[at + 2:at + 2 + n]
        at += 2 + n
    return found[10] + found[11]


class Recoverer(Caller):
    def recover_octets(self, session):
        if self.protocol is not None:
            rtorq = der(0xA1, der(0x80, b"\1"), der(0x82, b"\0"), der(0xA3, der(0xA1, session)), der(0x84, self.protocol))
            return self.connect_octets(der(0x31, der(0xA0, der(0x80, b"\0")), rtorq))
        rtorq = der(0xB0, der(0x80, b"\x1e"), der(0x82, b"\0"), der(0xA3, der(0xA1, session)))
        aarq = der(0x60, der(0xA1, der(0x06, MTS_TRANSFER)),
                   der(0xBE, der(0x28, der(0x06, BER), der(0x02, b"\x03"), der(0xA0, rtorq))))
        contexts = [der(0x30, der(0x02, bytes([i])), der(0x06, syntax), der(0x30, der(0x06, BER)))
                    for i, syntax in ((1, ACSE), (3, RTSE_SYNTAX), (5, MTSE))]
        return self.connect_octets(der(0x31, der(0xA0, der(0x80, b"\x01")),
                                       der(0xA2, der(0xA4, *contexts),
                                           der(0x61, der(0x30, der(0x02, b"\x01"), der(0xA0, aarq))))))

    def recover(self, session):
        self.transport()
        self.send(self.recover_octets(session))
        answer = self.receive()
        return answer[3:4] == b"\x0e", answer


def test_somebody_else_recovers(w):
    """The session connection identifier is no secret: another address is refused, and A's own address gets nothing but
    the interrupted transfer."""
    a, b, wire = pair(w, [20])
    seen = []

    def watch(direction, tpkt):
        if direction == "up" and tpkt[7:8] == b"\x0d":
            seen.append(references(tpkt))
        return wire.watch(direction, tpkt)
    wire.proxy.watch = watch
    wire.do = wire.sever
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    b.wait_event(INTERRUPTED)
    accepted, answer = Recoverer(b, None, None, source="127.0.0.15").recover(seen[0])
    check(not accepted and b"\x80\x01\x01" in answer, "cannot-recover")
    b.wait_event(REFUSED, remote="127.0.0.15")
    check("mta-a" in b.events(REFUSED)[0]["text"], "the event names the peer")
    accepted, _ = Recoverer(b, None, None, source=a.host).recover(seen[0][:-1] + b"X")
    check(not accepted, "an association that never was")
    thief = Recoverer(b, None, None, source=a.host)
    accepted, _ = thief.recover(seen[0])
    check(accepted, "from where it was")
    try:
        taken = thief.transfer(message("1", ipm()))
    except Hung:
        taken = False
    thief.close()
    check(not taken, "another message over the association that was recovered")
    b.wait_event(20105)
    wire.refuse = False
    once(a, b, id, octets)
    equal(len(a.events(RESUMED)), 1, "A resumes all the same")
    equal(len(b.items()), 1, "what B delivered")


def test_alive_and_recovered(w):
    """B does not see that the connection is gone: a wrong address does no harm to it, the right one ends it."""
    a, b, wire = pair(w, [20])
    seen, cut = [], []

    def watch(direction, tpkt):
        if direction == "up" and tpkt[7:8] == b"\x0d":
            seen.append(references(tpkt))
        return wire.watch(direction, tpkt)
    wire.proxy.watch = watch

    def stall():
        if not cut:
            cut.append(wire.proxy.links[-1])
            wire.proxy.stalled = True
        return True
    wire.do = stall
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    wait_for("the transfer stalls", 20, lambda: cut)
    accepted, _ = Recoverer(b, None, None, source="127.0.0.15").recover(seen[0])
    check(not accepted, "from another address")
    equal([x["id"] for x in b.ask("show", what="associations")], ["A1"], "the associations of B")
    equal(b.events(INTERRUPTED), [], "what was interrupted")
    again = Proxy(w, b.host, (b.host, w.port), a.host)
    p = a.peers["mta-b"]
    p.host, p.port = again.address
    a.write()
    a.ask("reload")
    cut[0].near.shutdown(2)  # A's end only
    once(a, b, id, octets)
    wire.proxy.stalled = False
    equal(len(b.events(RESUMED)), 1, "resumed by B")
    check("over another association" in b.events(INTERRUPTED)[0]["text"], "why B ended the first")


def test_operator_and_interrupted(w):
    """What waits to be resumed can be held and deleted."""
    a, b, wire = pair(w, [20, 50])
    wire.do = wire.sever
    start(w, a, b)
    first = a.submit(user("Receiver", "BETA"), a_content(MB))
    a.wait_event(INTERRUPTED)
    wait_for("it waits", 5, lambda: "interrupted" in str(a.queue()))
    equal(a.ask("queue", action="hold", ids=[a.queue()[0]["message"]])["done"], 1, "held")
    wire.refuse = False
    time.sleep(1.5)
    equal(b.items(), [], "what B delivered")
    equal(a.ask("queue", action="delete", all=True)["done"], 1, "deleted")
    a.wait_empty()
    check("operator" in a.events(NOT_RESUMED)[0]["text"], "the event says why")
    equal(a.recipient_states(first), ["deleted"], "the message on A")


def test_interrupted_on_the_same_association(w):
    """An exception report without a reason: A interrupts the activity, and resumes it where it is."""
    def report():
        wire.proxy.links[-1].near.sendall(dt(b"\2\0" + spdu(EXCEPTION, spdu(50, b"\0"))))
        return True
    a, b, wire = pair(w, [20, 50], report)
    start(w, a, b)
    octets = a_content(3 * MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal((wire.proxy.connections, wire.resumes, wire.starts), (1, 2, 1), "connections, ACTIVITY RESUME and START")
    equal((len(a.events(RESUMED)), len(b.events(RESUMED))), (2, 2), "resumed")


def another_address(w, address, listed):
    a, b, wire = pair(w, [20])
    b.peers["mta-a"].accept = f"{a.host}, {listed}"

    def move():
        wire.proxy.source = address
        return None
    wire.do = move
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    once(a, b, id, octets)
    equal(len(b.events(RESUMED)), 1, "resumed by B")
    equal(len([e for e in b.events(20101) if e["remote"].startswith(address + ":")]), 1, "associations from there")


def test_another_address_that_is_listed(w):
    """A calls again from another of its addresses: `accept from` has it."""
    another_address(w, "127.0.0.18", "127.0.0.18")


def test_another_address_that_is_listed_by_name(w):
    another_address(w, "127.0.0.1", "localhost")


def test_too_many_interrupted(w):
    """A peer that opens many transfers and leaves them: the oldest give way, and all go after the recovery time."""
    a, b = w.pair()
    b.peers["mta-a"].lines["checkpoint"] = "checkpoint 1K window 2 recovery 3s"
    b.peers["mta-a"].lines["associations"] = "associations at most 50"
    b.start()
    secret = b.peers["mta-a"].password_in
    for k in range(14):
        begin_half(b, secret, a.host, b"2611201000%02dZ" % k, message(str(k), bytes(40000))).close()
    b.wait_event(INTERRUPTED)
    wait_for("the oldest gave way", 10, lambda: len(b.events(NOT_RESUMED)) >= 4)
    wait_for("all are gone", 15, lambda: len(b.events(NOT_RESUMED)) == 14)
    wait_for("nothing is left half on B", 5, lambda: os.listdir(os.path.join(b.spool, "tmp")) == [])


def half_octets(octets):
    """The first slice of an APDU of 40,000 octets of content in an EXTERNAL of indefinite length."""
    external = b"\x28\x80" + der(0x02, b"\x05") + b"\xa0\x80" + octets
    return dt(b"\1\0\1\0" + der(0x61, der(0x30, der(0x02, b"\x03"), der(0xA0, der(0x04, external)))))


def test_by_turns(w):
    """What B sent over A's call, and was cut, goes on over A's next one, which binds."""
    a, b, wire = pair(w, [20])
    for m in (a, b):
        for p in m.peers.values():
            p.lines["dialogue"] = "dialogue two-way-alternate"
    b.peers["mta-a"].calls = False

    def watch(direction, tpkt):  # the directions change places
        return wire.watch("down" if direction == "up" else "up", tpkt)
    wire.proxy.watch = watch
    start(w, a, b)
    octets = a_content(MB)
    id = b.submit(user("Receiver", "ALPHA"), octets)
    a.submit(user("Receiver", "BETA"))
    b.wait_event(INTERRUPTED), a.wait_event(INTERRUPTED)
    wait_for("B takes it back", 5, lambda: b.peer_status("mta-a")["transferring"] == 0)
    a.submit(user("Receiver", "BETA"))
    once(b, a, id, octets)
    equal((len(b.events(RESUMED)), len(a.events(RESUMED))), (1, 1), "resumed")
    equal(a.events(REFUSED) + b.events(NOT_RESUMED), [], "what could not be resumed")


def one_trouble(rng, mtas, proxies):
    x = rng.random()
    if x < 0.8:
        rng.choice(proxies).cut()
        return
    m = rng.choice(mtas)
    if x < 0.9:
        m.kill()
    else:
        m.process.terminate()
        for p in proxies:
            p.cut()
        m.stop(asked=True)
    m.start()


def test_crash_and_cut_at_random(w):
    """Both sides send while connections are cut and daemons are killed and stopped: everything arrives, once."""
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    a, b = w.pair()
    options = [f"checkpoint {rng.choice((4, 30))}K window {rng.choice((1, 3, 10))} sync {rng.choice(('never', 'window'))}",
               f"dialogue {rng.choice(('monologue', 'two-way-alternate'))}",
               f"mode {rng.choice(('normal', 'x410-1988'))}"]
    proxies = []
    for m, other in ((a, b), (b, a)):
        p = m.peers[other.name.lower()]
        p.lines.update((line.split()[0], line) for line in options)
        proxies.append(Proxy(w, other.host, (other.host, w.port), m.host))
        p.host, p.port = proxies[-1].address
    start(w, a, b)
    note = f"seed {seed}: {', '.join(options)}"
    sent = {a: {}, b: {}}
    for _ in range(10):
        for m, to in ((a, "BETA"), (b, "ALPHA")):
            octets = a_content(rng.choice((1000, 40_000, 300_000, 2_000_000)))
            sent[m][m.submit(user("Receiver", to), octets)] = octets
    for _ in range(10 * w.count):
        time.sleep(rng.random() / 5)
        one_trouble(rng, (a, b), proxies)
    a.wait_empty(60), b.wait_empty(60)
    for m, other in ((a, b), (b, a)):
        wait_for(f"all of {m.name} ({note})", 20, lambda: len(other.items()) >= len(sent[m]))
        got = [(envelope(i)["id"], content(i)) for i in other.items()]
        equal(len(got), len(sent[m]), f"what {other.name} delivered ({note})")
        check(dict(got) == sent[m], f"all contents are equal to the octet ({note})")
    return f"{note}; resumed {len(a.events(RESUMED)) + len(b.events(RESUMED))} times, seen from both sides"


def begin_half(b, secret, source, when, apdu, name="MTA-A"):
    """A call whose first transfer is in the middle: one checkpoint of its half is confirmed."""
    c = Caller(b, name, secret, source=source)
    c.when = when
    c.open(checkpoint=1)
    half(c, apdu)
    return c


def half(c, apdu):
    c.send(c.start_octets() + half_octets(apdu[:2000]) + dt(b"\1\0" + spdu(MINOR_SYNC_POINT, spdu(42, b"1"))))
    while spdu_of(b"\3\0\0\0" + c.receive()) != MINOR_SYNC_ACK:
        pass


def last_octets(apdu):
    rest = der(0x61, der(0x30, der(0x02, b"\x03"), der(0xA0, der(0x04, apdu[2000:] + bytes(4)))))
    return dt(b"\1\0\1\0" + rest) + dt(b"\1\0" + spdu(41, spdu(42, b"2")))


def finish(c, apdu):
    c.send(last_octets(apdu))
    while spdu_of(b"\3\0\0\0" + c.receive()) != ACTIVITY_END_ACK:
        pass


def resume(b, source, session, when, protocol=None):
    """Recovers, and resumes behind the first checkpoint."""
    c = Recoverer(b, None, None, source=source, protocol=protocol)
    c.when = when
    accepted, _ = c.recover(session)
    if not accepted:
        return c, False
    link = spdu(33, spdu(10, session[:5]), spdu(11, session[5:]), spdu(41, der(0x02, b"\1")), spdu(42, b"1"))
    c.send(dt(b"\1\0" + spdu(29, link, spdu(41, der(0x02, b"\7")))))
    return c, True


def namesakes(w, lines="checkpoint 1K window 2"):
    a, b = w.pair()
    b.peers["mta-a"].lines["checkpoint"] = lines
    b.start()
    when = b"261120101112Z"
    return a.host, b, b.peers["mta-a"].password_in, when, der(0x14, b"e2e") + der(0x17, when)


def namesake_is_complete(w, how):
    """Two associations called in the same second have one name, as those of some old stacks do, and so have their first
    activities. That one is complete does not say so of the other."""
    host, b, secret, when, session = namesakes(w)
    one, two = message("1", ipm(octets=b"1" * 40000)), message("2", ipm(octets=b"2" * 40000))
    how(b, lambda apdu: begin_half(b, secret, host, when, apdu), one, two)
    b.wait_event(1294)
    c, accepted = resume(b, host, session, when)
    if accepted:
        wait_for("it is refused", 10, lambda: [e for e in b.events(NOT_RESUMED) if "kept of it" in e["text"]])
    c.close()
    equal([e["text"] for e in b.events(NOT_RESUMED) if "complete here" in e["text"]], [], "told to be complete")
    equal(b.events(RESUMED), [], "what was resumed")


def test_namesake_complete_before(w):
    def how(b, begin, one, two):
        c = begin(one)
        finish(c, one)
        c.close()
        begin(two).close()
    namesake_is_complete(w, how)


def test_namesake_complete_after(w):
    def how(b, begin, one, two):
        begin(one).close()
        b.wait_event(INTERRUPTED)
        c = begin(two)
        finish(c, two)
        c.close()
    namesake_is_complete(w, how)


def test_namesake_complete_meanwhile(w):
    def how(b, begin, one, two):
        c, other = begin(one), begin(two)
        finish(c, one)
        c.close()
        other.close()
    namesake_is_complete(w, how)


def namesakes_are_not_mixed(w, restart, lines="checkpoint 1K window 2"):
    """Both are interrupted: the one does not go on where the other ended."""
    host, b, secret, when, session = namesakes(w, lines)
    one, two = message("1", ipm(octets=b"1" * 40000)), message("2", ipm(octets=b"2" * 40000))
    c, other = begin_half(b, secret, host, when, one), begin_half(b, secret, host, when, two)
    if restart == "kill":
        b.kill()
    c.close()
    other.close()
    if restart != "kill":
        wait_for("both have ended", 10, lambda: len(b.events(1294)) == 2)
    if restart == "stop":
        b.stop()
    if restart:
        b.start()
    c, accepted = resume(b, host, session, when)
    if accepted:
        c.send(last_octets(two))
        wait_for("it is refused", 10, lambda: [e for e in b.events(NOT_RESUMED) if "kept of it" in e["text"]])
    c.close()
    equal(b.events(RESUMED), [], "what was resumed")
    equal(b.items(), [], "what was delivered")
    wait_for("nothing is left half on B", 5, lambda: os.listdir(os.path.join(b.spool, "tmp")) == [])


def test_namesakes_are_not_mixed(w):
    namesakes_are_not_mixed(w, None)


def test_namesakes_are_not_mixed_after_a_stop(w):
    namesakes_are_not_mixed(w, "stop")


def test_namesakes_are_not_mixed_after_a_kill(w):
    namesakes_are_not_mixed(w, "kill", "checkpoint 1K window 2 recovery 60s sync window")


def test_activities_of_one_name(w):
    """A peer that calls all its activities the same: on one association only one can be meant, the last."""
    host, b, secret, when, session = namesakes(w)
    one, two = message("1", ipm(octets=b"1" * 40000)), message("2", ipm(octets=b"2" * 40000))
    c = begin_half(b, secret, host, when, one)
    finish(c, one)
    c.activity = 0
    half(c, two)
    c.close()
    b.wait_event(INTERRUPTED)
    c, accepted = resume(b, host, session, when)
    check(accepted, "the association is recovered")
    finish(c, two)
    equal(len(b.events(RESUMED)), 1, "resumed")
    b.wait_items(2)
    c.close()


def test_resumed_and_ended_early(w):
    """All came, unconfirmed behind the first checkpoint; the sender goes on there, and ends without what it owes."""
    host, b, secret, when, session = namesakes(w)
    apdu = message("1", ipm(octets=b"1" * 3000))
    c = Caller(b, "MTA-A", secret, source=host, protocol=b"\x0c")
    c.when = when
    c.open(checkpoint=1)
    c.send(c.start_octets() + dt(b"\1\0\1\0" + apdu[:2000]) + dt(b"\1\0" + spdu(MINOR_SYNC_POINT, spdu(42, b"1"))))
    while spdu_of(b"\3\0\0\0" + c.receive()) != MINOR_SYNC_ACK:
        pass
    c.send(c.data_octets(apdu[2000:]))
    c.close()
    b.wait_event(INTERRUPTED)
    c, accepted = resume(b, host, session, when, protocol=b"\x0c")
    check(accepted, "the association is recovered")
    c.send(dt(b"\1\0" + spdu(41, spdu(42, b"2"))))
    b.wait_event(RESUMED)
    b.wait_event(20105, 5)
    equal(b.items(), [], "what was delivered")
    c.close()


def test_namesake_of_another_peer(w):
    """Another peer's association has the same name, by chance or on purpose: the address tells them apart."""
    host, b, secret, when, session = namesakes(w)
    c = w.mta("MTA-C")
    w.link(b, c)
    b.write()
    b.ask("reload")
    one, two = message("1", ipm(octets=b"1" * 40000)), message("2", ipm(octets=b"2" * 40000))
    begin_half(b, secret, host, when, one).close()
    wait_for("the first is kept", 10, lambda: len(b.events(INTERRUPTED)) == 1)
    alive = begin_half(b, b.peers["mta-c"].password_in, c.host, when, two, "MTA-C")
    caller, accepted = resume(b, host, session, when)
    check(accepted, "the association is recovered")
    finish(caller, one)
    finish(alive, two)
    b.wait_items(2)
    equal([(e["peer"]) for e in b.events(RESUMED)], ["mta-a"], "resumed")
    alive.close(), caller.close()


def reloaded(*mtas):
    for m in mtas:
        m.write()
        m.ask("reload")


def kept_and_reloaded(w, change):
    """Both sides keep an interrupted transfer when the configuration changes: nothing of it stays, and the message
    arrives once."""
    a, b, wire = pair(w, [20])

    def hold():
        wire.refuse = True
    wire.do = hold
    start(w, a, b)
    octets = a_content(MB)
    id = a.submit(user("Receiver", "BETA"), octets)
    b.wait_event(INTERRUPTED), a.wait_event(INTERRUPTED)
    back = change(a, b)
    b.wait_event(NOT_RESUMED)
    wait_for("nothing is left half on B", 5, lambda: os.listdir(os.path.join(b.spool, "tmp")) == [])
    back()
    wire.refuse = False
    once(a, b, id, octets)
    a.wait_event(NOT_RESUMED)
    equal(a.events(RESUMED) + b.events(RESUMED), [], "what was resumed")


def test_recovery_switched_off_meanwhile(w):
    def change(a, b):
        for p in (a.peers["mta-b"], b.peers["mta-a"]):
            p.lines["checkpoint"] = "checkpoint 30K window 3 recovery none"
        reloaded(a, b)
        return lambda: None
    kept_and_reloaded(w, change)


def test_peer_removed_meanwhile(w):
    def change(a, b):
        peers, routes = dict(b.peers), list(b.routes)
        b.peers.clear(), b.routes.clear()
        reloaded(b)

        def back():
            b.peers.update(peers)
            b.routes.extend(routes)
            reloaded(b)
        return back
    kept_and_reloaded(w, change)
