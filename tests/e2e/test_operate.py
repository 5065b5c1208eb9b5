# SPDX-License-Identifier: BSD-2-Clause
"""What an operator does over the sockets, and who may."""
import json
import os
import resource
import signal
import socket
import subprocess
import time

from harness import BUILD, Refused, Skip, check, equal, ipm, user, wait_for
from test_mail import non_delivery, wait_report


def refused(what, *words):
    try:
        what()
    except Refused as e:
        for word in words:
            check(word in str(e), f"\"{word}\" in: {e}")
        return
    check(False, "it was not refused")


def waiting(w, n):
    """A with n messages that wait for B, which is down."""
    a, b = w.pair()
    a.start()
    ids = [a.submit(user(f"Receiver{k}", "BETA"), priority=("normal", "urgent", "non-urgent")[k % 3],
                    sender=user("Boss" if k == 0 else "Clerk")) for k in range(n)]
    return a, b, ids


def queue(a, action, **fields):
    return a.ask("queue", action=action, **fields)


def test_hold_and_release(w):
    a, b, ids = waiting(w, 4)
    equal(queue(a, "hold", ids=ids[:2]), {"found": 2, "done": 2}, "hold")
    b.start()
    b.wait_items(2)
    time.sleep(1.5)
    equal(len(b.items()), 2, "items while two are held")
    equal({m["id"]: m["held"] for m in a.queue()}, {ids[0]: True, ids[1]: True}, "the queue")
    a.kill()  # held messages stay held
    a.start()
    time.sleep(1)
    equal(len(b.items()), 2, "items after a restart")
    equal(queue(a, "release", all=True)["done"], 2, "release")
    b.wait_items(4)
    a.wait_empty()
    equal(len(a.events(20019)), 2, "events 20019")
    equal(a.events(20019)[0]["uid"], str(os.getuid()), "the operator's uid")


def test_retry(w):
    """`queue retry` and `peer connect` do not wait for the timers."""
    a, b = w.pair()
    a.peers["mta-b"].lines["open"] = "open retry 10 times every 10m"
    a.start()
    a.submit(user("Receiver", "BETA"))
    a.wait_event(301, peer="mta-b")
    equal(a.peer_status("mta-b")["state"], "waiting to retry", "the peer's state")
    b.start()
    time.sleep(1.2)
    equal(b.items(), [], "nothing moves before the timer")
    a.ask("peer", name="mta-b", action="connect")
    b.wait_items(1, 5)


def test_return(w):
    a, b, ids = waiting(w, 3)
    equal(queue(a, "return", ids=[ids[1]]), {"found": 1, "done": 1}, "return")
    non_delivery(a, ids[1], "unable-to-transfer", "unable-to-complete-transfer")
    a.wait_queue([ids[0], ids[2]])
    b.start()
    b.wait_items(2)
    equal(len(b.items()), 2, "items")


def test_delete(w):
    a, b, ids = waiting(w, 3)
    equal(queue(a, "delete", ids=[ids[0]]), {"found": 1, "done": 1}, "delete")
    wait_for("it is gone", 5, lambda: len(a.queue()) == 2)
    b.start()
    b.wait_items(2)
    a.wait_empty()
    equal(len(b.items()), 2, "items")
    equal(a.items(), [], "no report")
    equal(a.recipient_states(ids[0]), ["deleted"], "the message")


def test_selections(w):
    a, b, ids = waiting(w, 6)
    for fields, n in (({"all": True}, 6), ({"peer": "mta-b"}, 6), ({"peer": "mta-x"}, 0), ({"from": "boss"}, 1),
                      ({"to": "receiver3"}, 1), ({"priority": "urgent"}, 2), ({"older_s": 3600}, 0),
                      ({"ids": ids[:2], "priority": "urgent"}, 1)):
        equal(queue(a, "delete", count=True, **fields), {"found": n, "done": 0}, f"how many {fields} select")
    equal(len(a.queue()), 6, "counting deletes nothing")
    refused(lambda: queue(a, "delete"), "which messages")
    refused(lambda: queue(a, "burn", all=True), "action")
    equal(queue(a, "delete", priority="urgent"), {"found": 2, "done": 2}, "delete the urgent ones")
    wait_for("they are gone", 5, lambda: len(a.queue()) == 4)


def test_selections_have_a_length(w):
    """All of the queue is compared with a selection while others wait: it is refused when it is too long."""
    a = w.mta("MTA-A").start()
    for cmd, fields in (("queue", dict(action="retry")), ("show", dict(what="queue"))):
        for long in (dict(ids=list(range(1, 1002))), {"from": "x" * 1025}, dict(to="x" * 1025)):
            try:
                a.ask(cmd, **fields, **long)
                check(False, f"{cmd} {list(long)[0]} is refused")
            except Refused as e:
                check("at most" in str(e), str(e))
    equal(a.ask("queue", action="retry", ids=list(range(1, 1001)))["found"], 0, "as many as may be")


