// A text as searches compare it, those of this site and the theme's alike: in small letters, without accents.
const tpFold = (text) =>
  text.toLowerCase().replace(/œ/g, "oe").replace(/æ/g, "ae").normalize("NFKD").replace(/\p{M}/gu, "");
