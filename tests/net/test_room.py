# SPDX-License-Identifier: BSD-2-Clause
"""Associations of a peer whose node died make room for those of the node that takes over: at the limit, and only the dead."""
import time

from harness import check, equal, user, wait_for
from world import exchange

LIMIT = 10


def limited(*peers):
    for p in peers:
        p.lines["associations"] = f"associations at most {LIMIT} another per 1 messages urgent 0 idle 600s lifetime 3600s"


class Ten:
    """MTA-A, with all the associations up that MTA-B allows. MTA-B does not call."""

    def __init__(self, w, listen, *accept):
        self.lan = lan = w.network()
        self.one, self.two, peer = (w.host(n, lan) for n in ("one", "two", "peer"))
        self.a, self.b = w.mta_on(self.one, "MTA-A", listen(lan, self.one)), w.mta_on(peer, "MTA-B")
        to_b, self.to_a = w.link(self.a, self.b)
        limited(to_b, self.to_a)
        self.to_a.accept, self.to_a.calls = ", ".join(f(lan, self.one, self.two) for f in accept), False

    def up(self):
        self.a.start()
        for _ in range(3 * LIMIT):
            self.a.submit(user("Receiver", self.b.prmd))
        self.b.start()
        self.b.wait_items(3 * LIMIT, 60)
        wait_for("all associations are up", 20, lambda: self.associations() == LIMIT)

    def associations(self):
        return len(self.b.ask("show", what="associations"))

    def die(self, address=None):
        """SIGKILL, and the other side hears nothing of it: neither what the system says in the daemon's place, nor of an
        address that is nowhere any more."""
        self.one.run("nft", "-f", "-", stdin="""
            table inet dead {
                chain o { type filter hook output priority -20; policy accept; meta l4proto tcp drop; }
                chain i { type filter hook input priority -20; policy accept; meta l4proto tcp drop; }
            }""")
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
    t = Ten(w, lambda lan, one: lan.address(100), lambda lan, one, two: lan.address(100))
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
    seen.forbid(*t.one.addresses(), *t.two.addresses())
    equal(t.b.machine.dropped(), (0, 0), "dropped by the filter")
    return f"first message after {took:.1f} s"


def test_nobody_answers_for_the_old_address(w):
    t = Ten(w, lambda lan, one: "0.0.0.0", lambda lan, one, two: one.v4(), lambda lan, one, two: two.v4())
    t.up()
    at = t.die()
    t.one.plug(t.lan, False)
    t.a.on(t.two).start()
    took = t.first_message(at)
    equal(t.b.events(57), [], "refusals")
    dead = t.b.wait_event(1294)
    check("silent; made room for a new association" in dead[0]["text"] and dead[0]["association"].count("A") == LIMIT,
          f"one event for all: {dead[0]}")
    equal(len(dead), 1, "events 1294")
    equal(t.associations(), 1, "associations")
    return f"first message after {took:.1f} s"
