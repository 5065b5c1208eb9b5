# SPDX-License-Identifier: BSD-2-Clause
"""Starting, waiting for a spool, reloading, stopping."""
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from harness import BUILD, Mta, Refused, check, equal, ipm, user, wait_for
from test_mail import non_delivery, wait_report
from wire import Caller, Proxy, is_acknowledgement, message


def twin(w, mta, name="twin", launch=(), background=False):
    """Another daemon with the same spool and addresses, as on another node: with its own sockets, log and configuration."""
    t = Mta(w, mta.name, mta.host, mta.prmd)
    t.dir = f"{mta.dir}-{name}"
    os.makedirs(t.dir)
    t.log, t.conf = os.path.join(t.dir, "events"), os.path.join(t.dir, "x400d.conf")
    t.spool, t.delivered, t.delivers = mta.spool, mta.delivered, mta.delivers
    t.peers, t.routes = mta.peers, mta.routes
    t.launch = list(launch)
    w.mtas.append(t)
    return t.start(wait=False, background=background)


def test_second_daemon_waits(w):
    """It says who holds the spool, never opens it, and takes over when the first ends, in order or not."""
    a, b = w.pair()
    a.start(), b.start()
    second = twin(w, b)
    e = second.wait_event(20014)[0]
    check(str(b.pid) in e["what"], f"event 20014 names the process that holds it: {e['what']}")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    equal(len(second.events(20014)), 1, "told once")
    status = second.ask("show", what="status")
    equal((status["serving"], status["state"], status["holder"]["pid"]), (False, "waiting", b.pid), "its status")
    equal(status["holder"]["host"], socket.gethostname(), "the holder's host")
    check(str(b.pid) in status["waiting_for"], f"what it waits for: {status}")
    equal([e["id"] for e in second.ask("show", what="events")], [20014], "its events")
    for command in (lambda: second.submit(user("Receiver", "BETA")), second.queue, lambda: second.message("x"),
                    lambda: second.ask("queue", action="hold", all=True), lambda: second.ask("peer", name="mta-a", action="connect"),
                    lambda: second.ask("trace", peer="mta-a"), lambda: second.ask("show", what="associations")):
        try:
            command()
            check(False, "a command that needs the spool was done")
        except Refused as e:
            check(str(b.pid) in str(e) and "no spool" in str(e), f"the answer: {e}")
    peer = second.peer_status("mta-a")
    check("waiting" not in peer and f"process {b.pid}" in peer["why"], f"a peer whose queue is not known: {peer}")
    equal((peer["state"], peer["connect"]), ("no spool", [f"{a.host}:{a.port}"]), "a peer, without the spool")
    p = subprocess.run([os.path.join(BUILD, "bin", "x400"), "show", "peers", "-f", second.conf], capture_output=True, text=True)
    check(p.returncode == 0 and f"connect       {a.host}:{a.port}" in p.stdout, f"x400 show peers: {p.stdout}{p.stderr}")
    p = subprocess.run([os.path.join(BUILD, "bin", "x400"), "show", "status", "-f", second.conf], capture_output=True, text=True)
    check(p.returncode == 0 and f"in use by process {b.pid}" in p.stdout, f"x400 show status: {p.stdout}{p.stderr}")
    p = subprocess.run([os.path.join(BUILD, "bin", "x400"), "show", "queue", "-f", second.conf], capture_output=True, text=True)
    check(p.returncode == 1 and f"process {b.pid}" in p.stderr, f"x400 show queue: {p.returncode} {p.stderr}")
    before = len(os.listdir(f"/proc/{second.pid}/fd"))
    for k in range(3):  # while it waits, also a reload and SIGHUP do what they say
        second.mta_lines["keep"] = f"keep finished {k + 1}d"
        check("keep" in reload(second), "a reload while waiting")
    second.process.send_signal(signal.SIGHUP)
    wait_for("SIGHUP was heard", 10, lambda: len(second.events(20010)) == 4)
    equal(second.ask("show", what="status")["holder"]["pid"], b.pid, "it still waits")
    check(len(os.listdir(f"/proc/{second.pid}/fd")) <= before + 2, "no descriptor is left behind by the attempts")
    os.unlink(os.path.join(b.spool, "lock"))  # the file is not the lock
    time.sleep(1)
    equal(second.ask("show", what="status")["state"], "waiting", "without the lock's file")
    b.kill()
    second.wait_ready()
    second.wait_event(2219)  # it was an unclean stop
    checked = [e["what"] for e in second.events(2206)]
    equal(checked, ["database", "messages", "deliveries", "contents"], "events 2206")
    found = second.events(2207)[0]
    equal([found[k] for k in ("messages", "recipients", "intents", "damaged")], ["0"] * 4, f"event 2207: {found['text']}")
    equal(second.events(20026)[0]["dir"], b.spool, "event 20026")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(2)
    third = twin(w, b, "third")
    third.wait_event(20014)
    second.stop()
    third.wait_ready()
    check(not third.events(2219), "it was an orderly stop")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(3)
    a.wait_empty()


