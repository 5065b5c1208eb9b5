# SPDX-License-Identifier: BSD-2-Clause
"""Associations of a peer whose node died make room for those of the node that takes over: at the limit, and only the dead."""
import os
import signal
import time

from harness import check, equal, ipm, user, wait_for
from nodes import only_the_virtual_address
from world import NetPeer

MB = 1 << 20


def limited(n, *peers):
    for p in peers:
        p.lines["associations"] = f"associations at most {n} another per 1 messages urgent 0 idle 600s lifetime 3600s"


class Full:
    """MTA-A, with all the associations up that MTA-B allows."""

    def __init__(self, w, listen, *accept, limit=10, calls=False):
        self.limit = limit
        self.lan = lan = w.network()
        self.one, self.two, peer = (w.host(n, lan) for n in ("one", "two", "peer"))
        self.a, self.b = w.mta_on(self.one, "MTA-A", listen(lan, self.one)), w.mta_on(peer, "MTA-B")
        to_b, self.to_a = w.link(self.a, self.b)
        limited(limit, to_b, self.to_a)
        self.to_a.accept, self.to_a.calls = ", ".join(f(lan, self.one, self.two) for f in accept), calls

    def up(self):
        self.a.start()
        for _ in range(3 * self.limit):
            self.a.submit(user("Receiver", self.b.prmd))
        self.b.start()
        self.b.wait_items(3 * self.limit, 60)
        wait_for("all associations are up", 20, lambda: self.associations() == self.limit)

    def associations(self):
        return sum(a["direction"] == "incoming" for a in self.b.ask("show", what="associations"))

    def die(self, address=None):
        """SIGKILL, and the other side hears nothing of it: neither what the system says in the daemon's place, nor of an
        address that is nowhere any more."""
        self.one.dead()
        self.a.kill()
        at = time.monotonic()
        if address:
            self.one.lose(address)
        return at

    def first_message(self, at):
        """On the node that takes over: the time from the kill until its first message is through."""
        had = len(self.b.items())
        self.a.submit(user("Receiver", self.b.prmd))
        self.b.wait_items(had + 1, 60)
        took = time.monotonic() - at
        check(took < 5, f"the first message needed {took:.1f} s")
        return took


def test_the_address_moved(w):
    """Whoever has the address now answers with a reset, as soon as it is asked."""
    t = Full(w, lambda lan, one: lan.address(100), lambda lan, one, two: lan.address(100))
    virtual = t.lan.address(100)
    t.one.take(virtual)
    t.b.machine.only(virtual)
    seen = w.capture(t.b.machine)
    t.up()
    at = t.die(virtual)
    t.two.take(virtual)
    t.a.on(t.two).start()
    took = t.first_message(at)
    equal(t.b.events(57), [], "refusals")
    check(t.b.events(1294), "the ends are told")
    wait_for("only live associations are left", 10, lambda: t.associations() <= 2)
    only_the_virtual_address([seen], [t.one, t.two], t.b)
    return f"first message after {took:.1f} s"


def test_nobody_answers_for_the_old_address(w):
    t = Full(w, lambda lan, one: "0.0.0.0", lambda lan, one, two: one.v4(), lambda lan, one, two: two.v4())
    t.up()
    at = t.die()
    t.one.plug(t.lan, False)
    t.a.on(t.two).start()
    took = t.first_message(at)
    equal(t.b.events(57), [], "refusals")
    dead = t.b.wait_event(1294)
    check("silent; made room for a new association" in dead[0]["text"] and dead[0]["association"].count("A") == t.limit,
          f"one event for all: {dead[0]}")
    equal(len(dead), 1, "events 1294")
    equal(t.associations(), 1, "associations")
    return f"first message after {took:.1f} s"


def test_what_was_being_sent_goes_on(w):
    """With data on their way TCP asks for no sign of life: what it repeats without an answer tells as much. The message
    goes on to the peer's other address."""
    t = Full(w, lambda lan, one: "0.0.0.0", lambda lan, one, two: one.v4(), lambda lan, one, two: two.v4(), calls=True)
    t.to_a.connects = [t.one.v4(), t.two.v4()]
    t.up()
    had = len(t.a.items())
    t.b.machine.slow(t.lan, 1)
    octets = ipm(octets=os.urandom(4 * MB))
    t.b.submit(user("Receiver", t.a.prmd), octets)
    wait_for("it is being sent", 20, lambda: any(
        a["direction"] == "outgoing" and a["octets_out"] > MB for a in t.b.ask("show", what="associations")))
    at = t.die()
    t.one.plug(t.lan, False)
    t.a.on(t.two).start()
    took = t.first_message(at)
    dead = t.b.wait_event(1294)
    equal([len(e["association"].split(",")) for e in dead], [t.limit + 1], f"dropped together: {dead}")
    t.a.wait_items(had + 1, 60)
    wait_for("nothing waits any more", 20, lambda: not t.b.queue())
    equal(len(t.a.items()), had + 1, "delivered once")
    return f"first message after {took:.1f} s, what was being sent is there after {time.monotonic() - at:.1f} s"


