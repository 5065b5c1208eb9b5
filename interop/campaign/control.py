# SPDX-License-Identifier: BSD-2-Clause
"""A daemon's control sockets: one request, one answer, each a line of JSON (mta/control.h)."""
import array
import json
import socket


class Refused(Exception):
    """The daemon's answer to a request was an error; the text is its own."""


def level_of(cmd):
    """The least socket that may do it."""
    return {"show": "status", "message": "status", "submit": "submit"}.get(cmd, "control")


def ask(path, cmd, fd=None, timeout=30, **fields):
    """The result; fd: the descriptor of a content that goes with a submission."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        line = json.dumps(dict(fields, v=1, cmd=cmd)).encode() + b"\n"
        if fd is None:
            s.sendall(line)
        else:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            s.sendall(line[s.sendmsg([line], rights):])
        answer = b""
        while not answer.endswith(b"\n"):
            piece = s.recv(65536)
            if not piece:
                raise Refused("the daemon hung up")
            answer += piece
    answer = json.loads(answer)
    if not answer["ok"]:
        raise Refused(answer["error"])
    return answer["result"]
