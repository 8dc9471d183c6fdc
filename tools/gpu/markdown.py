"""report.md: what report.json holds, to read."""

from .bars import peer_ratio

RATIOS = "Medians. A ratio is another's time over erg's, in graphs where both are in one: above 1, erg is faster.\n"
UNITS = {"clocks.sm": "MHz", "clocks.mem": "MHz", "power.draw": "W", "temperature.gpu": "C"}


def number(value, digits=3):
    """As short as its precision allows: 0.0123, 4.56, 789."""
    if value is None:
        return "-"
    if isinstance(value, str | int):
        return str(value)
    return f"{value:.{digits}g}" if abs(value) < 999.5 else f"{value:.0f}"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines) + "\n"


def found(report, step):
    """What a step found: a dictionary, empty where it found nothing."""
    return (report["steps"].get(step) or {}).get("found") or {}


def machine(report):
    m = report["machine"]
    gpu = m["gpu"]
    if report["emulator"]:
        name = "The emulator, on the CPU: its times mean nothing."
    elif gpu:
        clocks = f"multiprocessors up to {gpu['clocks.max.sm']} MHz, memory up to {gpu['clocks.max.mem']} MHz"
        name = f"{gpu['name']}, driver {gpu['driver_version']}, {clocks}"
    else:
        name = "A GPU without nvidia-smi"
    lines = [
        f"- {name}",
        *ceilings(report),
        f"- nvcc {m['nvcc'] or '-'}, {m['compiler']}, {m['cmake'] or 'no cmake'}, Python {m['python']}{peers(report)}",
        f"- {m['cpu']}, {m['cores']} cores, {m['system']}",
        f"- {m['date']}, {m['machine']}, commit {m['commit'] or 'unknown'}",
    ]
    return "\n".join(lines) + "\n"


def peers(report):
    """The peers that were measured, with their versions: ", torch 2.9, jax 0.8"."""
    names = [step for step in report["steps"] if step.startswith(("torch", "jax"))]
    environments = [found(report, name)["environment"] for name in names if "environment" in found(report, name)]
    return "".join(sorted({f", {e['program']} {e['version']}" for e in environments}))


def steps(report):
    rows = [
        [name, step["status"] if step["status"] == "passed" else f"**{step['status']}**", step["seconds"], step["why"]]
        for name, step in report["steps"].items()
    ]
    return table(["step", "", "s", "why"], rows)


def tests(report):
    programs = found(report, "tests").get("programs")
    if not programs:
        return "No test ran.\n"
    rows = [[r["program"], r["passed"], len(r["failed"]), len(r["skipped"])] for r in programs]
    text = table(["program", "passed", "failed", "skipped"], rows)
    return text + "".join(f"\nFAILED: {name}\n" for name in found(report, "tests")["failed"])


def bars(report):
    """Every bar, what was measured and whether it was reached."""
    def bar(row, key):
        return "-" if row[key] is None else f"{'at most ' if row['at_most'] else ''}{row[key]} {row['unit']}"

    def verdict(row, key):
        if row[key] is None:
            return "-"
        return {True: "yes", False: "**no**", None: "**not measured**"}[row[f"{key}_reached"]]

    rows = [
        [row["item"], number(row["measured"]), bar(row, "must"), verdict(row, "must"), bar(row, "ambitious"),
         verdict(row, "ambitious")]
        for row in report["bars"]
    ]  # fmt: skip
    missing = sum(row["measured"] is None for row in report["bars"])
    must = [row["must_reached"] for row in report["bars"] if row["must"] is not None]
    summary = f"{must.count(True)} of {len(must)} bars were reached; {missing} of {len(rows)} rows were not measured."
    return f"{summary}\n\n" + table(["", "measured", "bar", "reached", "ambitious", "reached"], rows)


def rows_of(report, step):
    return found(report, step).get("rows", [])


def clocks(report, step):
    told = [
        f"{name} {number(v['median'])} {UNITS[name]} ({number(v['least'])} to {number(v['most'])})"
        for name, v in found(report, step).get("clocks", {}).items()
    ]
    return f"\nWhile this ran: {', '.join(told)}.\n" if told else ""


