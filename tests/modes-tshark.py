#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two daemons in each mode and dialogue, captured: to tshark no frame is malformed or against a protocol, and every
message and report is there as it was sent. Transfers in X.410 mode tshark takes for presentation PDUs, in captures of
other MTAs too; there the PDUs are taken apart here: they are those of the recorded association in tests/data of the
same mode, in the same order, with the same parameters and the same structure of what they carry.
Captures on a loopback interface, so it needs root. Prints "N passed, N failed"; exit status 77: skipped."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tshark import BAD, TOP, X400, Capture, check, ended, fields, local, need, own_network
from harness import World, ipm, user
from test_resume import Wire

os.chdir(TOP)
MODES = {"normal": "p1-88-normal", "x410-1988": "p1-88-x410mode", "x410-1984": "p1-84"}
DIALOGUES = ("monologue", "two-way-alternate")


# ---- PDUs taken apart ----

def elements(octets):
    """The structure of BER: for each element its tag, and of constructed ones what is in it."""
    out, at = [], 0
    while at < len(octets):
        begin = at
        at += 1
        if octets[begin] & 0x1F == 0x1F:
            while octets[at] & 0x80:
                at += 1
            at += 1
        tag, n = octets[begin:at].hex(), octets[at]
        at += 1
        if n & 0x80:
            n, at = int.from_bytes(octets[at:at + (n & 0x7F)], "big"), at + (n & 0x7F)
        value = octets[at:at + n]
        at += n
        out.append((tag, elements(value)) if octets[begin] & 0x20 else tag)
    return out


def parameters(octets):
    """Of an SPDU: identifiers of its parameters, groups with what is in them, and the structure of user data."""
    out, at = [], 0
    while at < len(octets):
        pi, n = octets[at], octets[at + 1]
        at += 2
        if n == 255:
            n, at = int.from_bytes(octets[at:at + 2], "big"), at + 2
        value = octets[at:at + n]
        at += n
        out.append((pi, parameters(value)) if pi in (1, 5, 33) else (pi, elements(value)) if pi in (193, 41) else pi)
    return out


def spdus(tsdu):
    """One TSDU: the identifiers and parameters of its SPDUs; behind GIVE TOKENS a DATA TRANSFER has user data."""
    out, at = [], 0
    while at < len(tsdu):
        si, n = tsdu[at], tsdu[at + 1]
        at += 2
        if n == 255:
            n, at = int.from_bytes(tsdu[at:at + 2], "big"), at + 2
        out.append((si, parameters(tsdu[at:at + n])))
        at += n
        if si == 1 and len(out) == 2:
            out.append("data")
            break
    return out


def associations(path, port):
    """For each TCP connection the PDUs of both directions: lists of CR, CC, DR and of TSDUs taken apart."""
    streams = {}
    for stream, to, seq, payload in fields(path, [port], "tcp.stream", "tcp.dstport", "tcp.seq", "tcp.payload",
                                           only=f"tcp.len > 0 and tcp.port == {port}"):
        way = "up" if int(to[0]) == port else "down"
        ways = streams.setdefault(int(stream[0]), {"up": b"", "down": b""})
        again = len(ways[way]) - (int(seq[0]) - 1)  # octets that TCP sent twice
        ways[way] += bytes.fromhex("".join(payload))[again:]
    out = []
    for _, ways in sorted(streams.items()):
        pdus = {}
        for way, octets in ways.items():
            pdus[way], tsdu, at = [], b"", 0
            while at + 4 <= len(octets):
                n = int.from_bytes(octets[at + 2:at + 4], "big")
                tpdu = octets[at + 4:at + n]
                at += n
                if tpdu[1] & 0xF0 != 0xF0:
                    pdus[way].append({0xE0: "CR", 0xD0: "CC", 0x80: "DR"}.get(tpdu[1] & 0xF0, "?"))
                    continue
                tsdu += tpdu[3:]
                if tpdu[2] & 0x80:
                    pdus[way].append(spdus(tsdu))
                    tsdu = b""
        out.append(pdus)
    return out


# Names of TSDUs by the SPDUs in them, as one letter each; "data" behind GIVE TOKENS and DATA TRANSFER.
LETTERS = {(13,): "C", (14,): "A", (1, 45): "S", (1, 1, "data"): "D", (1, 49): "M", (2, 50): "m", (1, 41): "E", (2, 42): "e",
           (9,): "F", (10,): "f", (25,): "B", (26,): "b", (21,): "G", (22,): "g", (2,): "P"}
