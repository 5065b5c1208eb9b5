# SPDX-License-Identifier: BSD-2-Clause
"""Bind-back: the called side opens an association in the other direction, where the call declared or elsewhere. What
needs several networks is in tests/net/test_back.py."""
import socket
import struct
import threading
import time

from harness import check, equal, user, wait_for
from wire import Caller, Hung, Proxy, dt, spdu, tpkt


def declare(w, *mtas, words="bind-back"):
    """Each declares where it listens, and its peers' blocks say `words`."""
    for m in mtas:
        m.stack_lines.append(f"bind-back to {m.host}")
        for p in m.peers.values():
            p.lines["back"] = words


def pair(w, words_b, words_a="bind-back", start=True):
    """A calls B, and B, which waits for the calls of A, binds back."""
    a, b = w.pair()
    declare(w, a, words=words_a)
    declare(w, b, words=words_b)
    b.peers["mta-a"].calls = "configured" in words_b
    if start:
        a.start(), b.start()
    return a, b


def mail(a, b):
    """One message each way."""
    had = len(a.items()), len(b.items())
    a.submit(user("Receiver", b.prmd)), b.submit(user("Receiver", a.prmd))
    a.wait_items(had[0] + 1), b.wait_items(had[1] + 1)


def links(m, **fields):
    return [x for x in m.ask("show", what="associations") if all(x[k] == v for k, v in fields.items())]


def ups(m):
    """The directions of the associations that came up, in their order."""
    return [e["direction"] for e in m.events(20101)]


def disconnect(*mtas):
    for m in mtas:
        for p in m.peers:
            m.ask("peer", name=p, action="disconnect")
    for m in mtas:
        wait_for(f"{m.name} has no association", 20, lambda: not links(m))


class Marks:
    """A watch for a proxy: what implementation-information passed upwards."""

    def __init__(self):
        self.up, self.down = b"", b""

    def __call__(self, direction, tpkt):
        setattr(self, direction, getattr(self, direction) + tpkt)
        return True


def via_proxy(w, caller, called, host):
    """The calls of one to the other go through a proxy, whose watch is returned."""
    marks = Marks()
    proxy = Proxy(w, host, (called.host, called.port), caller.host, marks)
    p = caller.peers[called.name.lower()]
    p.host, p.port = proxy.address if hasattr(proxy, "address") else proxy.listener.getsockname()
    return marks


# ---- required, optional ----

def test_required_is_answered_when_the_other_direction_is_up(w):
    a, b = pair(w, "bind-back required declared")
    mail(a, b)
    equal(ups(b), ["outgoing", "incoming"], "associations of B")
    equal(ups(a), ["incoming", "outgoing"], "associations of A")
    equal([m.events(9322) + m.events(9318) for m in (a, b)], [[], []], "failures")


def test_optional_is_answered_at_once(w):
    a, b = pair(w, "bind-back optional declared")
    mail(a, b)
    equal(sorted(ups(b)), ["incoming", "outgoing"], "associations of B")
    equal(b.events(9322), [], "failures")


def test_one_that_is_up_is_enough(w):
    a, b = pair(w, "bind-back required declared")
    mail(a, b)
    a.ask("peer", name="mta-b", action="connect")  # a second one, if it wants one
    mine = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host)
    mine.implementation = b"X400D-BB/1 to=TCP:127.0.0.1:9"
    mine.open()
    check(mine.bound, "a second call is taken")
    equal((len(links(b, direction="outgoing")), b.events(9322)), (1, []), "outgoing associations of B, and failures")


def test_required_source_uses_the_port_of_connect(w):
    a, b = pair(w, "bind-back required source", start=False)
    b.peers["mta-a"].calls = True  # for its port
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal(ups(b), ["outgoing", "incoming"], "associations of B")
    equal(links(b, direction="outgoing")[0]["remote"], f"{a.host}:{a.port}", "where B called back")


