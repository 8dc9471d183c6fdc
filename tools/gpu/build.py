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
WARNINGS_AND_MATHS = ["-Wall", "-Wextra", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]


class Build:
    """What is built, where and how. Afterwards `tests` and `program` are where they are."""

    def __init__(self, folder, architecture, emulator, dependencies):
        self.folder, self.architecture, self.emulator = folder, architecture, emulator
        self.prefix = dependencies and dependencies.resolve() / "usr"
        self.jobs = len(os.sched_getaffinity(0))
        self.program = folder / "tools" / "erg"

    def tests(self):
        """The test programs that there are: all that a CUDA device has to pass."""
        return sorted(path for path in (self.folder / "tests").glob("*_test") if is_cuda_test(path.name))

    def expected_tests(self):
        names = sorted(path.stem for path in (ROOT / "tests").glob("*_test.cpp") if is_cuda_test(path.stem))
        return [name for name in names if self.emulator or name != "cuda_emulator_test"]

    def run(self, steps, by_hand):
        """Builds what can be built. Raises Failed when something is missing afterwards."""
        how = "compilers alone" if by_hand or not cmake_is_good() else "cmake"
        good = with_cmake(self, steps) if how == "cmake" else ByHand(self, steps).run()
        missing = [name for name in self.expected_tests() if not (self.folder / "tests" / name).exists()]
        missing += [] if self.program.exists() else ["erg"]
        found = {"how": how, "jobs": self.jobs, "missing": missing}
        if missing or not good:
            raise Failed(f"not built: {', '.join(missing)}" if missing else "the build failed, see the log", found)
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
    if steps.command(configure).code != 0:
        return False
    make = ["cmake", "--build", build.folder, "--target", "cuda_tests", "erg_program", "--parallel", build.jobs]
    ninja = (build.folder / "build.ninja").exists()
    return steps.command([*make, "--", *(["-k", "0"] if ninja else ["-k"])]).code == 0


class ByHand:
    """The same by plain compiler calls: what CMakeLists.txt says, for this one purpose."""

    FOLDERS = ("kernels/cpu", "engine", "engine/ops", "engine/io", "models", "samplers", "tools", "tools/bench")
    LIBRARIES = "-lgmock_main -lgmock -lgtest -lrapidcheck -lpng -lz -lm -ldl -lrt -pthread".split()

    def __init__(self, build, steps):
        self.build, self.steps = build, steps
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

    def compile(self, source):
        """Compiles a file. Returns its object, or None."""
        target = self.build.folder / "objects" / f"{source.relative_to(ROOT)}.o"
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".cu" and not self.build.emulator:
            nvcc = [toolkit.find("nvcc"), *toolkit.compile_options(self.build.architecture), "-DERG_REAL=float"]
            command = [*nvcc, "-c", source, "-o", target]
        else:
            command = [os.environ.get("CXX", "g++"), "-std=c++20", "-O3", "-DNDEBUG", "-fopenmp", *WARNINGS_AND_MATHS]
            command += [*self.definitions, *self.includes, "-c", "-x", "c++", source, "-o", target]
        return target if self.steps.command(command).code == 0 else None

    def link(self, objects, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [os.environ.get("CXX", "g++"), "-fopenmp", *objects, "-o", target, *self.library_folders]
        if not self.build.emulator:
            home = pathlib.Path(toolkit.find("nvcc")).resolve().parents[1]
            command += [f"-L{home}/{place}" for place in ("lib64", "lib", "targets/x86_64-linux/lib")]
            command.append("-lcudart_static")
        # The program has a main of its own, so that the linker takes none from the tests' libraries.
        return self.steps.command([*command, *self.LIBRARIES]).code == 0

    def run(self):
        mains = {self.build.program: ROOT / "tools/main.cpp"}
        for name in self.build.expected_tests():
            mains[self.build.folder / "tests" / name] = ROOT / "tests" / f"{name}.cpp"
        sources = sorted(self.sources(), key=lambda path: path.suffix != ".cu")  # nvcc takes longest: those first
        with concurrent.futures.ThreadPoolExecutor(self.build.jobs) as pool:
            objects = list(pool.map(self.compile, [*sources, *mains.values()]))
            if None in objects[: len(sources)]:
                return False
            common = objects[: len(sources)]
            pairs = zip(mains, objects[len(sources) :], strict=True)
            linked = pool.map(lambda pair: pair[1] and self.link([pair[1], *common], pair[0]), pairs)
            return all(linked)
