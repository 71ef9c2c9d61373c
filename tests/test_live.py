"""The page on which readers try the networks: programs, kernels, images, and the page itself in a browser."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import timm
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr
from skimage.color import deltaE_cie76, rgb2lab
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from generator.images import read_image
from generator.lab import read_lab
from generator.project import BROWSER
from generator.results.programs import read_program
from generator.vision.engine import Refused, export, flatten
from generator.vision.engine.flat import FlatNetwork
from generator.vision.engine.program import Program, stored, written
from generator.vision.opening import Network
from tests import kernels
from tests.conftest import ROOT, Run, change, needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class Branches(nn.Module):
    """Concatenations that convolutions read, and that something else reads; a sum; pooling of odd windows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 5, 3, padding=1), nn.Conv2d(3, 6, 1)
        self.c, self.d = nn.Conv2d(11, 7, 3, padding=1), nn.Conv2d(11, 7, 1)
        self.scores = nn.Linear(18 * 4, 5)

    def forward(self, images: Tensor) -> Tensor:
        both = torch.cat([self.a(images).relu(), self.b(images)], 1)
        added = (self.c(both) + self.d(both)).relu()
        pooled = nn.functional.max_pool2d(torch.cat([both, added], 1), (3, 2), 2, (1, 0))
        scores: Tensor = self.scores(nn.functional.adaptive_avg_pool2d(pooled, 2).flatten(1))
        return scores


def scored(channels: int, places: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(channels * places, 5)]


NETWORKS: dict[str, tuple[Callable[[], nn.Module], int, int]] = {
    "a kernel as large as what it reads": (lambda: nn.Sequential(*scored(1, 144)), 12, 1),
    "channels that are no multiple of four": (
        lambda: nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.Conv2d(7, 10, 3, 2, 1), nn.ReLU6(), *scored(10, 25)),
        12,
        3,
    ),
    "one channel": (lambda: nn.Sequential(nn.Conv2d(1, 3, 5, padding=2), nn.ReLU(), *scored(3, 144)), 12, 1),
    "dilation, groups, sides that differ": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3, dilation=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(6, 6, (3, 5), groups=6, dilation=(2, 1), padding=(1, 2)),
            nn.Conv2d(6, 9, (1, 3), stride=(2, 1), groups=3),
            nn.Hardtanh(-0.3, 0.4),
            nn.AdaptiveAvgPool2d(1),
            *scored(9, 1),
        ),
        16,
        3,
    ),
    "one channel each, all sizes": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 7, 1),
            nn.Conv2d(7, 7, 3, padding=1, groups=7),
            nn.ReLU(),
            nn.Conv2d(7, 7, 5, 2, 2, groups=7),
            nn.Conv2d(7, 7, 5, padding=1, groups=7),
            nn.ReLU6(),
            nn.Conv2d(7, 7, 3, 2, groups=7),
            nn.Conv2d(7, 7, 7, 3, 3, groups=7),
            *scored(7, 9),
        ),
        40,
        3,
    ),
    "pooling of all kinds": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.MaxPool2d(3, 1, 1),
            nn.AvgPool2d(3, 2, 1),
            nn.MaxPool2d((2, 3), (3, 1), dilation=(2, 1)),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            *scored(6, 12),
        ),
        32,
        3,
    ),
    "concatenations and sums": (Branches, 16, 3),
    "squeezenet": (torchvision.models.squeezenet1_1, 64, 3),
    "a residual network": (partial(torchvision.models.ResNet, BasicBlock, (1, 1, 1, 1)), 64, 3),
    "groups of a residual network": (
        partial(torchvision.models.ResNet, Bottleneck, (1, 1, 1, 1), groups=32, width_per_group=4),
        64,
        3,
    ),
    "a mobile network": (torchvision.models.mobilenet_v2, 64, 3),
    "a dense network": (lambda: timm.create_model("densenet121"), 64, 3),
}


