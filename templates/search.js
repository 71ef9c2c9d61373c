// The search's worker begins with fold.js and this script and goes on with the theme's (generator/report/search.py puts
// them together). The theme finds words as they are written. Here each word that is asked is replaced, on the way in, by all
// words of the pages that a reader may mean with it; on the way out, the pages are put in order.
{
  const SETUP = 0, QUERY = 2, RESULT = 3; // the theme's kinds of messages
  const SAME_WORD = 10, BEGINS_ALIKE = 1; // what a match is worth
  const ENOUGH = 4; // letters; of fewer, one wrong letter makes another word

  const stems = new Map(); // by folded word: all words of the pages
  const spellings = new Map(); // by folded word: how the pages write it
  let language, separator, beginnings;
  let asked = []; // [a word as it was typed, the folded words it may mean and what each is worth]

  // Folded words have stems of their own: with an accent or without, it is the same one.
  const stem = (word) => language.stemmer(new lunr.Token(word, {})).toString();

  function setUp(config) {
    language = lunr[config.lang[0]] ?? lunr; // English is what lunr itself speaks
    separator = new RegExp(config.separator);
    config.lang = ["en"]; // the theme has nothing to fetch for another language: it is all here
    // Of the steps that a word goes through on its way into the index, the one that a query's words do not.
    lunr.trimmer = (token) => {
      const written = token.toString();
      const word = tpFold(written);
      if (!stems.has(word)) {
        stems.set(word, stem(word));
        spellings.set(word, new Set());
      }
      spellings.get(word).add(written);
      return token.update(() => word);
    };
    lunr.Pipeline.registerFunction(lunr.trimmer, "folded");
  }

  // The words that begin like it, the words that are the same in another form, and the other forms of both.
  function meant(word) {
    const root = stem(word);
    const begun = [...stems.keys()].filter((one) => one.startsWith(word));
    const roots = new Set([root, ...begun.map((one) => stems.get(one))]);
    return new Map([...stems].filter(([, other]) => roots.has(other))
      .map(([one, other]) => [one, other === root ? SAME_WORD : BEGINS_ALIKE]));
  }

  // What was meant by a word with a letter too many, too few, wrong, or in its neighbour's place; by half a one, too.
  function mistyped(word) {
    if (word.length < ENOUGH) return new Map();
    beginnings ??= lunr.TokenSet.fromArray([...new Set([...stems.keys()].flatMap((one) =>
      [...one].map((_, n) => (n < ENOUGH ? one : one.slice(0, n)))))].sort());
    const near = beginnings.intersect(lunr.TokenSet.fromFuzzyString(word, 1)).toArray();
    const whole = near.filter((one) => stems.has(one));
    return new Map((whole.length ? whole : near).flatMap((one) => [...meant(one)]));
  }

  function understood(query) {
    const words = query.split(separator).filter(Boolean);
    // A single letter beside words is what an elision leaves, or a word that has only been begun.
    const telling = words.filter((word) => language.stopWordFilter(word.toLowerCase()) && !/^\p{L}$/u.test(word));
    return (telling.length ? telling : words).map((typed) => {
      // A plural begins, and is mistyped, like its singular.
      const folded = tpFold(typed), word = folded.length < ENOUGH ? folded : folded.replace(/s$/, "");
      const found = meant(word);
      return [typed, found.size ? found : mistyped(word)];
    });
  }

  // In lunr's language; with what it is worth behind it, the theme does not take a word for half of one.
  const written = (query) =>
    query.flatMap(([, found]) => [...found].map(([word, worth]) => `${word}^${worth}`)).join(" ");

  const foundIn = (sections) =>
    sections.flatMap(({ terms }) => Object.keys(terms).filter((word) => terms[word]));

  function inOrder(pages) {
    const complete = pages.filter((page) => {
      const words = foundIn(page);
      return asked.every(([, found]) => words.some((word) => found.has(word)));
    });
    // A page that asks to be less than others comes after them, whatever it has in its titles.
    const rank = ([{ boost = 1 }]) => Math.min(boost, 1);
    return (complete.length ? complete : pages).sort((one, other) => rank(other) - rank(one));
  }

  // What the theme marks on the page that is opened, as the page writes it, and what it tells to be missing there.
  function asWritten(words) {
    return Object.fromEntries(asked.flatMap(([typed, found]) => {
      const here = words.filter((word) => found.has(word)).flatMap((word) => [...spellings.get(word)]);
      return here.length ? here.sort((a, b) => b.length - a.length).map((one) => [one, true]) : [[typed, false]];
    }));
  }

  addEventListener("message", ({ data: message }) => {
    if (message.type === SETUP) setUp(message.data.config);
    if (message.type === QUERY) message.data = written(asked = understood(message.data));
  });

  const send = self.postMessage;
  self.postMessage = (message) => {
    if (message.type === RESULT) {
      message.data.items = inOrder(message.data.items);
      for (const page of message.data.items) {
        const everywhere = foundIn(page);
        // What only stands above the sections that were found speaks for them all.
        for (const part of page) part.terms = asWritten(part.score ? foundIn([part]) : everywhere);
      }
    }
    send(message);
  };
}