def test_who_is_not_told_sees_an_ordinary_request(w):
    a, b = w.pair()
    a.stack_lines.append(f"bind-back to {a.host}")  # without a word in the peer's block
    up = via_proxy(w, a, b, w.HOSTS[5])
    b.peers["mta-a"].accept = "127.0.0.0/8"
    a.start(), b.start()
    mail(a, b)
    check(up.up and b"X400D" not in up.up + up.down, "nothing is said of bind-back")


def test_what_is_declared_and_marked(w):
    a, b = pair(w, "bind-back required configured", start=False)
    forth, back = via_proxy(w, a, b, w.HOSTS[5]), via_proxy(w, b, a, w.HOSTS[6])
    for m in (a, b):
        next(iter(m.peers.values())).accept = "127.0.0.0/8"
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    check(f"X400D-BB/1 to=TCP:{a.host}:{a.port}".encode() in forth.up, "A's call declares")
    check(b"X400D-BB/1 is-bind-back" in back.up, "B's call is marked")
    check(b"X400D" not in forth.down + back.down, "answers say nothing")


def test_a_peer_that_cannot_be_called_gets_all(w):
    """What waits for it goes over the bind-back, beyond the lifetime of an association."""
    a, b = pair(w, "bind-back required declared", start=False)
    b.peers["mta-a"].lines["life"] = "associations lifetime 1s"
    a.peers["mta-b"].calls = False
    a.start(), b.start()
    for _ in range(600):
        b.submit(user("Receiver", a.prmd))
    a.peers["mta-b"].calls = True
    a.write()
    a.ask("reload")
    a.submit(user("Receiver", b.prmd))
    a.wait_items(600, 60), b.wait_items(1)
    b.wait_empty()


# ---- no deadlock ----

def crossing(w, rounds, words="bind-back required", mode=None, most=None):
    a, b = w.pair()
    declare(w, a, b, words=words)
    for m in (a, b):
        p = next(iter(m.peers.values()))
        p.lines["mode"] = mode
        p.lines["most"] = f"associations at most {most}" if most else None
    a.start(), b.start()
    slowest = 0
    for _ in range(rounds):
        begun = time.monotonic()
        mail(a, b)
        slowest = max(slowest, time.monotonic() - begun)
        disconnect(a, b)
    for m in (a, b):
        equal(m.events(9322) + m.events(9318) + m.events(289) + m.events(57), [], "failures")
    return f"slowest exchange {slowest:.2f} s"


class Together:
    """For the proxies of two callers: the requests of both pass at the same moment, when both are under way."""

    def __init__(self):
        self.there, self.both = set(), threading.Event()

    def watch(self, name):
        def see(direction, tpkt):
            if direction == "up" and tpkt[5:6] == b"\xf0" and tpkt[7:8] == b"\x0d":  # CONNECT, with the bind
                self.there.add(name)
                if len(self.there) == 2:
                    self.both.set()
                self.both.wait(20)
            return True
        return see


def binds_that_meet(w, words, mode=None):
    """Both binds are outstanding when each arrives. Whoever called back would fail: nothing listens there."""
    a, b = w.pair()
    for m in (a, b):
        p = next(iter(m.peers.values()))
        m.stack_lines.append(f"bind-back to {m.host} port 9")
        p.lines["back"], p.lines["mode"], p.accept = words, mode, "127.0.0.0/8"
    meeting = Together()
    for m, other, host in ((a, b, w.HOSTS[5]), (b, a, w.HOSTS[6])):
        proxy = Proxy(w, host, (other.host, other.port), m.host, lambda d, t, m=m: meeting.watch(m.name)(d, t))
        p = m.peers[other.name.lower()]
        p.host, p.port = proxy.address
    a.start(), b.start()
    for _ in range(10):
        mail(a, b)
        equal(len(meeting.there), 2, "requests that met")
        disconnect(a, b)
        meeting = Together()
    for m in (a, b):
        equal(m.events(9322) + m.events(9318) + m.events(289), [], "failures")
        equal(sorted(ups(m)), ["incoming"] * 10 + ["outgoing"] * 10, "associations")