# In a monologue; and when the turn passes to and fro, P (please) anywhere, G and g (control give and its answer) between
# activities.
ORDER = {"monologue": {"up": "RC(SD(MD)*E)+F?B?X?", "down": "TA[me]*f?B?X?"},
         "two-way-alternate": {"up": "RC(SD(MD)*E|[meGg])*F?B?X?", "down": "TA(SD(MD)*E|[meGg])*f?B?X?"}}


def letter(pdu):
    if isinstance(pdu, str):
        return {"CR": "R", "CC": "T", "DR": "X"}.get(pdu, "?")
    return LETTERS.get(tuple(x if x == "data" else x[0] for x in pdu), "?")


# Parameters that the recorded MTA sends and we do not: the TSDU maximum size (unlimited here), and window and dialogue
# where they have the value by default.
def without_defaults(pdu):
    text = repr(pdu).replace("19, 21, 22", "19, 22")
    text = text.replace("['80', '82', ('a3'", "['80', ('a3'").replace("['80', '81', ('a2'", "['80', ('a2'")
    return text


def shapes(names):
    """The forms of each kind of TSDU in recorded associations."""
    out = {}
    for name in names:
        for association in associations(f"tests/data/{name}.pcap", 10102):
            for way, pdus in association.items():
                kinds = "".join(map(letter, pdus))
                check(f"{name}: order of the PDUs, {way}", re.fullmatch(ORDER["monologue"][way], kinds) is not None, True)
                for pdu in pdus:
                    out.setdefault(letter(pdu), set()).add(without_defaults(pdu))
    return out


def check_structure(what, dialogue, path, port, recorded):
    found, seen = associations(path, port), set()
    for association in found:
        for way, pdus in association.items():
            kinds = "".join(map(letter, pdus))
            order = re.fullmatch(ORDER[dialogue][way], kinds.replace("P", "") if dialogue != "monologue" else kinds)
            check(f"{what}: order of the PDUs, {way} ({kinds})", order is not None, True)
            for pdu in pdus:
                kind = letter(pdu)
                seen.add(kind)
                if kind in recorded and without_defaults(pdu) not in recorded[kind]:
                    check(f"{what}: the form of {kind}", without_defaults(pdu), recorded[kind])
    if dialogue != "monologue":
        check(f"{what}: both sides send over one association, by turns",
              any({"S", "G"} <= {letter(p) for p in x["up"]} and {"S", "g"} <= {letter(p) for p in x["down"]} for x in found),
              True)
    check(f"{what}: kinds of PDUs that the recorded association has and ours not", set(recorded) - seen, set())


# ---- the daemons ----

def traffic(mode, dialogue, path):
    """Two messages and their delivery reports between two daemons. The capture, their port, and what was sent."""
    w = World()
    try:
        a, b = w.pair()
        for m in (a, b):
            for p in m.peers.values():
                p.lines.update(mode=f"mode {mode}", checkpoint="checkpoint 1K window 3", dialogue=f"dialogue {dialogue}")
        capture = Capture(path, w.port)
        try:
            a.start(), b.start()
            sent = [a.submit(user("Receiver", "BETA"), ipm("A subject", "A text", octets), report="delivery")
                    for octets in (b"", b"\xa5" * 5000)]
            b.wait_items(2)
            a.wait_items(2)  # the reports
            a.wait_empty(), b.wait_empty()
            a.stop(), b.stop()
        finally:
            capture.stop()
        return capture, w.port, sent
    finally:
        w.close()
        w.remove()


def resumed(mode, path):
    """A message that is cut off at its third checkpoint and resumed on another association; the capture, the port, what
    was sent."""
    w = World()
    try:
        a, b = w.pair()
        for m in (a, b):
            for p in m.peers.values():
                p.lines.update(mode=f"mode {mode}", checkpoint="checkpoint 4K window 3", dialogue="dialogue monologue")
        Wire(w, a, b, at=(3,))
        capture = Capture(path, w.port)
        try:
            a.start(), b.start()
            sent = a.submit(user("Receiver", "BETA"), ipm("A subject", "A text", os.urandom(60000)), report="none")
            b.wait_items(1)
            a.wait_empty()
            a.stop(), b.stop()
        finally:
            capture.stop()
        return capture, w.port, sent
    finally:
        w.close()
        w.remove()


