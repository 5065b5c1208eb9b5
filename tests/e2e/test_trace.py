# SPDX-License-Identifier: BSD-2-Clause
"""x400 trace: what an operator sees of a peer's associations while the daemon runs, and what nobody may see."""
import json
import os
import signal
import subprocess
import threading

from harness import BUILD, Refused, check, equal, user, wait_for
from test_resume import Wire, a_content


def heeds_interrupt():
    """Also in the background of a shell, whose processes ignore interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Trace:
    """The command `x400 trace` and the lines that it has printed."""

    def __init__(self, mta, peer, *options):
        command = [os.path.join(BUILD, "bin", "x400"), "trace", peer, "--control", mta.socket_path("control"), "--json",
                   *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=heeds_interrupt)
        self.lines, self.raw = [], b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()
        wait_for("the trace has begun", 5, lambda: mta.events(20019, what=f"trace of peer {peer}"))

    def read(self):
        for line in self.process.stdout:
            self.raw += line
            self.lines.append(json.loads(line))

    def texts(self, layer, way=None):
        return [x["text"] for x in self.lines if x["layer"] == layer and way in (None, x["way"])]

    def has(self, layer, text, way=None):
        return any(text in x for x in self.texts(layer, way))

    def wait(self, layer, text, way=None):
        wait_for(f"the trace shows {layer} {text} {way or ''}", 15, lambda: self.has(layer, text, way))

    def end(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(5)
        self.thread.join(5)


def test_trace_of_both_sides(w):
    a, b = w.pair()
    a.start(), b.start()
    out, into = Trace(a, "mta-b"), Trace(b, "mta-a")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    for t, sent, received in ((out, "sent", "received"), (into, "received", "sent")):
        t.wait("p1", "message [", sent)
        t.wait("session", "ACTIVITY END ACK (AEA)", received)
        for layer, text, way in (("transport", "CR TPDU: ", sent), ("transport", "CC TPDU: ", received),
                                 ("session", "CONNECT (CN): ", sent), ("session", "ACCEPT (AC): ", received),
                                 ("presentation", "CP: mode normal, context 1: 2.2.1.0.1", sent),
                                 ("association", "AARE: application-context 2.6.0.1.6", received),
                                 ("rtse", "RTORQ: checkpoint-size 30 K, window-size 5", sent),
                                 ("bind", 'bind argument: name "MTA-A"', sent),
                                 ("bind", 'bind result: name "MTA-B"', received), ("rtse", "RTTR: octets", sent)):
            check(t.has(layer, text, way), f"{layer} {text} {way} in {t.texts(layer)}")
        check(any(x["way"] == "state" and x["layer"] == "session" for x in t.lines), "steps of the session machine")
        check(not any("MALFORMED" in x["text"] for x in t.lines), "nothing is malformed")
        t.end()
        for secret in (a.peers["mta-b"].password_out, a.peers["mta-b"].password_in):
            check(secret.encode() not in t.raw, "a password in the trace")


def test_one_layer_of_an_open_association(w):
    """The association is there before the trace; its next transfer is read all the same. Off ends the command."""
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    t = Trace(a, "mta-b", "--layer", "p1", "--layer", "session")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(2)
    t.wait("p1", "recipients 1: octets", "sent")
    t.wait("session", "ACTIVITY END ACK (AEA)", "received")
    equal({x["layer"] for x in t.lines}, {"connection", "p1", "session"}, "the layers shown")
    check(t.has("connection", "there before"), "said that it was there before")
    check(not t.has("session", "CONNECT (CN)"), "the association was open already")
    equal(a.ask("trace", peer="mta-b", off=True), {"ended": 1}, "off")
    equal(t.process.wait(10), 0, "the exit status of the command")
    seen = len(t.lines)
    a.submit(user("Receiver", "BETA"))
    b.wait_items(3)
    equal(len(t.lines), seen, "lines after the end")


def test_caller_that_is_refused(w):
    """A caller with a wrong password is shown to who traces the peer that it says to be."""
    a, b = w.pair()
    a.peers["mta-b"].password_out = "not the right one"
    a.start(), b.start()
    t = Trace(b, "mta-a")
    a.submit(user("Receiver", "BETA"))
    t.wait("bind", 'bind argument: name "MTA-A"', "received")
    t.wait("bind", "bind error: 2 (authentication-error)", "sent")
    check(t.has("transport", "CR TPDU", "received"), "its first PDU")
    t.end()
    check(b"not the right one" not in t.raw, "the password in the trace")


def test_trace_ends_with_its_command(w):
    a, _ = w.pair()
    a.start()
    for k in range(8):
        a.ask("trace", peer="mta-b")
    try:
        a.ask("trace", peer="mta-b")
        check(False, "a ninth trace")
    except Refused as e:
        check("8 traces" in str(e), str(e))
    def free():
        try:
            return a.ask("trace", peer="mta-b")["trace"] > 8
        except Refused:
            return False
    wait_for("traces that nobody reads end", 10, free, 0.5)
    for words in (dict(peer="nobody"), dict(peer="mta-b", layers=["sessions"]), dict(id=99)):
        try:
            a.ask("trace", **words)
            check(False, f"{words} was not refused")
        except Refused:
            pass


def test_slow_reader(w):
    """Nobody fetches the lines: the transfer goes on, and what was too much is counted."""
    a, b = w.pair()
    a.peers["mta-b"].lines["checkpoint"] = "checkpoint 1K window 5"
    a.start(), b.start()
    id = a.ask("trace", peer="mta-b")["trace"]
    with open(os.path.join(w.dir, "large"), "w+b") as f:
        from harness import ipm
        f.write(ipm(octets=os.urandom(2_000_000)))
        f.flush()
        a.submit(user("Receiver", "BETA"), f)
    b.wait_items(1)
    got = a.ask("trace", id=id)
    equal(len(got["lines"]), 2000, "lines kept")
    check(got["dropped"] > 2000, f"lines dropped: {got['dropped']}")


def test_modes(w):
    """Each mode in words, and the turns of a dialogue; a trace of one layer shows that layer alone."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(a, c)
    for m in (a, b, c):
        for p in m.peers.values():
            old = "mta-c" in (p.name, m.name.lower())
            p.lines.update(mode="mode x410-1984" if old else "mode x410-1988",
                           dialogue="dialogue monologue" if old else "dialogue two-way-alternate")
    a.start(), b.start(), c.start()
    new, old, turns = Trace(a, "mta-b"), Trace(a, "mta-c"), Trace(b, "mta-a", "--layer", "rtse")
    a.submit(user("Receiver", "BETA"), report="delivery"), a.submit(user("Receiver", "GAMMA"))
    b.wait_items(1), c.wait_items(1)
    a.wait_items(1)  # the report
    for t, protocol in ((new, "12 (P1)"), (old, "1 (P1 of 1984)")):
        t.wait("p1", "message [", "sent")
        check(t.has("presentation", "CP: mode X.410", "sent"), "X.410 mode")
        check(t.has("rtse", f"application-protocol {protocol}", "sent"), f"protocol {protocol} in {t.texts('rtse')}")
        check(t.has("rtse", "RTTR (bare): octets", "sent"), "bare transfers")
        equal(t.texts("association", "sent"), [], "association control, which that mode has not")
        check(not any("MALFORMED" in x["text"] for x in t.lines), "nothing is malformed")
    new.wait("p1", "report [", "received")
    for t, way in ((new, "received"), (turns, "sent")):
        t.wait("rtse", "RTTP: turn asked for, priority ", way)
        t.wait("rtse", "turn given", "sent" if t is new else "received")
    equal({x["layer"] for x in turns.lines}, {"connection", "rtse"}, "the layers shown")
    for t in (new, old, turns):
        t.end()


def test_resumed_transfer(w):
    """A transfer that is cut off, and the association that recovers it."""
    a, b = w.pair()
    for m in (a, b):
        for p in m.peers.values():
            p.lines["checkpoint"] = "checkpoint 4K window 3"
    Wire(w, a, b, at=(3,))
    a.start(), b.start()
    t = Trace(b, "mta-a", "--layer", "rtse", "--layer", "session")
    a.submit(user("Receiver", "BETA"), a_content(60000))
    b.wait_items(1)
    t.wait("rtse", "transfer resumed: after-checkpoint ", "received")
    check(t.has("rtse", "connection-data recover", "received"), f"recovery in {t.texts('rtse')}")
    check(t.has("session", "ACTIVITY RESUME (AR): ", "received"), "ACTIVITY RESUME")
    t.end()
