"""Collects the libraries that erg is built with in one folder, for a machine without network or packages."""

import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

from . import toolkit

MOST = 60 << 20  # bytes of a folder that still travels
WANTED = ("usr/include/", "usr/share/cmake/", "usr/share/eigen3/", "usr/lib/cmake/")


def packages():
    """The Debian packages with headers and static libraries; tools/setup has the list."""
    listed = subprocess.check_output([toolkit.ROOT / "tools/setup", "--list", "build", "test"], text=True)
    return [name for name in listed.split() if name.endswith("-dev")]


def is_wanted(path):
    """Of a package: headers, static libraries, and what CMake finds them by. Links of shared libraries lead nowhere."""
    return path.startswith(WANTED) or path.endswith(".a") or (path.startswith("usr/lib/") and "/cmake/" in path)


def installed_files(package):
    """The package's files on this machine, or None where it is not installed."""
    done = subprocess.run(["dpkg", "-L", package], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else None


def copy(root, paths, folder):
    """Copies what is wanted of the paths, relative to the root; a link becomes the file that it points to."""
    for path in paths:
        source = root / path
        if is_wanted(path) and source.is_file():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / path)


def copy_downloaded(package, folder):
    """Downloads the package with apt-get and copies what is wanted out of it."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["apt-get", "download", package], cwd=work, check=True)
        root = pathlib.Path(work, "root")
        subprocess.run(["dpkg", "-x", *pathlib.Path(work).glob("*.deb"), root], check=True)
        copy(root, [str(path.relative_to(root)) for path in root.rglob("*")], folder)


def collect(folder):
    """Fills the folder. Returns the exit code."""
    if not (shutil.which("dpkg") and shutil.which("apt-get")):
        print("gpu_report: --collect needs Debian or Ubuntu, with dpkg and apt-get", file=sys.stderr)
        return 69
    for package in packages():
        files = installed_files(package)
        print(f"{package}: {'installed here' if files else 'downloading'}")
        if files:
            copy(pathlib.Path("/"), [path.lstrip("/") for path in files], folder)
            continue
        try:
            copy_downloaded(package, folder)
        except subprocess.CalledProcessError as error:
            print(f"gpu_report: {package} is neither installed nor to be had: {error}", file=sys.stderr)
            return 1
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB of headers and {platform.machine()} libraries")
    if size > MOST:
        print(f"gpu_report: that is more than {MOST >> 20} MiB", file=sys.stderr)
        return 1
    return 0
