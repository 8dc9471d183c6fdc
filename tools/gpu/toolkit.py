"""The CUDA Toolkit: where it is, and what the repository compiles for."""

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = ROOT / "kernels" / "cuda"
RULERS = ("libcublas", "libcudnn", "libnvrtc")  # with the last, cuDNN compiles some of its kernels


def find(name):
    """The path of a program of the toolkit, or None. Looks where kernels/cuda/cuda.cmake looks for nvcc."""
    folders = [pathlib.Path(os.environ[key]) / "bin" for key in ("CUDA_PATH",) if os.environ.get(key)]
    folders += [pathlib.Path("/usr/local/cuda/bin"), pathlib.Path("/opt/cuda/bin")]
    chosen = os.environ.get("CUDACXX") if name == "nvcc" else None
    for candidate in (chosen, name, *(str(folder / name) for folder in folders)):
        found = shutil.which(candidate) if candidate else None
        if found:
            return found
    return None


def nvcc_version(nvcc):
    """As in "13.0", or None where nvcc does not run."""
    try:
        said = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"release (\d+\.\d+)", said)
    return found and found[1]


def vendor_libraries():
    """For the loader: where a Python package brought cuBLAS and cuDNN along. erg opens them if it finds them."""
    spec = importlib.util.find_spec("nvidia")
    places = [pathlib.Path(place) for place in (spec.submodule_search_locations if spec else ())]
    folders = {path.parent for place in places for path in place.rglob("lib*.so.*") if path.name.startswith(RULERS)}
    listed = [*sorted(map(str, folders)), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return {"LD_LIBRARY_PATH": ":".join(listed)} if listed else {}


def architectures():
    """The compute capabilities that cuda.cmake compiles for: [80, 90, ...]."""
    listed = re.search(r'set\(ERG_CUDA_ARCHITECTURES "([^"]*)"', (KERNELS / "cuda.cmake").read_text())
    return [int(re.match(r"\d+", entry)[0]) for entry in listed[1].split(";")]


def compile_options(architecture):
    """How nvcc compiles a kernel for one architecture: as in a Release build."""
    language = ["-std=c++20", "-O3", "-DNDEBUG", "--expt-relaxed-constexpr"]
    return [*language, "-DERG_HAS_CUDA=1", f"-I{ROOT}", f"-arch=sm_{architecture}"]
