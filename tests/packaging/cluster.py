#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""packaging/cluster: the resource agent and keepalived's script, with commands that only play x400d and x400. What they
were called with, and in which order, is in a log; what they answer is in files that a test writes."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AGENT, NOTIFY = (os.path.join(TOP, "packaging/cluster", n) for n in ("x400d.ocf", "keepalived-notify"))
SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING = 0, 1, 2, 3, 5, 6, 7

# The daemon: in the background like the real one, ended by SIGTERM unless `stubborn`.
X400D = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "x400d $*" >>log
if [ "$1" = -n ]; then [ ! -e bad-config ] || { echo 'line 3: wrong'; exit 1; }; exit 0; fi
[ ! -e fails ] || exit 1
python3 - "$0" "$@" <<'EOF'
import os, sys
if os.fork():
    os._exit(0)
os.setsid()
for n in (0, 1, 2):
    os.dup2(os.open("/dev/null", os.O_RDWR), n)
os.execv("./daemon", sys.argv[1:])
EOF
"""
# Its command line is that of the real one: x400d -f FILE. C because a script would show its interpreter.
DAEMON = """
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static void on_term(int n) { (void)n; if (access("stubborn", F_OK) != 0) { unlink("running"); _exit(0); } }
int main(void) {
    FILE *f = fopen("running", "w");
    if (f) fclose(f);
    signal(SIGTERM, on_term);
    for (int k = 0; k < 600; k++) usleep(100000);
    return 0;
}
"""
X400 = """#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo "x400 $*" >>log
[ ! -e hangs ] || { sleep 30; exit 1; }
[ -e running ] && [ ! -e silent ] || { echo 'x400: the status socket: Connection refused' >&2; exit 1; }
case "$1 $2" in
"show stacks") cat stacks ;;
"show status")
    [ ! -e waits ] || { echo '{"state": "waiting", "serving": false, "waiting_for": "the spool, which two holds"}'; exit; }
    echo '{"state": "serving", "serving": true}' ;;
