// What is done to images on the page where networks are tried, as the generator does it (generator/images.py,
// vision/ascent.py, vision/perception.py). A classic script; nothing in it knows of the page.
const tpImages = (() => {
  // Pixels are Uint8, three for each place, in a square; what a network sees is Float32, normalised.

  const paperOf = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
  const luminance = ([r, g, b]) => (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16; // Pillow's, to the bit
  const normalised = (pixels, { mean, std }) => {
    const channels = mean.length, values = new Float32Array((pixels.length / 3) * channels);
    for (let i = 0, j = 0; i < values.length; j += 3) {
      if (channels === 1) values[i++] = (luminance(pixels.subarray(j, j + 3)) / 255 - mean[0]) / std[0];
      else for (let c = 0; c < 3; c++, i++) values[i] = (pixels[j + c] / 255 - mean[c]) / std[c];
    }
    return values;
  };
  /** Values of [0, 1] as far as an image file holds them, three for each place. */
  const shown = (values, { mean, std }) => {
    const channels = mean.length, pixels = new Float32Array((values.length / channels) * 3);
    for (let i = 0; i < pixels.length; i++) {
      const c = i % 3, from = channels === 1 ? Math.floor(i / 3) : i, k = channels === 1 ? 0 : c;
      pixels[i] = values[from] * std[k] + mean[k];
    }
    return pixels;
  };
  const rounded = (pixels) => Uint8ClampedArray.from(pixels, (value) => 255 * value);
  /** Pixels of a picture as the page's canvas has them; transparency lies on white. */
  const pixelsOf = (picture) => {
    const { width, height } = picture, canvas = Object.assign(document.createElement("canvas"), { width, height });
    const paper = paperOf(canvas);
    paper.fillStyle = "white";
    paper.fillRect(0, 0, width, height);
    paper.drawImage(picture, 0, 0);
    const from = paper.getImageData(0, 0, width, height).data, to = new Uint8ClampedArray(width * height * 3);
    for (let i = 0, j = 0; j < to.length; i += 4) for (let c = 0; c < 3; c++) to[j++] = from[i + c];
    return { pixels: to, width, height };
  };
  /** The middle square at another size, to the bit as Pillow's ImageOps.fit(…, BICUBIC) makes it. */
  const fitted = ({ pixels, width, height }, size, side = Math.min(width, height)) => {
    if (width === size && height === size) return pixels;
    const ONE = 2 ** 22; // Pillow computes in whole numbers
    const cubic = (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0);
    /** For each place, the first pixel that counts, and how much each does. */
    const weights = (length) => Array.from({ length: size }, (_, place) => {
      const scale = side / size, reach = Math.max(scale, 1), centre = (length - side) / 2 + (place + 0.5) * scale;
      const first = Math.max(0, Math.trunc(centre - 2 * reach + 0.5));
      const end = Math.min(length, Math.trunc(centre + 2 * reach + 0.5));
      const exact = Array.from({ length: end - first }, (__, x) => cubic(Math.abs((x + first - centre + 0.5) / reach)));
      const sum = exact.reduce((a, b) => a + b, 0);
      return [first, exact.map((w) => Math.trunc((w / sum) * ONE + (w < 0 ? -0.5 : 0.5)))];
    });
    const pass = (from, lines, table, line, step) => {
      const to = new Uint8ClampedArray(lines * size * 3);
      for (let y = 0, place = 0; y < lines; y++) {
        for (const [first, some] of table) {
          for (let c = 0; c < 3; c++, place++) {
            let sum = ONE / 2;
            for (let x = 0, i = y * line + first * step + c; x < some.length; x++, i += step) sum += from[i] * some[x];
            to[place] = Math.floor(sum / ONE);
          }
        }
      }
      return to;
    };
    // Lines of columns, and then of rows; or, since Pillow 13, the other way round where that spares more.
    if (height - size > Math.max(0, 2 * (width - size))) {
      return pass(pass(pixels, width, weights(height), 3, width * 3), size, weights(width), 3, size * 3);
    }
    const turned = pass(pass(pixels, height, weights(width), width * 3, 3), size, weights(height), 3, size * 3);
    return turned.map((_, i) => {
      const place = Math.floor(i / 3), row = Math.floor(place / size), column = place % size;
      return turned[(column * size + row) * 3 + (i % 3)];
    });
  };
  /** Smoothed by a Gaussian, pixels at the edge repeated outside. */
  const blurred = (values, size, sigma, channels) => {
    if (!sigma) return values;
    const reach = Math.ceil(4 * sigma), spread = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-0.5 * ((i - reach) / sigma) ** 2));
    const sum = spread.reduce((a, b) => a + b, 0), line = size * channels;
    const pass = (from, step, alongX) => {
      const to = new Float32Array(from.length);
      for (let i = 0; i < from.length; i++) {
        const place = alongX ? Math.floor((i % line) / channels) : Math.floor(i / line);
        let value = 0;
        for (let k = -reach; k <= reach; k++) {
          const other = Math.min(size - 1, Math.max(0, place + k));
          value += spread[k + reach] * from[i + (other - place) * step];
        }
        to[i] = value / sum;
      }
      return to;
    };
    return pass(pass(values, channels, true), line, false);
  };
  const length = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const random = (seed) => () => { // mulberry32: the same numbers each time
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = (draws) => Math.sqrt(-2 * Math.log(1 - draws())) * Math.cos(2 * Math.PI * draws());
  const softmax = (scores) => {
    const most = Math.max(...scores), powers = Array.from(scores, (value) => Math.exp(value - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((value) => value / sum);
  };
  const order = (chances) => [...chances.keys()].sort((a, b) => chances[b] - chances[a]);

  const rolled = (image, down, right, size, channels) => {
    const to = new Float32Array(image.length);
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const from = (y * size + x) * channels, place = (((y + down + size) % size) * size + ((x + right + size) % size)) * channels;
        for (let c = 0; c < channels; c++) to[place + c] = image[from + c];
      }
    }
    return to;
  };
  /** A view of part of an image, so many times enlarged, its middle in [-1, 1]; or a gradient of the view, back. */
  const closer = (values, size, channels, scale, middle, back = false) => {
    if (scale === 1) return values;
    const [rows, columns] = middle.map((centre) => Array.from({ length: size }, (_, i) => {
      const at = ((((2 * i + 1) / size - 1) / scale + centre + 1) * size - 1) / 2;
      const first = Math.min(size - 2, Math.max(0, Math.floor(at)));
      return [first, Math.min(1, Math.max(0, at - first))];
    }));
    const to = new Float32Array(values.length);
    for (let y = 0, view = 0; y < size; y++) {
      for (let x = 0; x < size; x++, view += channels) {
        const [[top, v], [left, h]] = [rows[y], columns[x]], corner = (top * size + left) * channels, line = size * channels;
        for (const [place, share] of [[corner, (1 - v) * (1 - h)], [corner + channels, (1 - v) * h],
          [corner + line, v * (1 - h)], [corner + line + channels, v * h]]) {
          for (let c = 0; c < channels; c++) {
            if (back) to[place + c] += share * values[view + c];
            else to[view + c] += share * values[place + c];
          }
        }
      }
    }
    return to;
  };
  /** One step up a slope, `far` times it, and towards grey by a share of the image; within what pixels can be. */
  const climbed = (image, slope, far, { mean, std }, { pull = 0, clamp = true } = {}) => image.map((value, i) => {
    const c = i % mean.length, after = value + far * slope[i] - pull * value;
    return clamp ? Math.min((1 - mean[c]) / std[c], Math.max(-mean[c] / std[c], after)) : after;
  });
  /** The largest of the channels' absolute values. */
  const mapOf = (gradient, channels) =>
    Float32Array.from({ length: gradient.length / channels }, (_, i) => Math.max(...gradient.subarray(i * channels, (i + 1) * channels).map(Math.abs)));
  const lab = (pixels, i) => { // CIE L*a*b* of the standard's white, D65
    const [r, g, b] = [0, 1, 2].map((c) => pixels[i + c] / 255).map((v) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92));
    const [x, y, z] = [
      (0.412453 * r + 0.35758 * g + 0.180423 * b) / 0.95047, 0.212671 * r + 0.71516 * g + 0.072169 * b,
      (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883,
    ].map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  };
  const deltaE = (one, other) => {
    let sum = 0;
    for (let i = 0; i < one.length; i += 3) {
      const a = lab(one, i), b = lab(other, i);
      sum += Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
    }
    return (3 * sum) / one.length;
  };
  const draw = (canvas, pixels, size, level = (value) => value) => {
    canvas.width = canvas.height = size;
    const picture = new ImageData(size, size);
    for (let i = 0, j = 0; j < pixels.length; i += 4) {
      for (let c = 0; c < 3; c++, j++) picture.data[i + c] = level(pixels[j], j);
      picture.data[i + 3] = 255;
    }
    paperOf(canvas).putImageData(picture, 0, 0);
  };

  const heat = (share) => { // matplotlib's « hot », as the figures have it
    const level = (from, to) => 255 * Math.min(1, Math.max(0, (share - from) / (to - from)));
    return [255 * Math.min(1, 0.0416 + share * 2.6258), level(0.365079, 0.746032), level(0.746032, 1)];
  };
  const drawMap = (canvas, map, size) => {
    canvas.width = canvas.height = size;
    const picture = new ImageData(size, size), most = map.reduce((a, b) => Math.max(a, b), 0) || 1;
    map.forEach((value, i) => picture.data.set([...heat(value / most), 255], 4 * i));
    paperOf(canvas).putImageData(picture, 0, 0);
  };
  const asFile = (pixels, size, type, quality) => new Promise((done) => {
    const canvas = document.createElement("canvas");
    draw(canvas, pixels, size);
    canvas.toBlob(done, type, quality);
  });
  const bitmap = (blob) =>
    createImageBitmap(blob, { imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none" });
  /** What may befall an image, values of [0, 1], on its way through a file; and noise as large as its change. */
  const handled = async (values, before, size, quality) => {
    const pixels = rounded(values), half = Math.round(size / 2);
    const smaller = { pixels: fitted({ pixels, width: size, height: size }, half), width: half, height: half };
    const draws = random(2), noise = before.map(() => normal(draws));
    const far = length(values.map((value, i) => value - before[i])) / length(noise);
    return {
      "as-png": pixels,
      "as-jpeg": pixelsOf(await bitmap(await asFile(pixels, size, "image/jpeg", quality / 100))).pixels,
      "as-half": fitted(smaller, size),
      "as-blurred": Uint8ClampedArray.from(blurred(Float32Array.from(pixels), size, 1, 3)),
      "as-noise": rounded(before.map((value, i) => value + far * noise[i])),
    };
  };

  return {
    normalised, shown, rounded, pixelsOf, fitted, blurred, rolled, closer, climbed, length, random, normal, softmax, order,
    mapOf, deltaE, draw, drawMap, bitmap, asFile, handled,
  };
})();
