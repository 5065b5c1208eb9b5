# SPDX-License-Identifier: BSD-2-Clause
"""Callers that are no peers, and peers that do everything wrong: dropped by a timer or at once, while others go on."""
import os
import random
import socket
import threading
import time

from harness import SLOW, TOP, check, der, equal, ipm, user, wait_for
from test_duplicates import pair_through_proxy
from wire import Caller, Hung, is_acknowledgement, message, tpkt

WITHIN = max(2, round(2 * SLOW))  # seconds from the connection to the bind, in these tests


def guarded(w, limits=""):
    a, b = w.pair()
    b.stack_lines.append(f"callers {limits} within {WITHIN}s")
    return a, b


def connection(b, source="127.0.0.50"):
    s = socket.socket()
    s.bind((source, 0))
    s.connect((b.host, b.world.port))
    s.settimeout(30 * SLOW)
    b.world.closers.append(s.close)
    return s


def ended(s, seconds):
    end = time.monotonic() + seconds * SLOW
    s.settimeout(0.1)
    while time.monotonic() < end:
        try:
            if not s.recv(65536):
                return True
        except socket.timeout:
            continue
        except OSError:
            return True
    return False


def mail_goes_on(a, b, n=1):
    before = len(b.items())
    for _ in range(n):
        a.submit(user("Receiver", "BETA"))
    b.wait_items(before + n, 10)


def test_silence_and_halves(w):
    """Says nothing; half a TPKT; a TPKT of which the end never comes; each dropped by the timer."""
    a, b = guarded(w)
    a.start(), b.start()
    begun = time.monotonic()
    callers = [connection(b) for _ in range(4)]
    callers[1].send(b"\x03\0")
    callers[2].send(b"\x03\0\xff\xff" + b"\x0e\xe0")
    callers[3].send(b"\x03\0\0\x16\x11\xe0\0\0\0\x01\0")
    mail_goes_on(a, b, 5)
    for s in callers:
        check(ended(s, WITHIN + 8), "dropped")
    waited = time.monotonic() - begun
    check(waited >= WITHIN * 0.9, f"dropped after {waited:.1f} s, not before the timer")
    e = b.wait_event(20104, remote="127.0.0.50")[0]
    check(e["step"] == "transport", f"event 20104 names the step: {e['text']}")
    mail_goes_on(a, b)


