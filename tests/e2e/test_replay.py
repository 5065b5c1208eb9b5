# SPDX-License-Identifier: BSD-2-Clause
"""Another stack's recorded octets, sent to a running daemon as they are; and what old peers write in ways of their
own."""
import os
import socket
import threading

from harness import SLOW, TOP, Peer, check, der, equal, ipm, user
from test_mail import content, envelope
from wire import Caller, domain, or_name, recorded, tpkts, trace_element

DATA = os.path.join(TOP, "tests", "data")
# Capture, called T-selector, mode in the peer's block.
CAPTURES = [("p1-84", "591", "x410-1984"), ("p1-84-100k", "591", "normal"), ("p1-88-x410mode", "593", "x410-1988"),
            ("p1-88-normal", "592", "normal"), ("p1-88-normal-100k", "592", "x410-1984")]


class Other:
    """A peer that is no daemon."""

    def __init__(self, name, host):
        self.name, self.host, self.port, self.tsel = name, host, 1, "X"


def called(w, tsel, name="MTA-PPB", mode="normal"):
    """A daemon that knows one peer, as the captured one knew its caller."""
    b = w.mta(name, "BETA")
    b.tsel = tsel
    p = Peer(b, Other("MTA-PPA", b.host), "secretB", "secretA")
    p.calls, p.accept = False, "127.0.0.0/8"
    p.lines["mode"] = "mode " + mode
    b.peers[p.name] = p
    b.delivers.append(('country "GB" admd "TEST"', b.delivered))
    return b.start()


def replay(b, octets):
    """The caller's octets in one go, but for what has to wait for an answer. Whether the activity's end was
    acknowledged."""
    c = Caller(b, "MTA-PPA", "secretA")
    waiting = list(tpkts(octets))
    for _ in range(2):  # transport, then session with all above
        c.send(waiting.pop(0))
        c.receive()
    end = next(k for k, t in enumerate(waiting) if t[7:10] == b"\1\0\x29")
    c.send(b"".join(waiting[:end + 1]))
    while (t := c.receive())[3:6] != b"\2\0\x2a":
        check(t[1] == 0xF0, f"data, not {t.hex()}")
        check(b"\x30" not in t[3:6:2], f"no exception report: {t.hex()}")
    c.send(b"".join(waiting[end + 1:]))
    check(c.hung_up(5), "the connection is closed after the release")


def test_captures(w):
    """Each in a daemon of its own, of which the block says in turn the mode that comes, and another."""
    for k, (name, tsel, mode) in enumerate(CAPTURES):
        b = called(w, tsel, f"MTA-{k}", mode)
        octets = recorded(os.path.join(DATA, name + ".pcap"))[0]
        replay(b, octets)
        item = b.wait_items(1)[0]
        e = envelope(item)
        large, y84 = name.endswith("100k"), "-84" in name
        equal(e["content_type"]["number"], 2 if y84 else 22, f"{name}: the content type")
        equal(e["originator"], "/S=jones/O=ALPHA/P=PPA/A=TEST/C=GB/", f"{name}: the originator")
        equal(len(e["trace"]), 3, f"{name}: elements of the trace, two of its caller")
        equal([p["kind"] for p in e["parts"]], ["ia5-text"], f"{name}: body parts")
        equal(e.get("warnings", []), [], f"{name}: warnings")
        if large:
            check(e["parts"][0]["size"] > 100_000, f"{name}: a text of {e['parts'][0]['size']} octets")
        else:
            check(content(item) in octets, f"{name}: the content, octet by octet")