def test_waiting_daemon_can_be_stopped(w):
    a = w.mta("MTA-A").start()
    second = twin(w, a)
    second.wait_event(20014)
    check(second.stop() < 5, "stopped at once")
    check(second.events(20003) and not os.path.exists(second.socket_path("status")), "in order")
    check(a.running(), "the first goes on")


def test_waiting_daemon_keeps_its_watchdog(w):
    a = w.mta("MTA-A").start()
    path = os.path.join(a.dir, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        second = twin(w, a, launch=["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000"])
        said = [manager.recv(1000).decode() for _ in range(12)]
        check(sum("WATCHDOG=1" in s for s in said) > 3, f"the watchdog is served: {said}")
        check(any("READY=1" in s and f"process {a.pid}" in s for s in said), f"ready, and says what it waits for: {said}")
        equal(second.ask("show", what="status")["serving"], False, "serving")
        second.stop()


def test_a_second_daemon_with_the_same_sockets(w):
    """It is refused at once, and harms nothing."""
    a = w.mta("MTA-A").start()
    p = subprocess.run([os.path.join(BUILD, "x400d"), "-f", a.conf], capture_output=True, text=True, timeout=20)
    check(p.returncode == 1 and "another daemon answers on the socket" in p.stderr, f"refused: {p.stderr}")
    a.submit(user("One"))
    a.wait_items(1)


def test_spool_on_a_network_file_system(w):
    """It is refused before anything is written there; other file systems through FUSE are not."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        return "not shown: a FUSE file system needs root and /dev/fuse"
    a = w.mta("MTA-A")
    os.mkdir(a.spool)
    mounted = [sys.executable, os.path.join(os.path.dirname(__file__), "mounted.py")]
    for kind in ("fuse.sshfs", "fuse.glusterfs"):
        a.launch = [*mounted, kind, a.spool]
        a.start(wait=False)
        equal(a.process.wait(20), 1, "the exit status")
        text = a.events(9266)[-1]["text"]
        for part in (f"network file system ({kind}, mounted on {a.spool})", "write-ahead log", "Use a local file system"):
            check(part in text, f"event 9266 says {part}: {text}")
    a.launch = [*mounted, "fuse.mine", a.spool]
    a.start(wait=False)
    equal(a.process.wait(20), 1, "the exit status: that one has no locks")
    text = a.events(9266)[-1]["text"]
    check("network" not in text and "has no kernel locks" in text and "use a local file system" in text, f"9266: {text}")
    equal(os.listdir(a.spool), [], "nothing was written")
    a.launch = []
    a.start()


def test_a_spool_whose_folder_cannot_be_made(w):
    a = w.mta("MTA-A")
    a.spool = os.path.join(a.dir, "not", "there")
    a.start(wait=False)
    equal(a.process.wait(10), 1, "the exit status")
    check("the folder above it is not there" in a.events(9266)[0]["text"], f"9266: {a.events(9266)[0]['text']}")
    a.spool = os.path.join(a.dir, "there")
    a.start()
    check(os.path.exists(os.path.join(a.spool, "spool.db")), "a folder that is not there is made")


def test_newer_spool_is_refused(w):
    a = w.mta("MTA-A").start()
    a.stop()
    database = next(os.path.join(a.spool, n) for n in os.listdir(a.spool) if n.endswith((".db", ".sqlite", "spool")))
    with sqlite3.connect(database) as db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        db.execute(f"PRAGMA user_version = {version + 1}")
    a.start(wait=False)
    equal(a.process.wait(10), 1, "the exit status")
    e = a.events(9266)[0]
    check("newer version" in e["text"] and str(version + 1) in e["text"], f"event 9266: {e['text']}")
    with sqlite3.connect(database) as db:
        db.execute(f"PRAGMA user_version = {version}")
    a.start()


def test_bad_configuration_does_not_start(w):
    a = w.mta("MTA-A")
    a.mta_lines["wrong"] = "spoool \"x\""
    a.write()
    for options in (["-n"], ["-d"]):
        p = subprocess.run([os.path.join(BUILD, "x400d"), *options, "-f", a.conf], capture_output=True, text=True)
        equal(p.returncode, 1, "the exit status")
        check("x400d.conf:" in p.stderr and "spool" in p.stderr, f"the message: {p.stderr}")


def processes_of(mta):
    """The daemons of this configuration file, which is this test's alone."""
    found = subprocess.run(["pgrep", "-f", f"^{BUILD}/x400d -f {mta.conf}$"], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def test_background(w):
    """The starting process ends when the daemon serves, or waits for its spool; its output ends then as well."""
    a = w.mta("MTA-A")
    w.closers.append(lambda: [os.kill(pid, signal.SIGKILL) for pid in processes_of(a)])
    a.start(background=True)
    command = [os.path.join(BUILD, "x400d"), "-f", a.conf]
    second = twin(w, a, background=True)
    second.wait_event(20014)
    check(second.stop() < 5 and a.running(), "a second one waits in the background")
    a.stop()
    with open(a.conf, "a") as f:
        f.write("stack \"second\" { listen on 127.0.0.1 port 0 }\n")
    p = subprocess.run(command, capture_output=True, text=True, timeout=20)
    equal(p.returncode, 1, "the exit status of one that cannot start")


def test_log_is_reopened(w):
    """SIGHUP after the log was moved away: a new file, nothing lost."""
    a = w.mta("MTA-A").start(background=True)
    os.rename(a.log, a.log + ".1")
    first = a.submit(user("One"))
    wait_for("the delivery", 10, lambda: a.items())
    a.process.send_signal(signal.SIGHUP)
    wait_for("a new log", 10, lambda: os.path.exists(a.log))
    a.wait_event(20010)
    second = a.submit(user("Two"))
    a.wait_event(20203, mts_id=second)
    with open(a.log + ".1") as f:
        old = f.read()
    check(first in old and second not in old, "the old log has the old, and not the new")


# ---- reload ----

def reload(mta, **fields):
    mta.write()
    return mta.ask("reload", **fields)["changes"]


def test_reload_with_errors(w):
    a, b = w.pair()
    a.start(), b.start()
    good = a.text()
    for text in (good.replace("route to", "rout to"), good.replace('via "mta-b"', 'via "mta-x"'), ""):
        with open(a.conf, "w") as f:
            f.write(text)
        for dry in (False, True):
            try:
                a.ask("reload", dry_run=dry)
                check(False, "a configuration with errors was taken")
            except Refused as e:
                check("x400d.conf" in str(e), f"the error names the file: {e}")
    equal(len(a.events(20011)), 3, "events 20011, none of a dry run")
    check("x400d.conf:" in a.events(20011)[0]["what"], "event 20011 names file and line")
    check(not a.events(20010), "nothing was loaded")
    a.submit(user("Receiver", "BETA"))  # the running one is untouched
    b.wait_items(1)
    a.process.send_signal(signal.SIGHUP)
    a.submit(user("Receiver", "BETA"))
    b.wait_items(2)
    a.write()
    try:
        a.mta_lines["spool"] = None
        a.spool, spool = a.spool + "-other", a.spool
        reload(a)
        check(False, "another spool was taken")
    except Refused as e:
        check("spool" in str(e), f"what cannot change: {e}")
    a.spool = spool


def test_reload_adds_a_route(w):
    a, b = w.pair()
    c = w.mta("MTA-C")
    a.start(), b.start()
    id = a.submit(user("Receiver", "GAMMA"))
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    w.link(a, c)
    c.start()
    changes = reload(a, dry_run=True)
    check("mta-c" in changes, f"the dry run shows what would change: {changes}")
    id = a.submit(user("Receiver", "GAMMA"))
    non_delivery(a, id, "unable-to-transfer", "unrecognised-OR-name")
    equal(len(a.ask("show", what="peers")), 1, "a dry run changes nothing")
    reload(a)
    check(a.events(20010) and a.events(20019), "events 20010 and, with the operator's uid, 20019")
    a.submit(user("Receiver", "GAMMA"))
    c.wait_items(1)
    equal(reload(a), "", "nothing more to change")


def test_reload_removes_a_peer(w):
    """What waited for it takes another route, or is returned when there is none."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(a, c)
    b.start()
    a.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)  # an association is open
    b.kill()
    there = a.submit(user("Receiver", "GAMMA"))
    nowhere = a.submit(user("Receiver", "BETA"))
    both = a.submit([user("Receiver", "BETA"), user("Receiver", "GAMMA")])
    wait_for("three wait", 5, lambda: len(a.queue()) == 3)
    del a.peers["mta-b"]
    a.routes = [r for r in a.routes if "mta-b" not in r]
    reload(a)
    non_delivery(a, nowhere, "unable-to-transfer", "unrecognised-OR-name")
    non_delivery(a, both, "unable-to-transfer", "unrecognised-OR-name")
    a.wait_queue([there, both])
    # now the other peer goes too, and a third takes its place
    c.name, a.peers["mta-c"].name = c.name, "relay"
    a.peers["relay"] = a.peers.pop("mta-c")
    a.routes = [r.replace("mta-c", "relay") for r in a.routes]
    reload(a)
    c.start()
    c.wait_items(2)
    a.wait_empty()
    equal(a.recipient_states(there), ["transferred"], "over the new peer")


def test_reload_changes_a_peer_under_traffic(w):
    """Its associations are made anew between two transfers; nothing is lost or sent twice."""
    a, b = w.pair()
    a.start(), b.start()
    for k in range(60):
        a.submit(user("Receiver", "BETA"), ipm(octets=bytes(100_000)))
        if k % 20 == 10:
            a.peers["mta-b"].lines["window"] = f"checkpoint 10K window {k % 9 + 1}"
            reload(a)
    b.wait_items(60)
    a.wait_empty()
    equal(len(b.items()), 60, "items")
    equal(len(b.events(20206)), 0, "repeated transfers")
    check(len(b.events(20101)) >= 3, "new associations")
    check(not a.events(1294) and not b.events(1294), "none was broken")


def test_reload_changes_a_password(w):
    a, b = w.pair()
    b.peers["mta-a"].password_in = "another"
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_event(51)
    b.peers["mta-a"].password_in = a.peers["mta-b"].password_out
    reload(b)
    b.wait_items(1)


def test_reload_moves_a_listener(w):
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    b.stack_lines.append("callers per address 3")
    for k in range(3):
        b.stack_lines[-1] = f"callers per address {k + 3}"
        reload(b)
        equal([s["state"] for s in b.ask("show", what="stacks")], ["active"], "the stack")
        equal(len(b.ask("show", what="associations")), 1, "the association goes on")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(2)


# ---- stopping ----

def stalling_pair(w):
    """A and B, whose acknowledgements never arrive; the list is not empty once one was held back."""
    a, b = w.pair()
    stalled = []
    proxy = Proxy(w, b.host, (b.host, w.port), a.host,
                  lambda direction, octets: not (is_acknowledgement(octets) and not stalled.append(1)))
    a.peers["mta-b"].host, a.peers["mta-b"].port = proxy.address
    a.start(), b.start()
    return a, b, proxy, stalled


def test_stop_with_a_stalled_peer(w):
    """A transfer is under way and its peer says nothing: SIGTERM ends within 30 s, and nothing is lost."""
    a, b, proxy, stalled = stalling_pair(w)
    ids = [a.submit(user("Receiver", "BETA"), report="delivery") for _ in range(3)]
    wait_for("the stall", 10, lambda: stalled)
    seconds = a.stop(30)
    check(a.events(20003), "event 20003")
    equal(a.events(2219), [], "an orderly stop")
    proxy.watch = lambda direction, octets: True
    a.start()
    check(not a.events(2219), "no recovery is needed")
    b.wait_items(3)
    for id in ids:
        wait_report(a, id)
    a.wait_empty()
    equal(len(b.items()), 3, "items")
    return f"ended in {seconds:.1f} s"


def test_stop_under_traffic(w):
    """Both are stopped and started again while messages pass: all arrive once, and the stops are orderly."""
    a, b = w.pair()
    a.start(), b.start()
    ids, slowest = [], 0
    for k in range(6):
        ids += [a.submit(user("Receiver", "BETA"), ipm(octets=bytes(50_000)), report="delivery") for _ in range(30)]
        victim = a if k % 2 else b
        slowest = max(slowest, victim.stop(30))
        victim.start()
        check(not victim.events(2219), "the stop was orderly")
    b.wait_items(len(ids), 60)
    a.wait_empty(), b.wait_empty()
    equal(len([i for i in b.items()]), len(ids), "items")
    equal(len(b.events(20203)), len(ids), "deliveries")
    return f"the slowest stop took {slowest:.1f} s"


def test_stop_at_once_when_idle(w):
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    time.sleep(0.2)
    check(a.stop() < 3, "stopping an idle daemon with an open association")


def test_stop_during_a_submission(w):
    """A content that is being copied: who sends it gets an answer, which is true, at once or when it is stored."""
    a = w.mta("MTA-A").start()
    path = os.path.join(a.dir, "large")
    with open(path, "wb") as f:
        f.truncate(200 << 20)
    for twice in (False, True):
        answers = []

        def send():
            with open(path, "rb") as f:
                try:
                    answers.append(("taken", a.submit(user("One"), f)))
                except Refused as e:
                    answers.append(("refused", str(e)))
        before = len(a.items())
        sender = threading.Thread(target=send)
        sender.start()
        wait_for("the copy has begun", 10, lambda: answers or any(
            os.listdir(os.path.join(a.spool, n)) for n in ("tmp", "content") if os.path.isdir(os.path.join(a.spool, n))), 0.005)
        a.process.terminate()
        if twice:
            time.sleep(0.02)
            a.process.terminate()
        seconds = a.stop(30, asked=True)
        sender.join(20)
        check(answers and not sender.is_alive(), "who sent it has an answer")
        check(answers[0][0] == "taken" or "try again" in answers[0][1], f"the answer: {answers}")
        a.start()
        check(not a.events(2219), "an orderly stop")
        if answers[0][0] == "taken":
            a.wait_items(before + 1, 60)
        a.wait_empty()
        equal(len(a.items()), before + (answers[0][0] == "taken"), "items")
        equal(os.listdir(os.path.join(a.spool, "content")), [], "contents left in the spool")
    return f"{answers[0][0]}, ended in {seconds:.2f} s"


def test_interrupted_twice(w):
    """SIGTERM twice: it hurries, but still closes its spool."""
    a, _, _, stalled = stalling_pair(w)
    a.submit(user("Receiver", "BETA"))
    wait_for("the stall", 10, lambda: stalled)
    a.process.terminate()
    time.sleep(0.3)
    check(a.stop() < 3, "at once")
    check(a.events(20003), "event 20003")


def test_stop_while_a_peer_sends(w):
    """A peer that stops in the middle of its transfer, and others that have not bound: SIGTERM ends all the same."""
    a, b = w.pair()
    b.start()
    password = a.peers["mta-b"].password_out
    half = Caller(b, "MTA-A", password, source=a.host).open()
    octets = half.data_octets(message("half", ipm(octets=bytes(100_000))))
    half.send(half.start_octets() + octets[:50_000])
    idle = Caller(b, "MTA-A", password, source=a.host).open()
    unbound = Caller(b, "MTA-A", password, source=a.host)
    unbound.transport()
    wait_for("two associations", 5, lambda: len(b.ask("show", what="associations")) == 2)
    seconds = b.stop(30)
    check(idle.hung_up(1) and half.hung_up(1) and unbound.hung_up(1), "all are closed")
    b.start()
    check(not b.events(2219), "an orderly stop")
    equal(os.listdir(os.path.join(b.spool, "content")), [], "contents left in the spool")
    return f"ended in {seconds:.1f} s"


def test_reload_with_a_log_that_cannot_be_opened(w):
    """The old log goes on; who asked and the log are told."""
    a = w.mta("MTA-A")
    a.start(background=True)
    text = a.text()
    with open(a.conf, "w") as f:
        f.write(text.replace(f'events file "{a.log}"', 'events file "/nowhere/events"'))
    answer = a.ask("reload")
    check("/nowhere/events" in str(answer) and "No such file" in str(answer), f"the answer: {answer}")
    check("/nowhere/events" in a.wait_event(20012)[0]["what"], "event 20012 in the old log")
    a.write()
    a.ask("reload")
    check(a.wait_event(20010), "the log goes on")


def test_service_manager(w):
    """What sd_notify(3) says, as a manager hears it: ready with the pid that stays, alive, stopping."""
    for background in (False, True):
        a = w.mta("MTA-C" if background else "MTA-A")
        path = os.path.join(a.dir, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(10)
            a.launch = ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=200000"]
            a.start(background=background)

            def hear(word):
                for _ in range(50):
                    said = manager.recv(1000).decode()
                    if word in said.split("\n"):
                        return said
                return check(False, f"{word} was not heard")
            said = hear("READY=1")
            check(f"MAINPID={a.pid}\n" in said, f"the pid is {a.pid}: {said}")
            check(f"STATUS=MTA {a.name}, 0 messages waiting" in said, said)
            begun = time.monotonic()
            for _ in range(4):
                hear("WATCHDOG=1")
            check(0.2 < time.monotonic() - begun < 5, "four words of the watchdog")
            a.process.terminate()
            hear("STOPPING=1")
            a.stop(asked=True)


def test_submitted_while_the_spool_is_opened(w):
    """As soon as the socket is there what needs the spool is taken: it waits until the spool is open, in order or after a
    check; while another daemon has the spool it is refused at once, from the first attempt on."""
    a = w.mta("MTA-A")
    for k in range(6):
        a.start(wait=False)
        wait_for("the socket answers", 20, lambda: answers(a), 0.001)
        a.submit(user("Receiver"))
        a.wait_items(k + 1)
        a.kill() if k % 2 else a.stop()
    a.start()
    second = twin(w, a)
    wait_for("the socket answers", 20, lambda: answers(second), 0.001)
    at = time.monotonic()
    try:
        second.submit(user("Receiver"))
        check(False, "it was taken")
    except Refused as e:
        check(f"process {a.pid}" in str(e) and time.monotonic() - at < 3, f"{time.monotonic() - at:.1f} s: {e}")
    second.stop()


def answers(m):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(m.socket_path("submit")) == 0
