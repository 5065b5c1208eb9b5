# SPDX-License-Identifier: BSD-2-Clause
"""Who may call: `accept from` with names, binds without credentials, and what event 9301 says. C4 of docs/addresses.md."""
import os
import socket
import subprocess
import time

from harness import BUILD, check, equal, user, wait_for
from world import Stack, exchange

X400 = os.path.join(BUILD, "bin", "x400")


class Called:
    """MTA-B, called by hosts of its network with `x400 ping`; a host of its own has the name server."""

    def __init__(self, w, accept=None, records=None, **options):
        self.w, self.lan = w, w.network()
        self.left, right, self.names = (w.host(n, self.lan) for n in ("left", "right", "names"))
        self.b, a = w.mta_on(right, "MTA-B"), w.mta_on(self.left, "MTA-A")
        self.a = a
        self.b.stacks.append(Stack("net6", right.v6()))
        self.to_b, self.peer = w.link(a, self.b)
        self.peer.calls, self.peer.accept = False, accept
        self.peer.lines["via"] = 'via "net", "net6"'
        self.server = w.name_server(self.names, records, **options) if records is not None else None
        right.resolves_with(self.names.v4())

    def bound(self, source, *options, host=None, name="MTA-A", v6=None):
        """Whether a call from that address binds."""
        v6 = ":" in source if v6 is None else v6
        secret = os.path.join(self.w.dir, "ping.secret")
        with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(self.peer.password_in + "\n")
        to = f"[{self.b.machine.v6()}]:102" if v6 else f"{self.b.machine.v4()}:102"
        credentials = ["--local-name", name, "--local-password-file", secret] if name else ["--no-credentials"]
        out = (host or self.left).run(X400, "ping", to, "--called-tsel", "MTA", *credentials, *options, "--source", source,
                                      fails=True, seconds=60)
        check("bind" in out, f"it came as far as the bind: {out}")
        return "refused the bind" not in out and "failed at" not in out

    def refusal(self, source):
        """The event of a refused call, which has every field that it must have."""
        e = self.b.wait_event(9301, remote=source)[-1]
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        equal(e["hex"], socket.inet_pton(family, source).hex().upper(), "the address as the old system had it")
        equal(e["stack"], "net6" if ":" in source else "net", "the stack")
        check(f"the caller {source} " in e["text"] and e["what"] in e["text"], e["text"])
        return e["what"]

    def mine(self, n):
        """A further address of the calling host."""
        address = self.lan.address(n)
        self.left.take(address)
        return address


def test_a_peer_with_two_addresses(w):
    """Only one of them is listed: half of its calls are refused, and the event says which address is missing."""
    c = Called(w)
    one, two = c.left.v4(), c.mine(51)
    c.peer.accept = one
    c.b.start()
    equal([c.bound(one), c.bound(two)], [True, False], "with one of them listed")
    what = c.refusal(two)
    equal(what, f"name and password are those of peer mta-a, but its `accept from` does not list {two}: it lists {one}",
          "what differed")
    c.peer.accept = f"{one}, {two}"
    c.b.write(), c.b.ask("reload")
    equal([c.bound(one), c.bound(two)], [True, True], "with both")
    equal(len(c.b.events(9301)), 1, "refusals")


def test_a_name_with_a_and_aaaa(w):
    """One name, two A and one AAAA: calls from each of them come in, and from another address none."""
    c = Called(w, "mta-a.example.net", {})
    others = [c.mine(51), c.mine(52)]
    c.server.set({"mta-a": [c.left.v4(), others[0], c.left.v6()]})
    c.b.start()
    equal([c.bound(x) for x in (c.left.v4(), others[0], c.left.v6(), others[1])], [True, True, True, False], "who came in")
    what = c.refusal(others[1])
    for a in (c.left.v4(), others[0], c.left.v6()):
        check(a in what, f"the event says what the name leads to: {what}")
    check("it lists mta-a.example.net (now " in what, what)


def test_mail_both_ways_by_name(w):
    c = Called(w, "mta-a.example.net", {})
    c.server.set({"mta-a": [c.left.v4()], "mta-b": [c.b.machine.v4()]})
    c.left.resolves_with(c.names.v4())
    c.to_b.accept, c.to_b.connects, c.peer.calls = "mta-b.example.net", ["mta-b.example.net"], True
    c.peer.connects = ["mta-a.example.net"]
    c.a.start(), c.b.start()
    exchange(c.a, c.b, 10)
    equal(c.a.events(9301) + c.b.events(9301), [], "refusals")