class Answerer:
    """The called side of a capture: says what was recorded, each time that something comes which was answered then."""

    def __init__(self, w, octets):
        self.answers, self.said = list(tpkts(octets)), []
        self.listener = socket.socket()
        self.listener.bind((w.HOSTS[-1], 0))
        self.listener.listen(1)
        self.listener.settimeout(20 * SLOW)
        self.address = self.listener.getsockname()
        w.closers.append(self.listener.close)
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        s = self.listener.accept()[0]
        s.settimeout(20 * SLOW)
        waiting = b""
        with s:
            while True:
                n = int.from_bytes(waiting[2:4], "big")
                if len(waiting) < 4 or len(waiting) < n:
                    piece = s.recv(65536)
                    if not piece:
                        return
                    waiting += piece
                    continue
                tpkt, waiting = waiting[:n], waiting[n:]
                self.said.append(tpkt)
                # CR, CONNECT, ACTIVITY END behind its token SPDU, FINISH
                if tpkt[5:6] == b"\xe0" or tpkt[7:8] in (b"\x0d", b"\x09") or tpkt[7:10] == b"\1\0\x29":
                    answer = self.answers.pop(0)
                    if tpkt[5:6] == b"\xe0":
                        answer = answer[:6] + tpkt[8:10] + answer[8:]  # to our reference
                    s.sendall(answer)


def test_captures_of_the_called_side(w):
    """A daemon calls the other stack: what that answered then is what a message of ours is sent with."""
    for k, (name, tsel, mode) in enumerate(CAPTURES):
        if name.endswith("100k"):
            continue  # its confirmations are for the checkpoints of that transfer
        answerer = Answerer(w, recorded(os.path.join(DATA, name + ".pcap"))[1])
        a = w.mta(f"MTA-{k}", "ALPHA")
        p = Peer(a, Other("MTA-PPB", answerer.address[0]), "secretA", "secretB")
        p.port, p.tsel = answerer.address[1], tsel
        p.lines.update(mode="mode " + ("normal" if "normal" in name else mode), idle="associations idle 1s")
        a.peers[p.name] = p
        a.route("BETA", p.name)
        a.start()
        id = a.submit(user("Receiver", "BETA"), ipm())
        a.wait_event(20202, mts_id=id)
        a.wait_event(20102)
        equal(answerer.answers, [], f"{name}: answers that were not asked for")
        equal(a.events(1294) + a.events(9318), [], f"{name}: what went wrong")


def old_message(local_id, octets, prmd="ALPHA", when="2611201000Z"):
    """A message with times that have no seconds, and a content correlator in the old form of an extension."""
    correlator = der(0x30, der(0xA0, der(0x02, b"\x17")), der(0xA2, der(0x04, b"correlator")))
    per = der(0x31, or_name("Receiver", "BETA"), der(0x80, b"\1"), der(0x81, b"\x03\xA8"))
    fields = [der(0x64, domain(prmd), der(0x16, local_id.encode())), or_name("Sender", prmd), der(0x46, b"\x16"),
              der(0x69, trace_element(prmd, when)), der(0xA3, correlator), der(0xA2, per)]
    return der(0xA0, der(0x31, *fields), der(0x04, octets))


def test_deviations(w):
    """Protocol number with its octets swapped, passwords as either string type, references as T61String or OCTET
    STRING, UTCTime without seconds, the type of an extension in the old form: in every mode. Without a protocol number
    it is that of 1984, which shows in the trace: of the messages here, from our own domain, there alone."""
    b = called(w, "591")
    k = 0
    for protocol, y84 in ((None, 0), (b"\x0c", 0), (b"\x0c\0", 0), (b"\1", 1), (b"\1\0", 1), (b"", 1)):
        for password_tag, reference_tag, when in ((0x04, 0x04, b"2611201000Z"), (0x16, 0x14, b"2611201000+0100")):
            k += 1
            c = Caller(b, "MTA-PPA", "secretA", protocol=protocol)
            c.password_tag, c.reference_tag, c.when = password_tag, reference_tag, when
            c.open()
            check(c.bound, f"bound with protocol {protocol}, password tag {password_tag:x}, {when}")
            octets = ipm(f"number {k}")
            check(c.transfer(old_message(f"id-{k}", octets, "BETA", when.decode())), "acknowledged")
            c.close()
            item = b.wait_items(k)
            e = next(e for e in map(envelope, item) if e["id"].endswith(f"id-{k}]"))
            equal(e["trace"][0]["arrival"], f"2026-11-20T{'09' if b'+' in when else '10'}:00:00Z", "the time of the trace")
            equal(len(e["trace"]), 1 + y84, f"elements of the trace with protocol {protocol}")
            check("content-correlator" in e["extensions"], f"the extension is understood: {e['extensions']}")
