#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# make lint: the rules of docs/architecture.md that a script can check. Prints each breach; exit 1 when there is one.
set -u
cd "$(dirname "$0")/.." || exit 2
exec python3 - <<'PY'
import os, re, subprocess, sys

ROOMS = ['base', 'asn1', 'rfc1006', 'x400', 'conf', 'assoc', 'mta', 'cli']
breaches = []


def breach(where, what):
    breaches.append(f'{where}: {what}')


listed = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True)
if os.path.exists('.git') and listed.returncode == 0:
    files = [f for f in listed.stdout.split('\n') if f]
else:  # a release archive, in which asn1/gen is not ours
    files = [os.path.relpath(os.path.join(d, f)) for d, _, names in os.walk('.') for f in names
             if not re.match(r'\./(build|dist|asn1/gen)', d)]
sources = [f for f in files if f.endswith(('.c', '.h', '.y'))]
for f in sources:
    text = open(f, encoding='utf-8').read()
    lines = text.split('\n')
    room = f.split('/')[0]
    if 'SPDX-License-Identifier: BSD-2-Clause' not in '\n'.join(lines[:3]):
        breach(f + ':1', 'no SPDX line')
    if len(lines) > 801:
        breach(f, f'{len(lines) - 1} lines (ceiling 800)')
    if f.endswith('.h') and room in ROOMS and len(lines) > 301:
        breach(f, f'a header of {len(lines) - 1} lines (ceiling 300)')
    if room in ROOMS:
        for i, line in enumerate(lines, 1):
            m = re.match(r'#include "([a-z0-9]+)/', line)
            if not m:
                continue
            other = m.group(1)
            if other in ROOMS and ROOMS.index(other) > ROOMS.index(room):
                breach(f'{f}:{i}', f'{room}/ must not include {other}/')
            if room == 'cli' and other == 'mta':
                breach(f'{f}:{i}', 'cli/ must not include mta/')
            if room != 'asn1' and re.match(r'#include "asn1/(gen/|asn1c_util\.h)', line):
                breach(f'{f}:{i}', 'types made by asn1c are for tests only')
            if room == 'mta' and other == 'asn1':
                breach(f'{f}:{i}', 'mta/ knows no ASN.1')
        start = None
        for i, line in enumerate(lines, 1):
            if line.startswith('{') or re.match(r'[A-Za-z].*\)\s*\{$', line):
                start = i
            elif line.startswith('}') and start:
                if i - start > 80:
                    breach(f'{f}:{start}', f'a function of {i - start} lines (ceiling 80)')
                start = None
    for m in re.finditer(r'\b(TODO|FIXME|XXX|HACK)\b', text):
        breach(f, f'says {m.group(0)}')

# Who raises an event gives the fields that its text has. Those in brackets, and of the lines about messages (WAY), may
# be absent.
shown, wanted, raised = {}, {}, set()
for row in re.split(r'\n    \[(?=EV_)', open('mta/events.c', encoding='utf-8').read())[1:]:
    name, text = re.match(r'EV_\w+', row).group(0), re.search(r'\.text =(.*?),\n\s+\.', row, re.S).group(1)
    wanted[name] = set(re.findall(r'{(\w+)}', re.sub(r'\[[^]]*\]', '', text)))
    shown[name] = None if 'WAY' in text else set(re.findall(r'{(\w+)}', text))
for f in (f for f in sources if f.startswith('mta/') and not f.startswith('mta/events')):
    text = open(f, encoding='utf-8').read()
    raised |= set(re.findall(r'\bEV_[A-Z_]+', text))
    for m in re.finditer(r'EVENT_RAISE\([^;]*?mta_event\((EV_\w+)\)(.*?)\);', text, re.S):
        name, given = m.group(1), set(re.findall(r'{"(\w+)",', m.group(2)))
        where = f'{f}:{text.count(chr(10), 0, m.start()) + 1}'
        for field in sorted(wanted.get(name, set()) - given):
            breach(where, f'{name} is raised without {{{field}}}, which its text has')
        for field in sorted(given - shown[name]) if shown.get(name) is not None else ():
            breach(where, f'{name} is raised with {field}, which its text does not show')
for name in sorted(wanted.keys() - raised):
    breach('mta/events.c', f'{name} is never raised')

for f in files:
    if f.startswith('tests/data/') or f == 'tests/lint.sh':
        continue
    try:
        data = open(f, 'rb').read()
    except OSError:
        continue
    if b'\0' in data:
        breach(f, 'a binary outside tests/data/')
    elif re.search(rb'/(work|root)/|\.\./shared', data):
        breach(f, 'names a path of one machine')

for b in breaches:
    print(b)
print(f'lint: {len(sources)} sources, {len(breaches)} breaches')
sys.exit(1 if breaches else 0)
PY
