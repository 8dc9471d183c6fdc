"""What the peers share: reading the exported work, timing by turns, the check of the law, and the report.

A peer gives `main` one function, `variants(work)`: pairs of a name and a function that makes a Runner of the work.
"""

import argparse
import contextlib
import datetime
import importlib
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

CHECKED_CHAINS = 1024
POINTS, PERMUTATIONS = 512, 999
SHORTEST = 0.03  # seconds a measurement should last
NO_TIME = "no time was left"


class Runner:
    """Chains of one piece of work in one framework."""

    def run(self):
        """Runs the work's chains from their starts, with noise of their own, to the end: what is timed."""
        raise NotImplementedError

    def ends(self, starts, noise=None):
        """Where chains from `starts` [B,...] end, as an array. With `noise` [steps,count,...] they take so many steps,
        the first chains with that noise, the others without."""
        raise NotImplementedError


def arguments(description):
    """The command line. Limits the process to the threads asked for, and so must come before a framework is loaded."""
    parser = argument_parser(description)
    parser.add_argument("folders", type=pathlib.Path, nargs="+", metavar="FOLDER",
                        help="what `erg bench langevin --export FOLDER` wrote")  # fmt: skip
    parser.add_argument("--only", help="one workload, as in erg bench langevin")
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


def read_all(options):
    """Every piece of work in the folders once."""
    done = set()
    for folder in options.folders:
        for work in read_work(folder, options.only):
            if work.work not in done:
                done.add(work.work)
                yield work


def read_work(folder, only):
    """The pieces of work, with arrays in place of file names: the largest first, as time may be short."""
    description = json.loads((folder / "work.json").read_text())
    for entry in reversed(description["work"]):
        if only and entry["workload"] != only:
            continue
        work = types.SimpleNamespace(**entry, seed=description["seed"], significance=description["significance"])
        for name in ("starts", "given_noise", "reference"):
            setattr(work, name, None if getattr(work, name) is None else np.load(folder / getattr(work, name)))
        for driven in (work.driven, work.driven_in_tf32):
            driven["chains"] = np.load(folder / driven["chains"])
        work.weights = [np.load(folder / name) for name in work.weights]
        work.given_noise = work.given_noise.reshape(work.steps, -1, *work.starts.shape[1:])
        yield work


# ---- The law: the same tests as tools/bench/law.cpp


def driven_difference(work, driven, runner):
    """How far chains end from chains in double with the same noise, relative to their way: the lower middle one's."""
    count = min(work.B, work.given_noise.shape[1])
    noise = work.given_noise[: driven["steps"], :count]
    ends = runner.ends(work.starts[: work.B], noise).reshape(work.B, -1)[:count]
    reference = driven["chains"][:count].astype(np.float64)
    way = reference - work.starts[:count].reshape(count, -1)
    differences = np.sum((ends - reference) ** 2, 1) / np.sum(way**2, 1)
    return math.sqrt(np.sort(differences)[(count - 1) // 2]) if np.all(np.isfinite(differences)) else math.inf


def moment_test(a, b):
    """The largest differences of mean, variance and pooled powers in standard errors, and their significance."""

    def mean_difference(a, b):
        return np.abs(a.mean(0) - b.mean(0)) / np.sqrt(a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b))

    def variance_difference(a, b):
        def squared_error(x):
            return (((x - x.mean(0)) ** 4).mean(0) - x.var(0, ddof=1) ** 2) / len(x)

        return np.abs(a.var(0, ddof=1) - b.var(0, ddof=1)) / np.sqrt(squared_error(a) + squared_error(b))

    def powers(x):
        return np.stack([(x**k).mean(1) for k in (2, 3, 4)], 1)

    found = [mean_difference(a, b), variance_difference(a, b), mean_difference(powers(a), powers(b))]
    comparisons = sum(len(differences) for differences in found)
    largest = [float(np.max(differences)) for differences in found]
    return *largest, min(1.0, comparisons * math.erfc(max(largest) / math.sqrt(2)))


def some_points(x):
    count = min(len(x), POINTS)
    step = max(1, len(x) // count - 1) | 1
    return x[: count * step : step]


def energy_test(a, b, seed):
    """The energy distance of two samples, and the share of random relabellings where it is as large."""
    a, b = some_points(a), some_points(b)
    points = np.concatenate([a, b])
    squares = np.sum(points**2, 1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0))
    labels = np.concatenate([np.full(len(a), 1 / len(a)), np.full(len(b), -1 / len(b))])
    generator = np.random.default_rng(seed)
    columns = np.stack([labels] + [generator.permutation(labels) for _ in range(PERMUTATIONS)], 1)
    found = -np.sum(columns * (distances @ columns), 0)
    return float(found[0]), float(np.mean(found >= found[0] - 1e-12))


def check_law(work, runner, precision, seconds_a_run, seconds_left):
    """How far chains driven by the same noise end from one another and, where there is time, the law of a thousand."""
    driven = work.driven_in_tf32 if precision == "tf32" else work.driven
    law = {"passed": False, "difference": driven_difference(work, driven, runner)}
    law["passed"] = law["difference"] < driven["allowed"]
    batches = range(0, max(CHECKED_CHAINS, work.B), work.B)
    if work.reference is not None and len(batches) * seconds_a_run > seconds_left:
        law["left_out"] = f"the law of chains with noise of their own: {NO_TIME}"
    elif work.reference is not None:
        ends = np.concatenate([runner.ends(work.starts[i : i + work.B]).reshape(work.B, -1) for i in batches])
        ends, reference = ends.astype(np.float64), work.reference.astype(np.float64)
        law["mean"], law["variance"], law["powers"], moments_p = moment_test(ends, reference)
        law["distance"], law["p"] = energy_test(ends, reference, work.seed)
        law["passed"] = bool(law["passed"] and min(moments_p, law["p"]) > work.significance)
    return law


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


def row_of(work, name, runner, timed, options):
    run = statistics.median(timed.seconds)
    seconds = run / work.steps
    return {
        "workload": work.workload, "work": work.work, "variant": name, "precision": options.precision,
        "B": work.B, "d": work.d, "steps": work.steps, "threads": options.threads,
        "us_per_step": 1e6 * seconds, "mchain_steps_per_s": 1e-6 * work.B / seconds,
        "law": check_law(work, runner, options.precision, run, options.seconds - elapsed()),
    }  # fmt: skip


def main(options, environment, variants):
    """Measures every variant of every piece of work and prints the report: half of the time is there to prepare, and a
    quarter to measure. No row stands without the check of its law. Returns the exit code."""
    works = {work.work: work for work in read_all(options)}
    labelled = (((key, name), make) for key, work in works.items() for name, make in variants(work))
    jobs, rows, left_out = [], [], {}
    with until(0.5 * options.seconds):
        prepare(labelled, jobs, left_out)
    reached = {label[0] for label, *_ in jobs} | {name.split(", ")[0] for name in left_out}
    left_out.update({key: NO_TIME for key in works if key not in reached})
    with until(0.75 * options.seconds):
        measure(jobs, options.repeats)
    jobs = [job for job in jobs if job[2].seconds]
    left_out.update({", ".join(label): f"{NO_TIME} for the check of its law" for label, *_ in jobs})
    with until(options.seconds):
        for (key, name), runner, timed in jobs:
            rows.append(row_of(works[key], name, runner, timed, options))
            left_out[f"{key}, {name}"] = rows[-1]["law"].pop("left_out", None)
    left_out = {name: why for name, why in left_out.items() if why}
    report(options, environment, rows, left_out)
    return 0 if all(row["law"]["passed"] for row in rows) else 1
