# SPDX-License-Identifier: BSD-2-Clause
"""End-to-end tests: real daemons on loopback. One line a test, and at the end `N passed, N failed`.

    run.py [-j N] [--count N] [--list] [--keep] [NAME ...]     names: of tests, or the beginning of them

-j: so many at a time, each in a process of its own; most of them wait for timers.
--count: rounds of the tests that repeat something (killing a daemon): 3, or 10 for the whole proof."""
import argparse
import concurrent.futures
import importlib
import importlib.util
import os
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import BUILD, Failure, Skip, World  # noqa: E402

MODULES = ["mail", "refusals", "duplicates", "crash", "large", "hostile", "hang", "space", "life", "operate", "modes", "1984", "dialogue", "resume", "bind_back", "replay", "trace", "ping",
           "interop"]
REPORTS = False  # what a test measured is a line that its tier shows, too


def collect(names):
    tests = []
    for module in MODULES:
        if importlib.util.find_spec("test_" + module) is None:
            continue
        loaded = importlib.import_module("test_" + module)
        for name, f in vars(loaded).items():
            if name.startswith("test_") and callable(f):
                label = module + "." + name[5:]
                if not names or any(label.startswith(n) or name[5:].startswith(n) for n in names):
                    tests.append((label, f))
    return tests


def run(label, test, options):
    world, begun = World(), time.monotonic()
    world.count = options.count
    try:
        note = test(world)
        world.finish()
        faults = world.faults()
        if faults:
            raise Failure("; ".join(faults))
        print(f"ok    {label} ({time.monotonic() - begun:.1f} s){': ' + note if note and not REPORTS else ''}", flush=True)
        if note and REPORTS:
            print("\n".join(f"report: {label}: {line.strip()}" for line in note.strip().splitlines()), flush=True)
        return "passed"
    except Skip as e:
        print(f"skip  {label}: {e}", flush=True)
        return "skipped"
    except Exception as e:
        print(f"FAIL  {label} ({time.monotonic() - begun:.1f} s): {e}", flush=True)
        if not isinstance(e, Failure):
            traceback.print_exc(file=sys.stdout)
        print(world.logs(), flush=True)
        return "failed"
    finally:
        world.close()
        if options.keep:
            print(f"kept: {world.dir}", flush=True)
        else:
            world.remove()


def run_apart(label, options):
    """The same in a process of its own."""
    command = [sys.executable, os.path.abspath(sys.argv[0]), "--exact", "--count", str(options.count), label]
    p = subprocess.run(command + (["--keep"] if options.keep else []), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       text=True, errors="replace")
    lines = p.stdout.splitlines()
    print("\n".join(lines[:-1]), flush=True)
    first = next((line.split()[0] for line in lines if line.split() and line.split()[0] in ("ok", "FAIL", "skip")), "")
    return {"ok": "passed", "skip": "skipped"}.get(first, "failed")


def options_read():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", metavar="NAME")
    p.add_argument("-j", type=int, default=4, metavar="N")
    p.add_argument("--count", type=int, default=3)
    p.add_argument("--list", action="store_true")
    p.add_argument("--keep", action="store_true", help="leave the folders of the tests")
    p.add_argument("--exact", action="store_true", help=argparse.SUPPRESS)
    return p.parse_args()


def main():
    options = options_read()
    tests = collect(options.names)
    if options.exact:
        tests = [(label, f) for label, f in tests if label == options.names[0]]
    if options.list:
        print("\n".join(label for label, _ in tests))
        return 0
    if not os.path.exists(os.path.join(BUILD, "x400d")):
        print(f"{BUILD}/x400d is not there: build first")
        return 1
    if len(tests) == 1:
        results = [run(*tests[0], options)]
    else:
        with concurrent.futures.ThreadPoolExecutor(options.j) as pool:
            results = list(pool.map(lambda t: run_apart(t[0], options), tests))
    passed, failed, skipped = (results.count(r) for r in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed + skipped > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
