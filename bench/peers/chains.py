"""What the peers that run chains share: the exported work, the check of the law, and a row of the report.

A peer gives `main` one function, `variants(work)`: pairs of a name and a function that makes a Runner of the work.
"""

import math

import common

np = common.np

CHECKED_CHAINS = 1024
POINTS, PERMUTATIONS = 512, 999


class Runner:
    """Chains of one piece of work in one framework."""

    def run(self):
        """Runs the work's chains from their starts, with noise of their own, to the end: what is timed."""
        raise NotImplementedError

    def ends(self, starts, noise=None):
        """Where chains from `starts` [B,...] end, as an array. With `noise` [steps,count,...] they take so many steps,
        the first chains with that noise, the others without."""
        raise NotImplementedError


def works(options):
    """The pieces of work, with arrays in place of file names."""
    for folder, work in common.entries(options):
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
        law["left_out"] = f"the law of chains with noise of their own: {common.NO_TIME}"
    elif work.reference is not None:
        ends = np.concatenate([runner.ends(work.starts[i : i + work.B]).reshape(work.B, -1) for i in batches])
        ends, reference = ends.astype(np.float64), work.reference.astype(np.float64)
        law["mean"], law["variance"], law["powers"], moments_p = moment_test(ends, reference)
        law["distance"], law["p"] = energy_test(ends, reference, work.seed)
        law["passed"] = bool(law["passed"] and min(moments_p, law["p"]) > work.significance)
    return law


def main(options, environment, variants):
    """Measures every variant of every piece of work and prints the report. Returns the exit code."""

    def row_of(work, name, runner, run):
        seconds = run / work.steps
        return {
            "workload": work.workload, "work": work.work, "variant": name, "precision": options.precision,
            "B": work.B, "d": work.d, "steps": work.steps, "threads": options.threads,
            "us_per_step": 1e6 * seconds, "mchain_steps_per_s": 1e-6 * work.B / seconds,
            "law": check_law(work, runner, options.precision, run, options.seconds - common.elapsed()),
        }  # fmt: skip

    return common.main(options, environment, works(options), variants, row_of, "law")
