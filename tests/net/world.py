# SPDX-License-Identifier: BSD-2-Clause
"""One test's world of hosts: the World of the end-to-end tests, with daemons that run on hosts and port 102."""
import os

from capture import Capture
from harness import Mta, Peer, World, equal, user
from network import NameServer, Net


class Stack:
    """A stack block. `listen` may be an address, a name or None."""

    def __init__(self, name, listen, *lines, port=102, tsel="MTA"):
        self.name, self.listen, self.lines, self.port, self.tsel = name, listen, list(lines), port, tsel

    def text(self):
        listen = f'listen on {self.listen} port {self.port} tsel "{self.tsel}"' if self.listen else f'tsel "{self.tsel}"'
        return f'stack "{self.name}" {{\n    ' + "\n    ".join([listen] + self.lines) + "\n}\n"


class NetPeer(Peer):
    """A peer block with any number of `connect` lines: `connects` holds addresses, and names with letters."""

    def __init__(self, mta, other, password_out, password_in):
        super().__init__(mta, other, password_out, password_in)
        self.connects = [other.host]
        self.accept = None
        self.via = []  # names of stacks; none: as the configuration has it

    def connect_lines(self):
        lines = []
        for c in self.connects:
            kind = "address" if ":" in c or c.replace(".", "").isdigit() else "host"
            lines.append(f"connect {kind} {c} port {self.port}")
        if self.via:
            lines.append("via " + ", ".join(f'"{s}"' for s in self.via))
        return lines

    def block(self):
        text = super().block()
        return text if self.accept else text.replace("    accept from None\n", "")


class NetMta(Mta):
    def __init__(self, world, name, machine, host, prmd):
        super().__init__(world, name, host, prmd)
        self.machine, self.port, self.tsel = machine, 102, "MTA"
        self.stacks = [Stack("net", host)]
        self.launch = machine.command()
        self.sockets = ""  # a folder of their own, where several daemons share the others
        self.follows = None  # the stack that the spool follows

    def socket_path(self, level):
        return os.path.join(self.dir, self.sockets, level)

    def text(self):
        spool = f'spool "{self.spool}"'
        return super().text().replace(spool, f'{spool} follows stack "{self.follows}"' if self.follows else spool)

    def stacks_text(self):
        return "".join(s.text() for s in self.stacks)

    def on(self, machine):
        """Where it runs when it is started next."""
        self.machine, self.launch = machine, machine.command()
        return self


class NetWorld(World):
    PEER = NetPeer

    def __init__(self):
        super().__init__()
        self.port = 102
        self.net = Net(self.dir)

    def network(self, name="lan"):
        return self.net.network(name)

    def host(self, name, *networks):
        return self.net.host(name, *networks)

    def mta_on(self, machine, name, listen=None):
        """A daemon for a host, listening on the host's first IPv4 address or on something else. Its peers call it at what
        it listens on, or if that is all addresses at the host's first."""
        prmd = {"A": "ALPHA", "B": "BETA", "C": "GAMMA", "D": "DELTA"}[name[-1]]
        m = NetMta(self, name, machine, {"any": machine.v4(), "0.0.0.0": machine.v4(), "::": machine.v6()}.get(listen, listen or machine.v4()),
                   prmd)
        m.stacks[0].listen = listen or machine.v4()
        self.mtas.append(m)
        return m

    def capture(self, host, name=None, snap=None):
        return Capture(host, name, snap)

    def name_server(self, host, records, **options):
        return NameServer(host, records, **options)

    def close(self):
        super().close()
        self.net.close()


def exchange(a, b, n=1, seconds=30, empty=True):
    """n messages each way, delivered; the items before are not counted. Then nothing waits any more, if that can be."""
    had = len(a.items()), len(b.items())
    for k in range(n):
        a.submit(user("Receiver", b.prmd)), b.submit(user("Receiver", a.prmd))
    a.wait_items(had[0] + n, seconds), b.wait_items(had[1] + n, seconds)
    if empty:
        a.wait_empty(), b.wait_empty()
    equal((len(a.items()), len(b.items())), (had[0] + n, had[1] + n), "items delivered")
