"""Follows a guide from top to bottom, as a new user would: in a clean home, with a terminal.

Owns what a page of ``docs/guides`` means. ``tests/test_guides.py`` runs them all; ``python -m tests.guides
NAME.md`` shows what the commands of one print now.

- In a block ``console`` a line ``$ ...`` is typed, lines ``> ...`` go on with it, the rest is what it prints.
- A block ``console in another terminal`` holds one command that stays.
- Blocks ``python`` are cells of a notebook; those in a row run in one Python. A block ``text`` after one is
  what it prints.
- ``...`` stands for any words of a line, on a line of its own for any lines.
- What follows a question ("Type yes: ") is typed.
- A comment ``<!-- differs: a, b -->`` names words that are others on each run: each stands for the same word
  throughout the page.
"""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
GUIDES = ROOT / "docs" / "guides"
SECONDS = 240
"""How long a page may take before it is given up."""
_MARK = "\x1e"
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"(Type yes: |type the count: )")
_ANSWERED = re.compile(rf"{_QUESTION.pattern}(\S+)$", re.MULTILINE)
_STAYING = {"smsdata simulate": "8025", "smsdata listen": "8026"}


@dataclass
class Step:
    """One command or cell: what is typed, what the page shows, and where."""

    typed: str
    shown: str
    line: int
    kind: str  # console, terminal or python


def steps_of(text: str) -> list[Step]:
    """The steps of a page, in order."""
    steps: list[Step] = []
    for block in _FENCE.finditer(text):
        kind, body = block[1], block[2]
        line = text[: block.start()].count("\n") + 2
        if kind == "python" and steps and steps[-1].kind == "python":
            steps[-1].typed += body
        elif kind == "python":
            steps.append(Step(body, "", line, "python"))
        elif kind == "text" and steps and steps[-1].kind == "python":
            steps[-1].shown += body
        elif kind.startswith("console"):
            steps += _typed(body, line, "terminal" if kind.endswith("another terminal") else "console")
    return steps


def _typed(body: str, line: int, kind: str) -> list[Step]:
    steps: list[Step] = []
    goes_on = False
    for offset, words in enumerate(body.splitlines()):
        if words.startswith("$ "):
            steps.append(Step(words[2:], "", line + offset, kind))
            goes_on = True
        elif goes_on and (words.startswith("> ") or words == ">"):
            steps[-1].typed += "\n" + words[2:]
        else:
            goes_on = False
            steps[-1].shown += words + "\n"
    return steps


def _ports(steps: list[Step]) -> dict[str, str]:
    """A free port for each that the page names, so that pages run beside each other."""
    typed = "\n".join(step.typed for step in steps)
    named = {port for words, port in _STAYING.items() if words in typed}
    named |= set(re.findall(r"(?:127\.0\.0\.1:|--port )(\d{4,5})", typed))
    free: dict[str, str] = {}
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in named]
    for port, one in zip(sorted(named), with_sockets, strict=True):
        free[port] = str(one.getsockname()[1])
        one.close()
    return free


class Terminal:
    """A shell that takes one command after the other, and gives what each prints, with its exit code."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        read, self._commands = os.pipe()
        self._keyboard, stdin = pty.openpty()  # some commands ask only where there is a terminal
        self._shell = subprocess.Popen(
            ["bash", f"/dev/fd/{read}"], cwd=folder, env=env, stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, pass_fds=[read], text=True,
        )  # fmt: skip
        os.close(read)
        os.close(stdin)
        self._watch = threading.Timer(SECONDS, self._end)
        self._watch.start()

    def run(self, command: str, answers: str = "") -> tuple[str, int]:
        """Give a command, and type the answers to what it asks."""
        os.write(self._keyboard, answers.encode())
        after = r"code=$?; printf '\n\036%s\n' $code; (exit $code)"
        os.write(self._commands, f"{command}\n{after}\n".encode())
        lines: list[str] = []
        for line in self._shell.stdout or ():
            if line.startswith(_MARK):
                return "".join(lines)[:-1], int(line[1:])
            lines.append(line)
        raise AssertionError(f"$ {command}\n{''.join(lines)}\nThe shell ended.")

    def _end(self) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, and what it started."""
        self._watch.cancel()
        os.close(self._commands)
        os.close(self._keyboard)
        self._end()
        self._shell.communicate()