def test_stalls_after_each_layer(w):
    """Goes as far as one layer and then says nothing more; the other peer's mail is not held up."""
    a, b = guarded(w)
    a.start(), b.start()
    password = a.peers["mta-b"].password_out
    stalled = []
    for step in range(5):
        c = Caller(b, "MTA-A", password, source="127.0.0.50" if step < 2 else a.host)
        if step == 0:
            c.send(c.transport_octets()[:9])
        if step >= 1:
            c.transport()
        if step == 2:
            octets = c.bind_octets()
            c.send(octets[:len(octets) // 2])
        if step >= 3:
            c.bind()
            check(c.bound, "bound")
        if step == 4:
            c.send(c.start_octets() + c.data_octets(message("half", ipm()))[:60])
        stalled.append(c)
    mail_goes_on(a, b, 5)
    for k in range(3):
        check(stalled[k].hung_up(WITHIN + 8), f"step {k} is dropped by the timer")
    check(not stalled[3].hung_up(0.5), "a bound association may rest")
    mail_goes_on(a, b)
    for c in stalled:
        c.close()


def test_garbage(w):
    """Random octets, another protocol's, and captured octets with single ones changed."""
    a, b = guarded(w, "at most 1000 per address 900")
    a.start(), b.start()
    with open(os.path.join(TOP, "tests/data/p1-88-normal.pcap"), "rb") as f:
        capture = f.read()
    chance = random.Random(4711)
    samples = [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", b"\0" * 100, b"\xff" * 70000]
    samples += [chance.randbytes(chance.randrange(1, 3000)) for _ in range(30)]
    samples += [tpkt(chance.randbytes(chance.randrange(1, 300))) for _ in range(30)]
    for _ in range(30):
        start = chance.randrange(len(capture) - 500)
        samples.append(tpkt(capture[start:start + chance.randrange(3, 400)]))
    sockets = []
    for octets in samples:
        s = connection(b)
        try:
            s.sendall(octets)
        except OSError:
            pass
        sockets.append(s)
    mail_goes_on(a, b, 5)
    for k, s in enumerate(sockets):
        check(ended(s, WITHIN + 8), f"sample {k} is dropped")
    mail_goes_on(a, b)
    check(b.running() and not b.events(1294), "no association of a peer was hurt")
    check(len(b.events(20104)) < len(samples), "repetitions are counted, not written")


def test_changed_octets_of_a_peer(w):
    """A bound peer's octets with one changed at each place of the envelope: refused or taken, never harmful."""
    a, b = w.pair()
    b.start()
    password = a.peers["mta-b"].password_out
    chance = random.Random(815)
    good = message("changed", ipm())
    c, outcomes = None, {True: 0, False: 0, None: 0}
    for k in range(len(good)):
        if c is None:
            c = Caller(b, "MTA-A", password, source=a.host).open()
        octets = good[:k] + bytes([good[k] ^ (1 << chance.randrange(8))]) + good[k + 1:]
        try:
            verdict = c.transfer(octets)
        except (Hung, OSError):
            verdict = None
        outcomes[verdict] += 1
        if verdict is None:
            c.close()
            c = None
    if c:
        c.close()
    check(b.running(), "the daemon runs")
    check(outcomes[True] > 0 and outcomes[False] + outcomes[None] > 0, f"outcomes {outcomes}")
    a.start()
    mail_goes_on(a, b)
    return f"taken {outcomes[True]}, refused {outcomes[False]}, aborted {outcomes[None]}"


def test_port_scan(w):
    a, b = guarded(w)
    a.start(), b.start()
    for _ in range(300):
        connection(b).close()
    mail_goes_on(a, b, 5)
    wait_for("the scanner is told of", 5, lambda: b.events(20104, remote="127.0.0.50"))
    check(len(b.events(20104)) <= 20, f"{len(b.events(20104))} events for 300 connections of one host")


def test_limit_of_unbound_callers(w):
    """Those of one address do not shut out others; the limit of all holds; both are told; places come back."""
    a, b = guarded(w, "at most 20 per address 5")
    a.start(), b.start()
    crowd = [connection(b, "127.0.0.50") for _ in range(12)]
    wait_for("the rest of the crowd is turned away", 5, lambda: sum(ended(s, 0.05) for s in crowd) >= 7)
    mail_goes_on(a, b)
    others = [connection(b, f"127.0.0.{n}") for n in range(60, 63) for _ in range(5)]
    late = connection(b, "127.0.0.70")
    check(ended(late, 5), "one more than all is turned away")
    check(b.events(20104, remote="127.0.0.50") and b.events(20104, remote="127.0.0.70"), "events 20104")
    wait_for("there is room again", WITHIN + 8, lambda: not ended(connection(b, "127.0.0.70"), 0.5))
    check(others, "others")
    mail_goes_on(a, b)


def test_peer_stalls_in_a_transfer(w):
    """A peer that takes the data and never answers: the transfer's timer ends it; other peers' mail goes on meanwhile,
    and the message is sent again."""
    a, b, proxy = pair_through_proxy(w, [])
    c = w.mta("MTA-C")
    w.link(a, c)
    a.peers["mta-b"].lines["timeout"] = "transfer timeout per K urgent 1s normal 1s non-urgent 1s"
    for m in (a, b, c):
        m.start()
    mail_goes_on(a, b)
    swallowed = []
    proxy.watch = lambda direction, octets: not (is_acknowledgement(octets) and not swallowed.append(1))
    id = a.submit(user("Receiver", "BETA"))
    wait_for("one acknowledgement is swallowed", 10, lambda: swallowed)
    a.submit(user("Receiver", "GAMMA"))
    c.wait_items(1, 5)
    proxy.watch = lambda direction, octets: True
    a.wait_empty(30)
    equal(a.recipient_states(id), ["transferred"], "the message in the end")
    equal(len(b.items()), 2, "items of B")


def test_a_name_that_is_no_text(w):
    """A caller whose MTA name is no UTF-8: the attempt is in the log all the same."""
    a, b = w.pair()
    b.start()
    c = Caller(b, "X", "guessed", source=a.host)
    c.transport()
    c.send(c.bind_octets().replace(der(0x80, b"X"), der(0x80, b"\xfc")))
    c.receive()
    e = b.wait_event(51)[0]
    check("\\xfc" in e["text"], f"the name in the event: {e['text']}")


def test_hostile_control_clients(w):
    """Local programs on the status socket: no JSON, endless lines, pipelined requests, gone before the answer."""
    a = w.mta("MTA-A").start()

    def client():
        s = socket.socket(socket.AF_UNIX)
        s.connect(a.socket_path("status"))
        s.settimeout(10 * SLOW)
        w.closers.append(s.close)
        return s
    s = client()
    s.sendall(b"this is no JSON\n[1,2]\n{}\n{\"v\":2,\"cmd\":\"show\"}\n{\"cmd\":\"nothing\"}\n")
    answers = b""
    while answers.count(b"\n") < 5:
        answers += s.recv(65536)
    equal(answers.count(b'"ok":false'), 5, "refusals")
    many = client()
    line = b'{"v":1,"cmd":"show","what":"status"}\n'
    n = 20000
    threading.Thread(target=lambda: many.sendall(line * n), daemon=True).start()
    got = 0
    while got < n:
        piece = many.recv(1 << 20)
        check(piece, "the daemon goes on answering")
        got += piece.count(b"\n")
    endless = client()
    try:
        for _ in range(20):
            endless.sendall(b"x" * (1 << 20))
        check(not endless.recv(10), "a line without an end is ended by the daemon")
    except OSError:
        pass
    for _ in range(100):
        g = client()
        g.sendall(line * 3)
        g.close()
    endless = client()
    try:
        endless.sendall(b"x" * (256 << 10))
        check(not endless.recv(10), "the status socket takes short requests only")
    except OSError:
        pass
    crowd = [client() for _ in range(80)]
    check(crowd, "more clients than are served")
    equal(a.ask("queue", action="retry", all=True)["found"], 0, "the control socket's answer in the crowd")
    a.submit(user("Receiver", "ALPHA"))
    for g in crowd:
        g.close()

    def answered():
        try:
            return a.ask("show", what="status")["mta"] == "MTA-A"
        except OSError:  # the crowd is still in its queue
            return False
    wait_for("the daemon answers others", 5, answered)
