# SPDX-License-Identifier: BSD-2-Clause
"""Starts x400d processes with configurations, spools and ports of their own, and looks at what they do from outside:
control sockets, delivered items, event logs, /proc. Python 3's standard library only.

A World is one test's folder and processes; it ends only processes that it started, and always cleans up. All sockets
are on loopback addresses 127.0.0.x, with a port that is free on all of them."""
import array
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.append(os.path.join(TOP, "interop"))
from campaign import control  # noqa: E402
from campaign.ber import der  # noqa: E402
from campaign.control import Refused  # noqa: E402,F401

BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
SANITIZED = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "SUMMARY: ")
SLOW = float(os.environ.get("E2E_SLOW", "1"))  # every wait is so many times longer: for sanitizers and busy machines


class Failure(Exception):
    """What a test expected and did not find."""


class Skip(Exception):
    """Why a test cannot run here."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(got, wanted, text):
    if got != wanted:
        raise Failure(f"{text}: {got!r}, wanted {wanted!r}")


def wait_for(what, seconds, probe, every=0.02):
    """Calls probe until it returns something true, and returns that."""
    end = time.monotonic() + seconds * SLOW
    while True:
        got = probe()
        if got:
            return got
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds * SLOW:g} s")
        time.sleep(every)


def free_port(hosts):
    for _ in range(200):
        port = random.randrange(20000, 32000)
        try:
            for host in hosts:
                with socket.socket() as s:
                    s.bind((host, port))
            return port
        except OSError:
            continue
    raise Failure("no free port")


# ---- contents ----

def ipm(subject="a subject", text="a text", octets=None):
    """A P22 content: heading, an IA5 text, and perhaps octets as a bilaterally defined body part."""
    heading = der(0x31, der(0x6B, der(0x13, b"e2e")), der(0xA8, der(0x14, subject.encode("latin-1"))))
    parts = [der(0xA0, der(0x31), der(0x16, text.encode("ascii")))]
    if octets is not None:
        parts.append(der(0x8E, octets))
    return der(0xA0, heading, der(0x30, *parts))


def user(name, prmd="ALPHA"):
    return f"/C=GB/A=DEMO/P={prmd}/S={name}/"


# ---- one daemon ----

class Peer:
    """A peer block of one MTA. Everything may be changed before the configuration is written."""

    def __init__(self, mta, other, password_out, password_in):
        self.mta, self.name = mta, other.name.lower()
        self.host, self.port, self.tsel = other.host, other.port, other.tsel
        self.local, self.remote = mta.name, other.name
        self.password_out, self.password_in = password_out, password_in
        self.accept = other.host
        self.calls = True
        self.lines = {"open": "open retry 1000 times every 1s", "transfer": "transfer retry 1000 times every 1s"}

    def connect_lines(self):
        kind = "host" if self.host[-1].isalpha() else "address"
        return [f"connect {kind} {self.host} port {self.port}"]

    def block(self):
        out = self.mta.secret(f"{self.name}.us", self.password_out)
        into = self.mta.secret(f"{self.name}.them", self.password_in)
        lines = self.connect_lines() if self.calls else []
        lines += [f"accept from {self.accept}", f'called tsel "{self.tsel}"',
                  f'local name "{self.local}" password file "{out}"',
                  f'remote name "{self.remote}" password file "{into}"']
        return f'peer "{self.name}" {{\n    ' + "\n    ".join(lines + [x for x in self.lines.values() if x]) + "\n}\n"


class Mta:
    def __init__(self, world, name, host, prmd):
        self.world, self.name, self.host, self.prmd = world, name, host, prmd
        self.port = world.port
        self.tsel = name
        self.dir = os.path.join(world.dir, name.lower())
        os.makedirs(self.dir, exist_ok=True)
        self.spool = os.path.join(self.dir, "spool")
        self.delivered = os.path.join(self.dir, "delivered")
        self.log = os.path.join(self.dir, "events")
        self.conf = os.path.join(self.dir, "x400d.conf")
        self.peers, self.routes = {}, []
        self.delivers = [(f'country "GB" admd "DEMO" prmd "{prmd}"', self.delivered)]
        self.mta_lines = {"reserve": "reserve 0% at least 1M"}
        self.stack_lines = []
        self.modes = dict(control=600, submit=600, status=600)
        self.launch = []  # a command that runs the daemon: its arguments follow
        self.process = None

    # -- configuration --

    def secret(self, name, text):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text + "\n")
        return path

    def route(self, prmd, via):
        self.routes.append(f'route to country "GB" admd "DEMO" prmd "{prmd}" via "{via}"')

    def socket_path(self, level):
        return os.path.join(self.dir, level)

    def text(self):
        mta = [f'domain country "GB" admd "DEMO" prmd "{self.prmd}"', f'spool "{self.spool}"',
               f'events file "{self.log}" json']
        mta += [f'{x} socket "{self.socket_path(x)}" mode {mode}' for x, mode in self.modes.items()]
        text = f'mta "{self.name}" {{\n    ' + "\n    ".join(mta + [x for x in self.mta_lines.values() if x]) + "\n}\n"
        text += self.stacks_text()
        text += "".join(p.block() for p in self.peers.values())
        text += "".join(r + "\n" for r in self.routes)
        text += "".join(f'deliver to {pattern} in directory "{d}"\n' for pattern, d in self.delivers)
        return text

    def stacks_text(self):
        stack = [f'listen on {self.host} port {self.port} tsel "{self.tsel}"'] + self.stack_lines
        return 'stack "net" {\n    ' + "\n    ".join(stack) + "\n}\n"

    def write(self):
        with open(self.conf, "w") as f:
            f.write(self.text())

    # -- life --

    def start(self, wait=True, background=False):
        """In the foreground events go to standard error, which is the log; in the background to the log itself."""
        self.write()
        command = self.launch + [os.path.join(BUILD, "x400d"), "-f", self.conf] + ([] if background else ["-d"])
        with open(self.log if not background else self.log + ".stderr", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.dir)
        if background:
            equal(process.wait(20 * SLOW), 0, "the exit status of the starting process")
            self.process = Background(self)
        else:
            self.process = process
        self.world.started.append(self.process)
        self.seen = 0
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"{self.name} ended with status {self.process.poll()} while starting")
            try:
                status = self.ask("show", what="status")
                return status["mta"] == self.name and status["serving"]
            except (OSError, Refused):
                return False
        wait_for(f"{self.name} serves", seconds, ready)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30, asked=False):
        """SIGTERM; the exit status must be 0 within the time that is promised."""
        begun = time.monotonic()
        if not asked:
            self.process.terminate()
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s of SIGTERM") from None
        equal(status, 0, f"the exit status of {self.name}")
        return time.monotonic() - begun

    def memory(self, what="VmHWM"):
        """Resident size in KB: VmHWM the highest, VmRSS now."""
        with open(f"/proc/{self.pid}/status") as f:
            for line in f:
                if line.startswith(what + ":"):
                    return int(line.split()[1])
        raise Failure(f"no {what} of {self.name}")

    def reset_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as f:
            f.write("5")

    # -- control --

    def ask(self, cmd, level=None, fd=None, timeout=30, **fields):
        """One request, on the least socket that may do it; the result, or Refused with the daemon's text."""
        return control.ask(self.socket_path(level or control.level_of(cmd)), cmd, fd=fd, timeout=timeout * SLOW, **fields)

    def submit(self, to, content=None, sender=None, report="non-delivery", kind="message", **fields):
        """The identifier of a new message; content: octets, or an open file."""
        to = [to] if isinstance(to, str) else to
        recipients = [dict(address=a, report=report) for a in to]
        fields.update(kind=kind, recipients=recipients, originator=sender or user("Sender", self.prmd))
        if kind == "probe":
            return self.ask("submit", **fields)["id"]
        if hasattr(content, "fileno"):
            return self.ask("submit", fd=content.fileno(), timeout=300, **fields)["id"]
        with tempfile.TemporaryFile(dir=self.world.dir) as f:
            f.write(ipm() if content is None else content)
            f.flush()
            return self.ask("submit", fd=f.fileno(), **fields)["id"]

    def message(self, id):
        """What `show message` says of an identifier, or None."""
        found = self.ask("message", id=id)["messages"]
        return found[0] if found else None

    def recipient_states(self, id):
        m = self.message(id)
        return [r["state"] for r in m["recipients"]] if m else []

    def queue(self):
        return self.ask("show", what="queue")["messages"]

    def wait_empty(self, seconds=30):
        wait_for(f"the queue of {self.name} is empty", seconds, lambda: not self.queue(), 0.1)

    def wait_queue(self, ids, seconds=20):
        """Nothing but these messages waits any more."""
        wait_for(f"only {ids} wait on {self.name}", seconds,
                 lambda: sorted(m["id"] for m in self.queue()) == sorted(ids), 0.05)

    def peer_status(self, name):
        return next(p for p in self.ask("show", what="peers") if p["name"] == name)

    # -- what it did --

    def settle_log(self):
        """The log is written by a thread of its own: waits until it has what the daemon says that it raised."""
        if not self.running():
            return
        try:
            raised = self.ask("show", what="events", after=self.seen, timeout=5)
        except (OSError, Refused):
            return  # not serving yet, or no more
        if raised:
            self.seen = raised[-1]["seq"]
            last = json.dumps(raised[-1]["time"]).encode()
            wait_for("the log", 5, lambda: last in self.log_octets())

    def log_octets(self):
        with open(self.log, "rb") as f:
            return f.read()

    def events(self, *ids, **fields):
        """The events of the log with one of these ids and these fields, oldest first."""
        self.settle_log()
        found = []
        with open(self.log, "rb") as f:
            for line in f:
                if not line.startswith(b"{"):
                    continue
                try:
                    e = json.loads(line)
                except ValueError:
                    continue  # being written
                if (not ids or e["id"] in ids) and all(e.get(k) == v for k, v in fields.items()):
                    found.append(e)
        return found

    def wait_event(self, id, seconds=20, **fields):
        return wait_for(f"event {id} {fields or ''} of {self.name}", seconds, lambda: self.events(id, **fields), 0.05)

    def items(self, directory=None):
        new = os.path.join(directory or self.delivered, "new")
        return sorted(os.path.join(new, n) for n in os.listdir(new)) if os.path.isdir(new) else []

    def wait_items(self, n, seconds=30, directory=None):
        return wait_for(f"{n} items delivered by {self.name}", seconds,
                        lambda: (lambda i: i if len(i) >= n else None)(self.items(directory)))