class Page:
    """A guide, and what happens when it is followed in a folder."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.text = path.read_text()
        self.steps = steps_of(self.text)
        self.folder = folder
        self.ports = _ports(self.steps)
        named = re.findall(r"<!-- differs: (.*?) -->", self.text)
        self.stand_ins = dict.fromkeys((word for words in named for word in words.split(", ")), "")

    def follow(self, say: Callable[[str], object] = lambda words: None) -> list[str]:
        """Do all of it; gives each place where what was printed is not what the page shows."""
        for name in ("home", "work"):
            (self.folder / name).mkdir()
        wrong: list[str] = []
        with ExitStack() as stack:
            shell = Terminal(self.folder / "work", self._env())
            stack.callback(shell.close)
            for number, step in enumerate(self.steps):
                printed, code = self._do(step, shell, stack)
                say(f"$ {step.typed}\n{printed}\n")
                asks = self.steps[number + 1 : number + 2]
                if code and not (asks and asks[0].typed == "echo $?"):
                    return [*wrong, f"line {step.line}: $ {step.typed}\n{printed}\nexit code {code}"]
                wrong += self._compare(step, printed)
        return wrong

    def _env(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "TERM": "dumb",
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", ""),  # its list of fonts takes seconds to make
        }  # fmt: skip

    def _do(self, step: Step, shell: Terminal, stack: ExitStack) -> tuple[str, int]:
        typed = step.typed
        for word, stands_for in self.stand_ins.items():
            typed = typed.replace(word, stands_for) if stands_for else typed
        for port, free in self.ports.items():
            typed = re.sub(rf"\b{port}\b", free, typed)
        if step.kind == "python":
            typed = f"python - <<'CELLS'\n{typed}CELLS"
        if step.kind == "terminal":
            printed, code = self._other_terminal(step, typed, stack), 0
        else:
            answers = "".join(f"{answer}\n" for _, answer in _ANSWERED.findall(step.shown))
            printed, code = shell.run(typed, answers)
        for port, free in self.ports.items():
            printed = re.sub(rf"\b{free}\b", port, printed)
        return _QUESTION.sub(r"\1\n", printed), code

    def _other_terminal(self, step: Step, typed: str, stack: ExitStack) -> str:
        """Start a command that stays; gives the lines that it prints at first, as many as are shown."""
        if "--port" not in typed:
            (port,) = (port for words, port in _STAYING.items() if typed.startswith(words))
            typed += f" --port {self.ports[port]}"
        process = subprocess.Popen(
            ["bash", "-c", f"exec {typed} 2>&1"], cwd=self.folder / "work", env=self._env(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(process.communicate)
        stack.callback(process.kill)
        assert process.stdout is not None
        return "".join(process.stdout.readline() for _ in step.shown.splitlines())

    def _compare(self, step: Step, printed: str) -> list[str]:
        lines = _bare(_ANSWERED.sub(r"\1", step.shown)).split("\n")
        pattern = "\n".join(r"[^\0]*?" if line == "..." else re.escape(line) for line in lines)
        pattern = pattern.replace(re.escape("..."), ".*?")
        words = list(self.stand_ins)
        for number, word in enumerate(words):
            first, *rest = pattern.split(re.escape(word))
            if self.stand_ins[word]:
                pattern = pattern.replace(re.escape(word), re.escape(self.stand_ins[word]))
            elif rest:
                pattern = first + rf"(?P<w{number}>[\w-]+)" + f"(?P=w{number})".join(rest)
        match = re.fullmatch(pattern, _bare(printed))
        if match is None:
            return [f"line {step.line}: $ {step.typed}\n-- shown:\n{step.shown}-- printed:\n{printed}"]
        self.stand_ins |= {words[int(name[1:])]: found for name, found in match.groupdict().items()}
        return []


def _bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


if __name__ == "__main__":
    import tempfile

    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as place:
            differences = Page(GUIDES / name, Path(place)).follow(sys.stdout.write)
            sys.stdout.write("\n".join([f"\n{len(differences)} differences", *differences, ""]))
