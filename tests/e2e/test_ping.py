# SPDX-License-Identifier: BSD-2-Clause
"""x400 ping: against our daemon in every mode, and against a responder made by hand that refuses, breaks off or stays
silent at every layer in every way. What it prints for each of them is in ping.txt, with times and ports masked; with
UPDATE=1 in the environment that file is written anew."""
import json
import os
import re
import socket
import subprocess
import threading

from harness import BUILD, TOP, check, der, equal, free_port
from wire import ACSE, BER, MTS_TRANSFER, dt, spdu, tpkt

COMMAND = os.path.join(BUILD, "bin", "x400")
GOLDEN = os.path.join(TOP, "tests", "e2e", "ping.txt")
NORMAL, X410, OLD = ["--mode", "normal"], ["--mode", "x410-1988"], ["--mode", "x410-1984"]


# ---- what a responder says ----

def tpdu(*parts):
    body = b"".join(parts)
    return tpkt(bytes([len(body)]) + body)


def cc(cr, more=b"\xc0\x01\x0b"):
    return tpdu(b"\xd0", cr[4:6], b"\x12\x34\0", more)


def dr(reason):
    return lambda cr: tpdu(b"\x80", cr[4:6], b"\0\0", bytes([reason]))


def er(cause):
    return lambda cr: tpdu(b"\x70", cr[4:6], bytes([cause]), b"\xc1\x02\x06\xe0")


def refuse(reason, data=b""):
    return dt(spdu(12, spdu(0x11, b"\1"), spdu(0x32, bytes([reason]) + data)))


def abort(bits, data=None):
    return dt(spdu(25, spdu(0x11, bytes([bits])), *([spdu(0xC1, data)] if data else [])))


def pdv(context, value):
    return der(0x61, der(0x30, der(0x02, bytes([context])), der(0xA0, value)))


def results(*codes):
    return der(0xA5, *[der(0x30, der(0x80, bytes([c])), *([der(0x81, BER)] if c == 0 else [der(0x82, b"\1")]))
                       for c in codes])


def cpr(reason):
    return refuse(2, der(0x30, der(0x8A, bytes([reason]))))


def aare(result, source, diagnostic, info=None):
    external = [der(0xBE, der(0x28, der(0x06, BER), der(0x02, b"\x03"), der(0xA0, info)))] if info else []
    return der(0x61, der(0xA1, der(0x06, MTS_TRANSFER)), der(0xA2, der(0x02, bytes([result]))),
               der(0xA3, der(0xA0 + source, der(0x02, bytes([diagnostic])))), *external)


def rejected(result, source, diagnostic, info=None):
    return refuse(2, der(0x30, results(0, 0, 0), pdv(1, aare(result, source, diagnostic, info))))


def rtorj(reason):
    return der(0xB2, der(0x80, bytes([reason])))


def bind_error(number):
    return rejected(1, 1, 1, der(0xB2, der(0xA1, der(0xB2, der(0x02, bytes([number]))))))


def connected(item, data):
    return dt(spdu(14, spdu(5, spdu(0x13, b"\0"), spdu(0x16, b"\x02"), spdu(0x1A, b"\0")), spdu(20, item),
                   spdu(0xC1, data)))


def accept(contexts=(0, 0, 0), info=None, units=b"\x02\x49"):
    """A whole acceptance; its bind result names MTA-B, with the password secret."""
    bind = der(0xB1, der(0xA1, der(0x80, b"MTA-B"), der(0xA1, der(0x04, b"secret"))))
    rtoac = info if info is not None else der(0xB1, der(0xA2, der(0xA0, bind)))
    cpa = der(0x31, der(0xA0, der(0x80, b"\1")), der(0xA2, results(*contexts), pdv(1, aare(0, 1, 0, rtoac))))
    return connected(units, cpa)


def bare(reason):
    return refuse(2, der(0x31, der(0x80, bytes([reason]))))


class Responder:
    """Answers the CR and then the CONNECT: octets, a function of the CR, None to say nothing, "close" to hang up."""

    def __init__(self, world, transport, session=None, early=b""):
        self.answers, self.early = (transport, session), early
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4)
        self.port = self.listener.getsockname()[1]
        self.open = []
        world.closers.append(self.close)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        for s in [self.listener, *self.open]:
            s.close()
        self.open = []

    def accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            self.open.append(one)
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    def receive(self, one):
        got = b""
        while len(got) < 4 or len(got) < int.from_bytes(got[2:4], "big"):
            piece = one.recv(4096)
            if not piece:
                raise OSError
            got += piece
        return got[4:]

    def serve(self, one):
        try:
            one.sendall(self.early)
            for answer in self.answers:
                asked = self.receive(one)
                if answer == "close":
                    one.close()
                    return
                if answer is not None:
                    one.sendall(answer(asked) if callable(answer) else answer)
            while one.recv(4096):
                pass
            one.close()
        except OSError:
            one.close()


