# SPDX-License-Identifier: BSD-2-Clause
"""The campaign of interop/ itself: mistakes in FILE, what it writes, peers that hang, refuse or let everybody in, an
interrupt, its limits; the examples of the folders, and the oracles."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

from campaign.ber import ipm_of_size
from harness import BUILD, SLOW, TOP, Skip, check, equal, free_port, wait_for
from interop_peer import PEER, US, campaign_file, peer_of

INTEROP = os.path.join(TOP, "interop")
RUN = [sys.executable, os.path.join(INTEROP, "run")]
STATUSES = {"passed", "failed", "not supported by the peer", "not tried"}


def campaign(w, path, *options):
    """(exit status, what it printed, its JSON)"""
    result = os.path.join(w.dir, "result.json")
    done = subprocess.run([*RUN, path, "--json", result, "--junit", result[:-4] + "xml", "--keep",
                           os.path.join(w.dir, "captures"), *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300 * SLOW,
                          env=environment(w))
    said = None
    if os.path.exists(result):
        with open(result) as f:
            said = json.load(f)
    return done.returncode, done.stdout + done.stderr, said


def only(*lines):
    return [word for line in lines for word in ("--only", line)]


def daemons_of(w):
    """Processes that run with a configuration of this test's folder for what is temporary."""
    found, folder = [], os.path.join(w.dir, "t", "").encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if folder in f.read():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def names(events, first, last, layer):
    """Of the PDUs of a layer in these frames."""
    return [e["name"] for e in events if e["kind"] == "pdu" and first <= e["frame"] <= last and e["layer"] == layer]


def line_of(said, name):
    return next(x for x in said["lines"] if x["line"] == name)


def environment(w):
    """A folder of its own for what is temporary, and what is left in it."""
    os.makedirs(os.path.join(w.dir, "t"), exist_ok=True)
    return dict(os.environ, TMPDIR=os.path.join(w.dir, "t"))


def leftovers(w):
    return os.listdir(os.path.join(w.dir, "t"))


# ---- FILE ----

def test_mistakes_in_the_file(w):
    b = peer_of(w, start=False)
    path = campaign_file(w, b, 10102)
    with open(path) as f:
        good = f.read()
    loose = b.secret("loose", "secret")
    os.chmod(loose, 0o644)
    n = {line.split(" =")[0] if "=" in line else line: k for k, line in enumerate(good.splitlines(), 1)}
    cases = [
        ("host = ", "hosst = ", n["host"], 'unknown word "hosst" in [peer]; did you mean "host"?'),
        ("[limits]", "[limit]", n["[limits]"], 'unknown section [limit]; did you mean "limits"?'),
        ('tsel = "NORMAL"', "tsel = NORMAL", n["ssel"] - 1, 'NORMAL is no transport selector; write "text" in quotes'),
        ('ssel = "S1"', 'ssel = "12345678901234567"', n["ssel"],
         "a session selector has at most 16 octets, this one 17"),
        ("speaks = normal", "speaks = x410", n["speaks"], '"x410" is not known here; did you mean "x410-1988"?'),
        ("minutes = 10", "minutes = soon", n["minutes"], '"soon" is no number from 1 to 1440'),
        ("password file = a.password", "password file = none.password", None,
         "none.password: No such file or directory; write the password"),
        ("password file = a.password", f"password file = {loose}", None, f"other users may open {loose}; chmod 600"),
        ("originator = /C=GB/A=DEMO/P=ALPHA", "originator = /C=GB/A=DEMO/P=OTHER", n["originator"],
         "the originator is not in the domain of [us]"),
        ("delivers = /C=GB/A=DEMO/P=BETA", "delivers = /C=GB/A=DEMO/P=ALPHA", n["delivers"],
         "nothing would go to the peer"),
        ("delivers = /C=GB", "delivers = Smith", n["delivers"], "is no O/R address; write /C=GB"),
        ("mta name = MTA-B\n", "", n["[peer]"], '[peer] has no "mta name"; add a line'),
        (f"address = {US}", "address = here", n["address"], '"here" is no IP address; write one of this machine\'s'),
        (f"host = {PEER}", "host = " + "x" * 70, n["host"], 'xxx" cannot be resolved: no host name'),
        ("[us]\n", "[us]\nport = 1\nport = 2\n", None, '"port" is there twice in [us]; keep one'),
        ("[peer]\n", "name = x\n[peer]\n", 1, "a line before the first section; begin with [peer]"),
        ("[us]\n", "[us]\nwhatever\n", n["[us]"] + 1, "neither [section] nor `word = value`"),
    ]
    for old, new, line, text in cases:
        check(old in good, f"{old} is in the file")
        with open(path, "w") as f:
            f.write(good.replace(old, new, 1))
        done = subprocess.run([*RUN, "--check", path], capture_output=True, text=True)
        equal(done.returncode, 2, f"the exit status for {new!r}")
        check(text in done.stderr, f"{new!r}: {done.stderr!r}, wanted {text!r}")
        check(line is None or f"{path}:{line}: " in done.stderr, f"{new!r}: {done.stderr!r}, wanted line {line}")
        check("Traceback" not in done.stderr and "secret" not in done.stderr.replace(loose, ""), done.stderr)
    with open(path, "w") as f:
        f.write(good.replace("host = ", "hosst = ").replace("minutes = 10", "minutes = 0"))
    equal(len(subprocess.run([*RUN, path], capture_output=True, text=True).stderr.splitlines()), 3,
          "mistakes told at once")
    for words in (["--check", os.path.join(w.dir, "nothing.ini")], [], ["--only", "nothing", path],
                  ["--mode", "x", path]):
        equal(subprocess.run([*RUN, *words], capture_output=True).returncode, 2, f"the exit status of {words}")
    return f"{len(cases)} mistakes"