def test_binds_that_meet_are_answered_at_once(w):
    binds_that_meet(w, "bind-back required declared")


def test_binds_that_meet_in_x410_mode(w):
    binds_that_meet(w, "bind-back required source", "mode x410-1988")


def test_crossing_calls_both_required(w):
    return crossing(w, 25)


def test_crossing_calls_at_a_limit_of_one(w):
    return crossing(w, 10, most=1)


def test_crossing_calls_in_x410_mode(w):
    return crossing(w, 10, "bind-back required configured source", "mode x410-1988")


def test_x410_source(w):
    a, b = pair(w, "bind-back required source", start=False)
    for m in (a, b):
        m.stack_lines.clear()
        next(iter(m.peers.values())).lines["mode"] = "mode x410-1984"
    a.peers["mta-b"].lines["back"] = None
    b.peers["mta-a"].calls = True
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    equal(ups(b), ["outgoing", "incoming"], "associations of B")


def test_marked_binds_are_beside_the_limit_but_bounded(w):
    a, b = pair(w, "bind-back required declared", start=False)
    b.peers["mta-a"].lines["most"] = "associations at most 1"
    b.start()
    callers = []
    for k in range(13):
        c = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host)
        c.implementation = b"X400D-BB/1 is-bind-back"
        callers.append(c)
        c.open()
    equal([c.bound for c in callers], [True] * 11 + [False] * 2, "taken: ten beside the limit of one")
    b.wait_event(57)
    equal(ups(b), ["incoming"] * 11, "no bind-back for a bind-back")


# ---- what fails ----

class Silent:
    """Takes connections and never says a word."""

    def __init__(self, w, host, close=False):
        self.socket, self.taken, self.accepted = socket.socket(), [], 0
        self.socket.bind((host, 0))
        self.socket.listen(200)
        self.host, self.port = self.socket.getsockname()
        self.closes = close
        w.closers.append(self.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                s = self.socket.accept()[0]
            except OSError:
                return
            self.accepted += 1
            s.close() if self.closes else self.taken.append(s)

    def close(self):
        self.socket.close()
        for s in self.taken:
            s.close()


def caller(a, b, implementation):
    c = Caller(b, "MTA-A", a.peers["mta-b"].password_out, source=a.host)
    c.implementation = implementation if isinstance(implementation, bytes) else implementation.encode()
    return c


def refused_busy(c):
    """The answer of a bind: bind error busy in the [18] of an RTORJ."""
    answer = c.bind()
    check(not c.bound, "the bind is refused")
    check(b"\xb2\x03\x02\x01\x00" in answer, f"as busy: {answer.hex()}")


def test_required_is_refused_as_busy(w):
    a, b = pair(w, "bind-back required declared", start=False)
    a.stack_lines = [f"bind-back to {a.host} port 9"]
    a.start(), b.start()
    id = a.submit(user("Receiver", b.prmd))
    e = a.wait_event(9318, step="bind")[0]
    check("busy" in e["text"], e["text"])
    e = b.wait_event(9322)[0]
    equal([e[x] for x in ("peer", "stack", "remote", "kind", "endpoint", "step")],
          ["mta-a", "net", a.host, "declared", f"TCP:{a.host}:9", "connect"], "event 9322")
    check("refused" in e["text"] and "busy" in e["text"], e["text"])
    equal((b.items(), links(b)), ([], []), "what came of it")
    a.wait_queue([id])
    b.peers["mta-a"].lines["back"] = "bind-back optional declared"  # and so it is accepted
    b.write()
    b.ask("reload")
    b.wait_items(1)


def test_required_is_refused_in_x410_mode(w):
    """RTORJ busy; only where the call came from can be tried, and nobody is there."""
    a, b = pair(w, "bind-back required declared source", start=False)
    a.stack_lines.clear()
    b.peers["mta-a"].calls, b.peers["mta-a"].port = True, 9
    a.peers["mta-b"].lines.update(mode="mode x410-1988", back=None)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    e = a.wait_event(9318, step="bind")[0]
    check("busy (reason of RTORJ 0)" in e["text"], e["text"])
    e = b.wait_event(9322)[0]
    equal((e["kind"], e["endpoint"], e["step"]), ("source", f"{a.host}:9", "connect"), "event 9322")


def test_each_endpoint_is_told(w):
    a, b = pair(w, "bind-back required declared configured source", start=False)
    b.peers["mta-a"].host, b.peers["mta-a"].port = w.HOSTS[7], 9
    b.start()
    c = caller(a, b, "X400D-BB/1 to=TCP:nowhere.invalid:9")
    c.transport()
    refused_busy(c)
    e = b.wait_event(9322)[0]
    equal([e["kind"], e["endpoint"], e["step"]],
          ["declared, configured, source", f"TCP:nowhere.invalid:9, {w.HOSTS[7]}:9, {a.host}:9", "resolve, connect, connect"],
          "event 9322")


def test_optional_is_accepted_although_it_fails(w):
    a, b = pair(w, "bind-back optional declared", start=False)
    a.stack_lines = [f"bind-back to {a.host} port 9"]
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)
    check("accepted" in b.wait_event(9322)[0]["text"], "event 9322 says that the bind stands")


