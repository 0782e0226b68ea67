"""A file is written completely or not at all, whatever other processes do."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from nnkit.errors import FileSaveError
from nnkit.files.atomic import write_atomically


def start(program, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


WRITER = """
    import sys
    from nnkit.files.atomic import write_atomically

    def write(file):
        file.write(b"slow")
        file.flush()
        print("writing", flush=True)
        sys.stdin.readline()

    write_atomically(sys.argv[1], write)
"""


def test_a_save_never_removes_the_file_that_another_process_writes(tmp_path):
    """Whatever the clock says: the temporary file looks years old."""
    path = tmp_path / "net[1].npz"
    process = start(WRITER, path)
    assert process.stdout.readline() == b"writing\n"
    (temporary,) = tmp_path.iterdir()
    os.utime(temporary, (0, 0))
    write_atomically(path, lambda file: file.write(b"quick"))
    assert path.read_bytes() == b"quick"
    assert temporary.exists()
    process.communicate(b"\n")
    assert process.returncode == 0
    assert path.read_bytes() == b"slow"
    assert [path] == list(tmp_path.iterdir())


def test_what_a_killed_save_leaves_is_removed_by_the_next(tmp_path):
    path = tmp_path / "net.npz"
    (tmp_path / ".another.npz.0123.tmp").write_bytes(b"not ours")
    process = start(WRITER, path)
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(tmp_path.iterdir())) == 2
    write_atomically(path, lambda file: file.write(b"next"))
    assert {".another.npz.0123.tmp", "net.npz"} == {one.name for one in tmp_path.iterdir()}


def test_processes_that_save_to_one_path_do_not_harm_each_other(tmp_path):
    path = tmp_path / "net.npz"
    program = """
        import sys
        from nnkit.files.atomic import write_atomically

        for _ in range(60):
            write_atomically(sys.argv[1], lambda file: file.write(sys.argv[2].encode() * 5000))
    """
    processes = [start(program, path, letter) for letter in "abcd"]
    seen = set()
    while any(process.poll() is None for process in processes):
        if path.exists():
            content = path.read_bytes()
            assert len(content) == 5000
            assert len(set(content)) == 1
            seen.add(content[:1])
        time.sleep(0.001)
    for process in processes:
        process.communicate()
    assert [0] * 4 == [process.returncode for process in processes]
    assert len(seen) > 1
    assert [path] == list(tmp_path.iterdir())


def test_threads_that_save_to_one_path_do_not_harm_each_other(tmp_path):
    path = tmp_path / "net.npz"
    errors = []

    def save(letter):
        try:
            for _ in range(50):
                write_atomically(path, lambda file: file.write(letter * 5000))
        except BaseException as error:  # noqa: BLE001  # whatever a thread raises is shown below
            errors.append(error)

    threads = [threading.Thread(target=save, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert len(path.read_bytes()) == 5000
    assert [path] == list(tmp_path.iterdir())


def test_an_exception_leaves_the_old_file(tmp_path):
    path = tmp_path / "net.npz"
    path.write_bytes(b"before")

    def failing(file):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(FileSaveError, match=r"net\.npz could not be written \(No space left on device\).*as it was"):
        write_atomically(path, failing)

    def interrupted(file):
        file.write(b"half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, interrupted)
    assert path.read_bytes() == b"before"
    assert [path] == list(tmp_path.iterdir())


def test_it_has_the_permissions_of_any_new_file(tmp_path):
    write_atomically(tmp_path / "a", lambda file: file.write(b""))
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    write_atomically(tmp_path / "link", lambda file: file.write(b"content"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "file").read_bytes() == b"content"


def test_the_longest_name_that_a_file_may_have(tmp_path):
    path = tmp_path / ("ä" * 127)
    write_atomically(path, lambda file: file.write(b"content"))
    assert path.read_bytes() == b"content"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileSaveError, match=r"net\.npz could not be written \(No such file or directory\)"):
        write_atomically(tmp_path / "no" / "net.npz", lambda file: None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are those of Unix")
def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    """A file moved there would replace it, as it would replace a device such as /dev/stdout."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, lambda file: file.write(b"content"))
    reader.join(timeout=20)
    assert received == [b"content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [pipe] == list(tmp_path.iterdir())