def test_a_name_that_changes_while_an_association_is_up(w):
    """TTL 1: the new address may call, the old one no more; what is up stays up."""
    c = Called(w, "mta-a.example.net", {})
    old, new = c.left.v4(), c.mine(51)
    c.server.set({"mta-a": [old]})
    c.to_b.lines["associations"] = "associations idle 600s lifetime 3600s"
    c.a.start(), c.b.start()
    c.a.submit(user("Receiver", "BETA"))
    c.b.wait_items(1)
    equal(c.bound(new), False, "the new address before")
    c.server.set({"mta-a": [new]})
    at = time.monotonic()
    wait_for("the new address may call", 20, lambda: c.bound(new), 0.3)
    took = time.monotonic() - at
    equal(c.bound(old), False, "the old address")
    check(f"mta-a.example.net (now {new})" in c.refusal(old), c.refusal(old))
    c.a.submit(user("Receiver", "BETA"))  # over the association that is there
    c.b.wait_items(2)
    equal(c.a.peer_status("mta-b")["outgoing"], 1, "associations")
    equal(c.a.events(9318), [], "failed calls")
    return f"followed after {took:.1f} s"


def test_a_translated_source(w):
    """A router translates the caller's address: the event names the router's, and with that listed the call comes in."""
    c = Called(w)
    inner = w.network("inner")
    router, behind = w.host("router", c.lan, inner), w.host("behind", inner)
    router.sysctl("net/ipv4/ip_forward", 1)
    behind.run("ip", "route", "add", "default", "via", router.v4(inner))
    router.run("nft", "-f", "-", stdin=f"""
        table ip nat {{
            chain post {{
                type nat hook postrouting priority 100
                oifname "{c.lan.name}" masquerade
            }}
        }}""")
    c.peer.accept = behind.v4()
    c.b.start()
    equal(c.bound(behind.v4(), host=behind), False, "the address is another on the way")
    what = c.refusal(router.v4())
    check(f"does not list {router.v4()}: it lists {behind.v4()}" in what, what)
    c.peer.accept = router.v4()
    c.b.write(), c.b.ask("reload")
    equal(c.bound(behind.v4(), host=behind), True, "with the router's address listed")


def test_a_name_that_does_not_resolve(w):
    """It lets nobody in, the event says why; other addresses and other peers do not suffer."""
    c = Called(w, "mta-x.example.net", {})
    c.b.start()
    equal(c.bound(c.left.v4()), False, "the call")
    check("it lists mta-x.example.net (there is no such name" in c.refusal(c.left.v4()), c.refusal(c.left.v4()))
    c.peer.accept = f"mta-x.example.net, {c.left.v4()}"
    c.b.write(), c.b.ask("reload")
    equal(c.bound(c.left.v4()), True, "with an address beside it")
    c.server.set({"mta-x": [c.mine(51)]})
    wait_for("the name is there", 30, lambda: c.bound(c.lan.address(51)), 0.5)


def test_a_bind_before_the_name_is_resolved(w):
    """The name server is silent when the daemon starts. The bind waits, and comes in when the server answers; another one,
    of a listed address, does not wait."""
    c = Called(w, "mta-a.example.net", {})
    other = c.mine(51)
    c.peer.accept = f"mta-a.example.net, {other}"
    c.server.set({"mta-a": [c.left.v4()]})
    c.server.silent()
    c.b.start()
    at = time.monotonic()
    waiting = c.left.popen("sh", "-c", f"sleep 2; kill -CONT {c.server.process.pid}")
    equal(c.bound(other), True, "the one that needs no name")
    check(time.monotonic() - at < 2, f"it did not wait: {time.monotonic() - at:.1f} s")
    equal(c.bound(c.left.v4()), True, "the one that waits")
    took = time.monotonic() - at
    waiting.wait()
    check(took > 1.5, f"it waited: {took:.1f} s")
    equal(c.b.events(9301), [], "refusals")
    return f"bound after {took:.1f} s"


def test_a_bind_while_no_server_answers(w):
    """Decided within the time of a lookup, with the reason; the servers' silence is no way in."""
    c = Called(w, "mta-a.example.net", {})
    c.server.silent()
    c.b.start()
    at = time.monotonic()
    equal(c.bound(c.left.v4()), False, "the call")
    took = time.monotonic() - at
    check(took < 14, f"decided after {took:.1f} s")
    check("(no name server gives an answer" in c.refusal(c.left.v4()), c.refusal(c.left.v4()))
    c.server.silent(False)
    c.server.set({"mta-a": [c.left.v4()]})
    wait_for("the name is there", 40, lambda: c.bound(c.left.v4()), 0.5)
    return f"decided after {took:.1f} s"


