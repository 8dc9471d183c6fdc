"""Runs the CUDA tests, and some of them again under compute-sanitizer."""

import json
import pathlib
import re
import tempfile

from . import toolkit
from .steps import Failed, Skipped

SANITIZERS = ("memcheck", "racecheck")
FOUND_ERRORS = 86  # an exit code that no test program has
# The same kernels through many operations are too slow to be watched; the vendors' kernels are not ours to watch.
NOT_WATCHED = ("cuda_op_test", "cuda_training_test", "cuda_oracle_test")


def environment(emulator):
    """Properties try the same examples each time. The emulator's work is on one thread anyway."""
    threads = {"OMP_NUM_THREADS": "1"} if emulator else {}
    return {"RC_PARAMS": "seed=20", **threads, **toolkit.vendor_libraries()}


def run_program(program, steps, emulator):
    """Runs a test program and counts its tests."""
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder, "tests.json")
        # One that hangs must not take all of the others' time.
        output = steps.command([program, f"--gtest_output=json:{report}"], environment(emulator), steps.left() / 2)
        result = {"program": program.name, "passed": 0, "failed": [], "skipped": []}
        try:
            suites = json.loads(report.read_text())["testsuites"]
        except (OSError, ValueError):  # it ended before it could write one
            failed = re.findall(r"^\[  FAILED  \] (\S+) \(", output.stdout, re.MULTILINE)
            passed = output.stdout.count("[       OK ]")
            return {**result, "passed": passed, "failed": [*failed, f"{program.name} ({output.why()})"]}
    for suite in suites:
        for test in suite["testsuite"]:
            name = f"{suite['name']}.{test['name']}"
            if test.get("failures"):
                result["failed"].append(name)
            elif test["result"] == "SKIPPED":
                result["skipped"].append(name)
            else:
                result["passed"] += test["result"] == "COMPLETED"
    return result


def run_tests(build, steps):
    """Every CUDA test. Raises Failed unless all pass and some ran."""
    programs = build.tests()
    if not programs:
        raise Failed("no test program was built")
    results = []
    for program in programs:
        results.append(run_program(program, steps, build.emulator))
        counts = [results[-1]["passed"], len(results[-1]["failed"]), len(results[-1]["skipped"])]
        steps.say(f"   {program.name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} skipped")
    failed = [name for result in results for name in result["failed"]]
    found = {
        "passed": sum(result["passed"] for result in results),
        "failed": failed,
        "skipped": [name for result in results for name in result["skipped"]],
        "programs": results,
    }
    if failed:
        raise Failed(f"{len(failed)} of {found['passed'] + len(failed)} tests failed: {', '.join(failed[:5])}", found)
    if not found["passed"]:
        raise Failed("every test was skipped", found)
    return found


def run_sanitizer(build, steps):
    """The kernels' own tests under compute-sanitizer, as many as there is time for."""
    sanitizer = toolkit.find("compute-sanitizer")
    if build.emulator:
        raise Skipped("the emulator checks accesses itself, and runs under the compiler's sanitizers")
    if not sanitizer:
        raise Skipped("no compute-sanitizer")
    found, bad = {tool: {} for tool in SANITIZERS}, []
    for tool, share in zip(SANITIZERS, (0.5, 1), strict=True):
        tool_ends = (1 - share) * steps.left()
        for program in build.tests():
            if program.name in NOT_WATCHED:
                continue
            # Calls of the runtime that fail are errors of our own, which the tests look at.
            command = [sanitizer, "--tool", tool, "--error-exitcode", FOUND_ERRORS, "--report-api-errors", "no"]
            most = (steps.left() - tool_ends) / 2
            output = steps.command([*command, "--print-limit", "5", program], environment(build.emulator), most)
            found[tool][program.name] = verdict(output)
            bad += [] if output.code == 0 else [f"{tool} of {program.name}: {verdict(output)}"]
    if bad:
        raise Failed(f"{len(bad)} runs did not pass: {'; '.join(bad[:3])}", found)
    return found


def verdict(output):
    """How a run under compute-sanitizer ended. One that was cut off has proved nothing."""
    summary = re.search(r"SUMMARY: (.*)", output.stdout + output.stderr)
    if output.code is None or not summary:
        return output.why()
    return summary[1] if output.code in (0, FOUND_ERRORS) else f"its tests failed; {summary[1]}"