def made(name: str) -> tuple[nn.Module, FlatNetwork, int, int]:
    """A network with weights of chance, and normalisations that do something; the same each time."""
    make, size, channels = NETWORKS[name]
    torch.manual_seed(0)
    module = make().eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_var is not None and part.running_mean is not None:
            part.running_var.uniform_(0.5, 2)
            part.running_mean.normal_(0, 0.1)
    prepared = flatten(export(module, size, channels))
    assert isinstance(prepared, FlatNetwork)
    return module, prepared, size, channels


def looked(scores_of: Callable[[Tensor], Tensor], images: Tensor) -> tuple[Tensor, Tensor]:
    """Scores, and the gradient of the highest one of each image."""
    pixels = images.clone().requires_grad_()
    scores = scores_of(pixels)
    (gradient,) = torch.autograd.grad(scores.max(dim=1).values.sum(), pixels)
    return scores.detach(), gradient


def off(found: Any, right: Any) -> float:
    found, right = np.asarray(found, dtype=np.float64), np.asarray(right, dtype=np.float64)
    return float(np.linalg.norm(found - right) / np.linalg.norm(right))


class TestPrograms:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_are_the_network_there_and_back(self, name: str) -> None:
        module, prepared, size, channels = made(name)
        images = torch.randn(2, channels, size, size, dtype=torch.float64)
        right = looked(module.double(), images)
        found = looked(written(prepared).scores, images)
        # The weights, folded in float64, are kept in float32.
        assert off(found[0], right[0]) < 1e-6
        assert off(found[1], right[1]) < 1e-5

    @pytest.mark.parametrize(
        ("module", "named"),
        [
            (nn.Sequential(nn.Conv2d(3, 4, 3), nn.SiLU(), *scored(4, 196)), "silu"),
            (nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), *scored(4, 196)), "group_norm"),
            (nn.Sequential(nn.AvgPool2d(3, 2, 1, count_include_pad=False), *scored(3, 64)), "avg_pool2d"),
            (nn.Sequential(nn.AdaptiveAvgPool2d(5), *scored(3, 25)), "adaptive_avg_pool2d"),
            (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2), *scored(4, 784)), "upsample"),
            (nn.Sequential(*scored(3, 256), nn.Softmax(1)), "softmax"),
        ],
    )
    def test_refuse_what_has_no_place_in_them_by_its_name(self, module: nn.Module, named: str) -> None:
        prepared = flatten(export(module.eval().requires_grad_(False), 16))
        assert isinstance(prepared, FlatNetwork)
        with pytest.raises(Refused, match=named):
            written(prepared)

    def test_keep_sixteen_bits_of_each_weight(self) -> None:
        program = written(made("a mobile network")[1])
        rounded = stored(program)
        for before, after in zip(program.arrays, rounded.program.arrays, strict=True):
            rows, found = before.reshape(len(before), -1), after.reshape(len(after), -1)
            step = np.abs(rows).max(axis=1, keepdims=True) / (2**15 - 1)
            assert (np.abs(rows - found) <= step * 0.51).all()
        exact = sum(array.size for array in program.arrays if array.ndim > 1)
        assert len(rounded.weights) < 2.5 * exact


@pytest.fixture(scope="module")
def bench(browser: Browser) -> Iterator[Page]:
    """A page with the engine and the images' arithmetic, and nothing else."""
    page = browser.new_page()
    page.goto("about:blank")
    for name in ("engine.js", "images.js"):
        page.add_script_tag(path=BROWSER / name)
    page.evaluate("""() => {
        self.unpacked = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
        self.packed = (values) => {
            const bytes = new Uint8Array(values.buffer);
            let text = "";
            for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
            return btoa(text);
        };
    }""")
    yield page
    page.close()


def text(values: NDArray[Any] | bytes) -> str:
    return base64.b64encode(values if isinstance(values, bytes) else values.tobytes()).decode()


