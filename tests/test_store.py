"""The store: outcomes written whole, checked when read, never unpickled; packed, taken over, verified, tidied away."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from generator.run.store import DamagedError, Made, Store, decode, encode
from tests.conftest import Run, change, files

KEY = "ab" + "0" * 62
OUTCOME = {"values": np.arange(6.0).reshape(2, 3), "steps": np.array(4), "reached": np.array(True)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "outcomes")
    store.write(KEY, encode(OUTCOME), Made(passes=3, seconds=1.5, network_seconds=1.25, peak_mib=700))
    return store


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": truncated,
    "a bit flipped": flipped,
    "empty": lambda content: b"",
    "no header": lambda content: content.partition(b"\n")[2],
    "a header of something else": lambda content: b'{"a": 1}\n' + content.partition(b"\n")[2],
    "a list for a header": lambda content: b"[1]\n" + content.partition(b"\n")[2],
    "more at the end": lambda content: content + b"x",
}


class TestFile:
    def test_gives_back_what_was_written(self, store: Store) -> None:
        read = store.read(KEY)
        assert read.keys() == OUTCOME.keys()
        for name, array in OUTCOME.items():
            assert read[name].dtype == array.dtype
            np.testing.assert_array_equal(read[name], array)
        assert store.made(KEY) == Made(3, 1.5, 1.25, 700)
        assert list(store) == [KEY]

    def test_is_the_same_bytes_for_the_same_arrays(self) -> None:
        assert encode(OUTCOME) == encode({name: array.copy() for name, array in OUTCOME.items()})

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_is_noticed(self, damage: str, store: Store) -> None:
        path = store.path(KEY)
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        with pytest.raises(DamagedError, match="damaged"):
            store.content(KEY)

    def test_gone_is_noticed(self, store: Store) -> None:
        store.path(KEY).unlink()
        assert KEY not in store
        with pytest.raises(DamagedError, match="gone"):
            store.read(KEY)

    def test_is_never_unpickled(self, store: Store) -> None:
        class Evil:
            def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
                return Path, ("unpickled",)

        out = BytesIO()
        np.savez(out, values=np.array([Evil()], dtype=object))
        store.write(KEY, out.getvalue(), Made(0, 0, 0, 0))
        with pytest.raises(ValueError, match="allow_pickle"):
            store.read(KEY)
        with pytest.raises((ValueError, OSError)):
            decode(pickle.dumps({"values": 1}))


class TestDamaged:
    @pytest.mark.parametrize("damage", ["truncated", "a bit flipped"])
    def test_is_told_and_computed_again(self, damage: str, ran: Path, tmp_path: Path, generator: Run) -> None:
        before = files(tmp_path / "build" / "results")
        pixels = {name: path.read_bytes() for name, path in before.items() if name.endswith(".png")}
        (part,) = json.loads((tmp_path / "build/results/alligator/manifest.json").read_text())["figures"][0]["parts"]
        path = Store(tmp_path / "outcomes").path(part)
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        change(ran, lambda lab: lab["experiments"]["alligator"].update(title="Autre titre"))
        done = generator("run", ran)
        assert done.returncode == 0, done.stderr
        assert f"{path} is damaged" in done.stderr
        assert "1 parts computed" in done.stdout
        again = files(tmp_path / "build" / "results")
        assert {name: again[name].read_bytes() for name in pixels} == pixels


class TestPack:
    def test_what_one_computes_another_takes_over(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        archive = tmp_path / "outcomes.zip"
        done = generator("pack", ran, str(archive))
        assert "8 outcomes" in done.stdout, done.stderr
        done = generator("run", ran, "--store", str(archive), name="elsewhere/build")
        assert "8 outcomes taken over" in done.stdout, done.stderr
        assert "0 parts computed; 3 of 3 experiments shown anew" in done.stdout
        here, there = (files(tmp_path / name / "results") for name in ("build", "elsewhere/build"))
        assert {name: path.read_bytes() for name, path in here.items()} == {
            name: path.read_bytes() for name, path in there.items()
        }
        log = json.loads((tmp_path / "elsewhere/build/run.json").read_text())
        assert {name: ran["taken_over"] for name, ran in log["experiments"].items()} == {
            "saillance": 2,
            "alligator": 1,
            "grain": 2,
        }

    def test_what_is_missing_is_told(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        change(ran, lambda lab: lab["experiments"]["alligator"].update(step=0.6))
        assert "1 are not computed yet" in generator("pack", ran, str(tmp_path / "outcomes.zip")).stdout

    @pytest.mark.parametrize("kind", ["none", "text", "other zip", "truncated", "foreign outcome"])
    def test_what_is_no_archive_is_one_line(self, kind: str, mini: Path, tmp_path: Path, generator: Run) -> None:
        archive = tmp_path / "given.zip"
        if kind == "text":
            archive.write_text("hello")
        elif kind != "none":
            with zipfile.ZipFile(archive, "w") as packed:
                if kind == "other zip":
                    packed.writestr("a.txt", "a")
                else:
                    index = dict.fromkeys(self.keys(mini, tmp_path), "0" * 64)
                    packed.writestr("index.json", json.dumps(index))
                    for key in index:
                        packed.writestr(f"{key}.outcome", b"what is this?")
        if kind == "truncated":
            archive.write_bytes(truncated(archive.read_bytes()))
        done = generator("run", mini, "--store", str(archive))
        assert done.returncode == 2, done.stdout
        (line,) = done.stderr.splitlines()
        assert str(archive) in line

    @staticmethod
    def keys(lab: Path, tmp_path: Path) -> list[str]:
        from generator.lab import read_lab
        from generator.run.plan import Means
        from generator.run.sharing import keys_of

        return list(keys_of(read_lab(lab, tmp_path), Means(tmp_path / "build")))


class TestVerify:
    def test_says_of_each_part_whether_it_came_out_the_same(self, ran: Path, tmp_path: Path, generator: Run) -> None:
        change(ran, lambda lab: [lab["experiments"].pop(name) for name in ("grain", "alligator")])
        question = "---\nnumber: 1\ntitle: Q\n---\n\n## Énoncé\n\nQuoi ?\n"
        shutil.rmtree(ran.parent / "questions")
        (ran.parent / "questions").mkdir()
        (ran.parent / "questions" / "q01-q.md").write_text(question, encoding="utf-8")
        done = generator("verify", ran, "--sample", "5", "--seed", "1")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("identical") == 2
        store = Store(tmp_path / "outcomes")
        manifest = json.loads((tmp_path / "build/results/saillance/manifest.json").read_text())
        # Networks are prepared again: what is kept of one cannot vouch for itself.
        look = manifest["parts"]["network principal"]
        wrong = {name: array * 2 if array.dtype == np.float32 else array for name, array in store.read(look).items()}
        store.write(look, encode(wrong), store.made(look))
        key = manifest["parts"]["oiseau"]
        store.write(key, encode({"values": np.zeros((224, 224), np.float32)}), store.made(key))
        done = generator("verify", ran, "--sample", "5", "--seed", "1")
        assert done.returncode == 1
        assert "saillance oiseau: DIFFERENT" in done.stdout
        assert "saillance mastiff: identical" in done.stdout


class TestTidy:
    def test_says_what_no_lab_uses_and_removes_it_when_asked_to(
        self, ran: Path, tmp_path: Path, generator: Run
    ) -> None:
        assert "0 outcomes" in generator("tidy", ran).stdout
        change(ran, lambda lab: lab["experiments"]["alligator"].update(step=0.6))
        # The results there are were made from it.
        assert "0 outcomes" in generator("tidy", ran).stdout
        shutil.rmtree(tmp_path / "build/results/alligator")
        before = set(Store(tmp_path / "outcomes"))
        assert "1 outcomes" in generator("tidy", ran).stdout
        assert set(Store(tmp_path / "outcomes")) == before
        assert "1 outcomes" in generator("tidy", ran, "--remove").stdout
        assert len(before - set(Store(tmp_path / "outcomes"))) == 1
