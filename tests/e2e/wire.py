# SPDX-License-Identifier: BSD-2-Clause
"""A peer made by hand, octet by octet, that can do everything wrong; and a TCP proxy that looks at what passes.

The forms are those of an independent MTA in 1988 normal mode, as recorded in tests/data/p1-88-normal.pcap."""
import socket
import struct
import time

from harness import SLOW, der
from campaign.relay import Relay

MTS_TRANSFER, MTSE, ACSE, RTSE_SYNTAX, BER = (bytes.fromhex(h) for h in
                                              ("56000106", "56000207", "52010001", "5600020c", "5101"))


# ---- P1 ----

def printable(text):
    return der(0x13, text.encode())


def domain(prmd):
    return der(0x63, der(0x61, printable("GB")), der(0x62, printable("DEMO")), printable(prmd))


def or_name(name, prmd):
    return der(0x60, der(0x30, der(0x61, printable("GB")), der(0x62, printable("DEMO")),
                         der(0xA2, printable(prmd)), der(0xA5, der(0x80, name.encode()))))


def trace_element(prmd, when="261120100000Z"):
    return der(0x30, domain(prmd), der(0x31, der(0x80, when.encode()), der(0x82, b"\0")))


def message(local_id, content, recipients=(("Receiver", "BETA"),), prmd="ALPHA", trace=None, extensions=b"",
            originator="Sender", more=b""):
    """An MTS-APDU. trace: the domains that it passed, by default its own. more: further members of the envelope."""
    fields = [der(0x64, domain(prmd), der(0x16, local_id.encode())), or_name(originator, prmd), der(0x46, b"\x16"),
              der(0x69, *[trace_element(p) for p in (trace or [prmd])]), more]
    if extensions:
        fields.append(der(0xA3, extensions))
    # responsibility, originating-MTA report and non-delivery report, originator non-delivery report
    per = [der(0x31, or_name(*r), der(0x80, bytes([k + 1])), der(0x81, b"\x03\xA8")) for k, r in enumerate(recipients)]
    return der(0xA0, der(0x31, *fields, der(0xA2, *per)), der(0x04, content))


def extension(number, critical_bits, value):
    """critical_bits: as in the BIT STRING of criticality: 0x80 submission, 0x40 transfer, 0x20 delivery."""
    return der(0x30, der(0x80, bytes([number])), der(0x81, b"\x05" + bytes([critical_bits])), der(0xA2, value))


# ---- the stack, calling ----

def tpkt(body):
    return b"\x03\0" + (len(body) + 4).to_bytes(2, "big") + body


def spdu(si, *parameters):
    body = b"".join(parameters)
    n = len(body)
    return bytes([si]) + (bytes([n]) if n < 255 else b"\xff" + n.to_bytes(2, "big")) + body


def dt(tsdu):
    """A TSDU in TPDUs that fit."""
    size, out = 32000, b""
    pieces = [tsdu[k:k + size] for k in range(0, len(tsdu), size)] or [b""]
    for k, piece in enumerate(pieces):
        out += tpkt(b"\x02\xf0" + (b"\x80" if k == len(pieces) - 1 else b"\0") + piece)
    return out


class Hung(Exception):
    """The other side closed the connection."""