def test_garbage_is_declared(w):
    a, b = pair(w, "bind-back required declared", start=False)
    b.start()
    for garbage, says in [
            (b"X400D-BB/1 to=TCP:" + b"x" * 300, "host"), (b"X400D-BB/1 to=TCP:a:99999", "port"),
            (b"X400D-BB/1 to=UDP:a", "TCP"), (b"X400D-BB/1 to=TCP:[::1", "bracket"),
            (b"X400D-BB/1 to=TCP:255.255.255.255:1", "accept from"), (b"X400D-BB/1", "declared nothing"),
            (b"\x1b$@X400D-BB/1 to=TCP:a", "declared nothing"), (b"\0" * 900, "declared nothing"),
            (b"X400D-BB/1 " * 3000, "declared nothing")]:
        c = caller(a, b, garbage)
        c.transport()
        refused_busy(c)
        c.close()
        check(says in b.wait_event(9322)[-1]["what"], f"{garbage[:40]!r}: {b.events(9322)[-1]['what']}")
    b.ask("show", what="status")


def test_who_shows_no_password_is_not_believed(w):
    a, b = pair(w, "bind-back required declared", start=False)
    victim = Silent(w, w.HOSTS[8])
    b.peers["mta-a"].lines["unnamed"] = "accept without credentials"
    b.start()
    c = Caller(b, None, None, source=a.host)
    c.implementation = f"X400D-BB/1 to=TCP:{victim.host}:{victim.port}".encode()
    c.transport()
    refused_busy(c)
    check("password" in b.wait_event(9322)[0]["what"], "the event says why")
    equal(victim.accepted, 0, "calls to what was declared")


def test_only_where_accept_from_allows(w):
    a, b = pair(w, "bind-back required declared", start=False)
    victim = Silent(w, w.HOSTS[8])
    b.start()
    c = caller(a, b, f"X400D-BB/1 to=TCP:{victim.host}:{victim.port}")
    c.transport()
    refused_busy(c)
    e = b.wait_event(9322)[0]
    check("accept from" in e["what"] and victim.host in e["what"], e["what"])
    equal(victim.accepted, 0, "calls to what was declared")


