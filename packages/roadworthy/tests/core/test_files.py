import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from roadworthy.base import files
from roadworthy.base.errors import InputError


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    files.write_atomic(path, "one")
    files.write_atomic(path, "två")
    assert path.read_text(encoding="utf-8") == "två"
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written") as error:
        files.write_atomic(tmp_path / "file" / "a.json", "x")
    assert "what was there before is unchanged" in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of a file")
def test_a_full_disk_keeps_the_old_file(tmp_path: Path) -> None:
    path = files.write_atomic(tmp_path / "a.json", "good")
    code = f"""
        import resource, signal
        from pathlib import Path
        from roadworthy.base import errors, files
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            files.write_atomic(Path({str(path)!r}), "new" * 10_000)
        except errors.InputError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path], "nothing half-written is left"


def test_a_scratch_folder_is_gone_unless_it_was_moved(tmp_path: Path) -> None:
    with files.scratch_folder(tmp_path) as scratch:
        (scratch / "a").write_text("x")
        scratch.rename(tmp_path / "kept")
    with pytest.raises(ZeroDivisionError), files.scratch_folder(tmp_path) as scratch:
        (scratch / "b").write_text(str(1 / 0))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