"stack "*) [ ! -e stack-fails ] || { echo 'no stack is called so' >&2; exit 1; } ;;
esac
"""


class Bed:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="x400d-cluster-")
        for name, text in (("x400d", X400D), ("x400", X400)):
            self.put(name, text, 0o755)
        self.put("daemon.c", DAEMON)
        subprocess.run(["cc", "-o", os.path.join(self.dir, "daemon"), os.path.join(self.dir, "daemon.c")], check=True)
        self.put("conf+1.conf", "")
        self.stacks("active")
        self.env = dict(PATH=self.dir + ":" + os.environ["PATH"], OCF_RESOURCE_INSTANCE="mta",
                        OCF_RESKEY_binary=self.path("x400d"), OCF_RESKEY_client=self.path("x400"),
                        OCF_RESKEY_config=self.path("conf+1.conf"), OCF_RESKEY_user="", OCF_RESKEY_ask_timeout="2",
                        OCF_RESKEY_CRM_meta_timeout="9000")

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, text="", mode=0o644):
        with open(self.path(name), "w") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def stacks(self, state):
        self.put("stacks", f'''[
  {{"name": "other", "state": "failed", "selectors": {{"tsel": "41", "ssel": null}}, "address": ""}},
  {{"name": "net.1", "state": "{state}", "selectors": {{"tsel": "42"}}, "address": "192.0.2.1:102"}}
]''')

    def agent(self, action, **params):
        env = dict(self.env, **{"OCF_RESKEY_" + k: v for k, v in params.items()})
        p = subprocess.run([AGENT, action], env=env, capture_output=True, text=True, timeout=60)
        self.said = p.stderr
        return p.returncode

    def notify(self, *words):
        p = subprocess.run([NOTIFY, *words], env=self.env, capture_output=True, text=True, timeout=60)
        return p.returncode

    def log(self):
        """What was called since the last look, without folders and the questions how it is."""
        if not os.path.exists(self.path("log")):
            return []
        with open(self.path("log")) as f:
            lines = [line.strip().replace(self.dir + "/", "") for line in f]
        os.remove(self.path("log"))
        return [re.sub(" -f conf.1.conf", "", x) for x in lines if not x.startswith("x400 show") and " -n " not in x]

    def pids(self):
        found = []
        for p in os.listdir("/proc"):
            try:
                if p.isdigit() and os.readlink(f"/proc/{p}/exe") == self.path("daemon"):
                    found.append(int(p))
            except OSError:
                pass
        return found

    def close(self):
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir)


def equal(got, wanted, what):
    assert got == wanted, f"{what}: {got!r}, wanted {wanted!r}"


# ---- the agent ----

def test_meta_data_is_complete(b):
    p = subprocess.run([AGENT, "meta-data"], capture_output=True, text=True, check=True)
    root = xml.etree.ElementTree.fromstring(p.stdout)
    equal({a.get("name") for a in root.iter("action")}, {"start", "stop", "monitor", "validate-all", "meta-data"}, "actions")
    with open(AGENT) as f:
        text = f.read()
    equal({x.get("name") for x in root.iter("parameter")}, set(re.findall(r'^: "\$\{OCF_RESKEY_(\w+)', text, re.M)),
          "parameters described and used")
    for x in root.iter("parameter"):
        default = re.search(r"^: \"\$\{OCF_RESKEY_" + x.get("name") + r":?=([^}]*)\}", text, re.M).group(1)
        equal(x.find("content").get("default"), default, "default of " + x.get("name"))


def test_daemon_life(b):
    equal(b.agent("monitor"), NOT_RUNNING, "before")
    equal(b.agent("stop"), SUCCESS, "stopping what does not run")
    b.log()
    equal(b.agent("start"), SUCCESS, "start")
    equal(len(b.pids()), 1, "processes")
    equal(b.log(), ["x400d"], "calls")
    equal(b.agent("monitor"), SUCCESS, "monitor")
    equal(b.agent("start"), SUCCESS, "started again")
    equal(len(b.pids()), 1, "processes")
    equal(b.agent("stop"), SUCCESS, "stop")
    equal(b.pids(), [], "processes")
    equal(b.agent("monitor"), NOT_RUNNING, "after")


def test_the_stack_is_released_before_the_daemon_ends(b):
    equal(b.agent("start", stack="net.1"), SUCCESS, "start")
    equal(b.log(), ["x400d", "x400 stack net.1 active"], "calls")
    equal(b.agent("stop", stack="net.1"), SUCCESS, "stop")
    equal(b.log(), ["x400 stack net.1 standby"], "calls")
    equal(b.pids(), [], "processes")


def test_a_daemon_that_does_not_answer_has_failed_and_can_be_stopped(b):
    equal(b.agent("start"), SUCCESS, "start")
    b.put("silent")
    equal(b.agent("monitor"), GENERIC, "refuses")
    assert "does not answer" in b.said, b.said
    os.remove(b.path("silent"))
    b.put("hangs")
    begun = time.monotonic()
    equal(b.agent("monitor"), GENERIC, "hangs")
    assert time.monotonic() - begun < 5, "a bounded monitor"
    equal(b.agent("stop", stack="net.1"), SUCCESS, "stop")
    equal(b.pids(), [], "processes")


def test_a_daemon_that_ignores_sigterm_is_killed_in_time(b):
    equal(b.agent("start"), SUCCESS, "start")
    b.put("stubborn")
    begun = time.monotonic()
    equal(b.agent("stop"), SUCCESS, "stop")
    took = time.monotonic() - begun
    assert 2 < took < 9, f"within its time, but not at once: {took:.1f} s"
    equal(b.pids(), [], "processes")
    assert "SIGKILL" in b.said, b.said


def test_failed_starts(b):
    b.put("fails")
    equal(b.agent("start"), GENERIC, "it ends at once")
    os.remove(b.path("fails"))
    for wrong, said in (("silent", "Connection refused"), ("waits", "the spool, which two holds")):
        b.put(wrong)
        begun = time.monotonic()
        equal(b.agent("start"), GENERIC, wrong)
        assert time.monotonic() - begun < 9, "within its time"
        assert said in b.said, b.said
        os.remove(b.path(wrong))
    b.stacks("standby")
    equal(b.agent("start", stack="net.1"), GENERIC, "its address is not here")
    assert "is standby, not active" in b.said, b.said
    b.stacks("active")
    b.put("stack-fails")
    equal(b.agent("start", stack="net.1"), GENERIC, "no such stack")
    assert "no stack is called so" in b.said, b.said


def test_a_killed_daemon_is_seen(b):
    equal(b.agent("start"), SUCCESS, "start")
    os.kill(b.pids()[0], signal.SIGKILL)
    os.remove(b.path("running"))
    equal(b.agent("monitor"), NOT_RUNNING, "monitor")
    equal(b.agent("start"), SUCCESS, "start again")
    equal(b.agent("monitor"), SUCCESS, "monitor")


def test_a_stack_as_the_resource(b):
    only = dict(stack="net.1", daemon="no")
    equal(b.agent("monitor", **only), NOT_RUNNING, "no daemon")
    equal(b.agent("stop", **only), SUCCESS, "no daemon")
    equal(b.agent("start", **only), GENERIC, "no daemon")
    equal(b.agent("start"), SUCCESS, "the daemon")
    b.log()
    for state, code in (("standby", NOT_RUNNING), ("starting", SUCCESS), ("failed", GENERIC), ("active", SUCCESS)):
        b.stacks(state)
        equal(b.agent("monitor", **only), code, state)
    equal(b.agent("monitor", stack="net-1", daemon="no"), GENERIC, "a stack that is not there")
    b.log()
    b.stacks("standby")
    equal(b.agent("start", **only), GENERIC, "its address does not come")
    assert "stack net.1 is standby" in b.said, b.said
    b.stacks("active")
    b.put("waits")
    equal(b.agent("start", **only), GENERIC, "it has not the spool")
    assert "the spool, which two holds" in b.said, b.said
    os.remove(b.path("waits"))
    b.log()
    equal(b.agent("start", **only), SUCCESS, "start")
    equal(b.agent("stop", **only), SUCCESS, "stop")
    equal(b.log(), ["x400 stack net.1 active", "x400 stack net.1 standby"], "calls")
    equal(len(b.pids()), 1, "the daemon runs on")
    b.put("stack-fails")
    equal(b.agent("stop", **only), GENERIC, "a release that fails")
    equal(len(b.pids()), 1, "the daemon runs on")
    b.put("silent")
    equal(b.agent("stop", **only), SUCCESS, "of one that does not answer")
    equal(b.pids(), [], "it is ended, so that its spool is free")


def test_wrong_parameters(b):
    for params, code in ((dict(binary="/nonexistent/x400d"), INSTALLED), (dict(config="/nonexistent/c"), INSTALLED),
                         (dict(daemon="maybe"), CONFIGURED), (dict(daemon="no"), CONFIGURED),
                         (dict(stack="a'; rm -rf x"), CONFIGURED), (dict(user="no-such-user"), INSTALLED),
                         (dict(ask_timeout="soon"), CONFIGURED)):
        equal(b.agent("validate-all", **params), code, f"{params}")
        equal(b.agent("start", **params), code, f"start with {params}")
        assert b.said, params
    equal(b.agent("validate-all"), SUCCESS, "good ones")
    b.put("bad-config")
    equal(b.agent("validate-all"), CONFIGURED, "a wrong configuration")
    assert "line 3: wrong" in b.said, b.said
    equal(b.agent("promote"), UNIMPLEMENTED, "an action that is not there")
    equal(b.agent(""), ARGS, "no action")


# ---- keepalived ----

def test_keepalived_states(b):
    b.put("running")
    for state, calls in (("MASTER", ["x400 stack net.1 active"]), ("BACKUP", ["x400 stack net.1 standby"]),
                         ("FAULT", ["x400 stack net.1 standby"]), ("STOP", ["x400 stack net.1 standby"]),
                         ("DELETED", [])):
        equal(b.notify("net.1", "INSTANCE", "mta", state, "100"), 0, state)
        equal([re.sub(" -f .*", "", x) for x in b.log()], calls, state)
    b.put("stack-fails")
    equal(b.notify("net.1", "INSTANCE", "mta", "MASTER", "100"), 1, "a failure")
    for wrong in ((), ("net.1",), ("INSTANCE", "mta", "MASTER", "100"), ("--service",)):
        equal(b.notify(*wrong), 2, f"{wrong}")


def test_keepalived_and_a_service(b):
    b.put("running")
    b.put("systemctl", '#!/bin/sh\ncd "$(dirname "$0")" || exit 1\necho "systemctl $*" >>log\n[ ! -e service-fails ]\n', 0o755)

    def calls(*words):
        status = b.notify(*words)
        return status, [re.sub(" -f .*", "", x) for x in b.log()]
    up, down = (("INSTANCE", "mta", x, "100") for x in ("MASTER", "BACKUP"))
    equal(calls("--service", "x400d", *up), (0, ["systemctl start x400d"]), "up")
    equal(calls("--service", "x400d", *down), (0, ["systemctl stop x400d"]), "down")
    equal(calls("--service", "x400d", "net.1", *up), (0, ["systemctl start x400d", "x400 stack net.1 active"]), "both up")
    equal(calls("--service", "x400d", "net.1", *down), (0, ["x400 stack net.1 standby", "systemctl stop x400d"]), "both down")
    b.put("stack-fails")
    equal(calls("--service", "x400d", "net.1", *down), (1, ["x400 stack net.1 standby", "systemctl stop x400d"]),
          "the service is stopped all the same")
    b.put("service-fails")
    equal(calls("--service", "x400d", "net.1", *up), (1, ["systemctl start x400d"]), "no service, no stack")


def main():
    failed = passed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (len(sys.argv) > 1 and name[5:] not in sys.argv[1:]):
            continue
        bed = Bed()
        try:
            test(bed)
            print(f"ok    {name[5:]}", flush=True)
            passed += 1
        except Exception as e:
            print(f"FAIL  {name[5:]}: {type(e).__name__}: {e}", flush=True)
            failed += 1
        finally:
            bed.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