def in_the_browser(page: Page, kind: str, program: Program, image: Tensor, wanted: int) -> tuple[NDArray[Any], ...]:
    """Scores and gradient (C, H, W) of one image, (C, H, W), by a program with rounded weights."""
    travels = stored(program)
    found = page.evaluate(
        """([kernels, program, weights, image, wanted]) => {
            const engine = tpEngine(unpacked(kernels), program, unpacked(weights).buffer);
            const pixels = new Float32Array(unpacked(image).buffer);
            engine.scores(pixels);
            engine.gradient((wanted + 1) % 5); // leaves nothing behind
            return [engine.scores(pixels), engine.gradient(wanted)].map(packed);
        }""",
        [
            text((BROWSER / f"kernels-{kind}.wasm").read_bytes()),
            travels.description,
            text(travels.weights),
            text(image.permute(1, 2, 0).contiguous().numpy()),
            wanted,
        ],
    )
    scores, gradient = (np.frombuffer(base64.b64decode(one), dtype=np.float32) for one in found)
    return scores, gradient.reshape(*image.shape[1:], -1).transpose(2, 0, 1)


@needs_chromium
class TestKernels:
    def test_come_from_their_source(self, tmp_path: Path) -> None:
        for file in kernels.compile_to(tmp_path):
            assert file.read_bytes() == (BROWSER / file.name).read_bytes(), "python -m tests.kernels compiles them"

    @pytest.mark.parametrize("kind", kernels.KINDS)
    @pytest.mark.parametrize("name", NETWORKS)
    def test_compute_what_torch_does(self, bench: Page, name: str, kind: str) -> None:
        _, prepared, size, channels = made(name)
        program = written(prepared)
        image = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(1))
        right, gradient = looked(stored(program).program.scores, image)
        found = in_the_browser(bench, kind, program, image[0], int(right.argmax()))
        assert off(found[0], right[0]) < 1e-5
        # A ReLU at its kink goes one way or the other by the last digit.
        assert off(found[1], gradient[0]) < (1e-5 if size < 64 else 5e-2)

    @pytest.mark.parametrize("name", NETWORKS)
    def test_excite_a_layer_as_torch_does(self, bench: Page, name: str) -> None:
        _, prepared, size, channels = made(name)
        travels = stored(written(prepared))
        image = torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(1))
        found = bench.evaluate(
            """([kernels, program, weights, image]) => {
                const engine = tpEngine(unpacked(kernels), program, unpacked(weights).buffer);
                const pixels = new Float32Array(unpacked(image).buffer);
                const some = engine.layers.filter((_, n, all) => n % Math.ceil(all.length / 12) === 0);
                return some.map((layer) => {
                    engine.gradient(1); // leaves nothing behind
                    const { score, gradient } = engine.excite(pixels, layer.at);
                    return { ...layer, score, gradient: packed(gradient) };
                });
            }""",
            [
                text((BROWSER / "kernels-plain.wasm").read_bytes()),
                travels.description,
                text(travels.weights),
                text(image[0].permute(1, 2, 0).contiguous().numpy()),
            ],
        )
        # What is as large as one place says nothing of where something is.
        assert bool(found) == (name != "a kernel as large as what it reads")
        for layer in found:
            operations = travels.program.operations[: layer["at"] + 1]
            last = replace(operations[-1], limits=(None, None))
            until = replace(travels.program, operations=(*operations[:-1], last), output=last.output)
            assert (layer["side"], layer["channels"]) == (until.shapes[last.output][0], until.shapes[last.output][2])
            pixels = image.clone().requires_grad_()
            score = until.scores(pixels).square().mean()
            (gradient,) = torch.autograd.grad(score, pixels)
            there = np.frombuffer(base64.b64decode(layer["gradient"]), dtype=np.float32)
            assert layer["score"] == pytest.approx(score.item(), rel=1e-4)
            right = gradient[0].permute(1, 2, 0).flatten()
            assert off(there, right) < (1e-4 if size < 64 else 5e-2)

    def test_refuse_an_operation_that_they_do_not_know(self, bench: Page) -> None:
        travels = stored(written(made("one channel")[1]))
        strange = json.loads(json.dumps(travels.description).replace('"conv"', '"sigmoid"'))
        with pytest.raises(Exception, match="not known: sigmoid"):
            bench.evaluate(
                "([k, p, w]) => { tpEngine(unpacked(k), p, unpacked(w).buffer); }",
                [text((BROWSER / "kernels-plain.wasm").read_bytes()), strange, text(travels.weights)],
            )

    def test_are_as_near_to_the_network_as_the_page_says(self, bench: Page, lite0: Network) -> None:
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        assert isinstance(lite0.scorer, FlatNetwork)
        program, ranks = written(lite0.scorer), []
        for spec in list(lab.images.values())[:4]:
            image = lite0.normalise([read_image(lab.locate(spec.file), lite0.size)])
            right, gradient = looked(lite0.scorer, image)
            scores, found = in_the_browser(bench, "plain", program, image[0], int(right.argmax()))
            assert scores.argmax() == right.argmax()
            ranks.append(spearmanr(*(np.abs(np.asarray(g)).max(axis=0).ravel() for g in (found, gradient[0])))[0])
        assert np.median(ranks) >= 0.995
        assert min(ranks) >= 0.98


