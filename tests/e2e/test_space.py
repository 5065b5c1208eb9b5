# SPDX-License-Identifier: BSD-2-Clause
"""Free space below its reserve: nothing new is taken, what is there goes on; above it everything resumes."""
import os
import shutil
import subprocess

from harness import Refused, Skip, check, equal, ipm, user, wait_for

MB = 1 << 20


def mount(w, path, size):
    if os.geteuid() != 0:
        raise Skip("mounting a small file system needs root")
    os.makedirs(path)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True).returncode:
        raise Skip("a tmpfs cannot be mounted here")
    w.closers.append(lambda: subprocess.run(["umount", "-l", path], check=True))


def fill(path, leave):
    """A file that leaves so many octets free."""
    free = shutil.disk_usage(path).free
    with open(os.path.join(path, "filler"), "wb") as f:
        for _ in range((free - leave) // MB):
            f.write(bytes(MB))


def refused(mta, **fields):
    try:
        mta.submit(user("Receiver", "GAMMA"), **fields)
    except Refused as e:
        check("try again later" in str(e), f"the refusal says what to do: {e}")
        return True
    return False


def test_reserve(w):
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(b, c)
    a.route("GAMMA", "mta-b")
    mount(w, b.spool, "100m")
    b.mta_lines["reserve"] = "reserve 0% at least 40M"
    a.start(), b.start()
    for k in range(5):  # in the spool of B, waiting for C
        a.submit(user("Receiver", "GAMMA"), ipm(octets=bytes(200_000)))
    b.submit(user("Local", "BETA"), ipm("local"))
    wait_for("five messages wait on B", 10, lambda: len(b.queue()) == 5)
    local = len(b.wait_items(1))
    b.ask("peer", name="mta-c", action="disable")
    fill(b.spool, 30 * MB)
    b.wait_event(20017, 10)
    check(b.ask("show", what="status")["no_space"], "the status says so")

    # nothing new is taken: neither from a user, nor from a peer, of any size
    check(refused(b), "a submission is refused")
    check(refused(b, kind="probe"), "so is a probe")
    id = a.submit(user("Receiver", "BETA"))
    a.wait_event(20103, peer="mta-b", mts_id=id)
    b.wait_event(20105, peer="mta-a")
    equal(len(b.items()), local, "nothing new was delivered")

    # what is there goes on
    c.start()
    b.ask("peer", name="mta-c", action="enable")
    c.wait_items(5)
    wait_for("B has sent all", 10, lambda: not b.queue())
    wait_for("contents are deleted", 10, lambda: not os.listdir(os.path.join(b.spool, "content")))

    # above the reserve it resumes by itself
    os.remove(os.path.join(b.spool, "filler"))
    b.wait_event(20018, 10)
    b.wait_items(local + 1, 20)
    a.wait_empty()
    check(not refused(b), "a submission is taken again")
    equal((len(b.events(20017)), len(b.events(20018))), (1, 1), "events of the low and the good time")
    equal(a.recipient_states(id), ["transferred"], "what waited was transferred, not returned")


def test_full_disk(w):
    """Even a disk that is full to the last octet loses nothing that was acknowledged, and heals."""
    a, b = w.pair()
    c = w.mta("MTA-C")
    w.link(b, c)
    a.route("GAMMA", "mta-b")
    mount(w, b.spool, "64m")
    b.mta_lines["reserve"] = "reserve 0% at least 1M"
    a.start(), b.start()
    ids = [a.submit(user("Receiver", "GAMMA"), ipm(octets=bytes(200_000))) for _ in range(3)]
    wait_for("three messages wait on B", 10, lambda: len(b.queue()) == 3)
    b.ask("peer", name="mta-c", action="disable")
    fill(b.spool, 0)
    with open(os.path.join(b.spool, "filler"), "ab", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    ids.append(a.submit(user("Receiver", "GAMMA"), ipm(octets=bytes(200_000))))
    c.start()
    b.ask("peer", name="mta-c", action="enable")
    c.wait_items(3, 30)
    os.remove(os.path.join(b.spool, "filler"))
    c.wait_items(4, 40)
    a.wait_empty(), b.wait_empty()
    equal(sorted(a.recipient_states(i)[0] for i in ids), ["transferred"] * 4, "all were transferred")
    equal(len(c.items()), 4, "each once")