# ---- what the command says ----

def run(*words):
    done = subprocess.run([COMMAND, "ping", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          cwd=TOP, env=dict(os.environ, LC_ALL="C.UTF-8"))
    return done.returncode, done.stdout


def masked(text):
    text = re.sub(r" +\d+ ms  ", "   N ms  ", text)
    text = re.sub(r"; \d+ ms in all", "; N ms in all", text)
    return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)


STRANGERS = [
    ("a web server", b"HTTP/1.1 400 Bad Request\r\n\r\n", b""), ("a TLS server", b"\x15\x03\x01\0\x02\x02\x46", b""),
    ("a mail server", b"", b"220 mail.example.net ESMTP\r\n"), ("a secure shell server", b"", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("an unknown protocol", b"\x01\x02\x03\x04", b""), ("TPKT of a wrong length", b"\3\0\0\2", b""),
]
TRANSPORT = [(f"DR, reason {r}", dr(r)) for r in (0, 1, 2, 3, 128, 129, 130, 131, 132, 133, 135, 136, 138, 77)] + \
            [(f"ER, cause {c}", er(c)) for c in (0, 1, 2, 3)] + \
            [("CC of a CR that was not sent", lambda cr: tpdu(b"\xd0\x77\x77\x12\x34\0")),
             ("closed in place of a CC", "close"), ("silence in place of a CC", None)]
SESSION = [(f"REFUSE, reason {r}", refuse(r)) for r in (0, 1, 2, 129, 130, 131, 132, 133, 134, 99)] + \
          [(f"ABORT by the provider, {what}", abort(bits)) for what, bits in (("protocol error", 5), ("no reason", 9),
                                                                              ("restriction", 17))] + \
          [("ABORT by the user", abort(3)), ("an SPDU that is none", dt(b"\xee\0")),
           ("functional units missing", accept(units=b"\x00\x41")),
           ("closed in place of an answer", "close"), ("silence in place of an answer", None)]
UPPER = [(f"CPR, reason {r}", cpr(r)) for r in range(8)] + \
        [(f"ARP, reason {r}", abort(3, der(0x30, der(0x80, bytes([r]))))) for r in (0, 1, 6)] + \
        [("context of RTSE refused", accept((0, 2, 0))), ("contexts of RTSE and its user refused", accept((0, 2, 2))),
         ("an answer that is no CPA", connected(b"\x02\x49", der(0x04, b"what?")))] + \
        [(f"AARE, user, diagnostic {d}", rejected(1, 1, d)) for d in (0, 1, 2, 3, 7, 9, 13)] + \
        [(f"AARE, provider, diagnostic {d}", rejected(1, 2, d)) for d in (0, 1, 2)] + \
        [("AARE, for now", rejected(2, 1, 1)),
         ("ABRT by the user", abort(3, der(0xA0, pdv(1, der(0x64, der(0x80, b"\0")))))),
         ("ABRT by the provider", abort(3, der(0xA0, pdv(1, der(0x64, der(0x80, b"\1"))))))] + \
        [(f"RTORJ, reason {r}", rejected(1, 1, 0, rtorj(r))) for r in (0, 1, 2, 3)] + \
        [(f"RTAB, reason {r}", abort(3, der(0xA0, pdv(1, der(0x64, der(0x80, b"\0"), der(0xBE, der(
            0x28, der(0x06, BER), der(0x02, b"\x03"), der(0xA0, der(0xB6, der(0x80, bytes([r])))))))))))
         for r in (0, 3, 4, 5)] + \
        [("RTOAC that cannot be read", accept(info=der(0xB6, b""))),
         ("bind result that cannot be read", accept(info=der(0xB1, der(0xA2, der(0xA0, der(0xB1, der(0x04, b"x")))))))] + \
        [(f"bind error {e}", bind_error(e)) for e in (0, 2, 3, 4, 5, 9)]
BARE = [(f"X.410 RTORJ, reason {r}", bare(r)) for r in (0, 1, 2, 3, 8)] + \
       [("X.410, REFUSE without a word", refuse(0)), ("X.410, ABORT by the user", abort(3)),
        ("X.410, closed", "close"),
        ("X.410 RTAB", abort(3, der(0x31, der(0x80, b"\4"))))]


def cases():
    for name, answer, early in STRANGERS:
        yield name, [], answer, None, early
    for name, answer in TRANSPORT:
        yield name, [], answer, None, b""
    for name, answer in SESSION + UPPER:
        yield name, [], cc, answer, b""
    for name, answer in BARE:
        yield name, X410, cc, answer, b""
    yield "the other MTA", ["--remote-name", "MTA-C"], cc, accept(), b""
    yield "the other password", ["--remote-name", "MTA-B", "--remote-password-file", "PASSWORD"], cc, accept(), b""


def test_refusals(w):
    """Every refusal of every layer: the layer, the reason, the likely cause and what is configured."""
    password = os.path.join(w.dir, "password")
    with open(password, "w", encoding="ascii") as f:
        f.write("never-to-be-seen\n")
    said, running = {}, []

    def one(name, options, transport, session, early):
        r = Responder(w, transport, session, early)
        words = [password if x == "PASSWORD" else x for x in options]
        status, text = run(f"127.0.0.1:{r.port}", "--called-tsel", "P1", "--calling-tsel", "0x0102", "--local-name", "MTA-A",
                           "--local-password-file", password, "--timeout", "2", *words)
        r.close()
        said[name] = masked(text).replace(password, "PASSWORD") + f"= {status}\n"

    everything = list(cases())
    for case in everything:
        t = threading.Thread(target=one, args=case)
        t.start()
        running.append(t)
        if len(running) >= 4:
            running.pop(0).join()
    for t in running:
        t.join()
    now = "".join(f"# {name}\n{said[name]}" for name, *_ in everything)
    check("never-to-be-seen" not in now, "a password is shown")
    if os.environ.get("UPDATE"):
        with open(GOLDEN, "w", encoding="utf-8") as f:
            f.write(now)
    with open(GOLDEN, encoding="utf-8") as f:
        wanted = {part.split("\n")[0]: part for part in f.read().split("# ")[1:]}
    for name, *_ in everything:
        equal(f"{name}\n{said[name]}", wanted.get(name), f"what is printed for \"{name}\"")
        check("likely: " in said[name] or name.startswith("the other"), f"no cause for \"{name}\"")
        check(said[name].endswith("= 1\n"), f"the exit status of \"{name}\"")


def test_nobody_there(w):
    """Refused TCP, an address without a route, a name that is not known; as JSON."""
    status, text = run("127.0.0.1:1", "--json")
    v = json.loads(text)
    equal((status, v["ok"], v["failure"]["step"], v["failure"]["kind"]), (1, False, "connect", "failed"), "what it says")
    check("nothing listens" in v["failure"]["cause"], v["failure"]["cause"])
    check("127.0.0.1:1" in v["failure"]["configured"], v["failure"]["configured"])


# ---- our own daemon ----

def values(text):
    v = json.loads(text)
    return v, {s["step"]: s for s in v["steps"]}


def ping_of(a, b, *options):
    return run("mta-b", "-f", a.conf, *options)


def pair(w):
    a, b = w.pair()
    a.write(), b.start()
    return a, b


def test_modes(w):
    """The three modes of our own daemon: what was negotiated in each, by name."""
    a, b = pair(w)
    for options, mode, protocol in ((NORMAL, "normal", None), (X410, "x410-1988", 12), (OLD, "x410-1984", 1)):
        status, text = ping_of(a, b, "--json", "--checkpoint", "7", "--window", "2", *options)
        equal(status, 0, text)
        v, steps = values(text)
        equal(list(steps), ["resolve", "connect", "transport", "session", "presentation", "association", "rtse", "bind", "release"],
              "the steps in order")
        equal((v["ok"], v["mode"], "failure" in v), (True, mode, False), "the result")
        equal(steps["transport"]["negotiated"]["tpdu_size"], 65531, "the TPDU size")
        session = steps["session"]["negotiated"]
        equal((session["version"], session["functional_units"]),
              (2, ["half-duplex", "minor-synchronize", "activity-management", "exceptions"]), "the session")
        equal([steps[x]["used"] for x in ("presentation", "association")], [mode == "normal"] * 2, "layers of the mode")
        rtse = steps["rtse"]["negotiated"]
        equal((rtse["mode"], rtse["dialogue"], rtse["checkpoint_k"], rtse["window"], rtse.get("application_protocol")),
              (mode, "monologue", 7, 2, protocol), "RTSE")
        equal(steps["bind"]["negotiated"]["responder"], "MTA-B", "who answered")
        if mode == "normal":
            equal([(c["id"], c["abstract_syntax"], c["accepted"]) for c in steps["presentation"]["negotiated"]["contexts"]],
                  [(1, "2.2.1.0.1", True), (3, "2.6.0.2.12", True), (5, "2.6.0.2.7", True)], "the contexts")
            equal(steps["association"]["negotiated"]["application_context"], "2.6.0.1.6", "the application context")
        status, text = ping_of(a, b, *options)
        equal(("not in X.410 mode" in text, status), (mode != "normal", 0), text)
        check("\nreleased " in text and "accepted by \"MTA-B\"" in text, text)


def test_dialogue(w):
    a, b = pair(w)
    status, text = ping_of(a, b, "--dialogue", "two-way-alternate", "--json")
    equal(status, 0, text)
    equal(values(text)[1]["rtse"]["negotiated"]["dialogue"], "two-way-alternate", "the dialogue")


def test_try_modes(w):
    """A peer of all modes; one that hangs up in normal mode; one that refuses us in each mode that it knows."""
    a, b = pair(w)
    status, text = ping_of(a, b, "--try-modes")
    equal(status, 0, text)
    check("\nthe peer speaks: normal, x410-1988, x410-1984\nconfigured: mode normal\n" in text, text)

    def old(asked):  # normal mode is what has an AARQ's context in its connect
        return abort(9) if ACSE in asked else bare(2)
    r = Responder(w, cc, old)
    status, text = run(f"127.0.0.1:{r.port}", "--try-modes", "--json", "--timeout", "5")
    v = json.loads(text)
    equal((status, v["ok"], v["configured"], v["speaks"]), (1, False, "normal", ["x410-1988", "x410-1984"]), "what it says")
    equal([(m["mode"], m["failure"]["step"]) for m in v["modes"]],
          [("normal", "session"), ("x410-1988", "bind"), ("x410-1984", "bind")], "where each mode stopped")
    equal(v["reached"], True, "somebody was there")
    status, text = run(f"127.0.0.1:{r.port}", "--timeout", "5")
    check("x400 ping --try-modes" in text, f"the hint that another mode may do: {text}")


def test_try_modes_of_nobody(w):
    """Where nothing listens the first mode says so, and nothing is claimed of what the peer speaks."""
    port = free_port(["127.0.0.1"])
    status, text = run(f"127.0.0.1:{port}", "--try-modes")
    equal(status, 1, text)
    equal(text.count("Connection refused"), 1, "one call is enough")
    check(text.endswith("\nthe peer was not reached: what it speaks is not known\n"), text)
    status, text = run(f"127.0.0.1:{port}", "--try-modes", "--json")
    v = json.loads(text)
    equal((v["ok"], v["reached"], v["speaks"], len(v["modes"])), (False, False, [], 1), "as JSON")


def test_selectors_have_a_length(w):
    """What no call can carry is refused where it is given, and not as a limit in the middle of the call."""
    for option, octets in (("--called-tsel", 33), ("--called-ssel", 17), ("--calling-psel", 65)):
        status, text = run("127.0.0.1:1", option, "x" * octets)
        equal(status, 2, text)
        check(f"at most {octets - 1} octets" in text, text)
    status, text = run("127.0.0.1:1", "--window", "1000")
    equal((status, "from 1 to 999" in text), (2, True), text)


def test_no_credentials(w):
    """Who binds without credentials is not told that its password is wrong."""
    a, b = pair(w)
    status, text = ping_of(a, b, "--no-credentials")
    equal(status, 1, text)
    check("likely: we bind without name and password, and the peer wants them" in text, text)
    e = b.wait_event(9301)[0]
    check("the bind has no credentials; peer" in e["text"], e["text"])


def test_wrong_selectors_at_the_called_side(w):
    """The called side says in its event what was called, and what it has."""
    a, b = w.pair()
    b.stack_lines.append('ssel "S" psel 0x00FF')
    a.write(), b.start()
    for options, step, words in ((["--called-tsel", "NOT"], "transport", f'it called tsel "NOT", this stack has "{b.tsel}"'),
                                 (["--called-ssel", "NOT"], "session", 'it called ssel "NOT", this stack has "S"'),
                                 (["--called-ssel", "S"], "presentation", "it called psel none, this stack has 0x00FF")):
        ping_of(a, b, *options)
        e = b.wait_event(20104, step=step)[0]
        check(words in e["text"], e["text"])
