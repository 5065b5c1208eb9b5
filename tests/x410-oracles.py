#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What two daemons say to each other in X.410 mode, with P1 of 1984 and of 1988, as others read it: tshark every PDU, and
Erlang's ASN.1 the APDUs, which tshark does not read in this mode: it reports an error of its own in each transfer,
as it does in captures of other stacks. Prints `N passed, N failed`; exit status 77: skipped."""
import hashlib
import os
import shutil
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e"))
from harness import TOP, World, der, user, wait_for  # noqa: E402
from test_mail import wait_report  # noqa: E402
from wire import Proxy, Recorder  # noqa: E402

PORT = 10102
MODULES = "UpperBounds External MTS RTSE MTABind ACSE Presentation MTA IPMS MTA84 IPMS84".split()
passed = failed = 0


def check(what, got, wanted):
    global passed, failed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {what}\n  got    {got!r}\n  wanted {wanted!r}")


class Capture:
    """For the `watch` of a Proxy with one connection: a capture file of what passes, and the APDUs in it."""

    def __init__(self, path):
        self.path, self.file, self.lock = path, open(path, "wb"), threading.Lock()
        self.recorder, self.sent = Recorder(), {"up": 1, "down": 1}
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

    def __call__(self, direction, tpkt):
        with self.lock:
            for at in range(0, len(tpkt), 30000):
                self.packet(direction, tpkt[at:at + 30000])
            return self.recorder(direction, tpkt)

    def packet(self, direction, octets):
        up, other = direction == "up", "down" if direction == "up" else "up"
        ports = (20000, PORT) if up else (PORT, 20000)
        tcp = struct.pack(">HHIIBBHHH", *ports, self.sent[direction], self.sent[other], 0x50, 0x18, 65535, 0, 0)
        hosts = b"\x7f\0\0\1\x7f\0\0\2" if up else b"\x7f\0\0\2\x7f\0\0\1"
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(octets), 0, 0, 64, 6, 0) + hosts + tcp + octets
        self.file.write(struct.pack("<IIII", 0, 0, len(ip), len(ip)) + ip)
        self.sent[direction] += len(octets)

    def fields(self, *names, only=None):
        self.file.flush()
        command = ["tshark", "-r", self.path, "-d", f"tcp.port=={PORT},tpkt", "-T", "fields", "-E", "separator=\x1f",
                   *(["-Y", only] if only else [])]
        for name in names:
            command += ["-e", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line.split("\x1f") for line in done.stdout.split("\n") if line]


def exchange(w, mode):
    """A message, one that cannot be delivered, a probe, and the reports on them: what was sent, and two captures."""
    a, b = w.pair()
    captures = []
    for one, other in ((a, b), (b, a)):
        captures.append(Capture(os.path.join(w.dir, f"{one.name}.pcap")))
        proxy = Proxy(w, other.host, (other.host, w.port), one.host, captures[-1])
        peer = one.peers[other.name.lower()]
        peer.host, peer.port = proxy.address
        peer.lines["mode"], peer.lines["life"] = f"mode {mode}", "associations at most 1 urgent 0"
    b.delivers = [('country "GB" admd "DEMO" prmd "BETA" surname "Receiver"', b.delivered)]
    a.start(), b.start()
    octets = os.urandom(100_000)
    heading = der(0x31, der(0x6B, der(0x13, b"oracle")), der(0xA8, der(0x14, b"For others to read")))
    content = der(0xA0, heading, der(0x30, der(0xA0, der(0x31), der(0x16, b"Hello")), der(0x8E, octets)))
    ids = []
    to = user("Receiver", "BETA")
    for fields in (dict(to=[to, user("Else")], report="delivery", priority="urgent", eits={"built_in": 4}),
                   dict(to=user("Nobody", "BETA")), dict(to=to, kind="probe", report="delivery")):
        ids.append(a.submit(content=content, **fields))
        wait_for("a report from B", 20, lambda: len(b.events(20202)) == len(ids), 0.05)
    wait_report(a, ids[2])
    a.wait_empty(), b.wait_empty()
    for m in (a, b):
        m.stop()
    return [i.rstrip("]").split(";")[1] for i in ids], octets, captures


def read_by_erlang(work, year, apdus):
    files = []
    for k, apdu in enumerate(apdus):
        files.append(os.path.join(work, f"{k}.apdu"))
        with open(files[-1], "wb") as f:
            f.write(apdu)
    done = subprocess.run(["erl", "-noshell", "-run", "apdus", "main", year, *files, "-s", "erlang", "halt"], cwd=work,
                          capture_output=True, text=True, timeout=120)
    lines = [dict(f.split("=", 1) for f in line.split("\t")) for line in done.stdout.split("\n") if "=" in line]
    check(f"{year}: APDUs that Erlang reads", (len(lines), done.returncode), (len(apdus), 0))
    if len(lines) != len(apdus):
        print((done.stdout + done.stderr)[-2000:])
    return lines


def tshark_agrees(year, capture, apdus):
    bad = capture.fields("ses.type", "_ws.expert.message",
                         only="_ws.expert.group == 0x07000000 || _ws.expert.group == 0x09000000 || _ws.malformed")
    check(f"{year}: what tshark complains of, outside of the APDUs", [b for b in bad if not b[0].startswith("1,1")], [])
    bind = [x[0] for x in capture.fields("_ws.col.Info", only="p1")]
    names = ["MTA-A", "MTA-B"] if capture.path.endswith("MTA-A.pcap") else ["MTA-B", "MTA-A"]
    check(f"{year}: bind argument and result", [b.split(" [")[0] for b in bind][:2],
          [f"Bind-Argument {names[0]} simple", f"Bind-Result {names[1]} simple"])
    protocol = capture.fields("rtse.applicationProtocol", only="rtse.applicationProtocol")
    check(f"{year}: application protocol", protocol, [["1" if year == "1984" else "12"]])
    types = ",".join(x[0] for x in capture.fields("ses.type", only="ses.type")).split(",")
    check(f"{year}: activities begun, ended, and acknowledged", [types.count(t) for t in ("45", "41", "42")],
          [len(apdus)] * 3)


def run(work, year):
    w = World()
    try:
        ids, octets, captures = exchange(w, f"x410-{year}")
        there, back = (c.recorder.apdus for c in captures)
        for capture, apdus in zip(captures, (there, back)):
            tshark_agrees(year, capture, apdus)
        one, none, probe = (read_by_erlang(work, year, there) + [{}] * 3)[:3]
        y84 = year == "1984"
        text, file = ("iA5Text", "bilaterallyDefined") if y84 else ("ia5-text", "bilaterally-defined")
        part = f"{file}:{hashlib.md5(octets).hexdigest()}"
        check(f"{year}: the message", {k: one.get(k) for k in ("type", "id", "priority", "content_type", "trace", "subject")},
              dict(type="message", id=ids[0], priority="urgent", content_type="p2" if y84 else "interpersonal-messaging-1988", trace="1",
                   subject="For others to read"))
        check(f"{year}: its parts", one.get("parts"), f"{text},{part}")
        check(f"{year}: its encoded information types", one.get("eits"),
              "0,2" if y84 else "ia5-text")  # of 1984 those of the converted content: unknown, IA5 text
        check(f"{year}: the other message", (none.get("id"), none.get("priority")), (ids[1], "absent"))
        check(f"{year}: the probe", (probe.get("type"), probe.get("id")), ("probe", ids[2]))
        reports = read_by_erlang(work, year, back)
        check(f"{year}: the reports", [(r.get("type"), r.get("subject_id"), r.get("fates")) for r in reports],
              [("report", ids[0], "delivered"), ("report", ids[1], "unable-to-transfer/0"), ("report", ids[2], "delivered")])
    finally:
        w.close()
        w.remove()


def main():
    for tool in ("tshark", "erl", "erlc"):
        if shutil.which(tool) is None:
            print(f"skipped: there is no {tool}")
            return 77
    if subprocess.run(["erl", "-noshell", "-eval", "case code:which(asn1ct) of non_existing -> halt(1); _ -> halt(0) end."],
                      capture_output=True).returncode:
        print("skipped: no ASN.1 compiler (package erlang-asn1)")
        return 77
    w = World()  # its folder is the work place
    try:
        for m in MODULES:
            shutil.copy(os.path.join(TOP, "asn1", m + ".asn"), w.dir)
            subprocess.run(["erlc", "-bber", m + ".asn"], cwd=w.dir, check=True, capture_output=True)
        subprocess.run(["erlc", "-I", ".", os.path.join(TOP, "tests", "erlang", "apdus.erl")], cwd=w.dir, check=True)
        for year in ("1984", "1988"):
            run(w.dir, year)
    finally:
        w.remove()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