@needs_chromium
class TestImages:
    @pytest.mark.parametrize(("height", "width"), [(300, 400), (411, 333), (90, 160), (1000, 223), (224, 224)])
    def test_are_cropped_and_resized_as_the_generator_does_it(
        self, bench: Page, tmp_path: Path, height: int, width: int
    ) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "image.png")
        found = bench.evaluate(
            "([pixels, width, height]) => packed(tpImages.fitted({ pixels: unpacked(pixels), width, height }, 224))",
            [text(pixels), width, height],
        )
        right = read_image(tmp_path / "image.png", 224)
        assert base64.b64decode(found) == right.tobytes()

    def test_lie_on_white_where_they_are_transparent_and_are_turned_by_their_exif(
        self, bench: Page, tmp_path: Path
    ) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
        pixels[..., 3] = np.where(np.arange(60) < 30, 255, 0)
        turned = Image.Exif()
        turned[0x0112] = 6
        Image.fromarray(pixels).save(tmp_path / "image.png", exif=turned)
        found = bench.evaluate(
            """async (file) => packed(tpImages.fitted(
                tpImages.pixelsOf(await tpImages.bitmap(new Blob([unpacked(file)], { type: "image/png" }))), 32))""",
            text((tmp_path / "image.png").read_bytes()),
        )
        assert base64.b64decode(found) == read_image(tmp_path / "image.png", 32).tobytes()

    def test_are_grey_as_pillow_makes_them(self, bench: Page) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        found = bench.evaluate(
            "(pixels) => packed(tpImages.normalised(unpacked(pixels), { mean: [0], std: [1] }))", text(pixels)
        )
        right = np.array(Image.fromarray(pixels).convert("L"), dtype=np.float32) / np.float32(255)
        assert np.frombuffer(base64.b64decode(found), dtype=np.float32) == pytest.approx(right.ravel(), abs=1e-7)

    def test_are_seen_from_closer_as_a_dream_sees_them_and_back(self, bench: Page) -> None:
        image = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(1), requires_grad=True)
        slope = torch.randn(1, 3, 24, 24, generator=torch.Generator().manual_seed(2))
        scale, middle = 1.7, [0.3, -0.2]
        across = torch.tensor([[[1 / scale, 0, middle[1]], [0, 1 / scale, middle[0]]]])
        grid = nn.functional.affine_grid(across, [1, 3, 24, 24], align_corners=False)
        view = nn.functional.grid_sample(image, grid, padding_mode="border", align_corners=False)
        (back,) = torch.autograd.grad(view, image, slope)
        found = bench.evaluate(
            """([scale, middle, ...images]) => images.map((image, back) =>
                packed(tpImages.closer(new Float32Array(unpacked(image).buffer), 24, 3, scale, middle, back === 1)))""",
            [scale, middle, *(text(one[0].permute(1, 2, 0).contiguous().detach().numpy()) for one in (image, slope))],
        )
        for one, right in zip(found, (view, back), strict=True):
            there = np.frombuffer(base64.b64decode(one), dtype=np.float32).reshape(24, 24, 3)
            assert there == pytest.approx(right[0].permute(1, 2, 0).detach().numpy(), abs=1e-5)

    def test_differ_by_the_delta_e_of_the_figures(self, bench: Page) -> None:
        random = np.random.default_rng(0)
        one, other = (random.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(2))
        found = bench.evaluate("(two) => tpImages.deltaE(...two.map(unpacked))", [text(one), text(other)])
        assert found == pytest.approx(deltaE_cie76(rgb2lab(one), rgb2lab(other)).mean(), rel=1e-4)


