# SPDX-License-Identifier: BSD-2-Clause
"""A TCP relay between two MTAs that sees every TPKT before it passes: it may swallow it, cut the connection, and write
a capture. It never changes an octet, and passes on as it is what is no TPKT."""
import socket
import threading
import time

PATIENCE = 0.05


class Link:
    """One connection that is carried. `octets`: how many passed in each direction."""

    def __init__(self, number, near, far, flow, outgoing):
        self.number, self.near, self.far, self.flow, self.outgoing = number, near, far, flow, outgoing
        self.octets, self.alive = {"up": 0, "down": 0}, True

    def cut(self):
        for s in (self.near, self.far):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Relay:
    """Listens on `listen` and calls `to` for each caller. watch(link, direction, tpkt) sees each TPKT, direction "up"
    from the caller: True passes it on, False swallows it, None cuts the connection.

    source: the local address of its calls. allow: the addresses that may call, None for all. wait: so many seconds it
    goes on trying to reach `to`. outgoing: whether the peer is the side that is called, which is the side that the
    capture shows. failures: (time, text) of calls that did not succeed or were not allowed."""

    def __init__(self, listen, to, source=None, watch=None, capture=None, allow=None, wait=0, outgoing=True):
        self.to, self.source, self.allow, self.wait, self.outgoing = to, source, allow, wait, outgoing
        self.watch = watch or (lambda link, direction, octets: True)
        self.capture = capture
        self.links, self.failures, self.stalled, self.closed = [], [], False, False
        family = socket.AF_INET6 if ":" in listen[0] else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.listener.bind(listen)
        except OSError:
            self.listener.close()
            raise
        self.listener.listen(16)
        self.address = self.listener.getsockname()[:2]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.closed = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut()

    @property
    def connections(self):
        return len(self.links)

    def open(self):
        return [x for x in self.links if x.alive]

    def cut(self):
        for link in self.open():
            link.cut()

    def accept(self):
        while not self.closed:
            try:
                near, address = self.listener.accept()
            except OSError:
                return
            if self.allow is not None and address[0] not in self.allow:
                self.failures.append((time.monotonic(),
                                      f"a call from {address[0]} was not let in: it is not the peer's"))
                near.close()
                continue
            threading.Thread(target=self.serve, args=(near,), daemon=True).start()

    def reach(self):
        """A connection to the other side, or None."""
        end = time.monotonic() + self.wait
        while True:
            try:
                return socket.create_connection(self.to, timeout=20, source_address=self.source and (self.source, 0))
            except OSError as e:
                if time.monotonic() >= end or self.closed:
                    self.failures.append((time.monotonic(), f"TCP connection to {self.to[0]} port {self.to[1]}: {e}"))
                    return None
            time.sleep(PATIENCE)

    def serve(self, near):
        far = self.reach()
        if far is None:
            near.close()
            return
        for s in (near, far):
            s.settimeout(None)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        flow = None
        if self.capture is not None:
            try:
                caller, called = far.getsockname(), far.getpeername()
                if not self.outgoing:
                    caller, called = near.getpeername(), near.getsockname()
                flow = self.capture.flow(caller, called, self.outgoing)
            except OSError:
                pass
        link = Link(len(self.links) + 1, near, far, flow, self.outgoing)
        self.links.append(link)
        up = threading.Thread(target=self.carry, args=(link, "up", near, far), daemon=True)
        up.start()
        self.carry(link, "down", far, near)
        up.join()
        link.alive = False
        near.close()
        far.close()

    def verdict(self, link, direction, tpkt):
        return self.watch(link, direction, tpkt)

    def pass_on(self, link, direction, octets, target):
        link.octets[direction] += len(octets)
        if link.flow is not None:
            link.flow.data(direction, octets)
        target.sendall(octets)

    def carry(self, link, direction, source, target):
        waiting, cut = b"", False
        try:
            while not cut:
                piece = source.recv(65536)
                if not piece:
                    break
                while self.stalled:
                    time.sleep(PATIENCE)
                waiting += piece
                while len(waiting) >= 4:
                    n = int.from_bytes(waiting[2:4], "big") if waiting[0] == 3 else 0
                    if n < 5:  # no TPKT: what follows cannot be told apart any more
                        n = len(waiting)
                    if len(waiting) < n:
                        break
                    octets, waiting = waiting[:n], waiting[n:]
                    verdict = self.verdict(link, direction, octets)
                    if verdict is None:
                        cut = True
                        break
                    if verdict:
                        self.pass_on(link, direction, octets, target)
        except OSError:
            pass
        if link.flow is not None:
            link.flow.end(direction)
        if cut:
            link.cut()
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


# ---- SPDUs, by their identifiers ----

CONNECT, ACCEPT, MINOR_SYNC_POINT, MINOR_SYNC_ACK, ACTIVITY_START, ACTIVITY_RESUME, ACTIVITY_END, ACTIVITY_END_ACK = \
    13, 14, 49, 50, 45, 29, 41, 42


def spdu_of(tpkt):
    """The identifier of the first SPDU of a DT TPDU behind the token SPDU of its category; None for anything else."""
    if tpkt[5:6] != b"\xf0":
        return None
    if tpkt[7:9] in (b"\x01\0", b"\x02\0") and len(tpkt) > 9:
        return tpkt[9]
    return tpkt[7] if len(tpkt) > 7 else None
