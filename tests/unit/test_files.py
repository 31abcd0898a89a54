"""Files are whole or not there, and trusted only by size and hash."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.storage.files import RecordFolder, SyncedNowAndThen, sha256_of, write_durably

KEY = RecordKey("tencent", "13339451618278424869")


@pytest.fixture
def folder(tmp_path: Path) -> RecordFolder:
    return RecordFolder(tmp_path, KEY)


def test_the_folder_is_named_by_the_ids_alone(folder: RecordFolder, tmp_path: Path) -> None:
    assert folder.path == tmp_path / "tencent" / "13339451618278424869"


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_key_whatever_leads_out_of_the_data_folder(source: str, record_id: str) -> None:
    root = Path("/data")

    path = RecordFolder(root, RecordKey(source, record_id)).path

    assert Path(os.path.normpath(path)) == path
    assert path.parent.parent == root
    assert max(len(part.encode()) for part in path.parts) <= 128


def test_a_file_has_its_name_only_once_it_is_published(folder: RecordFolder) -> None:
    folder.part("audio.flac").write_bytes("声音".encode())
    assert not folder.file("audio.flac").exists()

    artifact = folder.publish("audio.flac", duration_s=12.5)

    assert folder.file("audio.flac").read_bytes() == "声音".encode()
    assert not folder.part("audio.flac").exists()
    assert (artifact.name, artifact.size_bytes, artifact.duration_s) == ("audio.flac", 6, 12.5)
    assert folder.holds(artifact)


@pytest.mark.parametrize("damage", ["gone", "shorter", "same size, other bytes"])
def test_a_damaged_file_is_not_trusted(folder: RecordFolder, damage: str) -> None:
    artifact = folder.write("transcript.json", b"0123456789")
    path = folder.file("transcript.json")

    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"012345678" if damage == "shorter" else b"012345678X")

    assert not folder.holds(artifact)


def test_files_and_folders_are_for_their_owner_only(folder: RecordFolder) -> None:
    folder.write("summary.json", b"{}")

    assert stat.S_IMODE(folder.file("summary.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700


def test_security_06_a_link_planted_at_the_temporary_name_is_not_followed(
    folder: RecordFolder, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    folder.part("summary.json").symlink_to(victim)

    folder.write("summary.json", b"ours")

    assert victim.read_text() == "untouched"
    assert folder.file("summary.json").read_bytes() == b"ours"
    assert not folder.file("summary.json").is_symlink()


def test_removing_takes_the_grown_part_too_and_may_be_repeated(folder: RecordFolder) -> None:
    folder.write("recording.m4a", b"1")
    folder.part("recording.m4a").write_bytes(b"2")

    folder.remove("recording.m4a")
    folder.remove("recording.m4a")

    assert list(folder.path.iterdir()) == []


def test_replacing_a_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "index.json"

    write_durably(path, b"one")
    write_durably(path, b"two")

    assert [entry.name for entry in tmp_path.iterdir()] == ["index.json"]
    assert path.read_bytes() == b"two"
    assert sha256_of(path) == "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"


@pytest.mark.parametrize("name", ["../other/recording.m4a", "recording./../../x", "notes.txt"])
def test_only_a_name_of_the_stage_itself_is_discarded(tmp_path: Path, name: str) -> None:
    folder = RecordFolder(tmp_path, RecordKey("fake", "1"))
    folder.write("recording.m4a", b"sound")
    folder.write("notes.txt", b"mine")
    folder.part("recording.m4a").write_bytes(b"so")
    (tmp_path / "x").write_bytes(b"not ours")

    folder.discard("recording", name)

    assert sorted(path.name for path in folder.path.iterdir()) == ["notes.txt", "recording.m4a"]
    assert (tmp_path / "x").exists()
    folder.discard("recording", "recording.m4a")
    assert [path.name for path in folder.path.iterdir()] == ["notes.txt"]


def test_the_disk_gets_what_has_come_while_the_rest_still_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, now = tmp_path / "recording.part", [100.0]
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append(path.read_bytes()))

    with path.open("wb") as stream:
        growing = SyncedNowAndThen(stream, clock=lambda: now[0])
        for block in (b"one ", b"two ", b"three ", b"four"):
            now[0] += 0.15
            growing.write(block)

    assert synced == [b"one two ", b"one two three four"]
    assert path.read_bytes() == b"one two three four"
