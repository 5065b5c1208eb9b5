# SPDX-License-Identifier: BSD-2-Clause
"""Cluster engines on hosts: Pacemaker with Corosync, and keepalived, as Debian has them. What runs on a node between its
start and its death is in namespaces of its own, so that the node can die at once, with everything on it, and that nothing
of an engine touches the machine or stays there."""
import os
import shutil
import signal
import subprocess
import time

from harness import BUILD, TOP, Failure, Skip, wait_for

PACKAGING = os.path.join(TOP, "packaging", "cluster")
AGENTS = "/usr/lib/ocf/resource.d"
PACEMAKER = ["corosync", "pacemakerd", "cibadmin", "crm_attribute", "crm_resource", "crm_mon"]


def needs(*programs):
    gone = [p for p in programs if shutil.which(p) is None]
    if gone:
        raise Skip(f"not installed: {', '.join(gone)} (packaging/install-deps cluster)")


class Boot:
    """A running node: its processes have a /run, a /dev/shm and an /etc of their own, and see nobody else's."""

    PRIVATE = ["/dev/shm", "/run", "/var/lib/pacemaker", "/var/lib/corosync", "/var/log"]

    def __init__(self, host, script):
        self.host = host
        self.log = os.path.join(host.dir, f"engine-{time.monotonic_ns()}.log")
        begin = ["set -u", "hostname " + host.name]
        begin += [f"[ ! -d {d} ] || mount -t tmpfs tmpfs {d}" for d in self.PRIVATE]
        begin += ["echo up", script, "while :; do wait -n || sleep 1; done"]  # as init it reaps what others leave
        with open(self.log, "wb") as log:
            self.holder = host.popen("unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                                     "--propagation", "private", "bash", "-c", "\n".join(begin), stdout=log, stderr=log)
        self.init = wait_for(f"{host.name} is up", 10, self.find_init)

    def find_init(self):
        with open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children") as f:
            children = f.read().split()
        with open(self.log) as f:
            return int(children[0]) if children and f.read().startswith("up\n") else None

    def run(self, *words, fails=False, seconds=30, stdin=None):
        inside = ["nsenter", "-t", str(self.init), "-n", "-m", "-u", "-i", "-p"] + list(words)
        p = subprocess.run(inside, input=stdin, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds)
        if p.returncode != 0 and not fails:
            raise Failure(f"on {self.host.name}: {' '.join(words)}: status {p.returncode}: {p.stdout.strip()}")
        return p.stdout

    def pids(self, *words):
        """Of the processes with this command line."""
        return [int(p) for p in self.run("pgrep", "-x", "-f", " ".join(words), fails=True).split()]

    def die(self):
        """The power goes: nobody hears of it, and no process does anything any more."""
        for network in self.host.networks:  # the interface stays up, or what runs here would hear of it first
            network.switch.run("ip", "link", "set", self.host.ports[network.name], "nomaster")
        os.kill(self.init, signal.SIGKILL)  # and with it everything else there


COROSYNC = """
totem {{
    version: 2
    cluster_name: x400
    transport: udpu
    token: 1000
    secauth: off
}}
nodelist {{
{nodes}
}}
quorum {{
    provider: corosync_votequorum
    two_node: 1
    wait_for_all: 0
}}
logging {{
    to_stderr: yes
    to_syslog: no
}}
"""
COROSYNC_NODE = """    node {{
        ring0_addr: {address}
        name: {name}
        nodeid: {id}
    }}"""
START = f"""
install -d -o hacluster -g haclient -m 750 /var/lib/pacemaker/cib /var/lib/pacemaker/pengine /var/lib/pacemaker/cores \\
    /var/lib/pacemaker/blackbox /run/crm /var/log/pacemaker
install -o hacluster -g haclient -m 600 {{cib}} /var/lib/pacemaker/cib/cib.xml
mount -t overlay overlay -o lowerdir={{agents}}:{AGENTS} {AGENTS}
corosync -f &
pacemakerd -f &
"""
# The order in the group: the address comes first and goes last.
GROUP = """
<group id="mta">
  <primitive id="address" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="address-p">
      <nvpair id="address-ip" name="ip" value="{address}"/>
      <nvpair id="address-mask" name="cidr_netmask" value="{bits}"/>
      <nvpair id="address-nic" name="nic" value="{interface}"/>
    </instance_attributes>
    <operations>
      <op id="address-m" name="monitor" interval="5s" timeout="20s"/>
    </operations>
  </primitive>
  <primitive id="x400d" class="ocf" provider="x400" type="x400d">
    <instance_attributes id="x400d-p">
{parameters}
    </instance_attributes>
    <operations>
      <op id="x400d-start" name="start" interval="0" timeout="60s"/>
      <op id="x400d-stop" name="stop" interval="0" timeout="20s"/>
      <op id="x400d-m" name="monitor" interval="2s" timeout="15s"/>
    </operations>
  </primitive>
</group>
"""
# A fence device that switches dead nodes off is a must in life, and cannot be had here: what the survivor sees is silence.
# The other options make the first election short.
CIB = """<cib validate-with="pacemaker-3.0" admin_epoch="1" epoch="0" num_updates="0">
  <configuration>
    <crm_config><cluster_property_set id="options">
      <nvpair id="o1" name="stonith-enabled" value="false"/>
      <nvpair id="o2" name="no-quorum-policy" value="ignore"/>
      <nvpair id="o3" name="dc-deadtime" value="3s"/>
    </cluster_property_set></crm_config>
    <nodes/><resources/><constraints/>
  </configuration>
  <status/>
</cib>
"""


class Pacemaker:
    """Two nodes."""

    def __init__(self, nodes, folder):
        needs(*PACEMAKER)
        self.nodes = nodes
        agents = os.path.join(folder, "agents", "x400")
        os.makedirs(agents)
        shutil.copy(os.path.join(PACKAGING, "x400d.ocf"), os.path.join(agents, "x400d"))
        members = "\n".join(COROSYNC_NODE.format(address=n.v4(), name=n.name, id=n.number) for n in nodes)
        for n in nodes:
            os.makedirs(os.path.join(n.etc, "corosync"), exist_ok=True)
            n.write("corosync/corosync.conf", COROSYNC.format(nodes=members))
        cib = os.path.join(folder, "cib.xml")
        with open(cib, "w") as f:
            f.write(CIB)
        self.script = START.format(agents=os.path.dirname(agents), cib=cib)
        self.boots = {}

    def start(self, *, script=""):
        """`script`: what else runs on the nodes."""
        for n in self.nodes:
            self.boots[n] = Boot(n, self.script + (script(n) if script else ""))
        wait_for("both nodes are online", 60, lambda: self.see(self.nodes[0]).count(" online") == 2, 0.2)

    def on(self, node, *words, **options):
        return self.boots[node].run(*words, **options)

    def see(self, node):
        """Nodes and resources as this node sees them, a line each."""
        out = self.on(node, "crm_mon", "-1", "--output-as=xml", fails=True)
        return "\n".join(mon_lines(out))

    def group(self, interface, address, parameters):
        pairs = "\n".join(f'      <nvpair id="x400d-{k}" name="{k}" value="{v}"/>' for k, v in parameters.items())
        xml = GROUP.format(address=address, bits=128 if ":" in address else 32, interface=interface, parameters=pairs)
        self.on(self.nodes[0], "cibadmin", "--create", "--scope", "resources", "--xml-text", xml)

    def runs_on(self, resource, node, seen_by=None):
        return f"{resource} on {node.name}" in self.see(seen_by or node).splitlines()

    def wait_runs(self, resource, node, seconds=60):
        try:
            wait_for(f"{resource} runs on {node.name}", seconds, lambda: self.runs_on(resource, node), 0.1)
        except Failure as e:
            raise Failure(f"{e}\n{self.see(node)}\n{self.on(node, 'crm_mon', '-1', '-A', '-f', fails=True)}") from None

    def standby(self, node, yes=True):
        self.on(node, "crm_attribute", "--node", node.name, "--name", "standby", "--update", "on" if yes else "off")


def mon_lines(xml):
    import xml.etree.ElementTree as tree
    try:
        root = tree.fromstring(xml)
    except tree.ParseError:
        return []
    lines = [f"node {n.get('name')} {'online' if n.get('online') == 'true' else 'offline'}" for n in root.findall("nodes/node")]
    for r in root.iter("resource"):
        for n in r.findall("node"):
            failed = " failed" if r.get("failed") == "true" else ""
            lines.append(f"{r.get('id')} on {n.get('name')}{failed}" if r.get("role") == "Started" else
                         f"{r.get('id')} {r.get('role')} {n.get('name')}{failed}")
    return lines


KEEPALIVED = """
global_defs {{
    script_user root
    enable_script_security
    vrrp_garp_master_delay 0
    vrrp_version 3
}}
vrrp_instance mta {{
    state BACKUP
    interface {interface}
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    nopreempt
    virtual_ipaddress {{
        {address}/{bits}
    }}
    notify "{notify}"
}}
"""


# What `systemctl` does with the unit, in a place without systemd.
SYSTEMCTL = """#!/bin/sh
case "$1" in
start) exec {daemon} -f {conf} ;;
stop)
    pid=$(pgrep -x -f '{daemon} -f {conf}') || exit 0
    kill "$pid"
    while [ -e "/proc/$pid" ]; do sleep 0.05; done
    ;;
esac
"""


class Keepalived:
    """`words`: what the notify script gets."""

    def __init__(self, nodes, interface, address, words, conf):
        needs("keepalived")
        self.boots, self.conf = {}, conf
        for n in nodes:
            service = os.path.join(n.dir, "systemctl")
            with open(service, "w") as f:
                f.write(SYSTEMCTL.format(daemon=os.path.join(BUILD, "x400d"), conf=conf(n)))
            os.chmod(service, 0o755)
            n.write("keepalived.conf", KEEPALIVED.format(
                interface=interface, address=address, bits=128 if ":" in address else 32, priority=100 + n.number,
                notify=" ".join([os.path.join(PACKAGING, "keepalived-notify")] + words)))

    def start(self, node, script=""):
        self.boots[node] = Boot(node, f"""
            export PATH={node.dir}:{BUILD}/bin:$PATH X400D_CONF={self.conf(node)}
            {script}
            keepalived --dont-fork --log-console --use-file /etc/keepalived.conf --pid /run/keepalived.pid &""")

    def service(self, node, action):
        self.boots[node].run(os.path.join(node.dir, "systemctl"), action, "x400d")

    def stop(self, node):
        """Of the engine, in order: it tells the other one."""
        self.boots[node].run("sh", "-c", "kill $(cat /run/keepalived.pid)")
