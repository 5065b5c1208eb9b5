# SPDX-License-Identifier: BSD-2-Clause
"""Peers that fall silent behind each layer's first PDU, called and calling, in both modes; transfers that are cut or have
bits flipped. Each ends by a timer of that layer with an event that names layer and address, nobody else's mail waits,
and nothing is left behind."""
import os
import random
import socket
import threading
import time

from harness import SLOW, Peer, check, der, equal, ipm, user, wait_for
from test_hostile import guarded
from test_ping import aare, cc, connected, pdv, results
from wire import Caller, Hung, dt, message, spdu

X410, WITHIN = b"\x0c", 2
DROPPED = WITHIN + 10 + 6  # our ABORT waits 10 s for its answer


# ---- called peers ----

def accepted(name, password, x410):
    """A CC's successor: AC with everything above it, checkpoints of 1 K."""
    bind = der(0xA1, der(0x80, name.encode()), der(0xA1, der(0x04, password.encode())))
    if x410:
        bind = der(0xA0, bind[:1] + bind[1:])
        members = der(0xA1, der(0x80, b"\1"), der(0x81, b"\3"), der(0xA2, bind))
        return connected(b"\x02\x49", der(0x31, der(0xA0, der(0x80, b"\0")), members))
    rtoac = der(0xB1, der(0x80, b"\1"), der(0x81, b"\3"), der(0xA2, der(0xA0, der(0xB1, bind))))
    return connected(b"\x02\x49", der(0x31, der(0xA0, der(0x80, b"\1")),
                                      der(0xA2, results(0, 0, 0), pdv(1, aare(0, 1, 0, rtoac)))))