def check_resumed(mode, path):
    what = f"{mode}, a transfer that is cut off"
    capture, port, sent = resumed(mode, path)
    frames = fields(capture.path, [port], "frame.number", "ses.type", only=BAD)
    # tshark does not join what came on two connections: at its end the rest of the APDU is malformed to it.
    frames = [f for f in frames if (f[1][-1:] != ["41"] if mode == "normal" else "1;1" not in ";".join(f[1]))]
    check(f"{what}: frames malformed or against a protocol", frames, [])
    done = subprocess.run([X400, "dump", "--summary", capture.path], stdout=subprocess.PIPE, text=True)
    check(f"{what}: x400 dump", (done.returncode, "MALFORMED" in done.stdout), (0, False))
    for text in (" P1 +MTS-APDU.*; cut off with its association, may be resumed on another", " rtse +RTORQ: .*recover",
                 " session +ACTIVITY RESUME .AR.: .*serial ", " rtse +transfer resumed: .*begun on one before",
                 f" P1 +message {re.escape(sent)}.* octets.*, resumed; begun on connection #1"):
        check(f"{what}: x400 dump says {text}", len(re.findall(text, done.stdout)), 1)
    full = subprocess.run([X400, "dump", "--show", "10", capture.path], stdout=subprocess.PIPE, text=True).stdout
    check(f"{what}: the content in one piece", len(re.findall(r"subject: A subject", full)), 1)


def check_mode(mode, dialogue, path, port, sent, recorded):
    what = f"{mode}, {dialogue}"
    frames = fields(path, [port], "frame.number", "ses.type", "_ws.expert.message", only=f"tcp.port == {port} and ({BAD})")
    names = [row[0][0] for row in fields(path, [port], "_ws.col.Info", only=f"tcp.port == {port} and p1") if row[0]]
    binds = [n for n in names if n.startswith("Bind-")]
    check(f"{what}: binds that tshark reads", sorted(set(binds)) != [] and all("MTA-A" in n or "MTA-B" in n for n in binds), True)
    if mode == "normal":
        check(f"{what}: frames malformed or against a protocol", frames, [])
        apdus = fields(path, [port], "p1.MTS_APDU", "p1.local_identifier", only=f"tcp.port == {port} and p1.MTS_APDU")
        kinds = [k for row in apdus for k in row[0]]
        check(f"{what}: messages and reports", (kinds.count("0"), kinds.count("1")), (2, 2))
        ids = {i for row in apdus for i in row[1]}
        check(f"{what}: identifiers that are missing", [i for i in map(local, sent) if i not in ids], [])
    else:
        other = [f for f in frames if "1;1" not in ";".join(f[1])]
        check(f"{what}: frames without a transfer that are malformed or against a protocol", other, [])
        check_structure(what, dialogue, path, port, recorded)
    command = [X400, "dump", "--summary", path]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    check(f"{what}: x400 dump finds it malformed", [x for x in text.splitlines() if "MALFORMED" in x], [])
    full = subprocess.run([*command[:2], path], stdout=subprocess.PIPE, text=True, check=True).stdout
    check(f"{what}: x400 dump: APDUs of P1 of 1984, and what of 1988 is in them",
          (text.count(" of P1 of 1984"), full.count("not-in-p1-of-1984")), (4 if mode == "x410-1984" else 0, 0))
    check(f"{what}: x400 dump finds messages and reports", (len(re.findall(r" P1 +message ", text)), len(re.findall(
        r" P1 +report ", text))), (2, 2))


def check_everything(mode, folder):
    forms = {} if mode == "normal" else shapes([MODES[mode], "p1-84-100k"])
    if mode == "x410-1988":  # the other recording has the bind of 1984
        forms.update(shapes([MODES[mode]]))
    for dialogue in DIALOGUES:
        capture, port, sent = traffic(mode, dialogue, os.path.join(folder, f"{mode}-{dialogue}.pcapng"))
        check_mode(mode, dialogue, capture.path, port, sent, forms)
    if mode != "x410-1984":  # on the wire as 1988, but for the protocol number
        check_resumed(mode, os.path.join(folder, f"{mode}-resumed.pcapng"))


def main():
    need("tshark", "dumpcap", root=True)
    own_network()
    folder = tempfile.mkdtemp(prefix="x400d-modes-tshark.")
    try:
        with concurrent.futures.ThreadPoolExecutor(len(MODES)) as pool:
            list(pool.map(lambda mode: check_everything(mode, folder), MODES))
    finally:
        shutil.rmtree(folder)
    return ended()


if __name__ == "__main__":
    sys.exit(main())
