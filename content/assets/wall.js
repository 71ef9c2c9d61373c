// Walls: a tile is shown if each word that is typed begins a word of its names. What begins none may be a plural.
{
  const { all, say } = tpLab;

  function find(form) {
    const [field, told] = ["input", "output"].map((selector) => form.querySelector(selector));
    const wordsOf = (text) => tpFold(text).split(/[^\p{L}\p{N}]+/u).filter(Boolean);
    const tiles = all(".tp-wall > a").map((tile) =>
      [tile, wordsOf(`${tile.querySelector("span").textContent} ${tile.dataset.also ?? ""}`)]);
    const begun = (word, names) => names.some((name) => name.startsWith(word));
    const known = tiles.flatMap(([, names]) => names);
    const meant = (word) => (word.length < 4 || begun(word, known) ? word : word.replace(/(e?s|x)$/, ""));
    const apply = () => {
      const wanted = wordsOf(field.value).map(meant);
      for (const [tile, names] of tiles) tile.hidden = !wanted.every((word) => begun(word, names));
      const n = tiles.filter(([tile]) => !tile.hidden).length;
      told.value = say(`count.figures${n === tiles.length ? "" : "-of"}`, { n, all: tiles.length });
    };
    field.addEventListener("input", apply);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      tiles.find(([tile]) => !tile.hidden)?.[0].focus();
    });
  }

  all(".tp-find").forEach(find);
}
