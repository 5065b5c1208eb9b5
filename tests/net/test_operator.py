# SPDX-License-Identifier: BSD-2-Clause
"""What the operator sees of stacks, peers and names, and the command `stack`: C2 and C8 of docs/addresses.md."""
import json
import os
import subprocess
import time

from harness import BUILD, check, equal, user, wait_for
from world import Stack, exchange

NAME = "mta-b.example.net"


def x400(m, *words, level="status"):
    """The exit status and the text of the operator's command."""
    done = subprocess.run([os.path.join(BUILD, "bin", "x400"), *words, "--" + level, m.socket_path(level)],
                          capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return done.returncode, done.stdout + done.stderr


def page(m, what, *words):
    """A page for people; it fits 100 columns."""
    status, text = x400(m, "show", what, *words)
    equal(status, 0, text)
    for line in text.split("\n"):
        check(len(line) <= 100, f"{len(line)} columns: {line}")
    return " ".join(text.split())  # where a line is broken does not count


def shown(m, what, name):
    status, text = x400(m, "show", what, name, "--json")
    equal(status, 0, text)
    return json.loads(text)[0]


def agents_view(m, name):
    """The state of a stack as the resource agent reads it from `show stacks --json`."""
    script = r"""tr -d '\n' | sed 's/}[[:space:]]*,[[:space:]]*{/}\n{/g' |
        sed -n "/\"name\": *\"NAME\"/s/.*\"state\": *\"\\([a-z -]*\\)\".*/\\1/p" | head -n 1""".replace("NAME", name)
    return subprocess.run(["sh", "-c", script], input=x400(m, "show", "stacks", "--json")[1], capture_output=True,
                          text=True).stdout.strip()


def test_names(w):
    """By which source, until when, and that it is stale; in both pages and both forms."""
    lan = w.network()
    left, right, names = w.host("left", lan), w.host("right", lan), w.host("names", lan)
    a, b = w.mta_on(left, "MTA-A", "0.0.0.0"), w.mta_on(right, "MTA-B")
    to_b, to_a = w.link(a, b)
    to_a.calls = False
    to_b.connects, to_b.accept, to_b.via = [NAME], f"{NAME}, 192.0.2.0/24", ["net", "named"]
    a.stacks.append(Stack("named", "left.example.net", port=1102))
    left.resolves_with(names.v4())
    left.knows({"left.example.net": [left.v4()]})
    server = w.name_server(names, {"mta-b": [right.v4()]}, ttl=2)
    a.start(), b.start()
    a.submit(user("Receiver", b.prmd))
    b.wait_items(1)

    def both(p):
        return [p["endpoints"][0], p["accept_from"]["names"][0]]
    for n in both(shown(a, "peers", "mta-b")):
        equal((n["host"], n["addresses"], n["source"], n["stale"], n["error"]), (NAME, [right.v4()], "DNS", False, None), "name")
        check(n["expires"] / 1000 > time.time() - 5, f"expires {n['expires']}")
    text = page(a, "peers")
    for part in (f"{NAME}:102: {right.v4()} (DNS,", "accept from 192.0.2.0/24", f"{NAME}: {right.v4()} (DNS,",
                 "via net: active named: active", f"tried first {right.v4()}:102 over net"):
        check(part in text, f"\"{part}\" in {text}")

    s = shown(a, "stacks", "named")
    n = s["names"][0]
    equal((n["host"], n["addresses"], n["source"], n["expires"]), ("left.example.net", [left.v4()], "hosts file", 0), "hosts")
    equal((s["listening"], s["source"]["v4"]), ([f"{left.v4()}:1102"], left.v4()), "where it listens, and calls from")
    text = page(a, "stacks", "named")
    check(f"left.example.net: {left.v4()} (hosts file, until a file changes)" in text, text)

    server.silent()
    wait_for("it is stale", 60, lambda: all(n["stale"] for n in both(shown(a, "peers", "mta-b"))), 0.5)
    text = page(a, "peers")
    check(f"{right.v4()} (DNS, stale: no name server" in text, text)


def test_standby_and_active(w):
    """Without its address, with it, by the operator's word, and again; what each page says meanwhile."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100)
    a, b = w.mta_on(left, "MTA-A", virtual), w.mta_on(right, "MTA-B")
    w.link(a, b)
    a.stacks = [Stack("cluster", virtual, "virtual")]
    a.start(), b.start()

    def state():
        return shown(a, "stacks", "cluster")["state"]
    wait_for("standby", 10, lambda: state() == "standby")
    s = shown(a, "stacks", "cluster")
    equal((s["why"], s["here"], s["listening"], s["by_operator"]), (f"{virtual} is not on this machine", False, [], False),
          "why it is on standby")
    text = page(a, "stacks")
    check("cluster standby since" in text and f"why {virtual} is not on this machine" in text and "(virtual)" in text, text)
    equal(agents_view(a, "cluster"), "standby", "what the resource agent reads")
    status, text = x400(a, "stack", "cluster", "active", level="control")
    equal((status, text), (0, f"stack cluster is on standby: {virtual} is not on this machine; it becomes active as soon as "
                              "it can\n"), "active without the address")
    a.submit(user("Receiver", b.prmd))
    p = wait_for("the peer waits", 10, lambda: (lambda p: p if p["state"] == "standby" else None)(shown(a, "peers", "mta-b")))
    check("cluster" in p["why"] and virtual in p["why"], f"why: {p['why']}")
    equal(p["via"], [{"stack": "cluster", "state": "standby", "why": s["why"]}], "via")
    status, text = x400(a, "peer", "mta-b", "connect", level="control")
    equal((status, text), (1, "x400 peer: peer mta-b is not called, none of its stacks can call: stack cluster: standby "
                              f"({virtual} is not on this machine)\n"), "calling it by hand")
    check(f"cluster: standby: {virtual} is not on this machine" in page(a, "peers"), "the page of peers")
    equal(a.events(9318) + a.events(289), [], "calls that failed")

    left.take(virtual)
    wait_for("active", 10, lambda: state() == "active")
    b.wait_items(1)
    a.wait_empty()
    exchange(a, b)
    s = shown(a, "stacks", "cluster")
    equal((s["listening"], s["source"]["v4"], s["why"]), ([f"{virtual}:102"], virtual, None), "active")
    out, came = s["last_out"], s["last_in"]
    equal((out["peer"], out["remote"], came["peer"], came["local"]), ("mta-b", f"{right.v4()}:102", "mta-b",
                                                                      f"{virtual}:102"), "last calls")
    check(out["local"].startswith(virtual + ":") and came["remote"].startswith(right.v4() + ":"), f"{out} {came}")
    text = page(a, "stacks")
    check(f"to mta-b ({right.v4()}:102) from {virtual}:" in text and "never" not in text, text)
    equal(agents_view(a, "cluster"), "active", "what the resource agent reads")

    text = page(a, "associations")
    check(f"{virtual}:102 from {right.v4()}:" in text or f" to {right.v4()}:102; mode normal, checkpoint 30K" in text, text)
    up = [l for l in a.ask("show", what="associations") if l["stack"] == "cluster"]
    status, text = x400(a, "stack", "cluster", "standby", level="control")
    equal(status, 0, text)
    n = len(up)
    check(f"{n} association{' was' if n == 1 else 's were'} released" in text, f"{text} of {up}")
    equal((a.ask("show", what="associations"), state()), ([], "standby"), "afterwards")
    s = shown(a, "stacks", "cluster")
    equal((s["why"], s["by_operator"], s["here"]), ("by the operator", True, True), "why")
    equal(a.events(1294), [], "what was cut off")
    check(f"stack cluster standby" in a.events(20019)[-1]["what"], "the event of the command")
    a.submit(user("Receiver", b.prmd))
    time.sleep(1)
    equal(len(b.items()), 2, "what came while it is on standby")
    status, text = x400(a, "stack", "cluster", "active", level="control")
    equal((status, text), (0, "stack cluster is active\n"), "active again")
    b.wait_items(3)
    equal([len(a.events(k)) for k in (20021, 20022)], [2, 2], "events of standby and active")

    status, text = x400(a, "stack", "none", "standby", level="control")
    equal((status, text), (1, 'x400 stack: there is no stack "none"; there is: cluster\n'), "an unknown stack")
    status, text = x400(a, "stack", "cluster", "standby", level="status")
    equal(status, 2, "the status socket is not for commands")


def test_events_of_one_stack(w):
    """The daemon lists its last events, of one stack or peer, as lines of JSON too."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    virtual = lan.address(100)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    to_b, _ = w.link(a, b)
    to_b.via = ["cluster", "net"]
    a.stacks = [Stack("cluster", virtual, "virtual"), Stack("net", left.v4())]
    a.start(), b.start()
    a.wait_event(20021)
    exchange(a, b)
    status, text = x400(a, "show", "events", "--stack", "cluster", "--json")
    found = [json.loads(line) for line in text.split("\n") if line]
    equal((status, found[0]["id"], {e["stack"] for e in found}), (0, 20021, {"cluster"}), "events of the stack")
    status, text = x400(a, "show", "events", "--peer", "mta-b", "--id", "20101", "--json")
    found = [json.loads(line) for line in text.split("\n") if line]
    check(found and all((e["id"], e["peer"], e["stack"]) == (20101, "mta-b", "net") for e in found), text)
    status, text = x400(a, "show", "events", "--after", str(found[-1]["seq"]), "--id", "20101")
    equal((status, text), (0, ""), "none behind the last")


def test_no_stack_can_call(w):
    """Each stack of the peer lacks its address: what is said of each is why, and a stack that only calls is failed, too."""
    lan = w.network()
    left, right = w.host("left", lan), w.host("right", lan)
    a, b = w.mta_on(left, "MTA-A"), w.mta_on(right, "MTA-B")
    to_b, _ = w.link(a, b)
    to_b.connects, to_b.via = [NAME], ["listens", "calls"]
    left.knows({NAME: [right.v4()]})
    a.stacks = [Stack("listens", "10.99.1.1"), Stack("calls", None, f"source {lan.address(100)}")]
    a.start(), b.start()
    s = shown(a, "stacks", "calls")
    equal((s["state"], s["why"]), ("failed", f"{lan.address(100)} is not on this machine"), "a stack that only calls")
    a.submit(user("Receiver", b.prmd))
    e = a.wait_event(9318)[0]
    equal((e["step"], e["remote"], e["stack"]), ("resolve", NAME, "listens, calls"), "the failed call")
    equal(e["what"], 'no stack can make this call: stack "listens": `listen on` of the stack: 10.99.1.1 is not on this '
          f'machine; stack "calls": `source` of the stack: {lan.address(100)} is not on this machine', "why")
    equal([e["stack"] for e in a.events(9321)], ["listens"], "one that does not listen does not fail to")
    left.take(lan.address(100))
    b.wait_items(1)
    equal(shown(a, "stacks", "calls")["state"], "active", "its address came")
