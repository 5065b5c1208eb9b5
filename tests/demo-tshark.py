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

from tshark import BAD, TOP, Capture, check, ended, fields, local, need, own_network

PORT = 10102


def check_apdus(capture, sent):
    def seen(*names, only):
        return fields(capture.path, [PORT], *names, only=only)

    check('frames malformed or against a protocol', seen('frame.number', only=BAD), [])
    apdus = seen('p1.MTS_APDU', 'ip.src', only='p1.MTS_APDU')
    check('APDUs and where they come from', apdus, [[['0'], ['127.0.0.1']], [['1'], ['127.0.0.2']]])
    message = seen(
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
    reports = seen('p1.local_identifier', 'p1.surname', 'p1.delivery_element', 'p1.built_in', 'p1.mta_name',
                             'p1.non_delivery_element', only='p1.MTS_APDU == 1')
    check('one report', len(reports), 1)
    ids, surname, delivery, content, mta, non_delivery = reports[0]
    check('identifiers of the report and of its subject', ids, [local(sent['report']), local(sent['id'])])
    check('destination of the report and recipient', surname, ['Jones', 'Smith'])
    check('delivery', (len(delivery), non_delivery), (1, []))
    check('content type in the report', content, ['22'])
    check('MTAs of internal trace and of reporting-MTA-name', mta, ['MTA-B', 'MTA-B'])
    domains = seen('p1.printable', only='p1.MTS_APDU == 0')[0][0]
    check('domains of originator, identifier, trace, recipient, internal trace and heading',
          [d for d in domains if d != 'DEMO'], ['ALPHA', 'ALPHA', 'ALPHA', 'BETA', 'ALPHA', 'ALPHA', 'ALPHA', 'BETA'])


def main():
    need('tshark', 'dumpcap', root=True)
    own_network()
    folder = tempfile.mkdtemp(prefix='x400d-demo-tshark.')
    try:
        capture = Capture(os.path.join(folder, 'capture.pcapng'), PORT)
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
    return ended()


if __name__ == '__main__':
    sys.exit(main())
