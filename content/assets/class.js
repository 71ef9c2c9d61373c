// In class: answers are hidden, and opened one by one, for as long as this tab is open; a print has none that is hidden.
// Questions are projected. Each page has the buttons for it, or has none.
{
  const { all, say } = tpLab;

  // Keys of one letter, for those who neither write nor enlarge something.
  const keys = {};
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    keys[event.key]?.();
  });

  function hiding(button) {
    const parts = all(".tp-part");
    const page = location.pathname;
    let state = { hidden: false, open: [] };
    try {
      state = JSON.parse(sessionStorage.getItem("tp-class")) ?? state;
    } catch { /* a browser may keep nothing */ }
    const name = (part) => `${page} ${parts.indexOf(part)}`;
    const covers = parts.map((part) => {
      const cover = document.createElement("button");
      cover.type = "button";
      cover.className = "tp-button tp-cover tp-control";
      cover.textContent = say("class.open", { name: part.dataset.name });
      cover.addEventListener("click", () => open(part));
      part.before(cover);
      return cover;
    });
    const contents = all(".md-nav--secondary a[href^='#']").map((link) => [link.parentElement, link.hash.slice(1)]);

    const apply = () => {
      parts.forEach((part, at) => {
        part.hidden = state.hidden && !state.open.includes(name(part));
        covers[at].hidden = !part.hidden;
      });
      for (const [entry, id] of contents) {
        entry.hidden = Boolean(document.getElementById(decodeURIComponent(id))?.closest(".tp-part[hidden]"));
      }
      document.documentElement.classList.toggle("tp-hiding", state.hidden);
      button.textContent = say(state.hidden ? "class.show" : "class.hide");
      button.setAttribute("aria-pressed", state.hidden);
      try {
        sessionStorage.setItem("tp-class", JSON.stringify(state));
      } catch { /* as above */ }
    };
    const open = (part) => {
      state.open.push(name(part));
      apply();
      part.tabIndex = -1;
      part.focus();
    };
    const toggle = () => {
      state = { hidden: !state.hidden, open: [] };
      apply();
    };
    // Whoever follows a link to something that is hidden wants to see it.
    const follow = () => {
      const part = document.getElementById(decodeURIComponent(location.hash.slice(1)))?.closest(".tp-part[hidden]");
      if (!part) return;
      open(part);
      document.getElementById(decodeURIComponent(location.hash.slice(1))).scrollIntoView();
    };
    button.addEventListener("click", toggle);
    addEventListener("hashchange", follow);
    keys.h = toggle;
    keys.o = () => {
      const next = parts.find((part) => part.hidden);
      if (next) open(next);
    };
    apply();
    follow();
  }

  // Projected: a question's statement, its figures and tables one by one, its verdicts. The page's own elements go onto the
  // screen and back to their places, so that there is one of each, and all that moves in them still does.

  const CLAIMS_AT_ONCE = 4;
  const WIDTHS = [34, 46, 60, 78]; // rem; the one that fills the screen best is taken
  const LARGE_ENOUGH = 1.25; // times the page's letters; beyond, pictures count

  function projector(button) {
    const article = document.querySelector(".md-content article");
    const claims = all(".tp-claim", article);
    const shown = all(".tp-figure, .tp-table, .tp-thumbnails", article).filter((one) => !one.closest(".tp-matrix"));
    const slides = [
      all("h1, .tp-statement", article),
      ...[...shown, ...all(".tp-matrix", article)]
        .sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1)).map((one) => [one]),
      ...claims.filter((_, at) => at % CLAIMS_AT_ONCE === 0)
        .map((_, at) => claims.slice(at * CLAIMS_AT_ONCE, (at + 1) * CLAIMS_AT_ONCE)),
    ];
    const dialog = document.createElement("dialog");
    dialog.className = "tp-slides md-typeset";
    dialog.setAttribute("aria-label", say("class.name"));
    dialog.innerHTML = `
      <div class="tp-slides__room"><div class="tp-slides__slide"></div></div>
      <div class="tp-slides__bar">
        <button type="button" class="tp-button" data-go="-1">${say("zoom.previous")}</button>
        <output></output>
        <button type="button" class="tp-button" data-go="1">${say("zoom.next")}</button>
        <button type="button" class="tp-button" data-go="0">${say("zoom.close")}</button>
      </div>`;
    const [room, slide, told] = [".tp-slides__room", ".tp-slides__slide", "output"]
      .map((selector) => dialog.querySelector(selector));
    document.body.append(dialog);
    let at = 0;
    let places = [];

    const lay = (width, beside) => {
      slide.classList.toggle("tp-slides__slide--beside", beside);
      slide.style.width = `${width}rem`;
      return Math.min(room.clientWidth / slide.offsetWidth, room.clientHeight / slide.offsetHeight);
    };
    const fit = () => {
      const tries = WIDTHS.flatMap((width) => [false, true].map((beside) => {
        const scale = lay(width, beside);
        const pictures = all(".tp-columns:not(.tp-compare *) img", slide)
          .reduce((sum, { offsetWidth, offsetHeight }) => sum + offsetWidth * offsetHeight, 0);
        const share = (pictures * scale ** 2) / (room.clientWidth * room.clientHeight);
        return { width, beside, worth: Math.min(scale, LARGE_ENOUGH) / LARGE_ENOUGH + 2 * share };
      }));
      const best = tries.reduce((a, b) => (b.worth > a.worth ? b : a));
      const scale = lay(best.width, best.beside);
      const [left, top] = [room.clientWidth - slide.offsetWidth * scale, room.clientHeight - slide.offsetHeight * scale];
      slide.style.translate = `${left / 2}px ${top / 2}px`;
      slide.style.scale = scale;
    };
    const back = () => {
      for (const [place, element] of places) place.replaceWith(element);
      places = [];
    };
    const show = (to) => {
      back();
      at = Math.max(0, Math.min(to, slides.length - 1));
      places = slides[at].map((element) => {
        const place = document.createComment("projected");
        element.replaceWith(place);
        slide.append(element);
        return [place, element];
      });
      told.value = say("class.at", { at: at + 1, all: slides.length });
      fit();
    };
    const start = async () => {
      // What is projected covers the page, or the whole screen where the browser lets it.
      await document.documentElement.requestFullscreen?.().catch(() => null);
      dialog.showModal();
      show(0);
      room.focus();
    };
    room.tabIndex = -1;
    button.addEventListener("click", start);
    keys.d = start;
    dialog.addEventListener("click", ({ target }) => {
      if (target.dataset.go === "0") dialog.close();
      else if (target.dataset.go) show(at + Number(target.dataset.go));
    });
    dialog.addEventListener("keydown", (event) => {
      if (event.target.closest("input, select, [role='grid'], summary")) return;
      const pressed = event.target.closest("button, a") ? "" : { " ": at + 1 }[event.key];
      const to = {
        ArrowRight: at + 1, PageDown: at + 1, ArrowLeft: at - 1, PageUp: at - 1, Home: 0, End: slides.length - 1,
      }[event.key] ?? pressed;
      if (!Number.isInteger(to)) return;
      event.preventDefault();
      show(to);
    });
    dialog.addEventListener("close", () => {
      back();
      if (document.fullscreenElement) document.exitFullscreen();
      button.focus();
    });
    // Escape leaves the full screen first; nobody wants the dialog without it.
    addEventListener("fullscreenchange", () => !document.fullscreenElement && dialog.open && dialog.close());
    addEventListener("resize", () => dialog.open && fit());
    // What is unfolded in it takes room.
    dialog.addEventListener("toggle", () => dialog.open && fit(), true);
  }

  all("[data-hide]").forEach(hiding);
  all("[data-project]").forEach(projector);
}
