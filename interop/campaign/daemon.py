# SPDX-License-Identifier: BSD-2-Clause
"""Our side of a campaign: x400d with a configuration and a spool of its own in a temporary folder, on loopback behind
the relay, and the command x400. Ends only the processes that it started."""
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from . import control

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "127.0.0.1"  # where the daemon and the relay meet
PEER = "peer"
PR_SET_PDEATHSIG = 1
WAIT = float(os.environ.get("E2E_SLOW", "1"))  # every wait of ours is so many times longer: for sanitizers


class Trouble(Exception):
    """Our own side does not do what it should: nothing is said of the peer."""


def program(name):
    """x400d or x400: of BUILD, or those of this tree, or those that are installed."""
    build = os.path.join(TOP, os.environ.get("BUILD", "build"))
    for path in (os.path.join(build, name), os.path.join(build, "bin", name)):
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/usr/local/bin")
    if found is None:
        raise Trouble(f"there is no {name}; run make, or set BUILD to the folder in which it was built")
    return found


def end_with_us():
    """In the daemon's process, before it is one: it ends when the campaign does, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Unconfigurable(Trouble):
    """Our daemon does not take this variant: nothing was tried."""


class Variant:
    """What differs from line to line: a mode, and statements of the peer's block."""

    def __init__(self, mode, dialogue="monologue", checkpoint="30K", window=5, associations="at most 4"):
        self.mode = mode
        self.statements = [f"mode {mode}", f"dialogue {dialogue}", f"checkpoint {checkpoint} window {window}",
                           f"associations {associations} lifetime 5m idle 60s"]

    def key(self):
        return tuple(self.statements)


