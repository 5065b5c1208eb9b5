# SPDX-License-Identifier: BSD-2-Clause
"""What a line's part of the capture shows, read by our own layers (`x400 dump --json`), with the frame numbers of the
whole capture."""
import json
import os
import subprocess


class Evidence:
    """connections: the Flow of each connection; `first`: the frame with which the line began."""

    def __init__(self, events, frames, connections, first, status, said):
        self.events, self.connections, self.line_first = events, connections, first
        self.status, self.said = status, said
        for e in events:
            k = e.get("frame", 0)
            e["frame"] = frames[k - 1] if 0 < k <= len(frames) else 0

    def flow(self, event):
        return self.connections[event["connection"] - 1]

    def pdus(self, name, side=None, connection=None, after=0, outgoing=None, opened_here=False):
        """Those whose name begins so. outgoing: of connections that we (True) or the peer (False) opened; opened_here:
        of those that this line saw begin."""
        return [e for e in self.events if e["kind"] == "pdu" and e["name"].startswith(name) and e["frame"] > after
                and (side is None or e["from"] == side) and (connection is None or e["connection"] == connection)
                and (outgoing is None or self.flow(e).outgoing == outgoing)
                and (not opened_here or self.flow(e).first >= self.line_first)]

    def first(self, name, **where):
        return next(iter(self.pdus(name, **where)), None)

    def malformed(self):
        return [e for e in self.events if "fault" in e]


def field(pdu, *names, default="not given"):
    """The first of these fields that a PDU has."""
    for name in names:
        if pdu is not None and name in pdu.get("fields", {}):
            return pdu["fields"][name]
    return default


def read(x400, capture, first, folder):
    """Evidence of the connections that have frames from `first` on; None without a capture."""
    if capture is None or capture.frames < first:
        return None
    part = os.path.join(folder, "part.pcap")
    frames, connections = capture.extract(part, first)
    done = subprocess.run([x400, "dump", "--json", part], capture_output=True, text=True, errors="replace", timeout=120)
    os.unlink(part)
    try:
        events = json.loads(done.stdout)
    except ValueError:
        events = []
    return Evidence(events, frames, connections, first, done.returncode, done.stderr.strip())


def agreed(evidence):
    """What we proposed, what the peer answered, and the frame, of the last association that we opened in this line."""
    ask = evidence.pdus("RTORQ", side="caller", outgoing=True, opened_here=True)
    answer = evidence.pdus("RTOAC", side="called", outgoing=True, opened_here=True)
    if not ask or not answer:
        return None

    def said(pdu):  # absent: the defaults of RTSE
        checkpoint, window = field(pdu, "checkpoint_size", default="0 K"), field(pdu, "window_size", default="3")
        return f"checkpoint {checkpoint}, window {window}"

    return said(ask[-1]), said(answer[-1]), answer[-1]["frame"]


def resumption(evidence, outgoing):
    """What became of a transfer that was cut, of connections that we (outgoing) or the peer opened: a text or None,
    whether it was resumed, and the frame."""
    resume = evidence.first("ACTIVITY RESUME", outgoing=outgoing, after=evidence.line_first)
    recover = next((e for e in evidence.pdus("RTORQ", outgoing=outgoing, opened_here=True)
                    if field(e, "connection_data") == "recover"), None)
    if recover is not None:
        refused = evidence.first("RTORJ", connection=recover["connection"])
        if refused is not None:
            why = field(refused, "refuse_reason", "reason")
            text = f"association recovery was asked for (frame {recover['frame']}) and refused: RTORJ {why}"
            return text, False, refused["frame"]
    if resume is None:
        return None, False, None
    answers = [e for e in evidence.pdus("", connection=resume["connection"], after=resume["frame"] - 1)
               if e["from"] != resume["from"] and e["layer"] == "session"]
    confirmed = next((e for e in answers if e["name"].startswith(("MINOR SYNC ACK", "ACTIVITY END ACK"))), None)
    refused = next((e for e in answers if e["name"].startswith(("EXCEPTION", "ABORT"))), None)
    point = field(resume, "serial")
    if confirmed is None or (refused is not None and refused["frame"] < confirmed["frame"]):
        what = "no confirmation came"
        if refused is not None:
            what = f"{refused['name']} {field(refused, 'reason', default='')}".strip()
        return f"ACTIVITY RESUME at checkpoint {point} was refused: {what}", False, (refused or resume)["frame"]
    return f"resumed behind checkpoint {point}", True, resume["frame"]