def arrive(page: Page, address: str, setting: str = "") -> None:
    """Open the page and load its network."""
    page.goto(f"{address}/essayer.html{setting}")
    page.get_by_role("button", name="Charger").click()
    page.locator("[data-role=bars] .tp-bar").first.wait_for(state="attached", timeout=60_000)


def said(page: Page, role: str) -> str:
    return page.locator(f"[data-role={role}]").inner_text()


@needs_chromium
class TestPage:
    def test_sees_what_the_network_sees_and_asks_nobody(self, opened_at: str, page: Page, lite0: Network) -> None:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        arrive(page, opened_at, "#image=oiseau")
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")
        spec = lab.images["oiseau"]
        with torch.no_grad():
            chances = lite0.scorer(lite0.normalise([read_image(lab.locate(spec.file), 224)])).softmax(1)[0]
        best = chances.argsort(descending=True)[:5].tolist()
        bars = page.locator("[data-role=bars] .tp-bar")
        assert [bars.nth(place).get_attribute("data-class") for place in range(5)] == [str(k) for k in best]
        share = float(bars.first.locator("span").inner_text().removesuffix("%").strip().replace(",", "."))
        assert share == pytest.approx(100 * float(chances[best[0]]), abs=0.3)
        ours = opened_at.removesuffix("/")
        assert all(url.startswith((ours, "data:", "blob:")) for url in asked)
        # The page itself stays at hand, from a folder too.
        assert any(worker.url.startswith("blob:") for worker in page.workers)
        # Two megabytes and more come only when they are asked for.
        assert not any("autre" in url for url in asked)

    def test_fools_the_network_as_the_lab_does(self, opened_at: str, page: Page, site: Path) -> None:
        arrive(page, opened_at, "#image=oiseau")
        page.get_by_role("button", name="Lancer").first.click()
        page.locator("[data-role=survives] tr").nth(4).wait_for(timeout=60_000)
        manifest = json.loads((site / "figures" / "alligator" / "manifest.json").read_text())
        measures = {metric["name"]: metric["value"] for metric in manifest["metrics"]}
        steps = int(page.locator("[data-role=at]").get_attribute("max") or 0)
        assert abs(steps - measures["oiseau.iterations"]) <= 1
        assert "alligator d’Amérique" in said(page, "fool-said")
        rows = page.locator("[data-role=survives] tr").all_inner_texts()
        assert "alligator" in rows[0]  # as a PNG it fools
        assert "alligator" not in rows[4]  # noise of the same norm does not
        page.get_by_role("button", name="Un pas en arrière").click()
        assert page.locator("[data-role=at]").get_attribute("max") == str(steps - 1)

    def test_saves_the_very_image_that_was_scored(self, site: Path, page: Page, lite0: Network) -> None:
        arrive(page, site.as_uri(), "#image=oiseau")
        page.get_by_role("button", name="Lancer").first.click()
        page.locator("[data-role=survives] tr").nth(4).wait_for(timeout=60_000)
        with page.expect_download() as saving:
            page.get_by_role("button", name="l’image (PNG)").click()
        with Image.open(saving.value.path()) as saved:
            pixels = np.array(saved.convert("RGB"))
        with torch.no_grad():
            chances = lite0.scorer(lite0.normalise([pixels])).softmax(1)[0]
        shown = page.locator("[data-role=survives] tr").first.locator("td").nth(1).inner_text()
        assert float(shown.removesuffix("%").strip().replace(",", ".")) == pytest.approx(
            100 * float(chances[50]), abs=0.5
        )

    def test_opens_a_photograph_of_ones_own_by_file_and_by_pasting(
        self, site: Path, page: Page, tmp_path: Path
    ) -> None:
        arrive(page, site.as_uri(), "#image=oiseau")
        lab = read_lab(ROOT / "content" / "tp.yml", ROOT / "data")

        def first() -> str | None:
            return page.locator("[data-role=bars] .tp-bar").first.get_attribute("data-class")

        def becomes(name: str) -> None:
            page.wait_for_function(f"document.querySelector('[data-role=bars] .tp-bar').dataset.class === '{name}'")

        files = {}
        for name in ("fraises", "bull-mastiff"):
            files[name] = tmp_path / f"{name}.png"
            Image.fromarray(read_image(lab.locate(lab.images[name].file), 300)).save(files[name])
        assert first() == "22"
        page.locator("[data-role=file]").set_input_files(files["fraises"])
        becomes("949")
        assert "votre image" in (page.locator("[data-role=photo]").get_attribute("aria-label") or "")
        page.evaluate(
            """async (file) => {
                const data = new DataTransfer();
                const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], "pasted.png", { type: "image/png" }));
                document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
            }""",
            text(files["bull-mastiff"].read_bytes()),
        )
        becomes("243")

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("texte.jpg", b"no image", "texte.jpg n’est pas une image"),
            ("photo.heic", b"\0\0\0\x18ftypheic", "photo.heic est une image HEIC"),
            ("vide.png", b"", "vide.png n’est pas une image"),
        ],
    )
    def test_says_what_it_cannot_read(self, site: Path, page: Page, name: str, content: bytes, told: str) -> None:
        page.goto(f"{site.as_uri()}/essayer.html")
        page.locator("[data-role=images]").wait_for()
        page.locator("[data-role=file]").set_input_files({"name": name, "mimeType": "", "buffer": content})
        page.wait_for_function(f"document.querySelector('[data-role=status]').value.includes({json.dumps(told)})")

    def test_refuses_a_photograph_that_no_page_can_hold(self, site: Path, page: Page, tmp_path: Path) -> None:
        page.goto(f"{site.as_uri()}/essayer.html")
        Image.new("1", (14200, 14200)).save(tmp_path / "immense.png")
        page.locator("[data-role=file]").set_input_files(tmp_path / "immense.png")
        page.wait_for_function(
            "/immense.png (a 202 millions|n’est pas)/.test(document.querySelector('[data-role=status]').value)"
        )

    @pytest.mark.parametrize(
        ("lost", "told"),
        [
            ("WebAssembly.validate = () => false", "n’a pas WebAssembly avec SIMD"),
            ("delete self.WebAssembly", "n’a pas WebAssembly avec SIMD"),
            (
                "self.Worker = WebAssembly.Memory = class { constructor() { throw new RangeError(); } }",
                "de mémoire",
            ),
        ],
    )
    def test_says_why_nothing_can_be_computed(self, site: Path, page: Page, lost: str, told: str) -> None:
        page.add_init_script(lost)
        page.goto(f"{site.as_uri()}/essayer.html")
        page.get_by_role("button", name="Charger").click()
        page.wait_for_function(f"document.querySelector('[data-role=status]').value.includes({json.dumps(told)})")

    def test_computes_on_the_page_itself_where_there_are_no_workers(self, site: Path, page: Page) -> None:
        page.add_init_script("self.Worker = undefined")
        arrive(page, site.as_uri(), "#image=oiseau")
        assert "pygargue" in said(page, "bars")

    def test_names_a_file_that_is_missing(self, site: Path, page: Page) -> None:
        page.route("**/principal-1.js", lambda route: route.abort())
        page.goto(f"{site.as_uri()}/essayer.html")
        page.get_by_role("button", name="Charger").click()
        page.wait_for_function("document.querySelector('[data-role=status]').value.includes('live/principal-1.js')")

    def test_lets_one_guess_before_it_answers(self, site: Path, page: Page) -> None:
        page.goto(f"{site.as_uri()}/essayer.html#image=oiseau&guess=1")
        page.get_by_role("button", name="Charger").click()
        page.get_by_label("Votre réponse").fill("alligator d’Amérique")
        assert page.locator("[data-role=bars]").is_hidden()
        assert page.locator("[data-role=map]").is_hidden()
        page.get_by_role("button", name="Voir la réponse").click()
        assert "pygargue" in said(page, "guess-said")
        assert page.locator("[data-role=bars]").is_visible()

    def test_is_operated_by_keyboard_alone(self, site: Path, page: Page) -> None:
        page.goto(f"{site.as_uri()}/essayer.html#image=oiseau")
        page.get_by_role("button", name="Charger").press("Enter")
        second = page.locator("[data-role=bars] .tp-bar").nth(1)
        second.wait_for()
        second.press("Enter")
        page.wait_for_function("document.querySelectorAll('[data-role=bars] .tp-bar')[1].ariaPressed === 'true'")
        page.get_by_label("Une autre classe").fill("chat tigre")
        page.get_by_label("Une autre classe").press("Enter")
        page.wait_for_function("document.querySelector('[data-role=map-said]').textContent.includes('chat tigre')")
        page.get_by_role("button", name="Un pas", exact=True).press("Space")
        page.wait_for_function("document.querySelector('[data-role=at]').max === '1'")

    def test_keeps_its_setting_in_the_address(self, site: Path, page: Page) -> None:
        arrive(page, site.as_uri(), "#image=chat&eta=0.25&target=1&class=281")
        page.wait_for_function("location.hash.includes('class=281')")
        assert page.locator("[data-role=eta]").input_value() == "0.25"
        assert page.locator("[data-role=images]").input_value() == "chat"
        assert "281" in (page.locator("[data-role=bars] [aria-pressed=true]").get_attribute("data-class") or "")

    def test_grows_a_class_and_averages_maps_until_it_is_stopped(self, site: Path, phone: Page) -> None:
        arrive(phone, site.as_uri())
        grow = phone.locator("[data-role=grow]")
        grow.tap()
        phone.wait_for_function("/Itération \\d+/.test(document.querySelector('[data-role=grow-said]').textContent)")
        grow.tap()
        before = said(phone, "grow-said")
        phone.locator("[data-role=smooth]").tap()
        phone.wait_for_function("document.querySelector('[data-role=map-said]').textContent.includes('Moyenne de 2')")
        phone.locator("[data-role=smooth]").tap()
        assert said(phone, "grow-said") == before

    def test_dreams_of_the_layer_that_is_chosen(self, site: Path, page: Page) -> None:
        arrive(page, site.as_uri())
        page.locator("[data-role=excite]").select_option("layer")
        depth = page.locator("[data-role=depth]")
        layers = [said(page, "layer-said")]
        depth.evaluate("(range) => { range.value = 3; range.dispatchEvent(new Event('change')); }")
        layers.append(said(page, "layer-said"))
        assert "Couche 4 sur " in layers[1]
        assert layers[0] != layers[1]
        scores = []
        page.locator("[data-role=grow]").click()
        for n in (10, 20, 30):
            page.wait_for_function(
                f"/^Itération {n}\\s/.test(document.querySelector('[data-role=grow-said]').textContent)",
                timeout=60_000,
            )
            scores.append(said(page, "grow-said"))
        page.locator("[data-role=grow]").click()
        values = [float(line.split()[-1].rstrip(".").replace(",", ".")) for line in scores]
        assert values == sorted(values)

    def test_shows_the_other_network_beside(self, site: Path, page: Page) -> None:
        arrive(page, site.as_uri(), "#image=oiseau")
        page.get_by_label("L’autre réseau").check()
        page.locator("[data-role=other-bars] .tp-bar").first.wait_for(timeout=60_000)
        assert "EfficientNet-Lite2 : pygargue" in said(page, "other-said").replace("\u00a0", " ")

    def test_is_light(self, site: Path) -> None:
        sizes = {file.name: file.stat().st_size for file in (site / "live").iterdir()}
        assert sizes["live.js"] <= 30_000
        assert sizes["engine.js"] <= 20_000
        assert all((BROWSER / f"kernels-{kind}.wasm").stat().st_size <= 40_000 for kind in kernels.KINDS)