class Called:
    """An MTA that answers up to some point and then only listens."""

    def __init__(self, w, mta, stage, x410):
        self.stage, self.x410 = stage, x410
        self.name = f"HANGS-{len(mta.peers)}"
        self.tsel, self.ended, self.calls, self.given_up = "P1", 0, 0, None
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.19", 0))
        self.listener.listen(8)
        self.host, self.port = self.listener.getsockname()
        self.peer = Peer(mta, self, "ours", "theirs")
        self.peer.lines.update(mode="mode " + ("x410-1988" if x410 else "normal"), timeout=f"open timeout {WITHIN}s",
                               progress=f"transfer timeout no progress {WITHIN}s",
                               open="open retry 1000 times every 60s", transfer="transfer retry 1000 times every 60s",
                               associations="associations at most 1 idle 1s", checkpoint="checkpoint recovery none")
        mta.peers[self.peer.name] = self.peer
        mta.route(self.name, self.peer.name)
        w.closers.append(self.listener.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def receive(self, one):
        got = b""
        while len(got) < 4 or len(got) < int.from_bytes(got[2:4], "big"):
            piece = one.recv(int.from_bytes(got[2:4], "big") - len(got) if len(got) >= 4 else 4 - len(got))
            if not piece:
                raise OSError
            got += piece
        return got

    def talk(self, one):
        """Everything up to the silence."""
        if self.stage == "nothing":
            return
        octets = cc(self.receive(one)[4:])
        one.sendall(octets[:6] if self.stage == "half a CC" else octets)
        if self.stage in ("half a CC", "CC"):
            return
        self.receive(one)
        octets = accepted(self.name, "theirs", self.x410)
        cut = {"half an AC": 20, "AC up to CPA": octets.find(b"\x31") + 4, "AC but for an octet": len(octets) - 1}
        one.sendall(octets[:cut.get(self.stage, len(octets))])
        if self.stage in cut or self.stage in ("AC", "given up"):
            return
        points = 0
        while True:
            t = self.receive(one)[7:]
            if t[:3] == b"\x01\0\x31":  # MINOR SYNC POINT
                points += 1
                one.sendall(dt(b"\x02\0" + spdu(50, spdu(0x2A, b"%d" % points))))
                if points == 2 and self.stage == "checkpoints":
                    return
            elif t[:3] == b"\x01\0\x29":  # ACTIVITY END
                one.sendall(dt(b"\x02\0" + spdu(42, t[4:4 + t[3]])))
            elif t[:1] == b"\x09":  # FINISH
                return

    def serve(self, one):
        try:
            self.talk(one)
            begun = time.monotonic()
            while self.stage == "given up":  # ACTIVITY INTERRUPT or DISCARD is answered, and timed from the bind
                t = self.receive(one)[7:]
                if t[:2] == b"\x01\0" and t[2:3] in b"\x19\x39":
                    self.given_up = time.monotonic() - begun
                    one.sendall(dt(b"\x02\0" + bytes([t[2] + 1, 0])))
                elif t[:1] == b"\x09":
                    one.sendall(dt(spdu(10, *([] if self.x410 else [spdu(0xC1, pdv(1, der(0x63, der(0x80, b"\0"))))]))))
            while one.recv(65536):
                pass
        except OSError:
            pass
        one.close()
        self.ended += 1


CALLED = [("nothing", "transport"), ("half a CC", "transport"), ("CC", "session"), ("half an AC", "session"),
          ("AC up to CPA", "session"), ("AC but for an octet", "session"), ("AC", None), ("checkpoints", None)]


def test_called_peers(w):
    """Our calls and transfers end by their own timers; the event names layer and address; the mail of others goes on."""
    a, b = w.pair()
    stuck = [(Called(w, a, stage, x410), step) for stage, step in CALLED for x410 in (False, True)]
    # 22 s: for the whole proof
    leaving = [Called(w, a, "release", x410) for x410 in (False, True) if w.count >= 10]
    a.start(), b.start()
    for p, _ in stuck:
        p.id = a.submit(user("Receiver", p.name), ipm(octets=bytes(30000)))
    for p in leaving:
        a.submit(user("Receiver", p.name), ipm(octets=bytes(3000)))
    for _ in range(10):
        a.submit(user("Receiver", "BETA"))
        time.sleep(0.2)
    b.wait_items(10, 5)
    for p, step in stuck:
        name = p.peer.name
        if step:
            e = a.wait_event(9318, 10, peer=name, step=step)[0]
            equal((e["stack"], e["local"], e["remote"]), ("net", a.host, f"{p.host}:{p.port}"), f"addresses of {name}")
            check("within 2000 ms" in e["text"] and "likely" in e["text"], f"event 9318 of {name}: {e['text']}")
        else:
            e = a.wait_event(1294, DROPPED, peer=name)[0]
            check("rtse: the transfer made no progress" in e["text"] and f":{p.port}" in e["text"], f"1294: {e['text']}")
        wait_for(f"{name} is left", DROPPED, lambda p=p: p.ended == p.calls)
    a.wait_queue([p.id for p, _ in stuck])
    for p in leaving:
        wait_for(f"{p.peer.name} is left", 20, lambda p=p: p.calls and p.ended == p.calls)
        equal(a.peer_status(p.peer.name)["outgoing"], 0, f"associations with {p.peer.name}")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(11, 5)


def test_transfer_time_by_priority_and_size(w):
    """What a transfer may take: so much for each K, by the priority of its message."""
    a = w.mta("MTA-A")
    peers = []
    for priority, size, seconds in (("urgent", 100, 1), ("normal", 100, 2), ("non-urgent", 100, 3), ("urgent", 4000, 5)):
        p = Called(w, a, "given up", len(peers) % 2)
        p.peer.lines.update(progress="transfer timeout no progress 60s",
                            time="transfer timeout per K urgent 1s normal 2s non-urgent 3s")
        peers.append((p, priority, size, seconds))
    a.start()
    for p, priority, size, _ in peers:
        a.submit(user("Receiver", p.name), ipm(octets=bytes(size)), priority=priority)
    for p, priority, size, seconds in peers:
        e = a.wait_event(20103, seconds + 5, peer=p.peer.name)[0]
        check("not done within its time" in e["text"], f"20103: {e['text']}")
        check(seconds - 0.2 <= p.given_up <= seconds + 1.5 * SLOW, f"{priority}, {size} octets: {p.given_up:.1f} s")


# ---- callers ----

def calls(octets, x410):
    """Where callers stop, within and behind each PDU: what it is, the step that was waited for, the octets."""
    transport, bind = octets
    yield "TPKT", "transport", transport[:4], b""
    yield "CR", "transport", transport[:-1], b""
    yield "CC", "session", transport, b""
    cuts = {"CN": 9, "CP": bind.find(b"\xc1") + 3, "all but an octet": len(bind) - 1}
    if not x410:
        cuts["AARQ"] = bind.find(b"\x60") + 2
        cuts["RTORQ"] = bind.find(b"\xb0") + 2
    for what, n in cuts.items():
        yield what, "session", transport, bind[:n]


def test_callers(w):
    """Dropped by the timer of callers, or that of transfers; the event names the layer that was waited for, and where
    the caller is."""
    a, b = guarded(w, "at most 100 per address 60")
    b.peers["mta-a"].lines["progress"] = f"transfer timeout no progress {WITHIN}s"
    a.start(), b.start()
    password = a.peers["mta-b"].password_out
    waiting, unbound = [], []
    for protocol in (None, X410):
        sample = Caller(b, "MTA-A", password, source="127.0.0.40", protocol=protocol)
        octets = sample.transport_octets(), sample.bind_octets(1)
        sample.close()
        for what, step, first, second in calls(octets, protocol):
            source = f"127.0.0.{41 + len(waiting)}"
            c = Caller(b, "MTA-A", password, source=source, protocol=protocol)
            c.send(first)
            if second:
                c.receive()
                c.send(second)
            waiting.append((what, c))
            unbound.append((what, step, source))
    half = message("half", ipm(octets=bytes(5000)))
    for protocol in (None, X410):  # bound: silent in an activity, in the first octets, and in the middle
        for what, n in (("AS", 0), ("first RTTR", 1), ("half a transfer", 2)):
            c = Caller(b, "MTA-A", password, source=a.host, protocol=protocol).open(1)
            data = c.data_octets(half)
            c.send(c.start_octets() + data[:[0, 40, len(data) // 2][n]])
            waiting.append((what, c))
    before = len(b.items())
    for _ in range(5):
        a.submit(user("Receiver", "BETA"))
    b.wait_items(before + 5, WITHIN)
    for what, c in waiting:
        check(c.hung_up(DROPPED), f"{what} is dropped")
    for what, step, source in unbound:
        e = b.wait_event(20104, 5, remote=source)[0]
        equal(e["step"], step, f"the step of {what}: {e['text']}")
    e = wait_for("events 1294", 5, lambda: (lambda x: x if len(x) >= 6 else None)(b.events(1294, peer="mta-a")))
    check(all("no progress" in x["text"] and a.host in x["text"] for x in e), f"1294: {e}")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(before + 6, 5)


def test_callers_without_class_0(w):
    """Class 2 alone is refused in order, by a DR, and the event says so; bad TPKTs are told of too."""
    a, b = guarded(w)
    b.start()
    c = Caller(b, "MTA-A", "x", source="127.0.0.50")
    octets = c.transport_octets()
    c.send(octets[:10] + b"\x20" + octets[11:])
    answer = c.receive()
    equal((answer[1] & 0xF0, answer[6]), (0x80, 130), "a DR, connection negotiation failed")
    e = b.wait_event(20104, remote="127.0.0.50", step="transport")[0]
    check("class" in e["text"], f"20104: {e['text']}")
    for source, octets, word in (("127.0.0.51", b"\x04\0\0\x16\x11", "version"), ("127.0.0.52", b"\3\0\0\6\x11", "length")):
        s = Caller(b, "MTA-A", "x", source=source)
        s.send(octets)
        check(s.hung_up(2), f"TPKT of bad {word}: closed")
        e = b.wait_event(20104, remote=source)[0]
        check(word in e["text"], f"20104: {e['text']}")


# ---- cut and damaged transfers ----

def damaged(seed, caller, content_octets):
    """The octets of a whole call up to the end of a transfer, by PDU, cut or with bits flipped as the seed says."""
    chance = random.Random(seed)
    apdu = message(f"seed-{seed}", ipm(octets=chance.randbytes(content_octets)))
    parts = [caller.transport_octets(), caller.bind_octets(chance.choice((0, 1))),
             caller.start_octets() + caller.data_octets(apdu) + caller.end_octets()]
    kind = chance.choice(("cut", "cut", "cut and hang", "flip", "flip"))
    whole = sum(map(len, parts))
    at = chance.randrange(whole) if chance.random() < 0.5 else whole - 1 - chance.randrange(len(parts[2]))
    begun = len(parts[0]) + len(parts[1])
    if kind == "cut and hang" and begun <= at < begun + 20:
        kind = "cut"  # bound, and no activity: it may rest
    if kind == "flip":
        octets = bytearray(b"".join(parts))
        for _ in range(chance.randrange(1, 4)):
            octets[min(whole - 1, at + chance.randrange(40))] ^= 1 << chance.randrange(8)
        octets, out = bytes(octets), []
        for p in parts:
            out.append(octets[:len(p)])
            octets = octets[len(p):]
        return kind, out
    out = []
    for p in parts:
        out.append(p[:max(0, at)])
        at -= len(p)
    return kind, out


def one_seed(b, source, password, seed, failed):
    c = Caller(b, "MTA-A", password, source=source, protocol=random.Random(seed).choice((None, X410)))
    c.socket.settimeout(DROPPED * SLOW)
    try:
        kind, parts = damaged(seed, c, 4000)
        for k, octets in enumerate(parts):
            c.send(octets)
            if k < 2 and parts[k + 1]:
                c.receive()
        if kind != "cut":
            c.socket.settimeout(0.3)
            try:
                while c.receive():
                    pass
            except socket.timeout:
                pass
            if kind != "flip" and not c.hung_up(DROPPED):
                failed.append(seed)
    except socket.timeout:
        failed.append(seed)
    except (Hung, OSError):
        pass
    finally:
        c.close()


def descriptors(mta):
    return len(os.listdir(f"/proc/{mta.pid}/fd"))


def test_damaged_transfers(w):
    """While a good peer sends its mail: seeds of cut and flipped calls. All of the good mail arrives, nothing is left."""
    a, b = guarded(w, "at most 200 per address 100")
    c = w.mta("MTA-C")
    w.link(c, b)
    b.peers["mta-a"].lines.update(progress=f"transfer timeout no progress {WITHIN}s",
                                  associations="associations at most 100 lifetime 10s idle 1s")
    b.start(), c.start()
    password = a.peers["mta-b"].password_out
    first = int(os.environ.get("E2E_SEED", "0")) or random.randrange(1, 1 << 30)
    seeds, failed, running = list(range(first, first + 40 * w.count)), [], []
    one_seed(b, a.host, password, 1, failed)
    c.submit(user("Good", "BETA"))
    b.wait_items(1)
    wait_for("rest", 10, lambda: b.peer_status("mta-a")["incoming"] == 0)
    open_before, memory_before, sent = descriptors(b), b.memory("VmRSS"), 1

    def work():
        while seeds:
            one_seed(b, a.host, password, seeds.pop(), failed)
    for _ in range(40):
        running.append(threading.Thread(target=work, daemon=True))
        running[-1].start()
    while any(t.is_alive() for t in running):
        c.submit(user("Good", "BETA"))
        sent += 1
        time.sleep(0.1)
        check(b.running(), f"the daemon runs; E2E_SEED={first}, seeds left: {len(seeds)}")
    check(not failed, f"not ended by any timer: seeds {failed} (E2E_SEED={first})")
    c.wait_empty(20)
    wait_for("associations of the damaged are gone", DROPPED, lambda: b.peer_status("mta-a")["incoming"] == 0)

    def good():
        return sum("Good" in open(os.path.join(i, "envelope.json"), encoding="utf-8").read() for i in b.items())
    wait_for(f"{sent} good messages (E2E_SEED={first})", 10, lambda: good() == sent)
    wait_for(f"descriptors as before: {open_before} (E2E_SEED={first})", 15, lambda: descriptors(b) <= open_before)
    grown = b.memory("VmRSS") - memory_before
    check(grown < 24 << 10 or os.environ.get("E2E_NO_MEMORY"), f"grown by {grown} KB (E2E_SEED={first})")
    return f"{40 * w.count} seeds from {first}, {sent} good messages, grown by {grown} KB"