class Caller:
    # What peers write in more than one way.
    password_tag, reference_tag, when = 0x04, 0x14, b"261120100000Z"
    dialogue = 0  # monologue
    implementation = None  # implementation-information of the AARQ

    def __init__(self, mta, name, password, source=None, tsel=None, protocol=None):
        """protocol: of X.410 mode, as it stands in RTORQ (12: P1 of 1988, 1: of 1984; empty: left out); None: normal
        mode."""
        self.mta, self.name, self.password, self.protocol = mta, name, password, protocol
        self.tsel = mta.tsel if tsel is None else tsel
        self.socket = socket.socket()
        self.socket.settimeout(30 * SLOW)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((mta.host, mta.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.activity = 0
        mta.world.closers.append(self.close)

    def close(self):
        self.socket.close()

    def send(self, octets):
        self.socket.sendall(octets)

    def receive_exactly(self, n):
        got = b""
        while len(got) < n:
            try:
                piece = self.socket.recv(n - len(got))
            except ConnectionError:
                piece = b""
            if not piece:
                raise Hung()
            got += piece
        return got

    def receive(self):
        """The TPDU of the next TPKT."""
        head = self.receive_exactly(4)
        return self.receive_exactly(int.from_bytes(head[2:], "big") - 4)

    def hung_up(self, seconds):
        """Whether the other side closes within this time, whatever it sends before."""
        end = time.monotonic() + seconds * SLOW
        self.socket.settimeout(0.2)
        while time.monotonic() < end:
            try:
                if not self.socket.recv(65536):
                    return True
            except ConnectionError:
                return True
            except socket.timeout:
                pass
        return False

    # the steps; each *_octets can be sent in part
    def transport_octets(self):
        body = b"\xe0\0\0\x65\x4a\0" + b"\xc2" + bytes([len(self.tsel)]) + self.tsel.encode() + b"\xc0\x01\x0b"
        return tpkt(bytes([len(body)]) + body)

    def transport(self):
        self.send(self.transport_octets())
        answer = self.receive()
        self.transport_accepted = answer[1] & 0xF0 == 0xD0
        return answer

    def bind_octets(self, checkpoint=0):
        argument = der(0x05) if self.name is None else \
            der(0xA1, der(0x80, self.name.encode()), der(0xA1, der(self.password_tag, self.password.encode())))
        if self.protocol is not None:
            rtorq = der(0xA1, der(0x80, bytes([checkpoint])), der(0x82, bytes([self.dialogue])), der(0xA3, der(0xA0, argument)),
                        der(0x84, self.protocol) if self.protocol else b"")
            return self.connect_octets(der(0x31, der(0xA0, der(0x80, b"\0")), rtorq))
        bind = der(0xB0, argument)
        rtorq = der(0xB0, der(0x80, bytes([checkpoint])), der(0x82, bytes([self.dialogue])), der(0xA3, der(0xA0, bind)))
        aarq = der(0x60, der(0xA1, der(0x06, MTS_TRANSFER)),
                   der(0x9D, self.implementation) if self.implementation is not None else b"",
                   der(0xBE, der(0x28, der(0x06, BER), der(0x02, b"\x03"), der(0xA0, rtorq))))
        contexts = [der(0x30, der(0x02, bytes([i])), der(0x06, syntax), der(0x30, der(0x06, BER)))
                    for i, syntax in ((1, ACSE), (3, RTSE_SYNTAX), (5, MTSE))]
        cp = der(0x31, der(0xA0, der(0x80, b"\x01")),
                 der(0xA2, der(0xA4, *contexts), der(0x61, der(0x30, der(0x02, b"\x01"), der(0xA0, aarq)))))
        return self.connect_octets(cp)

    def connect_octets(self, user_data):
        reference = spdu(1, spdu(10, der(self.reference_tag, b"e2e")), spdu(11, der(0x17, self.when)))
        item = spdu(5, spdu(0x13, b"\0"), spdu(0x16, b"\x02"), spdu(0x1A, b"\0"))
        return dt(spdu(13, reference, item, spdu(20, b"\x02\x49"), spdu(0xC1, user_data)))

    def bind(self, checkpoint=0):
        self.send(self.bind_octets(checkpoint))
        answer = self.receive()
        self.bound = answer[3:4] == b"\x0e"  # ACCEPT
        return answer

    def open(self, checkpoint=0):
        self.transport()
        self.bind(checkpoint)
        return self

    def start_octets(self):
        self.activity += 1
        return dt(b"\x01\0" + spdu(45, spdu(0x29, der(0x02, bytes([self.activity])))))

    def data_octets(self, apdu):
        if self.protocol is not None:
            return dt(b"\x01\0\x01\0" + apdu)
        external = der(0x28, der(0x02, b"\x05"), der(0xA0, apdu))
        return dt(b"\x01\0\x01\0" + der(0x61, der(0x30, der(0x02, b"\x03"), der(0xA0, der(0x04, external)))))

    @staticmethod
    def end_octets():
        return dt(b"\x01\0" + spdu(41, spdu(0x2A, b"1")))

    def transfer(self, apdu):
        """True: acknowledged; False: refused by an exception report; Hung: the connection ended."""
        self.send(self.start_octets() + self.data_octets(apdu) + self.end_octets())
        while True:
            t = self.receive()
            if b"\x02\0\x2a" in t[3:6] or t[3:4] == b"\x2a" or t[5:6] == b"\x2a":
                return True
            if t[5:6] == b"\x30" or t[3:4] == b"\x30":
                return False
            if t[3:4] in (b"\x19", b"\x15"):
                raise Hung()


# ---- what was recorded ----

def recorded(path):
    """The octets of each direction of a capture with one connection, caller's first. For captures on Ethernet without
    loss."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    at, streams, caller = 24, {}, None
    while at < len(data):
        n = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        ip, at = data[at + 16 + 14:at + 16 + n], at + 16 + n
        tcp = ip[(ip[0] & 15) * 4:int.from_bytes(ip[2:4], "big")]
        port, seq, payload = tcp[:2], int.from_bytes(tcp[4:8], "big"), tcp[(tcp[12] >> 4) * 4:]
        caller = caller or port
        if payload:
            streams.setdefault(port, {})[seq] = payload
    ours = b"".join(p for _, p in sorted(streams.pop(caller).items()))
    return ours, b"".join(p for _, p in sorted(next(iter(streams.values())).items()))


def tpkts(octets):
    while octets:
        n = int.from_bytes(octets[2:4], "big")
        yield octets[:n]
        octets = octets[n:]


class Recorder:
    """For the `watch` of a Proxy: the APDUs that pass upwards in X.410 mode, where each TSDU of data is a slice."""

    def __init__(self):
        self.apdus, self.tsdu, self.octets = [], b"", b""

    def __call__(self, direction, tpkt):
        if direction == "up" and tpkt[5:6] == b"\xf0":
            self.tsdu += tpkt[7:]
            if tpkt[6] & 0x80:
                if self.tsdu[:4] == b"\x01\0\x01\0":
                    self.octets += self.tsdu[4:]
                elif self.tsdu[2:3] == b"\x29":  # ACTIVITY END
                    self.apdus.append(self.octets)
                    self.octets = b""
                self.tsdu = b""
        return True


# ---- a proxy ----

class Proxy(Relay):
    """Between a caller and a called MTA. `watch(direction, tpkt)` sees every TPKT before it passes, direction "up" from
    the caller: returns True to pass it on, False to swallow it, None to cut the connection."""

    def __init__(self, world, host, to, source, watch=None, capture=None):
        super().__init__((host, 0), to, source, watch or (lambda direction, octets: True), capture)
        world.closers.append(self.close)

    def verdict(self, link, direction, tpkt):
        return self.watch(direction, tpkt)


def is_acknowledgement(octets):
    """S-ACTIVITY-END response: ACTIVITY END ACK behind the token SPDU of its category."""
    return octets[5:6] == b"\xf0" and octets[7:10] in (b"\x02\0\x2a", b"\x01\0\x2a")
