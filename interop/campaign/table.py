# SPDX-License-Identifier: BSD-2-Clause
"""What a campaign found, as a table for people, as JSON, and as JUnit XML for machines that count tests."""
import json
import os
import shutil
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timezone

from .outcome import FAILED, PASSED, STATUSES, UNSUPPORTED, UNTRIED

MARKS = {PASSED: "passed", FAILED: "FAILED", UNSUPPORTED: "not supported", UNTRIED: "not tried"}
COLOURS = {PASSED: "32", FAILED: "1;31", UNSUPPORTED: "33", UNTRIED: "2"}


def clean(text):
    """What came from a peer, safe for a terminal and for XML."""
    return "".join(ch if ch.isprintable() else "\ufffd" for ch in text)


def size(octets):
    if octets >= 1 << 20:
        return f"{octets / (1 << 20):.1f} MB"
    return f"{octets / 1024:.1f} K" if octets >= 1024 else f"{octets}" if octets else ""


def place(r):
    if r.frames is None or r.capture is None:
        return ""
    first, last = r.frames
    return f"{os.path.basename(r.capture)} {first}" + (f"-{last}" if last != first else "")


class Terminal:
    """The table as it grows; on a terminal a last line says what is tried."""

    def __init__(self, out=None):
        self.out = out or sys.stdout
        self.live = self.out.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.colour = self.live and not os.environ.get("NO_COLOR")
        self.mode = self.same = None

    def clear(self):
        if self.live:
            self.out.write("\r\033[K")

    def begin(self, mode, title, n, of):
        if self.live:
            text = f"{mode} {n}/{of}: {title} …"
            self.out.write("\r\033[K" + text[:shutil.get_terminal_size().columns - 1])
            self.out.flush()

    def paint(self, text, status):
        return f"\033[{COLOURS[status]}m{text}\033[0m" if self.colour else text

    def result(self, r):
        self.clear()
        if r.mode != self.mode:
            self.mode = r.mode
            self.out.write(f"\nMode {r.mode}\n{'':15}{'line':<50}{'time':>8} {'octets':>9}  frames\n")
        width = shutil.get_terminal_size((120, 24)).columns if self.live else 120
        times = f"{r.seconds:.2f} s" if r.seconds else ""
        mark = self.paint(f"{MARKS[r.status]:<15}", r.status)
        head = f"{mark}{r.title:<50}{times:>8} {size(r.octets):>9}  {place(r)}"
        self.out.write(head.rstrip() + "\n")
        same, self.same = self.same, (r.mode, r.status, r.reason)
        if r.status == UNTRIED and same == self.same:
            return  # for the same reason as the line above
        for line in textwrap.wrap(clean(r.reason), max(width - 18, 40)):
            self.out.write(f"{'':17}{line}\n")
        self.out.flush()

    def summary(self, results, captures):
        self.clear()
        n = counts(results)
        if captures:
            self.out.write(f"\ncaptures: {captures}\n")
        self.out.write(f"{n[UNSUPPORTED]} not supported by the peer, {n[UNTRIED]} not tried\n")
        self.out.write(f"{n[PASSED]} passed, {n[FAILED]} failed\n")
        self.out.flush()


def counts(results):
    return {s: sum(1 for r in results if r.status == s) for s in STATUSES}


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def as_json(settings, results, begun, seconds, interrupted):
    """The document of --json; interop/README.md describes it."""
    n = counts(results)
    return json.dumps({
        "version": 1,
        "peer": {"name": settings.peer["name"], "host": settings.peer["host"], "port": settings.peer["port"],
                 "mta": settings.peer["mta"]},
        "us": {"mta": settings.us["mta"], "address": settings.us["address"], "port": settings.us["port"]},
        "begun": datetime.fromtimestamp(begun, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(seconds, 3), "interrupted": interrupted,
        "summary": {"passed": n[PASSED], "failed": n[FAILED], "not_supported": n[UNSUPPORTED], "not_tried": n[UNTRIED]},
        "lines": [{"mode": r.mode, "line": r.line, "title": r.title, "status": r.status, "reason": r.reason,
                   "seconds": round(r.seconds, 3), "octets": r.octets, "figures": r.figures,
                   "capture": os.path.basename(r.capture) if r.capture else None,
                   "frames": list(r.frames) if r.frames and r.capture else None} for r in results]}, indent=2) + "\n"


def as_junit(settings, results, begun, seconds):
    """A suite a mode. What the peer does not support, and what was not tried, counts as skipped, with the reason."""
    n = counts(results)
    top = ElementTree.Element("testsuites", name=f"x400d interop with {clean(settings.peer['name'])}",
                              tests=str(len(results)),
                              failures=str(n[FAILED]), skipped=str(n[UNSUPPORTED] + n[UNTRIED]), time=f"{seconds:.3f}")
    for mode in dict.fromkeys(r.mode for r in results):
        own = [r for r in results if r.mode == mode]
        m = counts(own)
        suite = ElementTree.SubElement(top, "testsuite", name=mode, tests=str(len(own)), failures=str(m[FAILED]),
                                       errors="0",
                                       skipped=str(m[UNSUPPORTED] + m[UNTRIED]),
                                       time=f"{sum(r.seconds for r in own):.3f}",
                                       timestamp=datetime.fromtimestamp(begun,
                                                                        timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"))
        for r in own:
            case = ElementTree.SubElement(suite, "testcase", classname=f"interop.{mode}", name=r.line,
                                          time=f"{r.seconds:.3f}")
            reason = clean(r.reason) + (f" [{place(r)}]" if place(r) else "")
            if r.status == FAILED:
                ElementTree.SubElement(case, "failure", message=reason).text = f"{r.title}: {reason}"
            elif r.status == PASSED:
                ElementTree.SubElement(case, "system-out").text = f"{r.title}: {reason}"
            else:
                ElementTree.SubElement(case, "skipped", message=f"{r.status}: {reason}")
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, encoding="unicode") + "\n"
