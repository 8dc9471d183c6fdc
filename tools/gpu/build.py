"""Builds the library, the CUDA tests and the program: with CMake, or where there is none with the compilers alone."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess

from . import toolkit
from .steps import Failed

ROOT = toolkit.ROOT
# The tests of the emulator's trial run: each step is tried, not each kernel, which CI does.
TRIAL_TESTS = ("cuda_oracle_test", "cuda_reduce_test", "graph_test")
WARNINGS_AND_MATHS = ["-Wall", "-Wextra", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]


class Build:
    """What is built, where and how. Afterwards `tests` and `program` are where they are."""

    def __init__(self, folder, architecture, emulator, dependencies):
        self.folder, self.architecture, self.emulator = folder, architecture, emulator
        self.prefix = dependencies and dependencies.resolve() / "usr"
        self.jobs = len(os.sched_getaffinity(0))
        self.program = folder / "tools" / "erg"

    def expected_tests(self):
        """The names of the test programs: all that a CUDA device has to pass."""
        names = sorted(path.stem for path in (ROOT / "tests").glob("*_test.cpp") if is_cuda_test(path.stem))
        return list(TRIAL_TESTS) if self.emulator else [name for name in names if not name.startswith("cuda_emulator")]

    def tests(self):
        """Those of them that were built."""
        paths = [self.folder / "tests" / name for name in self.expected_tests()]
        return [path for path in paths if path.exists()]

    def run(self, steps, by_hand):
        """Builds what can be built. Raises Failed when something is missing afterwards."""
        how = "compilers alone" if by_hand or not cmake_is_good() else "cmake"
        failed = with_cmake(self, steps) if how == "cmake" else ByHand(self, steps).run()
        wanted = [*(self.folder / "tests" / name for name in self.expected_tests()), self.program]
        missing = [path.name for path in wanted if not path.exists()]
        found = {"how": how, "jobs": self.jobs, "missing": missing}
        if failed:
            raise Failed(f"{failed.first_error()} (not built: {', '.join(missing) or 'nothing is missing'})", found)
        return found


def is_cuda_test(name):
    return re.fullmatch(r"(cuda_\w+|graph)_test", name) is not None


def cmake_is_good():
    """Whether there is a CMake, new enough for the project."""
    if not shutil.which("cmake"):
        return False
    said = subprocess.run(["cmake", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    needed = re.search(r"cmake_minimum_required\(VERSION (\d+)\.(\d+)", (ROOT / "CMakeLists.txt").read_text())
    return bool(version) and tuple(map(int, version.groups())) >= tuple(map(int, needed.groups()))


def with_cmake(build, steps):
    """Builds as CMakeLists.txt says. Returns what a command that failed printed; or None."""
    configure = ["cmake", "-S", ROOT, "-B", build.folder, "-DCMAKE_BUILD_TYPE=Release", "-DERG_TESTS=ON"]
    if shutil.which("ninja") and not (build.folder / "CMakeCache.txt").exists():
        configure += ["-G", "Ninja"]
    if build.prefix:
        configure.append(f"-DCMAKE_PREFIX_PATH={build.prefix}")
    if build.emulator:
        configure.append("-DERG_CUDA_EMULATOR=ON")
    else:
        configure += ["-DERG_CUDA=ON", f"-DCMAKE_CUDA_ARCHITECTURES={build.architecture}-real"]
        configure.append(f"-DCMAKE_CUDA_COMPILER={toolkit.find('nvcc')}")
    output = steps.command(configure)
    if output.code == 0:
        targets = [*build.expected_tests(), "erg_program"]
        make = ["cmake", "--build", build.folder, "--parallel", build.jobs, "--target", *targets]
        ninja = (build.folder / "build.ninja").exists()
        output = steps.command([*make, "--", *(["-k", "0"] if ninja else ["-k"])])
    return None if output.code == 0 else output


class ByHand:
    """The same by plain compiler calls: what CMakeLists.txt says, for this one purpose."""

    FOLDERS = ("kernels/cpu", "engine", "engine/ops", "engine/io", "models", "samplers", "tools", "tools/bench")
    LIBRARIES = "-lgmock_main -lgmock -lgtest -lrapidcheck -lpng -lz -lm -ldl -lrt -pthread".split()

    def __init__(self, build, steps):
        self.build, self.steps, self.failed = build, steps, None
        self.launcher = [shutil.which("ccache")] if shutil.which("ccache") else []
        prefix = build.prefix or pathlib.Path("/usr")
        version = re.search(r"project\(erg VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
        self.definitions = ["-DERG_REAL=float", "-DERG_HAS_CUDA=1", f'-DERG_VERSION="{version}"']
        self.definitions += [f'-DERG_SOURCE_DIR="{ROOT}"'] + (["-DERG_CUDA_EMULATOR=1"] if build.emulator else [])
        self.includes = [f"-I{ROOT}", f"-isystem{prefix}/include/eigen3"]
        self.includes += [f"-isystem{prefix}/include"] if build.prefix else []
        archives = build.prefix.rglob("*.a") if build.prefix else ()
        self.library_folders = sorted({f"-L{path.parent}" for path in archives})

    def sources(self):
        """What the tests and the program have in common."""
        files = [path for folder in self.FOLDERS for path in sorted((ROOT / folder).glob("*.cpp"))]
        files += sorted(toolkit.KERNELS.glob("*.cu"))
        files += sorted((toolkit.KERNELS / "emulator").glob("*.cpp")) if self.build.emulator else []
        return [path for path in files if path != ROOT / "tools/main.cpp"]

    def command(self, command):
        """Runs a command and keeps what the first that fails printed. Returns whether it did not fail."""
        output = self.steps.command(command)
        if output.code != 0 and not self.failed:
            self.failed = output
        return output.code == 0

    def compile(self, source):
        """Compiles a file. Returns its object, or None."""
        target = self.build.folder / "objects" / f"{source.relative_to(ROOT)}.o"
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".cu" and not self.build.emulator:
            nvcc = [toolkit.find("nvcc"), *toolkit.compile_options(self.build.architecture), "-DERG_REAL=float"]
            command = [*self.launcher, *nvcc, "-c", source, "-o", target]
        else:
            command = [*self.launcher, os.environ.get("CXX", "g++"), "-std=c++20", "-O3", "-DNDEBUG", "-fopenmp"]
            command += [*WARNINGS_AND_MATHS, *self.definitions, *self.includes]
            command += ["-c", "-x", "c++", source, "-o", target]
        return target if self.command(command) else None

    def link(self, objects, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [os.environ.get("CXX", "g++"), "-fopenmp", *objects, "-o", target, *self.library_folders]
        if not self.build.emulator:
            home = pathlib.Path(toolkit.find("nvcc")).resolve().parents[1]
            command += [f"-L{home}/{place}" for place in ("lib64", "lib", "targets/x86_64-linux/lib")]
            command.append("-lcudart_static")
        # The program has a main of its own, so that the linker takes none from the tests' libraries.
        self.command([*command, *self.LIBRARIES])

    def run(self):
        """Builds all. Returns what a command that failed printed; or None."""
        mains = {self.build.program: ROOT / "tools/main.cpp"}
        for name in self.build.expected_tests():
            mains[self.build.folder / "tests" / name] = ROOT / "tests" / f"{name}.cpp"
        sources = sorted(self.sources(), key=lambda path: path.suffix != ".cu")  # nvcc takes longest: those first
        with concurrent.futures.ThreadPoolExecutor(self.build.jobs) as pool:
            objects = list(pool.map(self.compile, [*sources, *mains.values()]))
            common, own = objects[: len(sources)], objects[len(sources) :]
            if None not in common:
                pairs = [(target, main) for target, main in zip(mains, own, strict=True) if main]
                list(pool.map(lambda pair: self.link([pair[1], *common], pair[0]), pairs))
        return self.failed
