"""Measures: the machine and its clocks, erg's own benchmarks, and the same work in PyTorch and JAX."""

import contextlib
import datetime
import importlib.util
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys

from . import toolkit
from .steps import Failed, Skipped

PEERS = toolkit.ROOT / "bench" / "peers"
CLOCKS = ("clocks.sm", "clocks.mem", "power.draw", "temperature.gpu")
FIGURES = ("name", "driver_version", "compute_cap", "memory.total", "clocks.max.sm", "clocks.max.mem", *CLOCKS)


# ---- The machine


def query_command(names):
    return ["nvidia-smi", "-i", "0", f"--query-gpu={','.join(names)}", "--format=csv,noheader,nounits"]


def query_gpu(names):
    """What nvidia-smi says of the first GPU: a dictionary, empty where there is none."""
    if not shutil.which("nvidia-smi"):
        return {}
    done = subprocess.run(query_command(names), capture_output=True, text=True, check=False)
    values = [value.strip() for value in done.stdout.strip().split(",")]
    return dict(zip(names, values, strict=True)) if done.returncode == 0 and len(values) == len(names) else {}


def has_gpu():
    return bool(query_gpu(["name"])) or pathlib.Path("/dev/nvidia0").exists()


def first_line(*command):
    """What a program says first, as in its version; or None."""
    if not shutil.which(command[0]):
        return None
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=toolkit.ROOT)
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else None


def cpu_name():
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
        return found[1] if found else None
    return None


def describe_machine():
    nvcc = toolkit.find("nvcc")
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": platform.node(),
        "system": platform.platform(),
        "cpu": cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": query_gpu(FIGURES),
        "nvcc": nvcc and toolkit.nvcc_version(nvcc),
        "compiler": first_line(os.environ.get("CXX", "g++"), "--version"),
        "cmake": first_line("cmake", "--version"),
        "python": platform.python_version(),
        "commit": first_line("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"),
    }


@contextlib.contextmanager
def watched_clocks(found):
    """Watches the clocks while its body runs, and puts their medians and extremes into `found`."""
    if not shutil.which("nvidia-smi"):
        yield
        return
    command = [*query_command(CLOCKS), "-lms", "500"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield
        finally:
            process.terminate()
            lines = [line.split(",") for line in process.communicate()[0].splitlines()]
            for i, name in enumerate(CLOCKS):
                values = [float(line[i]) for line in lines if len(line) == len(CLOCKS) and is_number(line[i])]
                if values:
                    found[name] = {"median": statistics.median(values), "least": min(values), "most": max(values)}


def is_number(text):
    return re.fullmatch(r"\s*\d+(\.\d+)?\s*", text) is not None


# ---- erg


def describe_devices(build, steps):
    """What erg finds to compute on. Raises Failed where that is no cuda device."""
    output = steps.command([build.program, "devices", "--json"])
    if output.code != 0:
        raise Failed(output.why())
    found = json.loads(output.stdout)
    if len(found["devices"]) < 2:
        raise Failed(found.get("no_cuda", "no cuda device"), found)
    return found


def benchmark_parts(build, steps, benchmark):
    """The names that `--only` of a benchmark takes, from its help."""
    output = steps.command([build.program, "bench", benchmark, "--help"])
    listed = re.search(r"--only[^{\n]*\{([^}]*)\}", output.stdout)
    if not listed:
        raise Failed(f"erg bench {benchmark} --help lists no --only: {output.why()}")
    return [name.strip() for name in listed[1].split(",")]


def run_benchmark(build, steps, benchmark, extra=lambda part: []):
    """An erg benchmark, part by part: what fails, or has no time left, takes nothing else along."""
    found = {"environment": None, "ceilings": {}, "remarks": [], "rows": [], "failed": {}, "clocks": {}}
    reduced = ["--small", "--repeats", "1"] if build.emulator else ["--repeats", "5"]
    with watched_clocks(found["clocks"]):
        for part in benchmark_parts(build, steps, benchmark):
            command = [build.program, "bench", benchmark, "--device", "cuda", "--format", "json", "--quiet", *reduced]
            # One that hangs must not take all of the others' time.
            most = steps.left() / 2
            output = steps.command([*command, "--only", part, *extra(part)], toolkit.vendor_libraries(), most)
            if output.code not in (0, 1) or not output.stdout:
                found["failed"][part] = output.why()
                continue
            report = json.loads(output.stdout)
            if output.code == 1:
                found["failed"][part] = "its chains miss their law"
            found["environment"] = report["environment"]
            found["ceilings"][part] = report["ceilings"]
            found["remarks"] += [line for line in report["remarks"] if line not in found["remarks"]]
            found["rows"] += report["rows"]
    if found["failed"]:
        raise Failed("; ".join(f"{part}: {why}" for part, why in found["failed"].items()), found)
    return found


def work_folder(out, part):
    return out / "work" / part.replace(" ", "-")


def bench_kernels(build, steps):
    return run_benchmark(build, steps, "ops")


def bench_langevin(build, steps, out):
    return run_benchmark(build, steps, "langevin", lambda part: ["--export", work_folder(out, part)])


# ---- Peers

# A peer leaves out what it has no time for: first comes what bars.py compares.
CHAINS_FIRST = {"fp32": ["mlp", "update"], "tf32": ["image"]}


def run_peer(build, steps, module, script, arguments):
    """A peer on the device (the emulator's is the CPU), with the Python that runs this."""
    if importlib.util.find_spec(module) is None:
        raise Skipped(f"this Python has no {module}")
    device = ["--device", "cpu" if build.emulator else "cuda"]
    quick = ["--repeats", "1"] if build.emulator else ["--repeats", "5"]
    found = {"clocks": {}}
    with watched_clocks(found["clocks"]):
        budget = ["--seconds", str(int(0.85 * steps.left()))]
        output = steps.command([sys.executable, PEERS / script, *arguments, *device, *quick, *budget])
    if output.code not in (0, 1) or not output.stdout:
        raise Failed(output.why(), found)
    found.update(json.loads(output.stdout))
    for name, why in found["left_out"].items():
        steps.note(f"left out: {name}: {why}")
    if output.code == 1:
        raise Failed("its chains miss their law", found)
    if not found["rows"]:
        raise Failed("nothing was measured in its time", found)
    return found


def peer_chains(build, steps, out, module, script, precision):
    """The exported work in another framework."""
    first = CHAINS_FIRST[precision]
    folders = [path.parent for path in (out / "work").glob("*/work.json")]
    folders.sort(key=lambda folder: (first.index(folder.name) if folder.name in first else len(first), folder))
    if precision == "tf32":
        folders = [folder for folder in folders if has_products(folder)]
    if not folders:
        raise Skipped("erg bench langevin exported no work")
    return run_peer(build, steps, module, script, [*folders, "--precision", precision])


def has_products(folder):
    """Whether a precision means anything to the work in a folder: whether its energy is a network."""
    return any(work["weights"] for work in json.loads((folder / "work.json").read_text())["work"])


def peer_kernels(build, steps, out):
    """The kernels' shapes in PyTorch."""
    rows = out / "work" / "kernels.json"
    if not rows.exists():
        raise Skipped("erg bench ops measured nothing")
    return run_peer(build, steps, "torch", "ops_torch.py", [rows])
