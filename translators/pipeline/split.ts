const OPENS = "([{";
const CLOSES = ")]}";

/**
 * Splits at a separator that stands outside of brackets and quotes, so that `jq:{a: .x, b: .y},sort` has two parts. A
 * bracket or quote that is never closed is an ordinary character.
 */
export function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    } else if (char === '"' || char === "'" || OPENS.includes(char)) {
      at = endOf(text, at) ?? at;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Where what opens at `from` is closed. */
function endOf(text: string, from: number): number | undefined {
  const quote = text[from];
  if (quote === '"' || quote === "'") {
    for (let at = from + 1; at < text.length; at++) {
      if (text[at] === "\\") at++;
      else if (text[at] === quote) return at;
    }
    return undefined;
  }
  const open: string[] = [];
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = endOf(text, at) ?? at;
    else if (OPENS.includes(char)) open.push(CLOSES[OPENS.indexOf(char)]);
    else if (CLOSES.includes(char)) {
      if (open.pop() !== char) return undefined;
      if (open.length === 0) return at;
    }
  }
  return undefined;
}
