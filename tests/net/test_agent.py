# SPDX-License-Identifier: BSD-2-Clause
"""The resource agent with real daemons: two nodes with one spool and one virtual address, and a peer whose packet filter
knows only that. The test plays the cluster engine: address, then agent; agent, then address."""
import os
import signal
import time

from harness import check, equal, user, wait_for
from nodes import NOT_RUNNING, SUCCESS, AgentCluster
from world import exchange


def moved(w, v6):
    c = AgentCluster(w, v6)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b, 3)
    at = time.monotonic()
    c.down(one)
    for _ in range(5):  # what comes meanwhile waits
        c.b.submit(user("Receiver", c.a.prmd))
    c.up(two)
    took = time.monotonic() - at
    c.a.wait_items(8, 60)
    exchange(c.a, c.b, 3)
    equal(len(c.a.items()), 11, "delivered on A, each once")
    c.check_packets()
    return f"away for {took:.1f} s"


def test_planned_move_v4(w):
    return moved(w, False)


def test_planned_move_v6(w):
    return moved(w, True)


def test_a_killed_node(w):
    c = AgentCluster(w)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b, 2)
    ids = [c.a.submit(user("Receiver", c.b.prmd)) for _ in range(20)]
    os.kill(c.pids(one)[0], signal.SIGKILL)
    at = time.monotonic()
    equal(c.agent(one, "monitor"), NOT_RUNNING, "monitor of what was killed")
    one.lose(c.virtual)
    c.up(two)
    c.b.submit(user("Receiver", c.a.prmd))
    c.a.wait_items(3, 60)
    took = time.monotonic() - at
    c.b.wait_items(2 + len(ids), 60)
    c.a.wait_empty(60)
    equal(len(c.b.items()), 2 + len(ids), "delivered on B, each once")
    c.check_packets()
    return f"first message after {took:.1f} s"


def test_the_second_node_waits_for_the_spool(w):
    c = AgentCluster(w)
    one, two = c.nodes
    c.b.start()
    c.up(one)
    exchange(c.a, c.b)
    equal(c.agent(two, "start", 8), 1, "a start while the other has the spool")
    check(len(c.pids(two)) == 1, "it waits")
    c.a.wait_event(20014)
    equal(c.agent(two, "monitor"), SUCCESS, "monitor of what waits: it runs and answers")
    exchange(c.a, c.b)
    c.down(one)
    c.on(two)
    wait_for("the second node has it", 20, lambda: c.a.ask("show", what="status")["serving"])
    two.take(c.virtual)
    exchange(c.a, c.b, 1, 90)  # it listens when it tries again
    c.check_packets()
