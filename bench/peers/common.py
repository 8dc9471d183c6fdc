"""What the peers share: the command line, the exported work, timing by turns, and the report."""

import argparse
import contextlib
import datetime
import importlib
import itertools
import json
import math
import os
import pathlib
import platform
import signal
import statistics
import sys
import time
import types

START = time.monotonic()


def framework(module, name):
    """Imports a framework, or ends with one line and exit code 69."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        print(f"{pathlib.Path(sys.argv[0]).name}: {name} is not installed ({error}); see README.md", file=sys.stderr)
        sys.exit(69)


np = framework("numpy", "NumPy")

SHORTEST = 0.03  # seconds a measurement should last
NO_TIME = "no time was left"


def arguments(description, benchmark):
    """The command line. Limits the process to the threads asked for, and so must come before a framework is loaded."""
    parser = argument_parser(description)
    parser.add_argument("folders", type=pathlib.Path, nargs="+", metavar="FOLDER",
                        help=f"what `erg bench {benchmark} --export FOLDER` wrote")  # fmt: skip
    parser.add_argument("--only", help=f"one workload, as in erg bench {benchmark}")
    parser.add_argument("--precision", choices=("fp32", "tf32"), default="fp32", help="of products on a GPU")
    return parse(parser)


def argument_parser(description):
    """With the options that every peer has."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if there is one")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeats", type=int, default=10, help="measurements, of which the median counts")
    parser.add_argument("--seconds", type=float, default=math.inf, help="leave out what would take longer")
    return parser


def parse(parser):
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    return options


def no_device(name):
    """Ends the program: the device that was asked for is not there."""
    print(f"{pathlib.Path(sys.argv[0]).name}: {name} finds no GPU", file=sys.stderr)
    sys.exit(69)


def entries(options):
    """What work.json says of each piece of work in the folders, and its folder: each once, those of a folder from the
    last, as the largest are there and time may be short."""
    done = set()
    for folder in options.folders:
        description = json.loads((folder / "work.json").read_text())
        shared = {name: value for name, value in description.items() if name != "work"}
        for entry in reversed(description["work"]):
            if entry["work"] not in done and options.only in (None, entry["workload"]):
                done.add(entry["work"])
                yield folder, types.SimpleNamespace(**shared, **entry)


# ---- Time


class Timed:
    """A body timed in turns with others; its time is the median of its measurements."""

    def __init__(self, body):
        self.body, self.calls, self.seconds = body, 1, []
        body()  # compiles
        self.calls = max(1, math.ceil(SHORTEST / self.seconds_a_call()))

    def seconds_a_call(self):
        start = time.perf_counter()
        for _ in range(self.calls):
            self.body()
        return (time.perf_counter() - start) / self.calls

    def measure(self):
        self.seconds.append(self.seconds_a_call())


class TimeUp(BaseException):
    """Raised wherever the program is, and caught by no framework."""


@contextlib.contextmanager
def until(seconds):
    """Leaves its body, done or not, so many seconds after the program began."""

    def ring(*_):
        raise TimeUp

    try:
        if seconds < math.inf:
            signal.signal(signal.SIGALRM, ring)
            # Again each second, as what is raised in a destructor is lost.
            signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds - elapsed()), 1)
        yield
    except TimeUp:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def elapsed():
    """Seconds since the program began."""
    return time.monotonic() - START


def prepare(variants, jobs, left_out):
    """Of (label, function that makes a Runner): appends (label, runner, timed body) of those that work to `jobs`, and
    keeps in `left_out` what became of the others. A label is a tuple of words."""
    for label, make in variants:
        name = ", ".join(label)
        left_out[name] = NO_TIME
        print(f"preparing {name}", file=sys.stderr)
        try:
            runner = make()
            jobs.append((label, runner, Timed(runner.run)))
            del left_out[name]
        except Exception as error:  # noqa: BLE001 - whatever a framework throws, the others are measured
            left_out[name] = f"{type(error).__name__}: {error}".splitlines()[0][:300]


def measure(jobs, repeats):
    """Measures the jobs in turns."""
    for round in range(repeats):
        print(f"measuring {round + 1}/{repeats}", file=sys.stderr)
        for *_, timed in jobs:
            timed.measure()


def report(options, environment, rows, left_out):
    environment = {
        **environment, "date": datetime.date.today().isoformat(), "threads": options.threads,
        "python": platform.python_version(),
    }  # fmt: skip
    print(json.dumps({"environment": environment, "rows": rows, "left_out": left_out}, indent=2))


def main(options, environment, works, variants, row_of, check):
    """Measures every variant of every piece of work and prints the report: half of the time is there to prepare, and a
    quarter to measure. `variants(work)` are pairs of a name and a function that makes what runs; `row_of(work, name,
    runner, seconds of a run)` is a row, none of which stands without what it says under `check`. Returns the exit
    code."""
    works = {work.work: work for work in works}
    by_work = [[((key, name), make) for name, make in variants(work)] for key, work in works.items()]
    # The first variant of everything before the second of anything: compilation may take all the time there is.
    labelled = [variant for those in itertools.zip_longest(*by_work) for variant in those if variant]
    jobs, rows, left_out = [], [], {}
    with until(0.5 * options.seconds):
        prepare(labelled, jobs, left_out)
    reached = {label[0] for label, *_ in jobs} | {name.split(", ")[0] for name in left_out}
    left_out.update({key: NO_TIME for key in works if key not in reached})
    with until(0.75 * options.seconds):
        measure(jobs, options.repeats)
    jobs = [job for job in jobs if job[2].seconds]
    left_out.update({", ".join(label): f"{NO_TIME} for its check" for label, *_ in jobs})
    with until(options.seconds):
        for (key, name), runner, timed in jobs:
            rows.append(row_of(works[key], name, runner, statistics.median(timed.seconds)))
            left_out[f"{key}, {name}"] = rows[-1][check].pop("left_out", None)
    left_out = {name: why for name, why in left_out.items() if why}
    report(options, environment, rows, left_out)
    return 0 if all(row[check]["passed"] for row in rows) else 1
