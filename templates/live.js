// The page on which readers try the networks: what is asked of the engine, and how its answers are drawn.
// What stands on the page is in live.md.jinja already; lab.js adds this script where there is such a page, then
// the lab's data (generator/report/live.py) and the engine (generator/browser/engine.js).
self.tpLive = {
  parts: {},
  start(base) {
    const MOST_STEPS = 150; // images of a change that are kept
    const MOST_PIXELS = 60; // millions
    const NOISES = 50, NOISE = 0.15; // SmoothGrad: how many, and their spread as a share of the image's range
    const { normalised, shown, rounded, pixelsOf, fitted, blurred, rolled, closer, climbed, length, random,
      normal, softmax, order, mapOf, deltaE, draw, drawMap, bitmap, asFile, handled } = tpImages;
    const root = document.querySelector("[data-live]");
    const { words, buttons, networks, classes, names, images, fooling, growing, dreaming } = tpLive.data;
    const all = (role, from = root) => [...from.querySelectorAll(`[data-role="${role}"]`)];
    const at = (role) => all(role)[0];
    const language = document.documentElement.lang;
    const written = (value, digits = 3) => value.toLocaleString(language, { maximumSignificantDigits: digits });
    const fill = (text, values) => text.replace(/\{([\w-]+)(?::\d)?\}/g, (_, name) => values[name]);
    const say = (key, values = {}) => fill(words[key], values);
    const percent = (share) => written(100 * share);
    const fold = (text) => tpFold(text).replace(/[’']/g, " ").trim();
    const tell = (text) => { at("status").value = text; };
    const later = () => new Promise((next) => setTimeout(next));

    // Scripts, and what they bring ----

    const script = (name) => new Promise((done, failed) => {
      const element = document.createElement("script");
      element.onload = () => { element.remove(); done(); };
      element.onerror = () => failed(new Error(say("no-file", { name: `live/${name}.js` })));
      element.src = `${base}live/${name}.js`;
      document.head.append(element);
    });
    const bytes = async (name) => {
      await script(name);
      const text = atob(tpLive.parts[name]), found = new Uint8Array(text.length);
      delete tpLive.parts[name];
      for (let i = 0; i < text.length; i++) found[i] = text.charCodeAt(i);
      return found;
    };

    // Networks ----

    const known = new Map(); // by name: a promise of what answers
    const kernels = async () => {
      if (typeof WebAssembly !== "object") throw new Error(words["no-simd"]);
      // It multiplies and adds in one go, which not every browser can.
      const relaxed = await bytes("kernels-relaxed");
      if (WebAssembly.validate(relaxed)) return relaxed;
      const plain = await bytes("kernels-plain");
      if (WebAssembly.validate(plain)) return plain;
      throw new Error(words["no-simd"]);
    };
    const opened = (network) => {
      if (!known.has(network.name)) {
        const coming = open(network);
        known.set(network.name, coming);
        coming.catch(() => known.delete(network.name));
      }
      return known.get(network.name);
    };
    const open = async (network) => {
      const progress = at("progress");
      progress.hidden = false;
      try {
        const kernel = await kernels();
        await script(network.name);
        const weights = new Uint8Array(network.bytes);
        for (let number = 0, place = 0; number < network.chunks; number++) {
          const chunk = await bytes(`${network.name}-${number}`);
          weights.set(chunk, place);
          place += chunk.length;
          progress.value = place / network.bytes;
          tell(say("loading", { title: network.title, done: written((place / network.bytes) * network.megabytes), all: written(network.megabytes) }));
          await later();
        }
        const start = { kernels: kernel, program: tpLive.parts[network.name], weights: weights.buffer };
        delete tpLive.parts[network.name];
        const told = (error) => { throw new Error(noMemory(error, network)); };
        const { ask, ...found } = await tpAsked(start).catch(told);
        const answers = {
          ...found, network,
          look: (image, wanted = null) => ask({ image, wanted }).catch(told),
          excite: (image, layer) => ask({ image, layer }).catch(told),
        };
        tell(say(answers.slow ? "ready-slow" : "ready", network));
        return answers;
      } finally {
        progress.hidden = true;
      }
    };
    const noMemory = (error, network) =>
      (error instanceof RangeError || /memory|allocat/i.test(error.message ?? error) ? say("no-memory", network) : say("failed", { why: error.message ?? error }));

    // What there is at the moment ----

    let source = null; // { name, title, at(network): pixels }
    let network = networks[0], answers = null;
    let seen = null; // of the photograph: image, scores, chances, wanted, map
    let changed = null; // of its change: images and chances step by step, and the one that is shown
    let grown = null;
    let running = null; // what goes on by itself until it is stopped
    const busy = { count: 0 };

    const title = (k) => classes[k];
    const searchable = new Map();
    classes.forEach((name, k) => { for (const text of [names[k], name]) searchable.set(fold(text), k); });
    const classNamed = (text) => {
      const wanted = fold(text);
      if (searchable.has(wanted)) return searchable.get(wanted);
      if (/^\d+$/.test(wanted) && Number(wanted) < classes.length) return Number(wanted);
      const begins = [...searchable].filter(([name]) => wanted && name.split(/[ ,-]+/).some((word) => word.startsWith(wanted)));
      return begins.length === 1 ? begins[0][1] : null;
    };
    const chosen = (role, said) => {
      const k = classNamed(at(role).value);
      at(role).toggleAttribute("aria-invalid", k === null);
      if (k === null) at(said)[at(said).tagName === "OUTPUT" ? "value" : "textContent"] = say("no-class", { name: at(role).value });
      return k;
    };
    const bar = (k, share, note = "", press = null) => {
      const item = document.createElement("li"), holder = item.appendChild(document.createElement(press ? "button" : "span"));
      holder.className = "tp-bar";
      holder.append(Object.assign(document.createElement("b"), { textContent: title(k), title: names[k] }));
      const line = holder.appendChild(document.createElement("i"));
      line.style.setProperty("--share", share);
      holder.append(Object.assign(document.createElement("span"), { textContent: note || `${percent(share)}\u00a0%` }));
      if (press) {
        holder.type = "button";
        holder.dataset.class = k;
        holder.onclick = () => press(k);
      }
      return item;
    };

    // What it sees, and its saliency map ----

    const showPhotograph = () => {
      draw(at("photo"), source.at(network), network.size);
      at("photo").ariaLabel = say("photograph-alt", { image: source.title });
      at("map").width = network.size; // empties it
      at("map-said").textContent = "";
      for (const role of ["save-image", "save-map", "save-numbers"]) at(role).disabled = true;
    };
    const showMap = (map, k, said) => {
      drawMap(at("map"), map, network.size);
      at("map").ariaLabel = say("map-alt", { name: title(k), image: source.title, title: network.title });
      at("map-said").textContent = `${say("map", { name: title(k) })} ${said}`;
      at("save-map").disabled = false;
      for (const one of root.querySelectorAll("[data-role=bars] .tp-bar")) one.setAttribute("aria-pressed", Number(one.dataset.class) === k);
    };
    const showBars = () => {
      const best = order(seen.chances), first = best.slice(0, 5);
      if (!first.includes(seen.wanted)) first.push(seen.wanted);
      at("bars").replaceChildren(...first.map((k) => bar(k, seen.chances[k], "", saliency)));
      const hidden = at("guess").checked && !seen.guessed;
      at("guessing").hidden = !hidden;
      at("answer").hidden = hidden;
      at("map").hidden = hidden;
      at("map-said").hidden = hidden;
      if (!hidden) tell(say("sees", { title: network.title, first: title(best[0]), chance: percent(seen.chances[best[0]]) }));
    };
    const look = async () => {
      stop();
      showPhotograph();
      if (!answers) return;
      const turn = ++busy.count, pixels = source.at(network), image = normalised(pixels, network);
      const { scores } = await answers.look(image);
      if (turn !== busy.count) return;
      const chances = softmax(scores);
      seen = { image, pixels, scores, chances, wanted: order(chances)[0], guessed: false };
      at("guess-said").textContent = "";
      if (asked.class !== undefined && classes[asked.class]) seen.wanted = Number(asked.class);
      delete asked.class;
      for (const role of ["save-image", "save-numbers"]) at(role).disabled = false;
      reset();
      if (!grown) born();
      await saliency(seen.wanted);
      await beside();
    };
    const saliency = async (k) => {
      stop();
      seen.wanted = k;
      at("class").value = title(k);
      const turn = busy.count, { gradient } = await answers.look(seen.image, k);
      if (turn !== busy.count) return;
      seen.map = mapOf(gradient, network.mean.length);
      showBars();
      showMap(seen.map, k, "");
      beside();
      remember();
    };
    const smooth = () => going("smooth", async (mine) => {
      // Smilkov et al. 2017: the mean gradient under normal noise.
      const { image, wanted: k } = seen, draws = random(1), range = 1 / Math.max(...network.std);
      const sum = new Float32Array(image.length), noisy = new Float32Array(image.length);
      for (let n = 1; n <= NOISES && mine(); n++) {
        for (let i = 0; i < image.length; i++) noisy[i] = image[i] + NOISE * range * normal(draws);
        const { gradient } = await answers.look(noisy, k);
        if (!mine()) return;
        for (let i = 0; i < sum.length; i++) sum[i] += gradient[i];
        seen.map = mapOf(sum, network.mean.length);
        showMap(seen.map, k, say("smoothed", { n }));
      }
    });
    const beside = async () => {
      if (!at("beside")) return;
      at("other").hidden = !at("beside").checked;
      if (!at("beside").checked || !seen) return;
      const other = await opened(theOther()), turn = busy.count;
      const pixels = source.at(other.network), image = normalised(pixels, other.network), k = seen.wanted;
      const { scores, gradient } = await other.look(image, k);
      if (turn !== busy.count || k !== seen.wanted) return;
      const chances = softmax(scores), first = order(chances)[0];
      draw(at("other-photo"), pixels, other.network.size);
      drawMap(at("other-map"), mapOf(gradient, other.network.mean.length), other.network.size);
      at("other-map").ariaLabel = say("map-alt", { name: title(k), image: source.title, title: other.network.title });
      at("other-said").textContent = `${say("sees", { title: other.network.title, first: title(first), chance: percent(chances[first]) })} ${say("map", { name: title(k) })}`;
      at("other-bars").replaceChildren(...order(chances).slice(0, 5).map((one) => bar(one, chances[one])));
    };
    const theOther = () => networks[(networks.indexOf(network) + 1) % networks.length];
    const guess = () => {
      const k = chosen("guessed", "guess-said");
      if (k === null) return;
      const best = order(seen.chances), place = best.indexOf(k) + 1, chance = percent(seen.chances[k]);
      seen.guessed = true;
      showBars();
      at("guess-said").textContent = place === 1 ? say("guessed-right", { name: title(k), chance })
        : say("guessed", { name: title(k), place, chance, first: title(best[0]), "first-chance": percent(seen.chances[best[0]]) });
    };

    // What goes on by itself: one thing at a time ----

    const stop = () => {
      if (!running) return;
      const { role, idle } = running;
      running = null;
      at(role).textContent = idle;
      at(role).setAttribute("aria-pressed", "false");
    };
    const going = async (role, act) => {
      if (running?.role === role) return stop();
      stop();
      const mine = { role, idle: at(role).textContent };
      running = mine;
      at(role).textContent = role === "smooth" ? buttons["smooth-stop"] : buttons.pause;
      at(role).setAttribute("aria-pressed", "true");
      try {
        await act(() => running === mine);
      } finally {
        if (running === mine) stop();
      }
    };

    // Fooling ----

    const reset = () => {
      changed = { images: [seen.image], chances: [seen.chances], first: order(seen.chances)[0] };
      at("survives").replaceChildren();
      showChange(0);
      at("fool-said").textContent = "";
    };
    const showChange = (place) => {
      const { images: made, chances, first } = changed, k = classNamed(at("target").value), size = network.size;
      const steps = made.length - 1, pixels = shown(made[place], network), before = shown(made[0], network);
      const times = Number(at("times").value), change = pixels.map((value, i) => value - before[i]);
      at("at").max = steps;
      at("at").value = place;
      at("at").disabled = steps === 0;
      at("at").setAttribute("aria-valuetext", `${place} / ${steps}`);
      draw(at("fooled"), rounded(pixels), size);
      draw(at("change"), change, size, (value) => 127.5 + 255 * times * value);
      at("fooled").ariaLabel = say("image-alt", { image: source.title, n: place, name: k === null ? "" : title(k) });
      at("change").ariaLabel = say("change-alt", { times });
      at("times").setAttribute("aria-valuetext", `× ${times}`);
      at("duel").replaceChildren(...[...new Set([first, k])].filter((one) => one !== null).map((one) => bar(one, chances[place][one])));
      const linf = change.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      at("norms").textContent = place ? say("norms", { l2: written(length(change)), linf: written(255 * linf), delta: written(deltaE(rounded(before), rounded(pixels))) }) : "";
      for (const role of ["back", "reset", "again"]) at(role).disabled = steps === 0;
      return pixels;
    };
    /** One step; whether there is more to do. */
    const step = async () => {
      const k = chosen("target", "fool-said");
      if (k === null) return false;
      const turn = busy.count, mine = changed;
      const before = mine.images.at(-1), best = order(mine.chances.at(-1))[0];
      const state = { n: mine.images.length - 1, name: title(k), first: title(best), chance: percent(mine.chances.at(-1)[best]) };
      if (best === k) {
        at("fool-said").textContent = say(mine.images.length > 1 ? "fooled" : "already", state);
        return false;
      }
      if (mine.images.length > MOST_STEPS) {
        at("fool-said").textContent = say("most", state);
        return false;
      }
      const { gradient } = mine.next?.k === k ? mine.next : await answers.look(before, k);
      const far = Number(at("eta").value) / Math.max(length(gradient), 1e-12);
      const after = climbed(before, gradient, far, network, fooling);
      const { scores, gradient: next } = await answers.look(after, k);
      if (turn !== busy.count || mine !== changed) return false;
      mine.next = { k, gradient: next };
      mine.images.push(after);
      mine.chances.push(softmax(scores));
      showChange(mine.images.length - 1);
      const now = order(mine.chances.at(-1))[0], values = { ...state, n: mine.images.length - 1, first: title(now), chance: percent(mine.chances.at(-1)[now]) };
      at("fool-said").textContent = say(now === k ? "fooled" : "not-yet", values);
      return now !== k;
    };
    const run = () => going("run", async (mine) => {
      while (mine() && (await step())) await later();
      if (changed.images.length > 1) await survives();
    });
    const survives = async () => {
      const k = chosen("target", "fool-said"), size = network.size, place = Number(at("at").value), mine = changed;
      if (k === null) return;
      const q = Number(at("quality").value), exact = shown(mine.images[place], network), pixels = rounded(exact);
      const versions = await handled(exact, shown(mine.images[0], network), size, q), rows = [];
      const row = (said, chances) => {
        const first = order(chances)[0], line = document.createElement("tr");
        [said, title(first), `${percent(chances[k])}\u00a0%`].forEach((text, column) => {
          const cell = line.appendChild(document.createElement(column ? "td" : "th"));
          cell.textContent = text;
          if (!column) cell.scope = "row";
          if (column === 2) cell.className = "tp-number";
        });
        line.classList.toggle("tp-live__fooled", first === k);
        rows.push(line);
      };
      for (const [key, version] of Object.entries(versions)) row(say(key, { q }), softmax((await answers.look(normalised(version, network))).scores));
      if (networks.length > 1 && known.has(theOther().name)) {
        const other = await opened(theOther()), image = fitted({ pixels, width: size, height: size }, other.network.size);
        row(say("other-network", other.network), softmax((await other.look(normalised(image, other.network))).scores));
      }
      if (mine === changed) at("survives").replaceChildren(...rows);
    };

    // Growing a class, or dreaming of a layer ----

    const dreams = () => at("excite").value === "layer";
    const born = () => {
      const { size, mean } = network, draws = random(1), { layers } = answers, layer = layers[Number(at("depth").value)] ?? layers[0];
      const image = at("from-photograph").checked ? seen.image.slice() : Float32Array.from({ length: size * size * mean.length }, () => normal(draws));
      grown = { image, n: 0, draws: random(3), layer };
      draw(at("grown"), rounded(shown(image, network)), size);
      at("grow-said").textContent = "";
      at("of-class").hidden = dreams();
      at("of-layer").hidden = !dreams();
      at("layer-said").textContent = say("layer", { number: layers.indexOf(layer) + 1, count: layers.length, ...layer });
      at("depth").setAttribute("aria-valuetext", at("layer-said").textContent);
    };
    const grow = () => going("grow", async (mine) => {
      const { size, mean } = network, channels = mean.length;
      while (mine()) {
        const rule = dreams() ? dreaming : growing, { jitter, iterations, step: far, gradient_sigma: [from, to] } = rule;
        const k = dreams() ? null : chosen("grow-class", "grow-said"), now = grown;
        if (k === null && !dreams()) return;
        const nth = Math.min(rule.scales.length - 1, Math.floor(now.n / iterations)), scale = rule.scales[nth];
        const [down, right] = [0, 1].map(() => Math.floor(now.draws() * (2 * jitter + 1)) - jitter);
        const middle = [0, 1].map(() => (1 - 1 / scale) * (2 * now.draws() - 1));
        const view = closer(rolled(now.image, down, right, size, channels), size, channels, scale, middle);
        const { gradient, scores, score } = await (dreams() ? answers.excite(view, now.layer.at) : answers.look(view, k));
        if (!mine() || now !== grown) return;
        const sigma = from + (to - from) * Math.min(1, (now.n - nth * iterations) / Math.max(iterations - 1, 1));
        const whole = closer(gradient, size, channels, scale, middle, true);
        const slope = blurred(rolled(whole, -down, -right, size, channels), size, sigma, channels);
        const factor = far / (rule.unit_gradient ? Math.max(length(slope), 1e-12) : 1);
        now.image = climbed(now.image, slope, factor, network, { pull: 2 * far * Number(at("weight").value) });
        if (rule.blur_every && now.n % rule.blur_every === 0) now.image = blurred(now.image, size, rule.blur_sigma, channels);
        now.n++;
        draw(at("grown"), rounded(shown(now.image, network)), size);
        const { n } = now, name = title(k);
        at("grown").ariaLabel = k === null ? say("dreamt-alt", { n, layer: at("layer-said").textContent }) : say("grown-alt", { name, n });
        if (n % 10 === 0) {
          at("grow-said").textContent = k === null ? say("dreamt", { n, score: written(score) })
            : say("grown", { n, name, chance: percent(softmax(scores)[k]) });
        }
        await later();
      }
    });

    // Photographs ----

    const ofLab = async (name) => {
      const image = images.find((one) => one.name === name) ?? images[0];
      const kept = new Map();
      const load = async (one) => {
        const part = `image-${image.name}-${one.size}-${one.mean.length}`;
        if (!kept.has(part)) kept.set(part, pixelsOf(await bitmap(new Blob([await bytes(part)], { type: "image/webp" }))).pixels);
      };
      for (const one of networks) await load(one);
      at("images").value = image.name;
      await use({ name: image.name, title: image.title, at: (one) => kept.get(`image-${image.name}-${one.size}-${one.mean.length}`) });
    };
    const ofFile = async (file) => {
      let picture;
      try {
        picture = await bitmap(file);
      } catch {
        const heic = /hei[cf]/i.test(file.type) || /\.hei[cf]$/i.test(file.name);
        return tell(say(heic ? "heic" : "no-image", { name: file.name }));
      }
      return ofPicture(picture, file.name);
    };
    const ofPicture = async (picture, name) => {
      const millions = (picture.width * picture.height) / 1e6;
      if (millions > MOST_PIXELS) return tell(say("too-large", { name, millions: written(millions), most: MOST_PIXELS }));
      let whole;
      try {
        whole = pixelsOf(picture);
      } catch {
        return tell(say("too-large", { name, millions: written(millions), most: Math.max(1, Math.floor(millions / 2)) }));
      }
      const kept = new Map(networks.map(({ size }) => [size, fitted(whole, size)]));
      at("images").value = "";
      return use({ name: "", title: words["own-photograph"], at: ({ size }) => kept.get(size) });
    };
    const use = async (found) => {
      source = found;
      grown = null;
      at("video").hidden = true;
      await look();
      remember();
    };
    const webcam = async () => {
      const video = at("video");
      if (video.srcObject) {
        for (const track of video.srcObject.getTracks()) track.stop();
        video.srcObject = null;
      } else {
        try {
          video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        } catch {
          return tell(words["no-webcam"]);
        }
        await video.play();
      }
      video.hidden = at("webcam-take").hidden = !video.srcObject;
      return undefined;
    };
    const take = async () => {
      const picture = await createImageBitmap(at("video"));
      await webcam();
      await ofPicture(picture, words["own-photograph"]);
    };

    // The address says where one is; what is saved is what was scored ----

    const asked = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    const setting = () => new URLSearchParams(Object.entries({
      image: source?.name, network: network.name, class: seen?.wanted, target: classNamed(at("target").value), eta: at("eta").value,
      guess: at("guess").checked ? 1 : "", large: at("large").checked ? 1 : "",
    }).filter(([, value]) => value !== "" && value !== null && value !== undefined)).toString();
    const remember = () => history.replaceState(null, "", `#${setting()}`);
    const save = (blob, kind) => {
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: `${words["file-name"]}-${source.name || "photo"}.${kind}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    };
    const numbers = () => {
      const place = Number(at("at").value), now = changed.chances[place];
      const lines = classes.map((name, k) => [k, `"${names[k].replaceAll('"', '""')}"`, `"${name.replaceAll('"', '""')}"`, seen.scores[k], seen.chances[k], now[k]].join(","));
      return ["class,name,title,score,probability,probability after the change", ...lines].join("\n");
    };

    // What is pressed, dropped and pasted ----

    const shielded = (act) => async (...given) => {
      try {
        await act(...given);
      } catch (error) {
        stop();
        tell(error.message ?? String(error));
      }
    };
    const on = (role, event, act) => at(role)?.addEventListener(event, shielded(act));
    const begin = async () => {
      at("load").disabled = true;
      try {
        answers = await opened(network);
      } finally {
        at("load").disabled = false;
      }
      at("load").hidden = true;
      for (const part of all("needs-network")) part.disabled = false;
      at("excite").disabled = !answers.layers.length;
      if (at("excite").disabled) at("excite").value = "class";
      at("depth").max = answers.layers.length - 1;
      at("depth").value = Math.round(dreaming.depth * (answers.layers.length - 1));
      await look();
    };
    on("load", "click", begin);
    on("network", "change", async () => {
      stop();
      network = networks.find(({ name }) => name === at("network").value);
      [answers, seen, grown] = [null, null, null];
      if (known.has(network.name)) return begin();
      for (const part of all("needs-network")) part.disabled = true;
      at("load").hidden = false;
      at("load").textContent = fill(buttons.load, { title: network.title, megabytes: written(network.megabytes) });
      return look();
    });
    on("images", "change", () => ofLab(at("images").value));
    for (const role of ["file", "camera"]) on(role, "change", async ({ target }) => { if (target.files[0]) await ofFile(target.files[0]); target.value = ""; });
    on("webcam", "click", webcam);
    on("webcam-take", "click", take);
    at("webcam").hidden = !navigator.mediaDevices?.getUserMedia;
    root.addEventListener("dragover", (event) => event.preventDefault());
    root.addEventListener("drop", shielded(async (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) await ofFile(event.dataTransfer.files[0]);
    }));
    document.addEventListener("paste", shielded(async ({ clipboardData, target }) => {
      const file = [...clipboardData.files][0];
      if (file) await ofFile(file);
      else if (!target.matches?.("input")) tell(words["nothing-pasted"]);
    }));
    on("opacity", "input", () => root.style.setProperty("--opacity", at("opacity").value / 100));
    on("guess", "change", () => { if (seen) { seen.guessed = false; showBars(); } remember(); });
    on("guess-show", "click", guess);
    on("class", "change", async () => { const k = chosen("class", "status"); if (k !== null) await saliency(k); });
    on("smooth", "click", smooth);
    on("beside", "change", beside);
    on("target", "change", () => { if (chosen("target", "fool-said") !== null) reset(); remember(); });
    on("eta", "change", remember);
    on("step", "click", async () => { stop(); await step(); });
    on("run", "click", run);
    on("back", "click", () => { stop(); if (changed.images.length > 1) { changed.images.pop(); changed.chances.pop(); changed.next = null; } showChange(changed.images.length - 1); });
    on("reset", "click", () => { stop(); reset(); });
    for (const role of ["at", "times"]) on(role, "input", () => { showChange(Number(at("at").value)); });
    on("again", "click", survives);
    on("quality", "change", () => changed.images.length > 1 && survives());
    on("grow", "click", grow);
    on("grow-reset", "click", () => { stop(); born(); });
    // A dream begins with what is there; a class needs nothing to begin with.
    on("excite", "change", () => { at(dreams() ? "from-photograph" : "from-noise").checked = true; });
    for (const role of ["excite", "depth", "from-noise", "from-photograph", "grow-class"]) on(role, "change", () => { stop(); born(); });
    on("large", "change", () => { root.classList.toggle("tp-live--large", at("large").checked); remember(); });
    on("link", "click", async () => {
      remember();
      try {
        await navigator.clipboard.writeText(location.href);
        at("link-said").textContent = words.copied;
      } catch {
        at("link-said").textContent = say("address", { address: location.href });
      }
    });
    on("save-image", "click", async () => save(await asFile(rounded(shown(changed.images[Number(at("at").value)], network)), network.size, "image/png"), "png"));
    on("save-map", "click", () => new Promise((done) => at("map").toBlob((blob) => { save(blob, "map.png"); done(); })));
    on("save-numbers", "click", () => save(new Blob([numbers()], { type: "text/csv" }), "csv"));

    root.querySelector("datalist").append(...classes.map((name) => Object.assign(document.createElement("option"), { value: name })));
    at("target").value = title(asked.target in classes ? asked.target : fooling.target);
    at("grow-class").value = title(growing.target);
    at("eta").value = Number(asked.eta) > 0 ? asked.eta : fooling.step;
    at("guess").checked = Boolean(asked.guess);
    at("large").checked = Boolean(asked.large);
    root.classList.toggle("tp-live--large", at("large").checked);
    network = networks.find(({ name }) => name === asked.network) ?? networks[0];
    if (at("network")) at("network").value = network.name;
    at("load").textContent = fill(buttons.load, { title: network.title, megabytes: written(network.megabytes) });
    shielded(ofLab)(asked.image ?? images[0].name);
  },
};