def test_a_storm_of_binds_is_limited(w):
    """1,000 binds that declare somebody else, whom `accept from` allows; another peer's mail goes on."""
    a, b = pair(w, "bind-back required declared", start=False)
    c = w.mta("MTA-C")
    w.link(b, c)
    victim = Silent(w, w.HOSTS[8], close=True)
    b.peers["mta-a"].accept = "127.0.0.0/8"
    b.start(), c.start()
    begun = time.monotonic()
    for k in range(1000):
        x = caller(a, b, f"X400D-BB/1 to=TCP:{victim.host}:{victim.port} n={k}")
        x.transport()
        x.bind()
        check(not x.bound, "it is refused")
        x.close()
        if k % 250 == 100:
            before = len(c.items())
            b.submit(user("Receiver", "GAMMA"))
            c.wait_items(before + 1, 10)
    minutes = 1 + int((time.monotonic() - begun) / 60)
    check(0 < victim.accepted <= 30 * minutes, f"{victim.accepted} calls to the victim in {minutes} minutes")
    e = b.events(20111)
    check(1 <= len(e) <= minutes, f"{len(e)} events 20111")
    return f"{victim.accepted} calls in {time.monotonic() - begun:.0f} s"


# ---- while a bind waits ----

def waiting(w, n=1):
    """n callers whose bind-back is not answered."""
    a, b = pair(w, "bind-back required declared", start=False)
    silent = Silent(w, w.HOSTS[8])
    b.peers["mta-a"].accept = "127.0.0.0/8"
    b.start()
    callers = [caller(a, b, f"X400D-BB/1 to=TCP:{silent.host}:{silent.port}") for _ in range(n)]
    for c in callers:
        c.transport()
        c.send(c.bind_octets())
    wait_for("B calls back", 20, lambda: silent.accepted)
    return a, b, silent, callers


def ended(c, seconds=20):
    """Refused as busy or hung up."""
    c.socket.settimeout(seconds)
    try:
        answer = c.receive()
        check(answer[3:4] != b"\x0e", "the bind is not accepted")
    except Hung:
        pass


def test_several_wait_for_the_same_result(w):
    a, b, silent, callers = waiting(w, 4)
    begun = time.monotonic()
    for c in callers:
        ended(c, 60)
    check(time.monotonic() - begun < 40, "within 20 s, on a machine that is not busy")
    equal((silent.accepted, len(b.events(9322))), (1, 1), "calls back and events 9322")
    check("transport" in b.events(9322)[0]["step"], "the step")


def test_the_caller_goes_away_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    for c in callers:
        c.close()
    wait_for("B gives up its call", 10, lambda: b.peer_status("mta-a")["opening"] == 0)
    equal(b.events(9322), [], "events 9322")
    callers = [caller(a, b, f"X400D-BB/1 to=TCP:{silent.host}:{silent.port}")]
    callers[0].transport()
    callers[0].send(callers[0].bind_octets())
    wait_for("B calls back again", 20, lambda: silent.accepted == 2)


def test_whatever_the_caller_sends_meanwhile(w):
    """Each of these ends the connection, in its own layer: nobody waits for the answer any more."""
    a, b = pair(w, "bind-back required declared", start=False)
    silent = Silent(w, w.HOSTS[8])
    b.peers["mta-a"].accept = "127.0.0.0/8"
    b.start()

    def reset(c):
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        c.close()
    sent = {"DR": tpkt(b"\x06\x80\0\0\0\x65\0"), "ER": tpkt(b"\x04\x70\0\0\0"), "CR": None,
            "ABORT": dt(spdu(25, spdu(17, b"\x0b"))), "FINISH": dt(spdu(9)), "REFUSE": dt(spdu(12)),
            "DATA TRANSFER": dt(spdu(1) + spdu(1) + b"\x61\x04\x30\x02\x02\0"), "no SPDU": dt(b"\xff" * 40),
            "no TPKT": b"GET / HTTP/1.1\r\n\r\n", "FIN": lambda c: c.socket.shutdown(socket.SHUT_WR), "RST": reset,
            "DR and FIN": lambda c: (c.send(tpkt(b"\x06\x80\0\0\0\x65\0")), c.close()),
            "ABORT and RST": lambda c: (c.send(dt(spdu(25, spdu(17, b"\x0b")))), reset(c))}
    for k, (what, octets) in enumerate(sent.items()):
        c = caller(a, b, f"X400D-BB/1 to=TCP:{silent.host}:{silent.port}")
        c.transport()
        c.send(c.bind_octets())
        wait_for(f"B calls back ({what})", 20, lambda: silent.accepted == k + 1)
        if callable(octets):
            octets(c)
        else:
            c.send(octets or c.transport_octets())
            check(c.hung_up(30), f"{what}: the connection is ended")
        wait_for(f"B gives up its call ({what})", 10, lambda: b.peer_status("mta-a")["opening"] == 0)
    equal((b.events(9322), links(b)), ([], []), "events 9322, and associations")


