# SPDX-License-Identifier: BSD-2-Clause
"""tshark over a capture: which frames it calls malformed or against a protocol, on the ports that carry TPKT."""
import os
import shutil
import subprocess

MALFORMED, PROTOCOL = 0x07000000, 0x09000000  # expert groups


class Missing(Exception):
    """There is no tshark, or it cannot read the file."""


def fields(path, ports, *names, only=None):
    """For each frame the values of the fields, each a list."""
    if shutil.which("tshark") is None:
        raise Missing("there is no tshark (package tshark)")
    command = ["tshark", "-r", path, "-T", "fields", "-E", "aggregator=\x1e", "-E", "separator=\x1f"]
    for port in ports:
        command += ["-d", f"tcp.port=={port},tpkt"]
    command += ["-Y", only] if only else []
    for name in names:
        command += ["-e", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          env=dict(os.environ, LC_ALL="C.UTF-8"))
    if done.returncode != 0:
        raise Missing(f"tshark cannot read {path}: {done.stderr.strip()[-200:]}")
    return [[v.split("\x1e") if v else [] for v in line.split("\x1f")] for line in done.stdout.split("\n") if line]


def malformed(path, ports):
    """(numbers of the bad frames, count of all frames)"""
    rows = fields(path, ports, "frame.number", "_ws.expert.group")
    bad = [int(number[0]) for number, groups in rows
           if any(int(g) in (MALFORMED, PROTOCOL) for g in groups)]
    return bad, len(rows)
