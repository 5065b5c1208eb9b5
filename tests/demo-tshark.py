#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The demonstration's traffic as tshark sees it: no frame malformed or against a protocol, and in the message and its
report the values that were sent. Captures on a loopback interface, so it needs root.
Prints `N passed, N failed`; exit status 77: skipped, with the reason."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
passed = failed = 0


def check(what, got, wanted):
    global passed, failed
    if got == wanted:
        passed += 1
    else:
        failed += 1
        print(f'FAILED {what}\n  got    {got!r}\n  wanted {wanted!r}')


class Capture:
    """dumpcap on the loopback interface, from the moment that it listens until stop()."""

    def __init__(self, path, traffic='tcp port 10102'):
        self.path, self.said = path, path + '.log'
        with open(self.said, 'wb') as log:
            self.process = subprocess.Popen(['dumpcap', '-q', '-i', 'lo', '-f', traffic, '-w', path],
                                            stdin=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 15
        while 'File: ' not in self.log():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise RuntimeError(f'dumpcap does not capture: {self.log().strip()}')
            time.sleep(0.05)

    def log(self):
        with open(self.said, encoding='utf-8', errors='replace') as f:
            return f.read()

    def stop(self):
        time.sleep(0.5)  # what is on its way from the kernel
        self.process.terminate()
        self.process.wait()

    def fields(self, *names, only=None):
        """For each frame the values of the fields, each a list."""
        command = ['tshark', '-r', self.path, '-d', 'tcp.port==10102,tpkt', '-T', 'fields', '-E', 'aggregator=\x1e',
                   '-E', 'separator=\x1f', *(['-Y', only] if only else [])]
        for name in names:
            command += ['-e', name]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
                              env=dict(os.environ, LC_ALL='C.UTF-8'))
        return [[v.split('\x1e') if v else [] for v in line.split('\x1f')]
                for line in done.stdout.split('\n') if line]


def local(identifier):
    return identifier.rstrip(']').split(';')[1]


def check_apdus(capture, sent):
    # The expert groups Malformed and Protocol.
    bad = capture.fields('frame.number', only='_ws.expert.group == 0x07000000 || _ws.expert.group == 0x09000000')
    check('frames malformed or against a protocol', bad, [])
    apdus = capture.fields('p1.MTS_APDU', 'ip.src', only='p1.MTS_APDU')
    check('APDUs and where they come from', apdus, [[['0'], ['127.0.0.1']], [['1'], ['127.0.0.2']]])
    message = capture.fields(
        'p1.local_identifier', 'p1.priority', 'p1.built_in', 'p22.subject', 'p1.surname', 'p1.given_name',
        'p1.per_recipient_indicators', 'p1.routing_action', 'p1.mta_name', 'p1.originally_specified_recipient_number',
        'p1.standard_extension', 'ftam.Pathname_item', only='p1.MTS_APDU == 0')
    check('one message', len(message), 1)
    ids, priority, content, subject, surname, given, report, routing, mta, number, extension, file = message[0]
    check('message identifier', ids, [local(sent['id'])])
    check('priority', priority, ['2'])
    check('content type', content, ['22'])
    check('subject', subject, [sent['subject']])
    check('originator and recipient of the envelope, then of the heading', list(zip(given, surname)),
          [('Anna', 'Jones'), ('John', 'Smith'), ('Anna', 'Jones'), ('Anna', 'Jones'), ('John', 'Smith')])
    check('responsibility, and reports asked for', report, ['d0'])
    check('trace and internal trace: relayed', routing, ['0', '0'])
    check('MTA of the internal trace', mta, ['MTA-A'])
    check('extensions', extension, ['38'])
    check('number of the recipient', number, ['1'])
    check('attached file', file, [sent['file']])
    reports = capture.fields('p1.local_identifier', 'p1.surname', 'p1.delivery_element', 'p1.built_in', 'p1.mta_name',
                             'p1.non_delivery_element', only='p1.MTS_APDU == 1')
    check('one report', len(reports), 1)
    ids, surname, delivery, content, mta, non_delivery = reports[0]
    check('identifiers of the report and of its subject', ids, [local(sent['report']), local(sent['id'])])
    check('destination of the report and recipient', surname, ['Jones', 'Smith'])
    check('delivery', (len(delivery), non_delivery), (1, []))
    check('content type in the report', content, ['22'])
    check('MTAs of internal trace and of reporting-MTA-name', mta, ['MTA-B', 'MTA-B'])
    domains = capture.fields('p1.printable', only='p1.MTS_APDU == 0')[0][0]
    check('domains of originator, identifier, trace, recipient, internal trace and heading',
          [d for d in domains if d != 'DEMO'], ['ALPHA', 'ALPHA', 'ALPHA', 'BETA', 'ALPHA', 'ALPHA', 'ALPHA', 'BETA'])


def own_network():
    """Goes on in a network namespace of its own where that is allowed: nobody else has the port there."""
    alone = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
    if 'OWN_NETWORK' not in os.environ and subprocess.run([*alone, 'true'], capture_output=True).returncode == 0:
        os.environ['OWN_NETWORK'] = 'yes'
        os.execvp(alone[0], [*alone, sys.executable, os.path.abspath(sys.argv[0])])


def main():
    for tool in ('tshark', 'dumpcap'):
        if shutil.which(tool) is None:
            print(f'skipped: there is no {tool}')
            return 77
    if os.geteuid() != 0:
        print('skipped: capturing needs root')
        return 77
    own_network()
    folder = tempfile.mkdtemp(prefix='x400d-demo-tshark.')
    try:
        capture = Capture(os.path.join(folder, 'capture.pcapng'))
        try:
            demo = subprocess.run([os.path.join(TOP, 'packaging', 'demo'), '--dir', os.path.join(folder, 'demo')],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  timeout=120)
        finally:
            capture.stop()
        check('the demonstration succeeds', demo.returncode, 0)
        if demo.returncode != 0:
            print(demo.stdout)
        else:
            with open(os.path.join(folder, 'demo', 'sent.json'), encoding='utf-8') as f:
                check_apdus(capture, json.load(f))
    finally:
        shutil.rmtree(folder)
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