class Daemon:
    """settings: FILE; relay: where the peer is called, (host, port); port: where our daemon listens on loopback."""

    def __init__(self, settings, relay, port):
        self.settings, self.relay, self.port = settings, relay, port
        self.folder = tempfile.mkdtemp(prefix="x400-interop-")
        self.log = os.path.join(self.folder, "events")
        self.delivered = os.path.join(self.folder, "delivered")
        self.process = self.running = None
        self.x400d, self.x400 = program("x400d"), program("x400")

    def path(self, name):
        return os.path.join(self.folder, name)

    # -- configuration --

    def text(self, variant):
        s = self.settings
        domain = " ".join(f'{k} "{s.us[k]}"' for k in ("country", "admd", "prmd") if s.us[k])
        def selectors(one):
            return " ".join(f"{k} {v.conf}" for k, v in one.items() if not v.any)
        ours = {k: s.us[k] for k in ("tsel", "ssel", "psel")}
        called = {k: s.of_mode(variant.mode, k) for k in ("tsel", "ssel", "psel")}
        called = selectors(called)
        sockets = [f'{x} socket "{self.path(x)}" mode 600' for x in ("control", "submit", "status")]
        peer = [f"connect address {self.relay[0]} port {self.relay[1]}", f"accept from {INSIDE}",
                f'local name "{s.us["mta"]}" password file "{s.us["password"]}"',
                f'remote name "{s.peer["mta"]}" password file "{s.peer["password"]}"',
                "open retry 20 times every 2s",
                "transfer retry 5 times every 2s", *variant.statements]
        if called:
            peer.insert(1, f"called {called}")
        form = s.of_mode(variant.mode, "password form")
        if form is not None:
            peer.append(f"password form {form}")
        def block(kind, name, lines):
            return f'{kind} "{name}" {{\n    ' + "\n    ".join(lines) + "\n}\n"
        return (block("mta", s.us["mta"], [f"domain {domain}", f'spool "{self.path("spool")}"',
                                           f'events file "{self.log}" json', "reserve 0% at least 1M", *sockets])
                + block("stack", "campaign", [f"listen on {INSIDE} port {self.port} {selectors(ours)}".rstrip()])
                + block("peer", PEER, peer)
                + f'route to any via "{PEER}"\ndeliver to {domain} in directory "{self.delivered}"\n')

    def write(self, variant, name="x400d.conf"):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(self.text(variant))
        return self.path(name)

    def refusal(self, variant):
        """Why our daemon cannot be configured so, or None."""
        done = subprocess.run([self.x400d, "-n", "-f", self.write(variant, "check.conf")], capture_output=True,
                              text=True,
                              errors="replace", timeout=20)
        if done.returncode == 0:
            return None
        lines = done.stderr.splitlines() or ["no reason given"]
        return next((x for x in lines if "error:" in x), lines[0]).split("error: ", 1)[-1]

    def refuse(self, variant):
        why = self.refusal(variant)
        if why is not None:
            raise Unconfigurable(f"x400d cannot be configured so: {why}")

    # -- life --

    def start(self, variant):
        """With this variant; one that runs with it already goes on."""
        if self.process is not None and self.process.poll() is None and self.running == variant.key():
            return
        self.stop()
        self.refuse(variant)
        conf = self.write(variant)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.x400d, "-f", conf, "-d"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=self.folder, start_new_session=True, preexec_fn=end_with_us)
        self.running, end = variant.key(), time.monotonic() + 20 * WAIT
        while True:
            if self.process.poll() is not None:
                raise Trouble(f"x400d ended while starting, status {self.process.returncode}: {self.last_words()}")
            try:
                if self.ask("show", what="status", timeout=5)["serving"]:
                    return
            except (OSError, control.Refused):
                pass
            if time.monotonic() > end:
                raise Trouble(f"x400d does not serve: {self.last_words()}")
            time.sleep(0.02)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15 * WAIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = self.running = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def last_words(self):
        try:
            with open(self.log, errors="replace") as f:
                line = (f.readlines() or ["no word of it"])[-1].strip()
        except OSError:
            return "no word of it"
        try:
            return json.loads(line)["text"]
        except (ValueError, KeyError):
            return line[-300:]

    # -- control --

    def ask(self, cmd, timeout=30, **fields):
        return control.ask(self.path(control.level_of(cmd)), cmd, timeout=timeout * WAIT, **fields)

    def command(self, *arguments, timeout=60):
        """The command x400 with --json: (exit status, its JSON or None, its words on standard error)."""
        done = subprocess.run([self.x400, *arguments, "--json"], capture_output=True, text=True, errors="replace",
                              timeout=timeout * WAIT, stdin=subprocess.DEVNULL)
        try:
            return done.returncode, json.loads(done.stdout), done.stderr
        except ValueError:
            return done.returncode, None, done.stderr

    def ping(self, variant, *options, seconds=20):
        """What `x400 ping` says of the peer."""
        conf = self.write(variant, "ping.conf")
        status, said, errors = self.command("ping", "-f", conf, PEER, "--timeout", str(int(seconds * WAIT)), *options,
                                            timeout=seconds + 20)
        if said is None:
            self.refuse(variant)
            raise Trouble(f"x400 ping: status {status}, {errors.strip()[:300]}")
        return said

    def submit(self, to, content, content_type=22, **fields):
        """A message of given octets through the submit socket; its identifier."""
        request = dict(kind="message", originator=self.settings.originator,
                       recipients=[dict(address=to, report="delivery")],
                       content_type=content_type, **fields)
        with tempfile.TemporaryFile(dir=self.folder) as f:
            f.write(content)
            f.flush()
            return self.ask("submit", fd=f.fileno(), timeout=120, **request)["id"]

    def send(self, to, *options, command="send"):
        """By `x400 send` or `x400 probe`; the identifier."""
        words = ["--submit", self.path("submit"), "--from", self.settings.originator, "--to", to, *options]
        if command == "send":
            text = self.path("body")
            with open(text, "w", encoding="ascii") as f:
                f.write("A message of an interoperability campaign of x400d. It may be deleted.\n")
            words += ["--subject", "x400d interoperability campaign", "--body", text]
        status, said, errors = self.command(command, *words)
        if status != 0 or not said:
            raise Trouble(f"x400 {command}: {errors.strip()[:300]}")
        return said["id"]

    def message(self, id):
        found = self.ask("message", id=id)["messages"]
        return found[0] if found else None

    def drop(self, ids):
        """Nothing of a line that is over is sent later."""
        left = [n for n in map(self.unfinished, ids) if n is not None]
        if not left:
            return
        try:
            self.ask("peer", name=PEER, action="disable")  # ends a transfer that is under way
            time.sleep(0.3)
            self.ask("queue", action="delete", ids=left)
            self.ask("peer", name=PEER, action="enable")
        except (OSError, control.Refused):
            self.stop()
            shutil.rmtree(self.path("spool"), ignore_errors=True)

    def unfinished(self, id):
        """The number of a message that still waits, or None."""
        try:
            m = self.message(id)
        except (OSError, control.Refused):
            return None
        return m["message"] if m is not None and not m["finished"] else None

    def reports(self, id):
        """The reports on a message that were delivered here, oldest first."""
        new, found = os.path.join(self.delivered, "new"), []
        for name in sorted(os.listdir(new)) if os.path.isdir(new) else []:
            try:
                with open(os.path.join(new, name, "envelope.json"), encoding="utf-8") as f:
                    e = json.load(f)
            except (OSError, ValueError):
                continue
            if e.get("kind") == "report" and e.get("subject") == id:
                found.append(e)
        return found

    def events(self, since=0):
        """The events of the log behind an octet of it, and where it ends."""
        found, at = [], since
        try:
            with open(self.log, "rb") as f:
                f.seek(since)
                for line in f:
                    if not line.endswith(b"\n"):
                        break
                    at += len(line)
                    try:
                        found.append(json.loads(line))
                    except ValueError:
                        continue
        except OSError:
            pass
        return found, at