class Background:
    """A daemon that left its starting process: known by the other end of its status socket."""

    def __init__(self, mta):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(mta.socket_path("status"))
            credentials = array.array("i", [0, 0, 0])
            credentials.frombytes(s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            self.pid = credentials[3]

    def poll(self):
        try:
            with open(f"/proc/{self.pid}/stat") as f:
                return 0 if f.read().rsplit(")", 1)[1].split()[0] == "Z" else None
        except OSError:
            return 0

    def wait(self, seconds=None):
        end = time.monotonic() + (seconds or 60)
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("x400d", seconds)
            time.sleep(0.02)
        return 0

    def send_signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def terminate(self):
        self.send_signal(signal.SIGTERM)


# ---- one test's world ----

def shortened(line):
    """An event of a log, for people."""
    try:
        e = json.loads(line)
        return f"{e['time'][11:23]} {e['id']} {e['text'][:400]}\n"
    except (ValueError, KeyError):
        return line


class World:
    PEER = Peer
    HOSTS = [f"127.0.0.{n}" for n in range(11, 20)]

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="x400d-e2e-")
        self.port = free_port(self.HOSTS)
        self.started, self.mtas, self.closers = [], [], []

    def mta(self, name, prmd=None, **_):
        m = Mta(self, name, self.HOSTS[len(self.mtas)], prmd or {"A": "ALPHA", "B": "BETA", "C": "GAMMA"}[name[-1]])
        self.mtas.append(m)
        return m

    def link(self, a, b, route=True):
        """A peer block on each side, with passwords that fit, and the routes to each other's domain."""
        secret = {m: f"secret-of-{m.name}-{random.randrange(1 << 32):08x}" for m in (a, b)}
        for one, other in ((a, b), (b, a)):
            p = self.PEER(one, other, secret[one], secret[other])
            one.peers[p.name] = p
            if route:
                one.route(other.prmd, p.name)
        return a.peers[b.name.lower()], b.peers[a.name.lower()]

    def pair(self):
        a, b = self.mta("MTA-A"), self.mta("MTA-B")
        self.link(a, b)
        return a, b

    def close(self):
        for p in self.started:
            if p.poll() is None:
                p.kill()
                p.wait()
        for c in reversed(self.closers):
            c()

    def logs(self):
        text = ""
        for m in self.mtas:
            for path in (m.log, m.log + ".stderr"):
                if os.path.exists(path):
                    with open(path, errors="replace") as f:
                        text += f"--- {path}\n" + "".join(shortened(line) for line in f.readlines()[-100:])
        return text

    def faults(self):
        """What a sanitizer wrote into a log, and passwords in one."""
        found = []
        for m in self.mtas:
            text = self.logs_of(m)
            if any(s in text for s in SANITIZED):
                found.append(f"a sanitizer complains in the log of {m.name}")
            for p in m.peers.values():
                if any(s and s in text for s in (p.password_out, p.password_in)):
                    found.append(f"a password is in the log of {m.name}")
        return found

    @staticmethod
    def logs_of(m):
        text = ""
        for path in (m.log, m.log + ".stderr"):
            if os.path.exists(path):
                with open(path, errors="replace") as f:
                    text += f.read()
        return text

    def finish(self):
        """The end of a test that went well: every daemon still there must stop in order (leaks show then)."""
        running = [m for m in self.mtas if m.running()]
        for m in running:
            m.process.terminate()
        for m in running:
            m.stop(asked=True)

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)
