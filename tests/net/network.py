# SPDX-License-Identifier: BSD-2-Clause
"""Hosts on networks, of Linux namespaces: each host has its own interfaces, routes, packet filter, /etc/hosts and
/etc/resolv.conf; the networks are bridges in a namespace of their own. The machine's own network is never touched.

A namespace lives as long as its first process, and that one until the pipe closes which this program holds: however this
program ends, nothing stays. What runs in a host is killed with this program, too."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from harness import Failure, check, wait_for

TOOLS = ["ip", "tc", "nft", "dnsmasq", "dumpcap", "arping", "unshare", "nsenter", "setpriv", "bash"]
# What programs look at; the rest of /etc is not there.
ETC = ["passwd", "group", "services", "protocols", "localtime", "ld.so.cache", "alternatives", "ssl"]


def missing():
    """Why there can be no hosts here, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    tools = [t for t in TOOLS if shutil.which(t) is None]
    return f"not installed: {', '.join(tools)} (packaging/install-deps full)" if tools else None


def run(command, stdin=None, fails=False, seconds=30):
    p = subprocess.run(command, input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
    if p.returncode != 0 and not fails:
        raise Failure(f"{' '.join(command)}: {p.stderr.strip() or p.stdout.strip()}")
    return p.stdout


def is_v6(address):
    return ":" in address


class Namespace:
    """One process that holds network and mount namespaces."""

    def __init__(self, name, folder):
        self.name, self.dir = name, os.path.join(folder, "net-" + name)
        self.etc = os.path.join(self.dir, "etc")
        os.makedirs(self.etc)
        for n in ETC:
            if os.path.exists("/etc/" + n):
                run(["cp", "-a", "/etc/" + n, self.etc])
        self.write("nsswitch.conf", "hosts: files dns\n")
        self.write("resolv.conf", "")
        self.write("hosts", "127.0.0.1 localhost\n::1 localhost\n")
        begin = f"mount --bind '{self.etc}' /etc && ip link set lo up && echo ready && cat; exit"  # as init it reaps
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork",
                                        "--kill-child", "sh", "-c", begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        self.processes = []
        if self.holder.stdout.readline() != b"ready\n":
            raise Failure(f"no namespaces for {name}")
        self.pid = self.holder.pid
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as f:
            self.init = int(f.read().split()[0])

    def write(self, name, text):
        """Replaces a file of /etc, as network managers do."""
        path = os.path.join(self.etc, name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def command(self, *words):
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", "-t", str(self.pid), "-n", "-m"] + list(words)

    def run(self, *words, **options):
        return run(self.command(*words), **options)

    def run_inside(self, *words, **options):
        """For what leaves something in the background or looks at processes: it sees only those of its kind, and what it
        leaves ends with the host."""
        inside = ["nsenter", "-t", str(self.init), "-n", "-m", "-p", "unshare", "--mount-proc", "--propagation", "private"]
        return run(inside + list(words), **options)

    def popen(self, *words, **options):
        p = subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL, **options)
        self.processes.append(p)
        return p

    def sysctl(self, name, value):
        self.run("sh", "-c", f"echo {value} >/proc/sys/{name}")

    def close(self):
        for p in self.processes:
            if p.poll() is None:
                p.kill()
                p.wait()
        if self.holder.poll() is None:
            self.holder.stdin.close()
            try:
                self.holder.wait(5)
            except subprocess.TimeoutExpired:
                self.holder.kill()
                self.holder.wait()


class Network:
    """A bridge. Its addresses are V4.N and V6::N, N from 1 for hosts, from 100 for addresses that move."""

    def __init__(self, switch, name, number):
        self.switch, self.name = switch, name
        self.v4, self.v6 = f"10.44.{number}.", f"fd44:{number}::"
        self.bridge, self.ports = "br" + str(number), 0
        switch.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        switch.run("ip", "link", "add", self.bridge, "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        switch.run("ip", "link", "set", self.bridge, "up")

    def address(self, n, v6=False):
        return (self.v6 if v6 else self.v4) + (f"{n:x}" if v6 else str(n))

    def has(self, address):
        return address.startswith(self.v6 if is_v6(address) else self.v4)

    def attach(self, host):
        """Plugs the host in; the interface there has the network's name."""
        self.ports += 1
        port = f"{self.bridge}p{self.ports}"
        host.run("ip", "link", "add", self.name, "type", "veth", "peer", "name", port, "netns", str(self.switch.pid))
        self.switch.run("ip", "link", "set", port, "master", self.bridge, "up")
        return port


class Host(Namespace):
    def __init__(self, name, folder, number):
        super().__init__(name, folder)
        self.number, self.networks, self.ports, self.captures = number, [], {}, []

    # -- addresses --

    def join(self, network):
        """An interface on the network with the host's own addresses, which are usable at once."""
        self.ports[network.name] = network.attach(self)
        self.networks.append(network)
        self.sysctl(f"net/ipv6/conf/{network.name}/ndisc_notify", 1)  # tells neighbours of new addresses
        self.run("ip", "link", "set", network.name, "up")
        self.run("ip", "addr", "add", self.v4(network) + "/24", "dev", network.name)
        self.run("ip", "addr", "add", self.v6(network) + "/64", "dev", network.name, "nodad")
        return self

    def v4(self, network=None):
        return (network or self.networks[0]).address(self.number)

    def v6(self, network=None):
        return (network or self.networks[0]).address(self.number, True)

    def addresses(self):
        """The host's own, of all its networks."""
        return [a for n in self.networks for a in (self.v4(n), self.v6(n))]

    def where(self, address):
        for n in self.networks:
            if n.has(address):
                return n.name
        raise Failure(f"{self.name} is on no network of {address}")

    def take(self, address, wait=True):
        """A moving address comes to this host. Neighbours are told; IPv6 first looks for duplicates, as in life."""
        name = self.where(address)
        self.run("ip", "addr", "add", address + ("/128" if is_v6(address) else "/32"), "dev", name)
        if is_v6(address):  # the kernel tells them when it is usable
            if wait:
                wait_for(f"{address} is usable on {self.name}", 5, lambda: self.usable(address))
        else:
            self.run("arping", "-q", "-U", "-c", "1", "-I", name, address, fails=True)

    def lose(self, address):
        self.run("ip", "addr", "del", address + ("/128" if is_v6(address) else "/32"), "dev", self.where(address))

    def usable(self, address):
        for link in json.loads(self.run("ip", "-j", "addr", "show", "to", address) or "[]"):
            for a in link.get("addr_info", []):
                if a.get("local") == address and not a.get("tentative") and not a.get("dadfailed"):
                    return True
        return False

    def plug(self, network, up=True):
        """Pulls the cable, or puts it back."""
        network.switch.run("ip", "link", "set", self.ports[network.name], "up" if up else "down")

    def slow(self, network, mbytes, queue_ms=50):
        """What leaves the host there goes at so many MB a second; more waits for so long, and is dropped beyond that."""
        self.run("tc", "qdisc", "replace", "dev", network.name, "root", "tbf", "rate", f"{mbytes * 8000:.0f}kbit", "burst", "128kb",
                 "latency", f"{queue_ms}ms")

    # -- packet filter --

    def only(self, *addresses):
        """TCP and UDP are let through to and from these remote addresses only, both ways, and what is not is counted."""
        rules = "table inet only {\n counter in {}\n counter out {}\n"
        for chain, hook, side, where in (("i", "input", "saddr", "iif"), ("o", "output", "daddr", "oif")):
            rules += f" chain {chain} {{\n  type filter hook {hook} priority 0; policy accept;\n  {where} lo accept\n"
            for family, v6 in (("ip", False), ("ip6", True)):
                some = ", ".join(a for a in addresses if is_v6(a) == v6)
                rules += f"  {family} {side} {{ {some} }} accept\n" if some else ""
            rules += f"  meta l4proto {{ tcp, udp }} counter name {'in' if chain == 'i' else 'out'} drop\n }}\n"
        self.run("nft", "-f", "-", stdin=rules + "}\n")

    def dropped(self):
        """(in, out): packets that the filter of `only` did not let through."""
        found = {c["counter"]["name"]: c["counter"]["packets"]
                 for c in json.loads(self.run("nft", "-j", "list", "counters", "table", "inet", "only"))["nftables"]
                 if "counter" in c}
        return found["in"], found["out"]

    def silent(self, address, port=None):
        """An address of this host that is never heard of: what comes to it is dropped."""
        self.run("nft", "-f", "-", stdin=f"""
            add table inet silent
            add chain inet silent i {{ type filter hook input priority -10; policy accept; }}
            add rule inet silent i {'ip6' if is_v6(address) else 'ip'} daddr {address} {f'tcp dport {port} ' if port else ''}drop
        """)

    def refuses_from(self, address):
        """TCP from there is reset: the other side learns at once."""
        self.run("nft", "-f", "-", stdin=f"""
            add table inet refuses
            add chain inet refuses i {{ type filter hook input priority -10; policy accept; }}
            add rule inet refuses i {'ip6' if is_v6(address) else 'ip'} saddr {address} meta l4proto tcp reject with tcp reset
        """)

    def dead(self, yes=True):
        """Its TCP is neither heard nor hears: what its system would say in the place of a killed daemon reaches nobody."""
        if not yes:
            self.run("nft", "delete", "table", "inet", "dead")
            return
        self.run("nft", "-f", "-", stdin="""
            table inet dead {
                chain o { type filter hook output priority -20; policy accept; meta l4proto tcp drop; }
                chain i { type filter hook input priority -20; policy accept; meta l4proto tcp drop; }
            }""")

    def unfiltered(self):
        for table in ("only", "silent", "refuses"):
            self.run("nft", "delete", "table", "inet", table, fails=True)

    # -- names --

    def resolves_with(self, *servers):
        self.write("resolv.conf", "".join(f"nameserver {s}\n" for s in servers))

    def knows(self, names):
        """The hosts file: {name: [address, ...]}."""
        lines = "".join(f"{a} {name}\n" for name, all in names.items() for a in all)
        self.write("hosts", "127.0.0.1 localhost\n::1 localhost\n" + lines)

    def close(self):
        for c in self.captures:
            c.stop()
        super().close()


class NameServer:
    """dnsmasq on a host, for one zone. It does not ask anybody else."""

    def __init__(self, host, records, ttl=1, zone="example.net"):
        self.host, self.zone, self.ttl = host, zone, ttl
        self.names, self.log = os.path.join(host.dir, "names"), os.path.join(host.dir, "dnsmasq.log")
        self.set(records)
        self.process = None
        self.start()

    def set(self, records):
        """{name: [address, ...]}; names are within the zone. In force at once."""
        with open(self.names, "w") as f:
            f.writelines(f"{a} {name}.{self.zone}\n" for name, all in records.items() for a in all)
        if getattr(self, "process", None) is not None:
            before = self.loads()
            os.kill(self.process.pid, signal.SIGHUP)  # also from a process that a test forked
            wait_for("dnsmasq read its names", 5, lambda: self.loads() > before)

    def loads(self):
        if not os.path.exists(self.log):
            return 0
        with open(self.log) as f:
            return f.read().count("read " + self.names)

    def start(self):
        before = self.loads()
        self.process = self.host.popen(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--pid-file=", "--no-hosts",
            "--no-resolv", f"--local=/{self.zone}/", f"--local-ttl={self.ttl}", f"--addn-hosts={self.names}",
            "--log-queries", f"--log-facility={self.log}", stderr=subprocess.DEVNULL)
        wait_for("dnsmasq serves", 10, lambda: self.loads() > before)

    def stop(self):
        """Gone: the host answers that nobody listens."""
        self.process.kill()
        self.process.wait()

    def silent(self, yes=True):
        """There, but it answers nothing."""
        self.process.send_signal(signal.SIGSTOP if yes else signal.SIGCONT)

    def queries(self, name=""):
        with open(self.log) as f:
            return len(re.findall(r"query\[(?:A|AAAA)\] " + re.escape(name), f.read()))


class Net:
    """All hosts and networks of one test."""

    def __init__(self, folder):
        self.dir, self.all = folder, []
        self.switch = None
        self.numbers = 0
        self.hosts = 0

    def network(self, name):
        if self.switch is None:
            self.switch = Namespace("switch", self.dir)
            self.all.append(self.switch)
        self.numbers += 1
        return Network(self.switch, name, self.numbers)

    def host(self, name, *networks):
        self.hosts += 1
        h = Host(name, self.dir, self.hosts)
        self.all.append(h)
        for n in networks:
            h.join(n)
        return h

    @staticmethod
    def move(address, source, target, wait=True):
        """A moving address goes from one host to another."""
        source.lose(address)
        target.take(address, wait)

    def close(self):
        for n in reversed(self.all):
            n.close()


def connects(host, address, port, seconds=5, source=None):
    """Whether a TCP connection comes about, and what the other side says first."""
    at = time.monotonic()
    script = f"""
import socket
s = socket.create_connection(({address!r}, {port}), {seconds}, ({source or ''!r}, 0))
s.settimeout({seconds})
print(s.recv(100).decode())
"""
    out = host.run("python3", "-c", script, fails=True, seconds=seconds + 20)
    check(time.monotonic() - at < seconds + 15, "a bounded connect")
    return out.strip() or None


def free_of(address):
    """For a look at what the machine itself has: a test never leaves anything there."""
    with socket.socket(socket.AF_INET6 if is_v6(address) else socket.AF_INET) as s:
        try:
            s.bind((address, 0))
            return False
        except OSError:
            return True