def test_examples(w):
    """Of each folder: x400d takes the configuration, and the campaign the FILE."""
    for family in ("pp", "exchange", "m-switch"):
        folder = os.path.join(w.dir, family)
        shutil.copytree(os.path.join(INTEROP, family), folder)
        for name in ("peer.us", "peer.them"):
            with open(os.open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
                f.write("password\n")
        done = subprocess.run([os.path.join(BUILD, "x400d"), "-n", "-f", os.path.join(folder, "x400d.conf")],
                              capture_output=True, text=True)
        equal((done.returncode, "warning" in done.stderr), (0, False), f"x400d.conf of {family}: {done.stderr}")
        done = subprocess.run([*RUN, "--check", os.path.join(folder, "campaign.ini")], capture_output=True, text=True)
        equal(done.returncode, 0, f"campaign.ini of {family}: {done.stderr}")
        with open(os.path.join(folder, "README.md")) as f:
            text = f.read()
        for head in ("## On our side", "## On theirs", "## Known deviations", "## What to expect of the campaign"):
            check(head in text, f"{family}/README.md has no {head}")
    for link in re.findall(r"\]\(([^)]+)\)", open(os.path.join(INTEROP, "README.md")).read()):
        check(os.path.exists(os.path.join(INTEROP, link)), f"README.md names {link}")


def test_contents_of_a_size(w):
    for size in (100, 127, 129, 1 << 10, 32 << 10, 33 << 10, 65536, 1 << 20):
        equal(len(ipm_of_size(size, "a subject")), size, "octets")


# ---- what it writes ----

def table_entries(text):
    return re.findall(r"^(passed|FAILED|not supported|not tried) +(\S.*?)  ", text, re.M)


def test_table_json_junit_capture(w):
    port = free_port([US])
    b = peer_of(w, port=port)
    status, text, said = campaign(w, campaign_file(w, b, port),
                                  *only("password-wrong", "psel-wrong", "delivery-report", "peer-calls",
                                                                       "dialogue-two-way-alternate", "reads-well"))
    equal(status, 0, text)
    equal({k: type(v).__name__ for k, v in said.items()},
          dict(version="int", peer="dict", us="dict", begun="str", seconds="float", interrupted="bool", summary="dict",
               lines="list"), "the JSON")
    equal((said["version"], said["peer"], said["interrupted"]),
          (1, {"name": "self-normal", "host": PEER, "port": b.port, "mta": "MTA-B"}, False), "its head")
    for x in said["lines"]:
        equal({k: type(v).__name__ for k, v in x.items() if k not in ("capture", "frames")},
              dict(mode="str", line="str", title="str", status="str", reason="str", seconds="float", octets="int",
                   figures="dict"), x["line"])
        check(x["status"] in STATUSES and x["reason"], f"{x['line']}: {x['status']}, {x['reason']!r}")
        check((x["frames"] is None) == (x["capture"] is None), f"{x['line']}: frames and capture")
    equal([x["line"] for x in said["lines"]],
          ["bind", "psel-wrong", "password-wrong", "delivery-report", "peer-calls", "dialogue-two-way-alternate",
           "reads-well"], "the lines")
    equal(said["summary"], dict(passed=6, failed=0, not_supported=0, not_tried=1), "the summary")
    equal(len(table_entries(text)), 7, f"lines of the table: {text}")
    equal(text.splitlines()[-1], "6 passed, 0 failed", "the last line")
    suites = ElementTree.parse(os.path.join(w.dir, "result.xml")).getroot()
    equal((suites.tag, suites.get("tests"), suites.get("failures"), suites.get("skipped")),
          ("testsuites", "7", "0", "1"), "JUnit")
    cases = suites.findall("testsuite/testcase")
    equal([c.get("name") for c in cases], [x["line"] for x in said["lines"]], "JUnit's cases")
    equal([c.get("name") for c in cases if c.find("skipped") is not None], ["dialogue-two-way-alternate"],
          "what JUnit says was skipped")
    # The places in the capture are the right ones.
    capture = os.path.join(w.dir, "captures", "normal.pcap")
    equal(os.stat(capture).st_mode & 0o777, 0o600, "the mode of the capture, which holds passwords")
    done = subprocess.run([os.path.join(BUILD, "bin", "x400"), "dump", "--json", capture], capture_output=True,
                          text=True)
    events = json.loads(done.stdout)
    first, last = line_of(said, "psel-wrong")["frames"]
    equal(names(events, first, last, "presentation"), ["CP", "CPR"], "its frames")
    first, last = line_of(said, "password-wrong")["frames"]
    equal(names(events, first, last, "rtse"), ["RTORQ", "RTORJ"], "its frames")
    equal(line_of(said, "password-wrong")["figures"], {"layer": "bind", "code": 2}, "what was refused, and why")
    check(line_of(said, "peer-calls")["reason"].startswith("the peer called in normal mode"),
          line_of(said, "peer-calls")["reason"])
    for secret in ("password-of-a", "password-of-b"):
        check(secret not in text + json.dumps(said), "a password is told")
    # Nobody but the recipient was written to, once.
    accepted = b.events(20201, kind="message")
    equal([e["recipient"] for e in accepted], ["/S=Receiver/P=BETA/A=DEMO/C=GB/"], "messages that the peer got")


def test_capture_by_tshark(w):
    if shutil.which("tshark") is None:
        raise Skip("there is no tshark")
    port = free_port([US])
    b = peer_of(w, port=port)
    status, text, _ = campaign(w, campaign_file(w, b, port), *only("delivery-report", "content-33K", "tshark"))
    equal(status, 0, text)
    capture = os.path.join(w.dir, "captures", "normal.pcap")
    rows = subprocess.run(["tshark", "-r", capture, "-d", f"tcp.port=={b.port},tpkt", "-d", f"tcp.port=={port},tpkt",
                           "-o", "tcp.check_checksum:TRUE",
                           "-o", "ip.check_checksum:TRUE", "-T", "fields", "-e", "tcp.checksum.status", "-e",
                           "ip.checksum.status", "-e",
                           "tcp.analysis.flags", "-e", "p1.MTS_APDU", "-e", "tcp.flags.syn"], capture_output=True,
                          text=True).stdout.split("\n")
    rows = [r.split("\t") for r in rows if r]
    equal({tuple(r[:3]) for r in rows}, {("1", "1", "")}, "checksums, and what tshark finds odd in TCP")
    equal([r[3] for r in rows if r[3]], ["0", "1", "0", "1"], "messages and reports")
    done = subprocess.run([os.path.join(INTEROP, "tshark", "check"), capture], capture_output=True, text=True)
    equal(done.returncode, 0, done.stdout)


# ---- peers that are not nice ----

def test_peer_that_lets_everybody_in(w):
    port = free_port([US])
    b = peer_of(w, port=port, start=False)
    b.extra = b.extra.replace(f"    accept from {US}\n", f"    accept from {US}\n    accept without credentials\n")
    b.start()
    status, text, said = campaign(w, campaign_file(w, b, port), *only("credentials-none", "password-wrong"))
    equal((status, line_of(said, "credentials-none")["status"], line_of(said, "password-wrong")["status"]),
          (1, "failed", "passed"), text)
    check("accepted: the peer does not check who calls" in line_of(said, "credentials-none")["reason"], text)


def test_peer_that_does_not_recover(w):
    """As an old one: the cut transfer arrives all the same, and the line says who refused what."""
    port = free_port([US])
    b = peer_of(w, port=port, start=False)
    b.extra = b.extra.replace("    dialogue monologue\n",
                              "    dialogue monologue\n    checkpoint 30K window 5 recovery none\n")
    b.start()
    status, text, said = campaign(w, campaign_file(w, b, port), *only("cut", "cut-resumed"))
    equal((status, line_of(said, "cut")["status"]), (0, "passed"), text)
    resumed = line_of(said, "cut-resumed")
    equal(resumed["status"], "not supported by the peer", text)
    asked = r"association recovery was asked for \(frame \d+\) and refused: RTORJ 1 \(cannot recover\)"
    check(re.search(asked, resumed["reason"]), resumed["reason"])
    equal(len(b.events(20203, kind="message")), 1, "deliveries at the peer")
    return resumed["reason"]


def test_peer_that_refuses_everybody(w):
    b = peer_of(w)
    path = campaign_file(w, b, free_port([US]))
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f:
        f.write(text.replace('tsel = "NORMAL"', 'tsel = "OTHER"'))
    status, text, said = campaign(w, path)
    equal((status, line_of(said, "bind")["status"], said["summary"]["passed"]), (1, "failed", 0), text)
    check("DR, reason 'address unknown' (3)" in line_of(said, "bind")["reason"], text)


def test_expectations(w):
    """interop/self: a line that must pass and does not is a failure, one that need not is told when it does."""
    loader = importlib.machinery.SourceFileLoader("interop_self", os.path.join(INTEROP, "self"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("interop_self", loader))
    loader.exec_module(module)

    def judged(section, line, status):
        with contextlib.redirect_stdout(io.StringIO()):
            return module.judged(section, [dict(line="bind", status="passed", reason=""),
                                           dict(line=line, status=status, reason="")])
    good, bad = (2, 0), (1, 1)
    for status in STATUSES:
        equal(judged("normal monologue", "cut-resumed", status), good if status == "passed" else bad, status)
        equal(judged("normal two-way-alternate", "peer-calls", status),
              good if status in ("passed", "not tried") else bad, f"one that need not pass: {status}")


class Sink:
    """Takes calls on the peer's address and answers nothing, or closes at once."""

    def __init__(self, w, close):
        self.socket, self.kept = socket.socket(), []
        self.socket.bind((PEER, 0))
        self.socket.listen(16)
        self.port = self.socket.getsockname()[1]
        w.closers.append(self.socket.close)
        threading.Thread(target=self.serve, args=(close,), daemon=True).start()

    def serve(self, close):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            if close:
                one.close()
            else:
                self.kept.append(one)


def test_peers_that_do_not_answer(w):
    b = peer_of(w, start=False)
    for what, wanted in ((Sink(w, False), "no answer within"), (Sink(w, True), "closed"), (None, "Connection refused")):
        b.port = what.port if what else free_port([PEER])
        begun = time.monotonic()
        status, text, said = campaign(w, campaign_file(w, b, free_port([US]), limits="wait for a bind = 2\n"))
        seconds = time.monotonic() - begun
        equal(status, 1, text)
        check(wanted in line_of(said, "bind")["reason"], f"{wanted}: {line_of(said, 'bind')['reason']}")
        equal({x["status"] for x in said["lines"] if x["line"] != "bind"}, {"not tried"}, "the other lines")
        equal({x["reason"] for x in said["lines"] if x["line"] != "bind"}, {"the bind did not succeed"}, "and why")
        check(seconds < 15 * SLOW, f"it took {seconds:.1f} s")
    equal(leftovers(w), [], "folders left")


def test_limits(w):
    port = free_port([US])
    b = peer_of(w, port=port)
    path = campaign_file(w, b, port, limits="messages = 2\nsize = 1K\nwrong credentials = no\n")
    status, text, said = campaign(w, path,
                                  *only("password-wrong", "content-1K", "content-32K", "delivery-report",
                                        "priority-normal", "probe"))
    equal(status, 0, text)
    equal({x["line"]: x["status"] for x in said["lines"]},
          {"bind": "passed", "password-wrong": "not tried", "delivery-report": "passed", "probe": "passed",
           "content-1K": "not tried",
           "content-32K": "not tried", "priority-normal": "not tried"}, "the lines")
    equal(line_of(said, "content-1K")["reason"], "the limit of 2 messages is reached", "a reason")
    equal(line_of(said, "content-32K")["reason"], "FILE limits contents to 1 K", "another")
    equal(len(b.events(20201, kind="message") + b.events(20201, kind="probe")), 2, "what the peer got")


def test_interrupt(w):
    port = free_port([US])
    b = peer_of(w, port=port)
    path, result = campaign_file(w, b, port), os.path.join(w.dir, "result.json")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        p = subprocess.Popen([*RUN, path, "--json", result, "--keep", os.path.join(w.dir, "captures")],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
                             start_new_session=True, env=environment(w))
        seen = ""
        while "a message is delivered" not in seen:
            line = p.stdout.readline()
            check(line, f"the campaign ended: {seen}")
            seen += line
        check(len(daemons_of(w)) >= 1, "a daemon of the campaign runs")
        p.send_signal(number)
        if number == signal.SIGKILL:  # even then nobody goes on sending
            p.communicate()
            wait_for("the daemon of the campaign is gone", 20, lambda: not daemons_of(w))
            break
        begun = time.monotonic()
        seen += p.communicate(timeout=30 * SLOW)[0]
        check(time.monotonic() - begun < 10 * SLOW, "it ended soon")
        equal(p.returncode, 1, seen)
        check("Traceback" not in seen, seen)
        with open(result) as f:
            said = json.load(f)
        equal((said["interrupted"], line_of(said, "bind")["status"], line_of(said, "tshark")["reason"]),
              (True, "passed", "the campaign was interrupted"), "the JSON")
        check(re.search(r"^\d+ passed, 0 failed$", seen.splitlines()[-1]), seen)
        equal(leftovers(w), [], "folders left")
        equal(daemons_of(w), [], "daemons of the campaign")


def test_port_that_is_taken(w):
    b = peer_of(w)
    with socket.socket() as s:
        s.bind((US, 0))
        s.listen(1)
        status, text, said = campaign(w, campaign_file(w, b, s.getsockname()[1]))
    equal(status, 1, text)
    reason = said["lines"][0]["reason"]
    check("the peer's calls cannot be taken" in reason and "stop what listens there" in reason, reason)


# ---- the oracles ----

def test_oracles(w):
    good, damaged = os.path.join(TOP, "tests", "data", "p1-88-normal.pcap"), os.path.join(w.dir, "damaged.pcap")
    with open(good, "rb") as f:
        octets = bytearray(f.read())
    at = octets.index(bytes.fromhex("56000106"))  # the application context: its tag becomes another
    octets[at - 2] ^= 0x40
    octets[at - 1] ^= 0x10
    with open(damaged, "wb") as f:
        f.write(octets)

    def run(*words):
        done = subprocess.run([os.path.join(INTEROP, words[0]), *words[1:]], capture_output=True, text=True)
        return done.returncode, (done.stdout + done.stderr).strip().splitlines()
    status, lines = run("captures/read", good)
    equal((status, lines[-1]), (0, "29 PDUs of 1 connections, 0 malformed, 0 times octets are missing"),
          "a good capture")
    status, lines = run("captures/read", damaged)
    equal(status, 1, lines[-1])
    check(any("is malformed" in x for x in lines), "\n".join(lines[-3:]))
    equal(run("captures/read", os.path.join(INTEROP, "README.md"))[0], 2, "no capture")
    if shutil.which("tshark"):
        equal(run("tshark/check", good), (0, ["20 frames, port 10102 as TPKT: 0 malformed or against a protocol"]),
              "tshark on a good capture")
        status, lines = run("tshark/check", damaged)
        equal(status, 1, lines)
        check(lines[0].startswith("frame "), lines)
    if shutil.which("erlc"):
        apdu = os.path.join(TOP, "tests", "data", "p1-golden-message.hex")
        status, lines = run("erlang/decode", apdu)
        equal((status, lines[0], lines[1]), (0, "'MTA':'MTS-APDU'", "{message,"), "Erlang on a message")
