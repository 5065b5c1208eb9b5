# SPDX-License-Identifier: BSD-2-Clause
"""A capture that needs no privileges: what the relay carried, as a pcap file with Ethernet, IP and TCP headers made up
around it. Addresses, ports, octets, order and times are those of the real connections with the peer; sequence numbers
begin at 0, and there are no acknowledgements of their own, losses or repetitions in it."""
import array
import ipaddress
import struct
import threading
import time

SYN, FIN, PUSH, ACK = 2, 1, 8, 16
SEGMENT = 32768  # octets of a packet: below what an IPv4 packet may hold


def checksum(octets):
    if len(octets) % 2:
        octets += b"\0"
    total = sum(array.array("H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF  # in the machine's order, as `octets` was read


class Flow:
    """One TCP connection of a capture. Direction "up": from who called."""

    def __init__(self, capture, number, caller, called, outgoing):
        self.capture, self.number, self.outgoing, self.first = capture, number, outgoing, capture.frames + 1
        self.ends = {"up": (caller, called), "down": (called, caller)}
        self.next = {"up": 0, "down": 0}
        self.ended = set()

    def packet(self, direction, flags, octets=b""):
        source, target = self.ends[direction]
        other = "down" if direction == "up" else "up"
        a, b = ipaddress.ip_address(source[0]), ipaddress.ip_address(target[0])
        tcp = struct.pack("!HHIIBBHHH", source[1], target[1], self.next[direction] & 0xFFFFFFFF,
                          self.next[other] & 0xFFFFFFFF if flags & ACK else 0, 5 << 4, flags, 65535, 0, 0)
        n = len(tcp) + len(octets)
        pseudo = a.packed + b.packed + struct.pack("!II", n, 6)  # the same sum in either version
        tcp = tcp[:16] + struct.pack("=H", checksum(pseudo + tcp + octets)) + tcp[18:]
        if a.version == 4:
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + n, 0, 0x4000, 64, 6, 0, a.packed, b.packed)
            ip = ip[:10] + struct.pack("=H", checksum(ip)) + ip[12:]
        else:
            ip = struct.pack("!IHBB16s16s", 6 << 28, n, 6, 64, a.packed, b.packed)
        ether = bytes(12) + (b"\x08\0" if a.version == 4 else b"\x86\xdd")
        self.next[direction] += len(octets) + (1 if flags & (SYN | FIN) else 0)
        self.capture.write(self, ether + ip + tcp + octets)

    def open(self):
        with self.capture.lock:
            self.packet("up", SYN)
            self.packet("down", SYN | ACK)
            self.packet("up", ACK)

    def data(self, direction, octets):
        with self.capture.lock:
            for k in range(0, len(octets), SEGMENT):
                self.packet(direction, PUSH | ACK, octets[k:k + SEGMENT])

    def end(self, direction):
        """Who sends in this direction closes, once."""
        with self.capture.lock:
            if direction not in self.ended:
                self.packet(direction, FIN | ACK)
                self.ended.add(direction)


class Capture:
    """frames: the number of the last frame, counted from 1 as tshark and x400 dump do."""

    def __init__(self, path):
        self.path, self.frames, self.flows = path, 0, []
        self.lock = threading.RLock()
        self.index = []  # (number of the flow, offset, length) of each record
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        self.at = 24

    def flow(self, caller, called, outgoing):
        """A new connection; outgoing: the peer is called."""
        with self.lock:
            flow = Flow(self, len(self.flows) + 1, caller[:2], called[:2], outgoing)
            self.flows.append(flow)
            flow.open()
        return flow

    def write(self, flow, packet):
        now = time.time_ns() // 1000
        if self.file.closed:
            return
        self.file.write(struct.pack("<IIII", now // 1000000, now % 1000000, len(packet), len(packet)) + packet)
        self.index.append((flow.number, self.at, 16 + len(packet)))
        self.at += 16 + len(packet)
        self.frames += 1

    def extract(self, path, first):
        """Writes to path the connections that have frames from `first` on, each from its beginning; returns the number
        here of each frame there, and these connections in their order there."""
        with self.lock:
            self.file.flush()
            wanted = {number for number, _, _ in self.index[first - 1:]}
            chosen = [(k + 1, at, n) for k, (number, at, n) in enumerate(self.index) if number in wanted]
        with open(self.path, "rb") as whole, open(path, "wb") as part:
            part.write(whole.read(24))
            for _, at, n in chosen:
                whole.seek(at)
                part.write(whole.read(n))
        return [frame for frame, _, _ in chosen], [self.flows[number - 1] for number in sorted(wanted)]

    def close(self):
        with self.lock:
            self.file.close()
