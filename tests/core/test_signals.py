"""Signals end every process, whatever it waits for, and lose nothing that was saved."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from jaxgan.core import signals

PROGRAM = textwrap.dedent("""
    import ctypes, fcntl, pathlib, signal, sys, termios, threading, time
    if sys.argv[2] == "terminal":  # is the one whose end is told
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in signal.SIGINT, signal.SIGHUP:
        if sys.argv[2] != "background":
            signal.signal(number, signal.default_int_handler
                          if number == signal.SIGINT else signal.SIG_DFL)
    from jaxgan.scripts import cli
    from jaxgan.core import signals

    def say(word):
        print(word, flush=True)

    def stand_still():
        # A lock of the C library's, taken twice by one thread: no instruction of
        # Python's is run again, whatever comes.
        lock, mutex = ctypes.CDLL(None).pthread_mutex_lock, bytes(64)
        lock(mutex), lock(mutex)

    def train():
        with signals.deferred() as stopped:
            say("ready")
            while not stopped():
                time.sleep(0.01)
            say("saving")
            (folder / "saved").touch()
        raise signals.Terminated(stopped())

    def wait():
        say("ready")
        time.sleep(100)

    def train_stuck():
        with signals.deferred():
            say("ready")
            stand_still()

    def score_stuck():
        say("ready")
        stand_still()

    def shut_down_stuck():
        threading.Thread(target=stand_still).start()
        say("ready")
        time.sleep(100)

    def main(name):
        with cli.run_folder("--out", folder, "test") as own:
            (own / cli.CONFIG).touch()
            globals()[name]()

    folder = pathlib.Path(sys.argv[3])
    for name, seconds in zip(("LIMIT", "MOMENT"), sys.argv[4:]):
        setattr(signals, name, float(seconds))
    cli.run(main, sys.argv[1])
""")


ENOUGH = 2 * signals.TOGETHER


class Child:
    """A program that has said that it is ready."""

    def __init__(self, name, folder, *, how="foreground", limits=(), **options):
        words = [name, how, folder / "run", *limits]
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        assert self.process.stdout.readline() == "ready\n"
        time.sleep(ENOUGH)  # until it stands still

    def send(self, number, seconds=0.0):
        time.sleep(seconds)
        self.process.send_signal(number)

    def ended(self, seconds=20):
        """Status, what was said, and after how many seconds."""
        began = time.monotonic()
        try:
            said = self.process.communicate(timeout=seconds)[1]
        finally:
            self.process.kill()
        return self.process.returncode, said, time.monotonic() - began


@pytest.fixture
def start(tmp_path):
    children = []

    def begin(name, **options):
        children.append(Child(name, tmp_path, **options))
        return children[-1]

    yield begin
    for child in children:
        child.process.kill()


every = pytest.mark.parametrize("number", signals.SIGNALS)
stopping = pytest.mark.parametrize("number", signals.STOPPING)


@stopping
@pytest.mark.parametrize("name", ["train_stuck", "score_stuck"])
def test_two_signals_end_what_stands_still_in_native_code(
    start, tmp_path, name, number
):
    child = start(name)
    child.send(number)
    child.send(number, ENOUGH)
    status, said, seconds = child.ended()
    assert status == 128 + number
    assert said.endswith(f"--resume {tmp_path / 'run'}\n") and said.count("\n") == 1
    assert seconds < signals.MOMENT + signals.FAREWELL


@pytest.mark.parametrize("name", ["score_stuck", "shut_down_stuck"])
def test_one_signal_ends_what_nobody_saves_within_the_limit(start, tmp_path, name):
    child = start(name, limits=(0.5,))
    child.send(signal.SIGTERM)
    status, said, _ = child.ended()
    assert status == 128 + signal.SIGTERM
    assert said.endswith(f"--resume {tmp_path / 'run'}\n") and said.count("\n") == 1


@every
@pytest.mark.parametrize("name", ["train", "wait"])
def test_each_signal_saves_and_says_how_to_go_on(start, tmp_path, name, number):
    child = start(name)
    child.send(number)
    status, said, _ = child.ended()
    assert status == 128 + number
    assert said.endswith(f"--resume {tmp_path / 'run'}\n") and said.count("\n") == 1
    assert (tmp_path / "run" / "saved").exists() == (name == "train")


def test_signals_that_come_together_are_one(start, tmp_path):
    # As from `timeout`, which tells the process and its group. It is stopped meanwhile,
    # so that they come together however slow this process is.
    child = start("train")
    child.send(signal.SIGSTOP)
    os.waitid(os.P_PID, child.process.pid, os.WSTOPPED)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT):
        child.send(number)
    status, said, _ = child.ended()
    assert status in {128 + signal.SIGTERM, 128 + signal.SIGHUP}
    assert said.endswith(f"--resume {tmp_path / 'run'}\n") and said.count("\n") == 1
    assert (tmp_path / "run" / "saved").exists()


def test_they_are_one_also_where_the_first_has_ended_what_deferred_it():
    with pytest.raises(signals.Terminated) as stop:
        with signals.raised(lambda number: pytest.fail("it did not end")):
            with signals.deferred() as stopped:
                signal.raise_signal(signal.SIGTERM)
                first = stopped()
            signal.raise_signal(signal.SIGUSR1)
            raise signals.Terminated(first)
    assert stop.value.number == signal.SIGTERM


def test_handlers_stay_while_others_may_come_with_the_first():
    began = time.monotonic()
    with pytest.raises(signals.Terminated):
        with signals.raised(lambda number: pytest.fail("it did not end")):
            signal.raise_signal(signal.SIGUSR1)
    assert time.monotonic() - began >= signals.TOGETHER
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("name", ["train", "wait"])
def test_what_was_ignored_at_the_beginning_stays_ignored(start, name, number):
    # As by `nohup`, and by shells for what runs in the background.
    before = signal.signal(number, signal.SIG_IGN)
    try:
        child = start(name, how="background")
    finally:
        signal.signal(number, before)
    child.send(number)
    child.send(number, ENOUGH)
    time.sleep(ENOUGH)
    assert child.process.poll() is None
    child.send(signal.SIGTERM)
    assert child.ended()[0] == 128 + signal.SIGTERM


def test_a_run_whose_terminal_is_lost_is_saved(tmp_path):
    ours, theirs = pty.openpty()
    words = ["train", "terminal", tmp_path / "run"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    assert b"ready" in os.read(ours, 100)
    os.close(ours)
    assert process.wait(30) == 128 + signal.SIGHUP
    assert (tmp_path / "run" / "saved").exists()


def test_handlers_of_a_programs_own_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []
    own = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        with signals.deferred() as stopped:
            signal.raise_signal(signal.SIGUSR1)
            assert seen == [signal.SIGUSR1] and stopped() is None
    finally:
        signal.signal(signal.SIGUSR1, own)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_nobody_asked_for_is_raised_at_the_end():
    reached = []
    with pytest.raises(signals.Terminated) as stop:
        with signals.deferred() as stopped:
            assert stopped() is None
            signal.raise_signal(signal.SIGTERM)
            reached.append("the end")
    assert reached == ["the end"] and signals.number(stop.value) == signal.SIGTERM


def test_a_second_signal_interrupts_what_was_deferred():
    with pytest.raises(signals.Terminated) as stop:
        with signals.deferred() as stopped:
            signal.raise_signal(signal.SIGUSR2)
            assert stopped() == signal.SIGUSR2
            time.sleep(ENOUGH)
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("it went on")
    assert stop.value.number == signal.SIGTERM
