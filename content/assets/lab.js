// What moves on the pages: films, comparisons, enlarged pictures, filters. Everything is in the HTML
// already and native (range inputs, buttons, details, dialog); without this script it just stands still.
{
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // What the site says stands in words.js, in its language; a count has two forms.
  const say = (key, values = {}) => (tpWords[key] ?? tpWords[`${key}.${values.n === 1 ? "one" : "other"}`])
    .replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const written = (value, digits) =>
    value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: digits });
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // Films: the picture that the figure shows anyway is their screen. Frames are fetched when one is first wanted.

  const NEXT_FRAME = 160, NEXT_FRAME_CALM = 1000; // milliseconds

  function film(root) {
    const { frames, iterations, scores, total } = JSON.parse(root.dataset.film);
    const [slider, button, told, mark, curve] = ["input", "button", "output", ".tp-curve__mark", ".tp-curve"]
      .map((selector) => root.querySelector(selector));
    const screen = root.closest("figure").querySelector(".tp-cell--screen img");
    const last = frames.length - 1;
    const end = screen.getAttribute("src");
    let fetched = null;
    let playing = false;

    const fetchAll = () => {
      fetched ??= frames.map((file, at) => {
        const image = new Image();
        image.src = at === last ? end : root.dataset.base + file;
        return image;
      });
      return fetched;
    };
    const show = () => {
      const at = Number(slider.value);
      screen.src = fetchAll()[at].src;
      const x = (curve.viewBox.baseVal.width * iterations[at]) / iterations[last];
      mark.setAttribute("x1", x);
      mark.setAttribute("x2", x);
      told.value = say("film.iteration", { k: iterations[at], total });
      slider.setAttribute("aria-valuetext", say("film.with-score", { iteration: told.value, score: written(scores[at], 3) }));
    };
    const play = (on) => {
      playing = on;
      button.textContent = say(on ? "film.stop" : "film.play");
    };
    const advance = async () => {
      const next = Number(slider.value) + 1;
      if (playing && next <= last) {
        await fetchAll()[next].decode().catch(() => null);
        if (!playing) return;
        slider.value = next;
        show();
        setTimeout(advance, calm.matches ? NEXT_FRAME_CALM : NEXT_FRAME);
      } else {
        play(false);
      }
    };
    button.addEventListener("click", () => {
      play(!playing);
      if (!playing) return;
      if (Number(slider.value) === last) slider.value = 0;
      show();
      setTimeout(advance, NEXT_FRAME);
    });
    slider.addEventListener("input", () => {
      play(false);
      show();
    });
  }

  // Comparisons: one value for all pairs of a panel.

  function comparison(panel) {
    const handles = all("input", panel);
    panel.addEventListener("input", ({ target }) => {
      panel.style.setProperty("--at", target.value / 100);
      for (const handle of handles) {
        handle.value = target.value;
        handle.setAttribute("aria-valuetext", `${target.value} %`);
      }
    });
  }

  // Enlarged pictures: a dialog that goes from one picture of the page to the next.

  const SWIPE = 40; // pixels

  function enlarger(links) {
    const dialog = document.createElement("dialog");
    dialog.className = "tp-zoom md-typeset";
    dialog.setAttribute("aria-label", say("zoom.name"));
    dialog.innerHTML = `
      <div class="tp-zoom__bar">
        <button type="button" class="tp-button" data-go="-1">${say("zoom.previous")}</button>
        <button type="button" class="tp-button" data-go="1">${say("zoom.next")}</button>
        <a class="tp-button" download>${say("zoom.download")}</a>
        <button type="button" class="tp-button" data-go="0" autofocus>${say("zoom.close")}</button>
      </div>
      <img alt="">
      <p aria-live="polite"></p>`;
    const [image, caption, download] = ["img", "p", "a"].map((selector) => dialog.querySelector(selector));
    let shown = [];
    let at = 0;

    const fit = () => {
      // What the picture measures, not what it has loaded: its place is kept while it comes.
      const { width, height } = image;
      const room = Math.min((innerWidth - 32) / width, (innerHeight - 190) / height);
      // A whole number of screen pixels for each of its own keeps every one a sharp square.
      const dots = Math.floor(room * devicePixelRatio) / devicePixelRatio;
      const scale = dots > 0 ? dots : room;
      image.style.width = `${width * scale}px`;
      caption.textContent = `${shown[at].dataset.caption}. ` +
        (/\.svg$/.test(image.src) ? say("zoom.drawing") : say("zoom.times", { times: written(scale, 2) }));
    };
    const show = (to) => {
      at = (to + shown.length) % shown.length;
      // A chart has one picture for each colour scheme; the one that is seen is meant.
      const source = all("img", shown[at]).find((one) => one.getClientRects().length);
      image.style.width = "";
      image.width = source.getAttribute("width");
      image.height = source.getAttribute("height");
      image.alt = source.alt;
      image.src = /\.svg/.test(source.src) ? source.src.split("#")[0] : shown[at].href;
      download.href = shown[at].href;
      fit();
    };
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.dataset.go === "0") dialog.close();
      else if (target.dataset.go) show(at + Number(target.dataset.go));
    });
    dialog.addEventListener("keydown", ({ key }) => {
      if (key === "ArrowRight") show(at + 1);
      if (key === "ArrowLeft") show(at - 1);
    });
    let from = null;
    dialog.addEventListener("touchstart", ({ touches }) => {
      from = touches.length === 1 ? touches[0].clientX : null;
    }, { passive: true });
    dialog.addEventListener("touchend", ({ changedTouches }) => {
      const way = from === null ? 0 : changedTouches[0].clientX - from;
      if (Math.abs(way) > SWIPE) show(at - Math.sign(way));
    });
    // The keyboard goes on from the picture that was looked at last.
    dialog.addEventListener("close", () => shown[at].focus({ preventScroll: false }));
    addEventListener("resize", () => dialog.open && fit());
    document.body.append(dialog);

    for (const link of links) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        shown = links.filter((one) => one.getClientRects().length);
        dialog.showModal();
        show(shown.indexOf(link));
      });
    }
  }

  // Filters: whatever carries data-facets is shown if each control of the form wants one of its values.

  function filter(form) {
    const told = form.querySelector("output");
    const names = new Set([...form.elements].map((control) => control.name).filter(Boolean));
    const items = all("[data-facets]").map((item) => [item, JSON.parse(item.dataset.facets)]);
    const counted = items.filter(([item]) => item.matches("figure, tr"));

    const apply = () => {
      const wanted = new FormData(form);
      for (const [item, facets] of items) {
        item.hidden = ![...names].every((name) =>
          wanted.getAll(name).some((value) => value === "" || facets[name].includes(value)));
      }
      for (const group of all("[data-group]")) {
        const empty = !group.querySelector("[data-facets]:not([hidden])");
        // With a group goes all that introduces it, up to its heading.
        for (let part = group; part; part = /^H\d$/.test(part.tagName) ? null : part.previousElementSibling) {
          part.hidden = empty;
        }
      }
      const left = counted.filter(([item]) => !item.hidden).length;
      const all = counted.length;
      told.value = say(`count.${told.dataset.unit}${left === all ? "" : "-of"}`, { n: left, all });
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // What scrolls sideways can be scrolled by keyboard; the theme wraps its tables once the page is there.
  addEventListener("load", () => {
    for (const table of all(".md-typeset__scrollwrap")) table.tabIndex = 0;
  });

  all(".tp-film").forEach(film);
  all(".tp-compare").forEach(comparison);
  all(".tp-filter").forEach(filter);
  if (document.querySelector(".tp-picture")) enlarger(all(".tp-picture"));
}