def test_peer_disable_and_enable(w):
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.submit(user("Receiver", "ALPHA"))
    b.wait_items(1), a.wait_items(1)
    a.ask("peer", name="mta-b", action="disable")
    wait_for("its associations end", 15, lambda: not a.ask("show", what="associations"))
    equal(a.peer_status("mta-b")["state"], "disabled", "the state")
    a.submit(user("Receiver", "BETA"))
    b.submit(user("Receiver", "ALPHA"))
    text = subprocess.run([os.path.join(BUILD, "bin", "x400"), "show", "queue", "-f", a.conf], capture_output=True,
                          text=True, timeout=20).stdout
    check("mta-b: the peer is disabled; what waits for it goes after: x400 peer mta-b enable\n" in text, text)
    b.wait_event(9318, step="bind")  # its calls are refused as busy
    check(not a.events(57), "that is not the limit")
    time.sleep(1)
    equal((len(a.items()), len(b.items())), (1, 1), "nothing passes either way")
    a.ask("peer", name="mta-b", action="enable")
    b.wait_items(2), a.wait_items(2)
    a.wait_empty(), b.wait_empty()


def test_peer_connect_and_disconnect(w):
    a, b = w.pair()
    a.start(), b.start()
    a.ask("peer", name="mta-b", action="connect")
    wait_for("an association without mail", 5, lambda: a.ask("show", what="associations"))
    one = a.ask("show", what="associations")[0]
    equal((one["peer"], one["direction"], one["messages"]), ("mta-b", "outgoing", 0), "it")
    a.ask("peer", name="mta-b", action="disconnect")
    wait_for("it is gone", 5, lambda: not a.ask("show", what="associations"))
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    refused(lambda: a.ask("peer", name="nobody", action="connect"), "no peer", "nobody")
    refused(lambda: a.ask("peer", name="mta-b", action="explode"), "action")


def test_disconnect_lets_a_transfer_end(w):
    a, b = w.pair()
    a.start(), b.start()
    id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(30_000_000)))
    wait_for("it is being sent", 10, lambda: any(x["sending"] for x in a.ask("show", what="associations")))
    a.ask("peer", name="mta-b", action="disconnect")
    b.wait_items(1)
    a.wait_empty()
    equal(a.recipient_states(id), ["transferred"], "the message")
    check(not a.events(20103) and not b.events(20206), "it was not broken off")


def test_idle_association_is_closed(w):
    a, b = w.pair()
    a.peers["mta-b"].lines["associations"] = "associations idle 1s"
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    wait_for("it is closed", 5, lambda: not a.ask("show", what="associations"))
    check(a.events(20102) and not a.events(1294) and not b.events(1294), "in order")


def test_associations_are_reused_and_added(w):
    a, b = w.pair()
    a.peers["mta-b"].lines["associations"] = "associations at most 4 urgent 1 another per 10 messages"
    a.start()
    for k in range(100):
        a.submit(user("Receiver", "BETA"), priority="urgent" if k > 95 else "normal")
    b.start()
    b.wait_items(100)
    up = len(a.events(20101, direction="outgoing"))
    check(2 <= up <= 4, f"{up} associations for 100 messages")
    transferred = a.events(20202)
    first = [e["priority"] for e in transferred[:20]]
    check(first.count("urgent") == 4, f"urgent messages go first: {first}")


def test_levels(w):
    """The status socket only looks, the submit socket also submits, the control socket does everything."""
    a, b, ids = waiting(w, 1)
    for level in ("status", "submit"):
        for cmd, fields in (("queue", {"action": "delete", "all": True}), ("peer", {"name": "mta-b", "action": "disable"}),
                            ("reload", {}), ("raw", {"message": 1})):
            refused(lambda: a.ask(cmd, level=level, **fields), "control socket")
        equal(a.ask("show", level=level, what="status")["mta"], "MTA-A", "looking")
    refused(lambda: a.ask("submit", level="status", kind="probe"), "submit socket")
    equal(len(a.queue()), 1, "the queue is untouched")
    equal(a.peer_status("mta-b")["state"] != "disabled", True, "the peer is not disabled")
    a.submit(user("Receiver"), level="control")
    equal(a.events(20019), [], "nothing was done")


def test_modes_of_the_sockets(w):
    a = w.mta("MTA-A")
    a.start()
    for level in ("control", "submit", "status"):
        equal(os.stat(a.socket_path(level)).st_mode & 0o777, 0o600, f"the mode of the {level} socket")
    a.stop()
    for level in ("control", "submit", "status"):
        check(not os.path.exists(a.socket_path(level)), f"the {level} socket is removed")
    a.start()
    a.kill()
    a.start()  # sockets that a killed daemon left are no obstacle


