"""The parts of a report, one after another: each has its share of the time, and none of them stops the others."""

import os
import re
import signal
import subprocess
import time
import traceback


class Failed(Exception):
    """What a part says when it went wrong, in a line; `found` is what it found all the same."""

    def __init__(self, why, found=None):
        super().__init__(why)
        self.found = found


class Skipped(Exception):
    """Why a part was not run, in a line."""


class Output:
    """What a command printed, on both streams, and how it ended: an exit code, or None when its time was up."""

    def __init__(self, code, stdout, stderr):
        self.code, self.stdout, self.stderr = code, stdout, stderr

    def last_line(self):
        lines = (self.stdout + self.stderr).strip().splitlines()
        return lines[-1] if lines else "it printed nothing"

    def first_error(self):
        """The first line that speaks of an error, with the one below, which may say more; or the last line."""
        lines = [line.strip() for line in (self.stderr + self.stdout).splitlines() if line.strip()]
        errors = [i for i, line in enumerate(lines) if re.search(r"\b(error|fatal)\b", line, re.IGNORECASE)]
        return " ".join(lines[errors[0] : errors[0] + 2])[:300] if errors else self.last_line()

    def why(self):
        """How a command that failed ended."""
        return "its time was up" if self.code is None else f"exit code {self.code}: {self.last_line()}"


class Steps:
    """Runs parts and keeps what became of them in `results`, by name: a status, why, seconds, and what was found."""

    def __init__(self, minutes, log, changed):
        self.start, self.seconds = time.monotonic(), 60 * minutes
        self.log, self.changed = log, changed
        self.results, self.limit = {}, self.start

    def left(self):
        """Seconds that the part which is running still has."""
        return max(0.0, self.limit - time.monotonic())

    def run(self, name, share, body):
        """Runs body(), which may take this share of the whole time or what is left of it, and keeps what it returns."""
        begin = time.monotonic()
        end = self.start + self.seconds
        self.limit = min(end, begin + share * self.seconds)
        result = {"status": "passed", "why": "", "seconds": 0.0, "found": None}
        self.say(f"== {name}")
        try:
            if begin > end - 2:
                raise Skipped("no time was left")
            result["found"] = body()
        except Skipped as reason:
            result.update(status="skipped", why=str(reason))
        except Failed as reason:
            result.update(status="failed", why=str(reason), found=reason.found)
        except Exception as reason:  # noqa: BLE001 - a file or a reply that is not as it should be stops nothing else
            self.note(traceback.format_exc())
            result.update(status="failed", why=f"{type(reason).__name__}: {reason}")
        result["seconds"] = round(time.monotonic() - begin, 1)
        self.results[name] = result
        self.say(f"== {name}: {result['status']} ({result['seconds']} s){': ' if result['why'] else ''}{result['why']}")
        try:
            self.changed()
        except Exception:  # noqa: BLE001 - the steps that are left are worth more than this report of them
            self.say(traceback.format_exc())
        return result["found"]

    def command(self, command, environment=None, most=None):
        """Runs a command until the part's time, or `most` seconds, are up; then it and its children are killed."""
        command = [str(word) for word in command]
        self.note("$ " + " ".join(command))
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True, env={**os.environ, **(environment or {})},
        ) as process:  # fmt: skip
            try:
                stdout, stderr = process.communicate(timeout=min(self.left(), most or self.left()))
                code = process.returncode
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                stdout, stderr = process.communicate()
                code = None
            except BaseException:  # who interrupts this ends its children too, which the terminal does not reach
                os.killpg(process.pid, signal.SIGKILL)
                raise
        self.note(stdout + stderr + f"-> {'killed: its time was up' if code is None else code}\n")
        return Output(code, stdout, stderr)

    def note(self, text):
        """A line for the log alone."""
        self.log.write(text.rstrip("\n") + "\n")
        self.log.flush()

    def say(self, text):
        print(text, flush=True)
        self.note(text)