def unanswered(w, calls):
    """A message to the node that died had all its octets acknowledged by the system there, but no answer: TCP has nothing
    to repeat, and would ask only when keepalive does."""
    t = Full(w, lambda lan, one: lan.address(100), lambda lan, one, two: lan.address(100), calls=True, limit=2)
    virtual = t.lan.address(100)
    t.one.take(virtual)
    t.a.start(), t.b.start()
    t.b.submit(user("Receiver", t.a.prmd))
    t.a.wait_items(1)
    t.a.process.send_signal(signal.SIGSTOP)
    sent = lambda: sum(a["octets_out"] for a in t.b.ask("show", what="associations"))  # noqa: E731
    had = sent()
    t.b.submit(user("Receiver", t.a.prmd))
    wait_for("it is on its way", 10, lambda: sent() > had + 100)
    time.sleep(0.5)  # and acknowledged
    at = t.die(virtual)
    t.two.take(virtual)
    t.a.on(t.two).start()
    if calls:
        t.a.submit(user("Receiver", t.b.prmd))
        t.b.wait_items(1)
    t.a.wait_items(2, 60)
    took = time.monotonic() - at
    check(took < (5 if calls else 20), f"what had no answer needed {took:.1f} s")
    wait_for("nothing waits any more", 10, lambda: not t.b.queue())
    equal(len(t.a.items()), 2, "delivered once")
    return f"there after {took:.1f} s"


def test_an_answer_that_does_not_come(w):
    return unanswered(w, False)


def test_an_answer_that_does_not_come_and_a_call_that_does(w):
    return unanswered(w, True)


# ---- those that live ----

def twin(w, t):
    """Another daemon with the name and passwords of MTA-A, which calls, too."""
    m = w.mta_on(t.two, "MTA-A")
    m.dir = os.path.join(w.dir, "twin")
    os.makedirs(m.dir)
    m.log, m.conf, m.spool = (os.path.join(m.dir, n) for n in ("events", "x400d.conf", "spool"))
    m.delivers = [(m.delivers[0][0], os.path.join(m.dir, "delivered"))]
    known = t.a.peers["mta-b"]
    m.peers["mta-b"] = NetPeer(m, t.b, known.password_out, known.password_in)
    limited(t.limit, m.peers["mta-b"])
    m.route(t.b.prmd, "mta-b")
    return m


def refused(w, t):
    """Another call of the same peer is refused, and nothing happens to those that are there."""
    other = twin(w, t)
    other.start()
    before = sorted(a["id"] for a in t.b.ask("show", what="associations"))
    at = time.monotonic()
    other.submit(user("Receiver", t.b.prmd))
    e = t.b.wait_event(57, 20)[0]
    took = time.monotonic() - at
    check(t.two.v4() in e["remote"] and took < 10, f"refused after {took:.1f} s: {e}")
    equal(sorted(a["id"] for a in t.b.ask("show", what="associations")), before, "associations")
    return took


def test_a_slow_and_busy_one_survives(w):
    """One association sends over a link that is full, with a second of data waiting in it; the other is idle."""
    t = Full(w, lambda lan, one: one.v4(), lambda lan, one, two: one.v4(), lambda lan, one, two: two.v4(), limit=2)
    t.up()
    had = len(t.b.items())
    t.one.slow(t.lan, 0.4, queue_ms=1000)
    t.a.submit(user("Receiver", t.b.prmd), ipm(octets=os.urandom(4 * MB)))
    wait_for("it is being sent", 20, lambda: any(a["octets_in"] > MB for a in t.b.ask("show", what="associations")))
    took = refused(w, t)
    t.b.wait_items(had + 1, 60)
    equal(t.b.events(1294), [], "ends")
    return f"refused after {took:.1f} s"


def test_a_stopped_one_survives(w):
    """The daemon on the other side does nothing, with data for it that it does not take: but its system lives."""
    t = Full(w, lambda lan, one: one.v4(), lambda lan, one, two: one.v4(), lambda lan, one, two: two.v4(), limit=2,
             calls=True)
    t.up()
    had = len(t.a.items())
    octets = ipm(octets=os.urandom(40 * MB))
    t.b.machine.slow(t.lan, 20)
    t.b.submit(user("Receiver", t.a.prmd), octets)
    wait_for("it is being sent", 20, lambda: any(
        a["direction"] == "outgoing" and a["octets_out"] > MB for a in t.b.ask("show", what="associations")))
    t.a.process.send_signal(signal.SIGSTOP)
    try:
        took = refused(w, t)
    finally:
        t.a.process.send_signal(signal.SIGCONT)
    t.a.wait_items(had + 1, 60)
    equal(t.b.events(1294), [], "ends")
    return f"refused after {took:.1f} s"