class TestLab:
    def test_says_whether_and_for_whom_there_is_such_a_page(self, ran: Path, generator: Run, tmp_path: Path) -> None:
        generator("site", ran)
        assert (tmp_path / "build-site" / "essayer.html").is_file()
        generator("statement", ran)
        assert (tmp_path / "build-enonce" / "essayer.html").is_file()
        change(ran, lambda data: data.update(live="staff"))
        generator("statement", ran)
        assert not (tmp_path / "build-enonce" / "essayer.html").exists()
        change(ran, lambda data: data.update(live=False))
        generator("site", ran)
        assert not (tmp_path / "build-site" / "essayer.html").exists()
        assert not (tmp_path / "build-site" / "live").exists()
        change(ran, lambda data: data.update(live="nobody"))
        told = generator("site", ran)
        assert told.returncode == 2
        assert "live" in told.stderr

    def test_is_told_which_network_cannot_be_tried_and_why(self, mini: Path, generator: Run, tmp_path: Path) -> None:
        (mini.parent / "own.py").write_text(
            "import torch\n"
            "from torch import nn\n"
            "from generator.catalogue import imagenet_classes\n"
            "from generator.networks import Own\n"
            "def network():\n"
            "    torch.manual_seed(0)\n"
            "    module = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),"
            " nn.Linear(8, 1000))\n"
            "    return Own(module, size=32, mean=(0.5,) * 3, std=(0.5,) * 3, classes=imagenet_classes())\n"
        )

        def own(data: dict[str, Any]) -> None:
            data["networks"] = {"sien": {"title": "Le sien", "architecture": "own:network"}}
            data["experiments"] = {"saillance": data["experiments"]["saillance"]}

        change(mini, own)
        for file in (mini.parent / "questions").glob("*.md"):
            file.unlink()
        (mini.parent / "questions" / "q01-vue.md").write_text(
            "---\nnumber: 1\ntitle: Vue\n---\n\n## Énoncé\n\nQuoi ?\n\n## Réponse\n\nCela.\n"
        )
        (mini.parent / "pages" / "index.md").write_text("Bonjour.\n")
        told = generator("site", mini)
        assert told.returncode == 0, told.stderr
        assert "silu" in told.stderr
        assert "networks.sien" in told.stderr
        assert not (tmp_path / "build-site" / "essayer.html").exists()

    def test_has_its_programs_written_anew_when_they_are_damaged(
        self, ran: Path, generator: Run, tmp_path: Path
    ) -> None:
        generator("site", ran)
        file = tmp_path / "build" / "programs" / "principal.npz"
        right = file.read_bytes()
        file.write_bytes(right[:1000])
        generator("site", ran)
        assert file.read_bytes() == right
        program = read_program(tmp_path / "build", "principal")
        assert program is not None
        assert program.same.all()