def test_who_broke_the_protocol_is_not_answered(w):
    """Its connection is there for a while; what it waited for comes."""
    a, b, silent, callers = waiting(w)
    a.start()
    callers[0].close()
    b.peers["mta-a"].calls = True
    b.write()
    b.ask("reload")
    c = caller(a, b, f"X400D-BB/1 to=TCP:{silent.host}:{silent.port}")
    c.transport()
    c.send(c.bind_octets())
    wait_for("B calls back", 20, lambda: silent.accepted == 2)
    had = len(b.events(20104))
    c.send(dt(b"\xff" * 40))
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1, 10)
    check(c.hung_up(30), "the connection is ended")
    wait_for("B tells of it", 10, lambda: len(b.events(20104)) == had + 1)
    check("session" in b.events(20104)[-1]["text"], b.events(20104)[-1]["text"])
    equal((b.events(9318), b.events(289)), ([], []), "what else came of it")


def test_the_daemon_stops_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    check(b.stop() < 15, "at once")
    for c in callers:
        ended(c)


def test_a_reload_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    b.ask("reload")
    for c in callers:
        ended(c, 15)
    equal(b.peer_status("mta-a")["incoming"], 0, "associations")


def test_the_stack_goes_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    b.stack_lines.append("callers at most 100")
    b.write()
    b.ask("reload")
    for c in callers:
        ended(c, 15)
    equal(b.peer_status("mta-a")["incoming"], 0, "associations")
    wait_for("it listens again", 10, lambda: caller(a, b, b"X400D-BB/1 is-bind-back").open().bound)


def test_the_stack_is_put_on_standby_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    b.ask("stack", name="net", action="standby")
    for c in callers:
        ended(c, 15)
    equal(b.peer_status("mta-a")["opening"], 0, "calls under way")
    b.ask("stack", name="net", action="active")
    wait_for("it listens again", 10, lambda: caller(a, b, b"X400D-BB/1 is-bind-back").open().bound)


def test_the_peer_is_disabled_meanwhile(w):
    a, b, silent, callers = waiting(w, 2)
    b.ask("peer", name="mta-a", action="disable")
    for c in callers:
        ended(c, 15)
    wait_for("B gives up its call", 10, lambda: b.peer_status("mta-a")["opening"] == 0)


def test_mail_goes_on_while_a_bind_back_waits(w):
    """B's own call to A does not wait for the bind-back that leads nowhere, and when it is up the bind is accepted."""
    a, b, silent, callers = waiting(w)
    a.start()
    b.peers["mta-a"].calls = True
    b.write()
    b.ask("reload")
    ended(callers[0], 15)
    c = caller(a, b, f"X400D-BB/1 to=TCP:{silent.host}:{silent.port}")
    c.transport()
    c.send(c.bind_octets())
    wait_for("B calls back", 20, lambda: silent.accepted == 2)
    b.submit(user("Receiver", a.prmd))
    a.wait_items(1, 10)
    equal(c.receive()[3:4], b"\x0e", "the answer to the bind: accepted")
    equal(b.events(9322), [], "events 9322")
