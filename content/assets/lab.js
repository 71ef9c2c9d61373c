// What moves on the pages: films, comparisons, enlarged pictures, tables, filters. Everything is in the HTML
// already and native (range inputs, buttons, details, dialog); without this script it just stands still.
{
  const ownAddress = document.currentScript.src;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // What the site says stands in words.js, in its language; a count has the forms that it has there, or « other ».
  const form = new Intl.PluralRules(document.documentElement.lang);
  const say = (key, values = {}) => (tpWords[key] ?? tpWords[`${key}.${form.select(values.n)}`] ?? tpWords[`${key}.other`])
    .replace(/\{(\w+)\}/g, (_, name) => values[name]);
  self.tpLab = { all, say }; // the site's other scripts need them, too
  const written = (value, digits) =>
    value.toLocaleString(document.documentElement.lang, { maximumSignificantDigits: digits });
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // Films: the picture that the figure shows anyway is their screen. Frames are fetched when one is first wanted.

  const NEXT_FRAME = 160, NEXT_FRAME_CALM = 1000; // milliseconds

  // Films of one figure are played together, each to its own end; the longest has the slider.
  function film(root) {
    const [slider, button, told] = ["input", "button", "output"].map((selector) => root.querySelector(selector));
    const screens = all(".tp-cell--screen img", root.closest("figure"));
    const curves = all(".tp-curve", root);
    const films = JSON.parse(root.dataset.film).map((one, n) =>
      ({ ...one, screen: screens[n], link: screens[n].closest("a"), curve: curves[n], end: screens[n].getAttribute("src") }));
    const lead = films.reduce((a, b) => (b.iterations.at(-1) > a.iterations.at(-1) ? b : a));
    const last = lead.frames.length - 1;

    const fetchAll = () => {
      for (const one of films) {
        one.fetched ??= one.frames.map((file, at) =>
          Object.assign(new Image(), { src: at === one.frames.length - 1 ? one.end : root.dataset.base + file }));
      }
      return lead.fetched;
    };
    let playing = false;
    const show = () => {
      const now = lead.iterations[slider.value];
      fetchAll();
      for (const { frames, fetched, iterations, total, screen, link, curve } of films) {
        const at = iterations.findLastIndex((k) => k <= now);
        screen.src = fetched[at].src;
        const x = (curve.viewBox.baseVal.width * iterations[at]) / iterations.at(-1);
        for (const side of ["x1", "x2"]) curve.querySelector(".tp-curve__mark").setAttribute(side, x);
        // Enlarged, the picture is the frame at hand; the last one has its file in full resolution.
        link.dataset.moment = say("film.iteration", { k: iterations[at], total });
        link.dataset.frame = at === frames.length - 1 ? "" : screen.src;
      }
      told.value = lead.link.dataset.moment;
      slider.setAttribute("aria-valuetext",
        say("film.with-score", { iteration: told.value, score: written(lead.scores[slider.value], 3) }));
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
    for (const { link, iterations, total } of films) link.dataset.moment = say("film.iteration", { k: iterations.at(-1), total });
  }

  // Comparisons: the pictures are laid when the panel is first opened; one value for all its pairs.

  function lay(panel) {
    const { base, pairs } = panel.dataset;
    panel.querySelector(".tp-columns").append(...JSON.parse(pairs).map((pair, n, { length }) => {
      const stack = document.createElement("div");
      stack.className = "tp-stack";
      stack.append(...pair.map(([file, alt], above) =>
        Object.assign(new Image(), { src: base + file, alt, className: `tp-stack__${above ? "over" : "under"}` })));
      if (panel.matches(".tp-compare--curtain")) {
        const edge = Object.assign(document.createElement("input"), { type: "range", autocomplete: "off" });
        edge.ariaLabel = say("compare.edge", { under: pair[0][1], over: pair[1][1] }) + (length > 1 ? `, ${n + 1}` : "");
        stack.append(edge);
      }
      return stack;
    }));
  }

  function comparison(panel) {
    panel.addEventListener("toggle", () => lay(panel), { once: true });
    panel.addEventListener("input", ({ target }) => {
      panel.style.setProperty("--at", target.value / 100);
      for (const handle of all("input", panel)) {
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
      const drawn = /\.svg$/.test(image.src);
      const scale = drawn || dots === 0 ? room : dots;
      image.style.width = `${width * scale}px`;
      const title = shown[at].parentElement.querySelector(".tp-cell__title")?.textContent;
      const said = [shown[at].closest("figure").ariaLabel, title, shown[at].dataset.moment];
      caption.textContent = `${said.filter(Boolean).join(", ")}. ` +
        (drawn ? say("zoom.drawing") : say("zoom.times", { times: written(scale, 2) }));
    };
    const show = (to) => {
      at = (to + shown.length) % shown.length;
      // A chart has one picture for each colour scheme; the one that is seen is meant.
      const source = all("img", shown[at]).find((one) => one.getClientRects().length);
      image.style.width = "";
      image.width = source.getAttribute("width");
      image.height = source.getAttribute("height");
      image.alt = source.alt;
      const file = shown[at].dataset.frame || shown[at].href;
      image.classList.toggle("tp-map", Boolean(source.closest(".tp-cell")?.querySelector(".tp-scale--hot")));
      image.src = /\.svg/.test(source.src) ? source.src.split("#")[0] : file;
      download.href = file;
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
        shown = links.filter((one) => one.checkVisibility());
        dialog.showModal();
        show(shown.indexOf(link));
      });
    }
  }

  // Tables: a heading sorts its column upwards, downwards, then not at all. Returns what sorts anew when cells change.

  const { lang } = document.documentElement;
  const collator = new Intl.Collator(lang, { numeric: true });
  const decimal = (0.5).toLocaleString(lang)[1];

  // The number that a text begins with, or the text.
  function worth(text) {
    const [, digits, exponent] = text.match(/^([−-]?\d[\d\s.,]*)(?:×\s*10([−-]?\d+))?/) ?? [];
    if (!digits) return text;
    const plain = [...digits.replace("−", "-")].filter((one) => /[-\d]/.test(one) || one === decimal).join("");
    return Number(plain.replace(decimal, ".")) * 10 ** Number((exponent ?? "0").replace("−", "-"));
  }

  function sortable(table) {
    const headings = all("thead th", table);
    const source = [...table.tBodies[0].rows];
    const rank = (value) => (value === "—" ? 2 : typeof value === "string" ? 1 : 0);
    const sort = () => {
      const at = headings.findIndex((heading) => heading.ariaSort);
      const way = headings[at]?.ariaSort === "descending" ? -1 : 1;
      const value = ({ cells: { [at]: cell } }) => cell.dataset.order ?? worth(cell.textContent.trim());
      const compare = (a, b) => rank(a) - rank(b) || way * (rank(a) ? collator.compare(a, b) : a - b);
      const rows = at < 0 ? source : source.map((row) => [value(row), row])
        .sort(([a], [b]) => compare(a, b)).map(([, row]) => row);
      table.tBodies[0].append(...rows);
    };
    for (const heading of headings) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "tp-sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const next = { ascending: "descending", descending: null };
        const now = heading.ariaSort in next ? next[heading.ariaSort] : "ascending";
        for (const one of headings) one.ariaSort = one === heading ? now : null;
        sort();
      });
    }
    return sort;
  }

  // Grids: one measure in the cells, all measures of the cell at hand in a panel. One Tab stop, arrow keys within.

  function grid(root) {
    const { measures, remarks, pictures, base } = JSON.parse(root.dataset.grid);
    const [select, box, table, panel, shown] = ["select", ".tp-table", "table", ".tp-matrix__panel", ".tp-matrix__shown"]
      .map((selector) => root.querySelector(selector));
    const places = new Map(all("tbody tr", table)
      .flatMap((row, r) => all("td", row).map((cell, c) => [cell, [r, c]])));
    const again = sortable(table);
    const handle = (cell) => cell.querySelector("a, button") ?? cell;
    let stop = null;
    let finger = false;

    const look = (cell) => {
      const [r, c] = places.get(cell) ?? [];
      if (r === undefined || panel.dataset.at === `${r},${c}`) return;
      panel.dataset.at = `${r},${c}`;
      all(".tp-matrix__at", table).forEach((one) => one.classList.remove("tp-matrix__at"));
      cell.classList.add("tp-matrix__at");
      const title = `${cell.parentElement.cells[0].textContent} → ${table.tHead.rows[0].cells[c + 1].textContent}`;
      const link = cell.querySelector("a");
      const remark = remarks[r][c] ? ` : ${remarks[r][c]}` : "";
      const image = link ? `<img src="${base}${pictures[r][c]}.webp" width="224" height="224" loading="lazy" alt="${say("grid.picture", { title })}">` : "";
      const numbers = measures.map(({ label, cells }) => `<li><span>${label}</span> <b>${cells[r][c][0]}</b></li>`);
      panel.innerHTML = `${image}<div><p><b>${title}</b>${remark}</p><ul class="tp-facts">${numbers.join("")}</ul>` +
        `${link ? `<a href="${link.href}" tabindex="0">${say("grid.look")}</a>` : ""}</div>`;
    };
    const settle = (cell) => {
      if (stop) handle(stop).tabIndex = -1;
      handle(cell).tabIndex = 0;
      stop = cell;
    };

    table.setAttribute("role", "grid");
    box.tabIndex = -1; // its cells can be reached
    for (const cell of all("th, td", table)) handle(cell).tabIndex = -1;
    settle(table.querySelector("td"));
    look(stop);
    select.addEventListener("input", () => {
      const { label, cells } = measures[select.value];
      for (const [cell, [r, c]] of places) {
        const [text, shade] = cells[r][c];
        (cell.querySelector("a") ?? cell).innerHTML = remarks[r][c] ?? text;
        cell.style.setProperty("--shade", shade ?? 0);
      }
      shown.textContent = label;
      again();
    });
    table.addEventListener("focusin", ({ target }) => {
      const cell = target.closest("th, td");
      if (!cell) return;
      settle(cell);
      look(cell);
    });
    table.addEventListener("pointerover", ({ target }) => look(target.closest("td")));
    // A finger looks first, and follows the link in the panel; a mouse has looked already.
    table.addEventListener("pointerdown", ({ pointerType }) => { finger = pointerType === "touch"; });
    table.addEventListener("click", (event) => {
      const cell = event.target.closest("td");
      if (!cell) return;
      if (finger) event.preventDefault();
      handle(cell).focus({ preventScroll: finger });
    });
    table.addEventListener("keydown", (event) => {
      finger = false;
      const [down, right] = {
        ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], Home: [0, -1e6], End: [0, 1e6],
      }[event.key] ?? [];
      const cell = event.target.closest("th, td");
      if (down === undefined || !cell) return;
      event.preventDefault();
      const within = (at, list) => list[Math.max(0, Math.min(at, list.length - 1))];
      const row = within(cell.parentElement.rowIndex + down, table.rows);
      handle(within(cell.cellIndex + right, row.cells)).focus();
    });
  }

  // Filters: whatever carries data-facets is shown if each control of the form wants one of its values.

  function filter(form) {
    const told = form.querySelector("output");
    const names = new Set([...form.elements].map((control) => control.name).filter(Boolean));
    const items = all("[data-facets]").map((item) => [item, JSON.parse(item.dataset.facets)]);
    const counted = items.filter(([item]) => item.matches("details, tr"));

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
      const part = left === counted.length ? "" : "-of";
      told.value = say(`count.${told.dataset.unit}${part}`, { n: left, all: counted.length });
    };
    form.addEventListener("input", apply);
    form.addEventListener("reset", () => setTimeout(apply));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // Colours of maps: « hot » gives each value back, since red, green and blue rise one after the other; they are looked
  // up in « cividis » (Nuñez, Anderton & Renslow 2018), at every twelfth.
  function colours() {
    const CIVIDIS = [
      "0 0 .165 .264 .342 .415 .489 .567 .648 .736 .824 .914 .996",
      ".135 .191 .248 .308 .365 .423 .485 .547 .611 .681 .751 .826 .909",
      ".305 .441 .429 .423 .429 .445 .471 .47 .455 .424 .377 .304 .218",
    ];
    const value = ".380926 .380953 .253968 0 -.015847 ";
    document.body.insertAdjacentHTML("beforeend", `<svg class="tp-filters" aria-hidden="true"><filter id="tp-ordered"
      color-interpolation-filters="sRGB"><feColorMatrix values="${value.repeat(3)}0 0 0 1 0"/><feComponentTransfer>${
      CIVIDIS.map((table, c) => `<feFunc${"RGB"[c]} type="table" tableValues="${table}"/>`).join("")
    }</feComponentTransfer></filter></svg>`);
    const button = Object.assign(document.createElement("button"), {
      type: "button", className: "md-header__button tp-colours tp-control", title: say("colours.of-maps"),
    });
    button.ariaLabel = button.title;
    const set = (ordered) => {
      document.documentElement.classList.toggle("tp-ordered", ordered);
      button.setAttribute("aria-pressed", ordered);
    };
    button.addEventListener("click", () => {
      const ordered = button.ariaPressed !== "true";
      set(ordered);
      try { localStorage.setItem("tp-ordered", ordered ? 1 : ""); } catch { /* then it lasts as long as the page */ }
    });
    let kept = "";
    try { kept = localStorage.getItem("tp-ordered"); } catch { /* a page may keep nothing */ }
    set(Boolean(kept));
    document.querySelector(".md-header__inner > .md-header__title").after(button);
  }

  // What scrolls sideways can be scrolled by keyboard; the theme wraps its tables once the page is there.
  addEventListener("load", () => {
    for (const table of all(".md-typeset__scrollwrap")) table.tabIndex = 0;
    // It makes a landmark of each copy button, too; they need names that differ.
    all(".md-code__nav").forEach((bar, n) => { bar.ariaLabel = `${bar.firstElementChild.title} ${n + 1}`; });
  });

  // The page where networks are tried: what it needs is asked for there, and nowhere else.
  if (document.querySelector("[data-live]")) {
    const base = ownAddress.replace(/assets\/lab\.js.*$/, "");
    const scripts = ["live", "data", "engine", "images"].map((name) => new Promise((done) => {
      const script = Object.assign(document.createElement("script"), { src: `${base}live/${name}.js`, onload: done });
      script.async = false; // one after the other
      document.head.append(script);
    }));
    Promise.all(scripts).then(() => tpLive.start(base));
  }

  if (document.querySelector(".tp-scale--hot")) colours();
  all(".tp-film").forEach(film);
  all(".tp-compare").forEach(comparison);
  all(".tp-matrix").forEach(grid);
  all(".tp-table:not(.tp-matrix *) > table").forEach(sortable);
  all(".tp-filter:not(.tp-find)").forEach(filter);
  if (document.querySelector(".tp-picture")) enlarger(all(".tp-picture"));
}
