# SPDX-License-Identifier: BSD-2-Clause
"""What went over a host's interfaces: dumpcap into a file, and the TCP segments in it."""
import os
import signal
import socket
import struct
import subprocess
import uuid

from harness import Failure, wait_for

LINUX_SLL, LINUX_SLL2, ETHERNET = 113, 276, 1


class Segment:
    def __init__(self, time, src, dst, octets):
        self.time, self.src, self.dst = time, src, dst
        self.sport, self.dport, self.seq, _, offset, self.flags = struct.unpack(">HHIIBB", octets[:14])
        self.payload = octets[(offset >> 4) * 4:]

    syn = property(lambda self: self.flags & 0x12 == 0x02)
    rst = property(lambda self: self.flags & 0x04 != 0)

    def __str__(self):
        names = "".join(c for bit, c in zip((1, 2, 4, 8, 16), "FSRPA") if self.flags & bit)
        return f"{self.src}.{self.sport} > {self.dst}.{self.dport} {names} {len(self.payload)}"


def packets(path):
    """(time, ethernet type, octets of the packet) of a pcap file; the last one may be incomplete."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        return
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    parts = 1e9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e6
    link = struct.unpack(order + "I", data[20:24])[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, n, _ = struct.unpack(order + "IIII", data[at:at + 16])
        frame = data[at + 16:at + 16 + n]
        at += 16 + n
        if len(frame) < n or n < 20:
            continue
        kind, header = {LINUX_SLL: (frame[14:16], 16), LINUX_SLL2: (frame[0:2], 20), ETHERNET: (frame[12:14], 14)}[link]
        yield seconds + fraction / parts, struct.unpack(">H", kind)[0], frame[header:]


def segments_of(path):
    """The TCP segments. IPv6 extension headers and fragments do not occur here, and would be an error."""
    found = []
    for time, kind, p in packets(path):
        if kind == 0x0800 and len(p) >= 20 and p[9] == 6:
            header, total = (p[0] & 15) * 4, struct.unpack(">H", p[2:4])[0]
            src, dst = socket.inet_ntop(socket.AF_INET, p[12:16]), socket.inet_ntop(socket.AF_INET, p[16:20])
        elif kind == 0x86DD and len(p) >= 40 and p[6] == 6:
            header, total = 40, 40 + struct.unpack(">H", p[4:6])[0]
            src, dst = socket.inet_ntop(socket.AF_INET6, p[8:24]), socket.inet_ntop(socket.AF_INET6, p[24:40])
        elif kind == 0x86DD and len(p) >= 40 and p[6] == 44:
            raise Failure("an IPv6 fragment in the capture")
        else:
            continue
        if len(p) >= header + 20:
            found.append(Segment(time, src, dst, p[header:total] if total else p[header:]))
    return found


class Capture:
    """All interfaces of one host, from now on."""

    def __init__(self, host, name=None, snap=None):
        """snap: only so many octets of each packet are kept."""
        self.host = host
        self.path = os.path.join(host.dir, (name or "capture") + ".pcap")
        self.log = open(self.path + ".log", "wb")
        some = ["-s", str(snap)] if snap else []
        self.process = host.popen("dumpcap", "-q", "-i", "any", "-P", "-w", self.path, *some, stdout=self.log, stderr=self.log)
        host.captures.append(self)
        self.sync()

    def sync(self):
        """Waits until the file has everything up to now: a datagram with a name of its own is sent and looked for."""
        mark = uuid.uuid4().hex

        def seen():
            if self.process.poll() is not None:
                raise Failure(f"dumpcap ended with status {self.process.poll()}: see {self.path}.log")
            self.host.run("bash", "-c", f"echo {mark} >/dev/udp/127.0.0.1/9", fails=True)
            if not os.path.exists(self.path):
                return False
            with open(self.path, "rb") as f:
                return mark.encode() in f.read()
        wait_for("the capture is written", 20, seen, 0.2)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def segments(self, port=102):
        """Those of connections to this port, whoever sends; None: all."""
        if self.process.poll() is None:
            self.sync()
        return [s for s in segments_of(self.path) if s.src not in ("127.0.0.1", "::1")
                and (port is None or port in (s.sport, s.dport))]

    def calls(self, port=102):
        """(from, to) of each connection that was tried, in order, without repetitions of one SYN."""
        calls, seen = [], set()
        for s in self.segments(port):
            key = (s.src, s.sport, s.dst, s.dport, s.seq)
            if s.syn and key not in seen:
                seen.add(key)
                calls.append((s.src, s.dst))
        return calls

    def ends(self, port=102):
        """All addresses that appear."""
        return {a for s in self.segments(port) for a in (s.src, s.dst)}

    def forbid(self, *addresses, port=102):
        """No segment from or to one of these; and there is something to look at."""
        segments = self.segments(port)
        if not segments:
            raise Failure(f"nothing was captured on {self.host.name}")
        for s in segments:
            if s.src in addresses or s.dst in addresses:
                raise Failure(f"on {self.host.name}: a segment with an address that must not appear: {s} ({self.path})")
        return len(segments)
