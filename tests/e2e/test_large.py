# SPDX-License-Identifier: BSD-2-Clause
"""A 200 MB attachment costs nobody memory: neither the daemons nor the command that sends it."""
import hashlib
import os
import subprocess
import time

from harness import BUILD, Failure, Skip, check, equal, user, wait_for
from test_mail import envelope, wait_report

SIZE, GROWTH_KB = 200 << 20, 16 << 10
COMMAND = os.path.join(BUILD, "bin", "x400")


def make_file(path, size):
    """Octets that do not repeat, quickly made; their digest."""
    digest, block = hashlib.sha256(), os.urandom(1 << 20)
    with open(path, "wb") as f:
        for k in range(size >> 20):
            piece = k.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            f.write(piece)
    return digest.hexdigest()


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for piece in iter(lambda: f.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def run_watched(command):
    """Output and highest resident size (KB) of a command."""
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0
    while p.poll() is None:
        try:
            with open(f"/proc/{p.pid}/status") as f:
                peak = max([peak] + [int(x.split()[1]) for x in f if x.startswith("VmHWM")])
        except OSError:
            pass
        time.sleep(0.005)
    out, err = p.communicate()
    if p.returncode != 0:
        raise Failure(f"{command[0]} {command[1]} ended with {p.returncode}: {err}")
    return out, peak


def test_attachment(w):
    return attachment(w)


def test_attachment_without_checkpoints(w):
    """The whole APDU is one TSDU."""
    return attachment(w, checkpoint="checkpoint none")


def attachment(w, **lines):
    sanitized = "build-asan" in BUILD or os.environ.get("E2E_NO_MEMORY")
    free = os.statvfs(w.dir)
    if free.f_bavail * free.f_frsize < 8 * SIZE:
        raise Skip(f"{w.dir} has no room for a content of {SIZE >> 20} MB in all its places")
    a, b = w.pair()
    a.peers["mta-b"].lines.update(lines)
    a.start(), b.start()
    a.submit(user("Receiver", "BETA"))  # all that is allocated once is there after this
    first = b.wait_items(1)
    a.wait_empty(), b.wait_empty()
    source = os.path.join(w.dir, "attachment.bin")
    digest = make_file(source, SIZE)
    before = {m: m.memory("VmRSS") for m in (a, b)}
    for m in (a, b):
        m.reset_peak()
    begun = time.monotonic()
    out, peak = run_watched([COMMAND, "send", "--submit", a.socket_path("submit"), "--from", user("Sender"), "--to",
                             user("Receiver", "BETA"), "--subject", "large", "--attach", source, "--report",
                             "delivery"])
    sent = time.monotonic() - begun
    item = wait_for("the item", 120, lambda: [i for i in b.items() if i not in first], 0.1)[0]
    seconds = time.monotonic() - begun
    wait_report(a, envelope(item)["id"], 60)
    check(envelope(item)["id"] in out, "the command printed the identifier")
    files = [f for f in os.listdir(item) if f == "attachment.bin"]
    equal(files, ["attachment.bin"], f"the attachment among {os.listdir(item)}")
    equal(digest_of(os.path.join(item, files[0])), digest, "the octets of the attachment")
    a.wait_empty(), b.wait_empty()
    for m in (a, b):
        wait_for("the content left the spool", 10, lambda m=m: not os.listdir(os.path.join(m.spool, "content")))
    growth = {m.name: m.memory("VmHWM") - before[m] for m in (a, b)}
    growth["x400 send"] = peak
    if not sanitized:
        for name, kb in growth.items():
            limit = GROWTH_KB if name != "x400 send" else GROWTH_KB + small_command(a)
            check(kb <= limit, f"{name} grew by {kb} KB, at most {limit} are allowed")
    grown = ", ".join(f"{n} {kb / 1024:.1f} MB" for n, kb in growth.items())
    return f"submitted in {sent:.1f} s, there in {seconds:.1f} s; highest growth: {grown}"


def small_command(a):
    """The resident size of the command when it has nothing to send, KB."""
    return run_watched([COMMAND, "show", "status", "--status", a.socket_path("status")])[1]