def test_a_reload_decides_a_bind_that_waits(w):
    """The operator lists the address while the name server is silent."""
    c = Called(w, "mta-a.example.net", {})
    c.server.silent()
    c.b.start()
    at = time.monotonic()
    secret = c.b.secret("ping.secret", c.peer.password_in)
    ping = c.left.popen(X400, "ping", f"{c.b.machine.v4()}:102", "--called-tsel", "MTA", "--local-name", "MTA-A",
                        "--local-password-file", secret, stdout=subprocess.DEVNULL)
    wait_for("it is connected", 10, lambda: established(c.b.machine))
    c.peer.accept = c.left.v4()
    c.b.write(), c.b.ask("reload")
    equal(ping.wait(20), 0, "the call")
    check(time.monotonic() - at < 3.5, f"at once: {time.monotonic() - at:.1f} s")
    equal(c.b.events(9301), [], "refusals")


def established(host):
    return host.run("ss", "-Hnt", "state", "established", "sport = :102").splitlines()


def test_a_caller_that_goes_away_while_its_bind_waits(w):
    """And a daemon that stops meanwhile: nothing is left, nothing crashes."""
    c = Called(w, "mta-a.example.net", {})
    c.server.silent()
    c.b.start()
    c.peer.lines["open bind"] = "accept without credentials"
    c.peer.lines["via"] = 'via "net"'
    c.b.write(), c.b.ask("reload")

    def ping(seconds):
        return c.left.popen(X400, "ping", f"{c.b.machine.v4()}:102", "--called-tsel", "MTA", "--no-credentials", "--timeout",
                            str(seconds), stdout=subprocess.DEVNULL)
    equal(ping(1).wait(20), 1, "the caller that did not wait")
    e = c.b.wait_event(20104, 10)[0]
    equal((e["remote"], e["step"]), (c.left.v4(), "rtse"), "its end is told")
    calls = [ping(20) for _ in range(3)]
    wait_for("they are connected", 10, lambda: len(established(c.b.machine)) == len(calls))
    c.b.stop(20)
    equal([p.wait(20) for p in calls], [1, 1, 1], "the callers that waited")


def test_without_credentials(w):
    """Known by address and by the stack that it calls: from the wrong address, over the wrong stack, it is refused, and the
    event says which of them differed."""
    c = Called(w, "gw.example.net", {})
    stranger = c.mine(51)
    c.server.set({"gw": [c.left.v4(), c.left.v6()]})
    c.peer.lines["open bind"] = "accept without credentials"
    c.peer.lines["via"] = 'via "net"'
    c.b.start()
    equal(c.bound(c.left.v4(), name=None), True, "the gateway")
    equal(c.bound(stranger, name=None), False, "another address")
    what = c.refusal(stranger)
    check(what.startswith("the bind has no credentials; peer mta-a may bind so, but its `accept from` does not list "
                          f"{stranger}: it lists gw.example.net (now "), what)
    equal(c.bound(c.left.v6(), name=None), False, "the other stack")
    what = c.refusal(c.left.v6())
    check("peer mta-a may bind so and has this address, but its `via` does not have the stack net6" in what, what)
    check(not c.b.events(51), "51 is for names, passwords and selectors")
    equal(c.bound(c.left.v4(), "--calling-tsel", "OTHER", name=None), False, "another calling selector")
    e = c.b.wait_event(51)[0]
    equal((e.get("name"), e["remote"], e["stack"]), (None, c.left.v4(), "net"), f"event 51: {e}")
    check("the tsel that it calls from is not that of `called`" in c.refusal(c.left.v4()), c.refusal(c.left.v4()))


def test_one_host_with_many_addresses(w):
    """Who has a whole /64 takes no more of the callers that may wait than who has one address; others come in."""
    c = Called(w, None, {})
    c.b.stacks[1].lines.append("callers at most 40 per address 5")
    c.b.start()
    net = c.left.v6().rsplit(":", 1)[0]
    for k in range(100, 120):
        c.left.run("ip", "addr", "add", f"{net}:{k}/64", "dev", c.left.where(c.left.v6()), "nodad")
    there = c.left.popen("python3", "-c", f"""if True:
        import socket, time
        all = []
        for k in range(100, 120):
            s = socket.socket(socket.AF_INET6)
            s.bind((f'{net}:{{k}}', 0))
            s.connect(('{c.b.machine.v6()}', 102))
            all.append(s)
        open = 0
        for s in all:
            s.settimeout(1)
            try:
                s.recv(1)
            except socket.timeout:
                open += 1
        print(open, flush=True)
        time.sleep(60)""", stdout=subprocess.PIPE, text=True)
    equal(int(there.stdout.readline()), 5, "callers of one /64 that are listened to")
    check("too many callers have not bound yet" in c.b.wait_event(20104)[0]["text"], "the event")
    equal(c.bound(c.left.v4()), True, "who calls over IPv4")
    there.kill()
    there.wait(10)
    equal(c.bound(c.left.v6()), True, "when they are gone")