def left_out(report, *steps):
    """What peers did not measure, and why."""
    pairs = [(step, *pair) for step in steps for pair in found(report, step).get("left_out", {}).items()]
    lines = [f"- {step}: {name}: {why}\n" for step, name, why in pairs]
    return "\nLeft out:\n\n" + "".join(lines) if lines else ""


def of_ceiling(row):
    return f"{100 * row['fraction']:.0f} % of {row['ceiling']}"


def kernels(report):
    rows = []
    own = rows_of(report, "erg kernels")
    precisions = {(row["kernel"], row["shape"], row["precision"]) for row in own}
    for row in own:
        work, ratios = (row["kernel"], row["shape"]), []
        for peer in rows_of(report, "torch kernels"):
            if (peer["kernel"], peer["shape"]) != work:
                continue
            if peer["precision"] == row["precision"]:
                ratios.append(f"{peer['variant']} {number(peer_ratio(row, peer))}")
            elif (*work, peer["precision"]) not in precisions:  # erg knows only one
                ratios.append(f"{peer['variant']}, {peer['precision']} {number(peer_ratio(row, peer))}")
        rows.append([
            row["kernel"], row["shape"], row["precision"], number(row["us"]), number(row["us_in_graph"]),
            number(row["gflops_per_s"]), number(row["gbytes_per_s"]), of_ceiling(row),
            f"{row['ruler']} {number(row['ratio'])}" if row["ruler"] else "-", "; ".join(ratios) or "-",
        ])  # fmt: skip
    head = ["kernel", "shape", "", "us", "in a graph", "GFLOP/s", "GB/s", "ceiling", "vendor / erg", "PyTorch / erg"]
    return table(head, rows) + clocks(report, "erg kernels") + left_out(report, "torch kernels")


def failed(row):
    return "" if row["law"]["passed"] else " **FAILED**"


def chains(report):
    peers, runs = {}, [(f, p) for f in ("torch", "jax") for p in ("fp32", "tf32")]
    for framework, precision in runs:
        for row in rows_of(report, f"{framework} langevin {precision}"):
            peers.setdefault(row["work"], []).append((f"{framework} {row['variant']} {precision}", row))
    rows = []
    for row in rows_of(report, "erg langevin"):
        ratios = [
            f"{name} {number(peer['us_per_step'] / row['us_per_step'])}{failed(peer)}"
            for name, peer in peers.get(row["work"], [])
        ]
        rows.append([
            row["workload"], row["B"], row["d"], row["precision"] or "-", number(row["us_per_step"]),
            number(row["mchain_steps_per_s"]), of_ceiling(row),
            failed(row) or "ok", "; ".join(ratios) or "-",
        ])  # fmt: skip
    head = ["workload", "chains", "size", "", "us a step", "M chain-steps/s", "ceiling", "law", "peers / erg"]
    missing = left_out(report, *(f"{framework} langevin {precision}" for framework, precision in runs))
    return table(head, rows) + clocks(report, "erg langevin") + missing


def sanitizer(report):
    runs = found(report, "sanitizer")
    rows = [[tool, name, said] for tool, programs in runs.items() for name, said in programs.items()]
    return table(["tool", "program", ""], rows) if rows else "Not run.\n"


def ceilings(report):
    """Lines of the machine's description: the lowest and the highest that was measured of each."""
    rates, units = {}, {}
    for figures in found(report, "erg kernels").get("ceilings", {}).values():
        for name, figure in figures.items():
            rates.setdefault(name, []).append(figure["rate"])
            units[name] = figure["unit"]
    lines = [f"- {name}: {number(min(of))} to {number(max(of))} {units[name]}" for name, of in rates.items()]
    return [*lines, *(f"- {line}" for line in found(report, "erg kernels").get("remarks", []))]


def text(report):
    return "\n".join([
        "# erg on a GPU\n", machine(report), steps(report),
        "## Bars\n\nx: a ratio; of times, the other's over erg's. The worst row counts.\n", bars(report),
        "## Tests\n", tests(report), "## compute-sanitizer\n", sanitizer(report),
        "## Kernels\n", RATIOS, kernels(report), "## Langevin chains\n", RATIOS, chains(report),
    ])  # fmt: skip