def test_show(w):
    """Everything that can be shown, with a message under way, finished and failed."""
    a, b = w.pair()
    a.start(), b.start()
    done = a.submit(user("Receiver", "BETA"), report="delivery")
    wait_report(a, done)
    failed = a.submit(user("Receiver", "NOWHERE"))
    wait_report(a, failed)
    a.wait_empty()
    m = a.message(failed)
    equal((m["recipients"][0]["reason"], m["recipients"][0]["diagnostic"]),
          ("unable-to-transfer", "unrecognised-OR-name"), "why it failed")
    check(m["finished"] > 0, "it is finished")
    status = a.ask("show", what="status")
    equal((status["associations"], status["messages"]), (2, 0), "associations and messages")
    routes = a.ask("show", what="route", address=user("Receiver", "BETA"))
    equal((routes[0]["to"], routes[0]["name"]), ("peer", "mta-b"), "the winning route")
    check(any(r["matched"] < 0 for r in routes), "what does not match is listed too")
    refused(lambda: a.ask("show", what="route", address="/C=GB/Q"), "character")
    refused(lambda: a.ask("show", what="weather"), "weather")
    events = a.ask("show", what="events")
    check({20001, 20201, 20202, 290} <= {e["id"] for e in events}, "the latest events")
    page = a.ask("message", limit=2)
    equal(len(page["messages"]), 2, "a page of messages")
    check(page["next"] > 0, "there are more")
    refused(lambda: a.ask("raw", message=10 ** 9), "no such message")


def test_raw(w):
    """The APDU as it is sent, of a message that waits: head in hexadecimal, a large content as a descriptor."""
    a, b, ids = waiting(w, 1)
    number = a.queue()[0]["message"]
    raw = a.ask("raw", message=number)
    octets = bytes.fromhex(raw["head"]) + bytes.fromhex(raw["content"])
    equal(octets[0], 0xA0, "the tag of a message")
    check(octets.endswith(ipm()), "the content is its end")


def test_deferred(w):
    a, b = w.pair()
    a.start(), b.start()
    at = int(time.time()) + 3
    a.submit(user("Receiver", "BETA"), deferred=at)
    queue(a, "retry", all=True)
    a.ask("peer", name="mta-b", action="connect")
    time.sleep(1)
    equal(b.items(), [], "not before its time, whatever is hastened")
    b.wait_items(1, 10)
    check(time.time() >= at, "after its time")


def test_other_users(w):
    """The mode of a socket decides: another user may look, and may not submit or operate."""
    if os.geteuid() != 0:
        raise Skip("becoming another user needs root")
    a = w.mta("MTA-A")
    os.chmod(w.dir, 0o755), os.chmod(a.dir, 0o755)
    a.modes["status"] = 666
    a.start()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([]), os.setgid(65534), os.setuid(65534)
            seen = a.ask("show", what="status")["mta"] == "MTA-A"
            for level in ("control", "submit"):
                try:
                    a.ask("show", level=level, what="status")
                    seen = False
                except PermissionError:
                    pass
            status = 0 if seen else 1
        finally:
            os._exit(status)
    equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0, "what the other user may do")


def stack_of(m):
    return m.ask("show", what="stacks")[0]


def test_stack_on_standby(w):
    """It is answered when the associations are gone; what waits waits, no call is tried; active undoes it."""
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA")), b.submit(user("Receiver", "ALPHA"))
    a.wait_items(1), b.wait_items(1)
    n = len(a.ask("show", what="associations"))
    done = a.ask("stack", name="net", action="standby")
    equal((done["state"], done["why"], done["released"], done["cut_off"]), ("standby", "by the operator", n, 0), "the answer")
    equal(a.ask("show", what="associations"), [], "associations")
    s = stack_of(a)
    equal((s["state"], s["listening"], s["by_operator"], s["here"]), ("standby", [], True, True), "the stack")
    equal(a.ask("stack", name="net", action="standby")["released"], 0, "once more")
    a.submit(user("Receiver", "BETA"))
    p = wait_for("the peer waits for a stack", 10,
                 lambda: (lambda p: p if p["state"] == "standby" and p["waiting"] == 1 else None)(a.peer_status("mta-b")))
    check("net" in p["why"] and "by the operator" in p["why"], f"why: {p['why']}")
    b.submit(user("Receiver", "ALPHA"))
    b.wait_event(9318, step="connect")
    check(not a.events(9318, 289), "A did not call")
    done = a.ask("stack", name="net", action="active")
    equal((done["state"], done["why"]), ("active", None), "the answer")
    a.wait_items(2), b.wait_items(2)
    equal([e["what"] for e in a.events(20019)], ["stack net standby"] * 2 + ["stack net active"], "events of the commands")
    refused(lambda: a.ask("stack", name="nett", action="standby"), "nett", "there is: net")
    refused(lambda: a.ask("stack", name="net", action="down"), "active or standby")
    refused(lambda: a.ask("stack", name="net"), "active or standby")
    refused(lambda: a.ask("stack", level="submit", name="net", action="standby"), "control socket")


def test_stack_on_standby_in_a_transfer(w):
    """A transfer under way may end; one that hangs is cut off after a while, and that is told."""
    a, b = w.pair()
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    b.process.send_signal(signal.SIGSTOP)
    id = a.submit(user("Receiver", "BETA"), ipm(octets=bytes(20 << 20)))
    wait_for("it is being sent", 20, lambda: any(x["sending"] == id for x in a.ask("show", what="associations")))
    begun = time.monotonic()
    done = a.ask("stack", name="net", action="standby", timeout=60)
    took = time.monotonic() - begun
    equal((done["released"], done["cut_off"]), (0, 1), "the answer")
    check(took < 18, f"it was answered after {took:.1f} s")
    b.process.send_signal(signal.SIGCONT)
    a.ask("stack", name="net", action="active")
    b.wait_items(2, 60)
    return f"answered after {took:.1f} s"


def test_last_calls_are_shown(w):
    a, b = w.pair()
    a.start()
    a.submit(user("Receiver", "BETA"))
    a.wait_event(289)
    out = stack_of(a)["last_out"]
    equal((out["peer"], out["remote"]), ("mta-b", f"{b.host}:{w.port}"), "the call that failed")
    check("connect" in out["result"] and "refused" in out["result"], f"its result: {out['result']}")
    b.start()
    b.wait_items(1)
    out, came = stack_of(a)["last_out"], stack_of(b)["last_in"]
    equal((out["peer"], came["peer"], came["local"]), ("mta-b", "mta-a", f"{b.host}:{w.port}"), "the call that came through")
    check(out["local"] == came["remote"], f"{out} {came}")
    works = a.peer_status("mta-b")["works"]
    equal((works["stack"], works["remote"]), ("net", f"{b.host}:{w.port}"), "the pair that worked")
    equal(stack_of(b)["last_out"], None, "B did not call")


def test_bind_back_is_shown(w):
    a, b = w.pair()
    for m, other in ((a, "mta-b"), (b, "mta-a")):
        m.stack_lines.append(f"bind-back to {m.host}")
        m.peers[other].lines["back"] = "bind-back required"
    a.peers["mta-b"].calls = True
    a.start(), b.start()
    equal(stack_of(a)["bind_back"], f"TCP:{a.host}:{w.port}", "what A declares")
    equal(b.peer_status("mta-a")["bind_back"], {"mode": "required", "order": ["declared", "configured", "source"],
                                                "last": None}, "before")
    a.submit(user("Receiver", "BETA"))
    b.wait_items(1)
    last = b.peer_status("mta-a")["bind_back"]["last"]
    check(last["ok"] and f"up to {a.host}:{w.port} (declared) over stack net" == last["result"], f"the last: {last}")


def no_more_descriptors(m):
    """None is free from now on; what it was before."""
    before = resource.prlimit(m.pid, resource.RLIMIT_NOFILE)
    used = 1 + max(int(n) for n in os.listdir(f"/proc/{m.pid}/fd"))
    return resource.prlimit(m.pid, resource.RLIMIT_NOFILE, (used, before[1]))


def in_the_log(m, id, **fields):
    """As wait_event, of a daemon that may not be able to answer."""
    def found():
        lines = [json.loads(line) for line in m.log_octets().decode().splitlines() if line.startswith("{")]
        return [e for e in lines if e["id"] == id and all(e.get(k) == v for k, v in fields.items())]
    return wait_for(f"event {id}", 20, found)


def test_out_of_descriptors(w):
    """Calls and callers that find no descriptor are told of as what they are, and mail flows when there are some again."""
    a, b = w.pair()
    a.start()
    a.submit(user("Receiver", "BETA"))
    a.wait_event(301)
    before = no_more_descriptors(a)
    held = []
    try:
        for _ in range(300):  # whatever was free below the highest
            held.append(socket.create_connection((a.host, w.port), 5))
            if len(a.log_octets().split(b'"id":9202')) > 1:
                break
            time.sleep(0.01)
        e = in_the_log(a, 9202)[0]
        equal((e["stack"], "Too many open files" in e["what"]), ("net", True), f"event 9202: {e}")
        e = in_the_log(a, 9156, peer="mta-b")[0]
        check("Too many open files" in e["what"], f"event 9156: {e}")
    finally:
        for s in held:
            s.close()
        resource.prlimit(a.pid, resource.RLIMIT_NOFILE, before)
    b.start()
    b.wait_items(1)
    a.wait_empty()
